"""What every vendor's module declares of itself, so that `connect` and the documentation know it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr

from catalyst_operator.adapters.registrars.http import Api
from catalyst_operator.adapters.registrars.registrar import Registrar


def _key(field: str) -> str:
    return field.replace("_", "-")


class Credentials(BaseModel):
    """One way to authenticate. Each field is a key of the Secret, with hyphens for underscores; one with a default may
    be left out. What else the Secret holds is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=_key)


@dataclass(frozen=True)
class KeySet:
    """The keys of a Secret that belong together."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


@dataclass(frozen=True)
class Vendor:
    """A registrar with an adapter."""

    title: str
    """As people write it."""
    endpoint: str
    """The URL of its API, without a slash at its end."""
    credentials: tuple[type[Credentials], ...]
    """The ways to authenticate, the preferred one first. Of those whose keys are all there, the first is taken."""
    adapter: Callable[[Any, Api], Registrar]
    """Makes an adapter of credentials and a client."""


def key_set(credentials: type[Credentials]) -> KeySet:
    """The keys that a way to authenticate takes."""
    fields = {_key(name): field for name, field in credentials.model_fields.items()}
    return KeySet(
        tuple(key for key, field in fields.items() if field.is_required()),
        tuple(key for key, field in fields.items() if not field.is_required()),
    )


def secret(value: SecretStr) -> str:
    """The text of a credential, for the one place that sends it."""
    return value.get_secret_value()
