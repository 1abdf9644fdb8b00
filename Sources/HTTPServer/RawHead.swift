/// The strings of a request's head, where the library left them: valid during one callback.
struct RawHead {
    struct Field {
        var name: UnsafeBufferPointer<UInt8>
        var value: UnsafeBufferPointer<UInt8>

        func isNamed(_ wanted: StaticString) -> Bool {
            name.count == wanted.utf8CodeUnitCount
                && wanted.withUTF8Buffer { bytes in
                    name.elementsEqual(bytes) { lowercased($0) == lowercased($1) }
                }
        }

        /// Whether `wanted` is in the value's list, in any case.
        func hasToken(_ wanted: StaticString) -> Bool {
            value.split(separator: UInt8(ascii: ",")).contains { part in
                let token = part.drop(while: isBlank)
                return wanted.withUTF8Buffer { bytes in
                    token.count >= bytes.count
                        && zip(token, bytes).allSatisfy { lowercased($0) == lowercased($1) }
                        && token.dropFirst(bytes.count).allSatisfy(isBlank)
                }
            }
        }
    }

    var method: UnsafeBufferPointer<UInt8>
    /// As it was before the library cut it at the question mark.
    var target: [UInt8]
    /// Where the target begins in memory.
    var targetAddress: UInt
    var version: UnsafeBufferPointer<UInt8>
    var fields: [Field]
    /// From the first byte of the method to the last of the empty line.
    var sizeBytes: Int

    var isVersion11: Bool { version.elementsEqual("HTTP/1.1".utf8) }

    /// Whether the client wants the answer to be the last one.
    var asksToClose: Bool {
        fields.contains { $0.isNamed("connection") && $0.hasToken("close") }
    }

    /// Bytes of the header fields with their line ends, without the empty line.
    var fieldSizeBytes: Int {
        max(0, sizeBytes - method.count - target.count - version.count - 6)
    }

    /// Whether every byte of the head is accounted for by its parts, single spaces, colons,
    /// blanks before values and CRLF.
    ///
    /// The library splits the head in place. It takes a bare line feed for a line end, cuts a
    /// value at NUL, drops the continuation of a folded line and skips extra spaces, and says
    /// nothing; but then some part does not begin where the one before it ended.
    var isContiguous: Bool {
        var next = address(method) + UInt(method.count) + 1
        guard targetAddress == next else { return false }
        next += UInt(target.count) + 1
        guard address(version) == next else { return false }
        next += UInt(version.count) + 2
        for field in fields {
            guard address(field.name) == next else { return false }
            next += UInt(field.name.count) + 1
            let value = address(field.value)
            guard value >= next, value - next <= UInt(sizeBytes) else { return false }
            let blanks = UnsafeBufferPointer(
                start: field.value.baseAddress?.advanced(by: -Int(value - next)),
                count: Int(value - next))
            guard blanks.allSatisfy(isBlank) else { return false }
            next = value + UInt(field.value.count) + 2
        }
        return next + 2 == address(method) + UInt(sizeBytes)
    }

    private func address(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt {
        UInt(bitPattern: bytes.baseAddress)
    }
}

func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
}

extension RawHead {
    /// Copies the head out of the library's memory, as one block.
    func copied(peerAddress: String, contentLength: Int?) -> HTTPRequestHead {
        var block: [UInt8] = []
        block.reserveCapacity(target.count + max(0, fieldSizeBytes))
        block.append(contentsOf: target)
        var copies: [HTTPHeaders.Field] = []
        copies.reserveCapacity(fields.count)
        for field in fields {
            let start = Int32(block.count)
            block.append(contentsOf: field.name)
            let middle = Int32(block.count)
            var value = field.value[...]
            while let last = value.last, isBlank(last) { value.removeLast() }
            block.append(contentsOf: value)
            copies.append(
                HTTPHeaders.Field(name: start..<middle, value: middle..<Int32(block.count)))
        }
        return HTTPRequestHead(
            method: HTTPMethod(method), bytes: block, targetLength: target.count,
            headers: HTTPHeaders(bytes: block, fields: copies), peerAddress: peerAddress,
            contentLength: contentLength)
    }
}
