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
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
    ],
    targets: [
        // Wire primitives and records of ZooKeeper's protocols and files.
        .target(name: "Jute", swiftSettings: strict),

        // Connections between servers: election and quorum ports. Decides nothing about ZAB.
        .target(
            name: "PeerTransport",
            dependencies: [
                "Jute",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),

        .testTarget(name: "JuteTests", dependencies: ["Jute"], swiftSettings: strict),
        .testTarget(
            name: "PeerTransportTests",
            dependencies: [
                "Jute", "PeerTransport",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
