/// The children of a znode in the order of their names: a treap through the children's own
/// records, with the paths' hashes as priorities.
///
/// Adding, removing and finding take a number of steps in the order of the logarithm of the number
/// of siblings, so a page of children costs the same after a million siblings.
extension ZnodeStore {
    /// A place that holds the number of a child.
    private enum Slot {
        case children(of: UInt32)
        case left(of: UInt32)
        case right(of: UInt32)
    }

    private subscript(slot: Slot) -> UInt32 {
        get {
            switch slot {
            case .children(let node): self[node].children
            case .left(let node): self[node].left
            case .right(let node): self[node].right
            }
        }
        set {
            switch slot {
            case .children(let node): self[node].children = newValue
            case .left(let node): self[node].left = newValue
            case .right(let node): self[node].right = newValue
            }
        }
    }

    private func isAbove(_ first: UInt32, _ second: UInt32) -> Bool {
        let left = self[first].hash
        let right = self[second].hash
        return left == right ? first > second : left > right
    }

    private func isBefore(_ first: UInt32, _ second: UInt32) -> Bool {
        NameOrder.isLess(name(of: first), name(of: second))
    }

    mutating func link(_ child: UInt32, under parent: UInt32) {
        var slot = Slot.children(of: parent)
        while self[slot] != ZnodeRecord.none, isAbove(self[slot], child) {
            slot = isBefore(child, self[slot]) ? .left(of: self[slot]) : .right(of: self[slot])
        }
        // What was here is below the new child now, parted into smaller and larger names.
        var rest = self[slot]
        self[slot] = child
        var smaller = Slot.left(of: child)
        var larger = Slot.right(of: child)
        while rest != ZnodeRecord.none {
            if isBefore(rest, child) {
                self[smaller] = rest
                smaller = .right(of: rest)
                rest = self[rest].right
            } else {
                self[larger] = rest
                larger = .left(of: rest)
                rest = self[rest].left
            }
        }
        self[smaller] = ZnodeRecord.none
        self[larger] = ZnodeRecord.none
        self[parent].childCount += 1
    }

    /// The same for a child whose name comes behind those of all its siblings: nobody's name has to
    /// be looked at.
    mutating func linkLast(_ child: UInt32, under parent: UInt32) {
        var slot = Slot.children(of: parent)
        while self[slot] != ZnodeRecord.none, isAbove(self[slot], child) {
            slot = .right(of: self[slot])
        }
        self[child].left = self[slot]
        self[child].right = ZnodeRecord.none
        self[slot] = child
        self[parent].childCount += 1
    }

    mutating func unlink(_ child: UInt32) {
        let parent = self[child].parent
        var slot = Slot.children(of: parent)
        while self[slot] != child {
            precondition(self[slot] != ZnodeRecord.none, "a child is missing in its parent")
            slot = isBefore(child, self[slot]) ? .left(of: self[slot]) : .right(of: self[slot])
        }
        var left = self[child].left
        var right = self[child].right
        while left != ZnodeRecord.none, right != ZnodeRecord.none {
            if isAbove(left, right) {
                self[slot] = left
                slot = .right(of: left)
                left = self[left].right
            } else {
                self[slot] = right
                slot = .left(of: right)
                right = self[right].left
            }
        }
        self[slot] = left == ZnodeRecord.none ? right : left
        self[parent].childCount -= 1
    }

    /// Walks through children in the order of their names.
    struct ChildCursor {
        /// The next child on top; below each, the ones whose left side it belongs to.
        private var pending: [UInt32] = []

        /// A cursor before the first child whose name is larger than `name`, or before all.
        init(of parent: UInt32, after name: UnsafeRawBufferPointer?, in store: ZnodeStore) {
            var node = store[parent].children
            while node != ZnodeRecord.none {
                if let name, !NameOrder.isLess(name, store.name(of: node)) {
                    node = store[node].right
                } else {
                    pending.append(node)
                    node = store[node].left
                }
            }
        }

        mutating func next(in store: ZnodeStore) -> UInt32? {
            guard let child = pending.popLast() else { return nil }
            var node = store[child].right
            while node != ZnodeRecord.none {
                pending.append(node)
                node = store[node].left
            }
            return child
        }
    }
}
