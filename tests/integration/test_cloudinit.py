"""What each server is told at its first boot, as real OpenTofu renders it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.cloud_init import CA_FILES, TRUST, Boot, Rendered, render, sample
from tests.integration.tofu import MODULE, OpenTofu, find

pytestmark = pytest.mark.integration

TLS = "/var/lib/rancher/k3s/server/tls/"
CHOOSE = "/usr/local/lib/catalyst/choose-server.sh"
HOSTILE = [
    "plain",
    "",
    'it\'s "quoted" and \\ escaped',
    "$(touch /tmp/pwned) `touch /tmp/pwned` ${HOME} %{ if true }",
    "line\n- break: true\n---\n#cloud-config\nruncmd: [reboot]",
    "'; reboot; '",
    "tab\tbell\x07 delete\x7f separator\u2028 emoji \U0001f600 bom\ufeff",
    "EOF\nEOF",
]


@pytest.fixture(scope="module")
def tofu(tmp_path_factory: pytest.TempPathFactory) -> OpenTofu:
    return OpenTofu.without_provider(tmp_path_factory.mktemp("tofu"))


@pytest.fixture(scope="module")
def rendered(tofu: OpenTofu) -> Rendered:
    return render(tofu, sample())


def sourced(boot: Boot, folder: Path) -> dict[str, str]:
    """node.env as bash understands it, in a shell that can do nothing else."""
    file = folder / "node.env"
    file.write_text(boot.files["/etc/catalyst/node.env"].text)
    shell = ["bash", "--norc", "-c", 'set -a; source "$1"; env -0', "bash", str(file)]
    out = subprocess.run(shell, env={"PATH": "/usr/bin:/bin"}, check=True, capture_output=True, text=True).stdout
    return dict(line.split("=", 1) for line in out.split("\0") if line)


def json_stream(text: str) -> Iterator[dict[str, Any]]:
    """JSON documents one after the other, as kubectl prints and reads them."""
    while text := text.lstrip():
        document, end = json.JSONDecoder().raw_decode(text)
        yield document
        text = text[end:]


def steps(script: str) -> list[str]:
    """The names of a script's steps, in their order."""
    lines = (MODULE / "scripts" / script).read_text().splitlines()
    return [line.split()[1] for line in lines if line.startswith("step ")]


@pytest.fixture(scope="module")
def later(tofu: OpenTofu) -> Rendered:
    """What a server would be told that is made, or made again, once the cluster stands."""
    return render(tofu, sample(cluster_started=True))


def joined_by(boot: Boot, folder: Path) -> list[str]:
    """The control planes that a node may join through."""
    unit = "k3s" if "agent-token" in boot.k3s_config else "k3s-agent"
    assert CHOOSE in boot.files[f"/etc/systemd/system/{unit}.service"].text, "it would not be told whom to join"
    assert boot.files[CHOOSE].mode == "0755"
    return sourced(boot, folder)["JOIN_ADDRESSES"].split()


def starts(boot: Boot) -> bool:
    """Whether a server begins a cluster: k3s begins one, too, where it is told of nobody to join."""
    assert "server" not in boot.k3s_config, "chosen at each start, and nowhere else"
    unit = boot.files.get("/etc/systemd/system/k3s.service")
    alone = unit is not None and CHOOSE not in unit.text
    assert alone == (boot.k3s_config.get("cluster-init") is True)
    return alone


def test_only_the_first_control_plane_initialises(rendered: Rendered, tmp_path: Path) -> None:
    assert [starts(boot) for boot in rendered.all] == [True, False, False, False, False]
    assert "JOIN_ADDRESSES" not in sourced(rendered.control_planes[0], tmp_path)


def test_once_the_cluster_stands_no_server_begins_one(later: Rendered, tmp_path: Path) -> None:
    """Control plane 0 made again with the same authorities and cluster-init would be a second cluster."""
    assert not any(starts(boot) for boot in later.all)
    for boot in later.all:
        assert not any(path.startswith(TLS) for path in boot.files), "joiners get the authorities by joining"
        assert "/etc/catalyst/kit.json" not in boot.files
        assert "bootstrap-cluster.sh" not in boot.files["/etc/systemd/system/catalyst-bootstrap.service"].text
        assert "KIT_NAME" not in sourced(boot, tmp_path)
    assert later.control_planes[0].k3s_config["token"] == sample()["server_token"]


def test_a_node_joins_through_any_control_plane_but_itself(rendered: Rendered, later: Rendered, tmp_path: Path) -> None:
    """Nobody could join while the one that all are told of is down."""
    first, second, third = "10.0.1.10", "10.0.1.11", "10.0.1.12"
    assert [joined_by(boot, tmp_path) for boot in later.control_planes] == [
        [second, third],
        [first, third],
        [first, second],
    ]
    for boot in [*later.workers, *rendered.workers]:
        assert joined_by(boot, tmp_path) == [first, second, third]
    assert [joined_by(boot, tmp_path) for boot in rendered.control_planes[1:]] == [[first, third], [first, second]]


def test_alone_and_made_again_there_is_nobody_to_join(tofu: OpenTofu, tmp_path: Path) -> None:
    """It waits for ever rather than begin another cluster; the gate never lets it come to that."""
    [boot] = render(tofu, sample(cluster_started=True, control_plane_sizes=["cx33"])).control_planes
    assert joined_by(boot, tmp_path) == []


def test_only_the_first_control_plane_has_the_ca_keys_and_starts_flux(rendered: Rendered) -> None:
    first, *others = rendered.all
    assert {path.removeprefix(TLS) for path in first.files if path.startswith(TLS)} == set(CA_FILES)
    assert "/etc/catalyst/kit.json" in first.files
    for boot in others:
        for path in ("/etc/catalyst/kit.json", "/usr/local/lib/catalyst/bootstrap-cluster.sh"):
            assert path not in boot.files
        assert not any(path.startswith(TLS) for path in boot.files)


def test_once_the_cluster_stands_servers_are_told_the_same_without_the_ca_keys(tofu: OpenTofu, later: Rendered) -> None:
    """So the operator gives them to no run after the first."""
    without = render(tofu, sample(cluster_started=True, ca_files={}))
    assert [boot.cloud_config for boot in without.all] == [boot.cloud_config for boot in later.all]


def test_ca_files_arrive_as_they_are(rendered: Rendered) -> None:
    written = rendered.control_planes[0].files
    for name, pem in sample()["ca_files"].items():
        assert written[TLS + name].text == pem


def test_a_worker_holds_the_agent_token_and_nothing_more_powerful(rendered: Rendered) -> None:
    variables = sample()
    for boot in rendered.workers:
        everything = boot.cloud_config + "".join(file.text for file in boot.files.values())
        assert boot.k3s_config["token"] == variables["agent_token"]
        assert variables["server_token"] not in everything
        assert not any(pem in everything for pem in variables["ca_files"].values())


def test_every_control_plane_knows_both_tokens(rendered: Rendered) -> None:
    """Each checks the nodes that join through it against its own copy."""
    for boot in rendered.control_planes:
        assert boot.k3s_config["token"] == sample()["server_token"]
        assert boot.k3s_config["agent-token"] == sample()["agent_token"]


def test_control_planes_run_k3s_with_the_flags_of_the_architecture(rendered: Rendered) -> None:
    for boot in rendered.control_planes:
        config = boot.k3s_config
        assert config["flannel-backend"] == "none"
        assert config["disable-network-policy"] is True
        assert config["disable-kube-proxy"] is True
        assert config["tls-san"] == ["acme.omani.works"]
        assert config["disable"] == ["traefik", "servicelb"], "local-storage must stay: the kit's volumes need a class"


def test_cilium_replaces_what_k3s_was_told_not_to_run(rendered: Rendered) -> None:
    values = yaml.safe_load(rendered.control_planes[0].files["/etc/catalyst/cilium-values.yaml"].text)
    assert values["kubeProxyReplacement"] is True
    assert values["ipam"]["mode"] == "kubernetes", "Cilium's own default range contains the private network"
    assert (values["k8sServiceHost"], values["k8sServicePort"]) == ("127.0.0.1", 6444)
    assert values["gatewayAPI"]["enabled"] is True


def test_nodes_have_the_names_and_addresses_that_the_servers_get(rendered: Rendered) -> None:
    assert [(boot.k3s_config["node-name"], boot.k3s_config["node-ip"]) for boot in rendered.all] == [
        ("acme-1a2b3-control-plane-0", "10.0.1.10"),
        ("acme-1a2b3-control-plane-1", "10.0.1.11"),
        ("acme-1a2b3-control-plane-2", "10.0.1.12"),
        ("acme-1a2b3-worker-0", "10.0.1.50"),
        ("acme-1a2b3-worker-1", "10.0.1.51"),
    ]


def test_flux_is_pointed_at_the_kit(rendered: Rendered) -> None:
    kit = rendered.control_planes[0].kit
    assert kit["GitRepository"]["metadata"] == {"name": "openova-public", "namespace": "flux-system"}
    assert kit["GitRepository"]["spec"]["url"] == "https://git.example.com/openova"
    assert kit["GitRepository"]["spec"]["ref"] == {"branch": "main"}
    assert not {"secretRef", "verify"} & set(kit["GitRepository"]["spec"])
    assert kit["Kustomization"]["metadata"]["name"] == "acme.omani.works-bootstrap-kit"
    assert kit["Kustomization"]["spec"]["path"] == "./clusters/_template/kit"
    assert kit["Kustomization"]["spec"]["sourceRef"] == {"kind": "GitRepository", "name": "openova-public"}


def test_the_kit_is_tried_again_and_waits_for_nobody(rendered: Rendered) -> None:
    """The operator follows the releases by itself; a Kustomization that waited would hold back every repair."""
    spec = rendered.control_planes[0].kit["Kustomization"]["spec"]
    assert (spec["wait"], spec["timeout"], spec["retryInterval"], spec["prune"]) == (False, "5m", "1m", True)


def test_a_private_signed_repository_and_components_reach_flux(tofu: OpenTofu) -> None:
    git = {
        **sample()["git"],
        "ref": {"tag": "v1.0.0"},
        "secret_name": "git-credentials",
        "components": ["../components/harbor"],
        "verify": {"mode": "Tag", "secret_name": "git-keys"},
    }
    kit = render(tofu, sample(git=git)).control_planes[0].kit
    assert kit["GitRepository"]["spec"]["ref"] == {"tag": "v1.0.0"}
    assert kit["GitRepository"]["spec"]["secretRef"] == {"name": "git-credentials"}
    assert kit["GitRepository"]["spec"]["verify"] == {"mode": "Tag", "secretRef": {"name": "git-keys"}}
    assert kit["Kustomization"]["spec"]["components"] == ["../components/harbor"]


def test_hostile_values_arrive_unchanged_and_as_data(tofu: OpenTofu, tmp_path: Path) -> None:
    values = {f"VALUE_{index}": text for index, text in enumerate(HOSTILE)}
    hostile: dict[str, Any] = {
        "kit_values": values,
        "git": {
            "url": "https://git.example.com/';reboot;'",
            "ref": {"branch": "a'$(reboot)"},
            "path": "./a'\"$(reboot)",
        },
        "registries_yaml": "mirrors: {}\n# '$(reboot)'\n# EOF\n",
        "boot_manifests": {"10-secret.yaml": "\n".join(HOSTILE)},
    }
    plain, boot = (render(tofu, sample(**changes)).control_planes[0] for changes in ({}, hostile))
    assert boot.kit["Kustomization"]["spec"]["postBuild"]["substitute"] == values
    assert boot.kit["Kustomization"]["spec"]["path"] == hostile["git"]["path"]
    assert boot.kit["GitRepository"]["spec"]["ref"] == hostile["git"]["ref"]
    assert boot.files["/etc/rancher/k3s/registries.yaml"].text == hostile["registries_yaml"]
    assert boot.files["/etc/catalyst/manifests/10-secret.yaml"].text == hostile["boot_manifests"]["10-secret.yaml"]
    assert boot.document["runcmd"] == plain.document["runcmd"]
    assert sourced(boot, tmp_path) == sourced(plain, tmp_path), "no value of theirs reaches a shell"


def test_scripts_are_told_every_download_with_its_check(rendered: Rendered, tmp_path: Path) -> None:
    told = sourced(rendered.control_planes[0], tmp_path)
    for name, download in sample()["release"]["downloads"].items():
        assert told[f"{name.upper()}_VERSION"] == download["version"]
        assert told[f"{name.upper()}_URL"] == download["url"]
        assert told[f"{name.upper()}_SHA256"] == (download["sha256"] or "")
        assert told[f"{name.upper()}_CHECKSUMS_URL"] == (download["checksums_url"] or "")


def test_scripts_name_no_version_and_no_vendor_of_their_own() -> None:
    """A pin in a script would not move with the release, and no mirror would catch it."""
    for script in (MODULE / "scripts").glob("*.sh"):
        assert not re.search(r"https://[^$%]", script.read_text()), script.name


def test_scripts_arrive_without_their_comments_and_otherwise_as_they_are(rendered: Rendered) -> None:
    """Comments would be a third of what travels; who reads scripts finds them in the repository."""
    arrived = {path.rpartition("/")[2]: file.text for boot in rendered.all for path, file in boot.files.items()}
    for script in (MODULE / "scripts").glob("*.sh"):
        lines = [line for line in script.read_text().splitlines() if not line.lstrip().startswith("# ")]
        assert arrived[script.name].splitlines() == lines


def test_who_starts_what(rendered: Rendered, tmp_path: Path) -> None:
    for boot, unit in [(rendered.control_planes[0], "k3s.service"), (rendered.workers[0], "k3s-agent.service")]:
        assert sourced(boot, tmp_path)["K3S_SERVICE"] == unit
        assert f"/etc/systemd/system/{unit}" in boot.files
    unit = rendered.control_planes[0].files["/etc/systemd/system/catalyst-bootstrap.service"].text
    assert unit.index("bootstrap-node.sh") < unit.index("bootstrap-cluster.sh")
    assert (
        "bootstrap-cluster.sh" not in rendered.workers[0].files["/etc/systemd/system/catalyst-bootstrap.service"].text
    )


def test_registries_are_configured_only_when_asked_for(rendered: Rendered, tofu: OpenTofu) -> None:
    mirrors = "mirrors:\n  docker.io:\n    endpoint: ['https://harbor.bank.example']\n"
    for boot in render(tofu, sample(registries_yaml=mirrors)).all:
        assert boot.files["/etc/rancher/k3s/registries.yaml"].text == mirrors
    for boot in rendered.all:
        assert "/etc/rancher/k3s/registries.yaml" not in boot.files


AUTHORITIES = [TRUST.files[f"{name}-ca.crt"] for name in ("server", "client")]
PROXY = {"url": "http://proxy.example:3128", "exceptions": [".corp.example", "192.0.2.0/24"]}


def test_servers_trust_authorities_and_go_through_a_proxy_when_told(rendered: Rendered, tofu: OpenTofu) -> None:
    for boot in render(tofu, sample(trusted_authorities=AUTHORITIES, proxy=PROXY)).all:
        for index, pem in enumerate(AUTHORITIES):
            assert boot.files[f"/usr/local/share/ca-certificates/catalyst-{index:02}.crt"].text == pem
        assert boot.document["runcmd"][0] == ["update-ca-certificates"], "before anything is fetched"
        told = dict(line.split("=", 1) for line in boot.files["/etc/catalyst/proxy.env"].text.splitlines())
        assert told["https_proxy"] == told["HTTPS_PROXY"] == told["http_proxy"] == PROXY["url"]
        own = {
            "127.0.0.0/8",
            "169.254.169.254",
            "10.0.0.0/16",
            "10.42.0.0/16",
            "10.43.0.0/16",
            ".svc",
            sample()["fqdn"],
        }
        assert own | set(PROXY["exceptions"]) <= set(told["no_proxy"].split(","))
        (service,) = {"k3s.service", "k3s-agent.service"} & {path.rpartition("/")[2] for path in boot.files}
        for unit in ("catalyst-.service", service):
            drop_in = boot.files[f"/etc/systemd/system/{unit}.d/10-proxy.conf"].text
            assert drop_in == "[Service]\nEnvironmentFile=/etc/catalyst/proxy.env\n"


def test_without_them_servers_are_told_what_they_were_always_told(rendered: Rendered, tofu: OpenTofu) -> None:
    """Byte for byte: what is added stands in lines of its own, and without it the lines are the old ones."""
    everything = sample(trusted_authorities=AUTHORITIES, proxy=PROXY, registries_yaml="mirrors: {}\n")
    new = ("/usr/local/share/ca-certificates/", "10-proxy.conf", "/etc/catalyst/proxy.env", "registries.yaml")
    for plain, more in zip(rendered.all, render(tofu, everything).all, strict=True):
        head, *entries = more.cloud_config.split("  - path: ")
        kept = [entry for entry in entries if not any(word in entry.split("\n", 1)[0] for word in new)]
        text = "  - path: ".join([head, *kept]).replace("  - [update-ca-certificates]\n", "")
        assert text == plain.cloud_config
        assert not any(word in plain.cloud_config for word in (*new, "update-ca-certificates"))


def test_secrets_are_readable_by_root_only(rendered: Rendered) -> None:
    """What is not a program or a unit is taken for a secret, so that a new file is private until somebody decides."""
    public = ("/usr/local/lib/catalyst/", "/etc/systemd/", "/etc/sysctl.d/")
    for boot in rendered.all:
        assert {
            path for path, file in boot.files.items() if file.mode != "0600" and not path.startswith(public)
        } == set()


def test_programs_can_be_run(rendered: Rendered) -> None:
    for boot in rendered.all:
        unit = boot.files["/etc/systemd/system/catalyst-bootstrap.service"].text
        started = [
            line.removeprefix("ExecStart=") for line in unit.splitlines() if line.startswith("ExecStart=/usr/local")
        ]
        assert started
        for path in [*started, "/usr/local/lib/catalyst/await-private-address.sh"]:
            assert boot.files[path].mode == "0755"
            assert boot.files[path].text.startswith("#!/bin/bash\n")


def test_no_two_files_have_one_path(rendered: Rendered) -> None:
    for boot in rendered.all:
        paths = [file["path"] for file in boot.document["write_files"]]
        assert len(paths) == len(set(paths))


def test_what_is_fetched_ahead_is_what_is_needed_later_and_where() -> None:
    """Else it would be fetched twice, and be used at another place than it lies."""
    fetched = {
        name: set(re.findall(r"fetch ([A-Z_]+ \S+)", (MODULE / "scripts" / name).read_text()))
        for name in ("download-ahead.sh", "bootstrap-cluster.sh")
    }
    assert fetched["download-ahead.sh"] == fetched["bootstrap-cluster.sh"]
    assert len(fetched["download-ahead.sh"]) == 4


def test_only_the_server_that_starts_the_cluster_fetches_ahead(rendered: Rendered) -> None:
    first, *others = rendered.all
    unit = "/etc/systemd/system/catalyst-downloads.service"
    assert "download-ahead.sh" in first.files[unit].text
    assert first.files["/usr/local/lib/catalyst/download-ahead.sh"].mode == "0755"
    assert unit in (MODULE / "scripts/bootstrap-node.sh").read_text()
    assert not any(unit in boot.files for boot in others)


def test_programs_know_where_they_may_keep_what_they_need(rendered: Rendered) -> None:
    """helm and kubectl have caches; without a home kubectl makes its own at the root."""
    for boot in rendered.all:
        units = {path: file.text for path, file in boot.files.items() if re.search(r"/catalyst-\w+\.service$", path)}
        assert len(units) >= 2
        assert [path for path, text in units.items() if "\nEnvironment=HOME=/root\n" not in text] == []


def test_the_journal_takes_no_more_than_a_gibibyte(rendered: Rendered) -> None:
    """From the first boot on: journald reads its settings when it starts."""
    for boot in rendered.all:
        assert "\nSystemMaxUse=1G\n" in boot.files["/etc/systemd/journald.conf.d/90-catalyst.conf"].text
        assert ["systemctl", "try-restart", "--no-block", "systemd-journald.service"] in boot.document["runcmd"]


def test_pods_get_name_servers_at_each_start_of_k3s_that_may_not_depend_on_it(rendered: Rendered) -> None:
    for boot in rendered.all:
        unit = next(file.text for path, file in boot.files.items() if re.search(r"/k3s(-agent)?\.service$", path))
        assert "\nExecStartPre=-/usr/local/lib/catalyst/resolv-conf.sh\n" in unit
        assert boot.files["/usr/local/lib/catalyst/resolv-conf.sh"].mode == "0755"


def renewal_time(boot: Boot) -> str:
    """When a node looks at its certificates."""
    text = boot.files["/etc/systemd/system/catalyst-certificates.timer"].text
    [time] = re.findall(r"^OnCalendar=\*-\*-\* (\d\d:\d\d):00 UTC$", text, re.MULTILINE)
    assert "Persistent=no" in text, "a time that is made up for could be another node's"
    assert ["systemctl", "enable", "--now", "--no-block", "catalyst-certificates.timer"] in boot.document["runcmd"]
    assert boot.files["/usr/local/lib/catalyst/renew-certificates.sh"].mode == "0755"
    return str(time)


def test_no_two_nodes_look_at_their_certificates_at_one_time(tofu: OpenTofu, rendered: Rendered) -> None:
    """Of the largest cluster that there may be, and all on one day; a server that comes later has a time of its own."""
    everybody = render(tofu, sample(worker_sizes=["cx33"] * 90)).all
    times = [renewal_time(boot) for boot in everybody]
    assert len(set(times)) == 93
    assert times[:4] == ["00:00", "00:15", "00:30", "00:45"]
    assert sorted(times) == times and times[-1] == "23:00"
    assert [renewal_time(boot) for boot in rendered.all] == times[:5]
    [alone] = render(tofu, sample(control_plane_sizes=["cx33"], worker_sizes=["cx33"])).workers
    assert renewal_time(alone) == renewal_time(rendered.workers[0])


def test_nothing_runs_before_the_metadata_service_is_closed() -> None:
    order = steps("bootstrap-node.sh")
    assert order.index("private-network") < order.index("metadata-service") < order.index("k3s-start")


def test_the_metadata_service_stays_closed_at_every_boot(rendered: Rendered) -> None:
    for boot in rendered.all:
        unit = boot.files["/etc/systemd/system/catalyst-metadata-blackhole.service"].text
        assert "ip route replace blackhole 169.254.169.254/32" in unit
        assert "WantedBy=multi-user.target" in unit
        name = "k3s-agent" if boot in rendered.workers else "k3s"
        k3s = boot.files[f"/etc/systemd/system/{name}.service"].text
        assert "Requires=catalyst-metadata-blackhole.service" in k3s


def test_the_cluster_is_built_in_the_only_order_that_works() -> None:
    """No Pod without a network, no gateway without its CRDs, no volume without a class, no kit without Flux."""
    order = steps("bootstrap-cluster.sh")
    assert order.index("gateway-api") < order.index("cilium") < order.index("flux") < order.index("kit")
    assert order.index("storage-class") < order.index("flux")


def test_the_operator_may_look_before_anything_can_get_stuck(rendered: Rendered) -> None:
    """Or a network that does not come up would only ever be told as "the cluster refuses the operator"."""
    order = steps("bootstrap-cluster.sh")
    assert order[:2] == ["api", "boot-manifests"]
    manifests = [path for path in rendered.control_planes[0].files if path.startswith("/etc/catalyst/manifests/")]
    assert manifests == ["/etc/catalyst/manifests/00-namespace.yaml"]
    namespace = yaml.safe_load(rendered.control_planes[0].files[manifests[0]].text)
    assert (namespace["kind"], namespace["metadata"]["name"]) == ("Namespace", "flux-system")


def test_helm_can_adopt_what_boot_installs(tmp_path: Path) -> None:
    manifests = tmp_path / "install.yaml"
    manifests.write_text(
        yaml.safe_dump_all(
            [
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}},
                {
                    "apiVersion": "apiextensions.k8s.io/v1",
                    "kind": "CustomResourceDefinition",
                    "metadata": {"name": "a.b", "labels": {"app.kubernetes.io/managed-by": "somebody"}},
                },
                {
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "metadata": {"name": "helm-controller", "namespace": "flux-system"},
                    "spec": {"replicas": 1},
                },
            ]
        )
    )
    script = 'set -euo pipefail; source "$1"; as_helm_release flux flux-system "$2"'
    shell = ["bash", "-c", script, "bash", str(MODULE / "scripts/lib.sh"), str(manifests)]
    path = {"PATH": f"{find('kubectl').parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    marked = subprocess.run(shell, env=path, check=True, capture_output=True, text=True).stdout
    objects = list(json_stream(marked))
    assert [one["kind"] for one in objects] == ["Namespace", "CustomResourceDefinition", "Deployment"]
    for one in objects:
        assert one["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"
        assert one["metadata"]["annotations"]["meta.helm.sh/release-name"] == "flux"
        assert one["metadata"]["annotations"]["meta.helm.sh/release-namespace"] == "flux-system"
    assert objects[2]["spec"] == {"replicas": 1}
