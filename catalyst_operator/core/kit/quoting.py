"""Text from people, made safe for where Flux puts it.

Flux builds the kit, writes each object as YAML without needless quotes, replaces `${NAME}` in that text and reads it
again. What is put in raw can therefore become a number, a list, a comment or another key. As a quoted scalar it cannot.
"""

from __future__ import annotations

import json
import re

# YAML reads JSON's strings, but refuses or folds these where they stand for themselves; a lone surrogate is no text.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
# The one character that Flux acts on; escaped, it is never seen by it.
_DOLLAR = "$"


def quoted(text: str) -> str:
    """One line that is JSON and YAML for this text, and in which Flux finds nothing to replace."""
    whole = json.dumps(_SURROGATE.sub("\ufffd", text), ensure_ascii=False)
    return _UNPRINTABLE.sub(_escaped, whole).replace(_DOLLAR, "\\u0024")


def quoted_list(texts: tuple[str, ...]) -> str:
    """A list of such texts, on one line."""
    return f"[{', '.join(map(quoted, texts))}]"


def flag(value: object) -> str:
    """A boolean as YAML writes it."""
    return "true" if value else "false"


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found.group()):04x}"
