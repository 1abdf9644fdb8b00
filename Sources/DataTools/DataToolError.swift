import Storage

/// Why a tool cannot do what it was asked: one line for whoever typed the command.
package enum DataToolError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is nothing that can be read.
    case unreadable(String)
    /// The state asked for is not in these files.
    case outOfReach(String)
    /// It would overwrite or disturb something.
    case refused(String)

    package var description: String {
        switch self {
        case .unreadable(let reason), .outOfReach(let reason), .refused(let reason): reason
        }
    }

    init(_ error: StorageError) {
        self = .unreadable("\(error)")
    }
}

/// Runs work on the disk, and says in one line what was wrong with it.
func reading<Result>(
    _ body: () throws(StorageError) -> Result
) throws(DataToolError) -> Result {
    do throws(StorageError) {
        return try body()
    } catch {
        throw DataToolError(error)
    }
}
