import HTTPServer
import Synchronization

/// What `Request-Id` says: the client's own words, or a name of ours.
struct RequestID: Sendable {
    let bytes: ArraySlice<UInt8>

    private static let longest = 128

    /// - Parameters:
    ///   - headers: Of the request.
    ///   - names: Gives a name when the client gives none, or one that cannot be repeated safely.
    init(_ headers: HTTPHeaders, else names: borrowing RequestNames) {
        if let own = headers["Request-Id"], (1...RequestID.longest).contains(own.count),
            own.allSatisfy({ (0x21...0x7E).contains($0) })
        {
            bytes = own
        } else {
            bytes = names.next()
        }
    }
}

/// Names requests apart within one ensemble, by a number drawn at the start and a counter.
struct RequestNames: ~Copyable, Sendable {
    private let process = UInt64.random(in: .min ... .max) << 24
    private let counter = Atomic<UInt64>(0)

    func next() -> ArraySlice<UInt8> {
        let number = counter.add(1, ordering: .relaxed).newValue
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        bytes.append(hexadecimal: process &+ number)
        return bytes[...]
    }
}
