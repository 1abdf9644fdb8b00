import Glibc
import HTTPServer

// Serves what load is to be put on until it is killed; see `BenchHandler`.
//
//     HTTPBench <port> [<loops> [<microseconds before each batch of answers>]]

let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
var configuration = HTTPServerConfiguration()
configuration.port = arguments.first ?? 8080
configuration.loops = arguments.dropFirst().first ?? 1
configuration.connectionLimit = 20_000
let handler = BenchHandler()
let server = HTTPServer(configuration, handler: handler)
do {
    try server.start()
} catch {
    print(error)
    exit(1)
}
handler.answerWrites(of: server, pause: arguments.dropFirst(2).first ?? 0)
