"""Proxies: what runs and servers are told, and what they must not be told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalyst_operator.core import manifests
from catalyst_operator.core.air_gap import proxies
from catalyst_operator.core.air_gap.proxies import ProxyError, ServerProxy
from catalyst_operator.core.runs.tfvars import tfvars
from tests.support import gen
from tests.support.gen import SETTINGS

API, PROXY = "https://10.96.0.1:443", "http://proxy.example:3128"


def test_runs_go_where_the_operator_goes() -> None:
    told = proxies.of_runs({"HTTPS_PROXY": PROXY, "NO_PROXY": "localhost, .corp.example"}, API)
    assert told["HTTPS_PROXY"] == PROXY
    exceptions = told["NO_PROXY"].split(",")
    assert {"10.96.0.1", ".svc", "169.254.169.254", ".corp.example"} <= set(exceptions)
    assert exceptions.count("localhost") == 1


@pytest.mark.parametrize("environ", [{}, {"NO_PROXY": "a.example"}, {"HTTPS_PROXY": ""}])
def test_without_a_proxy_runs_are_told_nothing(environ: dict[str, str]) -> None:
    assert proxies.of_runs(environ, API) == {}


@pytest.mark.parametrize("url", ["http://me:secret@proxy.example:3128", "proxy.example:3128", "socks5://p.example:1"])
def test_a_proxy_that_runs_could_not_use_or_would_tell_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ProxyError, match=r"^HTTPS_PROXY: expected") as refused:
        proxies.of_runs({"HTTPS_PROXY": url}, API)
    assert "secret" not in str(refused.value)


def test_an_exception_that_is_none_is_named() -> None:
    with pytest.raises(ProxyError, match=r"^NO_PROXY: 'a b': expected"):
        proxies.of_runs({"HTTP_PROXY": PROXY, "NO_PROXY": "x.example,a b"}, API)


def test_the_network_policy_lets_runs_reach_their_proxy() -> None:
    def ports(settings: object) -> set[int]:
        made = manifests.access(gen.sovereign(), settings)  # type: ignore[arg-type]
        [egress] = [one["spec"]["egress"] for one in made if one["metadata"]["name"] == "egress"]
        return {port["port"] for port in egress[-1]["ports"]}

    run_proxy = proxies.of_runs({"HTTPS_PROXY": PROXY, "HTTP_PROXY": "http://proxy.example"}, API)
    assert ports(replace(SETTINGS, run_proxy=run_proxy)) - ports(SETTINGS) == {3128, 80}


def test_servers_are_told_their_own() -> None:
    """They may stand elsewhere than the operator, where its proxy leads nowhere."""
    assert "proxy" not in tfvars(gen.sovereign(), replace(SETTINGS, run_proxy={"HTTPS_PROXY": PROXY}))
    told = tfvars(gen.sovereign(), replace(SETTINGS, server_proxy=ServerProxy(PROXY, (".corp.example",))))
    assert told["proxy"] == {"url": PROXY, "exceptions": [".corp.example"]}
