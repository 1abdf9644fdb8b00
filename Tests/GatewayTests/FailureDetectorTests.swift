import Testing
import Zab

@testable import Gateway

/// Who has failed and how, from what is known at each moment.
@Suite struct FailureDetectorTests {
    private static let patience = Duration.seconds(4)

    /// A detector, and a clock that only the test moves.
    private struct Scene {
        var now = ContinuousClock.now
        var detector: FailureDetector
        var evidence = PeerEvidence()

        init() {
            detector = FailureDetector(patience: patience, now: now)
            evidence.hasAddress = true
            evidence.isConnected = true
            evidence.heardAt = now
        }

        /// Lets time pass in small steps, as the node does.
        mutating func pass(
            _ time: Duration,
            _ change: (inout PeerEvidence, ContinuousClock.Instant) -> Void =
                { _, _ in }
        ) -> [FailureDetector.News] {
            var news: [FailureDetector.News] = []
            let end = now + time
            while now < end {
                now += .milliseconds(200)
                change(&evidence, now)
                news += detector.look(at: [2: evidence], now: now)
            }
            return news
        }

        var health: PeerHealth { detector.health(of: 2) }
    }

    @Test func `whoever is heard is up`() {
        var scene = Scene()
        #expect(scene.pass(.seconds(20)) { $0.heardAt = $1 } == [])
        #expect(scene.health.isUp)
        #expect(scene.health.failure == nil)
        #expect(scene.detector.counts(of: 2) == [:])
    }

    @Test func `one that is missed once is not down`() {
        var scene = Scene()
        #expect(scene.pass(Self.patience / 2) == [])
        #expect(scene.health.isUp)
        #expect(scene.detector.isWorried == false)
        _ = scene.pass(.milliseconds(400))
        #expect(scene.detector.isWorried)
        #expect(scene.pass(.seconds(1)) { $0.heardAt = $1 } == [])
    }

    @Test func `a silent member is known within the patience, told once and counted once`() {
        var scene = Scene()
        let news = scene.pass(Self.patience)
        #expect(news.map(\.failure) == [.silent])
        #expect(news[0].peer == 2)
        #expect(news[0].after >= Self.patience * 3 / 4)
        #expect(!scene.health.isUp)
        #expect(scene.pass(.seconds(60)) == [])
        #expect(scene.detector.counts(of: 2) == [.silent: 1])

        let end = scene.pass(.milliseconds(400)) { $0.heardAt = $1 }
        #expect(end.map(\.failure) == [nil])
        #expect(end[0].after >= .seconds(60))
        #expect(scene.health.isUp)
    }

    @Test func `a process that is gone is known at once`() {
        var scene = Scene()
        _ = scene.pass(.seconds(1)) { $0.heardAt = $1 }
        let news = scene.pass(.milliseconds(200)) { evidence, _ in
            evidence.isConnected = false
            evidence.isRefused = true
        }
        #expect(news.map(\.failure) == [.gone])
        #expect(!scene.health.isUp)
    }

    @Test func `one of its two connections is not the process`() {
        var scene = Scene()
        #expect(
            scene.pass(.seconds(10)) { evidence, now in
                evidence.heardAt = now
                evidence.isRefused = true
            } == [])
        #expect(
            scene.pass(.seconds(10)) { evidence, now in
                evidence.heardAt = now
                evidence.isRefused = false
                evidence.isConnected = false
            } == [])
    }

    @Test func `a server without HTTP is gone when its connection is`() {
        var scene = Scene()
        scene.evidence.hasAddress = false
        _ = scene.pass(.seconds(1)) { $0.heardAt = $1 }
        let news = scene.pass(Self.patience / 2) { evidence, _ in evidence.isConnected = false }
        #expect(news.map(\.failure) == [.gone])
    }

    @Test func `a connection that is exchanged for another is no failure`() {
        var scene = Scene()
        scene.evidence.hasAddress = false
        #expect(
            scene.pass(.milliseconds(600)) { evidence, now in
                evidence.heardAt = now
                evidence.isConnected = false
            } == [])
        #expect(
            scene.pass(.seconds(1)) { evidence, now in
                evidence.heardAt = now
                evidence.isConnected = true
            } == [])
    }

    @Test func `one that others still hear is cut off from here`() {
        var scene = Scene()
        let news = scene.pass(Self.patience) { $0.heardByOthersAt = $1 - .milliseconds(500) }
        #expect(news.map(\.failure) == [.cut])
    }

    @Test func `what others heard at about the same time is no sign of life`() {
        var scene = Scene()
        let heardLast = scene.now + .milliseconds(1_000)
        let news = scene.pass(Self.patience) {
            $0.heardByOthersAt = min($1, heardLast)
            $0.heardUsAt = $0.heardByOthersAt
        }
        #expect(news.map(\.failure) == [.silent])
    }

    @Test func `one that is not heard and hears this node is a link of one way`() {
        var scene = Scene()
        let news = scene.pass(Self.patience) { evidence, now in
            evidence.heardByOthersAt = now
            evidence.heardUsAt = now - .milliseconds(500)
        }
        #expect(news.map(\.failure) == [.oneWay])
        #expect(!scene.health.isUp)
    }

    @Test func `one that is heard and does not hear this node is so too, and is up`() {
        var scene = Scene()
        let news = scene.pass(Self.patience) { evidence, now in
            evidence.heardAt = now
            evidence.isDeaf = true
        }
        #expect(news.map(\.failure) == [.oneWay])
        #expect(scene.health.isUp)
        let end = scene.pass(.milliseconds(400)) { evidence, now in
            evidence.heardAt = now
            evidence.isDeaf = false
        }
        #expect(end.map(\.failure) == [nil])
    }

    @Test func `a misunderstanding of a moment is none`() {
        var scene = Scene()
        #expect(
            scene.pass(Self.patience / 4) { evidence, now in
                evidence.heardAt = now
                evidence.isDeaf = true
            } == [])
    }

    @Test func `a node that stood still blames nobody for what it did not hear`() {
        var scene = Scene()
        _ = scene.pass(.seconds(1)) { $0.heardAt = $1 }
        scene.now += .seconds(60)
        #expect(scene.pass(.milliseconds(600)) == [])
        #expect(scene.health.isUp)
        #expect(scene.pass(Self.patience).map(\.failure) == [.silent])
    }

    @Test func `a member that never came is told of after the patience`() {
        var scene = Scene()
        scene.evidence = PeerEvidence()
        scene.evidence.hasAddress = true
        #expect(scene.pass(Self.patience / 2) == [])
        #expect(!scene.health.isUp)
        #expect(scene.pass(Self.patience / 2).map(\.failure) == [.silent])
    }
}

@Suite struct ClockWatchTests {
    @Test func `a clock that runs like the other has not jumped`() {
        var watch = ClockWatch()
        let start = ContinuousClock.now
        for second in 0..<100 {
            // It may drift, and be slewed.
            let wall = Duration.seconds(1_700_000_000) + .milliseconds(1_005 * second)
            #expect(watch.look(wall: wall, steady: start + .seconds(second)) == nil)
        }
        #expect(watch.jumps == 0)
        #expect(!watch.hasJumped(now: start))
    }

    @Test(arguments: [3_600, -3_600, 2, -2])
    func `a jump is told once, and for a while`(seconds: Int) {
        var watch = ClockWatch()
        let start = ContinuousClock.now
        #expect(watch.look(wall: .seconds(1_000_000), steady: start) == nil)
        let later = start + .milliseconds(200)
        let wall = Duration.seconds(1_000_000 + seconds) + .milliseconds(200)
        #expect(watch.look(wall: wall, steady: later) == .seconds(seconds))
        #expect(watch.look(wall: wall, steady: later) == nil)
        #expect(watch.hasJumped(now: later + .seconds(59)))
        #expect(!watch.hasJumped(now: later + .seconds(61)))
        #expect(watch.jumps == 1)
    }

    @Test(
        arguments: [
            ([], false), ([0], false), ([5], true), ([-5], true), ([5, 0], false), ([5, 5], true),
            ([0, 0, 5, 5], false), ([5, 5, 5, 0], true), ([1, 1], false),
        ] as [([Int], Bool)])
    func `the clock that differs from most is the wrong one`(offsets: [Int], isSkewed: Bool) {
        var watch = ClockWatch()
        let seconds = offsets.map { Duration.seconds($0) }
        #expect(watch.compare(seconds) == isSkewed)
        #expect(watch.isSkewed == isSkewed)
        #expect(watch.compare(seconds) == false, "told once")
    }
}
