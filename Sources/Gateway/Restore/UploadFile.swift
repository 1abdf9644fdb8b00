import Dispatch
import HTTPServer
import Storage
import Synchronization

/// A body on its way into a file.
final class UploadFile: HTTPBodyReceiver {
    private struct State {
        /// Handed over and not in the file yet.
        var waitingBytes = 0
        var resume: (@Sendable () -> Void)?
        var file: (any DiskFile)?
        var sizeBytes = 0
        var failure: StorageError?
    }

    let path: String
    private let disk: any Disk
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "aviary.upload", qos: .utility)

    /// More than this is not held in memory.
    private static let mostWaitingBytes = 8 << 20

    /// - Parameters:
    ///   - path: Of a file that is written anew.
    ///   - disk: Where it is.
    init(to path: String, on disk: any Disk) {
        self.path = path
        self.disk = disk
    }

    func receive(_ piece: [UInt8], resume: @escaping @Sendable () -> Void) -> Bool {
        let hasRoom = state.withLock { state in
            state.waitingBytes += piece.count
            if state.waitingBytes <= Self.mostWaitingBytes { return true }
            state.resume = resume
            return false
        }
        queue.async { self.write(piece) }
        return hasRoom
    }

    private func write(_ piece: [UInt8]) {
        do throws(StorageError) {
            if state.withLock({ $0.failure == nil }) {
                let file = try open()
                let offset = state.withLock { $0.sizeBytes }
                try file.write(piece, at: offset)
                state.withLock { $0.sizeBytes += piece.count }
            }
        } catch {
            state.withLock { $0.failure = error }
        }
        let resume = state.withLock { state in
            state.waitingBytes -= piece.count
            return state.waitingBytes <= Self.mostWaitingBytes / 2 ? state.resume.take() : nil
        }
        resume?()
    }

    private func open() throws(StorageError) -> any DiskFile {
        if let file = state.withLock({ $0.file }) { return file }
        if let slash = path.lastIndex(of: "/") { try disk.makeDirectory(String(path[..<slash])) }
        let file = try disk.open(path, .replace)
        state.withLock { $0.file = file }
        return file
    }

    /// Waits until all of it is durable in the file.
    ///
    /// - Throws: The first error of the disk; `.disk` for an empty body, which makes no file.
    func finish() async throws(StorageError) {
        let result: Result<Void, StorageError> = await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: self.sync()) }
        }
        try result.get()
    }

    private func sync() -> Result<Void, StorageError> {
        let (file, failure) = state.withLock { state in
            defer { state.file = nil }
            return (state.file, state.failure)
        }
        if let failure { return .failure(failure) }
        return Result { () throws(StorageError) in
            guard let file else { throw .disk(DiskError(.notFound, .open, path)) }
            try file.sync()
        }
    }

    func abandon() {
        queue.async {
            self.state.withLock { $0.file = nil }
            do throws(StorageError) {
                try self.disk.removeIfPresent(self.path)
            } catch {
                // What cannot be removed now is removed at the next start.
            }
        }
    }
}
