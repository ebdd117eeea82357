"""Effects: one module for each outside system, each behind a small interface."""
