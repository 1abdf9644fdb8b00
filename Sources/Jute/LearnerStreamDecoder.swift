/// Cuts the stream of a learner connection into packets and snapshots.
///
/// Packets have no length in front, and behind a leader's SNAP the same stream carries a bare
/// snapshot, so where something ends is known only by walking through it. The decoder takes the
/// stream in pieces of any size, walks every byte once, and holds back no more than one packet:
/// of a snapshot it passes on what it has walked, however large the znode it is in.
///
/// Whatever bytes come, it ends with an error or goes on; it sets nothing aside for a length
/// that has only been announced.
///
/// - Source: quorum protocol reference, sections 4.1 and 5.3; storage format reference, 4.1.
package struct LearnerStreamDecoder: Sendable {
    /// Who wrote the stream. Only a leader's SNAP is followed by a snapshot.
    package enum Source: Sendable {
        case leader
        case learner
    }

    package enum Element: Equatable, Sendable {
        case packet(QuorumPacket)
        /// The next bytes of the snapshot behind the last SNAP: its sessions, ACLs and nodes. The
        /// last ones end with the path `/` that ends the nodes.
        case snapshotBytes([UInt8])
        /// The signature behind the snapshot has come; packets follow.
        case snapshotEnd
    }

    /// What a leader writes behind a snapshot.
    package static let snapshotSignature = Array("BenWasHere".utf8)

    private enum Phase {
        case packets(PacketExtent)
        case snapshot(SnapshotWalk)
        case signature
        case failed(JuteError)
    }

    /// Capacity above which an empty buffer is given back.
    private static let keptCapacity = 1 << 20

    private let source: Source
    private var phase = Phase.packets(PacketExtent())
    private var buffer: [UInt8] = []
    /// Index in `buffer` of the first byte that has not been handed out.
    private var start = 0

    package init(from source: Source) {
        self.source = source
    }

    /// Bytes that were fed and not yet handed out.
    package var bufferedBytes: Int { buffer.count - start }

    /// Appends the next piece of the stream.
    package mutating func feed(_ bytes: UnsafeRawBufferPointer) {
        discardHandedOut()
        buffer.append(contentsOf: bytes)
    }

    /// Appends the next piece of the stream.
    package mutating func feed(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { feed($0) }
    }

    /// The next element, or nil when that needs more bytes.
    ///
    /// - Returns: Packets whole; a snapshot in as many parts as it was fed in, or fewer.
    /// - Throws: `.badLength`, `.unexpectedNull` or `.badValue` for what no ZooKeeper writes. The
    ///   stream is lost then: every further call throws the same.
    package mutating func next() throws(JuteError) -> Element? {
        do throws(JuteError) {
            switch phase {
            case .packets(let extent): return try nextPacket(extent)
            case .snapshot(let walk): return try nextOfSnapshot(walk)
            case .signature: return try signature()
            case .failed(let error): throw error
            }
        } catch {
            phase = .failed(error)
            throw error
        }
    }

    private mutating func nextPacket(_ known: PacketExtent) throws(JuteError) -> Element? {
        var extent = known
        guard try extent.settle(in: buffer, from: start) else {
            phase = .packets(extent)
            return nil
        }
        var reader = JuteReader(buffer, in: start..<start + extent.length)
        let packet = try QuorumPacket(from: &reader)
        start += extent.length
        let snapshotFollows = source == .leader && packet.kind == .snap
        phase = snapshotFollows ? .snapshot(SnapshotWalk()) : .packets(PacketExtent())
        return .packet(packet)
    }

    private mutating func nextOfSnapshot(_ known: SnapshotWalk) throws(JuteError) -> Element? {
        var walk = known
        let walked = try walk.advance(in: buffer, from: start)
        phase = walk.isFinished ? .signature : .snapshot(walk)
        // A finished walk has passed at least the path that ends the nodes.
        if walked == start { return nil }
        let bytes = Array(buffer[start..<walked])
        start = walked
        return .snapshotBytes(bytes)
    }

    private mutating func signature() throws(JuteError) -> Element? {
        let expected = LearnerStreamDecoder.snapshotSignature
        guard let length = buffer.int(at: start) else { return nil }
        guard length == expected.count else { throw .badLength(length) }
        guard bufferedBytes >= 4 + expected.count else { return nil }
        guard buffer[(start + 4)...].starts(with: expected) else { throw .badValue }
        start += 4 + expected.count
        phase = .packets(PacketExtent())
        return .snapshotEnd
    }

    /// Moves what is left to the front once it is the smaller part, so that over time every byte
    /// is moved at most once.
    private mutating func discardHandedOut() {
        if start == buffer.count {
            if buffer.capacity > LearnerStreamDecoder.keptCapacity {
                buffer = []
            } else {
                buffer.removeAll(keepingCapacity: true)
            }
            start = 0
        } else if start >= buffer.count / 2 {
            buffer.removeSubrange(..<start)
            start = 0
        }
    }
}

/// How far a packet reaches, as far as its bytes tell: each length is looked at once, so a large
/// packet that comes in many pieces is not read again from its beginning with each of them.
private struct PacketExtent {
    private enum Field {
        /// Up to and with the length of the data.
        case head
        /// Up to and with the number of identities.
        case identityCount
        /// Up to and with the length of a string, this one and those behind it being `left`.
        case stringLength(left: Int)
        case end
    }

    /// Bytes from the packet's beginning to the end of the field.
    private(set) var length = 16
    private var field = Field.head
    private var identityBytes = 0

    /// Two empty strings.
    private static let shortestIdentity = 8

    /// Goes on as far as the bytes reach.
    ///
    /// - Returns: Whether the packet is complete, `length` bytes from `start` on.
    mutating func settle(in bytes: [UInt8], from start: Int) throws(JuteError) -> Bool {
        while bytes.count - start >= length {
            if case .end = field { return true }
            guard let value = bytes.int(at: start + length - 4) else { return false }
            switch field {
            case .head:
                guard value >= -1, value <= juteMaximumLength else { throw .badLength(value) }
                length += max(0, Int(value)) + 4
                field = .identityCount
            case .identityCount:
                let room = juteMaximumLength / PacketExtent.shortestIdentity
                guard value >= -1, value <= room else { throw .badLength(value) }
                if value > 0 {
                    length += 4
                    field = .stringLength(left: Int(value) * 2)
                } else {
                    field = .end
                }
            case .stringLength(let left):
                guard value != -1 else { throw .unexpectedNull }
                identityBytes += Int(value)
                // All identities together, as one buffer: no request carries more.
                guard value >= 0, identityBytes <= juteMaximumLength else {
                    throw .badLength(value)
                }
                length += Int(value) + (left > 1 ? 4 : 0)
                field = left > 1 ? .stringLength(left: left - 1) : .end
            case .end:
                return true
            }
        }
        return false
    }
}

/// A place within a snapshot: what the next bytes mean.
private struct SnapshotWalk {
    private enum Field {
        case sessionCount
        case aclCount
        case aclList
        case permissionsAndScheme
        case identity
        case path
        case data
        case end
    }

    private var field = Field.sessionCount
    /// Bytes to pass without a look before `field` begins.
    private var skip = 0
    private var aclListsLeft = 0
    private var aclsLeft = 0

    private static let sessionSize = 12
    /// Permissions and two empty strings.
    private static let shortestACL = 12
    /// The number of the znode's ACL, and its stat.
    private static let nodeTail = 8 + 60

    var isFinished: Bool {
        if case .end = field { return skip == 0 }
        return false
    }

    /// Walks as far as whole fields reach.
    ///
    /// - Returns: The index up to which the bytes belong to the snapshot and have been walked.
    mutating func advance(in bytes: [UInt8], from start: Int) throws(JuteError) -> Int {
        var index = start
        while true {
            let passed = min(skip, bytes.count - index)
            index += passed
            skip -= passed
            if skip > 0 || isFinished { return index }
            guard try step(in: bytes, at: &index) else { return index }
        }
    }

    /// Reads one field.
    ///
    /// - Returns: False when its bytes are not all there.
    private mutating func step(in bytes: [UInt8], at index: inout Int) throws(JuteError) -> Bool {
        switch field {
        case .sessionCount:
            guard let count = bytes.int(at: index) else { return false }
            guard count >= 0 else { throw .badLength(count) }
            index += 4
            skip = Int(count) * SnapshotWalk.sessionSize
            field = .aclCount
        case .aclCount:
            guard let count = bytes.int(at: index) else { return false }
            guard count >= 0 else { throw .badLength(count) }
            index += 4
            aclListsLeft = Int(count)
            field = aclListsLeft > 0 ? .aclList : .path
        case .aclList:
            guard let count = bytes.int(at: index + 8) else { return false }
            let room = juteMaximumLength / SnapshotWalk.shortestACL
            guard count >= -1, count <= room else { throw .badLength(count) }
            index += 12
            aclListsLeft -= 1
            aclsLeft = max(0, Int(count))
            finishACL()
        case .permissionsAndScheme:
            guard let length = bytes.int(at: index + 4) else { return false }
            index += 8
            skip = try SnapshotWalk.stringLength(length)
            field = .identity
        case .identity:
            guard let length = bytes.int(at: index) else { return false }
            index += 4
            skip = try SnapshotWalk.stringLength(length)
            aclsLeft -= 1
            finishACL()
        case .path:
            guard let value = bytes.int(at: index) else { return false }
            let length = try SnapshotWalk.stringLength(value)
            if length == 1 {
                guard index + 4 < bytes.count else { return false }
                field = bytes[index + 4] == UInt8(ascii: "/") ? .end : .data
            } else {
                field = .data
            }
            index += 4
            skip = length
        case .data:
            guard let length = bytes.int(at: index) else { return false }
            guard length >= -1, length <= juteMaximumLength else { throw .badLength(length) }
            index += 4
            skip = max(0, Int(length)) + SnapshotWalk.nodeTail
            field = .path
        case .end:
            return false
        }
        return true
    }

    private mutating func finishACL() {
        if aclsLeft > 0 {
            field = .permissionsAndScheme
        } else {
            field = aclListsLeft > 0 ? .aclList : .path
        }
    }

    private static func stringLength(_ length: Int32) throws(JuteError) -> Int {
        guard length != -1 else { throw .unexpectedNull }
        guard length >= 0, length <= juteMaximumLength else { throw .badLength(length) }
        return Int(length)
    }
}

extension [UInt8] {
    /// The big-endian int at an index, or nil when the bytes end before it does.
    fileprivate func int(at index: Int) -> Int32? {
        guard count - index >= 4 else { return nil }
        return withUnsafeBytes {
            Int32(bigEndian: $0.loadUnaligned(fromByteOffset: index, as: Int32.self))
        }
    }
}
