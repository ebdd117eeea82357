"""From an error text to a code and a remedy: the code that Hetzner sent decides, wherever there is one.

The texts are what OpenTofu 1.12, the provider and its SDK say; those marked "real" were reported by users of Hetzner's
own API and of the real provider.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import record
from catalyst_operator.core.errors import codes, diagnosis
from catalyst_operator.core.errors.diagnosis import (
    BY_EXIT_CODE,
    BY_HCLOUD_CODE,
    BY_SENTENCE,
    BY_WAITING_REASON,
    diagnose,
)
from catalyst_operator.core.record import ErrorEntry
from catalyst_operator.core.redact import MAX
from catalyst_operator.core.tofu.apply_progress import Diagnostic
from catalyst_operator.in_job import hcloud, leftovers
from tests.support import gen
from tests.support.gen import TOKEN

CODES = [value for value in vars(codes).values() if isinstance(value, codes.Code)]
WORKER = "hcloud_server.worker[0]"


def one(summary: str, detail: str = "", address: str = "", phase: str = "tofu-apply", exit_code: int = 1) -> ErrorEntry:
    (found,) = diagnose(phase, exit_code, "", [Diagnostic(summary, detail, address)])
    return found


def codes_of(*texts: str, phase: str = "tofu-apply", exit_code: int = 1) -> list[str]:
    return [e.code for e in diagnose(phase, exit_code, "", [Diagnostic(text, "") for text in texts])]


# --- codes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "why"),
    [
        ("token is only allowed to perform GET requests (token_readonly, 8a3fb0cd12)", "ERR_TOKEN_READONLY", "a scope"),
        ("insufficient permissions (forbidden)", "ERR_TOKEN_READONLY", "its newer name"),
        ("unable to authenticate (unauthorized, 0123456789abcdef)", "ERR_TOKEN_INVALID", "revoked or never valid"),
        ("server limit exceeded (resource_limit_exceeded, d1798f30e86aa508)", "ERR_QUOTA_EXCEEDED", "real: servers"),
        ("Primary IP limit exceeded (resource_limit_exceeded, 971c2996d)", "ERR_QUOTA_EXCEEDED", "real: addresses"),
        ("error during placement (resource_unavailable, de76d43fd51bd20)", "ERR_CAPACITY", "real: no room"),
        ("error during placement (resource_unavailable, 580000000000161)", "ERR_CAPACITY", "an action that failed"),
        ("could not allocate metrics server (resource_unavailable)", "ERR_CAPACITY", "real: without an id"),
        ("error during placement (placement_error)", "ERR_CAPACITY", "no room in the spread group"),
        ("limit of 3600 requests per hour reached (rate_limit_exceeded, 01ab)", "ERR_RATE_LIMITED", "refills"),
        ("SSH key with the same fingerprint already exists (uniqueness_error, 01ab)", "ERR_SSH_KEY_CONFLICT", "a key"),
        ("server name is already used (uniqueness_error, 01ab)", "ERR_NAME_CONFLICT", "a name"),
        ("unsupported location for server type (invalid_input, 16ce): []", "ERR_SIZE_NOT_IN_LOCATION", "never there"),
        ("invalid input in field 'server_type' (invalid_input): [server_type => []]", "ERR_SIZE_UNKNOWN", "the size"),
        (
            "invalid input in field 'user_data' (invalid_input): [user_data => [Length must be between 0 and 32768.]]",
            "ERR_USERDATA_TOO_BIG",
            "real: what the module did not foresee",
        ),
        ("invalid input in field 'name' (invalid_input): [name => []]", "ERR_INVALID_INPUT", "any other field"),
        ("server type cx33 is deprecated (invalid_server_type, f4a0)", "ERR_SIZE_RETIRED", "at an order"),
        ("the disk of the server type is smaller (invalid_server_type)", "ERR_INVALID_INPUT", "at a change of size"),
        ("server type not found (not_found, 01ab)", "ERR_SIZE_UNKNOWN", "at a change of size"),
        ("network with ID 12 not found (not_found, 01ab)", "ERR_OBJECT_VANISHED", "deleted since it was planned"),
        ("server with ID '42' not found (not_found, 01ab)", "ERR_OBJECT_VANISHED", "real: deleted since"),
        ("server with ID 7 not found (firewall_resource_not_found)", "ERR_OBJECT_VANISHED", "what it was applied to"),
        ("target not found (load_balancer_target_not_found)", "ERR_OBJECT_VANISHED", "what it balanced to"),
        ("source port 80 is already in use (source_port_already_used, 01ab)", "ERR_ALREADY_EXISTS", "real: a service"),
        ("target already defined (target_already_defined, 01ab)", "ERR_ALREADY_EXISTS", "the same of a target"),
        ("already attached (load_balancer_already_attached)", "ERR_ALREADY_EXISTS", "the same of its network"),
        ("server deletion is protected (protected, 01ab)", "ERR_PROTECTED", "somebody's switch"),
        ("The resource is locked (resource_locked, 9db9)", "ERR_PROTECTED", "Hetzner's own switch"),
        ("firewall with ID 7 is still in use (resource_in_use, 01ab)", "ERR_RESOURCE_IN_USE", "by another server"),
        (
            "cannot remove subnet because servers are attached to it (service_error, 01ab)",
            "ERR_RESOURCE_IN_USE",
            "the same, under a code that says little",
        ),
        ("placement group 211529 contains already 10 servers (service_error)", "ERR_CLOUD_UNAVAILABLE", "real: a race"),
        (
            "placement group with ID 369587 contains already 10 servers (placement_group_member_limit_reached, 2dd1)",
            "ERR_CLOUD_UNAVAILABLE",
            "real: a member that is on its way out still counts",
        ),
        ("cannot perform operation because server is locked (locked)", "ERR_CLOUD_UNAVAILABLE", "real: another action"),
        ("the resource has changed (conflict, 01ab)", "ERR_CLOUD_UNAVAILABLE", "after the SDK's own five tries"),
        ("(timeout, 01ab)", "ERR_CLOUD_UNAVAILABLE", "after the SDK's own five tries"),
        (" (server_error)", "ERR_CLOUD_UNAVAILABLE", "real: without any message"),
        ("Action failed (action_failed, 580000000000151)", "ERR_CLOUD_UNAVAILABLE", "a creation that failed late"),
        ("server is locked (unknown_error)", "ERR_CLOUD_UNAVAILABLE", "real: an action that failed"),
        ("Bad Gateway (bad_gateway)", "ERR_CLOUD_UNAVAILABLE", "Hetzner's own proxy"),
        ("Cannot perform operation due to maintenance (maintenance)", "ERR_CLOUD_UNAVAILABLE", "a window"),
        ("service unavailable (unavailable, 6910)", "ERR_CLOUD_UNAVAILABLE", "HTTP 503"),
        (
            "network 3334615 has no free IP available or is in a different network zone (invalid_input, 01ab)",
            "ERR_CLOUD_UNAVAILABLE",
            "real: its subnet is not there yet, and no field of the spec is to blame",
        ),
        ("attach server: no subnet or IP available (service_error)", "ERR_CLOUD_UNAVAILABLE", "real: the same"),
        ("no subnet available (no_subnet_available, 01ab)", "ERR_CLOUD_UNAVAILABLE", "the same"),
        ("IP not available (ip_not_available, 01ab)", "ERR_RESOURCE_IN_USE", "another server has the address"),
        ("server is not attached (server_not_attached_to_network)", "ERR_OBJECT_VANISHED", "somebody detached it"),
        ("not attached (load_balancer_not_attached_to_network)", "ERR_OBJECT_VANISHED", "somebody detached it"),
        ("server must be stopped (server_not_stopped, 01ab)", "ERR_CLOUD_UNAVAILABLE", "somebody started it"),
        ("something new (that_nobody_knows, 01ab)", "ERR_TOFU", "a code that is not in the table"),
        ("a sentence (with a remark) in it", "ERR_TOFU", "no code at all"),
    ],
)
def test_the_code_of_hetzners_api_decides(text: str, code: str, why: str) -> None:
    assert codes_of(text) == [code], why


@pytest.mark.parametrize(
    ("text", "code", "why"),
    [
        ("entered token is invalid (must be exactly 64 characters long)", "ERR_TOKEN_INVALID", "before any request"),
        ("Missing Hetzner Cloud API token", "ERR_TOKEN_INVALID", "an empty key of the Secret"),
        ("server type cx99 not found", "ERR_SIZE_UNKNOWN", "the provider looks it up by name"),
        (
            'Server Type "cpx21" is unavailable in "fsn1" and can no longer be ordered',
            "ERR_SIZE_RETIRED",
            "in one location",
        ),
        (
            'Server Type "cx32" is unavailable in all locations (fsn1,nbg1) and can no longer be ordered',
            "ERR_SIZE_RETIRED",
            "everywhere",
        ),
        (
            'Attention: The server plan "cx11" is deprecated and can no longer be ordered. Existing servers of that',
            "ERR_SIZE_RETIRED",
            "real: an older provider",
        ),
        ('Image "ubuntu-24.04" is unavailable and can no longer be ordered', "ERR_TOFU", "no size of the user's"),
        ("location mars not found", "ERR_INVALID_INPUT", "the provider looks it up by name"),
        ("Invalid value for variable: location must be one of fsn1 and nbg1", "ERR_INVALID_INPUT", "by the module"),
        (
            "user_data of acme-1a2b3-worker-0 is 97212 bytes, more than Hetzner's 32768: its first boot would be",
            "ERR_USERDATA_TOO_BIG",
            "the module's precondition",
        ),
        (
            "user_data of acme-1a2b3-worker-0 is not valid cloud-config: its first boot would do nothing. A value",
            "ERR_USERDATA_INVALID",
            "the module's other precondition",
        ),
        ("Error acquiring the state lock: the state is already locked by another tofu", "ERR_STATE_LOCKED", "a holder"),
        ("Error loading state: the state is already locked by another tofu client", "ERR_STATE_LOCKED", "at init"),
        ("Error acquiring the state lock: the object has been modified", "ERR_STATE_LOCKED", "a race for it"),
        ("Error releasing the state lock", "ERR_STATE_LOCKED", "the lock stays behind"),
        ("Failed to save state", "ERR_STATE_WRITE", "at the end of an apply"),
        ("Failed to persist state to backend", "ERR_STATE_WRITE", "the sentence that follows it"),
        ("Error saving current state: etcdserver: request timed out", "ERR_STATE_WRITE", "the store behind the API"),
        (
            "Error acquiring the state lock: Error message: etcdserver: request timed out",
            "ERR_STATE_READ",
            "nothing was done yet, let alone lost",
        ),
        (
            "Error acquiring the state lock: etcdserver: leader changed. Lock Info: ID: 12 Who: @apply-1-1",
            "ERR_STATE_READ",
            "the same, at an election",
        ),
        ("Failed to get existing workspaces: etcdserver: request timed out", "ERR_STATE_READ", "at init"),
        ("Error loading state: etcdserver: leader changed", "ERR_STATE_READ", "before a plan"),
        ("Error releasing the state lock: etcdserver: request timed out", "ERR_STATE_LOCKED", "it stays behind"),
        ("Error acquiring the state lock: the server is currently unable to handle the", "ERR_STATE_READ", "busy"),
        (
            "Plugin did not respond: The plugin encountered an error, and failed to respond to the "
            "plugin6.(*GRPCProvider).ApplyResourceChange call. The plugin logs may contain more details.",
            "ERR_PROVIDER_CRASHED",
            "real: a firewall that is gone",
        ),
        (
            "Missing Resource State After Update: The Provider returned no",
            "ERR_OBJECT_VANISHED",
            "a provider's framework",
        ),
        ("Error saving state: Request entity too large: limit is 3145728", "ERR_STATE_WRITE", "far too big"),
        ('Secret "x" is invalid: data: Too long: may not be more than 1048576 bytes', "ERR_STATE_WRITE", "over 1 MiB"),
        ("data: Too long: must have at most 1048576 bytes", "ERR_STATE_WRITE", "over 1 MiB, as older API servers say"),
        ('secrets "tfstate-default-sovereign" is forbidden: exceeded quota: team', "ERR_STATE_WRITE", "a quota"),
        ("forbidden: unable to create new content: namespace is being terminated", "ERR_STATE_WRITE", "a namespace"),
        (
            "error loading state: decryption failed for all provided methods\nattempted decryption failed for state",
            "ERR_STATE_KEY",
            "another key",
        ),
        ('Failed to load "plan.bin" as a plan file: (decryption failed for all', "ERR_STATE_KEY", "the plan as well"),
        ("Unable to fetch encryption key data: the external command exited", "ERR_STATE_KEY", "no key file"),
        ("Unknown key_provider type", "ERR_STATE_KEY", "a broken configuration of the encryption"),
        ("no decryption key available", "ERR_STATE_KEY", "half a key"),
        ("encountered unencrypted payload without unencrypted method configured", "ERR_STATE_KEY", "pushed by hand"),
        (
            'Failed to get existing workspaces: secrets is forbidden: User "system:serviceaccount:sov-x:run" cannot',
            "ERR_STATE_READ",
            "rights",
        ),
        (
            'error loading state: Get "https://10.96.0.1:443/api/v1/namespaces/sov-x/secrets/tfstate-default-sovereign'
            '": dial tcp 10.96.0.1:443: connect: connection refused',
            "ERR_STATE_READ",
            "the management cluster is out of reach, not Hetzner",
        ),
        (
            'Error acquiring the state lock: Error message: Get "https://10.96.0.1:443/apis/coordination.k8s.io/v1/'
            'namespaces/sov-x/leases/lock-tfstate-default-sovereign": dial tcp 10.96.0.1:443: i/o timeout',
            "ERR_STATE_READ",
            "nobody holds the lock",
        ),
        (
            'Failed to save state: Put "https://10.96.0.1:443/api/v1/namespaces/sov-x/secrets/tfstate-default-sovereign'
            '": dial tcp 10.96.0.1:443: connect: connection refused',
            "ERR_STATE_WRITE",
            "what was done is not written down: more than out of reach",
        ),
        ("Failed to load state: state snapshot was created by OpenTofu v9", "ERR_STATE_READ", "a newer format"),
        ("Error refreshing state: unexpected EOF", "ERR_STATE_READ", "real: at init"),
        ("Error refreshing state: Unauthorized", "ERR_STATE_READ", "a token of the Pod that is not accepted"),
        ("Error acquiring the state lock: Error message: Unauthorized", "ERR_STATE_READ", "nobody holds it"),
        (
            'Error acquiring the state lock: Internal error occurred: failed calling webhook "m": EOF',
            "ERR_STATE_READ",
            "nobody holds it",
        ),
        ("Error refreshing state: etcdserver: request timed out", "ERR_STATE_READ", "at init"),
        (
            "Failed to load plugin schemas: failed to instantiate provider hcloud to obtain schema: timeout while "
            "waiting for plugin to start",
            "ERR_PROVIDER_CRASHED",
            "real: a node that is too busy",
        ),
        ("Unrecognized remote plugin message: \n\nThis usually means", "ERR_PROVIDER_CRASHED", "real: it ends at once"),
        (
            "Provider produced inconsistent result after apply: Root object was present, but now absent.",
            "ERR_OBJECT_VANISHED",
            "real: deleted as soon as it was made",
        ),
        ("Cannot import non-existent remote object", "ERR_OBJECT_VANISHED", "deleted before it was adopted"),
        (
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create "
            'failed: unable to start container process: exec: "tofu": executable file not found in $PATH',
            "ERR_RUN_START",
            "real: the container began, and its program did not",
        ),
        ("exec /usr/local/bin/tofu: exec format error", "ERR_RUN_START", "real: an image for other processors"),
        ("hcloud: server responded with status code 403", "ERR_CLOUD_UNAVAILABLE", "a proxy before the API"),
        ("invalid character '<' looking for beginning of value", "ERR_CLOUD_UNAVAILABLE", "real: a page, not JSON"),
        ("unexpected end of JSON input", "ERR_CLOUD_UNAVAILABLE", "an answer that broke off"),
        ("could not list: HTTP Error 403 (no answer of the API itself)", "ERR_CLOUD_UNAVAILABLE", "a proxy"),
        ("could not list: HTTP Error 429 (rate_limit_exceeded)", "ERR_RATE_LIMITED", "as Hetzner says it"),
        ("could not list: Remote end closed connection without response", "ERR_CLOUD_UNAVAILABLE", "it hung up"),
        ("hcloud: server responded with status code 503", "ERR_CLOUD_UNAVAILABLE", "real: no JSON"),
        ("hcloud: server responded with status code 429", "ERR_RATE_LIMITED", "no JSON either"),
        ('Post "https://api.hetzner.cloud/v1/servers": EOF', "ERR_CLOUD_UNAVAILABLE", "the answer was lost"),
        (
            'Get "https://api.hetzner.cloud/v1/locations?name=fsn1": dial tcp: lookup api.hetzner.cloud on '
            "10.96.0.10:53: no such host",
            "ERR_CLOUD_UNAVAILABLE",
            "DNS",
        ),
        (
            'Get "http://proxy.example/v1/servers/1": net/http: TLS handshake timeout',
            "ERR_CLOUD_UNAVAILABLE",
            "a proxy",
        ),
        ("context deadline exceeded", "ERR_CLOUD_UNAVAILABLE", "an action that never ended"),
        ("could not list: HTTP Error 502: Bad Gateway", "ERR_CLOUD_UNAVAILABLE", "as Python says it"),
        ("could not list: HTTP Error 429: Too Many Requests", "ERR_RATE_LIMITED", "as Python says it"),
        (
            "could not list: <urlopen error [Errno -3] Temporary failure in name resolution>",
            "ERR_CLOUD_UNAVAILABLE",
            "",
        ),
        ("could not list: timed out", "ERR_CLOUD_UNAVAILABLE", "as Python says it"),
        ("Failed to query available provider packages", "ERR_TOFU", "no provider in the image"),
        ("Saved plan is stale", "ERR_TOFU", "planned again"),
        ("Something nobody has seen yet", "ERR_TOFU", "the rest"),
    ],
)
def test_what_carries_no_code_is_told_by_its_sentence(text: str, code: str, why: str) -> None:
    assert codes_of(text) == [code], why


@pytest.mark.parametrize(
    "text",
    [
        "Failed to query available provider packages: provider hetznercloud/hcloud was not found in any of the search",
        "Failed to resolve provider packages: locked provider hcloud 1.60.0 does not match version constraint 1.68.0",
        "Failed to install provider: doesn't match any of the checksums recorded in the dependency lock file",
        "Provider dependency changes detected: the lock file is read-only",
        "Required plugins are not installed",
        "Inconsistent dependency lock file",
    ],
)
def test_an_image_that_is_not_whole_has_its_own_remedy(text: str) -> None:
    found = one(text, phase="tofu-init")
    assert (found.code, found.terminal) == ("ERR_TOFU", False)
    assert "image" in found.remedy


@pytest.mark.parametrize(
    ("text", "phase", "exit_code", "code", "why"),
    [
        ("Failed to save state (token_readonly)", "plan-gate", 4, "ERR_TOKEN_READONLY", "first Hetzner's code"),
        ("Failed to save state (no_such_code)", "plan-gate", 4, "ERR_STATE_WRITE", "then the sentence"),
        ("it would be replaced", "plan-gate", 4, "ERR_PLAN_REFUSED", "then the phase and its exit code"),
        ("the state that was handed in lists x", "plan-gate", 10, "ERR_GIVEN_STATE", "the same of another refusal"),
        ("it would be replaced", "plan-gate", 1, "ERR_TOFU", "and with another exit code nothing is known"),
        ("still in the project: servers/1 a", "leftovers", 6, "ERR_LEFTOVERS", "a phase of ours"),
        ("HTTP Error 401: Unauthorized", "leftovers", 7, "ERR_TOKEN_INVALID", "a phase of ours"),
        ("HTTP Error 403: Forbidden", "adopt", 7, "ERR_TOKEN_INVALID", "a phase of ours"),
        ("x", "tofu-apply", 6, "ERR_TOFU", "an exit code means something in its phase only"),
    ],
)
def test_where_to_look_comes_in_a_fixed_order(text: str, phase: str, exit_code: int, code: str, why: str) -> None:
    assert codes_of(text, phase=phase, exit_code=exit_code) == [code], why
    assert [e.code for e in diagnose(phase, exit_code, text, ())] == [code], f"{why}, also without diagnostics"


def test_the_first_known_code_decides() -> None:
    assert codes_of("a (who_knows), b (locked, 01ab), c (token_readonly)") == ["ERR_CLOUD_UNAVAILABLE"]


def test_the_exit_codes_are_those_that_the_containers_end_with() -> None:
    assert BY_EXIT_CODE["leftovers", leftovers.EXIT_LEFT] is codes.LEFTOVERS
    assert BY_EXIT_CODE["leftovers", hcloud.EXIT_UNAUTHORIZED] is codes.TOKEN_INVALID
    assert BY_EXIT_CODE["adopt", hcloud.EXIT_UNAUTHORIZED] is codes.TOKEN_INVALID


def test_a_key_is_told_by_its_address_as_well() -> None:
    found = one("name is already used (uniqueness_error)", address='hcloud_ssh_key.this["0123456789ab"]')
    assert found.code == "ERR_SSH_KEY_CONFLICT"


# --- entries ----------------------------------------------------------------------------------------------------------


def test_one_trouble_of_many_resources_is_one_error_that_knows_them_all() -> None:
    workers = [f"hcloud_server.worker[{n}]" for n in range(5)]
    said = [Diagnostic(f"error during placement (resource_unavailable, {n}ab)", "", w) for n, w in enumerate(workers)]
    (found,) = diagnose("tofu-apply", 1, "", [*said, said[0]])
    assert found.code == "ERR_CAPACITY"
    assert found.addresses == tuple(workers)
    assert found.message == (
        "hcloud_server.worker[0], hcloud_server.worker[1], hcloud_server.worker[2] and 2 more: error during placement "
        "(resource_unavailable)"
    )


def test_different_words_for_one_trouble_are_all_told() -> None:
    servers = Diagnostic("server limit exceeded (resource_limit_exceeded, 1)", "", "hcloud_server.worker[1]")
    addresses = Diagnostic("Primary IP limit exceeded (resource_limit_exceeded, 2)", "", "hcloud_server.worker[2]")
    (found,) = diagnose("tofu-apply", 1, "", [servers, addresses])
    assert found.message == (
        "hcloud_server.worker[1]: server limit exceeded (resource_limit_exceeded); "
        "hcloud_server.worker[2]: Primary IP limit exceeded (resource_limit_exceeded)"
    )
    assert found.addresses == ("hcloud_server.worker[1]", "hcloud_server.worker[2]")


def test_an_error_of_the_whole_provider_is_about_no_resource() -> None:
    assert one("x (unauthorized)", address='provider["registry.example/hetznercloud/hcloud"]').addresses == ()


def test_the_most_telling_error_comes_first() -> None:
    """What needs a person before what passes, and what is not understood last."""
    assert codes_of("odd", "a (rate_limit_exceeded)", "b (token_readonly)") == [
        "ERR_TOKEN_READONLY",
        "ERR_RATE_LIMITED",
        "ERR_TOFU",
    ]


@pytest.mark.parametrize(
    ("summaries", "expected", "why"),
    [
        (("x (locked)", "Provider returned invalid result object after apply"), ["ERR_CLOUD_UNAVAILABLE"], "half made"),
        (("x (locked)", "Provider produced inconsistent result after apply"), ["ERR_CLOUD_UNAVAILABLE"], "half made"),
        (("must be exactly 64 characters", "Invalid provider configuration"), ["ERR_TOKEN_INVALID"], "no token"),
        (("Failed to save state", "Failed to persist state to backend"), ["ERR_STATE_WRITE"], "advice only"),
        (("Provider produced inconsistent result after apply",), ["ERR_TOFU"], "alone it is all that is known"),
    ],
)
def test_what_only_follows_from_another_error_is_left_out(
    summaries: tuple[str, ...], expected: list[str], why: str
) -> None:
    found = diagnose("tofu-apply", 1, "", [Diagnostic(summary, "") for summary in summaries])
    assert [e.code for e in found] == expected, why
    assert all("Provider" not in e.message for e in found if len(summaries) > 1)


@pytest.mark.parametrize("output", ["", " \n\x1b[0m"])
def test_a_failure_of_which_nothing_was_said_is_still_an_error(output: str) -> None:
    (found,) = diagnose("tofu-init", 1, output, ())
    assert (found.code, found.message) == (codes.UNKNOWN, "tofu-init ended with exit code 1")
    assert one("", phase="tofu-init").message == "tofu-init ended with exit code 1"


def test_what_a_command_printed_is_judged_as_it_came_and_told_in_short() -> None:
    output = 'Initializing... Error: Get "https://10.96.0.1:443/apis/x/v1/namespaces/sov-x/leases/l": EOF'
    (found,) = diagnose("tofu-init", 1, output, ())
    assert (found.code, found.message) == ("ERR_STATE_READ", "https://10.96.0.1:443 did not answer: EOF")


def test_a_message_is_cut_and_cleaned() -> None:
    (found,) = diagnose("tofu-apply", 1, f"{TOKEN} " + "x" * 300_000, ())
    assert TOKEN not in found.message
    assert len(found.message) <= MAX


TEXTS = st.text() | st.lists(
    st.sampled_from(
        [
            *("Error: ", "\n", "│ ", "(locked)", "(token_readonly, 01ab)", "Error code: conflict", "Lock Info:", "ID:"),
            *(
                "Who:",
                "Created:",
                "Info:",
                ": []",
                'Get "https://x/v1": ',
                'provider "provider["',
                "API request failed",
            ),
        ]
    )
    | st.text(max_size=9)
).map("".join)
EDGES = st.sampled_from([" ", "\n", '"', "=", ":", "/", "(", ")", ", ", "'"])
DIAGNOSTICS = st.lists(st.builds(Diagnostic, TEXTS, TEXTS, st.sampled_from(["", WORKER, "provider[x]"]) | TEXTS))


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.sampled_from(["tofu-init", "plan-gate", "leftovers"]), st.integers(0, 255), TEXTS, DIAGNOSTICS)
def test_whatever_was_said_there_is_an_error_that_fits_into_status(
    phase: str, exit_code: int, message: str, diagnostics: list[Diagnostic]
) -> None:
    found = diagnose(phase, exit_code, message, diagnostics)
    assert found
    assert len({(e.code, e.remedy) for e in found}) == len(found)
    assert all(e.message and len(e.message) <= MAX and e.remedy for e in found)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(TEXTS, EDGES, st.from_regex(r"[A-Z][A-Za-z0-9]{63}", fullmatch=True), EDGES, TEXTS)
def test_no_token_comes_through(before: str, left: str, token: str, right: str, after: str) -> None:
    text = f"{before}{left}{token}{right}{after}"
    said = [Diagnostic(text, "", text), Diagnostic("API request failed", text), Diagnostic(text, text)]
    for found in (*diagnose("tofu-apply", 1, text, ()), *diagnose("tofu-apply", 1, "", said)):
        assert token not in "".join((found.message, *found.addresses))


# --- what the operator itself finds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("ErrImagePull", "ERR_IMAGE_PULL"),
        ("ImagePullBackOff", "ERR_IMAGE_PULL"),
        ("InvalidImageName", "ERR_IMAGE_PULL"),
        ("ErrImageNeverPull", "ERR_IMAGE_PULL"),
        ("CreateContainerConfigError", "ERR_RUN_START"),
        ("CreateContainerError", "ERR_RUN_START"),
        ("RunContainerError", "ERR_RUN_START"),
        ("CrashLoopBackOff", "ERR_RUN_START"),
        ("Unschedulable", "ERR_UNSCHEDULABLE"),
    ],
)
def test_a_pod_that_does_not_get_going_says_why(reason: str, code: str) -> None:
    found = diagnosis.waiting(reason, 'secret "provider-token" not found')
    assert found is not None
    assert (found.code, found.terminal) == (code, False), "the kubelet and the scheduler go on trying"
    assert found.message == f'{reason}: secret "provider-token" not found'


@pytest.mark.parametrize("reason", ["", "PodInitializing", "ContainerCreating"])
def test_a_pod_that_is_only_starting_is_no_error(reason: str) -> None:
    assert diagnosis.waiting(reason, "") is None


def test_a_reason_without_a_message_stands_alone() -> None:
    found = diagnosis.waiting("ImagePullBackOff", "")
    assert found is not None
    assert found.message == "ImagePullBackOff"


@pytest.mark.parametrize("cause", ["Evicted: The node was low on resource: memory.", "NodeLost", "Preempting", ""])
def test_an_interruption_is_nobodys_error_and_passes(cause: str) -> None:
    found = diagnosis.interrupted(cause)
    assert (found.code, found.terminal) == ("ERR_RUN_INTERRUPTED", False)
    assert found.message == (cause or "The run was ended from outside")


def test_want_of_memory_names_the_phase_and_the_setting() -> None:
    found = diagnosis.out_of_memory("tofu-plan")
    assert (found.code, found.terminal) == ("ERR_OUT_OF_MEMORY", False)
    assert "tofu-plan" in found.message
    assert "CATALYST_RUN_MEMORY_LIMIT" in found.remedy


@pytest.mark.parametrize("found", [diagnosis.slow((WORKER, "a")), diagnosis.stuck((WORKER, "a"))])
def test_what_is_not_created_in_time_is_a_want_of_capacity(found: ErrorEntry) -> None:
    assert (found.code, found.addresses) == ("ERR_CAPACITY", (WORKER, "a"))
    assert WORKER in found.message


@pytest.mark.parametrize(
    "found",
    [diagnosis.slow((WORKER, "a"), RunVerb.DESTROY), diagnosis.stuck((WORKER, "a"), RunVerb.DESTROY)],
)
def test_what_is_not_destroyed_in_time_is_used_by_something_else(found: ErrorEntry) -> None:
    assert (found.code, found.addresses) == ("ERR_RESOURCE_IN_USE", (WORKER, "a"))
    assert WORKER in found.message


# --- the table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.code)
def test_every_code_has_a_name_and_a_remedy(code: codes.Code) -> None:
    assert code.code.startswith("ERR_")
    assert code.remedy.endswith(".")
    assert len(code.remedy) <= 300, "one or two sentences"
    assert "tried again" not in code.remedy, "the message says when, and whether at all"


def test_only_what_passes_by_itself_is_transient() -> None:
    assert {code.code for code in CODES if not code.terminal} == {
        "ERR_ALREADY_EXISTS",
        "ERR_API_UNREACHABLE",
        "ERR_CAPACITY",
        "ERR_CERT_RATE_LIMIT",
        "ERR_CHART_SOURCE",
        "ERR_CLOUD_UNAVAILABLE",
        "ERR_CLUSTER_REFUSED",
        "ERR_CONSOLE_UNREACHABLE",
        "ERR_DEAD_NODE",
        "ERR_DNS_UNAVAILABLE",
        "ERR_GIT_SOURCE",
        "ERR_IMAGE_PULL",
        "ERR_KIT_IMAGE_PULL",
        "ERR_KIT_POD",
        "ERR_KIT_UNSCHEDULABLE",
        "ERR_LEFTOVERS",
        "ERR_NAME_CONFLICT",
        "ERR_OBJECT_VANISHED",
        "ERR_PROVIDER_CRASHED",
        "ERR_NODE_NOT_READY",
        "ERR_NS_NOT_DELEGATED",
        "ERR_OPERATOR",
        "ERR_OUT_OF_MEMORY",
        "ERR_RATE_LIMITED",
        "ERR_REGISTRAR_UNAVAILABLE",
        "ERR_REMOTE_TOO_BIG",
        "ERR_REMOTE_UNAUTHORIZED",
        "ERR_RESOURCE_IN_USE",
        "ERR_RUN_INTERRUPTED",
        "ERR_RUN_START",
        "ERR_SECRET_MISSING",
        "ERR_SERVER_OFF",
        "ERR_SSH_KEY_CONFLICT",
        "ERR_STATE_LOCKED",
        "ERR_STATE_READ",
        "ERR_STATE_BACKEND",
        "ERR_STATE_TRANSFER",
        "ERR_STATE_WRITE",
        "ERR_TOFU",
        "ERR_UNSCHEDULABLE",
    }


def test_a_code_either_passes_or_lasts() -> None:
    assert len({(code.code, code.terminal) for code in CODES}) == len({code.code for code in CODES})


def test_no_row_hides_behind_an_earlier_one() -> None:
    """A row that asks for nothing besides the code takes all that come after it."""
    taken: set[str] = set()
    for code, besides, _ in BY_HCLOUD_CODE:
        assert code not in taken
        if not besides:
            taken.add(code)


NEW_CLUSTER = {
    codes.API_UNREACHABLE,
    codes.REMOTE_UNTRUSTED,
    codes.REMOTE_UNAUTHORIZED,
    codes.REMOTE_TOO_BIG,
    codes.FLUX_GONE,
    codes.FLUX_PIN_DRIFT,
    codes.FLUX_NOT_RECONCILING,
    codes.KIT_TIMEOUT,
    codes.CNI_STUCK,
    codes.NODE_NOT_READY,
    codes.DEAD_NODE,
    codes.GIT_SOURCE,
    codes.SOPS,
    codes.KUSTOMIZATION,
    codes.NO_STORAGECLASS,
    codes.CHART_SOURCE,
    codes.COMPONENT_FAILED,
    codes.KIT_SUSPENDED,
    codes.KIT_IMAGE_PULL,
    codes.KIT_UNSCHEDULABLE,
    codes.KIT_POD,
    codes.CERT_RATE_LIMIT,
    codes.CONSOLE_UNREACHABLE,
}
"""What can be wrong with a new cluster is told by core.phase1; its tables are in test_phase1_*."""
DOMAIN = {
    codes.DOMAIN_TAKEN,
    codes.DOMAIN_NAME,
    codes.NS_NOT_DELEGATED,
    codes.REGISTRAR_CREDENTIALS,
    codes.REGISTRAR_DENIED,
    codes.REGISTRAR_UNAVAILABLE,
    codes.LIVE_RECORDS,
    codes.DNSSEC,
    codes.ZONE_FOREIGN,
    codes.DNS_UNAVAILABLE,
}
"""What can be wrong with a domain is told by core.domains.of_sovereign."""


def test_every_code_can_be_met() -> None:
    met = {code for _, _, code in BY_HCLOUD_CODE} | {code for _, code in BY_SENTENCE}
    met |= {*BY_EXIT_CODE.values(), *BY_WAITING_REASON.values()}
    by_the_operator = {codes.STATE_LOST, codes.OUT_OF_MEMORY, codes.RUN_INTERRUPTED, codes.INTERNAL}
    by_the_operator |= {codes.DOMAIN_QUOTA, codes.DOMAIN_EXPIRED}
    by_the_operator |= {
        codes.NAMESPACE_FOREIGN,
        codes.SECRET_MISSING,
        codes.SPEC_INVALID,
        codes.NAME_TAKEN,
        codes.APPROVAL_NEEDED,
    }
    by_the_operator |= {codes.RUN_CANCELLED, codes.PROTECTED_DELETION, codes.EXPORT_NOT_ACKNOWLEDGED}
    by_the_operator |= {
        codes.OPERATOR,
        codes.CLUSTER_SECRETS_LOST,
        codes.RECORD_LOST,
        codes.STATE_BACKEND,
        codes.STATE_TRANSFER,
        codes.CLUSTER_REFUSED,
        codes.NAMESPACE_FOREIGN,
        codes.GIT_PUSH,
        codes.GIT_READ,
        codes.PROJECT_MISMATCH,
        codes.CROSSPLANE_TOKEN,
        codes.SERVER_OFF,
        codes.REBUILD_REFUSED,
        codes.IDENTITY_UNCONFIRMED,
        codes.MOVED,
    }
    assert set(CODES) - NEW_CLUSTER - DOMAIN == met | by_the_operator


def test_a_record_from_before_addresses_were_kept_still_loads() -> None:
    before = record.Record(uid="u", runs=(gen.failed("ERR_CAPACITY"),))
    kept = json.loads(record.to_json(before))
    del kept["runs"][0]["errors"][0]["addresses"]
    assert record.from_json(json.dumps(kept)) == before


def test_addresses_survive_the_record() -> None:
    failed = gen.failed("ERR_CAPACITY")
    run = replace(failed, errors=diagnose("tofu-apply", 1, "", [Diagnostic("x (locked)", "", WORKER)]))
    kept = record.from_json(record.to_json(record.Record(uid="u", runs=(run,))))
    assert kept.runs[0].errors[0].addresses == (WORKER,)
