import Simulation
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// One run per seed. `AVIARY_SEED=n` replays one, `AVIARY_SEEDS=n` sets how many fresh ones run.
@Suite struct AgreementTests {
    static var seeds: [UInt64] {
        if let seed = environment("AVIARY_SEED").flatMap(UInt64.init) { return [seed] }
        let count = environment("AVIARY_SEEDS").flatMap(UInt64.init) ?? 500
        return Array(1...count)
    }

    static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    @Test(arguments: seeds)
    func `every promise holds through crashes, partitions and lost messages`(seed: UInt64) {
        var ensemble = SimulatedEnsemble(
            seed: seed, keepsTrace: Self.environment("AVIARY_SEED") != nil)
        do {
            try ensemble.run()
        } catch {
            for line in ensemble.trace { print(line) }
            Issue.record("\(error); replay with AVIARY_SEED=\(seed) swift test --filter Agreement")
        }
    }
}
