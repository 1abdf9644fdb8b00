import Jute
import ZnodeTree

/// What a member that mends its state asks another one: sums first, then what is in the buckets
/// that differ, then the znodes themselves.
struct StateRequest: Equatable, Sendable {
    enum Part: Equatable, Sendable {
        case sums
        case entries([Int])
        case pieces([ZnodePath])
    }

    var zxid: Zxid
    var part: Part

    /// Over this the whole state is cheaper.
    static let mostBuckets = 1_024

    init(_ zxid: Zxid, _ part: Part) {
        self.zxid = zxid
        self.part = part
    }

    /// - Returns: nil for anything that no member sends.
    init?(_ bytes: [UInt8]) {
        var reader = JuteReader(bytes)
        do throws(JuteError) {
            zxid = try reader.readZxid()
            switch try reader.readInt() {
            case 0: part = .sums
            case 1:
                let count = Int(try reader.readInt())
                guard 0...StateRequest.mostBuckets ~= count else { return nil }
                var buckets: [Int] = []
                for _ in 0..<count { buckets.append(Int(try reader.readInt())) }
                part = .entries(buckets)
            case 2:
                let count = Int(try reader.readInt())
                guard count >= 0, count <= bytes.count else { return nil }
                var paths: [ZnodePath] = []
                for _ in 0..<count { paths.append(try reader.readPath()) }
                part = .pieces(paths)
            default: return nil
            }
        } catch {
            return nil
        }
    }

    var bytes: [UInt8] {
        var writer = JuteWriter()
        writer.write(zxid: zxid)
        switch part {
        case .sums: writer.write(int: 0)
        case .entries(let buckets):
            writer.write(int: 1)
            writer.write(int: Int32(buckets.count))
            for bucket in buckets { writer.write(int: Int32(bucket)) }
        case .pieces(let paths):
            writer.write(int: 2)
            writer.write(int: Int32(paths.count))
            for path in paths { writer.write(path: path) }
        }
        return writer.bytes
    }

    /// What a member with the state of the zxid answers.
    func answer(from view: DataTree) -> [UInt8] {
        var writer = JuteWriter()
        switch part {
        case .sums:
            writer.write(long: Int64(bitPattern: view.digest))
            for sum in view.bucketSums() { writer.write(long: Int64(bitPattern: sum)) }
        case .entries(let buckets):
            let entries = view.entries(inBuckets: Set(buckets))
            writer.write(int: Int32(entries.count))
            for (path, digest) in entries {
                writer.write(path: path)
                writer.write(long: Int64(bitPattern: digest))
            }
        case .pieces(let paths):
            let pieces = paths.compactMap { view.piece(at: $0) }
            writer.write(int: Int32(pieces.count))
            for piece in pieces { piece.write(to: &writer) }
        }
        return writer.bytes
    }

    static func entries(in bytes: [UInt8]) -> [ZnodePath: UInt64]? {
        var reader = JuteReader(bytes)
        do throws(JuteError) {
            var entries: [ZnodePath: UInt64] = [:]
            for _ in 0..<(try reader.readInt()) {
                let path = try reader.readPath()
                entries[path] = UInt64(bitPattern: try reader.readLong())
            }
            return entries
        } catch {
            return nil
        }
    }

    static func pieces(in bytes: [UInt8]) -> [ZnodePiece]? {
        var reader = JuteReader(bytes)
        do throws(JuteError) {
            var pieces: [ZnodePiece] = []
            for _ in 0..<(try reader.readInt()) { pieces.append(try ZnodePiece(from: &reader)) }
            return pieces
        } catch {
            return nil
        }
    }
}

/// The digest of a state, and the sums of its buckets.
struct StateSums: Hashable, Sendable {
    var digest: UInt64
    var sums: [UInt64]

    init?(_ bytes: [UInt8]) {
        guard bytes.count == 8 * (DataTree.patchBuckets + 1) else { return nil }
        var reader = JuteReader(bytes)
        do throws(JuteError) {
            digest = UInt64(bitPattern: try reader.readLong())
            sums = []
            for _ in 0..<DataTree.patchBuckets {
                sums.append(UInt64(bitPattern: try reader.readLong()))
            }
        } catch {
            return nil
        }
    }
}
