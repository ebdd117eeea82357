"""Drift: the cloud is looked at from time to time, whether it still is as it was applied.

Why: docs/explanation.md#drift
"""
