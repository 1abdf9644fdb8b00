import Jute
import ZnodeTree

/// A tree to which transactions are applied one after the other.
struct AppliedTree {
    var tree: DataTree
    private var counter: UInt32 = 0
    var time: Int64 = 1_000

    init(options: DataTree.Options = DataTree.Options()) {
        tree = DataTree(options: options)
    }

    @discardableResult
    mutating func apply(_ txn: Txn, session: SessionID = SessionID(rawValue: 1)) -> TxnResult {
        counter += 1
        time += 1
        let header = TxnHeader(
            session: session, cxid: Int32(counter), zxid: Zxid(epoch: 1, counter: counter),
            time: time, type: txn.type)
        return tree.apply(TxnRecord(header: header, txn: txn, digest: nil))
    }

    @discardableResult
    mutating func create(
        _ path: ZnodePath, _ data: String? = "", acl: [ACL] = ACL.open,
        mode: CreateTxn.Mode = .ordinary(ephemeral: false, create2: true),
        parentCVersion: Int32 = -1, session: SessionID = SessionID(rawValue: 1)
    ) -> TxnResult {
        apply(
            .create(
                CreateTxn(
                    path: path, data: data.map { Array($0.utf8) }, acl: acl, mode: mode,
                    parentCVersion: parentCVersion)), session: session)
    }
}

extension CreateTxn.Mode {
    static let persistent = CreateTxn.Mode.ordinary(ephemeral: false, create2: true)
    static let ephemeral = CreateTxn.Mode.ordinary(ephemeral: true, create2: true)
}

/// SplitMix64: small, and the same everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

func hex(_ text: String) -> [UInt8] {
    let digits = text.filter(\.isHexDigit)
    return stride(from: 0, to: digits.count, by: 2).compactMap { offset in
        let start = digits.index(digits.startIndex, offsetBy: offset)
        return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16)
    }
}

func snapshotBytes(of tree: DataTree, chunk: Int = 1 << 16) -> [UInt8] {
    var serializer = SnapshotSerializer(view: tree)
    var bytes: [UInt8] = []
    while let next = serializer.next(maxBytes: chunk) { bytes += next }
    return bytes
}

func load(_ bytes: [UInt8], lastApplied: Zxid = .zero) throws -> DataTree {
    var loader = SnapshotLoader()
    _ = try loader.consume(bytes)
    return try loader.finish(lastApplied: lastApplied)
}
