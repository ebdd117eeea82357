"""Phase 1: from the first sign of the new cluster to the verdict on its bootstrap kit. Pure.

Why: docs/explanation.md#phase-1
"""
