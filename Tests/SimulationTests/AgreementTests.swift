import Simulation
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// One run per seed. `AVIARY_SEED=n` replays one, `AVIARY_SEEDS=n` sets how many fresh ones run.
///
/// One seed at a time: hundreds of them at once would leave nothing of the machine to other tests.
@Suite(.serialized) struct AgreementTests {
    static var seeds: [UInt64] {
        if let seed = environment("AVIARY_SEED").flatMap(UInt64.init) { return [seed] }
        let count = environment("AVIARY_SEEDS").flatMap(UInt64.init) ?? 500
        return Array(1...count)
    }

    static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    @Test(arguments: seeds)
    func `every promise holds through crashes, partitions and lost messages`(seed: UInt64) async {
        let keepsTrace = Self.environment("AVIARY_SEED") != nil
        let ending = await onOwnThread {
            var ensemble = SimulatedEnsemble(seed: seed, keepsTrace: keepsTrace)
            do {
                try ensemble.run()
                return Ending()
            } catch {
                return Ending(broken: "\(error)", trace: ensemble.trace)
            }
        }
        guard let broken = ending.broken else { return }
        for line in ending.trace { print(line) }
        Issue.record("\(broken); replay with AVIARY_SEED=\(seed) swift test --filter Agreement")
    }
}
