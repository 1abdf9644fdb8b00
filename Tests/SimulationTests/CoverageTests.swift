import Simulation
import Testing

/// The runs would prove nothing if the faults never happened.
@Suite struct CoverageTests {
    @Test func `the seeds reach every fault and every kind of synchronization`() async throws {
        let outcome = await onOwnThread {
            Result { () throws(BrokenPromise) in
                var total = SimulatedEnsemble.Counters()
                for seed in UInt64(1)...20 {
                    var ensemble = SimulatedEnsemble(seed: seed)
                    try ensemble.run()
                    total += ensemble.counters
                }
                return total
            }
        }
        let total = try outcome.get()
        #expect(total.elections > 70)
        #expect(total.crashes > 100)
        #expect(total.wipes > 3)
        #expect(total.damages > 3)
        #expect(total.boundedDamages > 10)
        #expect(total.countedPromises > 0)
        #expect(total.trusts > 30)
        #expect(total.diffs > 120)
        #expect(total.truncs > 5)
        #expect(total.snaps > 40)
        #expect(total.reads > 200)
        #expect(total.syncs > 500)
        #expect(total.acknowledged > 3000)
    }
}
