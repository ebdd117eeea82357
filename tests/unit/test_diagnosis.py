"""From an error text to a code and a remedy: the code that Hetzner sent decides, wherever there is one."""

from __future__ import annotations

import pytest

from catalyst_operator.core import diagnosis
from catalyst_operator.core.diagnosis import BY_HCLOUD_CODE, Code, diagnose
from catalyst_operator.core.progress import Diagnostic
from tests.gen import TOKEN

CODES = [value for value in vars(diagnosis).values() if isinstance(value, Code)]


def codes(*texts: str, phase: str = "tofu-apply", exit_code: int = 1) -> list[str]:
    return [e.code for e in diagnose(phase, exit_code, "", [Diagnostic(text, "") for text in texts])]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("token only allows read access (token_readonly, 8a3fb0cd12)", "ERR_TOKEN_READONLY"),
        ("insufficient permissions (forbidden)", "ERR_TOKEN_READONLY"),
        ("unable to authenticate (unauthorized, 0123456789abcdef)", "ERR_TOKEN_INVALID"),
        ("server limit reached (resource_limit_exceeded, 0123456789abcdef)", "ERR_QUOTA_EXCEEDED"),
        ("error during placement (resource_unavailable, 0123456789abcdef)", "ERR_CAPACITY"),
        ("error during placement (placement_error)", "ERR_CAPACITY"),
        ("limit reached (rate_limit_exceeded, 0123456789abcdef)", "ERR_RATE_LIMITED"),
        ("SSH key with the same fingerprint already exists (uniqueness_error, 01ab)", "ERR_NAME_CONFLICT"),
        ("invalid input in field 'name' (invalid_input): [name => []]", "ERR_INVALID_INPUT"),
        ("entered token is invalid (must be exactly 64 characters long)", "ERR_TOKEN_INVALID"),
        ("Error acquiring the state lock: the state is already locked by another tofu", "ERR_STATE_LOCKED"),
        ("Failed to persist state to backend", "ERR_STATE_WRITE"),
        ("Failed to save state", "ERR_STATE_WRITE"),
        ("decryption failed for all provided methods", "ERR_STATE_KEY"),
        ("something new (that_nobody_knows, 01ab)", "ERR_TOFU"),
        ("a sentence (with a remark) in it", "ERR_TOFU"),
    ],
)
def test_an_error_gets_its_code(text: str, code: str) -> None:
    assert codes(text) == [code]


def test_the_code_is_found_wherever_the_text_carries_it() -> None:
    found = diagnose("tofu-apply", 1, "", [Diagnostic("create failed", "said (token_readonly)", "hcloud_network.this")])
    assert found[0].code == "ERR_TOKEN_READONLY"
    assert found[0].message.startswith("hcloud_network.this: create failed")


def test_the_exit_code_of_a_phase_of_ours_decides() -> None:
    assert codes("x (token_readonly)", phase="leftovers", exit_code=6) == ["ERR_LEFTOVERS"]
    assert codes("x", phase="plan-gate", exit_code=4) == ["ERR_PLAN_REFUSED"]
    assert codes("x", phase="tofu-apply", exit_code=6) == ["ERR_TOFU"]


def test_the_most_telling_error_comes_first() -> None:
    """What needs a person before what passes, and what is not understood last."""
    assert codes("odd", "a (rate_limit_exceeded)", "b (token_readonly)") == [
        "ERR_TOKEN_READONLY",
        "ERR_RATE_LIMITED",
        "ERR_TOFU",
    ]


def test_ten_servers_with_one_trouble_are_one_error() -> None:
    assert codes(*(f"worker {n} (resource_unavailable)" for n in range(10))) == ["ERR_CAPACITY"]


@pytest.mark.parametrize("message", ["", "exit status 1"])
def test_a_failure_without_diagnostics_is_still_an_error(message: str) -> None:
    (found,) = diagnose("tofu-init", 1, message, ())
    assert found.code == diagnosis.UNKNOWN
    assert found.message == (message or "tofu-init ended with exit code 1")


def test_a_message_is_cut_and_cleaned() -> None:
    (found,) = diagnose("tofu-apply", 1, f"{TOKEN} " + "x" * 300_000, ())
    assert TOKEN not in found.message
    assert len(found.message) <= 512


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.code)
def test_every_code_has_a_name_and_a_remedy(code: Code) -> None:
    assert code.code.startswith("ERR_")
    assert code.remedy.endswith(".")
    assert "tried again" not in code.remedy, "the message says when, and whether at all"


def test_only_what_passes_by_itself_is_transient() -> None:
    transient = {code.code for code in CODES if not code.terminal}
    assert transient == {
        "ERR_CAPACITY",
        "ERR_RATE_LIMITED",
        "ERR_STATE_LOCKED",
        "ERR_STATE_WRITE",
        "ERR_LEFTOVERS",
        "ERR_TOFU",
    }


def test_every_code_of_hetzner_leads_to_one_of_ours() -> None:
    assert set(BY_HCLOUD_CODE.values()) <= set(CODES)
