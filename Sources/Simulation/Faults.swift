/// How hostile the simulated world is. Rates are "once in that many", times are milliseconds.
package struct Faults: Sendable {
    /// Longest delay of a message.
    package var delay: Int64 = 5
    /// Longest time a sync of the log takes.
    package var syncDelay: Int64 = 8
    /// Election messages lost, and doubled.
    package var lossRate = 20
    package var duplicationRate = 20
    /// Mean time between two disturbances: a crash, a restart, a partition, a healing.
    package var disturbanceInterval: Int64 = 1500
    /// How long a disturbance may last before the world heals it.
    package var chaosDuration: Int64 = 30_000
    /// Crashes in the middle of the effects of one step.
    package var crashDuringStepRate = 3000
    /// Whether every server begins with an empty disk that nobody vouches for.
    package var beginsEmpty = false

    package init() {}

    package static func random(using random: inout SeededGenerator) -> Faults {
        var faults = Faults()
        faults.delay = Int64.random(in: 1...40, using: &random)
        faults.syncDelay = Int64.random(in: 1...60, using: &random)
        faults.lossRate = Int.random(in: 3...100, using: &random)
        faults.duplicationRate = Int.random(in: 3...100, using: &random)
        faults.disturbanceInterval = Int64.random(in: 300...2500, using: &random)
        faults.crashDuringStepRate = Int.random(in: 200...5000, using: &random)
        faults.beginsEmpty = random.oneIn(2)
        return faults
    }
}
