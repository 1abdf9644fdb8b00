import Synchronization

/// Whether the folders of log and snapshots have room for data to grow.
///
/// The line below which they have not lies well above an empty disk, and beneath it lies the
/// reserve: what is under way when the line is crossed, and whatever makes data smaller, is
/// written all the same.
package final class DiskRoom: Sendable {
    package let reserves: [DiskReserve]
    private let disk: any Disk
    private let low = Atomic(false)

    init(_ reserves: [DiskReserve], on disk: any Disk) {
        self.reserves = reserves
        self.disk = disk
    }

    /// As of the last look, or from the moment on in which a reserve had to be used.
    package var isLow: Bool {
        low.load(ordering: .acquiring) || !reserves.allSatisfy(\.isWhole)
    }

    /// Looks how much room there is.
    ///
    /// Data may grow until less than the reserve's size is free beside the reserve itself, and
    /// again once twice its size is, and the reserve is whole.
    ///
    /// - Returns: Whether there is too little.
    /// - Throws: `.disk`.
    @discardableResult
    package func look() throws(StorageError) -> Bool {
        let wasLow = isLow
        var isLow = false
        for reserve in reserves {
            let free = try free(reserve)
            if free < (wasLow ? 2 : 1) * reserve.fullBytes {
                isLow = true
            } else if !reserve.isWhole, try !reserve.fill() {
                isLow = true
            }
        }
        low.store(isLow, ordering: .releasing)
        return isLow
    }

    /// Whether this much more would fit, with what `look` asks for beside it.
    ///
    /// - Parameter bytes: Beside what is there.
    /// - Returns: False also for one folder without room.
    /// - Throws: `.disk`.
    package func hasRoom(for bytes: Int) throws(StorageError) -> Bool {
        for reserve in reserves {
            if try free(reserve) < 2 * reserve.fullBytes + bytes { return false }
        }
        return true
    }

    /// What is free beside the whole reserve.
    private func free(_ reserve: DiskReserve) throws(StorageError) -> Int {
        try disk.freeBytes(in: reserve.folder) - (reserve.fullBytes - reserve.heldBytes)
    }
}
