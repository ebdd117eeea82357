"""Many new clusters at once, each a fake API server, followed by an operator that is a process of its own."""
