"""`python -m catalyst_operator mirror-list`: what to mirror for a release, for people and for programs."""

from __future__ import annotations

import json
import sys

from catalyst_operator.adapters import template
from catalyst_operator.core.air_gap import needed
from catalyst_operator.core.kit import releases
from catalyst_operator.core.kit.releases import UnknownReleaseError
from catalyst_operator.errors import SettingsError
from catalyst_operator.settings import of_what_is_fetched

LISTED, REFUSED = 0, 2
"""Exit codes: all is listed; there is no such release, or a setting is wrong."""


def main(release: str | None, output: str) -> int:
    """Write the list to stdout: of a release, else of the operator's own, as `text` or `json`. The result is the exit
    code."""
    try:
        settings = of_what_is_fetched()
        chosen = releases.load().get(release or settings.default_release)
    except (SettingsError, UnknownReleaseError) as error:
        print(error, file=sys.stderr)
        return REFUSED
    texts = template.read(template.default_folder())
    if output == "json":
        print(json.dumps(needed.as_data(chosen, settings, texts), indent=2))
    else:
        print(needed.as_text(chosen, settings, texts))
    return LISTED
