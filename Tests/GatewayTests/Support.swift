import Gateway
import HTTPServer
import Jute

func slice(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }

func query(_ text: String) throws -> Query { try Query(slice(text)) }

func headers(_ pairs: (name: String, value: String)...) -> HTTPHeaders { HTTPHeaders(pairs) }

/// The code of the problem that `body` throws; nil when it throws none.
func problem<Value>(_ body: () throws -> Value) -> ProblemCode? {
    do {
        _ = try body()
        return nil
    } catch let problem as Problem {
        return problem.code
    } catch {
        return .internalError
    }
}
