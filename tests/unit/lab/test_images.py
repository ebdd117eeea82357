"""Both definitions of the operator's image, the Dockerfile for users and the lab's layers, say the same."""

from __future__ import annotations

import io
import json
import re
import shlex
import tarfile
from pathlib import Path

import pytest

from e2e.lab import images, layers, oci, toolchain
from e2e.lab.layout import REPOSITORY

FOLDER = REPOSITORY / "deploy" / "images"
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, arguments), continuation lines joined."""
    text = (FOLDER / "Dockerfile").read_text().replace("\\\n", " ")
    lines = (line.strip() for line in text.splitlines())
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines if line and not line.startswith("#")]


def last_stage() -> list[tuple[str, str]]:
    all_of_them = instructions()
    start = max(index for index, (name, _) in enumerate(all_of_them) if name == "FROM")
    return all_of_them[start:]


def arguments(name: str) -> list[str]:
    return [rest for instruction, rest in last_stage() if instruction == name]


def versions() -> dict[str, str]:
    lines = (FOLDER / "versions.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_environment_is_the_same() -> None:
    (environment,) = arguments("ENV")
    assert sorted(shlex.split(environment)) == sorted(images.OPERATOR_CONFIG["Env"])


def test_user_is_the_same_and_not_root() -> None:
    assert arguments("USER") == [images.OPERATOR_CONFIG["User"]] == ["65534:65534"]


def test_entry_point_is_the_same() -> None:
    assert [json.loads(entry) for entry in arguments("ENTRYPOINT")] == [images.OPERATOR_CONFIG["Entrypoint"]]


def test_contents_lie_in_the_same_places() -> None:
    copied = {words.split()[-1] for words in arguments("COPY")}
    assert copied == {
        layers.TOFU_PATH,
        layers.PROVIDERS_PATH,
        layers.TOFU_RC_PATH,
        layers.MODULE_PATH,
        layers.KIT_PATH,
        layers.PYTHON_PATH,
    }


def test_the_mirror_that_is_allowed_is_the_one_in_the_image() -> None:
    allowed = re.findall(r'^\s*path\s*=\s*"([^"]+)"', layers.TOFU_RC.read_text(), re.MULTILINE)
    assert allowed == [layers.PROVIDERS_PATH]
    assert "direct" not in layers.TOFU_RC.read_text()


def test_no_program_gives_rights_in_either_image() -> None:
    taken = "-xdev -type f -perm /6000 -exec chmod a-s {} +"
    assert any(taken in rest for name, rest in instructions() if name == "RUN")
    assert taken in Path(layers.__file__).read_text()


def test_python_is_compiled_the_same_way() -> None:
    compiled = [rest for name, rest in instructions() if name == "RUN" and "compileall" in rest]
    assert len(compiled) == 2
    assert all("--invalidation-mode unchecked-hash" in rest for rest in compiled)
    assert "--invalidation-mode unchecked-hash" in layers.COMPILE


def test_every_version_is_used_and_none_is_written_into_the_dockerfile() -> None:
    declared = {rest.split("=")[0] for name, rest in instructions() if name == "ARG"}
    assert declared == {*versions(), "TOFU_PROVIDER_MIRROR"}
    external = [rest for name, rest in instructions() if name == "FROM" and "$" in rest]
    assert external == [
        "${TOFU_IMAGE}:${TOFU_TAG}${TOFU_DIGEST} AS tofu",
        "${DEBIAN_IMAGE}:${DEBIAN_TAG}${DEBIAN_DIGEST} AS base",
    ]


@pytest.mark.parametrize("name", ["DEBIAN_DIGEST", "TOFU_DIGEST"])
def test_a_digest_is_resolved_or_empty(name: str) -> None:
    digest = versions()[name]
    assert digest == "" or DIGEST.fullmatch(digest)


@pytest.mark.parametrize("script", ["module-layer", "lock-provider"])
def test_a_provider_that_nobody_signed_is_never_taken_from_the_registry(script: str) -> None:
    """OpenTofu takes one by default, as long as its registry knows no key."""
    text = (FOLDER / script).read_text()
    before, fetch, _ = re.split(r"(tofu -chdir=\S+ (?:init|providers lock))", text, maxsplit=1)
    assert fetch
    assert "OPENTOFU_ENFORCE_GPG_VALIDATION=true" in before


def test_no_stage_decides_for_an_architecture() -> None:
    """A default for TARGETARCH wins over what docker's buildx sets: arm64 images got the provider for amd64."""
    assert "TARGETARCH" not in (FOLDER / "Dockerfile").read_text() + (FOLDER / "module-layer").read_text()
    assert "platform=linux_$(dpkg --print-architecture)" in (FOLDER / "module-layer").read_text()


def test_users_and_the_lab_get_the_same_versions() -> None:
    assert versions()["TOFU_TAG"] == f"{toolchain.TOFU.version}-minimal"
    assert versions()["HCLOUD_PROVIDER_VERSION"] == toolchain.PROVIDER_VERSION
    assert versions()["DEBIAN_TAG"].startswith("bookworm")


def test_tools_are_what_their_modules_pin() -> None:
    for tool in (*toolchain.BINARIES, toolchain.SYFT):
        module = re.escape(tool.packages[0].split("/cmd/")[0])
        assert re.search(rf"\b{module} v{re.escape(tool.version)}\b", (tool.folder / "go.mod").read_text()), tool.name


def test_a_layer_does_not_depend_on_who_wrote_it_and_when(tmp_path: Path) -> None:
    for name in ("one", "two"):
        tree = tmp_path / name
        tree.mkdir()
        for file in ("b", "a") if name == "one" else ("a", "b"):
            (tree / file).write_text(file)
            (tree / file).chmod(0o600 if name == "one" else 0o664)
    made = [oci.write_layer(tmp_path / f"{name}.tar", {"/opt/x": tmp_path / name}) for name in ("one", "two")]
    assert made[0].digest == made[1].digest
    with tarfile.open(made[0].path) as archive:
        assert archive.getnames() == ["opt", "opt/x", "opt/x/a", "opt/x/b"]
        assert {(entry.uid, entry.mtime) for entry in archive} == {(0, oci.TIME)}


def test_programs_stay_executable_and_nothing_is_writable_by_others(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("#!/bin/sh\n")
    (tmp_path / "run").chmod(0o777)
    layer = oci.write_layer(tmp_path / "layer.tar", {"/bin/run": tmp_path / "run"})
    with tarfile.open(layer.path) as archive:
        assert archive.getmember("bin/run").mode == 0o755


def test_an_archive_leaves_out_what_the_node_has(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    low, high = (oci.write_layer(tmp_path / f"{name}.tar", {f"/{name}": tmp_path / "file"}) for name in ("low", "high"))
    image = oci.Image("localhost/test:1", [low, high], {"User": "1"})

    archive = io.BytesIO()
    oci.write_archive(archive, image, present={low.digest})

    archive.seek(0)
    with tarfile.open(fileobj=archive) as written:
        names = set(written.getnames())
        index = json.load(written.extractfile("index.json") or io.BytesIO())
    assert f"blobs/sha256/{high.digest.removeprefix('sha256:')}" in names
    assert f"blobs/sha256/{low.digest.removeprefix('sha256:')}" not in names
    assert index["manifests"][0]["digest"] == image.digest
    assert index["manifests"][0]["annotations"] == {"io.containerd.image.name": "localhost/test:1"}
