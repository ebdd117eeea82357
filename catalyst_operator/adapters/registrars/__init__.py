"""Registrars: one module a vendor, all of one shape. Which one is built is decided by `connect.py`."""
