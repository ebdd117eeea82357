"""scripts/lib.sh, run by real bash with real curl against real HTTP and TLS on 127.0.0.1.

What a node runs as root must be exactly what the release or the vendor says: each way to be unsure has to end in a
refusal that leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.integration.serving import Server, serving
from tests.support.certificates import self_signed
from tests.support.paths import REPOSITORY

pytestmark = pytest.mark.integration

LIB = REPOSITORY / "infra/hetzner/scripts/lib.sh"
CHOOSE = REPOSITORY / "infra/hetzner/scripts/choose-server.sh"
CONTENT = b"a program\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
OTHER = hashlib.sha256(b"another program\n").hexdigest()


@pytest.fixture
def mirror() -> Iterator[Server]:
    with serving() as server:
        server.files["/k3s"] = CONTENT
        yield server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    self_signed(folder / "cert.pem", folder / "key.pem", "vendor")
    return folder / "cert.pem"


@pytest.fixture
def vendor(certificate: Path) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with serving(context) as server:
        yield server


@dataclass
class Node:
    """A shell that has sourced lib.sh."""

    folder: Path
    environment: dict[str, str]

    def run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], **self.environment, **variables}
        return subprocess.run(
            ["bash", "-c", f"set -euo pipefail; source {LIB}; {script}"],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def fetch(self, url: str, sha256: str = "", checksums_url: str = "") -> subprocess.CompletedProcess[str]:
        variables = {"K3S_URL": url, "K3S_SHA256": sha256, "K3S_CHECKSUMS_URL": checksums_url}
        return self.run("fetch K3S fetched", **variables)

    @property
    def fetched(self) -> bytes | None:
        file = self.folder / "fetched"
        return file.read_bytes() if file.exists() else None

    @property
    def leftovers(self) -> list[str]:
        return [file.name for file in self.folder.glob("*.part")]


@pytest.fixture
def node(tmp_path: Path, certificate: Path) -> Node:
    environment = {"CACHE_DIR": str(tmp_path / "cache"), "RETRY_PAUSE": "0", "CURL_CA_BUNDLE": str(certificate)}
    return Node(tmp_path, environment)


def test_a_pinned_file_is_fetched(node: Node, mirror: Server) -> None:
    ran = node.fetch(f"{mirror.url}/k3s", DIGEST)
    assert ran.returncode == 0, ran.stderr
    assert node.fetched == CONTENT
    assert f"has the expected sha256 {DIGEST}" in ran.stderr


def test_another_file_than_the_pinned_one_is_not_used(node: Node, mirror: Server) -> None:
    ran = node.fetch(f"{mirror.url}/k3s", OTHER)
    assert ran.returncode != 0
    assert node.fetched is None
    assert node.leftovers == []
    assert f"has sha256 {DIGEST}, expected {OTHER}; not used" in ran.stderr


def test_a_file_that_is_right_already_is_not_fetched_again(node: Node, mirror: Server) -> None:
    for _ in range(2):
        assert node.fetch(f"{mirror.url}/k3s", DIGEST).returncode == 0
    assert mirror.asked == ["/k3s"]


def test_a_file_that_went_bad_is_fetched_again(node: Node, mirror: Server) -> None:
    (node.folder / "fetched").write_bytes(b"half a pro")
    assert node.fetch(f"{mirror.url}/k3s", DIGEST).returncode == 0
    assert node.fetched == CONTENT


@pytest.mark.parametrize(
    ("checksums", "why"),
    [
        (f"{OTHER}  k3s-arm64\n{DIGEST}  k3s\n", "as sha256sum writes it"),
        (f"{DIGEST} *k3s\n", "as sha256sum --binary writes it"),
        (f"{OTHER[:40]}  k3s\n{DIGEST}  k3s\n", "beside a sum of another kind"),
        (
            "apiVersion: v1\nentries:\n  other:\n"
            f"  - digest: {OTHER}\n    name: x\n    urls:\n    - k3s-2\n"
            f"  - created: now\n    digest: {DIGEST}\n    urls:\n    - https://charts.example/k3s\n    version: 1\n",
            "as the index of a Helm repository has it",
        ),
        (f"  - digest: {DIGEST}\n    urls:\n    - k3s\n", "as an index has it that begins with the digest"),
    ],
)
def test_without_a_pin_the_vendors_checksum_decides(
    node: Node, mirror: Server, vendor: Server, checksums: str, why: str
) -> None:
    vendor.files["/checksums"] = checksums.encode()
    good = node.fetch(f"{mirror.url}/k3s", checksums_url=f"{vendor.url}/checksums")
    assert good.returncode == 0, f"{why}: {good.stderr}"
    assert node.fetched == CONTENT


def test_a_file_that_the_vendor_does_not_vouch_for_is_not_used(node: Node, mirror: Server, vendor: Server) -> None:
    vendor.files["/checksums"] = f"{OTHER}  k3s\n".encode()
    ran = node.fetch(f"{mirror.url}/k3s", checksums_url=f"{vendor.url}/checksums")
    assert ran.returncode != 0
    assert node.fetched is None


@pytest.mark.parametrize(
    "checksums",
    [
        "",
        f"{DIGEST}  k3s-arm64\n",
        "<html>Not Found</html>",
        "abc  k3s\n",
        # The chart before it has one, and it has none.
        f"  - created: now\n    digest: {DIGEST}\n    urls:\n    - k3s-2\n  - created: now\n    urls:\n    - k3s\n",
    ],
)
def test_no_checksum_means_no_download(node: Node, mirror: Server, vendor: Server, checksums: str) -> None:
    vendor.files["/checksums"] = checksums.encode()
    ran = node.fetch(f"{mirror.url}/k3s", checksums_url=f"{vendor.url}/checksums")
    assert ran.returncode != 0
    assert mirror.asked == []
    assert "no sha256 for k3s" in ran.stderr


def test_checksums_without_tls_are_not_believed(node: Node, mirror: Server) -> None:
    mirror.files["/checksums"] = f"{DIGEST}  k3s\n".encode()
    ran = node.fetch(f"{mirror.url}/k3s", checksums_url=f"{mirror.url}/checksums")
    assert ran.returncode != 0
    assert mirror.asked == []


def test_checksums_of_an_unknown_server_are_not_believed(node: Node, mirror: Server, vendor: Server) -> None:
    vendor.files["/checksums"] = f"{DIGEST}  k3s\n".encode()
    node.environment["CURL_CA_BUNDLE"] = "/etc/ssl/certs/ca-certificates.crt"
    ran = node.fetch(f"{mirror.url}/k3s", checksums_url=f"{vendor.url}/checksums")
    assert ran.returncode != 0
    assert vendor.asked == []


def test_an_escaped_plus_in_a_url_is_a_plus_in_the_checksum_file(node: Node) -> None:
    assert node.run('file_name "https://vendor.example/v1.31.4%2Bk3s1/k3s-v1%2Bk3s1"').stdout == "k3s-v1+k3s1"


def test_a_download_is_tried_five_times_and_then_fails(node: Node, mirror: Server) -> None:
    ran = node.fetch(f"{mirror.url}/away", DIGEST)
    assert ran.returncode != 0
    assert mirror.asked == ["/away"] * 5
    assert "attempt 5 of 5 failed" in ran.stderr


# --- a vendor that is away, or silent ---------------------------------------------------------------------------------


@pytest.fixture
def vouched(node: Node, mirror: Server, vendor: Server) -> Callable[[], subprocess.CompletedProcess[str]]:
    """Fetches what only the vendor's checksum vouches for."""
    vendor.files["/checksums"] = f"{DIGEST}  k3s\n".encode()
    return lambda: node.fetch(f"{mirror.url}/k3s", checksums_url=f"{vendor.url}/checksums")


def test_a_good_file_is_enough_when_the_vendor_is_away(
    vouched: Callable[[], subprocess.CompletedProcess[str]], mirror: Server, vendor: Server
) -> None:
    """A reboot in the middle of a first boot needs nobody."""
    assert vouched().returncode == 0
    mirror.files.clear()
    vendor.files.clear()
    again = vouched()
    assert again.returncode == 0, again.stderr
    assert (mirror.asked, vendor.asked) == (["/k3s"], ["/checksums"])


def test_a_bad_file_is_not_enough_when_the_vendor_is_away(
    vouched: Callable[[], subprocess.CompletedProcess[str]], node: Node, mirror: Server, vendor: Server
) -> None:
    """What the vendor said once still decides."""
    assert vouched().returncode == 0
    vendor.files.clear()
    (node.folder / "fetched").write_bytes(b"half a pro")
    mirror.files["/k3s"] = b"another program\n"
    assert vouched().returncode != 0
    assert node.fetched == b"half a pro", "as it was, and not used: a step that fails ends the attempt"


def test_a_file_that_nobody_vouched_for_is_not_enough(
    vouched: Callable[[], subprocess.CompletedProcess[str]], node: Node, vendor: Server
) -> None:
    vendor.files.clear()
    (node.folder / "fetched").write_bytes(CONTENT)
    assert vouched().returncode != 0


def test_a_checksum_that_the_download_does_not_have_is_asked_for_again(
    vouched: Callable[[], subprocess.CompletedProcess[str]], node: Node, vendor: Server
) -> None:
    """A vendor who published a wrong one, and then the right one, would block a node for ever."""
    vendor.files["/checksums"] = f"{OTHER}  k3s\n".encode()
    assert vouched().returncode != 0
    vendor.files["/checksums"] = f"{DIGEST}  k3s\n".encode()
    assert vouched().returncode == 0
    assert node.fetched == CONTENT


@pytest.mark.parametrize(
    ("kept", "why"),
    [
        ("", "the power went while it was written"),
        (f"{DIGEST[:20]}", "half of it"),
        (f"{DIGEST[:20]} THE-URL\n", "half a checksum of this one"),
        (f"{DIGEST} https://vendor.example/another-k3s\n", "of another download"),
    ],
)
def test_a_kept_checksum_that_says_nothing_of_this_download_is_not_believed(
    vouched: Callable[[], subprocess.CompletedProcess[str]],
    node: Node,
    mirror: Server,
    vendor: Server,
    kept: str,
    why: str,
) -> None:
    cache = node.folder / "cache"
    cache.mkdir()
    (cache / "K3S.sha256").write_text(kept.replace("THE-URL", f"{mirror.url}/k3s"))
    assert vouched().returncode == 0, why
    assert vendor.asked == ["/checksums"], why


def test_a_release_s_own_checksum_needs_no_other(
    vouched: Callable[[], subprocess.CompletedProcess[str]], node: Node, mirror: Server
) -> None:
    """Not even one that was kept from before it was pinned."""
    assert vouched().returncode == 0
    assert node.fetch(f"{mirror.url}/k3s", OTHER).returncode != 0


def test_a_vendor_that_accepts_and_stays_silent_is_given_up(node: Node) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/k3s"
        ran = node.run("get $URL file http", URL=url, STALL_SECONDS="1")
    assert ran.returncode != 0
    assert "attempt 5 of 5 failed" in ran.stderr


def test_two_who_fetch_the_same_wait_for_each_other(node: Node, mirror: Server) -> None:
    """What is fetched ahead is fetched once."""
    variables = {"K3S_URL": f"{mirror.url}/k3s", "K3S_SHA256": DIGEST, "K3S_CHECKSUMS_URL": ""}
    ran = node.run("for number in 1 2 3 4 5 6; do fetch K3S fetched & done; wait", **variables)
    assert ran.returncode == 0, ran.stderr
    assert mirror.asked == ["/k3s"]


# --- steps and waits --------------------------------------------------------------------------------------------------


def test_a_step_says_how_long_it_took(node: Node) -> None:
    """docs/performance.md is filled from such lines."""
    ran = node.run("SECONDS=40; work() { SECONDS=43; }; step work work")
    assert "step work: begins" in ran.stderr
    assert re.search(r"step work: done in [34] s$", ran.stderr, re.MULTILINE)


def test_a_step_that_fails_is_named(node: Node) -> None:
    ran = node.run("trap report_exit EXIT; step first true; step second false; step third true")
    assert ran.returncode == 1
    assert "step first: done" in ran.stderr
    assert "step second: FAILED (exit status 1)" in ran.stderr
    assert "third" not in ran.stderr


def test_an_error_in_the_middle_of_a_step_ends_it(node: Node) -> None:
    ran = node.run("work() { false; echo went on; }; trap report_exit EXIT; step work work")
    assert ran.returncode == 1
    assert "went on" not in ran.stdout


def test_a_wait_that_is_in_vain_shows_the_commands_own_error(node: Node) -> None:
    ran = node.run("wait_for 0 'the API server' ls /nonexistent")
    assert ran.returncode == 1
    assert "waited 0 s in vain for: the API server" in ran.stderr
    assert "No such file" in ran.stderr


def test_a_wait_ends_when_the_condition_holds(node: Node) -> None:
    (node.folder / "here").touch()
    ran = node.run("wait_for 60 'the file' test -e here")
    assert ran.returncode == 0
    assert "seen: the file" in ran.stderr


def test_a_server_that_accepts_and_stays_silent_holds_no_wait_up(node: Node) -> None:
    """Each try has a limit of its own, or the wait's would never be looked at."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        began = time.monotonic()
        ran = node.run(f"wait_for 2 'an answer' curl --silent {url}", TRY_SECONDS="1")
        took = time.monotonic() - began
    assert ran.returncode != 0
    assert "waited 2 s in vain for: an answer" in ran.stderr
    assert took < 30


def test_a_program_that_does_not_come_back_is_ended_and_named(node: Node) -> None:
    ran = node.run("bounded 1 sleep 600")
    assert ran.returncode == 124
    assert "no answer within 1 s: sleep 600" in ran.stderr
    assert node.run("bounded 60 false").returncode == 1


# --- whom a node joins through ----------------------------------------------------------------------------------------

FIRST, SECOND, NOBODY = "127.0.0.2", "127.0.0.3", "127.0.0.9"
UNAUTHORIZED, STARTING = 401, 503


@dataclass
class ControlPlanes:
    """API servers at addresses of the loopback range, all at one port: address -> what each says to who asks."""

    port: int
    listeners: list[ThreadingHTTPServer] = field(default_factory=list)
    says: dict[str, int] = field(default_factory=dict)


@pytest.fixture
def control_planes(certificate: Path) -> Iterator[ControlPlanes]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    found = ControlPlanes(0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = str(self.connection.getsockname()[0])
            self.send_response(found.says.get(asked, STARTING) if self.path == "/readyz" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Not among the tests' output."""

    threads = []
    for number in (2, 3):
        listener = ThreadingHTTPServer((f"127.0.0.{number}", found.port), Handler)
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
        found.port = listener.server_port
        found.listeners.append(listener)
        threads.append(threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}))
        threads[-1].start()
    yield found
    for listener in found.listeners:
        listener.shutdown()
        listener.server_close()
    for thread in threads:
        thread.join()


def chosen(node: Node, control_planes: ControlPlanes, *addresses: str) -> tuple[int, str]:
    """How the choice ends, and the server that k3s is then told of."""
    ran = node.run(f"choose_server conf.d/10-server.yaml {' '.join(addresses)}", API_PORT=str(control_planes.port))
    file = node.folder / "conf.d/10-server.yaml"
    server = file.read_text().removeprefix("server: https://").removesuffix("\n") if file.exists() else ""
    assert list(node.folder.glob("conf.d/*.part")) == []
    return ran.returncode, server.removesuffix(f":{control_planes.port}")


def test_a_node_joins_through_the_first_control_plane_that_answers(node: Node, control_planes: ControlPlanes) -> None:
    """k3s knows no anonymous user: that it asks who is there is the API server's answer."""
    control_planes.says = {FIRST: UNAUTHORIZED, SECOND: UNAUTHORIZED}
    assert chosen(node, control_planes, FIRST, SECOND) == (0, FIRST)
    assert chosen(node, control_planes, SECOND, FIRST) == (0, SECOND)


def test_one_that_is_down_is_passed_over(node: Node, control_planes: ControlPlanes) -> None:
    control_planes.says = {SECOND: UNAUTHORIZED}
    assert chosen(node, control_planes, NOBODY, SECOND) == (0, SECOND)


@pytest.fixture
def choosing(node: Node, control_planes: ControlPlanes) -> Callable[[], tuple[int, str]]:
    """choose-server.sh as a node runs it that may join through one that is down or the second, with the node's folder
    in the place of the root."""
    control_planes.says = {SECOND: UNAUTHORIZED}
    (node.folder / "node.env").write_text(f"JOIN_ADDRESSES='{NOBODY} {SECOND}'\n")
    script = CHOOSE.read_text()
    for path, here in {
        "/usr/local/lib/catalyst/lib.sh": LIB,
        "/etc/catalyst/node.env": node.folder / "node.env",
        "/etc/rancher": node.folder,
        "/var/lib/rancher": node.folder,
    }.items():
        assert path in script
        script = script.replace(path, str(here))
    file = node.folder / "k3s/config.yaml.d/10-server.yaml"

    def run() -> tuple[int, str]:
        ran = node.run(script, API_PORT=str(control_planes.port))
        return ran.returncode, file.read_text() if file.exists() else ""

    return run


def test_a_node_may_join_through_any_of_its_addresses(
    choosing: Callable[[], tuple[int, str]], control_planes: ControlPlanes
) -> None:
    assert choosing() == (0, f"server: https://{SECOND}:{control_planes.port}\n")


def test_a_member_of_etcd_waits_for_nobody(node: Node, choosing: Callable[[], tuple[int, str]]) -> None:
    """Of control planes that all start at once none answers before others are up."""
    (node.folder / "k3s/server/db/etcd/member/wal").mkdir(parents=True)
    assert choosing() == (0, "")


def test_one_that_has_not_joined_itself_is_passed_over(node: Node, control_planes: ControlPlanes) -> None:
    """k3s listens from its start on, and could let nobody in."""
    control_planes.says = {FIRST: STARTING, SECOND: UNAUTHORIZED}
    assert chosen(node, control_planes, FIRST, SECOND) == (0, SECOND)


def test_while_none_answers_k3s_is_not_started(node: Node, control_planes: ControlPlanes) -> None:
    """Without anybody to join it would begin a cluster of its own."""
    control_planes.says = {FIRST: STARTING}
    assert chosen(node, control_planes, FIRST, NOBODY) == (1, "")
    assert chosen(node, control_planes) == (1, "")


def test_an_earlier_choice_stays_while_none_answers(node: Node, control_planes: ControlPlanes) -> None:
    control_planes.says = {SECOND: UNAUTHORIZED}
    chosen(node, control_planes, SECOND)
    control_planes.says = {SECOND: STARTING}
    assert chosen(node, control_planes, FIRST, SECOND)[1] == SECOND


def test_another_one_is_chosen_once_the_earlier_is_gone(node: Node, control_planes: ControlPlanes) -> None:
    control_planes.says = {FIRST: UNAUTHORIZED, SECOND: UNAUTHORIZED}
    chosen(node, control_planes, FIRST, SECOND)
    control_planes.says = {FIRST: STARTING, SECOND: UNAUTHORIZED}
    assert chosen(node, control_planes, FIRST, SECOND) == (0, SECOND)
