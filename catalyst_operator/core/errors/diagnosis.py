"""From what OpenTofu, the kubelet and the backend reported to a code, a cause and a remedy.

Where to look comes in a fixed order. Errors of Hetzner's API keep their machine-readable code through the provider, and
that code decides wherever there is one. What has none is told by OpenTofu's own sentences, and what is not told even
by these by the phase and its exit code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import error_text
from catalyst_operator.core.errors import codes
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.core.redact import redact, shorten
from catalyst_operator.core.tofu.apply_progress import Diagnostic
from catalyst_operator.core.tofu.plan_gate import (
    EXIT_CLUSTER_LOST,
    EXIT_NOTHING_FOUND,
    EXIT_REFUSED,
    EXIT_STATE_REFUSED,
)
from catalyst_operator.core.tofu.state_copy import EXIT_FOREIGN, NOT_ANSWERED

# --- where each is recognised -----------------------------------------------------------------------------------------

BY_HCLOUD_CODE: tuple[tuple[str, str, codes.Code], ...] = (
    ("token_readonly", "", codes.TOKEN_READONLY),
    # The SDK calls token_readonly deprecated in favour of this one; a token that may do nothing at all is
    # `unauthorized`.
    ("forbidden", "", codes.TOKEN_READONLY),
    ("unauthorized", "", codes.TOKEN_INVALID),
    ("resource_limit_exceeded", "", codes.QUOTA_EXCEEDED),
    ("resource_unavailable", "", codes.CAPACITY),
    ("placement_error", "", codes.CAPACITY),
    ("rate_limit_exceeded", "", codes.RATE_LIMITED),
    ("uniqueness_error", r"hcloud_ssh_key|ssh.?key", codes.SSH_KEY_CONFLICT),
    ("uniqueness_error", "", codes.NAME_CONFLICT),
    ("invalid_input", r"unsupported location for server type", codes.SIZE_NOT_IN_LOCATION),
    ("invalid_input", r"\buser_data\b", codes.USERDATA_TOO_BIG),
    ("invalid_input", r"\bserver_type\b", codes.SIZE_UNKNOWN),
    # The network's subnet is not there yet, or somebody fills it: no field of the spec is to blame.
    ("invalid_input", r"no free ip", codes.CLOUD_UNAVAILABLE),
    # The server that a load balancer was to send to: there is no such field in the spec either.
    ("invalid_input", r"\btarget was not found", codes.OBJECT_VANISHED),
    ("invalid_input", "", codes.INVALID_INPUT),
    ("invalid_server_type", r"deprecated|unavailable|no longer", codes.SIZE_RETIRED),
    ("invalid_server_type", "", codes.INVALID_INPUT),
    ("not_found", r"server type", codes.SIZE_UNKNOWN),
    ("not_found", "", codes.OBJECT_VANISHED),
    ("firewall_resource_not_found", "", codes.OBJECT_VANISHED),
    ("load_balancer_target_not_found", "", codes.OBJECT_VANISHED),
    ("server_not_attached_to_network", "", codes.OBJECT_VANISHED),
    ("load_balancer_not_attached_to_network", "", codes.OBJECT_VANISHED),
    ("source_port_already_used", "", codes.ALREADY_EXISTS),
    ("target_already_defined", "", codes.ALREADY_EXISTS),
    ("server_already_attached", "", codes.ALREADY_EXISTS),
    ("load_balancer_already_attached", "", codes.ALREADY_EXISTS),
    ("firewall_already_applied", "", codes.ALREADY_EXISTS),
    ("protected", "", codes.PROTECTED),
    ("resource_locked", "", codes.PROTECTED),
    ("resource_in_use", "", codes.RESOURCE_IN_USE),
    ("ip_not_available", "", codes.RESOURCE_IN_USE),
    ("service_error", r"\bnot attached\b", codes.OBJECT_VANISHED),
    ("service_error", r"\battached\b|\bin use\b", codes.RESOURCE_IN_USE),
    ("service_error", "", codes.CLOUD_UNAVAILABLE),
    ("deprecated_api_endpoint", "", codes.OUTDATED_PROVIDER),
    ("placement_group_member_limit_reached", "", codes.CLOUD_UNAVAILABLE),
    ("no_subnet_available", "", codes.CLOUD_UNAVAILABLE),
    ("server_not_stopped", "", codes.CLOUD_UNAVAILABLE),
    ("conflict", "", codes.CLOUD_UNAVAILABLE),
    ("locked", "", codes.CLOUD_UNAVAILABLE),
    ("timeout", "", codes.CLOUD_UNAVAILABLE),
    ("server_error", "", codes.CLOUD_UNAVAILABLE),
    ("unknown_error", "", codes.CLOUD_UNAVAILABLE),
    ("action_failed", "", codes.CLOUD_UNAVAILABLE),
    ("bad_gateway", "", codes.CLOUD_UNAVAILABLE),
    ("maintenance", "", codes.CLOUD_UNAVAILABLE),
    ("unavailable", "", codes.CLOUD_UNAVAILABLE),
)
"""Hetzner's code, what the text has to say besides (a pattern), and ours. The first row that fits decides."""

BY_SENTENCE: tuple[tuple[str, codes.Code], ...] = (
    (r"failed to (save|persist|serialize) state|failed to create local state file", codes.STATE_WRITE),
    (r"decrypt|key.?provider|encryption key data|unencrypted payload", codes.STATE_KEY),
    (r"already locked by another|error releasing the state lock", codes.STATE_LOCKED),
    # The store behind the API server says the same to whoever reads, locks or writes: what it was about comes first.
    (
        r"(error acquiring the state lock|workspaces|error (loading|refreshing) (the )?state).*etcdserver",
        codes.STATE_READ,
    ),
    (
        r"error acquiring the state lock.*\b(unable to handle|timed out|too many requests|unauthorized|internal error)",
        codes.STATE_READ,
    ),
    (r"etcdserver|request entity too large|too long: m(ust|ay)|exceeded quota|is being terminated", codes.STATE_WRITE),
    # The path of Kubernetes' API, in the words of Go's HTTP client for a request that was not answered.
    (r'"https://[^"]+/(api/v1|apis/[^"]+)/namespaces/[^"]*": ', codes.STATE_READ),
    (r"is forbidden: user ", codes.STATE_READ),
    (
        r"error acquiring the state lock.*\b(dial tcp|connection re|no such host|requires auth|authentication failed)",
        codes.STATE_READ,
    ),
    (r"error acquiring the state lock", codes.STATE_LOCKED),
    (rf"^{NOT_ANSWERED.lower()}", codes.STATE_READ),
    (
        r"failed to get existing workspaces|error (loading|refreshing) (the )?state|failed to load state",
        codes.STATE_READ,
    ),
    (r"failed to (query|resolve|install) .*provider|provider dependency changes", codes.INCOMPLETE_IMAGE),
    (r"required plugins are not installed|dependency lock file|could not load plugin", codes.INCOMPLETE_IMAGE),
    (r"missing resource state after update|was present, but now absent", codes.OBJECT_VANISHED),
    (r"cannot import non-existent remote object", codes.OBJECT_VANISHED),
    (r"plugin did not respond|failed to respond to the plugin", codes.PROVIDER_CRASHED),
    (r"waiting for plugin to start|unrecognized remote plugin message", codes.PROVIDER_CRASHED),
    (r"failed to create (containerd|shim) task|oci runtime create failed|exec format error", codes.RUN_START),
    (r"must be exactly 64 characters|missing hetzner cloud api token", codes.TOKEN_INVALID),
    (r"user_data of \S+ is \d+ bytes", codes.USERDATA_TOO_BIG),
    (r"user_data of \S+ is not valid", codes.USERDATA_INVALID),
    (r"server type \S+ not found", codes.SIZE_UNKNOWN),
    (r"server (type|plan) .*(no longer be ordered|is unavailable|is deprecated)", codes.SIZE_RETIRED),
    (r"unsupported location for server type", codes.SIZE_NOT_IN_LOCATION),
    (r"invalid value for variable|location \S+ not found", codes.INVALID_INPUT),
    (r"http error 429|status code:? 429|too many requests", codes.RATE_LIMITED),
    (r"http error 5\d\d|status code:? [45]\d\d|no answer of the api itself", codes.CLOUD_UNAVAILABLE),
    (r"looking for beginning of value|unexpected end of json input", codes.CLOUD_UNAVAILABLE),
    (r'\b(get|post|put|patch|delete) "https?://[^"]+": ', codes.CLOUD_UNAVAILABLE),
    (r"connection (refused|reset)|no such host|i/o timeout|timed out|deadline exceeded", codes.CLOUD_UNAVAILABLE),
    (r"urlopen error|remote end closed|unreachable|no route to host|name resolution", codes.CLOUD_UNAVAILABLE),
)
"""A pattern in what OpenTofu, a provider or a client says, in lower case, and our code. The first that fits decides."""

BY_EXIT_CODE: dict[tuple[str, int], codes.Code] = {
    ("plan-gate", EXIT_REFUSED): codes.PLAN_REFUSED,
    ("plan-gate", EXIT_STATE_REFUSED): codes.GIVEN_STATE,
    ("plan-gate", EXIT_NOTHING_FOUND): codes.OBJECTS_GONE,
    ("plan-gate", EXIT_CLUSTER_LOST): codes.CLUSTER_LOST,
    ("tofu-init", EXIT_FOREIGN): codes.STATE_LOST,
    ("sweep", 6): codes.LEFTOVERS,
    ("sweep", 7): codes.TOKEN_INVALID,
    ("leftovers", 6): codes.LEFTOVERS,
    ("leftovers", 7): codes.TOKEN_INVALID,
    ("adopt", 7): codes.TOKEN_INVALID,
}
"""What the containers of ours end with."""

BY_WAITING_REASON: dict[str, codes.Code] = {
    **dict.fromkeys(
        ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"),
        codes.IMAGE_PULL,
    ),
    **dict.fromkeys(
        ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff"), codes.RUN_START
    ),
    "Unschedulable": codes.UNSCHEDULABLE,
}
"""The kubelet's and the scheduler's reasons for a Pod that does not get going."""

_CONSEQUENCE = re.compile(
    r"Provider (produced|returned) in\w+ .*|Invalid provider configuration|Failed to persist state to backend"
    r"|Request cancelled"
)
"""Summaries of what only follows from an error that was reported as well."""


# --- diagnosing -------------------------------------------------------------------------------------------------------


def diagnose(phase: str, exit_code: int, message: str, diagnostics: Iterable[Diagnostic]) -> tuple[ErrorEntry, ...]:
    """The errors of a failed phase, most telling first, one for each code; never empty. `message` is what the
    container itself said, and counts when OpenTofu reported no diagnostics."""
    silent = f"{phase} ended with exit code {exit_code}"
    said: dict[codes.Code, dict[str, list[str]]] = {}
    for raw, text, addresses in _reports(message, _causes(tuple(diagnostics))):
        said.setdefault(_code(phase, exit_code, raw), {}).setdefault(text or silent, []).extend(addresses)
    entries = [_entry(code, texts) for code, texts in said.items()]
    return tuple(sorted(entries, key=lambda e: (e.code == codes.UNKNOWN, not e.terminal)))


def _reports(message: str, diagnostics: tuple[Diagnostic, ...]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Each thing that was reported: as it came, to be judged; for people; and what it is about."""
    for d in diagnostics:
        raw = " ".join((d.address, d.summary, d.detail))
        # The provider as a whole has an address too, which tells nobody anything.
        addresses = () if not d.address or d.address.startswith("provider[") else (redact(d.address),)
        yield raw, error_text.sentence(d.summary, d.detail), addresses
    if not diagnostics:
        yield message, error_text.of_output(message), ()


def _causes(diagnostics: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Without what only follows from others; if that is all there is, it is kept."""
    return tuple(d for d in diagnostics if not _CONSEQUENCE.fullmatch(d.summary)) or diagnostics


def _code(phase: str, exit_code: int, text: str) -> codes.Code:
    folded = " ".join(text.lower().split())
    return (
        _by_hcloud_code(folded, error_text.codes(text))
        or next((code for sign, code in BY_SENTENCE if re.search(sign, folded)), None)
        or BY_EXIT_CODE.get((phase, exit_code), codes.INTERNAL)
    )


def _by_hcloud_code(folded: str, given: tuple[str, ...]) -> codes.Code | None:
    fitting = (
        ours
        for theirs in given
        for code, besides, ours in BY_HCLOUD_CODE
        if code == theirs and re.search(besides, folded)
    )
    return next(fitting, None)


def _entry(code: codes.Code, said: dict[str, list[str]]) -> ErrorEntry:
    addresses = tuple(dict.fromkeys(address for found in said.values() for address in found))
    return code.entry(shorten(error_text.joined(said)), addresses=addresses)


# --- what the operator itself found -----------------------------------------------------------------------------------


def addresses_of(code: codes.Code, errors: Iterable[ErrorEntry]) -> set[str]:
    """The resources that errors of this code are about."""
    return {address for error in errors if error.code == code.code for address in error.addresses}


def waiting(reason: str, message: str) -> ErrorEntry | None:
    """Why a Pod does not get going, by the reason and the message of a container that waits, or of the scheduler with
    the reason Unschedulable. None for a reason that is part of every start."""
    code = BY_WAITING_REASON.get(reason)
    return code.entry(": ".join(part for part in (reason, message) if part)) if code else None


def interrupted(cause: str) -> ErrorEntry:
    """A run that was ended from outside: by an eviction, a preemption, the loss of its node; `cause` says by which."""
    return codes.RUN_INTERRUPTED.entry(cause or "The run was ended from outside")


def out_of_memory(phase: str) -> ErrorEntry:
    """A phase that the kernel killed for want of memory."""
    return codes.OUT_OF_MEMORY.entry(f"{phase} was killed because it needed more memory than it may use")


def of_a_resize(error: ErrorEntry) -> ErrorEntry:
    """No room for the new size of a server that exists. Each try powers it off, so that nobody tries again unasked."""
    return replace(error, remedy=codes.RESIZE_REFUSED, terminal=True)


def left_off(addresses: tuple[str, ...]) -> ErrorEntry:
    """Servers that a run powered off, and that could not be started again."""
    told = f"Powered off by the run, and not started again: {error_text.named(addresses)}"
    return codes.SERVER_OFF.entry(told, addresses=addresses)


def requests_used_up() -> ErrorEntry:
    """Hetzner asks to be left alone for a while."""
    return codes.RATE_LIMITED.entry("Hetzner's limit of requests an hour is used up")


def stuck(addresses: tuple[str, ...], verb: RunVerb = RunVerb.APPLY) -> ErrorEntry:
    """A run that was stopped because these were still being created or, by a destroy, destroyed."""
    return _late("Still not", addresses, verb)


def slow(addresses: tuple[str, ...], verb: RunVerb = RunVerb.APPLY) -> ErrorEntry:
    """A warning: these have been in creation or, by a destroy, in destruction for longer than anything should."""
    return _late("Still being", addresses, verb)


def _late(how: str, addresses: tuple[str, ...], verb: RunVerb) -> ErrorEntry:
    """What is not made in time is not to be had; what does not go in time is used by something else."""
    destroys = verb is RunVerb.DESTROY
    code, done = (codes.RESOURCE_IN_USE, "destroyed") if destroys else (codes.CAPACITY, "created")
    return code.entry(f"{how} {done}: {', '.join(addresses)}", addresses=addresses)
