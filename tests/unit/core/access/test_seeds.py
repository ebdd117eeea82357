"""Under which names a new cluster finds its owner's Secrets."""

from __future__ import annotations

from catalyst_operator.core.access import seeds
from catalyst_operator.core.access.seeds import SecretView
from tests.support import gen

LOGIN = SecretView("1", frozenset({".dockerconfigjson"}))
NAMED = gen.sovereign(gen.spec(imagePullSecretRef={"name": "mine"})).spec


def test_the_secret_for_charts_goes_where_the_setting_says() -> None:
    """Boot made it under that name, and no other is there to be filled."""
    assert [seed.target for seed in seeds.wanted(NAMED)] == ["ghcr-pull"]
    [seed] = seeds.due(NAMED, {"mine": LOGIN}, {}, "registry-login")
    assert (seed.target, seed.source) == ("registry-login", "mine")
    assert seeds.due(NAMED, {"mine": LOGIN}, {"registry-login": "1"}, "registry-login") == ()


def test_no_two_secrets_have_one_name() -> None:
    """A setting may choose any name but these."""
    assert len({seeds.PULL, *seeds.OTHERS}) == 1 + len(seeds.OTHERS)
