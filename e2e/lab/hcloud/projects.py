"""Projects and the tokens that open them. Tokens are kept as hashes only."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any

from e2e.lab.hcloud.errors import ApiError
from e2e.lab.hcloud.store import Store

DEFAULT_PROJECT = "default"
TOKEN_LENGTH = 64


@dataclass(frozen=True)
class Access:
    """What a token opens: a project, perhaps for reading only."""

    project: str
    readonly: bool = False


@dataclass
class Limits:
    """How much a project may hold, and how many requests an hour it may make; None is without limit."""

    servers: int | None = None
    load_balancers: int | None = None
    volumes: int | None = None
    networks: int | None = None
    primary_ips: int | None = None
    # The real API allows 3,600. A lab polls far more than a user would, so its default leaves room.
    requests_per_hour: int = 36_000


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass
class Projects:
    """The known tokens and the projects' limits, kept in the store's settings."""

    store: Store
    _tokens: dict[str, Access] = field(default_factory=dict)
    _limits: dict[str, Limits] = field(default_factory=dict)

    def __post_init__(self) -> None:
        saved = self.store.setting("projects") or {"tokens": {}, "limits": {}}
        self._tokens = {key: Access(**value) for key, value in saved["tokens"].items()}
        self._limits = {name: Limits(**value) for name, value in saved["limits"].items()}

    def admit(self, token: str, access: Access, limits: dict[str, Any] | None = None) -> None:
        """Make a token valid for a project, and set the project's limits where some are given."""
        self._tokens[digest(token)] = access
        if limits is not None:
            self._limits[access.project] = Limits(**limits)
        self._save()

    def revoke(self, token: str) -> None:
        self._tokens.pop(digest(token), None)
        self._save()

    def forget_all_but(self, token_digests: set[str]) -> None:
        """Keep only these tokens, and no limits: what the emulator had when it was first started."""
        self._tokens = {key: access for key, access in self._tokens.items() if key in token_digests}
        self._limits = {}
        self._save()

    def token_digests(self) -> set[str]:
        return set(self._tokens)

    def names(self) -> set[str]:
        return {access.project for access in self._tokens.values()}

    def listing(self) -> list[dict[str, Any]]:
        """What is known of each token but the token itself."""
        return [{**asdict(access), "limits": asdict(self.limits(access.project))} for access in self._tokens.values()]

    def access(self, token: str) -> Access:
        """What the token opens; an unknown one is the API's `unauthorized`."""
        found = self._tokens.get(digest(token))
        if found is None:
            raise ApiError("unauthorized", "unable to authenticate")
        return found

    def limits(self, project: str) -> Limits:
        return self._limits.get(project, Limits())

    def _save(self) -> None:
        self.store.set_setting(
            "projects",
            {
                "tokens": {key: asdict(access) for key, access in self._tokens.items()},
                "limits": {name: asdict(limits) for name, limits in self._limits.items()},
            },
        )
