"""Catalyst operator: reconciles Sovereigns and DomainReservations on the management cluster."""

__version__ = "0.1.0"
"""The one place for it: pyproject.toml reads it, and new clusters follow the tag of this name with a `v` before it."""
