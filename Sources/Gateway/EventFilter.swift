import HTTPServer
import Jute
import Waits
import ZnodeTree

/// Which events a client wants.
struct EventFilter: Sendable {
    let paths: Set<ZnodePath>
    let scope: Interest.Scope
    let kinds: Interest.Kinds
    let includesValue: Bool

    private static let mostPaths = 1_000

    /// - Throws: `bad-parameter`, `bad-path`.
    init(_ query: Query) throws(Problem) {
        let texts = try query.texts("path")
        guard (1...EventFilter.mostPaths).contains(texts.count) else {
            throw Problem(
                .badParameter,
                "The parameter path is there once to \(EventFilter.mostPaths) times.")
        }
        var paths: Set<ZnodePath> = []
        for text in texts { paths.insert(try ZnodePath.checked(Array(text.utf8))) }
        self.paths = paths
        scope = try query.choice("scope", Interest.Scope.self) ?? .node
        kinds = try EventFilter.kinds(query.text("types"), scope)
        switch try query.text("include") {
        case nil: includesValue = false
        case "value": includesValue = true
        default: throw Problem(.badParameter, "The parameter include is value.")
        }
    }

    private static func kinds(
        _ text: String?, _ scope: Interest.Scope
    ) throws(Problem) -> Interest.Kinds {
        guard let text else {
            let all = Interest.Kinds.all
            return scope == .node ? all : all.subtracting(.childrenChanged)
        }
        var kinds: Interest.Kinds = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let kind = Event.Kind(rawValue: String(name)) else {
                let list = Event.Kind.allCases.map(\.rawValue).joined(separator: ", ")
                throw Problem(.badParameter, "The parameter types lists some of \(list).")
            }
            kinds.insert(kind.kinds)
        }
        return kinds
    }

    /// What to wait for.
    var interests: [Interest] {
        paths.sorted().map { Interest($0, scope, kinds) }
    }

    func matches(_ event: Event) -> Bool {
        guard kinds.contains(event.kind.kinds) else { return false }
        switch scope {
        case .node:
            return paths.contains(event.path)
        case .children:
            guard let parent = event.path.parent else { return false }
            return paths.contains(parent) && !SystemPath.isHidden(event.path, from: parent)
        case .subtree:
            var ancestor: ZnodePath? = event.path
            while let path = ancestor {
                if paths.contains(path), !SystemPath.isHidden(event.path, from: path) {
                    return true
                }
                ancestor = path.parent
            }
            return false
        }
    }
}
