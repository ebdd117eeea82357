"""What OpenTofu says, read: plans, progress, what a broken state has to be told. Pure."""
