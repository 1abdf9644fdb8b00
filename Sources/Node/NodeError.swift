/// Why a node cannot start or go on: one line for its operator.
package struct NodeError: Error, Equatable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) {
        self.description = description
    }
}
