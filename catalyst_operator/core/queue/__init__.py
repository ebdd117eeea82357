"""Many runs at once: how many may be, whose turn is next, and what those who wait are told."""
