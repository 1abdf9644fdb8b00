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

        // What a member is told before it starts: zoo.cfg, environment and flags.
        .target(name: "Configuration", dependencies: ["Jute"], swiftSettings: strict),

        // An ensemble of child processes on loopback, for trying it out.
        .target(name: "LocalEnsemble", dependencies: ["Configuration"], swiftSettings: strict),

        .testTarget(name: "JuteTests", dependencies: ["Jute"], swiftSettings: strict),
        .testTarget(
            name: "ConfigurationTests", dependencies: ["Configuration"], swiftSettings: strict),
        .testTarget(
            name: "LocalEnsembleTests", dependencies: ["Configuration", "LocalEnsemble"],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
