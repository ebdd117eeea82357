"""Text from people, made safe for where Flux puts it.

Flux builds the kit, writes each object as YAML without needless quotes, replaces `${NAME}` in that text and reads it
again. What is put in raw can therefore become a number, a list, a comment or another key. As a quoted scalar it cannot.
"""

from __future__ import annotations

import json
import re

# Flux reads its own JSON as YAML on the way, which refuses all of these raw, and it never escapes them: one of them
# in a name, and the whole kit could not be built. Half a character (a lone surrogate) is no text in the first place.
_REFUSED = re.compile("[\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_UNREADABLE = "\ufffd"
# A line break to YAML, which makes a space of it for the same reason.
_NEXT_LINE = "\x85"
# Line breaks as well, but Flux escapes these as we do.
_SEPARATORS = re.compile("[\u2028\u2029]")
# The one character that Flux acts on; escaped, it is never seen by it.
_DOLLAR = "$"


def quoted(text: str) -> str:
    """One line that is JSON and YAML for this text, and in which Flux finds nothing to replace.

    Characters that Flux cannot carry become U+FFFD, the sign for what cannot be read.
    """
    clean = _REFUSED.sub(_UNREADABLE, text).replace(_NEXT_LINE, " ")
    return _SEPARATORS.sub(_escaped, json.dumps(clean, ensure_ascii=False)).replace(_DOLLAR, "\\u0024")


def quoted_list(texts: tuple[str, ...]) -> str:
    """A list of such texts, on one line."""
    return f"[{', '.join(map(quoted, texts))}]"


def inert_json(document: object) -> str:
    """A document as one line of JSON in which neither Flux nor Helm nor Keycloak finds anything to replace.

    They act on `$` and on `{{`, which JSON has only inside of its texts, and there it can escape them.
    """
    text = json.dumps(document, ensure_ascii=False)
    return text.replace(_DOLLAR, "\\u0024").replace("{{", "\\u007b\\u007b")


def flag(value: object) -> str:
    """A boolean as YAML writes it."""
    return "true" if value else "false"


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found.group()):04x}"
