// What a tree costs: memory a znode, time an operation. `swift run -c release TreeBench [znodes]`

import Checksum
import Glibc
import Jute
import ZnodeTree

let znodes = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 1_000_000
let data = [UInt8](repeating: 0x61, count: 100)
let session = SessionID(rawValue: 1)
let clock = ProcessorClock()

/// The processor time of this thread: others on the machine do not count.
struct ProcessorClock {
    var now: Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    func measure(_ body: () throws -> Void) rethrows -> Duration {
        let start = now
        try body()
        return now - start
    }
}

func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var total = 0
    var resident = 0
    withUnsafeMutablePointer(to: &total) { total in
        withUnsafeMutablePointer(to: &resident) { resident in
            _ = withVaList([total, resident]) { vfscanf(file, "%ld %ld", $0) }
        }
    }
    return resident * 4096
}

/// 20 characters: one of 100 parents and a number.
func path(_ number: Int) -> ZnodePath {
    ZnodePath("/bench\(number % 100 + 100)/n-\(number + 10_000_000)")
}

func record(_ zxid: Int, _ txn: Txn) -> TxnRecord {
    TxnRecord(
        header: TxnHeader(
            session: session, cxid: 0, zxid: Zxid(rawValue: Int64(zxid)), time: 1_700_000_000_000,
            type: txn.type), txn: txn, digest: nil)
}

func create(_ path: ZnodePath) -> Txn {
    .create(
        CreateTxn(
            path: path, data: data, acl: ACL.open,
            mode: .ordinary(ephemeral: false, create2: true), parentCVersion: -1))
}

func report(_ name: String, count: Int, _ duration: Duration) {
    let nanoseconds =
        Double(duration.components.attoseconds) / 1e9
        + Double(duration.components.seconds) * 1e9
    let each = nanoseconds / Double(count)
    print("\(name): \(Int(each)) ns each, \(Int(1e9 / each)) a second")
}

/// The longest of many operations.
func longest(_ count: Int, _ body: (Int) -> Void) -> Duration {
    var longest = Duration.zero
    for index in 0..<count {
        let start = clock.now
        body(index)
        longest = max(longest, clock.now - start)
    }
    return longest
}

var tree = DataTree()
var zxid = 0
for parent in 100..<200 {
    zxid += 1
    _ = tree.apply(record(zxid, create(ZnodePath("/bench\(parent)"))))
}
print("path length \(path(0).bytes.count)")
let before = residentBytes()
var slowest = Duration.zero
let creating = clock.measure {
    for number in 0..<znodes {
        zxid += 1
        let txn = record(zxid, create(path(number)))
        let start = clock.now
        _ = tree.apply(txn)
        slowest = max(slowest, clock.now - start)
    }
}
let resident = residentBytes() - before
print("\(znodes) znodes: \(resident / znodes) bytes resident each; \(tree.memory)")
report("create", count: znodes, creating)
print("slowest create: \(slowest)")

let paths = (0..<100_000).map { path(($0 &* 7919) % znodes) }
report("stat", count: paths.count, clock.measure { for path in paths { _ = tree.stat(of: path) } })
let setting = clock.measure {
    for path in paths {
        zxid += 1
        _ = tree.apply(record(zxid, .setData(path: path, data: data, version: 1)))
    }
}
report("setData", count: paths.count, setting)

do {
    let view = tree
    let digest = view.digest
    let slowest = longest(paths.count) { index in
        zxid += 1
        _ = tree.apply(record(zxid, .setData(path: paths[index], data: data, version: 2)))
    }
    print("slowest setData beside a view: \(slowest)")
    precondition(view.digest == digest && view.recomputedDigest() == digest)
}

var bytes: [[UInt8]] = []
let writing = clock.measure {
    var serializer = SnapshotSerializer(view: tree)
    while let chunk = serializer.next() { bytes.append(chunk) }
}
report("snapshot write", count: znodes, writing)
var loaded = DataTree()
let loading = try clock.measure {
    var loader = SnapshotLoader()
    for chunk in bytes { _ = try loader.consume(chunk) }
    loaded = try loader.finish(lastApplied: tree.lastApplied)
}
report("snapshot load", count: znodes, loading)
precondition(loaded.digest == tree.digest)

var adler = Adler32()
let sealing = clock.measure { for chunk in bytes { adler.update(chunk) } }
let total = bytes.reduce(0) { $0 + $1.count }
var crc = CRC32C()
let summing = clock.measure { for chunk in bytes { crc.update(chunk) } }
print("Adler-32 and CRC-32C of \(total >> 20) MiB: \(sealing), \(summing)")
bytes = []

var preparer = RequestPreparer()
zxid += 1
_ = tree.apply(record(zxid, .createSession(timeoutMs: 8000)))
var records: [TxnRecord] = []
let preparing = clock.measure {
    for path in paths {
        zxid += 1
        records.append(
            preparer.prepare(
                RequestPreparer.Input(
                    session: session, cxid: 0, identities: [Identity(scheme: "ip", id: "::1")],
                    operation: .success(.setData(path: path, data: data, version: -1))),
                zxid: Zxid(rawValue: Int64(zxid)), time: 1_700_000_000_001, tree: tree))
        if records.count == 100 {
            for record in records { precondition(tree.apply(record).digestMatches == true) }
            records = []
        }
    }
}
report("prepare and apply setData", count: paths.count, preparing)

let children = 1_000_000
zxid += 1
_ = tree.apply(record(zxid, create("/wide")))
var first = Duration.zero
slowest = .zero
for round in 0..<10 {
    let time = clock.measure {
        for number in 0..<children / 10 {
            zxid += 1
            let name = "/wide/" + String(10_000_000 + round * children / 10 + number)
            let start = clock.now
            _ = tree.apply(record(zxid, create(ZnodePath(name))))
            slowest = max(slowest, clock.now - start)
        }
    }
    if round == 0 { first = time }
    if round == 9 {
        report("create of the first 100,000 children", count: children / 10, first)
        report("create of the last 100,000 children", count: children / 10, time)
    }
}
print("slowest create of a child: \(slowest)")
let paging = clock.measure {
    for _ in 0..<1000 {
        _ = tree.children(of: "/wide", after: Array("10500000".utf8), limit: 100)
    }
}
report("page of 100 out of a million children", count: 1000, paging)
