"""What is in an image is what its layers leave: the later ones replace and remove."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

from e2e.image import contents
from e2e.image.contents import Contents

WHITEOUT = "etc/.wh.passwd"


def layer(*entries: tuple[str, str | None], mode: int = 0o644, links: dict[str, str] | None = None) -> io.BytesIO:
    """A layer of files (path, text), folders (path, None) and hard links."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, text in entries:
            entry = tarfile.TarInfo(name)
            entry.mode = mode
            entry.type = tarfile.DIRTYPE if text is None else tarfile.REGTYPE
            entry.size = len(text or "")
            archive.addfile(entry, io.BytesIO((text or "").encode()))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.LNKTYPE, target
            archive.addfile(entry)
    out.seek(0)
    return out


def of(*layers: io.BytesIO) -> Contents:
    return contents.of_layers(layers)


def test_paths_have_one_form() -> None:
    assert set(of(layer(("./etc/", None), ("./etc/hosts", ""), ("/opt", None)))) == {"etc", "etc/hosts", "opt"}


def test_a_later_layer_replaces_what_is_there() -> None:
    first, second = of(layer(("a", "x"))), of(layer(("a", "x")), layer(("a", "y"), mode=0o755))
    assert first["a"].content != second["a"].content
    assert second["a"].mode == 0o755


def test_a_later_layer_removes_a_file_and_a_folder_with_all_below() -> None:
    base = (("etc", None), ("etc/passwd", ""), ("opt", None), ("opt/a", None), ("opt/a/b", ""), ("optional", ""))
    left = of(layer(*base), layer((WHITEOUT, ""), (".wh.opt", "")))
    assert set(left) == {"etc", "optional"}


def test_a_folder_that_is_made_anew_is_empty() -> None:
    left = of(layer(("opt", None), ("opt/old", "")), layer(("opt", None), ("opt/.wh..wh..opq", ""), ("opt/new", "")))
    assert set(left) == {"opt", "opt/new"}


def test_a_hard_link_is_the_file() -> None:
    found = of(layer(("usr/bin/perl", "x"), mode=0o4755, links={"usr/bin/perl5": "./usr/bin/perl"}))
    assert found["usr/bin/perl5"] == found["usr/bin/perl"]


def test_bytecode_is_compared_by_the_source_that_it_is_of() -> None:
    one, other, third = (of(layer(("m.pyc", text)))["m.pyc"] for text in ("h" * 16 + "1", "h" * 16 + "2", "H" * 16))
    assert one.content == other.content != third.content


def test_packages_own_their_files_and_what_dpkg_knows_of_them() -> None:
    info = "var/lib/dpkg/info/libc6:amd64"
    found = of(layer((f"{info}.list", "/.\n/lib\n/lib/libc.so\n/usr/share/x\n"), (f"{info}.md5sums", ""), ("lib", "")))
    owned = {".", "usr/lib", "usr/lib/libc.so", "usr/share/x", f"{info}.list", f"{info}.md5sums"}
    assert contents.packages(found) == {"libc6": owned}


def test_an_archive_has_one_image(tmp_path: Path) -> None:
    config = {"config": {"User": "1:1"}, "rootfs": {}}
    manifest = [{"Config": "c.json", "RepoTags": ["localhost/x:1"], "Layers": ["one.tar", "two.tar"]}]
    members = {
        "manifest.json": json.dumps(manifest).encode(),
        "c.json": json.dumps(config).encode(),
        "one.tar": layer(("a", "")).read(),
        "two.tar": layer(("b", "")).read(),
    }
    with tarfile.open(tmp_path / "image.tar", "w") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    assert set(contents.of_archive(tmp_path / "image.tar")) == {"a", "b"}
    assert contents.config_of_archive(tmp_path / "image.tar") == {"User": "1:1"}
