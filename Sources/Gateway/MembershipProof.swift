import Crypto
import HTTPServer
import Jute
import Replica
import ZnodeTree

// What members ask each other goes past everybody's permissions, so it is for members only: they
// know the ensemble's secret, which no client can read.

/// What a member asks another one for. A proof for one is none for another.
enum PeerPurpose: String, Sendable {
    case history
    case adoption
    case state
}

extension Gateway {
    private static let proofHeader: StaticString = "Aviary-Peer"

    /// The header that shows that a request comes from a member.
    ///
    /// - Parameters:
    ///   - message: Everything that the request says.
    ///   - purpose: What it is for.
    /// - Returns: Nil while the ensemble has no secret.
    func proofHeader(
        of message: [UInt8], for purpose: PeerPurpose
    ) -> (name: String, value: String)? {
        proof(of: message, for: purpose).map { ("\(Gateway.proofHeader)", $0) }
    }

    /// - Throws: `forbidden` for whoever is no member of the ensemble.
    func checkMember(
        _ call: Call, _ message: [UInt8], for purpose: PeerPurpose
    ) throws(Problem) {
        guard let given = call.headers.values(Gateway.proofHeader).first,
            let proof = proof(of: message, for: purpose), equal(Array(given), Array(proof.utf8))
        else { throw Problem(.forbidden, "This is for other members of the ensemble.") }
    }

    private func proof(of message: [UInt8], for purpose: PeerPurpose) -> String? {
        guard let key = node.served.read({ $0.data(of: "/aviary/secret") ?? nil }) else {
            return nil
        }
        let code = HMAC<SHA256>.authenticationCode(
            for: Array("aviary peer \(purpose.rawValue) ".utf8) + message,
            using: SymmetricKey(data: key))
        return Base64.encode(Array(code))
    }

    /// Takes the same time whatever the client guessed.
    private func equal(_ proof: [UInt8], _ code: [UInt8]) -> Bool {
        proof.count == code.count && zip(proof, code).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
