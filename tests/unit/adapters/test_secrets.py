"""Secrets are read in one way, whatever people put into them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalyst_operator.adapters.secrets import encoded, texts


def secret(values: dict[str, bytes]) -> dict[str, object]:
    return {"data": {key: base64.b64encode(value).decode() for key, value in values.items()}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"token", {"key": "token"}),
        (b"token\n", {"key": "token"}),
        (b" \ttoken\r\n", {"key": "token"}),
        ("pässwörd".encode(), {"key": "pässwörd"}),
        (b"", {}),
        (b"\n", {}),
        (b"\xff\xfe\x00", {}),
    ],
    ids=["plain", "newline", "around", "unicode", "empty", "blank", "binary"],
)
def test_a_value_is_text_without_the_white_space_around_it(value: bytes, expected: dict[str, str]) -> None:
    assert texts(secret({"key": value})) == expected


def test_what_is_no_text_does_not_take_the_rest_along() -> None:
    assert texts(secret({"token": b"abc", "keystore": b"\xfe\xed\xfe\xed"})) == {"token": "abc"}


@pytest.mark.parametrize("raw", [None, {}, {"data": None}, {"data": {}}])
def test_a_secret_without_data_has_no_texts(raw: dict[str, object] | None) -> None:
    assert texts(raw) == {}


@given(st.dictionaries(st.text(min_size=1), st.binary()))
def test_whatever_it_holds_is_read(values: dict[str, bytes]) -> None:
    found = texts(secret(values))
    assert all(text == text.strip() != "" for text in found.values())
    assert all(texts({"data": {"key": encoded(text)}}) == {"key": text} for text in found.values())
