"""The members of an etcd cluster, read and changed through etcd's own gateway of JSON over HTTP.

It blocks: whoever runs an event loop calls it in a thread.
"""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 5.0


class EtcdFailed(Exception):
    """etcd refused a request, or could not be reached; the message is etcd's own where it has one."""


@dataclass(frozen=True)
class Member:
    """One member. A new one that has not started yet has no name and no client URLs."""

    number: int
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    learner: bool

    @property
    def node(self) -> str:
        """k3s names a member after its node, and appends eight characters that differ each time."""
        return self.name.rpartition("-")[0]


@dataclass(frozen=True)
class Gateway:
    """One member's, with the certificates of `tls`: server-ca.crt, client.crt, client.key."""

    url: str
    tls: Path

    def members(self) -> list[Member]:
        """All of them. Raises EtcdFailed."""
        found = self._post("list", {}).get("members") or []
        return [
            Member(
                int(item["ID"]),
                item.get("name", ""),
                tuple(item.get("peerURLs") or ()),
                tuple(item.get("clientURLs") or ()),
                bool(item.get("isLearner")),
            )
            for item in found
        ]

    def add_learner(self, peer_url: str) -> None:
        """A member without a vote. Raises EtcdFailed, also while another one is learning."""
        self._post("add", {"peerURLs": [peer_url], "isLearner": True})

    def promote(self, number: int) -> None:
        """Give a learner its vote. Raises EtcdFailed while it has not caught up."""
        self._post("promote", {"ID": str(number)})

    def remove(self, number: int) -> None:
        """Raises EtcdFailed."""
        self._post("remove", {"ID": str(number)})

    def _post(self, verb: str, body: dict[str, Any]) -> dict[str, Any]:
        context = ssl.create_default_context(cafile=str(self.tls / "server-ca.crt"))
        # The lab's own certificates need not be of the strict kind.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.load_cert_chain(self.tls / "client.crt", self.tls / "client.key")
        request = urllib.request.Request(
            f"{self.url}/v3/cluster/member/{verb}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=context) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            raise EtcdFailed(_message(error)) from None
        except (OSError, ValueError) as error:
            raise EtcdFailed(f"{self.url}: {error}") from None


def _message(error: urllib.error.HTTPError) -> str:
    text = error.read().decode("utf-8", "replace")
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code}: {text[:200]}"
