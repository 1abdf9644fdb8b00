import HTTPServer
import Jute
import Replica
import ZnodeTree

/// One operation of `POST /v1/reads`.
private enum ReadOperation: Sendable {
    case get(ZnodePath)
    case children(ZnodePath)

    init(_ value: JSONValue) throws(Problem) {
        guard case .object(let object) = value, let name = object["op"]?.text,
            case .string(let bytes)? = object["path"]
        else {
            throw Problem(.badRequest, #"An operation is {"op":"get"|"children","path"}."#)
        }
        try object.checkNames(["op", "path"])
        let path = try ZnodePath.checked(bytes)
        switch name {
        case "get": self = .get(path)
        case "children": self = .children(path)
        default: throw Problem(.badRequest, "op is get or children.")
        }
    }

    var path: ZnodePath {
        switch self {
        case .get(let path), .children(let path): path
        }
    }
}

extension Gateway {
    private static let mostReads = 10_000
    /// Results behind this many bytes are refused one by one.
    private static let largestReads = 16 << 20

    /// `POST /v1/reads`: several reads of one state.
    func readSeveral(_ call: Call) throws(Problem) -> HTTPResponse? {
        try call.refuseConditions()
        try ZnodeBody.checkEncoding(call.headers)
        guard case .object(let object) = try JSONParser.parse(call.request.body),
            case .array(let values)? = object["operations"],
            (1...Gateway.mostReads).contains(values.count)
        else {
            throw Problem(
                .badRequest, #"The body is {"operations":[…]} with 1 to \#(Gateway.mostReads)."#)
        }
        try object.checkNames(["operations"])
        var operations: [ReadOperation] = []
        for value in values { operations.append(try ReadOperation(value)) }
        let all = operations
        return try whenFresh(call) { () throws(Problem) in self.perform(all, call) }
    }

    private func perform(_ operations: [ReadOperation], _ call: Call) -> HTTPResponse {
        let tree = node.served.view()
        var json = JSONWriter(reserving: 512 * operations.count)
        json.beginObject()
        json.key("zxid")
        json.zxid(tree.lastApplied)
        json.key("results")
        json.beginArray()
        for operation in operations {
            json.beginObject()
            do throws(Problem) {
                guard json.bytes.count < Gateway.largestReads else {
                    throw Problem(.tooLarge, path: operation.path)
                }
                try perform(operation, tree, call, &json)
            } catch {
                json.key("status")
                json.integer(error.status)
                json.key("code")
                json.string(error.code.rawValue)
                json.key("path")
                json.string(utf8: operation.path.bytes)
            }
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return self.json(call, zxid: tree.lastApplied, json.bytes)
    }

    private func perform(
        _ operation: ReadOperation, _ tree: DataTree, _ call: Call, _ json: inout JSONWriter
    ) throws(Problem) {
        let path = operation.path
        guard let znode = tree.find(path) else { throw Problem(.noNode, path: path) }
        try check(.read, on: path, tree.acl(of: znode), call.credentials)
        json.key("status")
        json.integer(200)
        switch operation {
        case .get:
            json.key("path")
            json.string(utf8: path.bytes)
            json.data(tree.data(of: znode) ?? [])
            json.key("stat")
            ZnodeState(znode, in: tree).write(to: &json)
        case .children:
            ChildrenRequest().write(
                childrenOf: znode, path, in: tree, mayRead: { mayRead($0, call) }, to: &json)
        }
    }
}
