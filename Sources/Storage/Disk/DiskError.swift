/// A file operation that failed: which one, on what, and why.
package struct DiskError: Error, Equatable, Sendable {
    package enum Reason: Equatable, Sendable {
        case notFound
        case alreadyExists
        case notADirectory
        case noSpace
        case notPermitted
        case inputOutput
        /// Another process holds the lock.
        case locked
        /// An earlier sync of this handle failed.
        case poisoned
        /// The simulated machine has lost its power.
        case powerLoss
        case other(number: Int32, text: String)
    }

    package enum Operation: String, Sendable {
        case makeDirectory = "make the directory"
        case list
        case examine
        case open
        case read
        case write
        case resize
        case sync
        case rename
        case remove
        case syncDirectory = "sync the directory"
        case lock
    }

    package var reason: Reason
    package var operation: Operation
    package var path: String

    package init(_ reason: Reason, _ operation: Operation, _ path: String) {
        self.reason = reason
        self.operation = operation
        self.path = path
    }
}

extension DiskError: CustomStringConvertible {
    package var description: String { "cannot \(operation.rawValue) \(path): \(reason)" }
}

extension DiskError.Reason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notFound: "no such file or directory"
        case .alreadyExists: "it exists already"
        case .notADirectory: "not a directory"
        case .noSpace: "no space left on the disk"
        case .notPermitted: "not permitted"
        case .inputOutput: "input/output error"
        case .locked: "another process has locked it"
        case .poisoned: "an earlier sync of this file failed"
        case .powerLoss: "the machine has no power"
        case .other(let number, let text): "\(text) (errno \(number))"
        }
    }
}
