/// Many lists in one pool of nodes: inserting and removing cost the same wherever in a list, and a
/// list costs nothing but its first node's number.
struct LinkedLists<Element: Sendable>: Sendable {
    typealias Node = Int32

    /// No node: the end of a list, and an empty list.
    static var none: Node { -1 }

    private var elements: [Element?] = []
    private var next: [Node] = []
    private var previous: [Node] = []
    private var free: [Node] = []

    subscript(node: Node) -> Element {
        get {
            guard let element = elements[Int(node)] else {
                preconditionFailure("node \(node) is in no list")
            }
            return element
        }
        set { elements[Int(node)] = newValue }
    }

    /// Puts an element in front.
    mutating func insert(_ element: Element, into head: inout Node) -> Node {
        let node: Node
        if let reused = free.popLast() {
            node = reused
            elements[Int(node)] = element
            next[Int(node)] = head
            previous[Int(node)] = Self.none
        } else {
            node = Node(elements.count)
            elements.append(element)
            next.append(head)
            previous.append(Self.none)
        }
        if head != Self.none { previous[Int(head)] = node }
        head = node
        return node
    }

    mutating func remove(_ node: Node, from head: inout Node) {
        let (before, after) = (previous[Int(node)], next[Int(node)])
        if before == Self.none {
            precondition(head == node, "node \(node) is in another list")
            head = after
        } else {
            next[Int(before)] = after
        }
        if after != Self.none { previous[Int(after)] = before }
        elements[Int(node)] = nil
        free.append(node)
    }

    func forEach(from head: Node, _ body: (Element) -> Void) {
        var node = head
        while node != Self.none {
            body(self[node])
            node = next[Int(node)]
        }
    }

    /// The nodes of a list, for a caller that removes some of them.
    func nodes(from head: Node) -> [Node] {
        var found: [Node] = []
        var node = head
        while node != Self.none {
            found.append(node)
            node = next[Int(node)]
        }
        return found
    }
}
