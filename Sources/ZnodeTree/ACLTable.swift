import Jute

/// Every access control list once, under a number that znodes keep.
///
/// Counts how many znodes refer to a list and forgets it with the last one.
///
/// - Source: storage format reference, section 4.1 (aclId).
struct ACLTable: Sendable {
    /// `world:anyone` with everything, of the built-in znodes only: never in a snapshot's map.
    static let open = UInt32.max
    /// `world:anyone` may read, of `/zookeeper/config`.
    static let config: UInt32 = 1

    private struct Entry: Sendable {
        var list: [ACL]
        var uses: Int
    }

    /// Entries by number, in pages so that no change copies them all.
    private var pages: [[Entry]] = [[]]
    private var count: UInt32 = 0
    private var free: [UInt32] = []
    private var numbers = ShardedDictionary<[ACL], UInt32>()
    /// Most znodes get the list that the znode before them got.
    private var latest: (list: [ACL], number: UInt32)?

    private static let pageSize: UInt32 = 256

    init() {
        append(Entry(list: [], uses: 1))
        append(Entry(list: [ACL(.read, .anyone)], uses: 0))
        numbers[[ACL(.read, .anyone)]] = Self.config
    }

    subscript(number: UInt32) -> [ACL] {
        number == Self.open ? ACL.open : entry(number).list
    }

    /// The number of a list, for one more use of it.
    mutating func retain(_ list: [ACL]) -> UInt32 {
        if let latest, latest.list == list, self.entry(latest.number).uses > 0 {
            update(latest.number) { $0.uses += 1 }
            return latest.number
        }
        let number: UInt32
        if let known = numbers[list] {
            number = known
            update(number) { $0.uses += 1 }
        } else {
            let entry = Entry(list: list, uses: 1)
            if let reused = free.popLast() {
                number = reused
                update(number) { $0 = entry }
            } else {
                number = append(entry)
            }
            numbers[list] = number
        }
        latest = (list, number)
        return number
    }

    mutating func retain(number: UInt32) {
        if number != Self.open { update(number) { $0.uses += 1 } }
    }

    mutating func release(_ number: UInt32) {
        guard number != Self.open else { return }
        update(number) { $0.uses -= 1 }
        guard entry(number).uses == 0, number != Self.config else { return }
        numbers[entry(number).list] = nil
        update(number) { $0.list = [] }
        free.append(number)
        if latest?.number == number { latest = nil }
    }

    /// The numbers that znodes refer to, ascending, without `open`.
    var used: [UInt32] {
        (Self.config..<count).filter { entry($0).uses > 0 }
    }

    private func entry(_ number: UInt32) -> Entry {
        pages[Int(number / Self.pageSize)][Int(number % Self.pageSize)]
    }

    private mutating func update(_ number: UInt32, _ change: (inout Entry) -> Void) {
        change(&pages[Int(number / Self.pageSize)][Int(number % Self.pageSize)])
    }

    @discardableResult
    private mutating func append(_ entry: Entry) -> UInt32 {
        if pages[pages.count - 1].count == Int(Self.pageSize) { pages.append([]) }
        pages[pages.count - 1].append(entry)
        count += 1
        return count - 1
    }
}
