extension [UInt8] {
    mutating func append(bigEndian integer: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: integer.bigEndian) { append(contentsOf: $0) }
    }

    /// - Precondition: The integer lies within the array.
    func loadBigEndian<Integer: FixedWidthInteger>(
        _ type: Integer.Type, at index: Int
    ) -> Integer {
        self[...].loadBigEndian(type, at: index)
    }
}

extension ArraySlice<UInt8> {
    /// Reads an integer `distance` bytes behind the slice's start.
    ///
    /// - Precondition: The integer lies within the slice.
    func loadBigEndian<Integer: FixedWidthInteger>(
        _: Integer.Type, at distance: Int
    ) -> Integer {
        precondition(distance >= 0 && distance + MemoryLayout<Integer>.size <= count)
        return withUnsafeBytes {
            Integer(bigEndian: $0.loadUnaligned(fromByteOffset: distance, as: Integer.self))
        }
    }
}
