"""What a node does besides its first boot, and steps of that boot by themselves: the scripts as they are, run by real
bash with a folder in the place of the root. Programs that act on a machine (systemctl, ip) only note that they were
called."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration.apiserver import find_tool
from tests.integration.serving import Server, serving
from tests.integration.tofu import MODULE
from tests.support.certificates import self_signed

pytestmark = pytest.mark.integration

SCRIPTS = MODULE / "scripts"
PLACES = ("/etc/catalyst", "/etc/rancher", "/etc/resolv.conf", "/run/systemd", "/usr/local/bin", "/var/lib")
NOTES = '#!/bin/bash\nprintf "%s\\n" "${0##*/} $*" >>"$NOTES"\n'


@dataclass
class Node:
    """A machine's root, in a folder."""

    root: Path
    variables: dict[str, str] = field(default_factory=lambda: {"NODE_NAME": "n", "NODE_IP": "10.0.1.10"})

    def __post_init__(self) -> None:
        for folder in ("etc/catalyst", "bin", "usr/local/bin"):
            (self.root / folder).mkdir(parents=True)

    @property
    def called(self) -> list[str]:
        notes = self.root / "notes"
        return notes.read_text().splitlines() if notes.exists() else []

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def program(self, name: str, script: str = "") -> None:
        """One that notes its call and then does what `script` says."""
        self.write(f"bin/{name}", NOTES + script)
        (self.root / "bin" / name).chmod(0o755)

    def script_file(self, name: str, text: str) -> None:
        """What stands in for a neighbour of the script that is tested."""
        self.write(f"own/{name}", f"#!/bin/bash\n{text}")
        (self.root / "own" / name).chmod(0o755)

    def script(self, name: str) -> str:
        """A script of the module, with this root; its neighbours are those that were written here, or the module's."""
        text = (SCRIPTS / name).read_text()
        for other in (self.root / "own").glob("*"):
            text = text.replace(f"/usr/local/lib/catalyst/{other.name}", str(other))
        text = text.replace("/usr/local/lib/catalyst/", f"{SCRIPTS}/")
        for place in PLACES:
            text = text.replace(place, f"{self.root}{place}")
        return text

    def run(self, text: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Text of a script, with these arguments."""
        self.write("etc/catalyst/node.env", "".join(f"{name}='{value}'\n" for name, value in self.variables.items()))
        return subprocess.run(
            ["bash", "-c", text, "script", *arguments],
            env={
                "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
                "NOTES": str(self.root / "notes"),
                "CACHE_DIR": str(self.root / "cache"),
                "RETRY_PAUSE": "0",
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


# --- the private network ----------------------------------------------------------------------------------------------

HELPED = "systemctl restart --no-block hc-net-ifup@*"
ADDRESS_ONCE_HELPED = 'grep --quiet ^systemctl "$NOTES" && echo "3: enp7s0 inet 10.0.1.10/32" || true\n'


def test_dhcp_is_tried_again_when_the_private_address_does_not_come(node: Node) -> None:
    """Hetzner's helper asks once, and leaves the interface without an address if nobody answered."""
    node.program("ip", ADDRESS_ONCE_HELPED)
    node.program("systemctl")
    ran = node.run(node.script("await-private-address.sh"), "30", PATIENCE="2")
    assert ran.returncode == 0, ran.stderr
    assert [call for call in node.called if not call.startswith("ip")] == [HELPED]


def test_an_address_that_comes_soon_is_left_alone(node: Node) -> None:
    node.program("ip", 'test $(wc -l <"$NOTES") -gt 2 && echo "3: enp7s0 inet 10.0.1.10/32" || true\n')
    node.program("systemctl")
    assert node.run(node.script("await-private-address.sh"), "30").returncode == 0
    assert HELPED not in node.called


def test_a_machine_without_such_a_helper_waits_all_the_same(node: Node) -> None:
    node.program("ip")
    node.program("systemctl", "exit 1\n")
    ran = node.run(node.script("await-private-address.sh"), "3", PATIENCE="1")
    assert ran.returncode == 1
    assert "private address 10.0.1.10 not there after 3 s" in ran.stderr


# --- name servers -----------------------------------------------------------------------------------------------------

HETZNERS = (
    "nameserver 2a01:4ff:ff00::add:1\nnameserver 185.12.64.2\nnameserver 185.12.64.1\nnameserver 2a01:4ff:ff00::add:2\n"
)
RESOLVED = "run/systemd/resolve/resolv.conf"


def name_servers(node: Node) -> list[str] | None:
    """What k3s is told; None if it is told nothing."""
    ran = node.run(node.script("resolv-conf.sh"))
    assert ran.returncode == 0, ran.stderr
    told = node.root / "etc/rancher/k3s/config.yaml.d/20-resolv-conf.yaml"
    file = node.root / "etc/rancher/k3s/resolv.conf"
    assert told.exists() == file.exists()
    if not told.exists():
        return None
    assert told.read_text() == f"resolv-conf: {file}\n"
    return file.read_text().splitlines()


def test_pods_get_three_name_servers_and_those_that_they_reach_first(node: Node) -> None:
    node.write(RESOLVED, f"# made by systemd-resolved\n{HETZNERS}search example.com\n")
    node.write("etc/resolv.conf", "nameserver 127.0.0.53\n")
    servers = ["nameserver 185.12.64.2", "nameserver 185.12.64.1", "nameserver 2a01:4ff:ff00::add:1"]
    assert name_servers(node) == [*servers, "search example.com"]


@pytest.mark.parametrize("useless", ["127.0.0.53", "::1", "fe80::1%2"])
def test_a_name_server_of_the_machine_itself_is_none_for_pods(node: Node, useless: str) -> None:
    node.write("etc/resolv.conf", f"nameserver {useless}\nnameserver 192.0.2.1\n")
    assert name_servers(node) == ["nameserver 192.0.2.1", ""]
    node.write("etc/resolv.conf", "nameserver 192.0.2.2\n")
    assert name_servers(node) == ["nameserver 192.0.2.2", ""], "looked up at each start"


@pytest.mark.parametrize("text", ["", "nameserver 127.0.0.53\n"])
def test_without_one_k3s_is_left_to_itself(node: Node, text: str) -> None:
    node.write("etc/resolv.conf", text)
    assert name_servers(node) is None


# --- certificates that end --------------------------------------------------------------------------------------------

SERVING = "var/lib/rancher/k3s/agent/serving-kubelet.crt"
ETCD = "var/lib/rancher/k3s/server/tls/etcd/server-client.crt"


def certificate(node: Node, path: str, days: int) -> None:
    file = node.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    self_signed(file, file.with_suffix(".key"), "k3s", days)


@pytest.fixture
def server(node: Node) -> Node:
    """A control plane whose certificates are good for most of a year, among others that are well."""
    node.variables["K3S_SERVICE"] = "k3s.service"
    for path in (SERVING, ETCD, "var/lib/rancher/k3s/server/tls/serving-kube-apiserver.crt"):
        certificate(node, path, 300)
    for name in ("systemctl", "kubectl", "curl"):
        node.program(name)
    return node


def restarted(node: Node) -> bool:
    node.run(node.script("renew-certificates.sh"))
    return f"systemctl restart {node.variables['K3S_SERVICE']}" in node.called


def test_nothing_is_started_again_for_certificates_that_are_good(server: Node) -> None:
    certificate(server, "var/lib/rancher/k3s/server/tls/server-ca.crt", 3)
    certificate(server, "var/lib/rancher/k3s/agent/client-ca.nochain.crt", 3)
    certificate(server, SERVING, 62)
    assert not restarted(server)
    assert server.called == [], "authorities are not renewed by a start"


@pytest.mark.parametrize("path", [SERVING, ETCD, "var/lib/rancher/k3s/server/tls/client-admin.crt"])
def test_k3s_is_started_again_before_a_certificate_ends(server: Node, path: str) -> None:
    """Within the 90 days in which it makes new ones."""
    certificate(server, path, 58)
    assert restarted(server)
    order = [call.split()[0] for call in server.called]
    assert order == ["kubectl", "systemctl", "curl"], "others are looked at before, this node after"
    assert "node-role.kubernetes.io/control-plane" in server.called[0]


def test_k3s_is_not_started_again_while_another_control_plane_is_down(server: Node) -> None:
    """Two of three are the majority that etcd needs."""
    certificate(server, ETCD, 8)
    server.program("kubectl", "exit 1\n")
    assert not restarted(server)


def test_in_the_last_week_nobody_is_waited_for(server: Node) -> None:
    """A node that is dead and was never deleted would hold the others up until their end, which is lasting."""
    certificate(server, ETCD, 6)
    server.program("kubectl", "exit 1\n")
    assert restarted(server)


def test_a_start_that_renewed_nothing_is_not_repeated_every_day(server: Node) -> None:
    certificate(server, ETCD, 58)
    assert restarted(server)
    (server.root / "notes").unlink()
    assert not restarted(server)
    week = datetime.now(UTC).timestamp() - 8 * 24 * 3600
    os.utime(server.root / "var/lib/catalyst/certificates-renewed", (week, week))
    assert restarted(server)


@pytest.mark.parametrize(("code", "expected"), [("401", True), ("503", False), ("000", False)])
def test_a_worker_asks_whether_the_api_answers(server: Node, code: str, expected: bool) -> None:
    """It may not look at nodes. Without an API k3s would not come back."""
    server.variables["K3S_SERVICE"] = "k3s-agent.service"
    certificate(server, SERVING, 58)
    server.program("curl", f"[[ $* != *6444* ]] || echo {code}\n")
    assert restarted(server) is expected
    assert "https://127.0.0.1:6444/readyz" in server.called[0]


# --- the first boot of every node -------------------------------------------------------------------------------------


@pytest.fixture
def booting(node: Node) -> Iterator[tuple[Node, Server]]:
    """A worker, and the mirror that has k3s. Its private address comes once k3s was asked for."""
    with serving() as mirror:
        mirror.files["/k3s"] = b"k3s\n"
        digest = hashlib.sha256(b"k3s\n").hexdigest()
        node.variables |= {"K3S_SERVICE": "k3s-agent.service", "K3S_URL": f"{mirror.url}/k3s", "K3S_SHA256": digest}
        for name in ("systemctl", "sysctl"):
            node.program(name)
        node.program("curl", f'[[ $* == */healthz* ]] || {{ touch asked; exec {shutil.which("curl")} "$@"; }}\n')
        node.script_file("await-private-address.sh", "until [[ -e asked ]]; do sleep 0.1; done\n")
        yield node, mirror


def test_k3s_is_fetched_while_the_private_network_is_waited_for(booting: tuple[Node, Server]) -> None:
    """It would wait for ever here, if k3s was not asked for meanwhile."""
    node, _ = booting
    ran = node.run(f"cd {node.root}; {node.script('bootstrap-node.sh')}")
    assert ran.returncode == 0, ran.stderr
    assert (node.root / "usr/local/bin/k3s").read_bytes() == b"k3s\n"
    done = re.findall(r"step (\S+): done in \d+ s$", ran.stderr, re.MULTILINE)
    assert done == ["private-network", "metadata-service", "kernel-settings", "ca-files", "k3s-binary", "k3s-start"]


def test_a_k3s_that_cannot_be_had_fails_its_step(booting: tuple[Node, Server]) -> None:
    """Five tries; systemd makes another attempt. What lies there from an earlier one is not used unchecked."""
    node, mirror = booting
    node.write("cache/k3s", "half a pro")
    mirror.files.clear()
    ran = node.run(f"cd {node.root}; {node.script('bootstrap-node.sh')}")
    assert ran.returncode != 0
    assert "step k3s-binary: FAILED" in ran.stderr
    assert mirror.asked == ["/k3s"] * 5
    assert not (node.root / "usr/local/bin/k3s").exists()


# --- steps of the first boot ------------------------------------------------------------------------------------------


def functions(node: Node, script: str) -> str:
    """Everything before the script begins to act."""
    text, found, _ = node.script(script).partition("trap report_exit EXIT\n")
    assert found
    return text


def archive(file: Path, owner: int) -> None:
    """helm's, as somebody packed it."""
    with tarfile.open(file, "w:gz") as tar:
        entry = tarfile.TarInfo("linux-amd64/helm")
        entry.size, entry.mode, entry.uid, entry.gid = 5, 0o755, owner, owner
        tar.addfile(entry, io.BytesIO(b"helm\n"))


def test_a_program_belongs_to_who_unpacks_it(node: Node) -> None:
    """As root, tar would give it to the number of whoever packed it: somebody else's on this machine, some day."""
    (node.root / "cache").mkdir()
    archive(node.root / "cache/helm.tar.gz", 12345)
    ran = node.run(f"{functions(node, 'bootstrap-cluster.sh')}\nfetch() {{ :; }}\ninstall_helm")
    assert ran.returncode == 0, ran.stderr
    helm = (node.root / "usr/local/bin/helm").stat()
    assert (helm.st_uid, helm.st_gid, helm.st_mode & 0o777) == (os.getuid(), os.getgid(), 0o755)


@pytest.fixture
def silent(node: Node) -> Iterator[Node]:
    """One whose API server accepts and says nothing."""
    node.variables["KIT_NAME"] = "kit"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = f"http://127.0.0.1:{listener.getsockname()[1]}"
        node.write(
            "etc/rancher/k3s/k3s.yaml",
            f"apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n"
            "contexts: [{name: c, context: {cluster: c, user: ''}}]\ncurrent-context: c\n",
        )
        (node.root / "bin/kubectl").symlink_to(find_tool("kubectl"))
        yield node


@pytest.mark.parametrize(
    "step", ["kit_is_there", "create_missing namespace.yaml", "await_condition 1 --for=create namespace/default"]
)
def test_no_step_is_held_up_by_an_api_server_that_stays_silent(silent: Node, step: str) -> None:
    text = functions(silent, "bootstrap-cluster.sh").replace("bounded 120", "bounded 1").replace("$1 + 30", "$1")
    silent.write("namespace.yaml", '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}')
    ran = silent.run(f"cd {silent.root}; {text}\n{step}", HOME=str(silent.root))
    assert ran.returncode != 0
    assert "no answer within 1 s: kubectl" in ran.stderr
