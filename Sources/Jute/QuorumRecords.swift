/// What a learner says of itself in FOLLOWERINFO and OBSERVERINFO.
package struct LearnerInfo: Equatable, Sendable {
    /// Nil where a peer of a very old version says nothing: the leader then invents a negative id.
    package var id: PeerID?
    package var protocolVersion: Int32
    package var configVersion: Int64

    /// Every ZooKeeper since 3.4.
    package static let currentProtocolVersion: Int32 = 0x10000

    package init(
        id: PeerID?, protocolVersion: Int32 = LearnerInfo.currentProtocolVersion,
        configVersion: Int64
    ) {
        self.id = id
        self.protocolVersion = protocolVersion
        self.configVersion = configVersion
    }

    /// Takes the forms of 8, 12 and 20 bytes, and null.
    package init(data: [UInt8]?) throws(JuteError) {
        guard let data, data.count >= 8 else {
            self.init(id: nil, protocolVersion: 1, configVersion: 0)
            return
        }
        var reader = JuteReader(data)
        self.init(
            id: try reader.readLong(),
            protocolVersion: reader.remaining >= 4 ? try reader.readInt() : 1,
            configVersion: reader.remaining >= 8 ? try reader.readLong() : 0)
    }

    package var data: [UInt8] {
        var writer = JuteWriter(reserving: 20)
        writer.write(long: id ?? -1)
        writer.write(int: protocolVersion)
        writer.write(long: configVersion)
        return writer.bytes
    }
}

/// A write that a learner forwards to the leader: the data of a REQUEST packet.
package struct ForwardedRequest: Equatable, Sendable {
    package var session: SessionID
    package var cxid: Int32
    package var code: OperationCode
    /// The client's own record, unchanged.
    package var body: [UInt8]

    package init(session: SessionID, cxid: Int32, code: OperationCode, body: [UInt8]) {
        self.session = session
        self.cxid = cxid
        self.code = code
        self.body = body
    }

    package init(data: [UInt8]?) throws(JuteError) {
        guard let data else { throw .unexpectedNull }
        var reader = JuteReader(data)
        session = try reader.readSessionID()
        cxid = try reader.readInt()
        code = OperationCode(rawValue: try reader.readInt())
        body = reader.rest()
    }

    package var data: [UInt8] {
        var writer = JuteWriter(reserving: 16 + body.count)
        writer.write(session: session)
        writer.write(int: cxid)
        writer.write(int: code.rawValue)
        writer.write(raw: body)
        return writer.bytes
    }
}

/// A session that was used since the last PING, as PING replies and REVALIDATE requests name it.
package struct SessionTouch: Equatable, Sendable {
    package var session: SessionID
    package var timeoutMs: Int32

    package init(session: SessionID, timeoutMs: Int32) {
        self.session = session
        self.timeoutMs = timeoutMs
    }

    package init(from reader: inout JuteReader) throws(JuteError) {
        session = try reader.readSessionID()
        timeoutMs = try reader.readInt()
    }

    package func write(to writer: inout JuteWriter) {
        writer.write(session: session)
        writer.write(int: timeoutMs)
    }

    /// Reads the data of a PING reply; null counts as empty.
    package static func list(data: [UInt8]?) throws(JuteError) -> [SessionTouch] {
        var reader = JuteReader(data ?? [])
        var touches: [SessionTouch] = []
        while reader.remaining > 0 {
            touches.append(try SessionTouch(from: &reader))
        }
        return touches
    }

    package static func data(_ touches: [SessionTouch]) -> [UInt8] {
        var writer = JuteWriter(reserving: touches.count * 12)
        for touch in touches {
            touch.write(to: &writer)
        }
        return writer.bytes
    }
}
