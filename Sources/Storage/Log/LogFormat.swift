import Checksum
package import Jute

/// A transaction on its way into the log.
package struct LogRecord: Equatable, Sendable {
    package var zxid: Zxid
    /// Header, body and digest exactly as proposed.
    package var payload: [UInt8]

    package init(zxid: Zxid, payload: [UInt8]) {
        self.zxid = zxid
        self.payload = payload
    }
}

/// A transaction read from the log.
package struct LoggedRecord: Equatable, Sendable {
    package var zxid: Zxid
    package var payload: [UInt8]
    package var position: LogPosition

    package init(zxid: Zxid, payload: [UInt8], position: LogPosition) {
        self.zxid = zxid
        self.payload = payload
        self.position = position
    }
}

/// Where a record lies.
package struct LogPosition: Hashable, Sendable {
    /// The zxid in the file's name, `log.<zxid>`.
    package var file: Zxid
    /// Bytes from the start of the file.
    package var offset: Int

    package init(file: Zxid, offset: Int) {
        self.file = file
        self.offset = offset
    }
}

/// ZooKeeper's transaction log, byte for byte.
///
/// - Source: storage format reference, sections 2 and 3.
package enum LogFormat {
    /// "ZKLG", version 2, database id 0.
    package static let header: [UInt8] = [
        0x5A, 0x4B, 0x4C, 0x47, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0,
    ]
    package static let endMark: UInt8 = 0x42
    /// Checksum and length in front of a payload.
    package static let recordHeaderSize = 12
    /// What a record takes beside its payload.
    package static let recordOverhead = recordHeaderSize + 1
    package static let payloadSizes = TxnHeader.size...juteMaximumLength

    /// Room that is kept free at a file's end; when it runs short, the file is extended.
    static let preallocationMargin = 4096

    package static func append(_ payload: [UInt8], to bytes: inout [UInt8]) {
        bytes.append(bigEndian: UInt64(Adler32.checksum(of: payload)))
        bytes.append(bigEndian: UInt32(payload.count))
        bytes.append(contentsOf: payload)
        bytes.append(endMark)
    }

    /// The size a file is extended to before a batch is written.
    ///
    /// - Parameters:
    ///   - start: Where the batch begins.
    ///   - end: Where it ends.
    ///   - size: The file's size now.
    ///   - block: `preAllocSize` in bytes; 0 for no preallocation.
    /// - Returns: `size` when there is room enough.
    /// - Source: storage format reference, section 3.1.
    static func preallocatedSize(from start: Int, to end: Int, size: Int, block: Int) -> Int {
        guard block > 0 else { return size }
        // In the original a new file has its header by now.
        var extended = max(size, header.count)
        for position in [max(start, header.count), end]
        where position + preallocationMargin >= extended {
            extended =
                position > extended ? (position + block) / block * block : extended + block
        }
        return extended
    }
}
