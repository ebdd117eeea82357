"""The layers of the operator's image, from the slowest to the fastest to make.

base          Debian 12 with Python           cache, by its package list
dependencies  locked packages from PyPI       cache, by the lock
tools         OpenTofu and the provider       cache, by their versions and sources
module        infra/hetzner and its lock      the lab's folder, by content
kit           clusters/_template              the lab's folder, by content
app           catalyst_operator               the lab's folder, by content

An edit of the operator so costs one small layer. Python is compiled ahead into .pyc files that are not
checked against their source: the image is read-only, so nothing else could, and a start without them takes
seconds.
"""

from __future__ import annotations

import json
import os
import py_compile
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from e2e.lab import oci, toolchain
from e2e.lab.cache import cached, digest
from e2e.lab.commands import run
from e2e.lab.errors import BuildFailed
from e2e.lab.layout import REPOSITORY, Layout
from e2e.lab.timeline import Timeline

OPERATOR = REPOSITORY / "catalyst_operator"
MODULE = REPOSITORY / "infra" / "hetzner"
KIT = REPOSITORY / "clusters" / "_template"
LOCK = REPOSITORY / "requirements.lock"
TOFU_RC = REPOSITORY / "deploy" / "images" / "tofu.rc"

PYTHON_PATH = "/opt/catalyst/python"
MODULE_PATH = "/opt/catalyst/module"
KIT_PATH = "/opt/catalyst/clusters/_template"
PROVIDERS_PATH = "/opt/catalyst/providers"
TOFU_RC_PATH = "/opt/catalyst/tofu.rc"
TOFU_PATH = "/usr/local/bin/tofu"

BASE_PACKAGES = ("usr-is-merged", "python3", "ca-certificates")
UNWANTED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
COMPILE = "-m compileall -q -f --invalidation-mode unchecked-hash"


def base(timeline: Timeline) -> oci.Layer:
    command = [
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=essential",
        # Without this hook `usrmerge` would bring the whole of Perl.
        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
        f"--include={','.join(BASE_PACKAGES)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in UNWANTED),
        f'--customize-hook=chroot "$1" python3 {COMPILE} /usr/lib/python3.11 /usr/lib/python3',
        # As in the Dockerfile: no program gives rights to whoever runs it.
        '--customize-hook=find "$1" -xdev -type f -perm /6000 -exec chmod a-s {} +',
        '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/* "$1"/var/log/*',
        "--skip=output/dev",
        "bookworm",
    ]

    def make(out: Path) -> None:
        archive = out / "layer.tar"
        _run([*command, str(archive)], {"SOURCE_DATE_EPOCH": str(oci.TIME)})
        _note(oci.Layer.of(archive))

    return _cached("base", digest([], *command), make, timeline, "1 minute")


def dependencies(timeline: Timeline) -> oci.Layer:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]

    def make(out: Path) -> None:
        packages = out / "packages"
        _run([*pip, "--no-compile", "--target", str(packages), "--requirement", str(LOCK)])
        _drop_unused(packages)
        _run([sys.executable, *COMPILE.split(), "-j0", "-s", str(packages), "-p", PYTHON_PATH, str(packages)])
        _note(oci.write_layer(out / "layer.tar", {PYTHON_PATH: packages}))
        shutil.rmtree(packages)

    return _cached("dependencies", digest([LOCK], *pip[2:], COMPILE), make, timeline, "1 minute")


def _drop_unused(packages: Path) -> None:
    """Tests of packages, and scripts that name the Python of the machine that installed them."""
    shutil.rmtree(packages / "bin", ignore_errors=True)
    for tests in list(packages.glob("*/tests")):
        shutil.rmtree(tests)


def provisioning(timeline: Timeline) -> oci.Layer:
    """OpenTofu, the provider in a filesystem mirror, and the configuration that allows only this mirror."""
    tofu = toolchain.build(toolchain.TOFU, timeline) / "tofu"
    mirror = toolchain.provider_mirror(timeline)

    def make(out: Path) -> None:
        _note(oci.write_layer(out / "layer.tar", {TOFU_PATH: tofu, PROVIDERS_PATH: mirror, TOFU_RC_PATH: TOFU_RC}))

    return _cached("tools", digest([TOFU_RC], tofu.parent.name, mirror.name), make, timeline, "")


def module(layout: Layout, timeline: Timeline) -> oci.Layer:
    """infra/hetzner without its tests, and the lock that OpenTofu makes for the provider of `provisioning`."""
    mirror = toolchain.provider_mirror(timeline)
    files = list(_files(MODULE, without=("tests", ".terraform", ".terraform.lock.hcl")))

    def make(out: Path) -> None:
        lock = _provider_lock(mirror, layout.bin / "tofu")
        tree = {f"{MODULE_PATH}/{file.relative_to(MODULE)}": file for file in files}
        with tempfile.NamedTemporaryFile() as file:
            file.write(lock)
            file.flush()
            tree[f"{MODULE_PATH}/.terraform.lock.hcl"] = Path(file.name)
            _note(oci.write_layer(out / "layer.tar", tree))

    return _in_lab(layout, "module", _key(MODULE, files, mirror.name), make)


def _provider_lock(mirror: Path, tofu: Path) -> bytes:
    """From versions.tf alone, which names the provider: the rest of the module need not be valid for this."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(MODULE / "versions.tf", folder)
        arguments = ["providers", "lock", f"-fs-mirror={mirror}", "-platform=linux_amd64"]
        _run([str(tofu), f"-chdir={folder}", *arguments], {"TF_CLI_CONFIG_FILE": "/dev/null"})
        return Path(folder, ".terraform.lock.hcl").read_bytes()


def kit(layout: Layout) -> oci.Layer:
    """The bootstrap kit's shared template: what a Git repository without one gets."""
    files = list(_files(KIT, without=()))

    def make(out: Path) -> None:
        _note(oci.write_layer(out / "layer.tar", {f"{KIT_PATH}/{file.relative_to(KIT)}": file for file in files}))

    return _in_lab(layout, "kit", _key(KIT, files), make)


def app(layout: Layout) -> oci.Layer:
    files = list(_files(OPERATOR, without=("__pycache__",)))

    def make(out: Path) -> None:
        package = out / OPERATOR.name
        for file in files:
            target = package / file.relative_to(OPERATOR)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        _compile(package)
        _note(oci.write_layer(out / "layer.tar", {f"{PYTHON_PATH}/{OPERATOR.name}": package}))

    return _in_lab(layout, "app", _key(OPERATOR, files), make)


def _compile(package: Path) -> None:
    for source in package.rglob("*.py"):
        shown = f"{PYTHON_PATH}/{source.relative_to(package.parent)}"
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        try:
            py_compile.compile(str(source), dfile=shown, doraise=True, invalidation_mode=mode)
        except py_compile.PyCompileError as error:
            raise BuildFailed(
                f"the operator does not compile: {error.msg}", "mend it; the lab keeps the image it has"
            ) from error


def _files(folder: Path, without: Sequence[str]) -> Iterator[Path]:
    """All files below a folder in a fixed order, except in folders, or with names, of `without`."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - set(without))
        yield from (Path(parent, name) for name in sorted(names) if name not in without)


def _key(root: Path, files: Iterable[Path], *words: str) -> str:
    """A digest of contents and names, so that a renamed file makes a new layer."""
    listed = list(files)
    return digest(listed, *(str(file.relative_to(root)) for file in listed), *words)


def _cached(name: str, key: str, make: Callable[[Path], None], timeline: Timeline, expected: str) -> oci.Layer:
    folder = cached(f"layers/{name}-{key}", make, timeline, f"layer {name}", expected)
    return _noted(folder / "layer.tar")


def _in_lab(layout: Layout, name: str, key: str, make: Callable[[Path], None]) -> oci.Layer:
    """A layer that changes with every edit: kept in the lab's folder, only the newest."""
    folder = layout.layers / f"{name}-{key}"
    if not (folder / "layer.json").exists():
        for earlier in layout.layers.glob(f"{name}-*"):
            shutil.rmtree(earlier)
        folder.mkdir(parents=True)
        make(folder)
    return _noted(folder / "layer.tar")


def _note(layer: oci.Layer) -> None:
    """Keep a layer's digest beside it: reading it again takes longer than anything else of a start."""
    content = {"digest": layer.digest, "size": layer.size}
    layer.path.with_suffix(".json").write_text(json.dumps(content) + "\n")


def _noted(path: Path) -> oci.Layer:
    content = json.loads(path.with_suffix(".json").read_text())
    return oci.Layer(path, content["digest"], content["size"])


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> None:
    run(
        command,
        environment=environment,
        remedy="a first build needs Debian's and Python's package registries; later ones do not",
    )
