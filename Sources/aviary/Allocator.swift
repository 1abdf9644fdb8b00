private import CJemalloc
import Foundation
import Logging

/// What stands behind `malloc` in this process.
enum Allocator {
    /// The version of jemalloc; "none" if it is another allocator.
    static var version: String { CJemallocVersion().map { String(cString: $0) } ?? "none" }

    /// Has what is not used any more given back to the system after a second.
    ///
    /// Whoever sets MALLOC_CONF tunes the allocator himself.
    ///
    /// - Parameter logger: Is told if that is not to be had.
    static func returnUnusedMemory(_ logger: Logger) {
        guard ProcessInfo.processInfo.environment["MALLOC_CONF"] == nil else { return }
        let code = CJemallocReturnUnusedMemory()
        if code != 0 {
            let reason = String(cString: strerror(code))
            logger.warning("memory that is free is given back late: \(reason)")
        }
    }
}
