/// Quota accounting: the data of `zookeeper_stats` follows its subtree without a trace in stats.
///
/// Every znode that is really added, removed or changed is counted, so that the numbers stay those
/// of the tree in replay too.
extension DataTree {
    /// Counts a change at `path` for the deepest quota around it.
    mutating func account(_ path: [UInt8], count: Int64, bytes: Int64) {
        guard let subject = quotas.deepest(around: path) else { return }
        let statsPath = Quotas.statsPath(of: subject)
        guard let number = store.find(statsPath[...]),
            var stats = QuotaValues(text: store.data(of: number).map { Array($0) } ?? [])
        else { return }
        stats.count += count
        stats.bytes += bytes
        replaceData(of: number, path: statsPath, with: stats.statsText)
    }

    /// Looks whether a new znode begins a quota or asks for its numbers.
    mutating func noteQuotaNode(_ path: [UInt8], slash: Int) {
        let name = path[(slash + 1)...]
        let isLimits = name.elementsEqual(Quotas.limitsName)
        guard isLimits || name.elementsEqual(Quotas.statsName),
            let subject = Quotas.subject(ofParent: path[..<slash])
        else { return }
        if isLimits {
            quotas.add(subject)
        } else {
            recount(subject)
        }
    }

    mutating func accountForRemoval(of number: UInt32) {
        let path = store.path(of: number)
        if let slash = path.lastIndex(of: ZnodeStore.slash),
            path[(slash + 1)...].elementsEqual(Quotas.limitsName),
            let subject = Quotas.subject(ofParent: path[..<slash])
        {
            quotas.remove(subject)
        }
        account(path, count: -1, bytes: -Int64(max(0, store[number].dataLength)))
    }

    /// Finds all quotas again and counts their subtrees; after a snapshot is loaded.
    mutating func restoreQuotas() {
        guard let top = store.find(Quotas.prefix[...]) else { return }
        var found: [[UInt8]] = []
        forEachDescendant(of: top) { number in
            guard store.name(of: number).elementsEqual(Quotas.limitsName) else { return }
            let subject = store.path(of: store[number].parent).dropFirst(Quotas.prefix.count)
            found.append(Array(subject))
        }
        for subject in found {
            quotas.add(subject[...])
            recount(subject[...])
        }
    }

    private mutating func recount(_ subject: ArraySlice<UInt8>) {
        let statsPath = Quotas.statsPath(of: subject)
        guard let number = store.find(statsPath[...]) else { return }
        var stats = QuotaValues(count: 0, bytes: 0)
        if let top = store.find(subject) {
            forEachDescendant(of: top) { number in
                stats.count += 1
                stats.bytes += Int64(max(0, store[number].dataLength))
            }
        }
        replaceData(of: number, path: statsPath, with: stats.statsText)
    }

    /// Calls `body` with a znode and everything below it, parents first.
    func forEachDescendant(of top: UInt32, _ body: (UInt32) -> Void) {
        body(top)
        // Subtrees of siblings that are still to be visited, and of children.
        var pending = [store[top].children]
        while let number = pending.popLast() {
            guard number != ZnodeRecord.none else { continue }
            body(number)
            pending.append(store[number].right)
            pending.append(store[number].left)
            pending.append(store[number].children)
        }
    }
}
