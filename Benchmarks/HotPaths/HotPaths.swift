// What every request passes, alone: `make bench-micro`.

import Benchmark
import Checksum
import Gateway
import Jute
import Synchronization
import ZnodeTree

private let value = [UInt8](repeating: 0x61, count: 100)
private let session = SessionID(rawValue: 1)

/// 20 characters, as in the other benchmarks.
private func path(_ number: Int) -> ZnodePath {
    ZnodePath("/bench\(number % 100 + 100)/n-\(number + 10_000_000)")
}

private func record(_ zxid: Int, _ txn: Txn) -> TxnRecord {
    TxnRecord(
        header: TxnHeader(
            session: session, cxid: 0, zxid: Zxid(rawValue: Int64(zxid)), time: 1_700_000_000_000,
            type: txn.type), txn: txn, digest: TxnDigest(version: 2, treeDigest: 1))
}

private func create(_ path: ZnodePath) -> Txn {
    .create(
        CreateTxn(
            path: path, data: value, acl: ACL.open,
            mode: .ordinary(ephemeral: false, create2: true), parentCVersion: -1))
}

/// A tree that grows old from one sample to the next.
private struct Grove {
    var tree = DataTree()
    var zxid = 0

    /// - Parameter count: Znodes, below a hundred parents.
    init(of count: Int) {
        for parent in 100..<200 { apply(create(ZnodePath("/bench\(parent)"))) }
        for number in 0..<count { apply(create(path(number))) }
    }

    mutating func apply(_ txn: Txn) {
        zxid += 1
        blackHole(tree.apply(record(zxid, txn)))
    }
}

private let grove = Mutex(Grove(of: 100_000))
private let paths = (0..<1_000).map { path($0 &* 7_919 % 100_000) }

private let transaction = Array(
    """
    {"operations":[\
    \((0..<10).map { #"{"op":"set","path":"/bench/\#($0)","text":"\#(String(repeating: "a", count: 100))"}"# }
        .joined(separator: ","))]}
    """.utf8)

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock, .throughput], timeUnits: .nanoseconds, scalingFactor: .kilo,
        maxDuration: .seconds(2))

    Benchmark("checksums/CRC-32 of path and value") { benchmark in
        let bytes = path(1).bytes + value
        for _ in benchmark.scaledIterations { blackHole(CRC32.checksum(of: bytes)) }
    }

    Benchmark("checksums/CRC-32C of a log record") { benchmark in
        let bytes = record(1, create(path(1))).payload
        for _ in benchmark.scaledIterations { blackHole(CRC32C.checksum(of: bytes)) }
    }

    Benchmark("jute/writing a transaction") { benchmark in
        let record = record(1, .setData(path: path(1), data: value, version: 1))
        for _ in benchmark.scaledIterations { blackHole(record.payload) }
    }

    Benchmark("jute/reading a transaction") { benchmark in
        let payload = record(1, .setData(path: path(1), data: value, version: 1)).payload
        for _ in benchmark.scaledIterations { blackHole(try TxnRecord(payload: payload)) }
    }

    Benchmark("tree/finding one of 100,000") { benchmark in
        grove.withLock { grove in
            for number in benchmark.scaledIterations {
                blackHole(grove.tree.stat(of: paths[number % 1_000]))
            }
        }
    }

    Benchmark("tree/setting the data of one of 100,000") { benchmark in
        grove.withLock { grove in
            for number in benchmark.scaledIterations {
                grove.apply(.setData(path: paths[number % 1_000], data: value, version: 1))
            }
        }
    }

    Benchmark("JSON/writing a value and its zxid") { benchmark in
        for _ in benchmark.scaledIterations {
            var json = JSONWriter(reserving: 256)
            json.object { json in
                json.key("path")
                json.string(utf8: path(1).bytes)
                json.key("text")
                json.string(utf8: value)
                json.key("zxid")
                json.zxid(Zxid(rawValue: 0x1_0000_0001))
            }
            blackHole(json.bytes)
        }
    }

    Benchmark("JSON/reading a transaction of ten") { benchmark in
        for _ in benchmark.scaledIterations { blackHole(try JSONParser.parse(transaction)) }
    }
}
