import Checksum
import Testing

/// "123456789" is the customary check input; the values are those of the catalogues.
@Suite struct ChecksumTests {
    static let check = Array("123456789".utf8)

    @Test func `the check values of all three`() {
        #expect(Adler32.checksum(of: Self.check) == 0x091E_01DE)
        #expect(CRC32.checksum(of: Self.check) == 0xCBF4_3926)
        #expect(CRC32C.checksum(of: Self.check) == 0xE306_9283)
    }

    @Test func `of nothing`() {
        #expect(Adler32().value == 1)
        #expect(CRC32().value == 0)
        #expect(CRC32C().value == 0)
    }

    /// The vectors of RFC 3720, appendix B.4.
    @Test func `CRC-32C of 32 bytes as iSCSI lists them`() {
        #expect(CRC32C.checksum(of: Array(repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.checksum(of: Array(repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.checksum(of: Array(0..<32)) == 0x46DD_794E)
    }

    @Test func `Adler-32 of a long run of the largest byte`() {
        let bytes = [UInt8](repeating: 0xFF, count: 100_000)
        #expect(Adler32.checksum(of: bytes) == naiveAdler32(bytes))
    }

    /// Adler-32 of the log record in the storage format reference, section 2.4.
    @Test func `a record that ZooKeeper wrote`() {
        var adler = Adler32()
        adler.update(bigEndian: 0x0100_0016_9DB4_0000 as Int64)
        adler.update(bigEndian: 0 as Int32)
        adler.update(bigEndian: 0x1_0000_0001 as Int64)
        adler.update(bigEndian: 0x1A2_0A15_8B21 as Int64)
        adler.update(bigEndian: -10 as Int32)
        adler.update(bigEndian: 8000 as Int32)
        adler.update(bigEndian: 2 as Int32)
        adler.update(bigEndian: 1_371_985_504 as Int64)
        #expect(adler.value == 0xB2DD_097A)
    }

    @Test(arguments: 0..<80)
    func `the cut does not matter`(length: Int) {
        let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }
        for cut in 0...length {
            expectSame(Adler32.self, bytes, cut: cut, naiveAdler32(bytes))
            expectSame(CRC32.self, bytes, cut: cut, naiveCRC(bytes, polynomial: 0xEDB8_8320))
            expectSame(CRC32C.self, bytes, cut: cut, naiveCRC(bytes, polynomial: 0x82F6_3B78))
        }
    }

    @Test func `a CRC goes on from a value alone`() {
        let bytes = Self.check
        for cut in 0...bytes.count {
            var crc = CRC32(resumingAfter: CRC32.checksum(of: bytes[..<cut]))
            crc.update(bytes[cut...])
            #expect(crc.value == CRC32.checksum(of: bytes))
        }
    }

    private func expectSame<Checksum: StreamingChecksum>(
        _ type: Checksum.Type, _ bytes: [UInt8], cut: Int, _ expected: UInt32
    ) {
        var checksum = Checksum()
        checksum.update(bytes[..<cut])
        checksum.update(bytes[cut...])
        #expect(checksum.value == expected)
    }
}

/// Byte by byte, as RFC 1950 defines it.
private func naiveAdler32(_ bytes: [UInt8]) -> UInt32 {
    var low: UInt32 = 1
    var high: UInt32 = 0
    for byte in bytes {
        low = (low + UInt32(byte)) % 65521
        high = (high + low) % 65521
    }
    return high << 16 | low
}

/// Bit by bit.
private func naiveCRC(_ bytes: [UInt8], polynomial: UInt32) -> UInt32 {
    var register = UInt32.max
    for byte in bytes {
        register ^= UInt32(byte)
        for _ in 0..<8 {
            register = register & 1 == 1 ? register >> 1 ^ polynomial : register >> 1
        }
    }
    return ~register
}
