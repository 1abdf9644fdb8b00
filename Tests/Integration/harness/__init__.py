"""Real processes for the integration tests: Aviary's members, and the Java original beside them."""
