"""Minted certificates and kubeconfigs with real clients of theirs: kubectl, and a kube-apiserver that was started with
the authorities of a new cluster."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from catalyst_operator.adapters.new_cluster import authorities, minting
from catalyst_operator.core.access import kubeconfig
from catalyst_operator.core.access.identity import OBSERVER, OWNER, Access
from tests.integration.apiserver import find_tool, free_port
from tests.integration.new_cluster import NewCluster, new_cluster
from tests.support.fake_cluster import FQDN

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)
Kubectl = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewCluster]:
    with new_cluster(tmp_path_factory.mktemp("new-cluster")) as cluster:
        yield cluster


@pytest.fixture
def kubectl(tmp_path: Path) -> Kubectl:
    """kubectl with a kubeconfig as the operator writes it, and nothing of the environment's."""

    def run(access: Access, *arguments: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "kubeconfig"
        file.write_text(kubeconfig.render(access, "acme"))
        command = [find_tool("kubectl"), f"--kubeconfig={file}", "--request-timeout=10s", *arguments]
        environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


def minted(cluster: NewCluster, user: str = OBSERVER, groups: tuple[str, ...] = (), **changes: Any) -> Access:
    given: dict[str, Any] = {"now": datetime.now(UTC), "lifetime": HOUR, "files": cluster.trust.files, **changes}
    files, servers = given.pop("files"), given.pop("servers", (f"127.0.0.1:{cluster.port}",))
    return minting.access(files, servers=servers, fqdn=FQDN, user=user, groups=groups, **given)


def who(ran: subprocess.CompletedProcess[str]) -> tuple[str, set[str]]:
    """User and groups, as the server knows them."""
    assert ran.returncode == 0, ran.stderr
    info = json.loads(ran.stdout)["status"]["userInfo"]
    return info["username"], set(info["groups"])


WHOAMI = ("auth", "whoami", "-o", "json")


def test_the_server_knows_the_user(cluster: NewCluster, kubectl: Kubectl) -> None:
    """Without a group of its own: what it may do is what its name is bound to."""
    assert who(kubectl(minted(cluster), *WHOAMI)) == (OBSERVER, {"system:authenticated"})


def test_the_server_knows_the_groups(cluster: NewCluster, kubectl: Kubectl) -> None:
    """The owner's kubeconfig is an administrator's by its group alone."""
    owner = minted(cluster, OWNER, ("system:masters", "crew"))
    assert who(kubectl(owner, *WHOAMI)) == (OWNER, {"system:masters", "crew", "system:authenticated"})
    assert kubectl(owner, "auth", "can-i", "*", "*", "--all-namespaces").stdout == "yes\n"


def test_any_of_the_servers_will_do(cluster: NewCluster, kubectl: Kubectl) -> None:
    """One that is away is passed by; kubectl takes the other context."""
    access = minted(cluster, servers=(f"127.0.0.1:{free_port()}", f"127.0.0.1:{cluster.port}"))
    assert "refused" in kubectl(access, *WHOAMI).stderr
    assert who(kubectl(access, "--context=acme-1", *WHOAMI))[0] == OBSERVER


def test_a_kubeconfig_that_was_read_again_still_works(cluster: NewCluster, kubectl: Kubectl) -> None:
    """What is stored for an owner is what an owner gets."""
    again = kubeconfig.parse(kubeconfig.render(minted(cluster), "acme"))
    assert who(kubectl(again, *WHOAMI))[0] == OBSERVER


def test_a_server_of_another_name_is_refused(cluster: NewCluster, kubectl: Kubectl) -> None:
    """Even at the right address, and by the right authority: it may be another of its servers."""
    ran = kubectl(replace(minted(cluster), tls_name="other.omani.works"), *WHOAMI)
    assert ran.returncode != 0
    assert f"certificate is valid for {FQDN}, not other.omani.works" in ran.stderr


def test_a_server_of_another_authority_is_refused(cluster: NewCluster, kubectl: Kubectl) -> None:
    """Whoever took over the address is not the cluster."""
    other = authorities.make(datetime.now(UTC)).files["server-ca.crt"]
    ran = kubectl(replace(minted(cluster), authority=other), *WHOAMI)
    assert ran.returncode != 0
    assert "certificate signed by unknown authority" in ran.stderr


def other_clusters(files: dict[str, str]) -> dict[str, str]:
    """Files of another cluster with the same names, but for the authority that the server is verified by."""
    theirs = authorities.make(datetime.now(UTC)).files
    return {**theirs, "server-ca.crt": files["server-ca.crt"]}


def signed_by(name: str) -> Callable[[dict[str, str]], dict[str, str]]:
    """Files in which another authority of the same cluster stands in for that of clients."""
    return lambda files: {**files, "client-ca.crt": files[f"{name}.crt"], "client-ca.key": files[f"{name}.key"]}


@pytest.mark.parametrize(
    "files",
    [other_clusters, signed_by("server-ca"), signed_by("request-header-ca"), signed_by("etcd/peer-ca")],
    ids=["another cluster's", "of servers", "of proxies", "of etcd"],
)
def test_a_certificate_of_another_authority_is_nobody(
    cluster: NewCluster, kubectl: Kubectl, files: Callable[[dict[str, str]], dict[str, str]]
) -> None:
    """A certificate of one is worth nothing to another."""
    access = minted(cluster, OWNER, ("system:masters",), files=files(dict(cluster.trust.files)))
    ran = kubectl(access, "get", "namespaces")
    assert ran.returncode != 0
    assert "the server has asked for the client to provide credentials" in ran.stderr


def test_a_certificate_that_has_ended_is_nobody(cluster: NewCluster, kubectl: Kubectl) -> None:
    """This is how a lost one becomes harmless, and how the operator's own end."""
    ended = minted(cluster, OWNER, ("system:masters",), now=datetime.now(UTC) - HOUR - timedelta(seconds=2))
    ran = kubectl(ended, "get", "namespaces")
    assert ran.returncode != 0
    assert "the server has asked for the client to provide credentials" in ran.stderr


def test_a_server_whose_clock_is_behind_takes_it(cluster: NewCluster, kubectl: Kubectl) -> None:
    """A fresh node may not have the time yet: up to the allowance, what is minted now began in its past."""
    ahead = datetime.now(UTC) + authorities.CLOCK_SKEW - timedelta(minutes=1)
    assert who(kubectl(minted(cluster, now=ahead), *WHOAMI))[0] == OBSERVER
    too_far = minted(cluster, now=datetime.now(UTC) + authorities.CLOCK_SKEW + timedelta(minutes=5))
    assert kubectl(too_far, *WHOAMI).returncode != 0
