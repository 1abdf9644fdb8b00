import Simulation
import Testing

/// Whole nodes, storage and request pipeline included. `AVIARY_SEED=n` replays one run.
///
/// One seed at a time, as with `AgreementTests`.
@Suite(.serialized) struct NodeSimulationTests {
    static var seeds: [UInt64] {
        if let seed = AgreementTests.environment("AVIARY_SEED").flatMap(UInt64.init) {
            return [seed]
        }
        return Array(
            1...(AgreementTests.environment("AVIARY_NODE_SEEDS").flatMap(UInt64.init) ?? 500))
    }

    @Test(arguments: seeds)
    func `what clients were told is what is there`(seed: UInt64) async {
        let keepsTrace = AgreementTests.environment("AVIARY_SEED") != nil
        let ending = await onOwnThread {
            let simulation = NodeSimulation(seed: seed, keepsTrace: keepsTrace)
            do {
                try simulation.run()
                return Ending()
            } catch {
                return Ending(broken: "\(error)", trace: simulation.trace)
            }
        }
        guard let broken = ending.broken else { return }
        for line in ending.trace { print(line) }
        Issue.record(
            "\(broken); replay with AVIARY_SEED=\(seed) swift test --filter NodeSimulation")
    }
}

/// One node's disk is mistaken for that of another ensemble's node, with higher zxids.
@Suite(.serialized) struct StrangeDiskTests {
    static let count: UInt64 = 15

    @Test func `a node with another ensemble's data is held and changes nothing`() async throws {
        let outcome = await onOwnThread {
            Result { () throws(BrokenPromise) in
                let other = NodeSimulation(seed: 1_000)
                try other.run()
                let disk = other.disk(of: 3)
                var total = NodeSimulation.Counters()
                for seed in 1...StrangeDiskTests.count {
                    let simulation = NodeSimulation(seed: seed, strangeDisk: disk.map { (3, $0) })
                    do throws(BrokenPromise) {
                        try simulation.run()
                    } catch {
                        print("with seed \(seed)")
                        throw error
                    }
                    total += simulation.counters
                }
                return total
            }
        }
        let total = try outcome.get()
        #expect(total.strangers > Int(StrangeDiskTests.count) / 2)
        #expect(total.inspections > total.strangers / 2)
    }
}

/// The runs would prove nothing if nothing happened in them.
@Suite struct NodeSimulationCoverageTests {
    @Test func `writes are acknowledged, denied and lost sight of`() async throws {
        let outcome = await onOwnThread {
            Result { () throws(BrokenPromise) in
                var total = NodeSimulation.Counters()
                for seed in UInt64(1)...16 {
                    let simulation = NodeSimulation(seed: seed)
                    try simulation.run()
                    total += simulation.counters
                }
                return total
            }
        }
        let total = try outcome.get()
        print(total)
        #expect(total.acknowledged > 200)
        #expect(total.denied > 0)
        #expect(total.reads > 50)
        #expect(total.crashes > 20)
        #expect(total.snapshots > 0)
        #expect(total.boundedLosses > 5)
        #expect(total.heals > 5)
        #expect(total.doubts > 5)
    }
}
