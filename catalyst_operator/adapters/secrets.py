"""Reads what people put into Secrets: one way for all of them.

A value is text without the white space around it, because a newline at its end is the usual slip. What is no text, such
as a key store that lies beside, is left alone.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from catalyst_operator.adapters.kube import Object


def texts(secret: Object | None) -> dict[str, str]:
    """Key -> text, of every value that is text (UTF-8) and not empty."""
    data: Mapping[str, str] = (secret or {}).get("data") or {}
    found = {key: _text(value) for key, value in data.items()}
    return {key: value for key, value in found.items() if value}


def encoded(text: str) -> str:
    """A text as a Secret's `data` has it."""
    return base64.b64encode(text.encode()).decode()


def _text(value: str) -> str:
    try:
        return base64.b64decode(value).decode().strip()
    except (UnicodeDecodeError, binascii.Error):
        return ""
