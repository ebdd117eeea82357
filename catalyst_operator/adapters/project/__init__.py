"""Looks at a cloud project: its API, read, and whose project it is."""
