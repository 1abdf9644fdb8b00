/// A request method. Case-sensitive, as HTTP has it.
package enum HTTPMethod: Hashable, Sendable {
    case get, head, put, post, delete, patch, options
    case other(String)

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.init(token: String(decoding: bytes, as: UTF8.self))
    }

    package init(token: String) {
        self =
            switch token {
            case "GET": .get
            case "HEAD": .head
            case "PUT": .put
            case "POST": .post
            case "DELETE": .delete
            case "PATCH": .patch
            case "OPTIONS": .options
            default: .other(token)
            }
    }
}

extension HTTPMethod: CustomStringConvertible {
    package var description: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .put: "PUT"
        case .post: "POST"
        case .delete: "DELETE"
        case .patch: "PATCH"
        case .options: "OPTIONS"
        case .other(let token): token
        }
    }
}
