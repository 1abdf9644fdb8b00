"""The HTTP contract, as far as it is built, on three nodes: what a client may rely on."""
