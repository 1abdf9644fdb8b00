import CLinux
import Glibc

/// Why no figure can be given.
struct LoadError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    /// A system call that failed, with its `errno`.
    static func failed(_ call: String) -> LoadError {
        LoadError("\(call): \(String(cString: strerror(errno)))")
    }
}

/// What load is to be put on, and how.
struct Plan {
    var endpoints: [(address: in_addr, port: UInt16)]
    var connections: Int
    /// Requests on their way at once on a connection (closed loop).
    var depth: Int
    /// Seconds that count.
    var seconds: Double
    /// Seconds before them.
    var warmup: Double
    /// Requests a second, whatever becomes of them (open loop); nil for a closed loop.
    var rate: Double?
    /// How many keys there are, drawn evenly.
    var keys: UInt32
    /// Every key once, in order, instead; the load ends with the last.
    var isSequential: Bool
}

/// Puts load on servers from one thread.
///
/// In a closed loop every answer is followed by the next request. In an open loop requests are due
/// at fixed times, and a latency counts from when its request was due, also while none of the
/// connections was free: what waits for a slow answer is part of it.
final class Generator<D: Dialect> {
    private struct Connection {
        var descriptor: Int32
        var isWelcome = false
        var received: [UInt8] = []
        /// When the requests that have no answer yet were due, oldest first; nanoseconds.
        var due: [UInt64] = []
        var number: Int32 = 0
    }

    private let dialect: D
    private let plan: Plan
    private let epoll: Int32
    private var connections: [Connection] = []
    private var random = SystemRandomNumberGenerator()
    private var nextKey: UInt32 = 0
    private var output: [UInt8] = []
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)

    private var idle: [Int] = []
    /// Requests of an open loop for which no connection was free, from `backlogStart` on.
    private var backlog: [UInt64] = []
    private var backlogStart = 0

    private var countsFrom: UInt64 = 0
    private var end: UInt64 = .max
    private var onTheWay = 0
    private(set) var histogram = Histogram()
    private(set) var failures = 0
    /// Also those before and after the time that counts.
    private(set) var answers = 0
    /// From the first moment that counts to the last answer that does; nanoseconds.
    private(set) var span: UInt64 = 0

    init(_ dialect: D, _ plan: Plan) throws {
        self.dialect = dialect
        self.plan = plan
        epoll = epoll_create1(0)
        guard epoll >= 0 else { throw LoadError.failed("epoll_create1") }
    }

    func run() throws {
        for index in 0..<plan.connections { try open(index) }
        while !connections.allSatisfy(\.isWelcome) { try wait(milliseconds: 10_000) }
        let start = Self.now
        countsFrom = start + UInt64(plan.warmup * 1e9)
        end = plan.isSequential ? .max : countsFrom + UInt64(plan.seconds * 1e9)
        if let rate = plan.rate {
            try runOpen(rate, from: start)
        } else {
            for index in connections.indices { try send(plan.depth, on: index, due: Self.now) }
        }
        // Answers after the end do not count, but the servers are left without open requests.
        while onTheWay > 0 { try wait(milliseconds: 30_000) }
        if !plan.isSequential { span = end - countsFrom }
        for connection in connections { close(connection.descriptor) }
    }

    private func runOpen(_ rate: Double, from start: UInt64) throws {
        idle = Array(connections.indices)
        let timer = timerfd_create(CLOCK_MONOTONIC, Int32(TFD_NONBLOCK))
        guard timer >= 0 else { throw LoadError.failed("timerfd_create") }
        defer { close(timer) }
        var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u64: .max))
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) == 0 else {
            throw LoadError.failed("epoll_ctl")
        }
        var count = 0.0
        while true {
            let now = Self.now
            var due = start + UInt64(count * 1e9 / rate)
            while due <= now, due < end {
                if let index = idle.popLast() {
                    try send(1, on: index, due: due)
                } else {
                    backlog.append(due)
                }
                count += 1
                due = start + UInt64(count * 1e9 / rate)
            }
            guard due < end else { break }
            var setting = itimerspec()
            setting.it_value = timespec(
                tv_sec: Int(due / 1_000_000_000), tv_nsec: Int(due % 1_000_000_000))
            timerfd_settime(timer, Int32(TFD_TIMER_ABSTIME), &setting, nil)
            try wait(milliseconds: 30_000)
        }
    }

    // MARK: One connection

    private func open(_ index: Int) throws {
        let endpoint = plan.endpoints[index % plan.endpoints.count]
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw LoadError.failed("socket") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = endpoint.port.bigEndian
        address.sin_addr = endpoint.address
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        guard connected == 0 else { throw LoadError.failed("connect") }
        var on: Int32 = 1
        setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        var event = epoll_event(
            events: EPOLLIN.rawValue, data: epoll_data_t(u64: UInt64(index)))
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
            throw LoadError.failed("epoll_ctl")
        }
        let greeting = dialect.greeting
        connections.append(Connection(descriptor: descriptor, isWelcome: greeting.isEmpty))
        if !greeting.isEmpty { try transmit(greeting, on: descriptor) }
    }

    private func send(_ count: Int, on index: Int, due: UInt64) throws {
        output.removeAll(keepingCapacity: true)
        for _ in 0..<count {
            guard let key = drawKey() else { break }
            connections[index].number += 1
            dialect.appendRequest(number: connections[index].number, key: key, to: &output)
            connections[index].due.append(due)
            onTheWay += 1
        }
        if !output.isEmpty { try transmit(output, on: connections[index].descriptor) }
    }

    private func drawKey() -> UInt32? {
        guard plan.isSequential else { return .random(in: 0..<plan.keys, using: &random) }
        guard nextKey < plan.keys else { return nil }
        defer { nextKey += 1 }
        return nextKey
    }

    private func transmit(_ bytes: [UInt8], on descriptor: Int32) throws {
        // The few requests of a connection fit into its buffer; the call blocks if they do not.
        let sent = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        guard sent == bytes.count else { throw LoadError.failed("send") }
    }

    private func wait(milliseconds: Int32) throws {
        try withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 256) { events in
            let count = epoll_wait(epoll, events.baseAddress, 256, milliseconds)
            guard count > 0 else { throw LoadError("no answer for \(milliseconds) ms") }
            for event in events[..<Int(count)] where event.data.u64 != .max {
                try receive(Int(event.data.u64))
            }
        }
    }

    private func receive(_ index: Int) throws {
        let count = recv(connections[index].descriptor, input.baseAddress, input.count, 0)
        guard count > 0 else {
            throw count == 0 ? LoadError("the server has hung up") : LoadError.failed("recv")
        }
        let bytes = UnsafeRawBufferPointer(rebasing: input[..<count])
        if connections[index].received.isEmpty {
            // Nearly always: whole answers, read where they lie.
            let used = try take(bytes, on: index)
            connections[index].received.append(contentsOf: bytes[used...])
        } else {
            connections[index].received.append(contentsOf: bytes)
            let received = connections[index].received
            let used = try received.withUnsafeBytes { try take($0, on: index) }
            connections[index].received.removeFirst(used)
        }
    }

    /// Takes the whole answers at the beginning, and lets as many requests follow.
    ///
    /// - Returns: How many bytes they were.
    private func take(_ bytes: UnsafeRawBufferPointer, on index: Int) throws -> Int {
        var used = 0
        if !connections[index].isWelcome {
            guard let length = dialect.welcomeLength(bytes) else { return 0 }
            connections[index].isWelcome = true
            used = length
        }
        let now = Self.now
        var answers = 0
        while used < bytes.count,
            let answer = dialect.answer(UnsafeRawBufferPointer(rebasing: bytes[used...]))
        {
            used += answer.length
            let due = connections[index].due[answers]
            answers += 1
            guard now >= countsFrom, now < end else { continue }
            span = now - countsFrom
            if answer.isGood { histogram.record(now - due) } else { failures += 1 }
        }
        guard answers > 0 else { return used }
        connections[index].due.removeFirst(answers)
        self.answers += answers
        onTheWay -= answers
        if plan.rate != nil {
            try serveBacklog(index)
        } else if now < end {
            try send(answers, on: index, due: now)
        }
        return used
    }

    private func serveBacklog(_ index: Int) throws {
        guard backlogStart < backlog.count else { return idle.append(index) }
        let due = backlog[backlogStart]
        backlogStart += 1
        if backlogStart == 4_096 {
            backlog.removeFirst(backlogStart)
            backlogStart = 0
        }
        try send(1, on: index, due: due)
    }

    /// Steady time in nanoseconds.
    private static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
