"""How a cluster was lost once, replayed on a real API server, and refused by the gate before it could happen.

First boot installed Flux 2.4.0, whose source-controller stores Buckets as v1. The kit's bp-flux 1.1.1 wrapped flux2
2.13.0, which is Flux 2.3.0: its CRD has Buckets as v1beta1 and v1beta2 only. Helm could not put the one over the other,
and rolled back by deleting Flux.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import yaml

from catalyst_operator.core.kit import pins, releases
from catalyst_operator.core.kit.pin_sites import CILIUM, FLUX
from catalyst_operator.core.kit.releases import ReleaseCatalogue
from tests.integration.apiserver import Api, ApiError, ApiServer
from tests.integration.conftest import CRDS
from tests.integration.flux import _crds
from tests.integration.new_cluster import wait_until
from tests.integration.tofu import OpenTofu
from tests.support import pin_gate
from tests.support.paths import REPOSITORY

pytestmark = pytest.mark.integration

BUCKETS = f"{CRDS}/buckets.source.toolkit.fluxcd.io"
STORED = "/apis/source.toolkit.fluxcd.io/v1/namespaces/default/buckets"
BUCKET = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "Bucket",
    "metadata": {"name": "charts", "namespace": "default"},
    "spec": {"bucketName": "charts", "endpoint": "s3.example", "interval": "5m"},
}
REFUSAL = re.compile(r'status\.storedVersions\[0\]: Invalid value: "v1": (must appear in|missing from) spec\.versions')
"""The words of Kubernetes 1.31, which docs/runbook.md quotes; newer API servers say the same at greater length."""
ROWS = (REPOSITORY / pins.ROWS).read_text(encoding="utf-8")
INCIDENT = ROWS.replace("bp-flux: 1.1.2\n", "bp-flux: 1.1.1\n")
"""Everybody agrees on bp-flux 1.1.1, and only its metadata tells what that brings."""


@pytest.fixture(scope="module")
def tofu(tmp_path_factory: pytest.TempPathFactory) -> OpenTofu:
    return OpenTofu.without_provider(tmp_path_factory.mktemp("tofu"))


@pytest.fixture(scope="module")
def booted(apiserver: ApiServer) -> Iterator[Api]:
    """An API server with a Flux that stores its Buckets as v1, and one of them."""
    api = apiserver.api
    [file] = [file for file in _crds() if file.name == "source.toolkit.fluxcd.io_buckets.yaml"]
    api.create(CRDS, yaml.safe_load(file.read_text("utf-8")))
    wait_until(lambda: api.create(STORED, BUCKET), "Buckets are served")
    yield api
    api.delete(BUCKETS)


def test_the_api_server_refuses_the_older_schema_as_the_seeds_tell(booted: Api) -> None:
    """What the gate is there to prevent is real."""
    installed = booted.get(BUCKETS)
    assert installed["status"]["storedVersions"] == ["v1"]
    schema, *before = installed["spec"]["versions"]
    assert (schema["name"], [version["name"] for version in before]) == ("v1", ["v1beta1", "v1beta2"])
    older = [before[0], {**before[1], "storage": True}]
    with pytest.raises(ApiError, match=REFUSAL):
        booted.patch(BUCKETS, {"spec": {"versions": older}})
    assert booted.get(f"{STORED}/charts")["spec"]["endpoint"] == "s3.example"


def test_the_api_server_takes_a_schema_that_keeps_the_stored_version(booted: Api) -> None:
    """The refusal is about the version that is missing, and not about changing a CRD."""
    schema, _, beta = booted.get(BUCKETS)["spec"]["versions"]
    same = [schema, beta]
    changed = booted.patch(BUCKETS, {"spec": {"versions": same}}, dryRun="All")
    assert changed["status"]["storedVersions"] == ["v1"]


def test_the_gate_refuses_just_that_combination(tofu: OpenTofu, capsys: pytest.CaptureFixture[str]) -> None:
    """By what a new cluster would really be told: the rendered cloud-init, and the kit after substitution."""
    assert INCIDENT != ROWS
    assert pin_gate.disagreements(releases.parse(INCIDENT), tofu) > 0
    printed = capsys.readouterr().out
    assert "boots Flux 2.4.0, but its bp-flux 1.1.1 wraps flux2 2.13.0, which is Flux 2.3.0" in printed
    assert "brings Flux 2.3.0 by bp-flux 1.1.1, over the 2.4.0 that cloud-init boots" in printed
    assert "refused 2026-04: Flux: the kit brings the version that booted" in printed
    assert "ok      2026-04: Cilium: the kit brings the version that booted" in printed


def test_the_gate_passes_what_is_shipped(tofu: OpenTofu, capsys: pytest.CaptureFixture[str]) -> None:
    """With a line for every check, so that nobody has to believe that something was compared."""
    catalogue: ReleaseCatalogue = releases.load()
    assert pin_gate.disagreements(catalogue, tofu) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.endswith("the kit brings the version that booted")]) == 2 * len(
        catalogue.releases
    )
    assert all(line.startswith("ok ") for line in lines)


def test_the_command_tells_by_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make verify` goes by it."""
    assert pin_gate.main() == 0
    monkeypatch.setattr(releases, "load", lambda: releases.parse(INCIDENT))
    assert pin_gate.main() == 1


def test_what_is_compared_is_what_the_node_is_told(tofu: OpenTofu) -> None:
    """A mirror changes where a node fetches from, and that is what the gate has to see."""
    release = releases.load().get()
    flux = release.downloads.flux.model_copy(update={"url": "https://mirror.example/v2.4.0/install.yaml"})
    mirrored = release.model_copy(update={"downloads": release.downloads.model_copy(update={"flux": flux})})
    rendered = pin_gate.rendered(mirrored, tofu)
    assert rendered.node_env["FLUX_URL"] == flux.url
    assert rendered.node_env["KIT_NAME"] == "acme.omani.works-bootstrap-kit"
    assert rendered.kit[FLUX.chart].version == release.kit[FLUX.chart]
    assert rendered.kit[CILIUM.chart].values["cilium"] == rendered.cilium_values
    assert pin_gate.node_env("A='it'\\''s'\nB=''\n") == {"A": "it's", "B": ""}
