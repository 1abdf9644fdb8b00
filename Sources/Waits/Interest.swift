package import Jute
import ZnodeTree

/// What somebody waits for: changes of some kinds at a path, or around it.
package struct Interest: Hashable, Sendable {
    /// Which znodes are meant.
    package enum Scope: String, CaseIterable, Sendable {
        /// The path itself.
        case node
        /// Its direct children.
        case children
        /// The path and everything below it.
        case subtree
    }

    /// What happens to a znode.
    package struct Kinds: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8

        package init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        package static let created = Kinds(rawValue: 1)
        package static let dataChanged = Kinds(rawValue: 2)
        package static let deleted = Kinds(rawValue: 4)
        package static let aclChanged = Kinds(rawValue: 8)
        /// The list of its children changed.
        package static let childrenChanged = Kinds(rawValue: 16)
        package static let all: Kinds = [
            .created, .dataChanged, .deleted, .aclChanged, .childrenChanged,
        ]

        init(_ kind: Change.Kind) {
            switch kind {
            case .created: self = .created
            case .dataChanged: self = .dataChanged
            case .deleted: self = .deleted
            case .aclChanged: self = .aclChanged
            }
        }
    }

    package var path: ZnodePath
    package var scope: Scope
    package var kinds: Kinds

    package init(_ path: ZnodePath, _ scope: Scope = .node, _ kinds: Kinds = .all) {
        self.path = path
        self.scope = scope
        self.kinds = kinds
    }
}
