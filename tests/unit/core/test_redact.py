"""The second line against leaks: what looks like a secret does not pass, and what people need stays readable."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst_operator.core.redact import MAX, redact, shorten
from tests.support.gen import TOKEN

DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"the token {TOKEN} was refused", "a vendor that echoes what it was sent"),
        (f"Authorization: Bearer {TOKEN}", "a header in a dump"),
        (f'{{"token":"{TOKEN}"}}', "a JSON body"),
        (f"HCLOUD_TOKEN={TOKEN}", "an environment in a dump"),
        (f"K10{DIGEST}::server:{TOKEN}", "a join token of k3s"),
        (f"https://{TOKEN}@git.example/repo", "a token as the user of a URL"),
        (f"https://user:{TOKEN}@git.example/repo", "a token as the password of a URL"),
        (f"-----BEGIN EC PRIVATE KEY-----\n{TOKEN}\n-----END EC PRIVATE KEY-----", "a key"),
        (f"-----BEGIN PRIVATE KEY-----\n{TOKEN}", "a key whose end was cut off"),
    ],
)
def test_secrets_do_not_pass(text: str, why: str) -> None:
    assert TOKEN not in redact(text), why
    assert "[redacted]" in redact(text)


def test_a_password_of_any_form_in_a_url_does_not_pass() -> None:
    assert redact("https://ci:hunter2@git.example/x") == "https://[redacted]@git.example/x"
    assert redact("https://glpat-secret@git.example/x") == "https://[redacted]@git.example/x"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"plan {DIGEST}", "a plan's digest is what a person approves"),
        (f"sha256:{DIGEST}", "an image's digest"),
        ("https://api.hetzner.cloud/v1/servers?label_selector=a@b", "an @ in a query is no credential"),
        ("tell admin@omantel.example", "an address is no URL"),
    ],
)
def test_what_people_need_stays(text: str, why: str) -> None:
    assert redact(text) == text, why


def test_cut_and_on_one_line() -> None:
    assert shorten("a\n\t b") == "a b"
    assert shorten("x" * 300_000) == "x" * (MAX - 1) + "…"
    assert shorten("abc", 3) == "abc"


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.text(), st.integers(0, 600))
def test_never_longer_than_asked_and_never_half_a_token(text: str, at: int) -> None:
    """Redacted first, cut afterwards: a cut token would no longer look like one."""
    cut = shorten(f"{text[:at]} {TOKEN} {text[at:]}")
    assert len(cut) <= MAX
    assert TOKEN[:20] not in cut
    assert "\n" not in cut
