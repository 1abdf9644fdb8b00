import Testing
import Waits

@Suite struct TimerWheelTests {
    @Test func `deadlines come in order, never early, at most a tick late`() {
        var wheel = TimerWheel<Int>(tickMs: 10, slotCount: 16, now: 1_000)
        for deadline in [1_500, 1_001, 1_005, 1_011, 1_160, 9_999, 1_010] {
            _ = wheel.set(deadline, at: Int64(deadline))
        }
        var come: [Int] = []
        for now in stride(from: Int64(1_000), through: 10_000, by: 5) {
            for deadline in wheel.advance(to: now) {
                #expect(Int64(deadline) <= now && now < Int64(deadline) + 10)
                come.append(deadline)
            }
        }
        #expect(come == [1_001, 1_005, 1_010, 1_011, 1_160, 1_500, 9_999])
        #expect(wheel.count == 0)
    }

    @Test func `what is cancelled does not come`() {
        var wheel = TimerWheel<String>(tickMs: 10, slotCount: 4, now: 0)
        let first = wheel.set("first", at: 50)
        let second = wheel.set("second", at: 50)
        wheel.cancel(first)
        #expect(wheel.advance(to: 100) == ["second"])
        let third = wheel.set("third", at: 200)
        wheel.cancel(third)
        #expect(wheel.count == 0)
        #expect(wheel.advance(to: 300) == [])
        _ = second
    }

    @Test func `a long pause loses nothing`() {
        var wheel = TimerWheel<Int>(tickMs: 10, slotCount: 8, now: 0)
        for index in 0..<200 { _ = wheel.set(index, at: Int64(index) * 7) }
        #expect(wheel.advance(to: 1_000_000) == Array(0..<200))
    }

    @Test func `a deadline that has passed comes with the next tick`() {
        var wheel = TimerWheel<Int>(tickMs: 10, slotCount: 8, now: 500)
        _ = wheel.set(1, at: 3)
        #expect(wheel.advance(to: 509) == [])
        #expect(wheel.advance(to: 510) == [1])
    }
}
