import HTTPServer
import History
import Jute
import Node
import Replica
import Zab
import ZnodeTree

extension Gateway {
    /// `GET /v1/node`: this node. Other members read it too, see `PeerReport`.
    func readNode(_ call: Call) -> HTTPResponse {
        let status = node.status
        let disk = DiskSpace(of: options.dataDirectory)
        let (zxid, znodes, dataBytes) = node.served.read { tree in
            (tree.lastApplied, tree.nodeCount, tree.dataBytes)
        }
        var json = JSONWriter(reserving: 1_536)
        json.beginObject()
        json.key("id")
        json.integer(status.id)
        json.key("role")
        json.string(status.role.contractName)
        json.key("phase")
        json.string(status.protocolStatus.phase.rawValue)
        json.key("leader")
        json.optional(status.protocolStatus.leader)
        json.key("synchronized")
        json.bool(status.isSynchronized)
        json.key("serving")
        json.bool(status.hasServed)
        json.key("epoch")
        json.integer(status.protocolStatus.epoch)
        json.key("acceptedEpoch")
        json.integer(status.acceptedEpoch)
        json.key("currentEpoch")
        json.integer(status.currentEpoch)
        json.key("configVersion")
        json.integer(options.configVersion)
        json.key("zxid")
        json.zxid(zxid)
        json.key("logged")
        json.zxid(status.logged)
        json.key("durable")
        json.zxid(status.durable)
        json.key("queues")
        queues(status, &json)
        json.key("learners")
        json.array { json in
            for learner in status.learners { json.learner(learner) }
        }
        json.key("sessions")
        json.integer(status.sessions)
        json.key("znodes")
        json.integer(znodes)
        json.key("dataBytes")
        json.integer(dataBytes)
        json.key("history")
        json.object { json in
            json.key("oldest")
            json.zxid(node.history.floor)
        }
        json.key("digests")
        json.object { json in
            for (zxid, digest) in node.digests.sorted(by: { $0.key < $1.key }) {
                json.key(text: "\(zxid)")
                json.string("\(Zxid(rawValue: Int64(bitPattern: digest)))")
            }
        }
        json.key("disk")
        json.disk(disk)
        json.key("alarms")
        json.array { json in
            for alarm in Alarm.current(
                status, disk, digestWatch.verdict, backups,
                isRestoring: node.restoreGeneration & 1 == 1)
            { json.string(alarm.rawValue) }
        }
        json.key("version")
        json.string(options.version)
        json.key("libraries")
        json.object { json in
            for library in options.libraryVersions {
                json.key(text: library.name)
                json.string(library.version)
            }
        }
        json.key("startedAt")
        json.integer(node.startedAt)
        json.key("uptimeMs")
        json.integer((.now - startedAt).milliseconds)
        json.endObject()
        return self.json(call, zxid: zxid, json.bytes)
    }

    private func queues(_ status: NodeStatus, _ json: inout JSONWriter) {
        let server = serverStatistics
        json.object { json in
            json.key("writesPending")
            json.integer(status.pendingWrites)
            json.key("writesParked")
            json.integer(status.parkedWrites)
            json.key("requestsWaiting")
            json.optional(server?.waiting)
            json.key("connections")
            json.optional(server?.connections)
        }
    }
}

extension JSONWriter {
    mutating func optional(_ value: (some BinaryInteger)?) {
        if let value { integer(value) } else { null() }
    }

    fileprivate mutating func learner(_ learner: NodeStatus.Learner) {
        object { json in
            json.key("id")
            json.integer(learner.id)
            json.key("acknowledged")
            json.zxid(learner.acknowledged)
            json.key("active")
            json.bool(learner.isActive)
        }
    }

    fileprivate mutating func disk(_ disk: DiskSpace?) {
        guard let disk else { return null() }
        object { json in
            json.key("totalBytes")
            json.integer(disk.totalBytes)
            json.key("freeBytes")
            json.integer(disk.freeBytes)
        }
    }
}
