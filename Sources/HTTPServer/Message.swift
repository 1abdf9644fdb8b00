internal import Glibc

/// How a client finds the end of a body.
enum BodyFraming {
    case length(Int)
    case chunks
    /// The end of the connection, or there is no body whose end could be looked for.
    case none
}

extension HTTPResponse {
    /// The head of the answer, for where the library does not write it.
    func head(_ framing: BodyFraming, endsConnection: Bool) -> [UInt8] {
        var head: [UInt8] = []
        head.reserveCapacity(192 + headers.block.count)
        head.append(contentsOf: "HTTP/1.1 ".utf8)
        head.append(contentsOf: String(status).utf8)
        head.append(UInt8(ascii: " "))
        head.append(contentsOf: reasonPhrase(status).utf8)
        head.append(contentsOf: "\r\nDate: ".utf8)
        appendDate(to: &head)
        head.append(contentsOf: "\r\n".utf8)
        if endsConnection { head.append(contentsOf: "Connection: close\r\n".utf8) }
        headers.forEachField { name, value in
            head.append(contentsOf: UnsafeRawBufferPointer(name))
            head.append(contentsOf: ": ".utf8)
            head.append(contentsOf: UnsafeRawBufferPointer(value))
            head.append(contentsOf: "\r\n".utf8)
        }
        switch framing {
        case .length(let count): head.append(contentsOf: "Content-Length: \(count)\r\n".utf8)
        case .chunks: head.append(contentsOf: "Transfer-Encoding: chunked\r\n".utf8)
        case .none: break
        }
        head.append(contentsOf: "\r\n".utf8)
        return head
    }

    /// The bytes of a last answer on a connection.
    func lastMessage(withBody: Bool = true) -> [UInt8] {
        let head = head(.length(body.count), endsConnection: true)
        return withBody ? head + body : head
    }
}

/// RFC 9110, section 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`.
private func appendDate(to bytes: inout [UInt8]) {
    var now = time(nil)
    var parts = tm()
    gmtime_r(&now, &parts)
    func append(_ number: Int32, digits: Int) {
        var divisor: Int32 = digits == 4 ? 1000 : 10
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }
    func append(_ names: StaticString, _ index: Int32) {
        names.withUTF8Buffer { bytes.append(contentsOf: $0[(3 * Int(index))...].prefix(3)) }
    }
    append("SunMonTueWedThuFriSat", parts.tm_wday)
    bytes.append(contentsOf: ", ".utf8)
    append(parts.tm_mday, digits: 2)
    bytes.append(UInt8(ascii: " "))
    append("JanFebMarAprMayJunJulAugSepOctNovDec", parts.tm_mon)
    bytes.append(UInt8(ascii: " "))
    append(1900 + parts.tm_year, digits: 4)
    bytes.append(UInt8(ascii: " "))
    append(parts.tm_hour, digits: 2)
    bytes.append(UInt8(ascii: ":"))
    append(parts.tm_min, digits: 2)
    bytes.append(UInt8(ascii: ":"))
    append(parts.tm_sec, digits: 2)
    bytes.append(contentsOf: " GMT".utf8)
}
