"""Where OpenTofu keeps a Sovereign's state: in its run namespace, or in a store of the operator's administrators.

The place inside such a store is made of the Sovereign's UID, so that none meets the state of another, not even one of
the same name that was deleted before. Nobody but the operator's administrators names a store, and no owner a place.

Why: docs/decisions/0097-where-the-state-lives.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from catalyst_operator.core import naming

KUBERNETES = "kubernetes"
HTTP = "http"
PG = "pg"
KINDS = (KUBERNETES, HTTP, PG)
_METHOD = r"[A-Z]{2,20}"
_CONFIG: Mapping[str, Mapping[str, str]] = {
    HTTP: {
        "address": r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~%-]+)*",
        "update_method": _METHOD,
        "lock_suffix": r"(/[A-Za-z0-9._~-]+)+",
        "lock_method": _METHOD,
        "unlock_method": _METHOD,
    },
    PG: {
        "host": r"[A-Za-z0-9.-]+",
        "port": r"[1-9][0-9]{0,4}",
        "database": r"[A-Za-z0-9_-]{1,63}",
        "sslmode": r"disable|require|verify-ca|verify-full",
    },
}
"""Kind -> what may be said of it -> what each looks like. Nothing of it can end a string of OpenTofu's language."""
_NEEDED: Mapping[str, tuple[str, ...]] = {HTTP: ("address",), PG: ("host", "database")}
_DEFAULTS: Mapping[str, Mapping[str, str]] = {HTTP: {}, PG: {"port": "5432", "sslmode": "verify-full"}}
_CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    HTTP: (
        "TF_HTTP_USERNAME",
        "TF_HTTP_PASSWORD",
        "TF_HTTP_CLIENT_CA_CERTIFICATE_PEM",
        "TF_HTTP_CLIENT_CERTIFICATE_PEM",
        "TF_HTTP_CLIENT_PRIVATE_KEY_PEM",
    ),
    PG: ("PGUSER", "PGPASSWORD"),
}
_TOGETHER: Mapping[str, tuple[tuple[str, ...], ...]] = {
    HTTP: (
        ("TF_HTTP_USERNAME", "TF_HTTP_PASSWORD"),
        ("TF_HTTP_CLIENT_CERTIFICATE_PEM", "TF_HTTP_CLIENT_PRIVATE_KEY_PEM"),
    ),
    PG: (("PGUSER", "PGPASSWORD"),),
}
"""What is there with the others or not at all; and one of these sets has to be there."""


@dataclass(frozen=True)
class StateBackend:
    """A store outside the management cluster, as the operator's settings name it."""

    kind: str
    """`http` or `pg`."""
    config: Mapping[str, str]
    """What is no secret of it, with the defaults."""
    secret: str
    """The Secret beside the operator with the credentials, by the names of environment variables."""

    @property
    def fingerprint(self) -> str:
        """What tells this store from another one."""
        return naming.digest_of([self.kind, dict(self.config)])[:16]

    @property
    def port(self) -> int:
        """The TCP port that runs connect to."""
        if self.kind == PG:
            return int(self.config["port"])
        address = urlsplit(self.config["address"])
        return address.port or (443 if address.scheme == "https" else 80)

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that may be in its Secret."""
        return _CREDENTIALS[self.kind]

    def lacking(self, found: frozenset[str]) -> str:
        """What a Secret with these keys lacks, as a clause; empty if nothing."""
        for names in _TOGETHER[self.kind]:
            missing = [name for name in names if name not in found]
            if missing and len(missing) < len(names):
                return f"has no key {missing[0]}"
        if any(found >= set(names) for names in _TOGETHER[self.kind]):
            return ""
        return f"has no keys {' and '.join(_TOGETHER[self.kind][0])}"

    def file(self, space: str, uid: str) -> str:
        """`backend.tf` of a run of the Sovereign with this run namespace and UID."""
        made = self._http(f"{space}-{uid}") if self.kind == HTTP else self._pg(uid)
        lines = "\n".join(f'    {name} = "{value}"' for name, value in made.items())
        return f'terraform {{\n  backend "{self.kind}" {{\n{lines}\n  }}\n}}\n'

    def _http(self, name: str) -> dict[str, str]:
        """Always with a lock: a store that has none refuses the method, and nothing is run."""
        address = f"{self.config['address']}/{name}"
        lock = f"{address}{self.config.get('lock_suffix', '')}"
        methods = {key: value for key, value in self.config.items() if key.endswith("_method")}
        return {"address": address, "lock_address": lock, "unlock_address": lock, **methods}

    def _pg(self, uid: str) -> dict[str, str]:
        where = "postgres://{host}:{port}/{database}?sslmode={sslmode}".format_map(self.config)
        return {"conn_str": where, "schema_name": f"sovereign_{uid.replace('-', '_')}"}


def parse(kind: str, items: tuple[str, ...], secret: str) -> StateBackend:
    """A store from its kind and `key=value` items. Raises ValueError saying which is wrong, and what is expected."""
    known = _CONFIG[kind]
    found: dict[str, str] = {}
    for item in items:
        key, _, value = item.partition("=")
        if key not in known:
            raise ValueError(f"{item!r}: expected one of {', '.join(f'{name}=' for name in known)}")
        if not re.fullmatch(known[key], value) or (key == "port" and int(value) > 65535):
            raise ValueError(f"{item!r}: expected a value like {_EXAMPLES[key]}; credentials are in the Secret only")
        if key in found:
            raise ValueError(f"{key!r} is there twice")
        found[key] = value
    if missing := [name for name in _NEEDED[kind] if name not in found]:
        raise ValueError(f"{missing[0]}= is missing, such as {missing[0]}={_EXAMPLES[missing[0]]}")
    return StateBackend(kind, {**_DEFAULTS[kind], **found}, secret)


_EXAMPLES = {
    "address": "https://states.example.com/sovereigns",
    "update_method": "PUT",
    "lock_suffix": "/lock",
    "lock_method": "POST",
    "unlock_method": "DELETE",
    "host": "states.example.com",
    "port": "5432",
    "database": "states",
    "sslmode": "verify-full",
}


def backend_file(backend: StateBackend | None, space: str, uid: str) -> str:
    """`backend.tf` of a run: the module itself names no backend, so that people can use it by hand. Without a store of
    its own a state is in the run namespace."""
    if backend is not None:
        return backend.file(space, uid)
    return f"""\
terraform {{
  backend "kubernetes" {{
    secret_suffix     = "{naming.STATE_SUFFIX}"
    namespace         = "{space}"
    in_cluster_config = true
  }}
}}
"""
