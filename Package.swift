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
        .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0")
    ],
    targets: [
        // Wire primitives and records of ZooKeeper's protocols and files.
        .target(name: "Jute", swiftSettings: strict),

        // libmicrohttpd. Only HTTPServer may import it.
        .systemLibrary(
            name: "CMicroHTTPD", path: "CMicroHTTPD", pkgConfig: "libmicrohttpd",
            providers: [.apt(["libmicrohttpd-dev"])]),

        // HTTP/1.1 as values; knows no znode.
        .target(name: "HTTPServer", dependencies: ["CMicroHTTPD"], swiftSettings: strict),

        // The HTTP contract: what requests mean and what answers say.
        .target(
            name: "Gateway",
            dependencies: [
                "HTTPServer", "Jute", .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict),

        .testTarget(name: "JuteTests", dependencies: ["Jute"], swiftSettings: strict),
        .testTarget(
            name: "GatewayTests", dependencies: ["Gateway", "HTTPServer", "Jute"],
            swiftSettings: strict),
        .testTarget(name: "HTTPServerTests", dependencies: ["HTTPServer"], swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
