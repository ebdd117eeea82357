"""Preflight: what is checked before anything is spent, and what follows from what the cloud answered.

The adapter only reads; here the answers are judged. Each check is named, and says `Unknown` where nothing can be known:
never `Passed` on a guess.

Why: docs/explanation.md#preflight-and-sizes
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any

from catalyst_operator.api.enums import Location
from catalyst_operator.api.phases import PreflightResult
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import naming
from catalyst_operator.core.errors import codes
from catalyst_operator.core.errors.codes import Code
from catalyst_operator.core.project import prices, ssh_keys
from catalyst_operator.core.project.hetzner import SPREAD_GROUP_SIZE
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.core.redact import shorten

TOKEN, SIZES, NAMES, SSH_KEYS = CHECKS = ("token", "sizes", "names", "ssh-keys")
"""All checks, in the order in which they are shown."""

SERVERS = "servers"
ARCHITECTURE = "x86"
MAX_NAMED_PROBLEMS = 3


SOLD_OUT = "sold out"
"""In the message of that check, when a size cannot be had at the moment."""


@dataclass(frozen=True)
class Wanted:
    """What a run would create, as far as it can be checked beforehand. Two equal ones need only one look."""

    uid: str
    """UID of the Sovereign: objects with its label are its own."""
    cluster_name: str
    location: str
    sizes: Mapping[str, tuple[str, ...]]
    """Server name -> the sizes that may be tried for it, the first one first."""
    ssh_public_keys: tuple[str, ...] = ()
    """Type and body of each key, without comments and repeats."""
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Kind of object, plural as the API spells it -> the names that would be used."""
    remade: tuple[str, ...] = ()
    """Cloud names of servers that are there and are to be made again."""
    secret: str = ""
    """The owner's Secret with the token, as `namespace/name`: what is told of the token names it."""


@dataclass(frozen=True)
class SizeOffer:
    """How a server type is offered in one location."""

    available: bool
    """Whether it can be had at this moment."""
    retired: bool = False
    """Whether new servers of it are refused for good."""


@dataclass(frozen=True)
class CloudObject:
    """An object of the project that may be in the way."""

    kind: str
    """Plural as the API spells it, such as `servers`."""
    id: int
    name: str
    uid: str = ""
    """The Sovereign it is labelled with, if any."""
    sovereign: str = ""
    """`namespace/name` of that Sovereign, from its labels, if any."""


@dataclass(frozen=True)
class CloudView:
    """What the project answered. All of it was read with GET requests."""

    offers: Mapping[str, Mapping[str, SizeOffer]] = field(default_factory=dict)
    """Server type -> location -> offer; a type that the cloud does not know has no entry."""
    architectures: Mapping[str, str] = field(default_factory=dict)
    """Server type -> x86 or arm."""
    objects: tuple[CloudObject, ...] = ()
    """Objects whose names we would use, ours or not."""
    keys: Mapping[str, CloudObject] = field(default_factory=dict)
    """MD5 fingerprint -> the SSH key of the project that has it; only fingerprints that were asked for."""


@dataclass(frozen=True)
class Check:
    """One check: its name, its result, what was found, and the error that it stands for if it failed."""

    name: str
    result: PreflightResult
    message: str
    error: ErrorEntry | None = None


@dataclass(frozen=True)
class Report:
    """All checks of one look. `key` says what was looked at (see `key_of`), `at` when."""

    key: str
    at: datetime
    checks: tuple[Check, ...]
    retry_at: datetime | None = None
    """When the cloud asked to be left alone until: its rate limit."""
    mark: str = ""
    """Of the token that was used; see `core.project.identity`."""

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that say no."""
        return tuple(check for check in self.checks if check.result is PreflightResult.FAILED)


def wanted(
    sovereign: Sovereign,
    variables: Mapping[str, Any],
    sizes: Mapping[str, tuple[str, ...]],
    remade: tuple[str, ...] = (),
) -> Wanted:
    """What a run with these variables of the module (see `core.tfvars`) would create. `sizes`: cloud name of each
    server -> the sizes that may be tried for it."""
    cluster, keys = variables["cluster_name"], dict.fromkeys(map(ssh_keys.canonical, variables["ssh_public_keys"]))
    groups = range(-(-len(variables["worker_sizes"]) // SPREAD_GROUP_SIZE))
    return Wanted(
        uid=sovereign.metadata.uid,
        cluster_name=cluster,
        location=variables["location"],
        sizes=dict(sizes),
        ssh_public_keys=tuple(keys),
        remade=remade,
        secret=f"{sovereign.metadata.namespace}/{sovereign.spec.credentials_secret_ref.name}",
        names={
            SERVERS: tuple(sizes),
            "networks": (cluster,),
            "firewalls": (cluster,),
            "load_balancers": (cluster,),
            "placement_groups": (f"{cluster}-control-plane", *(f"{cluster}-worker-{n}" for n in groups)),
            "ssh_keys": tuple(ssh_keys.name(cluster, key) for key in keys),
        },
    )


def key_of(wanted: Wanted, credentials_version: str, retry: str) -> str:
    """What a report is about: the plan, the token's version and the wish to try again (its annotation)."""
    return naming.digest_of({"wanted": asdict(wanted), "credentials": credentials_version, "retry": retry})[:16]


def judge(wanted: Wanted, cloud: CloudView) -> tuple[Check, ...]:
    """The checks after the cloud answered."""
    return (
        Check(
            TOKEN,
            PreflightResult.PASSED,
            "Hetzner accepts the token; whether it may also write shows when something is created.",
        ),
        _sizes(wanted, cloud),
        _names(wanted, cloud),
        _ssh_keys(wanted, cloud),
    )


def unauthorized(secret: str, reason: str) -> tuple[Check, ...]:
    """The checks after the token of this Secret was refused."""
    told = f"Hetzner does not accept the token in Secret {secret}: {reason}."
    refused = _failed(TOKEN, [(codes.TOKEN_INVALID, told)])
    return refused, *_unknown(CHECKS[1:], "Not checked, because Hetzner does not accept the token.")


def unreachable(reason: str) -> tuple[Check, ...]:
    """The checks when the cloud did not answer, or not as it should."""
    return _unknown(CHECKS, f"Not checked: {reason}. A run goes on all the same, and OpenTofu decides.")


def rate_limited(until: datetime) -> tuple[Check, ...]:
    """The checks when the project has used up its requests; `until` is when it is asked again."""
    return _unknown(
        CHECKS, f"Not checked: the project's request limit at Hetzner is used up. Asked again at {until:%H:%M:%S} UTC."
    )


def _sizes(wanted: Wanted, cloud: CloudView) -> Check:
    standing = {found.name for found in cloud.objects if found.kind == SERVERS and found.uid == wanted.uid}
    standing -= set(wanted.remade)
    ladders = dict.fromkeys(ladder for server, ladder in wanted.sizes.items() if server not in standing)
    if not ladders:
        return Check(SIZES, PreflightResult.PASSED, "All servers exist already, and keep their sizes.")
    sizes = dict.fromkeys(size for ladder in ladders for size in ladder)
    if problems := [p for size in sizes if (p := _problem(size, wanted.location, cloud))]:
        return _failed(SIZES, problems)
    if gone := [
        p for name in wanted.remade if (p := _not_to_be_had(wanted.sizes.get(name, ()), wanted.location, cloud))
    ]:
        return _failed(SIZES, gone)
    scarce = [note for ladder in ladders if (note := _scarcity(ladder, wanted.location, cloud))]
    return _passed(SIZES, scarce or [f"All sizes can be ordered in {wanted.location}."])


def _problem(size: str, location: str, cloud: CloudView) -> tuple[Code, str] | None:
    offers = cloud.offers.get(size)
    if offers is None:
        instead = _instead(size, location) or _family(size, location, cloud)
        return codes.SIZE_UNKNOWN, f"Hetzner has no server type {size}{instead}."
    if (architecture := cloud.architectures.get(size, ARCHITECTURE)) != ARCHITECTURE:
        return codes.INVALID_INPUT, (
            f"{size} has {architecture} processors; spec.controlPlane.size, spec.workers.size and their fallbacks take "
            f"{ARCHITECTURE} types only."
        )
    if location not in offers:
        places = ", ".join(sorted(place for place, offer in offers.items() if not offer.retired))
        elsewhere = f", only in {places}" if places else ", nor anywhere else"
        return codes.SIZE_NOT_IN_LOCATION, f"{size} is not offered in {location}{elsewhere}."
    if offers[location].retired:
        return codes.SIZE_RETIRED, f"{size} can no longer be ordered in {location}{_instead(size, location)}."
    return None


def _instead(size: str, location: str) -> str:
    successor = prices.successor(size, Location(location))
    return f"; use {successor} instead" if successor else ""


def _family(size: str, location: str, cloud: CloudView) -> str:
    """The sizes that begin with the same letters and are sold there."""
    letters = size.rstrip("0123456789")
    sold = sorted(
        name
        for name, offers in cloud.offers.items()
        if name.rstrip("0123456789") == letters and location in offers and not offers[location].retired
    )
    return f"; in {location} it has {', '.join(sold)}" if sold else ""


def _scarcity(ladder: Sequence[str], location: str, cloud: CloudView) -> str:
    """What there is to say when the first size is sold out; being sold out may pass, so it is no failure."""
    gone = tuple(takewhile(lambda size: not cloud.offers[size][location].available, ladder))
    if not gone:
        return ""
    left = ladder[len(gone) :]
    then = f"{left[0]} is tried next" if left else "there is no other size to try"
    return f"{' and '.join(gone)} {'is' if len(gone) == 1 else 'are'} {SOLD_OUT} in {location} at the moment; {then}."


def _not_to_be_had(ladder: Sequence[str], location: str, cloud: CloudView) -> tuple[Code, str] | None:
    """A server that stands is not taken away while there is none to be had in its place."""
    if any(cloud.offers[size][location].available for size in ladder):
        return None
    return codes.CAPACITY, f"{' and '.join(ladder)} cannot be had in {location} at the moment: no server is made again."


def _names(wanted: Wanted, cloud: CloudView) -> Check:
    foreign = [found for found in cloud.objects if found.uid != wanted.uid]
    problems = [
        (codes.NAME_CONFLICT, f"{found.kind}/{found.id} {found.name} exists already and {_owner(found)}.")
        for found in foreign
    ]
    return _verdict(NAMES, problems, "Nothing else in the project has one of the names that are needed.")


def _owner(found: CloudObject) -> str:
    return f"belongs to the Sovereign {found.sovereign}" if found.sovereign else "is not this Sovereign's"


def _ssh_keys(wanted: Wanted, cloud: CloudView) -> Check:
    if not wanted.ssh_public_keys:
        return Check(SSH_KEYS, PreflightResult.PASSED, "No SSH key is named: nobody will log in over SSH.")
    marks = {key: ssh_keys.fingerprint(key) for key in wanted.ssh_public_keys}
    taken = {mark: cloud.keys[mark] for mark in marks.values() if mark and mark in cloud.keys}
    problems = [
        (codes.SSH_KEY_CONFLICT, f"The key {mark} is in the project already, as {found.name}{_holder(found)}.")
        for mark, found in taken.items()
        if found.uid != wanted.uid
    ]
    # What Hetzner has already it took for a key.
    problems += [
        (codes.INVALID_INPUT, f"The key {key[:32]}… of spec.sshPublicKeys {wrong}; copy the .pub file again.")
        for key, mark in marks.items()
        if mark not in taken and (wrong := ssh_keys.fault(key))
    ]
    return _verdict(SSH_KEYS, problems, "None of the SSH keys belongs to something else in the project.")


def _holder(found: CloudObject) -> str:
    return f" of the Sovereign {found.sovereign}" if found.sovereign else ""


def _verdict(name: str, problems: Sequence[tuple[Code, str]], fine: str) -> Check:
    return _failed(name, problems) if problems else _passed(name, [fine])


def _passed(name: str, sentences: Sequence[str]) -> Check:
    return Check(name, PreflightResult.PASSED, _joined(sentences))


def _failed(name: str, problems: Sequence[tuple[Code, str]]) -> Check:
    """The first problem's code stands for all: one is enough to stop, and the message names the others."""
    message = _joined([sentence for _, sentence in problems])
    return Check(name, PreflightResult.FAILED, message, problems[0][0].entry(message))


def _unknown(names: Iterable[str], message: str) -> tuple[Check, ...]:
    return tuple(Check(name, PreflightResult.UNKNOWN, shorten(message)) for name in names)


def _joined(sentences: Sequence[str]) -> str:
    more = len(sentences) - MAX_NAMED_PROBLEMS
    return shorten(" ".join((*sentences[:MAX_NAMED_PROBLEMS], *([f"And {more} more."] if more > 0 else ()))))
