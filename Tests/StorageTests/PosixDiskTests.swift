import Foundation
import Jute
import Storage
import Testing

@Suite struct PosixDiskTests {
    /// Runs a test in a folder of its own.
    static func inFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "aviary-storage-\(UUID().uuidString)").path()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    @Test func `bytes, sizes and names come back`() throws {
        try PosixDiskTests.inFolder { folder in
            let disk = PosixDisk()
            try disk.makeDirectory(folder + "/a/b")
            try disk.makeDirectory(folder + "/a/b")
            let file = try disk.open(folder + "/a/b/one", .create)
            try file.write([1, 2, 3], at: 5)
            try file.sync()
            #expect(try file.size() == 8)
            #expect(try file.read(100, at: 4) == [0, 1, 2, 3])
            try file.resize(to: 6)
            #expect(try file.read(100, at: 0) == [0, 0, 0, 0, 0, 1])
            try disk.rename(folder + "/a/b/one", to: folder + "/a/b/two")
            try disk.syncDirectory(folder + "/a/b")
            #expect(try disk.names(in: folder + "/a/b") == ["two"])
            #expect(try disk.exists(folder + "/a/b/two"))
            #expect(try disk.modificationTime(of: folder + "/a/b/two") > .seconds(1_000_000_000))
            try disk.remove(folder + "/a/b/two")
            #expect(try !disk.exists(folder + "/a/b/two"))
        }
    }

    @Test func `an allocated file takes its room at once, and gives it back when it is cut`() throws
    {
        try PosixDiskTests.inFolder { folder in
            let disk = PosixDisk()
            try disk.makeDirectory(folder)
            let file = try disk.open(folder + "/file", .create)
            func blocks() throws -> Int {
                var status = stat()
                try #require(stat(folder + "/file", &status) == 0)
                return Int(status.st_blocks)
            }
            try file.resize(to: 1 << 20)
            #expect(try blocks() == 0)
            try file.allocate(to: 1 << 20)
            #expect(try blocks() >= 2048)
            #expect(try file.size() == 1 << 20)
            #expect(try file.read(3, at: 77) == [0, 0, 0])
            try file.allocate(to: 10)
            #expect(try file.size() == 1 << 20)
            try file.resize(to: 0)
            #expect(try blocks() == 0)
            #expect(try disk.freeBytes(in: folder) > 0)
        }
    }

    @Test func `errors name the operation, the path and the reason`() throws {
        try PosixDiskTests.inFolder { folder in
            let disk = PosixDisk()
            let path = folder + "/missing"
            #expect(throws: StorageError.disk(DiskError(.notFound, .open, path))) {
                try disk.open(path, .read)
            }
            #expect(throws: StorageError.disk(DiskError(.notFound, .list, path))) {
                try disk.names(in: path)
            }
            #expect(throws: StorageError.disk(DiskError(.notFound, .rename, path))) {
                try disk.rename(path, to: path + "2")
            }
            #expect(throws: StorageError.disk(DiskError(.notFound, .remove, path))) {
                try disk.remove(path)
            }
            try disk.makeDirectory(folder)
            _ = try disk.open(path, .create)
            #expect(throws: StorageError.disk(DiskError(.alreadyExists, .open, path))) {
                try disk.open(path, .create)
            }
            #expect(throws: StorageError.disk(DiskError(.notADirectory, .makeDirectory, path))) {
                try disk.makeDirectory(path)
            }
            #expect(
                DiskError(.notFound, .open, "x").description
                    == "cannot open x: no such file or directory")
        }
    }

    @Test func `a lock is exclusive until it is released`() throws {
        try PosixDiskTests.inFolder { folder in
            let disk = PosixDisk()
            try disk.makeDirectory(folder)
            do {
                let lock = try disk.lock(folder + "/lock")
                #expect(throws: StorageError.disk(DiskError(.locked, .lock, folder + "/lock"))) {
                    try disk.lock(folder + "/lock")
                }
                withExtendedLifetime(lock) {}
            }
            _ = try disk.lock(folder + "/lock")
        }
    }

    @Test func `a member lives on a real disk`() throws {
        try PosixDiskTests.inFolder { folder in
            let configuration = DataDirectory.Configuration(dataDirectory: folder)
            do {
                let found = try Recovered(DataDirectory(configuration, on: PosixDisk()))
                var epochs = try found.directory.epochs(lastZxid: .zero)
                try epochs.setAccepted(1)
                try found.directory.establish(StorageIdentity(history: 1, node: 1, disk: 1))
                try found.directory.snapshots.write(exact: .zero)
                var log = found.log()
                try log.write(records(1, 1...1000, size: 300))
                try log.flushWatermark()
                // The default of the original: 64 MiB and the header.
                let file = try PosixDisk().open(folder + "/version-2/log.100000001", .read)
                #expect(try file.size() == 67_108_880)
            }
            let found = try Recovered(DataDirectory(configuration, on: PosixDisk()))
            #expect(found.zxids == zxids(1, 1...1000))
            #expect(found.state.damage == [] && found.state.loss == nil)
            #expect(try found.directory.epochs(lastZxid: zxid(1, 1000)).current == 1)
        }
    }
}
