"""Observe, decide, apply: what ties the pure core to the adapters."""
