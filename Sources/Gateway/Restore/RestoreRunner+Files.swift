import DataTools
import Logging
import Node
import Replica
import Storage
import Synchronization

// The files that restores are made from, and what a start does about those that it finds.

extension RestoreRunner {
    /// Where a new upload goes.
    func newUpload() -> UploadFile {
        UploadFile(
            to: "\(folder)/upload-\(UInt64.random(in: .min ... .max)).tmp", on: disk)
    }

    private func path(of restore: RestoreState) -> String { "\(folder)/\(restore.name).snapshot" }

    /// Reads a file that may be restored from.
    func verify(_ path: String) async -> Result<VerifiedSnapshot, DataToolError> {
        await offloaded { [access, extendedTypes, disk] () throws(DataToolError) in
            try VerifiedSnapshot(path, access: access, extendedTypes: extendedTypes, on: disk)
        }
    }

    /// Gives an upload the name under which a restart finds it. Durable on return.
    func keep(_ upload: UploadFile, for restore: RestoreState) async throws(StorageError) {
        let target = path(of: restore)
        let result = await offloaded { [disk, folder] () throws(StorageError) in
            try disk.rename(upload.path, to: target)
            try disk.syncDirectory(folder)
        }
        try result.get()
    }

    func discard(_ restore: RestoreState) {
        do throws(StorageError) {
            try disk.removeIfPresent(path(of: restore))
        } catch {
            logger.warning("\(error)")
        }
    }

    // MARK: Resuming

    /// Goes on with a restore that is this node's and that nobody works on, if there is one.
    func resumeIfLeft() async {
        guard node.standing.hasServed else { return }
        guard let restore = node.served.read({ RestoreState(in: $0) }) else {
            return await tidyUp()
        }
        guard restore.node == node.id, current.withLock({ $0.progress == nil }) else { return }
        current.withLock { $0.progress = Progress() }
        switch await verify(path(of: restore)) {
        case .success(let snapshot):
            logger.info("going on with the restore of \(restore.snapshot)")
            await run(restore, snapshot.tree)
        case .failure(let error):
            logger.error(
                "the restore of \(restore.snapshot) cannot go on: \(error); DELETE /v1/restore")
            note("\(error)")
            while await isCurrent(restore), await pause(.seconds(1)) {}
            current.withLock { $0.progress = nil }
        }
    }

    /// Removes what an earlier process has left: files of restores that are over.
    private func tidyUp() async {
        guard current.withLock({ !$0.hasTidiedUp && $0.progress == nil }) else { return }
        do throws(StorageError) {
            // Listed first: what is uploaded meanwhile has another name.
            let left = try disk.exists(folder) ? disk.names(in: folder) : []
            guard await linearized(), node.served.read({ RestoreState(in: $0) }) == nil else {
                return
            }
            current.withLock { $0.hasTidiedUp = true }
            for name in left { try disk.removeIfPresent(folder + "/" + name) }
        } catch {
            logger.warning("\(error)")
        }
    }
}
