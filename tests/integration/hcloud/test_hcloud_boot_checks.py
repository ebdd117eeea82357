"""A server whose user_data lacks what k3s, Cilium or Flux need does not come up, and its log says why."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
import yaml

from e2e.lab.hcloud.boot import checks, first_boot
from e2e.lab.hcloud.boot.first_boot import CILIUM_VALUES, K3S_CONFIG, KIT, MANIFESTS, NODE_ENV, SCRIPTS, TLS, UNITS
from e2e.lab.hcloud.boot.user_data import CloudConfig, File
from tests.integration.cloud_init import Rendered, render, sample
from tests.integration.tofu import OpenTofu

pytestmark = pytest.mark.integration

FIRST, JOINING, WORKER = "acme-1a2b3-control-plane-0", "acme-1a2b3-control-plane-1", "acme-1a2b3-worker-0"
Change = Callable[[dict[str, File]], None]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """What the module of this checkout tells its servers."""
    tofu = OpenTofu.without_provider(tmp_path_factory.mktemp("tofu"))
    return render(tofu, sample(boot_manifests={"10-a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"}))


@pytest.fixture(scope="module")
def configs(rendered: Rendered) -> dict[str, CloudConfig]:
    """The cloud-config of each kind of server."""
    told = {FIRST: rendered.control_planes[0], JOINING: rendered.control_planes[1], WORKER: rendered.workers[0]}
    return {name: first_boot.read(boot.user_data).config for name, boot in told.items()}


def judged(config: CloudConfig, server: str) -> list[str]:
    """Through the text, as the emulator gets it."""
    files = [
        {"path": path, "encoding": "b64", "content": encoded(file.content), "permissions": f"{file.mode:04o}"}
        for path, file in config.files.items()
    ]
    document = {"write_files": files, "runcmd": [list(words) for words in config.commands]}
    return checks.refusals(first_boot.read("#cloud-config\n" + yaml.safe_dump(document)), server)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("server", [FIRST, JOINING, WORKER])
def test_what_the_module_tells_a_server_is_enough(configs: Mapping[str, CloudConfig], server: str) -> None:
    """Otherwise nothing would ever come up, and each refusal below would prove nothing."""
    assert judged(configs[server], server) == []


# --- one thing changed ---


def without(path: str) -> Change:
    def change(files: dict[str, File]) -> None:
        del files[path]

    return change


def sub(path: str, pattern: str, replacement: str) -> Change:
    def change(files: dict[str, File]) -> None:
        text, count = re.subn(pattern, replacement, files[path].content, flags=re.MULTILINE)
        assert count, f"{pattern} is not in {path}"
        files[path] = replace(files[path], content=text)

    return change


def config(path: str, load: Callable[[str], Any], dump: Callable[[Any], str], alter: Callable[[Any], object]) -> Change:
    def change(files: dict[str, File]) -> None:
        content = load(files[path].content)
        alter(content)
        files[path] = replace(files[path], content=dump(content))

    return change


def k3s(alter: Callable[[Any], object]) -> Change:
    return config(K3S_CONFIG, yaml.safe_load, yaml.safe_dump, alter)


def k3s_set(**values: Any) -> Change:
    return k3s(lambda content: content.update({key.replace("_", "-"): value for key, value in values.items()}))


def joins(addresses: str) -> Change:
    return sub(NODE_ENV, "^JOIN_ADDRESSES=.*", f"JOIN_ADDRESSES={addresses}")


def k3s_lacks(key: str) -> Change:
    return k3s(lambda content: content.pop(key))


def cilium(alter: Callable[[Any], object]) -> Change:
    return config(CILIUM_VALUES, yaml.safe_load, yaml.safe_dump, alter)


def kit(alter: Callable[[Any], object]) -> Change:
    return config(KIT, json.loads, json.dumps, lambda content: alter(content["items"]))


def mode(path: str, bits: int) -> Change:
    return lambda files: files.update({path: replace(files[path], mode=bits)})


def content(path: str, text: str) -> Change:
    return lambda files: files.update({path: File(text)})


def other_authority(files: dict[str, File]) -> None:
    """The certificate of one authority where another's is expected."""
    files[f"{TLS}server-ca.crt"] = files[f"{TLS}client-ca.crt"]


@dataclass(frozen=True)
class Case:
    """A change to a server's files, and a part of the sentence that it leads to."""

    name: str
    server: str
    change: Change
    sentence: str


CASES = [
    # files, units, scripts
    Case("node.env", FIRST, without(NODE_ENV), f"{NODE_ENV} is not written"),
    Case("k3s' configuration", WORKER, without(K3S_CONFIG), f"{K3S_CONFIG} is not written"),
    Case("k3s' unit", FIRST, without(f"{UNITS}k3s.service"), "k3s.service is not written"),
    Case("the agent's unit", WORKER, without(f"{UNITS}k3s-agent.service"), "k3s-agent.service is not written"),
    Case(
        "the metadata service's unit",
        WORKER,
        without(f"{UNITS}catalyst-metadata-blackhole.service"),
        "catalyst-metadata-blackhole.service is not written",
    ),
    Case("the library", FIRST, without(f"{SCRIPTS}lib.sh"), "lib.sh is not written"),
    Case("the node's script", WORKER, without(f"{SCRIPTS}bootstrap-node.sh"), "bootstrap-node.sh is not written"),
    Case("the cluster's script", FIRST, without(f"{SCRIPTS}bootstrap-cluster.sh"), "bootstrap-cluster.sh is not"),
    Case("what k3s' unit starts", WORKER, without(f"{SCRIPTS}resolv-conf.sh"), "resolv-conf.sh is not written"),
    Case(
        "what a timer starts", JOINING, mode(f"{SCRIPTS}renew-certificates.sh", 0o644), "renew-certificates.sh is not"
    ),
    Case("what is fetched ahead", FIRST, without(f"{SCRIPTS}download-ahead.sh"), "download-ahead.sh is not written"),
    Case("a script's mode", WORKER, mode(f"{SCRIPTS}bootstrap-node.sh", 0o644), "not executable (mode 0644)"),
    Case(
        "the cluster's script is not started",
        FIRST,
        sub(f"{UNITS}catalyst-bootstrap.service", r"^ExecStart=.*bootstrap-cluster.sh\n", ""),
        "catalyst-bootstrap.service starts /usr/local/lib/catalyst/bootstrap-node.sh, not",
    ),
    Case("k3s as agent", FIRST, sub(f"{UNITS}k3s.service", "k3s server", "k3s agent"), "does not start"),
    Case("a step", FIRST, sub(f"{SCRIPTS}bootstrap-cluster.sh", r"^step flux .*\n", ""), "has no step flux"),
    Case("an unknown step", FIRST, sub(f"{SCRIPTS}bootstrap-cluster.sh", r"\Z", "\nstep dns set_up\n"), "a step dns"),
    Case(
        "a step of the node", WORKER, sub(f"{SCRIPTS}bootstrap-node.sh", r"^step k3s-start.*", ""), "no step k3s-start"
    ),
    Case(
        "no default class",
        FIRST,
        sub(f"{SCRIPTS}bootstrap-cluster.sh", "is-default-class=true", "is-default-class=false"),
        "no StorageClass the default one",
    ),
    # what every node is told
    Case("another name", WORKER, sub(NODE_ENV, "^NODE_NAME=.*", "NODE_NAME='x'"), "NODE_NAME in node.env is 'x'"),
    Case("another address", WORKER, sub(NODE_ENV, "^NODE_IP=.*", "NODE_IP='10.9.9.9'"), "node.env says '10.9.9.9'"),
    Case("no address", FIRST, k3s_lacks("node-ip"), "node-ip in k3s' configuration is ''"),
    # servers
    Case("flannel", FIRST, k3s_lacks("flannel-backend"), "flannel-backend is not none"),
    Case("flannel on a joining one", JOINING, k3s_set(flannel_backend="vxlan"), "flannel-backend is not none"),
    Case("network policies", FIRST, k3s_lacks("disable-network-policy"), "disable-network-policy is not true"),
    Case("kube-proxy", JOINING, k3s_set(disable_kube_proxy=False), "disable-kube-proxy is not true"),
    Case("traefik", FIRST, k3s_set(disable=["servicelb"]), "traefik is not disabled"),
    Case("servicelb", FIRST, k3s_lacks("disable"), "servicelb is not disabled"),
    Case("local-storage", FIRST, k3s(lambda c: c["disable"].append("local-storage")), "local-storage is disabled"),
    Case("no name", FIRST, k3s_lacks("tls-san"), "no tls-san"),
    Case("the name alone", FIRST, k3s_set(tls_san=["other.example"]), "is not <name in tls-san>-bootstrap-kit"),
    Case(
        "a token of the old kind",
        FIRST,
        k3s_set(token="secret"),
        "token in k3s' configuration is not K10<hash>::server",
    ),
    Case(
        "no token for agents",
        FIRST,
        k3s_lacks("agent-token"),
        "agent-token in k3s' configuration is not K10<hash>::node",
    ),
    # joining
    Case("nobody to join", WORKER, joins("''"), "there is nobody to join"),
    Case("no address to join", WORKER, joins("'10.0.1.10 first'"), "not the addresses of control planes"),
    Case("itself to join", JOINING, joins("'10.0.1.10 10.0.1.11'"), "names the server itself"),
    Case("a choice made beforehand", WORKER, k3s_set(server="https://10.0.1.10:6443"), "to choose, at each start"),
    Case("nobody who chooses", WORKER, without(f"{SCRIPTS}choose-server.sh"), "choose-server.sh is not written"),
    Case(
        "a choice that is not made",
        JOINING,
        sub(f"{UNITS}k3s.service", "^ExecStartPre=.*server.sh", ""),
        "whom to join",
    ),
    Case("a beginning and a joining", JOINING, k3s_set(cluster_init=True), "cluster-init on a server that joins"),
    Case("neither", JOINING, sub(NODE_ENV, "^JOIN_ADDRESSES=.*", ""), "neither cluster-init nor JOIN_ADDRESSES"),
    Case("no beginning", FIRST, k3s_lacks("cluster-init"), "neither cluster-init nor JOIN_ADDRESSES"),
    Case("a worker's token", WORKER, k3s_lacks("token"), "token in k3s' configuration is not K10<hash>::node"),
    # authorities
    Case("a CA file", FIRST, without(f"{TLS}etcd/peer-ca.key"), "CA files are missing: etcd/peer-ca.key"),
    Case("the service accounts' key", FIRST, without(f"{TLS}service.key"), "CA files are missing: service.key"),
    Case(
        "a certificate that is none", FIRST, content(f"{TLS}client-ca.crt", "x"), "client-ca: certificate or key cannot"
    ),
    Case("another authority's", FIRST, other_authority, "server-ca: the key is not the certificate's"),
    Case(
        "not the tokens' authority",
        FIRST,
        other_authority,
        "the hash in agent-token is not the sha256 of server-ca.crt",
    ),
    Case("a service key that is none", FIRST, content(f"{TLS}service.key", "x"), "service.key: it is no key"),
    # downloads
    Case("a version", WORKER, sub(NODE_ENV, "^K3S_VERSION=.*", ""), "K3S_VERSION is missing in node.env"),
    Case("an address", FIRST, sub(NODE_ENV, "^FLUX_URL=.*", "FLUX_URL=''"), "FLUX_URL is missing in node.env"),
    Case(
        "nothing to check with",
        FIRST,
        sub(NODE_ENV, "^CILIUM_CHECKSUMS_URL=.*", ""),
        "neither CILIUM_SHA256 nor CILIUM_CHECKSUMS_URL",
    ),
    Case(
        "a Flux whose CRDs are not here",
        FIRST,
        sub(NODE_ENV, "^FLUX_VERSION=.*", "FLUX_VERSION='v2.3.0'"),
        "node.env has Flux v2.3.0, and the lab the CRDs of v2.4.0",
    ),
    # Cilium
    Case("no values", FIRST, without(CILIUM_VALUES), f"{CILIUM_VALUES} is not written"),
    Case("no replacement", FIRST, cilium(lambda c: c.pop("kubeProxyReplacement")), "kubeProxyReplacement in"),
    Case("another port", FIRST, cilium(lambda c: c.update(k8sServicePort=6443)), "is 6443, not 6444"),
    Case("no gateway", FIRST, cilium(lambda c: c.pop("gatewayAPI")), "gatewayAPI.enabled"),
    # manifests and kit
    Case("a manifest", FIRST, content(f"{MANIFESTS}10-a.yaml", "a: ["), "boot manifest 2 is not YAML"),
    Case("a manifest of nothing", FIRST, content(f"{MANIFESTS}10-a.yaml", "a: b"), "no Kubernetes object"),
    Case("no kit", FIRST, without(KIT), "has no GitRepository"),
    Case("no Kustomization", FIRST, kit(lambda items: items.pop(1)), "has no Kustomization"),
    Case("another source", FIRST, kit(lambda items: items[0]["metadata"].update(name="x")), "sourceRef does not name"),
    Case("no repository", FIRST, kit(lambda items: items[0]["spec"].pop("url")), "the GitRepository has no url"),
    Case("another kit", FIRST, sub(NODE_ENV, "^KIT_NAME=.*", "KIT_NAME='x'"), "the Kustomization has another name"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_thing_that_is_wrong_is_told(configs: Mapping[str, CloudConfig], case: Case) -> None:
    """Whoever breaks the module finds the cause in the server's log, not in a cluster that is silent."""
    files = dict(configs[case.server].files)
    case.change(files)
    found = judged(replace(configs[case.server], files=files), case.server)
    assert any(case.sentence in sentence for sentence in found), found


def test_a_server_that_starts_nothing_is_told(configs: Mapping[str, CloudConfig]) -> None:
    """Files alone do nothing."""
    for commands in (
        (),
        (("systemctl", "enable", "catalyst-bootstrap.service"),),
        (("echo", "catalyst-bootstrap.service"),),
    ):
        found = judged(replace(configs[WORKER], commands=commands), WORKER)
        assert found == ["runcmd does not start catalyst-bootstrap.service: nothing would happen on the server"]


def test_no_secret_is_in_a_sentence(configs: Mapping[str, CloudConfig]) -> None:
    """They go to logs."""
    boot = first_boot.FirstBoot(configs[FIRST], {}, yaml.safe_load(configs[FIRST].text(K3S_CONFIG)))
    secrets = [str(boot.k3s["token"]), str(boot.k3s["agent-token"]), *boot.ca_files.values()]
    for case in CASES:
        files = dict(configs[case.server].files)
        case.change(files)
        told = " ".join(judged(replace(configs[case.server], files=files), case.server))
        assert not any(secret in told for secret in secrets), case.name
    assert not any(secret in repr(boot) for secret in secrets)
