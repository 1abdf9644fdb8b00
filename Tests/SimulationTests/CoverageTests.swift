import Simulation
import Testing

/// The runs would prove nothing if the faults never happened.
@Suite struct CoverageTests {
    @Test func `the seeds reach every kind of synchronization`() throws {
        var total = SimulatedEnsemble.Counters()
        for seed in UInt64(1)...20 {
            var ensemble = SimulatedEnsemble(seed: seed)
            try ensemble.run()
            total += ensemble.counters
        }
        print(total)
        #expect(total.elections > 100)
        #expect(total.crashes > 100)
        #expect(total.diffs > 100)
        #expect(total.truncs > 5)
        #expect(total.snaps > 20)
        #expect(total.reads > 200)
        #expect(total.acknowledged > 5000)
    }
}
