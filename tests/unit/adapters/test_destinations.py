"""Whoever names a host does not have the operator connect to itself, its node or its cluster."""

from __future__ import annotations

import pytest

from catalyst_operator.adapters.destinations import OUTSIDE, Destinations, networks

CLUSTER = Destinations(networks(["10.96.0.0/12", "fd00:10::/108"]))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104 - this is about it
        "169.254.169.254",
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
        "fd20:ce::254",
    ],
)
def test_what_is_never_outside_is_refused(address: str) -> None:
    assert not OUTSIDE.allows(address)


@pytest.mark.parametrize(
    "address", ["10.96.0.1", "10.111.255.254", "fd00:10::1", "::ffff:10.96.0.1", "64:ff9b::10.96.0.1"]
)
def test_the_clusters_own_networks_are_refused(address: str) -> None:
    assert not CLUSTER.allows(address)
    assert OUTSIDE.allows(address), "a company's Git server may well be in a private network"


@pytest.mark.parametrize("address", ["203.0.113.7", "192.168.1.10", "2001:db8::1", "64:ff9b::203.0.113.7"])
def test_others_are_not(address: str) -> None:
    assert CLUSTER.allows(address)


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "LOCALHOST.",
        "git.localhost",
        "kubernetes.default.svc",
        "gitea.team-b.svc.cluster.local",
        "metadata.google.internal",
    ],
)
def test_a_name_of_nothing_outside_is_not_even_looked_up(name: str) -> None:
    assert not OUTSIDE.allows_name(name)


@pytest.mark.parametrize("name", ["git.example.com", "svc.example.com", "localhost.example.com"])
def test_other_names_are(name: str) -> None:
    assert OUTSIDE.allows_name(name)
