"""Under which names a new cluster finds its owner's Secrets."""

from __future__ import annotations

import base64

import pytest
import yaml

from catalyst_operator.core.access import seeds
from catalyst_operator.core.access.seeds import SecretView
from tests.support import gen

LOGIN = SecretView("1", frozenset({".dockerconfigjson"}))
FEDERATION = {"issuerURL": "https://login.example", "clientID": "a", "clientSecretRef": {"name": "idp"}}
FEDERATED = gen.sovereign(gen.spec(federation=FEDERATION)).spec
NAMED = gen.sovereign(gen.spec(imagePullSecretRef={"name": "mine"})).spec


def test_the_secret_for_charts_goes_where_the_setting_says() -> None:
    """Boot made it under that name, and no other is there to be filled."""
    assert [seed.target for seed in seeds.wanted(NAMED, seeds.PULL)] == ["ghcr-pull"]
    [seed] = seeds.due(NAMED, {"mine": LOGIN}, {}, "registry-login")
    assert (seed.target, seed.source) == ("registry-login", "mine")
    assert seeds.due(NAMED, {"mine": LOGIN}, {"registry-login": "1"}, "registry-login") == ()


@pytest.mark.parametrize(
    "text", ["a,b", "{a}", "[0]", '"q\\"', "null", "1e3", "{{ .Values }}", "$(x) ${X}", "\x7f\u2028😀", "a: #b"]
)
def test_a_value_of_a_chart_arrives_as_it_was(text: str) -> None:
    """Helm reads it in a document, and there it is nothing but letters and digits."""
    [seed] = seeds.wanted(FEDERATED, seeds.PULL)
    found = seeds.delivered(seed, {"clientSecret": text, "other": "x"})
    assert found.keys() == {seeds.VALUES_KEY}
    encoded = yaml.safe_load(found[seeds.VALUES_KEY])["keycloak"]["federation"]["clientSecretBase64"]
    assert base64.b64decode(encoded, validate=True).decode() == text
    assert seeds.delivered(seed, {"other": "x"}) == {}, "the owner took it out a moment ago"


def test_other_secrets_arrive_key_by_key() -> None:
    """Only those that are asked for."""
    [seed] = seeds.wanted(NAMED, seeds.PULL)
    assert seeds.delivered(seed, {".dockerconfigjson": "{}", "other": "x"}) == {".dockerconfigjson": "{}"}


def test_no_two_secrets_have_one_name() -> None:
    """A setting may choose any name but these."""
    assert len({seeds.PULL, *seeds.OTHERS}) == 1 + len(seeds.OTHERS)
