"""What the stand-in for k3s on servers that really boot refuses, as k3s does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalyst_operator.adapters.new_cluster import authorities
from e2e.boot.standins import cilium, k3s_file
from e2e.boot.standins.k3s import joining
from e2e.boot.standins.k3s.configuration import Refused, read
from e2e.lab.hcloud.boot import certificates
from e2e.lab.hcloud.boot.certificates import Subject
from e2e.lab.hcloud.boot.first_boot import FirstBoot, Role
from e2e.lab.hcloud.boot.joining import NotYet
from e2e.lab.hcloud.boot.user_data import CloudConfig

TRUST = authorities.make(datetime.now(UTC))
OTHER = authorities.make(datetime.now(UTC))
SERVER = {
    "node-name": "one",
    "node-ip": "127.0.0.1",
    "token": TRUST.server_token,
    "agent-token": TRUST.agent_token,
    "cluster-init": True,
    "tls-san": ["acme.example"],
}
AGENT = {"node-name": "two", "node-ip": "127.0.0.1", "token": TRUST.agent_token, "server": "https://127.0.0.1:6443"}


def written(folder: Path, config: dict[str, Any], **parts: dict[str, Any]) -> Path:
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    for name, part in parts.items():
        (folder / "config.yaml.d").mkdir(exist_ok=True)
        (folder / "config.yaml.d" / f"{name}.yaml").write_text(yaml.safe_dump(part))
    return file


def test_what_a_server_is_told_is_read_with_what_was_added(tmp_path: Path) -> None:
    joins = {key: value for key, value in SERVER.items() if key != "cluster-init"}
    boot = read("server", written(tmp_path, joins, later={"server": "https://10.0.1.10:6443"}))
    assert (boot.role, boot.join_addresses, boot.node_name) == (Role.JOINING, ["10.0.1.10"], "one")


@pytest.mark.parametrize(
    ("mode", "config", "said"),
    [
        ("server", {**SERVER, "flannel-backnd": "none"}, "flag provided but not defined: -flannel-backnd"),
        ("agent", {**AGENT, "tls-san": []}, "flag provided but not defined: -tls-san"),
        ("agent", {key: AGENT[key] for key in ("node-name", "node-ip", "token")}, "--server is required"),
        ("server", {**SERVER, "server": "https://10.0.1.10:6443"}, "cluster-init and server are both given"),
        ("server", {**SERVER, "token": ""}, "token is not given"),
        ("server", {**SERVER, "node-ip": "192.0.2.1"}, "node-ip 192.0.2.1 is on no interface"),
    ],
)
def test_a_configuration_that_k3s_could_not_work_with(
    tmp_path: Path, mode: str, config: dict[str, Any], said: str
) -> None:
    with pytest.raises(Refused, match=said):
        read(mode, written(tmp_path, config))


@dataclass
class Served:
    """A control plane's answers to those that join."""

    boot: FirstBoot
    full: str = ""
    """Why nobody gets in."""

    def admit(self, joiner: FirstBoot, password: str) -> dict[str, Any]:
        if self.full:
            raise NotYet(self.full)
        return {"name": joiner.node_name, "password": password}


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    pair = certificates.issue(TRUST.files, "server-ca", Subject("kube-apiserver", addresses=("127.0.0.1",)))
    (tmp_path / "server-ca.crt").write_text(TRUST.files["server-ca.crt"])
    (tmp_path / "serving.crt").write_text(pair.chain)
    (tmp_path / "serving.key").write_text(pair.key)
    served = Served(FirstBoot(CloudConfig({}, ()), {"NODE_IP": "127.0.0.1"}, SERVER))
    listener = joining.serve(tmp_path, served.boot, served.admit, port=0)
    monkeypatch.setattr(joining, "PORT", listener.server_port)
    yield served
    listener.shutdown()
    listener.server_close()


def agent(**changes: Any) -> FirstBoot:
    env = {"NODE_NAME": "two", "K3S_SERVICE": "k3s-agent.service", "JOIN_ADDRESSES": "127.0.0.1"}
    return FirstBoot(CloudConfig({}, ()), env, {**AGENT, **changes})


def test_whoever_has_the_token_gets_in(served: Served) -> None:
    assert joining.ask(agent(), "mine") == {"name": "two", "password": "mine"}


def test_a_control_plane_of_another_cluster_is_not_trusted(served: Served) -> None:
    """Before the token is shown to it."""
    with pytest.raises(Refused, match="token CA hash does not match"):
        joining.ask(agent(token=OTHER.agent_token), "mine")


def test_a_token_that_is_not_for_agents_does_not_let_one_in(served: Served) -> None:
    with pytest.raises(Refused, match="the control plane has another agent-token: 401"):
        joining.ask(agent(token=TRUST.server_token), "mine")


def test_who_is_not_let_in_yet_is_told_why(served: Served) -> None:
    served.full = "Node password rejected"
    with pytest.raises(NotYet, match="Node password rejected"):
        joining.ask(agent(), "mine")


def test_the_same_sources_are_the_same_file() -> None:
    """Its checksum is what servers compare."""
    assert k3s_file.k3s() == k3s_file.k3s()
    assert k3s_file.k3s().startswith(b"#!/usr/bin/python3\n")
    assert cilium.chart("1.16.5") == cilium.chart("1.16.5")
