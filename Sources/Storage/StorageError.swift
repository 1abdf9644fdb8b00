package import Jute

/// Why storage cannot do what it was asked.
package enum StorageError: Error, Equatable, Sendable {
    /// A file operation failed. What was being written can no longer be trusted.
    case disk(DiskError)
    /// Another process has this data directory open.
    case locked(path: String)
    /// Files lie where they must not, or some that must be there are missing.
    case layout(String)
    /// Records that were once on the disk cannot be read any more.
    case damagedLog(LogDamage)
    case damagedSnapshot(path: String, problem: String)
    /// A `.gz` or `.snappy` snapshot of the original, which Aviary does not read.
    case compressedSnapshot(path: String)
    /// One of the small files (`myid`, an epoch, the identity …) cannot be understood.
    case damagedFile(path: String, problem: String)
    /// The epochs contradict each other or the log.
    case epochs(String)
    /// A transaction that leaves a gap in the log; nothing was written.
    case doesNotFollow(Zxid, last: Zxid)
    /// A transaction over 2,097,150 bytes or under 32; nothing was written.
    case badRecordSize(Zxid, bytes: Int)
    /// An earlier error has ended this log.
    case dead
}

extension StorageError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .disk(let error): error.description
        case .locked(let path): "another process has \(path) open"
        case .layout(let problem): problem
        case .damagedLog(let damage): damage.description
        case .damagedSnapshot(let path, let problem): "the snapshot \(path) is damaged: \(problem)"
        case .compressedSnapshot(let path):
            """
            the snapshot \(path) is compressed, which Aviary cannot read: let ZooKeeper write \
            one with snapshot.compression.method unset, or remove it if an older one will do
            """
        case .damagedFile(let path, let problem): "\(path): \(problem)"
        case .epochs(let problem): problem
        case .doesNotFollow(let zxid, let last):
            "transaction \(zxid) does not follow \(last), the last in the log"
        case .badRecordSize(let zxid, let bytes):
            "transaction \(zxid) has \(bytes) bytes, the log takes 32 to \(juteMaximumLength)"
        case .dead: "the log has failed before and is closed"
        }
    }
}

/// Where a log can no longer be read, and what the sidecar knows of the record that was there.
package struct LogDamage: Error, Equatable, Sendable {
    package enum Problem: Equatable, Sendable {
        case badMagic
        case shortHeader
        case missingFile
        /// The file ends inside a record, or before the records that were synced.
        case endOfFile
        /// Zeros where a record was.
        case hole
        case badLength(Int32)
        case badEndMark(UInt8)
        /// Adler-32 of the payload.
        case badChecksum
        /// The sidecar's CRC-32C over the record and all before it.
        case badChain
        /// The payload is too short to be a transaction.
        case badPayload
        /// Records are missing between these two.
        case gap(after: Zxid, found: Zxid)
    }

    package var path: String
    /// Bytes from the start of the file.
    package var offset: Int
    package var problem: Problem
    /// What stood there, if the sidecar still tells.
    package var expected: ExpectedRecord?

    package init(path: String, offset: Int, problem: Problem, expected: ExpectedRecord? = nil) {
        self.path = path
        self.offset = offset
        self.problem = problem
        self.expected = expected
    }
}

extension LogDamage: CustomStringConvertible {
    package var description: String {
        let which = expected.map { " (transaction \($0.zxid) was there)" } ?? ""
        return "the log \(path) \(whatIsWrong) at offset \(offset)\(which)"
    }

    /// The predicate of a sentence about the log.
    package var whatIsWrong: String {
        switch problem {
        case .badMagic: "is not a transaction log"
        case .shortHeader: "is too short for a header"
        case .missingFile: "is missing"
        case .endOfFile: "ends too early"
        case .hole: "holds zeros instead of a record"
        case .badLength(let length): "has a record of \(length) bytes"
        case .badEndMark(let mark): "has a record that ends with \(mark)"
        case .badChecksum: "has a record with a wrong Adler-32"
        case .badChain: "has a record with a wrong CRC-32C"
        case .badPayload: "has a record that is no transaction"
        case .gap(let after, let found): "goes on with \(found) after \(after)"
        }
    }

    /// The transaction behind a gap.
    package var gapEnd: Zxid? {
        if case .gap(_, let found) = problem { found } else { nil }
    }
}

/// A record as the sidecar remembers it: enough to accept a copy of it from a peer.
package struct ExpectedRecord: Equatable, Sendable {
    package var zxid: Zxid
    /// Bytes from the start of the log file.
    package var offset: Int
    /// Of the payload.
    package var length: Int
    /// CRC-32C of the record with its header and end mark, continued from that of the record
    /// before it.
    package var chain: UInt32

    package init(zxid: Zxid, offset: Int, length: Int, chain: UInt32) {
        self.zxid = zxid
        self.offset = offset
        self.length = length
        self.chain = chain
    }
}

extension StorageError {
    var isNotFound: Bool {
        if case .disk(let error) = self { error.reason == .notFound } else { false }
    }
}
