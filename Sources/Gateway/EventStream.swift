import HTTPServer
import History
import Jute
import Node
import Synchronization

/// Events sent as they happen: Server-Sent Events, or one JSON object a line.
///
/// The stream is nothing but a place in the history. It takes the next piece from there when its
/// client has taken the one before, so a client that reads slowly costs one piece, holds nobody
/// up, and misses nothing as long as the history reaches back to it.
final class EventStream: Sendable {
    enum Form: Sendable {
        case serverSentEvents
        /// Ends when it has caught up, or after the request's wait.
        case lines
    }

    private struct State {
        var cursor: EventCursor
        /// The last cursor that the client was told.
        var told: EventCursor?
        var wait: WaitService.ID?
        /// There is room for a piece.
        var isDrained = false
        /// A piece is being read from the disk.
        var isReading = false
        var isOver = false
        /// How the stream ends once it has caught up.
        var ending: String?
    }

    private let form: Form
    private let reader: EventReader
    private let stream = HTTPBodyStream()
    private let state: Mutex<State>

    private var gateway: Gateway { reader.gateway }

    private static let heartbeat = Duration.seconds(15)
    /// How many events a piece has at most.
    static let pieceLimit = 64

    private init(_ form: Form, _ reader: EventReader, _ start: EventCursor) {
        self.form = form
        self.reader = reader
        state = Mutex(State(cursor: start))
    }

    /// Opens a stream.
    ///
    /// - Parameters:
    ///   - form: How events are written.
    ///   - reader: Which ones.
    ///   - start: Exclusive; nil for now.
    ///   - isReset: Whether the client's cursor is of no use: it is told so.
    ///   - call: Whose answer the stream is.
    /// - Returns: The body to answer with.
    /// - Throws: `busy` when as many wait as may.
    static func open(
        _ form: Form, _ reader: EventReader, from start: EventCursor?, isReset: Bool,
        _ call: Call
    ) throws(Problem) -> HTTPBodyStream {
        let gateway = reader.gateway
        let now = EventCursor(gateway.node.history.last, history: gateway.historyName)
        let opened = EventStream(form, reader, start ?? now)
        let body = opened.stream
        let id = gateway.node.waits.begin(
            WaitService.Description(
                kind: form == .lines ? "lines" : "stream", interests: reader.filter.interests,
                address: call.request.head.peerAddress, session: call.session),
            for: form == .serverSentEvents ? heartbeat : call.wait?.duration,
            isAlive: { body.peerAnswers },
            signal: { opened.take($0) })
        guard let id else { throw Problem(.busy, "As many requests wait as may.") }
        opened.begin(id, fromNow: start == nil, isReset: isReset, waits: call.wait != nil)
        return body
    }

    /// What happens from here on is told, so this is the moment that `now` means.
    private func begin(_ id: WaitService.ID, fromNow: Bool, isReset: Bool, waits: Bool) {
        state.withLock { state in
            state.wait = id
            if fromNow {
                state.cursor = EventCursor(
                    gateway.node.history.last, history: gateway.historyName)
            }
            if isReset { resetToNow(&state) }
            switch form {
            case .serverSentEvents: if !isReset { bookmark(&state) }
            case .lines: if !waits { state.ending = "caught-up" }
            }
        }
        stream.onClosed { self.end() }
        stream.onStopping { self.bye() }
        stream.onDrained {
            self.state.withLock { state in
                state.isDrained = true
                self.pump(&state)
            }
        }
    }

    private func end() {
        let wait = state.withLock { state in
            state.isOver = true
            return state.wait
        }
        if let wait { gateway.node.waits.end(wait) }
    }

    // MARK: What wakes it

    private func take(_ signal: WaitService.Signal) {
        state.withLock { state in
            guard !state.isOver else { return }
            switch signal {
            case .changed(let zxid):
                if isIdle(state), reader.isOutsideRestore {
                    state.cursor.advance(through: Zxid(rawValue: zxid.rawValue - 1))
                }
            case .replaced, .poked:
                break
            case .deadline(let quiet):
                if let quiet, isIdle(state), reader.isOutsideRestore {
                    state.cursor.advance(through: quiet)
                }
                timeHasCome(&state)
            }
            pump(&state)
        }
    }

    /// Everything up to the cursor is sent, and nothing is being read.
    private func isIdle(_ state: State) -> Bool { state.isDrained && !state.isReading }

    private func timeHasCome(_ state: inout State) {
        switch form {
        case .lines:
            state.ending = "wait"
        case .serverSentEvents:
            if let wait = state.wait {
                gateway.node.waits.postpone(wait, by: EventStream.heartbeat)
            }
            // A client that does not read gets nothing on top.
            guard isIdle(state), reader.isOutsideRestore else { return }
            if state.told != state.cursor {
                bookmark(&state)
            } else {
                var message = ServerSentEvents()
                message.heartbeat()
                send(message.bytes, &state)
            }
        }
    }

    // MARK: Writing

    /// Sends the next piece if there is one and room for it.
    private func pump(_ state: inout State) {
        while isIdle(state), !state.isOver {
            switch reader.read(from: state.cursor) {
            case .onDisk:
                state.isReading = true
                reader.read(from: state.cursor) { outcome in
                    self.gateway.node.waits.perform { self.continueAfterDisk(outcome) }
                }
            case let outcome:
                guard proceed(outcome, &state) else { return }
            }
        }
    }

    private func continueAfterDisk(_ outcome: EventReader.Outcome) {
        state.withLock { state in
            state.isReading = false
            guard !state.isOver else { return }
            _ = proceed(outcome, &state)
            pump(&state)
        }
    }

    /// - Returns: Whether there is more to read at once.
    private func proceed(_ outcome: EventReader.Outcome, _ state: inout State) -> Bool {
        switch outcome {
        case .batch(let batch):
            state.cursor = batch.next
            if !batch.events.isEmpty {
                send(written(batch.events, &state), &state)
                return false
            }
            if batch.hasMore { return true }
            if let ending = state.ending { finish(ending, &state) }
            return false
        case .expired:
            switch form {
            case .serverSentEvents:
                resetToNow(&state)
            case .lines:
                finish("expired", &state)
            }
            return false
        case .onDisk:
            return false
        }
    }

    private func send(_ bytes: [UInt8], _ state: inout State) {
        state.isDrained = false
        stream.write(bytes, flush: false)
    }

    private func written(_ events: [Event], _ state: inout State) -> [UInt8] {
        let history = state.cursor.history
        var messages = ServerSentEvents(reserving: 512 * events.count)
        var lines: [UInt8] = []
        for event in events {
            let cursor = event.cursor(history)
            state.told = cursor
            var json = JSONWriter(reserving: 448)
            json.beginObject()
            event.write(to: &json, includingValue: reader.filter.includesValue)
            switch form {
            case .serverSentEvents:
                json.endObject()
                messages.message(event.kind.rawValue, id: cursor.text, data: json.bytes)
            case .lines:
                json.key("cursor")
                json.string(cursor.text)
                json.endObject()
                lines.append(contentsOf: json.bytes)
                lines.append(UInt8(ascii: "\n"))
            }
        }
        return form == .lines ? lines : messages.bytes
    }

    /// Tells the cursor, so that a quiet one does not grow old.
    private func bookmark(_ state: inout State) {
        state.told = state.cursor
        var message = ServerSentEvents()
        message.message("bookmark", id: state.cursor.text, data: cursorObject(state))
        send(message.bytes, &state)
    }

    /// What lies between the client's cursor and now is not to be had: it has to read the state.
    private func resetToNow(_ state: inout State) {
        reader.beginAnew()
        state.cursor = EventCursor(gateway.node.history.last, history: gateway.historyName)
        state.told = state.cursor
        var message = ServerSentEvents()
        message.message("reset", id: state.cursor.text, data: cursorObject(state))
        send(message.bytes, &state)
    }

    private func cursorObject(_ state: State) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.key("cursor")
            json.string(state.cursor.text)
        }
        return json.bytes
    }

    private func finish(_ reason: String, _ state: inout State) {
        var json = JSONWriter()
        json.object { json in
            json.key("end")
            json.string(reason)
            json.key("next")
            json.string(state.cursor.text)
        }
        send(json.bytes + [UInt8(ascii: "\n")], &state)
        stream.finish(flush: false)
        state.isOver = true
        if let wait = state.wait { gateway.node.waits.end(wait) }
    }

    /// The server stops, and finishes the stream behind this.
    private func bye() {
        state.withLock { state in
            guard !state.isOver else { return }
            switch form {
            case .serverSentEvents:
                var message = ServerSentEvents()
                message.message("bye", data: cursorObject(state))
                send(message.bytes, &state)
            case .lines:
                finish("stopping", &state)
            }
            state.isOver = true
        }
    }
}
