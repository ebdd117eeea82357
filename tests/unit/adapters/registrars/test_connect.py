"""From a Secret to an adapter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import httpx
import pytest
from pydantic import SecretStr

from catalyst_operator.adapters.registrars.connect import VENDORS, connect, keys_of
from catalyst_operator.adapters.registrars.vendor import KeySet, key_set
from catalyst_operator.adapters.suffixes import domain_of
from catalyst_operator.api.enums import RegistrarName
from catalyst_operator.errors import RegistrarCredentialsIncomplete, RegistrarUnauthorized, RegistrarUnavailable


def test_every_registrar_of_the_api_has_an_adapter() -> None:
    assert set(VENDORS) == set(RegistrarName)


EACH = pytest.mark.parametrize("name", sorted(VENDORS))


@pytest.fixture
def client() -> Iterator[httpx.AsyncClient]:
    """Without a server: nobody is asked here."""
    yield httpx.AsyncClient(transport=httpx.MockTransport(lambda _request: httpx.Response(500)))


def secret(keys: Mapping[str, str]) -> dict[str, SecretStr]:
    return {key: SecretStr(value) for key, value in keys.items()}


def complete(keys: KeySet) -> dict[str, str]:
    return {key: "192.0.2.1" if key.endswith("ip") else f"value-of-{key}" for key in keys.required}


@EACH
class TestEachVendor:
    def test_each_way_to_authenticate_makes_an_adapter(self, name: RegistrarName, client: httpx.AsyncClient) -> None:
        for keys in keys_of(name):
            registrar = connect(name, secret(complete(keys)), client=client)
            assert all(hasattr(registrar, method) for method in ("validate", "get", "set_nameservers"))

    def test_an_empty_secret_names_the_keys(self, name: RegistrarName, client: httpx.AsyncClient) -> None:
        with pytest.raises(RegistrarCredentialsIncomplete) as caught:
            connect(name, {}, client=client)
        assert caught.value.keys
        assert all(key in caught.value.remedy for keys in keys_of(name) for key in keys.required)

    def test_an_empty_value_is_none(self, name: RegistrarName, client: httpx.AsyncClient) -> None:
        keys = keys_of(name)[0]
        first, *others = keys.required
        given = complete(keys) | {first: " \n"}
        with pytest.raises(RegistrarCredentialsIncomplete, match=first) as caught:
            connect(name, secret(given), client=client)
        assert caught.value.keys == (first,)
        assert not any(given[key] in f"{caught.value} {caught.value.remedy}" for key in others)

    def test_what_no_header_can_hold_is_refused(self, name: RegistrarName, client: httpx.AsyncClient) -> None:
        keys = keys_of(name)[0]
        with pytest.raises(RegistrarUnauthorized, match="characters") as caught:
            connect(name, secret(complete(keys) | {keys.required[-1]: "a\nsecret"}), client=client)
        assert "a\nsecret" not in f"{caught.value} {caught.value.remedy}"

    def test_keys_are_as_a_secret_may_have_them(self, name: RegistrarName) -> None:
        for keys in keys_of(name):
            assert all(key == key.lower() and "_" not in key for key in (*keys.required, *keys.optional))

    def test_nothing_that_is_printed_holds_a_value(self, name: RegistrarName) -> None:
        for way in VENDORS[name].credentials:
            values = complete(key_set(way))
            made = way.model_validate(secret(values))
            assert not any(value in f"{made!r} {made} {made.model_dump()}" for value in values.values())


async def test_a_newline_at_the_end_does_not_matter() -> None:
    sent: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Authorization"])
        return httpx.Response(401)

    client = httpx.AsyncClient(transport=httpx.MockTransport(respond))
    registrar = connect(RegistrarName.CLOUDFLARE, secret({"api-token": "token\n"}), client=client)
    with pytest.raises(RegistrarUnavailable):
        await registrar.get(domain_of("bank.test"))
    assert sent == ["Bearer token"]
