"""What cert-manager's objects say while a certificate is not issued."""

from __future__ import annotations

import re
from collections.abc import Iterator

from catalyst_operator.core.errors.codes import CERT_RATE_LIMIT
from catalyst_operator.core.phase1.suspects.base import Look, Suspect, Suspects

_RATE_LIMITED = re.compile(r"ratelimited|too many (certificates|failed authorizations|new orders|registrations)", re.I)
_RETRY_AFTER = re.compile(r"retry after (\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)", re.I)
_BUSY = re.compile(r"service busy", re.I)
_DEEPEST_FIRST = ("Challenge", "Order", "CertificateRequest", "Certificate")
"""Each is made for the sake of the next, which only says that it waits."""


def certificates(look: Look) -> Suspects:
    """A certificate authority that issues no more for now."""
    for where, said in _said(look):
        if _RATE_LIMITED.search(said):
            remedy = f"{_passes(said)}; asking again does not help. What is asked for: `{_ASKED}`."
            yield Suspect(CERT_RATE_LIMIT.entry(f"{where}: {said}", remedy=remedy))


_ASKED = "kubectl get certificates,orders -A"


def _passes(said: str) -> str:
    if until := _RETRY_AFTER.search(said):
        return f"It passes by itself, at {until[1].replace('T', ' ')} UTC"
    if _BUSY.search(said):
        return "It passes by itself, once the authority has less to do"
    return "It passes by itself within a week"


def unissued(look: Look, namespace: str) -> str:
    """What keeps a certificate of this namespace from being issued, in the words of whoever knows most; empty if
    nobody says. It is part of other errors: a certificate that waits is no harm before something needs it."""
    told = {
        view.kind: f"{view.kind} {view.key}: {condition.message}"
        for view in look.survey.certificates
        for condition in view.conditions
        if view.namespace == namespace and condition.status != "True" and condition.message
    }
    return next((told[kind] for kind in _DEEPEST_FIRST if kind in told), "")


def _said(look: Look) -> Iterator[tuple[str, str]]:
    for found in look.survey.certificates:
        yield from ((f"{found.kind} {found.key}", c.message) for c in found.conditions if c.status != "True")
    for event in look.survey.events or ():
        if event.kind in ("Certificate", "CertificateRequest", "Order", "Challenge", "Issuer", "ClusterIssuer"):
            yield f"{event.kind} {event.namespace}/{event.name}", event.message
