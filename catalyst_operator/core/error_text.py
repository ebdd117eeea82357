"""Errors made readable: what OpenTofu, the provider and Hetzner's API said, without the words that they put around it.

Nothing here judges; what an error is called is for core.diagnosis.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

MAX_NAMED_ERRORS = 3
"""As many addresses as a message names; all are in the entry."""

_DRAWING = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[╷│╵]")
_CODE = re.compile(r"\(([a-z]+(?:_[a-z]+)*)(?:,\s*[0-9a-f]+)?\)|\bError code: ([a-z]+(?:_[a-z]+)*)")
_CORRELATION = re.compile(r"\(([a-z]+(?:_[a-z]+)*),\s*[0-9a-f]+\)")
_COMMAND_ERROR = re.compile(r"(?:^|\s)Error: ")

_HOLLOW = re.compile(
    r"API request failed|Action failed|Invalid field in API request|Resource (?:pre|post)condition failed"
    r"|Provider (?:produced|returned) .*"
)
"""Summaries that say nothing of their own where there is a detail."""
_AROUND = re.compile(
    "|".join(
        (
            r"An unexpected error was encountered during an API request\.",
            r"An API action for the resource failed\.",
            r"An invalid field was encountered during an API request\.[^\n]*",
            r"^(?:Error code|Status code|Command|ID|Resources): [^\n]*",
            r"Error message: |Error saving state: ",
            r"Stderr:\s+-+\s",
            r"This was checked by the validation rule at \S+",
            r"; for more information:\s+\S+",
            r"decryption failed for all provided methods\s+attempted ",
            # From here on everything that follows is advice, and none of it for a run of the operator.
            r"OpenTofu acquires a (?:state )?lock .*",
            r"The errors? shown above (?:has )?prevented OpenTofu from writing .*",
            r"OpenTofu uses external plugins to integrate .*",
            r"To use and record these requirements, .*",
            r"All values must be known after apply.*",
            r"Destroying should always produce .*",
            r"This is a bug in the provider.*",
        )
    ),
    re.DOTALL | re.MULTILINE,
)
"""What is left out wherever it stands."""
_REWRITES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"Field: (\S+)\s+Messages:\s+-? ?"), r"\1: "),
    (re.compile(r"\)(?:\s*:)? \[\]"), ")"),
    (re.compile(r'provider "provider\[.*?\]" produced an unexpected new value'), "Hetzner's answer did not fit"),
    (re.compile(r'[Pp]rovider "provider\[.*?\]"'), "hcloud"),
    (re.compile(r'\b(?:Get|Post|Put|Patch|Delete) "(https?://[^/"]+)[^"]*": '), r"\1 did not answer: "),
    (
        re.compile(r"Lock Info:\s+ID:\s*(\S*)\s.*?Who:\s*(\S*)\s.*?Created:\s*([^\n]*?)\s+Info:.*", re.DOTALL),
        r"(lock \1, held by \2 since \3)",
    ),
    (_CORRELATION, r"(\1)"),
)


def codes(text: str) -> tuple[str, ...]:
    """The machine-readable codes of Hetzner's API in a text, in the order in which they appear.

    hcloud-go writes `message (code, correlation id)`; newer parts of the provider also a line `Error code: code`.
    """
    return tuple(first or second for first, second in _CODE.findall(text))


def sentence(summary: str, detail: str) -> str:
    """A diagnostic on one line, with the code that Hetzner gave. The correlation id is left to the log: with it, the
    same error would read differently each time."""
    head, body = _rewritten(summary), _rewritten(detail)
    told = body if body and _HOLLOW.fullmatch(head) else ": ".join(part for part in (head, body) if part)
    missing = [code for code in codes(detail) if f"({code})" not in told]
    return " ".join((told, *(f"({code})" for code in missing[:1]))).strip()


def of_output(text: str) -> str:
    """What went wrong, from what a command printed: from its first error on, each error once."""
    before, *errors = _COMMAND_ERROR.split(_DRAWING.sub("", text))
    told = (error.partition("\n\n") for error in errors)
    return "; ".join(dict.fromkeys(sentence(summary, detail) for summary, _, detail in told)) or sentence(before, "")


def joined(said: Mapping[str, Iterable[str]]) -> str:
    """One message from what was said and the addresses each was said of."""
    return "; ".join(_of(tuple(dict.fromkeys(addresses)), text) for text, addresses in said.items())


def named(addresses: tuple[str, ...]) -> str:
    """The first few addresses, and how many more."""
    more = f" and {len(addresses) - MAX_NAMED_ERRORS} more" if len(addresses) > MAX_NAMED_ERRORS else ""
    return ", ".join(addresses[:MAX_NAMED_ERRORS]) + more


def _of(addresses: tuple[str, ...], text: str) -> str:
    # Some of OpenTofu's own sentences name the resource already.
    if not addresses or (len(addresses) == 1 and addresses[0] in text):
        return text
    return f"{named(addresses)}: {text}"


def _rewritten(text: str) -> str:
    text = _AROUND.sub("", text)
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    return " ".join(_DRAWING.sub(" ", text).split())
