internal import Glibc
internal import Synchronization

/// A request that waits long, outside the library.
///
/// The library walks all of its suspended connections whenever it resumes one, so that each write
/// on a node would pay for all that wait there; and it keeps a pool of memory for each. Therefore
/// what has waited for more than a second leaves: the socket goes on as a descriptor of ours, the
/// library closes a dead one in its place. We write the answer, and the connection goes back for
/// its next request.
///
/// Only a connection of which the library has read this request and not a byte more can leave:
/// whatever follows is then still with the system, where the library finds it at the return.
extension Connection {
    /// Takes a suspended request out of the library.
    ///
    /// - Returns: False when it has to stay there.
    func leave() -> Bool {
        guard let handle, mayLeave, let own = duplicate(socket) else { return false }
        let left = socket
        loop.unwatch(self)
        // Other threads look at the socket while they hold this lock.
        let isReplaced = exchange.withLock { _ in
            guard loop.replaceByDeadSocket(left) else { return false }
            move(to: own)
            return true
        }
        guard isReplaced else {
            close(own)
            watchPeer()
            return false
        }
        loop.suspended -= 1
        loop.outside += 1
        handle.resume()
        watchPeer()
        sendAtOnce(own)
        return true
    }

    private var mayLeave: Bool {
        guard speaksVersion11, isWatched, !hasPeerFinished, !loop.isStopping else { return false }
        switch stage {
        case .handling: break
        // The library has told the length, and counts what is left of it.
        case .streaming(let stream): if stream.lengthBytes != nil { return false }
        case .idle, .readingHead, .receiving, .forwarding, .discarding, .answered: return false
        }
        // What comes in between these two looks makes a difference too. So does an end of the
        // client's data, and what a request has beside head and body; then it stays.
        guard let received = receivedByteCount(socket), let unread = unreadByteCount(socket)
        else { return false }
        return received == UInt64(consumedBytes) + UInt64(unread)
    }

    /// There is an answer, or more of a stream's body.
    func resumeOutside() {
        switch stage {
        case .handling:
            loop.waiting -= 1
            stage = .answered
            guard let response = exchange.withLock({ $0.resumed() }) else {
                return loop.drop(self)
            }
            if isBroken {
                response.stream?.close()
                return loop.drop(self)
            }
            answerOutside(response)
        case .streaming:
            sendOn()
        case .idle, .readingHead, .receiving, .forwarding, .discarding, .answered:
            preconditionFailure("resumed in stage \(stage)")
        }
    }

    private func answerOutside(_ response: HTTPResponse) {
        if response.closesConnection || loop.isStopping || hasPeerFinished {
            endsConnection = true
        }
        var framing = BodyFraming.length(response.body.count)
        var body = response.body
        bytesLeft = response.stream?.lengthBytes
        if let stream = response.stream {
            if let bytesLeft, !hasPeerFinished {
                framing = .length(bytesLeft)
                if isHead { stream.close() } else { begin(stream) }
            } else if isHead || hasPeerFinished {
                stream.close()
                endsConnection = true
                framing = .none
            } else {
                begin(stream)
                framing = .chunks
            }
        } else if response.status == 204 {
            framing = .none
        }
        if isHead || response.status == 204 || response.status == 304 { body = [] }
        let isStream = if case .streaming = stage { true } else { false }
        outbox = Outbox(
            head: response.head(framing, endsConnection: endsConnection), body: body,
            isLast: !isStream, now: loop.now)
        sendOn()
    }

    /// Sends until nothing is left or the client has to read first.
    func sendOn() {
        guard isBusy, !isSuspended else { return }
        var pieces = 0
        while true {
            switch outbox.send(on: socket, now: loop.now) {
            case .sent: break
            case .full: return loop.awaitRoom(self, true)
            case .broken: return loop.drop(self)
            }
            if outbox.isLast { return endOutside() }
            // The others' turn; there is room, so this one's comes next.
            if pieces == Connection.piecesAtOnce { return loop.awaitRoom(self, true) }
            pieces += 1
            guard fillOutbox() else { return }
        }
    }

    private static let piecesAtOnce = 8
    private static let pieceBytes = 8 * 1024

    /// - Returns: False when there is nothing to send now, or ever.
    private func fillOutbox() -> Bool {
        var chunk = [UInt8](repeating: 0, count: Connection.pieceBytes)
        switch chunk.withUnsafeMutableBytes({ nextPiece(into: $0) }) {
        case .bytes(let count):
            chunk.removeLast(chunk.count - count)
            if let left = bytesLeft {
                bytesLeft = left - count
                outbox = Outbox(head: [], body: chunk, isLast: left == count, now: loop.now)
                return true
            }
            chunk.append(contentsOf: "\r\n".utf8)
            outbox = Outbox(
                head: Array("\(String(count, radix: 16))\r\n".utf8), body: chunk, isLast: false,
                now: loop.now)
            return true
        case .end where bytesLeft != nil:
            // Too little: the client learns of it by the end of the connection.
            loop.drop(self)
            return false
        case .end:
            outbox = Outbox(head: Array("0\r\n\r\n".utf8), isLast: true, now: loop.now)
            return true
        case .drained:
            loop.awaitRoom(self, false)
            beSuspended()
            return false
        case .closed:
            loop.drop(self)
            return false
        }
    }

    /// The answer is sent.
    private func endOutside() {
        if endsConnection || hasPeerFinished || loop.isStopping { return loop.drop(self) }
        loop.awaitRoom(self, false)
        requestEnded()
        loop.takeBack(self)
    }

    /// The peer has left while something was being sent, or while there is nothing to be told.
    func peerLeftOutside() {
        // What is suspended has its end coming, as a resume.
        if isSuspended { return }
        switch stage {
        case .streaming: loop.drop(self)
        case .answered where isBroken: loop.drop(self)
        case .idle, .readingHead, .receiving, .forwarding, .discarding, .handling, .answered:
            break
        }
    }

    /// Looks after a client that does not read its answer, once a second.
    func inspectOutside() {
        guard isBusy else { return }
        let limit = nanoseconds(loop.configuration.idleTimeout)
        if loop.now > outbox.movedAt + limit {
            loop.drop(self)
        } else if !isWatched {
            sendOn()
        }
    }
}
