"""How the operator's log looks: lines for people, or one JSON object a line for programs that collect them."""

from __future__ import annotations

import logging

from pythonjsonlogger.json import JsonFormatter

from catalyst_operator.core.redact import visible

CHATTY = ("kopf.objects", "aiohttp.access", "httpx")
"""Loggers that tell of every request."""
FORMATS = ("text", "json")


def configure(level: str, form: str) -> None:
    """Set up the root logger. `level` as Python names it; `form` one of FORMATS."""
    handler = logging.StreamHandler()
    handler.setFormatter(_json() if form == "json" else VisibleFormatter(_TEXT))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


class VisibleFormatter(logging.Formatter):
    """Also tracebacks and other people's messages quote what came from outside."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def _json() -> logging.Formatter:
    """Further fields are those of the call's `extra`: kind, namespace and name of what it is about."""
    return JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(message)s",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        datefmt="%Y-%m-%dT%H:%M:%S%z",
    )
