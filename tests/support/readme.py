"""The Sovereign that the README tells people to apply."""

from __future__ import annotations

import re
from typing import Any

import yaml

from e2e.support.sovereigns import public_key
from tests.support.paths import REPOSITORY

HERE_DOCUMENT = re.compile(r"^kubectl apply -f - <<EOF\n(.+?)^EOF$", re.MULTILINE | re.DOTALL)
THEIR_KEY = "$(cat ~/.ssh/id_ed25519.pub)"


def manifest() -> dict[str, Any]:
    """As kubectl gets it from the shell of somebody who has an SSH key."""
    (text,) = HERE_DOCUMENT.findall((REPOSITORY / "README.md").read_text(encoding="utf-8"))
    if text.count("$") != 1 or "`" in text or "\\" in text:
        raise ValueError("the shell would replace more than the key")
    loaded: dict[str, Any] = yaml.safe_load(text.replace(THEIR_KEY, public_key("readme")))
    return loaded
