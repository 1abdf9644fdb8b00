package import Jute

/// The names of files in `version-2`.
///
/// - Source: storage format reference, section 1.
package enum FileNames {
    package static let version = "version-2"
    package static let setAside = "aviary-detached"
    package static let lock = "aviary.lock"
    package static let identity = "aviary.identity"
    package static let loss = "aviary.loss"
    package static let empty = "aviary.empty"
    package static let install = "aviary.install"
    package static let acceptedEpoch = "acceptedEpoch"
    package static let currentEpoch = "currentEpoch"
    package static let epochCopies = ["aviary.epochs.1", "aviary.epochs.2"]
    package static let rebuild = "aviary.rebuild"
    package static let reserve = "aviary.reserve"
    package static let adoption = "aviary.adoption"
    package static let cluster = "aviary.cluster"
    package static let initialize = "initialize"
    package static let myID = "myid"
    static let temporarySuffix = ".tmp"
    /// Of the file beside a folder of what was set aside.
    static let aboutSuffix = ".about"

    package static func log(_ zxid: Zxid) -> String { "log." + zxid.fileSuffix }

    package static func sidecar(_ zxid: Zxid) -> String { "aviary.log." + zxid.fileSuffix }

    package static func snapshot(_ zxid: Zxid) -> String { "snapshot." + zxid.fileSuffix }

    package static func log(named name: String) -> Zxid? { zxid(in: name, after: "log.") }

    package static func sidecar(named name: String) -> Zxid? {
        zxid(in: name, after: "aviary.log.")
    }

    private static func zxid(in name: String, after prefix: String) -> Zxid? {
        guard name.hasPrefix(prefix) else { return nil }
        return zxid(suffix: name.dropFirst(prefix.count))
    }

    static func zxid(suffix: Substring) -> Zxid? {
        // Only the form that is written: "+1" or "01" would be another file's zxid.
        guard let value = UInt64(suffix, radix: 16),
            String(value, radix: 16) == suffix.lowercased()
        else { return nil }
        return Zxid(rawValue: Int64(bitPattern: value))
    }
}

/// A snapshot file, as its name tells.
package struct SnapshotName: Hashable, Sendable {
    package enum Compression: String, Sendable {
        case none = ""
        case gzip = "gz"
        case snappy
    }

    /// Every transaction up to this one is in the snapshot.
    package var zxid: Zxid
    package var compression: Compression
    /// The name in `version-2`.
    package var fileName: String

    package init(_ zxid: Zxid) {
        self.zxid = zxid
        compression = .none
        fileName = FileNames.snapshot(zxid)
    }

    /// - Returns: nil for other files, among them snapshots that are still being written.
    package init?(fileName: String) {
        let parts = fileName.split(separator: ".", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), parts[0] == "snapshot",
            let zxid = FileNames.zxid(suffix: parts[1])
        else { return nil }
        let suffix = parts.count == 3 ? String(parts[2]) : ""
        guard parts.count == 2 || !suffix.isEmpty,
            let compression = Compression(rawValue: suffix)
        else { return nil }
        self.zxid = zxid
        self.compression = compression
        self.fileName = fileName
    }
}
