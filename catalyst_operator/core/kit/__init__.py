"""The bootstrap kit of one Sovereign: which blueprints it gets, the values they are given, and its own folder in Git.

The kit itself is `clusters/_template`, plain kustomize with Flux' variables (docs/kit.md). What is here only chooses
from it and fills it in, so that people with a repository of their own can do the same by hand.
"""

from catalyst_operator.core.kit.overlay import overlay, overlay_path
from catalyst_operator.core.kit.selection import components, expected, pulled_in, refusal, selected
from catalyst_operator.core.kit.values import values

__all__ = ["components", "expected", "overlay", "overlay_path", "pulled_in", "refusal", "selected", "values"]
