// swift-tools-version: 6.2
import PackageDescription

// The manifest is the architecture: a target may import only what it lists here, and the list
// only ever points down. ARCHITECTURE.md explains the layers.

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "aviary",
    targets: [
        // Wire primitives and records of ZooKeeper's protocols and files.
        .target(name: "Jute", swiftSettings: strict),

        // Adler-32, CRC-32 and CRC-32C.
        .target(name: "Checksum", swiftSettings: strict),

        // Transaction log, snapshots, epochs, and what was set aside.
        .target(name: "Storage", dependencies: ["Checksum", "Jute"], swiftSettings: strict),

        // A disk in memory that can lose its power.
        .target(name: "StorageTesting", dependencies: ["Storage"], swiftSettings: strict),

        .testTarget(name: "ChecksumTests", dependencies: ["Checksum"], swiftSettings: strict),
        .testTarget(name: "JuteTests", dependencies: ["Jute"], swiftSettings: strict),
        .testTarget(
            name: "StorageTests",
            dependencies: ["Checksum", "Jute", "Storage", "StorageTesting"],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
