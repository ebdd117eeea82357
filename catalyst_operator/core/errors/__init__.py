"""What errors are called, and which of them a report is."""
