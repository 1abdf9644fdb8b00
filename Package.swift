// swift-tools-version: 6.2
import PackageDescription

// The manifest is the architecture: a target may import only what it lists here, and the list
// only ever points down. ARCHITECTURE.md explains the layers.

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let arguments = Target.Dependency.product(
    name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")

let package = Package(
    name: "aviary",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: [
        // MARK: Pure: no clock, file, socket or thread.

        // Wire primitives and records of ZooKeeper's protocols and files.
        .target(name: "Jute", swiftSettings: strict),
        // Adler-32, CRC-32 and CRC-32C.
        .target(name: "Checksum", dependencies: ["CDeflate"], swiftSettings: strict),
        // Consensus: elections, synchronization, broadcast.
        .target(name: "Zab", dependencies: ["Jute", deque], swiftSettings: strict),
        // The state machine: znodes, sessions, digests; validation of requests.
        .target(name: "ZnodeTree", dependencies: ["Jute", "Checksum"], swiftSettings: strict),
        // Drives protocol and state: requests in, transactions out. Knows no socket and no file.
        .target(
            name: "Replica", dependencies: ["Jute", "Zab", "ZnodeTree"], swiftSettings: strict),
        // Who waits for changes of which znodes, and until when.
        .target(name: "Waits", dependencies: ["Jute", "ZnodeTree"], swiftSettings: strict),

        // MARK: Drivers: each knows one part of the world and none of the others.

        // Connections between servers: election and quorum ports. Decides nothing about ZAB.
        .target(
            name: "PeerTransport", dependencies: ["Jute", nioCore, nioPosix, logging],
            swiftSettings: strict),
        // Transaction log, snapshots, epochs; on a disk that is an interface.
        .target(name: "Storage", dependencies: ["Jute", "Checksum"], swiftSettings: strict),
        // What every committed transaction changed: in memory, and on a disk as above.
        .target(
            name: "History",
            dependencies: ["Jute", "Checksum", "ZnodeTree", "Storage", deque, logging],
            swiftSettings: strict),
        // A disk in memory that crashes, tears and rots on demand.
        .target(name: "StorageTesting", dependencies: ["Storage"], swiftSettings: strict),
        // Looks into data directories, checks them, and takes states of the past out of them.
        .target(
            name: "DataTools", dependencies: ["Jute", "ZnodeTree", "Storage"],
            swiftSettings: strict),
        // Snapshots by their digests, and copies of them in another folder.
        .target(
            name: "Backup", dependencies: ["Jute", "Storage", crypto, logging],
            swiftSettings: strict),
        // Checksums, from Debian's libdeflate-dev.
        .systemLibrary(
            name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        // The allocator, from Debian's libjemalloc-dev.
        .systemLibrary(
            name: "CJemalloc", pkgConfig: "jemalloc", providers: [.apt(["libjemalloc-dev"])]),
        // libmicrohttpd, from Debian's libmicrohttpd-dev.
        .systemLibrary(
            name: "CMicroHTTPD", path: "CMicroHTTPD", pkgConfig: "libmicrohttpd",
            providers: [.apt(["libmicrohttpd-dev"])]),
        // HTTP, and nothing of znodes; the only target that touches libmicrohttpd's pointers.
        .target(name: "HTTPServer", dependencies: ["CMicroHTTPD"], swiftSettings: strict),

        // MARK: The program.

        // One member: composes replica, disk and sockets on their threads.
        .target(
            name: "Node",
            dependencies: [
                "Jute", "Zab", "ZnodeTree", "Replica", "Waits", "Storage", "History",
                "PeerTransport", nioCore, nioPosix, logging,
            ],
            swiftSettings: strict),

        // Whole ensembles in virtual time, drawn from a seed.
        .target(
            name: "Simulation",
            dependencies: [
                "Jute", "Zab", "ZnodeTree", "Replica", "Storage", "StorageTesting", "Node", heap,
                logging,
            ],
            swiftSettings: strict),
        // What members tell each other over HTTP. ZAB's safety never depends on it.
        .target(
            name: "PeerHTTP", dependencies: ["Jute", nioCore, nioHTTP1, nioPosix],
            swiftSettings: strict),
        // The HTTP contract: resources, JSON, conditions, problems.
        .target(
            name: "Gateway",
            dependencies: [
                "Jute", "Zab", "ZnodeTree", "Replica", "Waits", "Storage", "History", "Node",
                "PeerHTTP", "Backup", "DataTools", "HTTPServer", crypto, logging,
            ],
            swiftSettings: strict),
        // zoo.cfg, environment and flags as one validated value.
        .target(name: "Configuration", dependencies: ["Jute"], swiftSettings: strict),
        // An ensemble of child processes on loopback, for trying it out.
        .target(name: "LocalEnsemble", dependencies: ["Configuration"], swiftSettings: strict),

        // serve, local, data.
        .executableTarget(
            name: "aviary",
            dependencies: [
                "Jute", "Zab", "Replica", "Storage", "PeerTransport", "Node", "HTTPServer",
                "Gateway", "Configuration", "LocalEnsemble", "DataTools", "Backup", "CDeflate",
                "CJemalloc",
                arguments, logging,
            ],
            swiftSettings: strict),

        // Memory and time of a million znodes.
        .executableTarget(
            name: "TreeBench", dependencies: ["CJemalloc", "Checksum", "Jute", "ZnodeTree"],
            path: "bench/TreeBench", swiftSettings: strict),

        // An HTTP server to put load on, without a node behind it.
        .executableTarget(
            name: "HTTPBench", dependencies: ["HTTPServer"], path: "bench/HTTPBench",
            swiftSettings: strict),

        // Puts load on HTTP and ZooKeeper servers alike.
        .executableTarget(
            name: "Load", dependencies: ["CLinux", arguments], path: "bench/Load",
            swiftSettings: strict),
        .systemLibrary(name: "CLinux", path: "bench/CLinux"),

        // What the machine itself takes for an answer, a sync and a round trip.
        .executableTarget(name: "Floor", dependencies: ["CMicroHTTPD"], path: "bench/Floor"),

        // MARK: Tests.

        .testTarget(name: "JuteTests", dependencies: ["Jute"], swiftSettings: strict),
        .testTarget(name: "ChecksumTests", dependencies: ["Checksum"], swiftSettings: strict),
        .testTarget(
            name: "ZnodeTreeTests", dependencies: ["Checksum", "Jute", "ZnodeTree"],
            swiftSettings: strict),
        .testTarget(name: "ZabTests", dependencies: ["Jute", "Zab"], swiftSettings: strict),
        .testTarget(name: "ReplicaTests", dependencies: ["Replica"], swiftSettings: strict),
        .testTarget(
            name: "StorageTests",
            dependencies: ["Checksum", "Jute", "Storage", "StorageTesting"],
            swiftSettings: strict),
        .testTarget(
            name: "BackupTests",
            dependencies: ["Backup", "Jute", "Storage", "StorageTesting", crypto, logging],
            swiftSettings: strict),
        .testTarget(
            name: "DataToolsTests",
            dependencies: [
                "Checksum", "DataTools", "Jute", "Storage", "StorageTesting", "ZnodeTree",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "HistoryTests",
            dependencies: [
                "History", "Jute", "Simulation", "Storage", "StorageTesting", "ZnodeTree", logging,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "WaitsTests", dependencies: ["Jute", "Waits", "ZnodeTree"],
            swiftSettings: strict),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Backup", "Gateway", "History", "HTTPServer", "Jute", "Node", "PeerHTTP", "Replica",
                "Storage", "StorageTesting", "Waits", "Zab", "ZnodeTree", logging,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PeerHTTPTests",
            dependencies: ["HTTPServer", "Jute", "PeerHTTP", nioCore, nioPosix],
            swiftSettings: strict),
        .testTarget(
            name: "SimulationTests", dependencies: ["Simulation", "StorageTesting"],
            swiftSettings: strict),
        .testTarget(
            name: "NodeTests",
            dependencies: [
                "Jute", "Zab", "ZnodeTree", "Replica", "Storage", "StorageTesting",
                "PeerTransport", "Node", nioCore, nioPosix, logging,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PeerTransportTests",
            dependencies: ["Jute", "PeerTransport", nioCore, nioPosix, logging],
            swiftSettings: strict),
        .testTarget(name: "HTTPServerTests", dependencies: ["HTTPServer"], swiftSettings: strict),
        .testTarget(
            name: "ConfigurationTests", dependencies: ["Configuration"], swiftSettings: strict),
        .testTarget(
            name: "LocalEnsembleTests", dependencies: ["Configuration", "LocalEnsemble"],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)

// Microbenchmarks, which nobody needs who only builds: `make bench-micro`.
if Context.environment["AVIARY_MICROBENCHMARKS"] != nil {
    package.dependencies.append(
        .package(url: "https://github.com/ordo-one/benchmark", exact: "1.38.1", traits: []))
    package.targets.append(
        .executableTarget(
            name: "HotPaths",
            dependencies: [
                "Checksum", "Gateway", "Jute", "ZnodeTree",
                .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Benchmarks/HotPaths",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]))
}
