"""Pushes overlays to Git repositories over HTTPS."""
