private import Glibc

/// Lets one thread sleep until another one wakes it or a time has passed.
///
/// A wake-up that comes first is not lost: the next `park` returns at once.
final class Parker: @unchecked Sendable {
    // Sendable because everything below is touched under `mutex` only, and the three are made
    // before anybody can share this object and destroyed once nobody does.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var isAwake = false

    init() {
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// - Parameter milliseconds: How long at most; nil for ever.
    /// - Returns: False when the time has passed without a wake-up.
    func park(milliseconds: Int?) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        defer { isAwake = false }
        guard let milliseconds else {
            while !isAwake { pthread_cond_wait(condition, mutex) }
            return true
        }
        var deadline = timespec()
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        let nanoseconds = deadline.tv_nsec + milliseconds % 1000 * 1_000_000
        deadline.tv_sec += milliseconds / 1000 + nanoseconds / 1_000_000_000
        deadline.tv_nsec = nanoseconds % 1_000_000_000
        while !isAwake {
            if pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT { return isAwake }
        }
        return true
    }

    func unpark() {
        pthread_mutex_lock(mutex)
        isAwake = true
        pthread_mutex_unlock(mutex)
        pthread_cond_signal(condition)
    }
}

/// A thread of our own, for calls that block.
struct PosixThread: Sendable {
    private let handle: pthread_t

    private final class Start: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) {
            self.body = body
        }
    }

    init(_ body: @escaping @Sendable () -> Void) {
        let start = Unmanaged.passRetained(Start(body))
        var handle = pthread_t()
        let result = pthread_create(
            &handle, nil,
            { argument in
                guard let argument else { return nil }
                // Releases what was retained for this thread.
                Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, start.toOpaque())
        precondition(result == 0, "a thread cannot be made: error \(result)")
        self.handle = handle
    }

    /// Waits for its end. Called once.
    func join() {
        pthread_join(handle, nil)
    }

    var isCurrent: Bool { pthread_equal(handle, pthread_self()) != 0 }
}
