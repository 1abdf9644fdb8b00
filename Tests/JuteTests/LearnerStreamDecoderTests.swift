import Jute
import Testing

@Suite struct LearnerStreamDecoderTests {
    typealias Element = LearnerStreamDecoder.Element

    static let packets = [
        QuorumPacket(.leaderInfo, zxid: Zxid(epoch: 1, counter: 0), data: [0, 1, 0, 0]),
        QuorumPacket(.ping, zxid: .zero, data: []),
        QuorumPacket(
            .request, zxid: .untrusted, data: Array(0..<40),
            identities: [.anyone, Identity(scheme: "", id: ""), Identity(scheme: "ip", id: "::1")]),
        QuorumPacket(.ack, zxid: Zxid(epoch: 1, counter: 7), identities: []),
        QuorumPacket(QuorumPacket.Kind(rawValue: 99), zxid: .zero),
    ]

    static let snapshot = snapshotBody(
        sessions: 2, acls: [0, 1, 3],
        nodes: [("", []), ("/a", nil), ("/b", Array(repeating: 7, count: 70)), ("x", [47])])

    static let stream =
        packets[0].bytes + QuorumPacket(.snap, zxid: Zxid(epoch: 1, counter: 3)).bytes
        + snapshot + signature + packets[2].bytes

    static let elements: [Element] = [
        .packet(packets[0]), .packet(QuorumPacket(.snap, zxid: Zxid(epoch: 1, counter: 3))),
        .snapshotBytes(snapshot), .snapshotEnd, .packet(packets[2]),
    ]

    @Test func `packets come out as they were written`() throws {
        let decoded = try decode([Self.packets.flatMap(\.bytes)], from: .learner)
        #expect(decoded == Self.packets.map { .packet($0) })
    }

    @Test func `a stream cut in two at any byte is the same stream`() throws {
        for cut in 0...Self.stream.count {
            let pieces = [Array(Self.stream[..<cut]), Array(Self.stream[cut...])]
            #expect(try decode(pieces, from: .leader) == Self.elements, "cut at \(cut)")
        }
    }

    @Test func `a stream cut in three at any two bytes is the same stream`() throws {
        for first in stride(from: 0, to: Self.stream.count, by: 3) {
            for second in first...Self.stream.count {
                let pieces = [
                    Array(Self.stream[..<first]), Array(Self.stream[first..<second]),
                    Array(Self.stream[second...]),
                ]
                let decoded = try decode(pieces, from: .leader)
                if decoded != Self.elements { Issue.record("cut at \(first) and \(second)") }
            }
        }
    }

    @Test func `a stream fed byte by byte is the same stream`() throws {
        #expect(try decode(Self.stream.map { [$0] }, from: .leader) == Self.elements)
    }

    @Test func `nothing comes before its last byte, and nothing is kept back after it`() throws {
        let packet = Self.packets[2]
        var decoder = LearnerStreamDecoder(from: .leader)
        decoder.feed(Array(packet.bytes.dropLast()))
        #expect(try decoder.next() == nil)
        #expect(decoder.bufferedBytes == packet.bytes.count - 1)
        decoder.feed([packet.bytes.last ?? 0])
        #expect(try decoder.next() == .packet(packet))
        #expect(decoder.bufferedBytes == 0)
    }

    @Test func `of a large znode what has come is passed on at once`() throws {
        let body = snapshotBody(
            sessions: 0, acls: [], nodes: [("/a", Array(repeating: 1, count: 1_000_000))])
        var decoder = LearnerStreamDecoder(from: .leader)
        decoder.feed(QuorumPacket(.snap, zxid: .zero).bytes + body[..<500_000])
        _ = try decoder.next()
        #expect(try decoder.next() == .snapshotBytes(Array(body[..<500_000])))
        #expect(try decoder.next() == nil)
        #expect(decoder.bufferedBytes == 0)
    }

    @Test func `behind a SNAP from a learner come packets`() throws {
        let snap = QuorumPacket(.snap, zxid: .zero)
        #expect(
            try decode([snap.bytes + Self.packets[0].bytes], from: .learner)
                == [.packet(snap), .packet(Self.packets[0])])
    }

    @Test func `a packet of the largest data in small pieces is read in linear time`() throws {
        let packet = QuorumPacket(
            .proposal, zxid: .zero, data: Array(repeating: 5, count: juteMaximumLength),
            identities: Array(repeating: .anyone, count: 1000))
        let bytes = packet.bytes
        let pieces = stride(from: 0, to: bytes.count, by: 61).map {
            Array(bytes[$0..<min($0 + 61, bytes.count)])
        }
        #expect(try decode(pieces, from: .leader) == [.packet(packet)])
    }

    struct Broken: Sendable, CustomTestStringConvertible {
        let error: JuteError
        let bytes: [UInt8]

        init(_ error: JuteError, _ parts: [UInt8]...) {
            self.error = error
            bytes = parts.flatMap(\.self)
        }

        var testDescription: String { "\(error) after \(bytes.count) bytes" }
    }

    static let brokenPackets: [Broken] = [
        Broken(.badLength(Int32(juteMaximumLength) + 1), ack, be(juteMaximumLength + 1)),
        Broken(.badLength(-2), ack, be(-2)),
        Broken(.badLength(-2), ack, be(-1), be(-2)),
        Broken(.badLength(1 << 20), ack, be(-1), be(1 << 20)),
        Broken(.unexpectedNull, ack, be(-1), be(1), be(-1)),
        Broken(.badLength(-7), ack, be(-1), be(1), be(-7)),
        Broken(.badLength(1 << 22), ack, be(-1), be(1), be(1 << 22)),
    ]

    static let brokenSnapshots: [Broken] = [
        Broken(.badLength(-1), snap, be(-1)),
        Broken(.badLength(-1), snap, be(0), be(-1)),
        Broken(.badLength(-2), snap, oneACL, be(-2)),
        Broken(.badLength(1 << 30), snap, oneACL, be(1 << 30)),
        Broken(.unexpectedNull, snap, oneACL, be(1), be(31), be(-1)),
        Broken(.badLength(-9), snap, oneACL, be(1), be(31), be(-9)),
        Broken(.unexpectedNull, snap, oneACL, be(1), be(31), be(0), be(-1)),
        Broken(.unexpectedNull, snap, be(0), be(0), be(-1)),
        Broken(.badLength(1 << 22), snap, be(0), be(0), be(1 << 22)),
        Broken(.badLength(-2), snap, be(0), be(0), be(0), be(-2)),
        Broken(.badLength(1 << 22), snap, be(0), be(0), be(0), be(1 << 22)),
        Broken(.badLength(9), snap, snapshot, be(9)),
        Broken(.badValue, snap, snapshot, be(10), Array("BenWasGone".utf8)),
    ]

    @Test(arguments: brokenPackets + brokenSnapshots)
    func `a length or a signature that nobody writes ends the stream`(broken: Broken) {
        var decoder = LearnerStreamDecoder(from: .leader)
        decoder.feed(broken.bytes + [0, 0, 0, 0])
        for _ in 0..<2 {
            #expect(throws: broken.error) {
                while try decoder.next() != nil {}
            }
        }
    }

    @Test func `identities that are too long together end the stream`() {
        var bytes = ack + be(-1) + be(4)
        for _ in 0..<3 {
            bytes += be(juteMaximumLength / 2) + Array(repeating: 65, count: juteMaximumLength / 2)
        }
        #expect(throws: JuteError.badLength(Int32(juteMaximumLength / 2))) {
            try decode([bytes], from: .leader)
        }
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `damaged streams end or go on, and never hand out more than came`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<200 {
            var bytes = Self.stream
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = bytes.indices.randomElement(using: &random) ?? 0
                bytes[index] = UInt8.random(in: 0...255, using: &random)
            }
            var pieces: [[UInt8]] = []
            while !bytes.isEmpty {
                let count = min(bytes.count, Int.random(in: 1...64, using: &random))
                pieces.append(Array(bytes.prefix(count)))
                bytes.removeFirst(count)
            }
            let expected = tolerantDecode([pieces.flatMap(\.self)])
            #expect(tolerantDecode(pieces) == expected, "the pieces made a difference")
            // Identities do not count: what is no UTF-8 in them grows when it is replaced.
            let handedOut = expected.reduce(0) { sum, element in
                switch element {
                case .packet(let packet): sum + 20 + (packet.data?.count ?? 0)
                case .snapshotBytes(let bytes): sum + bytes.count
                case .snapshotEnd: sum + signature.count
                }
            }
            #expect(handedOut <= Self.stream.count)
        }
    }
}

private let ack = be(3) + be(0) + be(0)
private let snap = QuorumPacket(.snap, zxid: .zero).bytes
/// No session, and the number of the only ACL list.
private let oneACL = be(0) + be(1) + be(0) + be(1)
private let signature = be(10) + LearnerStreamDecoder.snapshotSignature

private func be(_ value: Int) -> [UInt8] {
    var writer = JuteWriter()
    writer.write(int: Int32(value))
    return writer.bytes
}

/// Feeds the pieces and takes everything that comes out after each, snapshots joined.
@discardableResult
private func decode(
    _ pieces: [[UInt8]], from source: LearnerStreamDecoder.Source
) throws -> [LearnerStreamDecoder.Element] {
    var decoder = LearnerStreamDecoder(from: source)
    var elements: [LearnerStreamDecoder.Element] = []
    for piece in pieces {
        decoder.feed(piece)
        while let element = try decoder.next() { join(element, to: &elements) }
    }
    return elements
}

/// What came out before the error, if there was one. A snapshot that broke off may lack what an
/// error took with it, so its bytes do not count.
private func tolerantDecode(_ pieces: [[UInt8]]) -> [LearnerStreamDecoder.Element] {
    var decoder = LearnerStreamDecoder(from: .leader)
    var elements: [LearnerStreamDecoder.Element] = []
    do {
        for piece in pieces {
            decoder.feed(piece)
            while let element = try decoder.next() { join(element, to: &elements) }
        }
    } catch {
        if case .snapshotBytes = elements.last { elements.removeLast() }
    }
    return elements
}

private func join(
    _ element: LearnerStreamDecoder.Element, to elements: inout [LearnerStreamDecoder.Element]
) {
    if case .snapshotBytes(let more) = element, case .snapshotBytes(let bytes) = elements.last {
        elements[elements.count - 1] = .snapshotBytes(bytes + more)
    } else {
        elements.append(element)
    }
}

/// A snapshot as it follows SNAP: `acls` are the lengths of its ACL lists.
private func snapshotBody(
    sessions: Int, acls: [Int], nodes: [(path: String, data: [UInt8]?)]
) -> [UInt8] {
    var writer = JuteWriter()
    writer.write(int: Int32(sessions))
    for session in 0..<sessions {
        writer.write(long: Int64(session))
        writer.write(int: 8000)
    }
    writer.write(int: Int32(acls.count))
    for (number, count) in acls.enumerated() {
        writer.write(long: Int64(number))
        writer.write(acl: Array(repeating: ACL(.all, .anyone), count: count))
    }
    for node in nodes {
        writer.write(string: node.path)
        writer.write(buffer: node.data)
        writer.write(long: -1)
        writer.write(raw: Array(repeating: 0, count: 60))
    }
    writer.write(string: "/")
    return writer.bytes
}

private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
