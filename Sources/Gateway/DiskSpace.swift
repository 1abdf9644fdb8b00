internal import Glibc

/// Room on the file system of a folder.
struct DiskSpace: Equatable, Sendable {
    var totalBytes: Int64
    /// What this process may still use.
    var freeBytes: Int64

    init(totalBytes: Int64, freeBytes: Int64) {
        self.totalBytes = totalBytes
        self.freeBytes = freeBytes
    }

    /// Nil if the system does not tell.
    init?(of folder: String) {
        var figures = statvfs()
        guard statvfs(folder, &figures) == 0 else { return nil }
        totalBytes = Int64(clamping: UInt64(figures.f_blocks) * UInt64(figures.f_frsize))
        freeBytes = Int64(clamping: UInt64(figures.f_bavail) * UInt64(figures.f_frsize))
    }

    /// Less than a twentieth, and less than a gibibyte.
    var isLow: Bool { freeBytes < totalBytes / 20 && freeBytes < 1 << 30 }
}
