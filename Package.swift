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

        // The state machine: znodes, ACLs, sessions, and the leader's preparation of requests.
        .target(name: "ZnodeTree", dependencies: ["Checksum", "Jute"], swiftSettings: strict),

        // Memory and time of a tree of a million znodes.
        .executableTarget(
            name: "TreeBench", dependencies: ["Checksum", "Jute", "ZnodeTree"],
            path: "bench/TreeBench", swiftSettings: strict),

        .testTarget(name: "ChecksumTests", dependencies: ["Checksum"], swiftSettings: strict),
        .testTarget(name: "JuteTests", dependencies: ["Jute"], swiftSettings: strict),
        .testTarget(
            name: "ZnodeTreeTests", dependencies: ["Checksum", "Jute", "ZnodeTree"],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
