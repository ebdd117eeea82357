"""The Sovereign that the README tells people to apply."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.support.paths import REPOSITORY

HERE_DOCUMENT = re.compile(r"^kubectl apply -f - <<EOF\n(.+?)^EOF$", re.MULTILINE | re.DOTALL)


def manifest() -> dict[str, Any]:
    """As kubectl gets it from the shell."""
    (text,) = HERE_DOCUMENT.findall((REPOSITORY / "README.md").read_text(encoding="utf-8"))
    if any(mark in text for mark in "$`\\"):
        raise ValueError("the shell would replace something in it")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded
