"""Errors made readable. The texts are what OpenTofu 1.12 and the provider print."""

from __future__ import annotations

import pytest

from catalyst_operator.core.error_text import MAX_NAMED_ERRORS, codes, joined, named, of_output, sentence

REQUEST = "An unexpected error was encountered during an API request.\n\n{}\n\nError code: {}\nStatus code: {}\n"
FIELD = (
    "An invalid field was encountered during an API request. The field might not map 1:1 to your terraform resource."
    "\n\ninvalid input (invalid_input, 01ab)\n\nField: name\nMessages:\n - is too long\n"
    "Error code: invalid_input\nStatus code: 422\n"
)
ACTION = (
    "An API action for the resource failed.\n\nattaching failed\n\nError code: action_failed\n"
    "Command: attach_to_network\nID: 598022669323684\nResources: server: 500400\n"
)
LOCKED = (
    "Error message: the state is already locked by another tofu client\nLock Info:\n"
    "  ID:        5c1ed0c6-8d5f\n  Path:      \n  Operation: OperationTypeApply\n"
    "  Who:       @apply-0c2cdb7a-1-x9z8y\n  Version:   1.12.6\n  Created:   2026-11-01 10:00:00 +0000 UTC\n"
    "  Info:      \n\n\nOpenTofu acquires a state lock to protect the state from being written\nby multiple users at "
    'the same time. For most commands, you can disable locking with the "-lock=false"\nflag.'
)
UNFIT = (
    'When applying changes to hcloud_network.this, provider "provider[\\"registry.example/hetznercloud/hcloud\\"]" '
    "produced an unexpected new value: Root object was present, but now absent.\n\nThis is a bug in the provider, "
    "which should be reported in the provider's own issue tracker."
)
INVALID_PLAN = (
    'Provider "provider[\\"registry.example/hetznercloud/hcloud\\"]" planned an invalid value for '
    "hcloud_network.this.\n\nThis is a bug in the provider, which should be reported in the provider's own tracker."
)
UNKNOWN_VALUE = (
    "After the apply operation, the provider still indicated an unknown value for hcloud_server.worker[0].status. All "
    "values must be known after apply, so this is always a bug in the provider and should be reported in the "
    "provider's own repository. OpenTofu will still save the other known object values in the state."
)
NO_KEY = (
    "key_provider.external.sovereign failed with error: the external command exited with a non-zero exit code (exit "
    "status 1)\n\nStderr:\n-------\ncat: /run/key: No such file or directory\n"
)
ADVICE = (
    "The error shown above has prevented OpenTofu from writing the updated state to the configured backend.\n\n"
    "To retry writing this state, use the following command:\n    tofu state push errored.tfstate\n"
)
CHECKSUM = (
    "Error while installing hetznercloud/hcloud v1.68.0: the local package doesn't match any of the checksums; for "
    "more information: https://opentofu.example/checksum-verification"
)


@pytest.mark.parametrize(
    ("summary", "detail", "expected", "why"),
    [
        (
            "error during placement (resource_unavailable, de76d43fd51bd20)",
            "",
            "error during placement (resource_unavailable)",
            "the correlation id differs each time",
        ),
        (
            "API request failed",
            REQUEST.format("name is already used (uniqueness_error, 07)", "uniqueness_error", 409),
            "name is already used (uniqueness_error)",
            "newer parts of the provider put it into the detail",
        ),
        (
            "API request failed",
            REQUEST.format("Action is locked", "locked", 423),
            "Action is locked (locked)",
            "where only a line of its own has the code",
        ),
        ("API request failed", "", "API request failed", "an empty summary is better than nothing"),
        ("Invalid field in API request", FIELD, "invalid input (invalid_input) name: is too long", "field and reason"),
        ("Action failed", ACTION, "attaching failed (action_failed)", "an action that failed"),
        (
            "unsupported location for server type (invalid_input, 166c): []",
            "",
            "unsupported location for server type (invalid_input)",
            "no field was named",
        ),
        (
            "Error acquiring the state lock",
            LOCKED,
            "Error acquiring the state lock: the state is already locked by another tofu client (lock 5c1ed0c6-8d5f, "
            "held by @apply-0c2cdb7a-1-x9z8y since 2026-11-01 10:00:00 +0000 UTC)",
            "who, since when, and the id to release it with; not the advice to ignore locks",
        ),
        (
            "Failed to save state",
            "Error saving state: Request entity too large: limit is 3145728",
            "Failed to save state: Request entity too large: limit is 3145728",
            "said once",
        ),
        (
            "Failed to persist state to backend",
            ADVICE,
            "Failed to persist state to backend",
            "the operator pushes the state itself",
        ),
        (
            "Resource precondition failed",
            "user_data of acme-1a2b3-worker-0 is 97212 bytes, more than Hetzner's 32768.",
            "user_data of acme-1a2b3-worker-0 is 97212 bytes, more than Hetzner's 32768.",
            "the module's own sentence",
        ),
        (
            "Invalid value for variable",
            "location must be one of fsn1 and nbg1.\n\nThis was checked by the validation rule at variables.tf:45,3.",
            "Invalid value for variable: location must be one of fsn1 and nbg1.",
            "no line of the module",
        ),
        (
            "Provider produced inconsistent result after apply",
            UNFIT,
            "When applying changes to hcloud_network.this, Hetzner's answer did not fit: Root object was present, but "
            "now absent.",
            "who produced what for whom is of no use",
        ),
        (
            "Provider produced invalid plan",
            INVALID_PLAN,
            "hcloud planned an invalid value for hcloud_network.this.",
            "the same in other words",
        ),
        (
            "Provider returned invalid result object after apply",
            UNKNOWN_VALUE,
            "After the apply operation, the provider still indicated an unknown value for "
            "hcloud_server.worker[0].status.",
            "no bug report is asked for",
        ),
        (
            "Unable to fetch encryption key data",
            NO_KEY,
            "Unable to fetch encryption key data: key_provider.external.sovereign failed with error: the external "
            "command exited with a non-zero exit code (exit status 1) cat: /run/key: No such file or directory",
            "on one line",
        ),
        (
            "Failed to install provider",
            CHECKSUM,
            "Failed to install provider: Error while installing hetznercloud/hcloud v1.68.0: the local package doesn't "
            "match any of the checksums",
            "the runbook informs better",
        ),
        (
            'Get "https://api.hetzner.cloud/v1/locations?name=fsn1": dial tcp: i/o timeout',
            "",
            "https://api.hetzner.cloud did not answer: dial tcp: i/o timeout",
            "the same for every request that was not answered",
        ),
        ("server type cx99 not found", "", "server type cx99 not found", "what is readable stays"),
        ("", "", "", "nothing was said"),
    ],
)
def test_a_diagnostic_says_what_was_said_and_nothing_around_it(
    summary: str, detail: str, expected: str, why: str
) -> None:
    assert sentence(summary, detail) == expected, why


@pytest.mark.parametrize(
    ("output", "expected", "why"),
    [
        (
            "Initializing the backend...\n\nError: Failed to get existing workspaces: secrets is forbidden\n\n\n",
            "Failed to get existing workspaces: secrets is forbidden",
            "what went well before is not told",
        ),
        (
            "Initializing...\n\nError: Error loading state\n\ndecryption failed for all provided methods\n"
            "attempted decryption failed for state\n",
            "Error loading state: decryption failed for state",
            "a summary and its detail",
        ),
        (
            "Initializing... Error: Error loading state decryption failed for state",
            "Error loading state decryption failed for state",
            "the same, once it was put on one line",
        ),
        ("Error: no key Error: no key", "no key", "OpenTofu says some things twice"),
        ("Error: one Error: two", "one; two", "two errors"),
        (
            "\x1b[31m╷\x1b[0m\n\x1b[31m│\x1b[0m \x1b[1m\x1b[31mError: \x1b[0mError loading it\x1b[0m\n│ \n│ why\n╵",
            "Error loading it why",
            "colours and frames",
        ),
        ("could not list: HTTP Error 502: Bad Gateway", "could not list: HTTP Error 502: Bad Gateway", "no tofu"),
        ("", "", "nothing was said"),
        (" \n\x1b[0m", "", "as good as nothing"),
    ],
)
def test_the_output_of_a_command_is_cut_to_its_errors(output: str, expected: str, why: str) -> None:
    assert of_output(output) == expected, why


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x (locked)", ("locked",)),
        ("x (locked, 01ab)", ("locked",)),
        ("x (rate_limit_exceeded,\n01ab)", ("rate_limit_exceeded",)),
        ("x (action_failed, 580000000000151)", ("action_failed",)),
        ("x\n\nError code: token_readonly\nStatus code: 403", ("token_readonly",)),
        ("x (locked, 01ab)\n\nError code: conflict", ("locked", "conflict")),
        ("a sentence (with a remark) in it, and (An_Other)", ()),
    ],
)
def test_codes_are_found_wherever_they_stand(text: str, expected: tuple[str, ...]) -> None:
    assert codes(text) == expected


def test_a_message_names_a_few_resources_and_counts_the_rest() -> None:
    many = tuple(f"hcloud_server.worker[{n}]" for n in range(MAX_NAMED_ERRORS + 2))
    assert named(many[:MAX_NAMED_ERRORS]) == ", ".join(many[:MAX_NAMED_ERRORS])
    assert named(many) == ", ".join(many[:MAX_NAMED_ERRORS]) + " and 2 more"
    assert joined({"full": many, "odd": ()}) == f"{named(many)}: full; odd"


@pytest.mark.parametrize("times", [1, 2])
def test_a_resource_that_the_sentence_names_is_not_named_twice(times: int) -> None:
    assert joined({"hcloud_network.this is gone": ["hcloud_network.this"] * times}) == "hcloud_network.this is gone"
