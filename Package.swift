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
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0")
    ],
    targets: [
        // Wire primitives and records of ZooKeeper's protocols and files.
        .target(name: "Jute", swiftSettings: strict),

        // Consensus: elections, synchronization, broadcast. No clock, file, socket or thread.
        .target(
            name: "Zab",
            dependencies: [
                "Jute", .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: strict),

        // A whole ensemble in virtual time, drawn from a seed.
        .target(
            name: "Simulation",
            dependencies: [
                "Jute", "Zab", .product(name: "HeapModule", package: "swift-collections"),
            ],
            swiftSettings: strict),

        .testTarget(name: "JuteTests", dependencies: ["Jute"], swiftSettings: strict),
        .testTarget(
            name: "SimulationTests", dependencies: ["Simulation"], swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
