"""Labels and label selectors by the API's rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from e2e.lab.hcloud.errors import invalid_field

_SEGMENT = r"[a-z0-9A-Z](?:[-_.a-z0-9A-Z]{0,61}[a-z0-9A-Z])?"
_PREFIX = r"[a-z0-9A-Z](?:[-_.a-z0-9A-Z]{0,251}[a-z0-9A-Z])?"
_KEY = re.compile(rf"(?:{_PREFIX}/)?{_SEGMENT}")
_VALUE = re.compile(rf"(?:{_SEGMENT})?")

_SET_TERM = re.compile(r"(?P<key>\S+)\s+(?P<operator>in|notin)\s*\((?P<values>[^)]*)\)")
_EQUALITY_TERM = re.compile(r"(?P<key>[^=!\s]+)\s*(?P<operator>==|=|!=)\s*(?P<value>.*)")

Test = Callable[[Mapping[str, str]], bool]


def check_labels(labels: Mapping[str, str] | None) -> dict[str, str]:
    """The labels, or an `invalid_input` that names what is wrong."""
    for key, value in (labels or {}).items():
        if not _KEY.fullmatch(key):
            raise invalid_field("labels", f"label key '{key}' is not correctly formatted")
        if not _VALUE.fullmatch(value):
            raise invalid_field("labels", f"label value '{value}' (key: {key}) is not correctly formatted")
    return dict(labels or {})


def selects(selector: str, labels: Mapping[str, str]) -> bool:
    """Whether every term of the selector holds. An empty selector selects everything."""
    return all(_test(term)(labels) for term in _terms(selector))


def _terms(selector: str) -> list[str]:
    # Commas within parentheses separate values, not terms.
    return [term.strip() for term in re.split(r",(?![^(]*\))", selector) if term.strip()]


def _test(term: str) -> Test:
    if match := _SET_TERM.fullmatch(term):
        values = {value.strip() for value in match["values"].split(",")}
        key, wanted = match["key"], match["operator"] == "in"
        # As in Kubernetes, an object without the key satisfies `notin`.
        return lambda labels: (labels.get(key) in values) is wanted
    if match := _EQUALITY_TERM.fullmatch(term):
        key, value, wanted = match["key"], match["value"].strip(), match["operator"] != "!="
        return lambda labels: (labels.get(key) == value) is wanted
    if term.startswith("!"):
        return lambda labels: term[1:] not in labels
    if _KEY.fullmatch(term):
        return lambda labels: term in labels
    raise invalid_field("label_selector", f"'{term}' is not a label selector")
