import Dispatch
import HTTPServer
import Storage
import Synchronization

/// Sends a file piece by piece: never more than one piece of it is in memory.
final class FileDownload: Sendable {
    private let file: any DiskFile
    private let sizeBytes: Int
    private let stream: HTTPBodyStream
    private let offset = Mutex(0)
    /// The loops must not wait for a disk.
    private static let queue = DispatchQueue(label: "aviary.download", attributes: .concurrent)
    private static let pieceBytes = 256 << 10

    private init(_ file: any DiskFile, sizeBytes: Int) {
        self.file = file
        self.sizeBytes = sizeBytes
        stream = HTTPBodyStream(lengthBytes: sizeBytes)
    }

    /// - Parameters:
    ///   - file: Stays open until all of it was sent.
    ///   - sizeBytes: Of the file.
    /// - Returns: The body.
    static func begin(_ file: any DiskFile, sizeBytes: Int) -> HTTPBodyStream {
        let download = FileDownload(file, sizeBytes: sizeBytes)
        download.stream.onDrained { queue.async { download.sendNext() } }
        return download.stream
    }

    private func sendNext() {
        let start = offset.withLock { $0 }
        let piece: [UInt8]
        do throws(StorageError) {
            piece = try file.read(min(Self.pieceBytes, sizeBytes - start), at: start)
        } catch {
            // Too short a body is how a client learns of it.
            return stream.finish()
        }
        if piece.isEmpty { return stream.finish() }
        offset.withLock { $0 = start + piece.count }
        stream.write(piece)
    }
}
