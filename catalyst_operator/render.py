"""`python -m catalyst_operator render`: a Sovereign's folder for people who keep a Git repository of their own.

It writes what mode Commit would push, and nothing else: what to commit stays their decision.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from catalyst_operator.adapters import template
from catalyst_operator.api import labels, sizes
from catalyst_operator.api.enums import GitOpsMode
from catalyst_operator.api.sovereign import Sovereign, SovereignSpec
from catalyst_operator.core import kit
from catalyst_operator.core.access import git_ref, module, seeds
from catalyst_operator.core.kit import releases
from catalyst_operator.core.kit.releases import Release, UnknownReleaseError
from catalyst_operator.core.redact import shorten

RENDERED, FAILED, REFUSED = 0, 1, 2
"""Exit codes: all is written; it could not be written; there is something wrong with what was given."""

_SAYINGS = {"missing": "is required", "extra_forbidden": "is no field of a Sovereign"}
_VALUE_ERROR = "Value error, "
_NO_MODULE = (
    "spec.gitops: url and ref are required with spec.crossplane: its Crossplane fetches infra/hetzner from there"
)


class RefusedError(Exception):
    """What was given cannot be rendered; the text has one line for each reason."""


def default_template() -> Path:
    """clusters/_template of the checkout beside the package, else where the image has it."""
    return template.default_folder()


def main(file: Path, out: Path, release: str | None = None, folder: Path | None = None) -> int:
    """Write clusters/<fqdn>/ and, unless it is there, clusters/_template into `out`. The result is the exit code.

    `release` is the set of versions, else the Sovereign's, else this operator's default; `folder` is the template.
    """
    try:
        sovereign = _sovereign(file)
        chosen = _release(release or sovereign.spec.release)
        files = _overlay(sovereign, chosen)
        shared = {} if (out / template.FOLDER).exists() else _template(folder or default_template())
    except RefusedError as refused:
        print(refused, file=sys.stderr)
        return REFUSED
    try:
        _write(out, {**shared, **files})
    except OSError as error:
        print(f"{error.filename or out}: cannot be written: {error.strerror}", file=sys.stderr)
        return FAILED
    _tell(sovereign, out, files, bool(shared))
    return RENDERED


def _sovereign(file: Path) -> Sovereign:
    found = [raw for raw in _documents(file) if isinstance(raw, dict) and raw.get("kind") == "Sovereign"]
    if len(found) != 1:
        raise RefusedError(f"{file}: has {len(found) or 'no'} Sovereigns; give a file with one.")
    if found[0].get("apiVersion") != labels.API_VERSION:
        raise RefusedError(f"{file}: apiVersion: must be {labels.API_VERSION}")
    try:
        sovereign = Sovereign.parse(found[0])
    except ValidationError as error:
        raise RefusedError("\n".join(f"{file}: {line}" for line in _lines(error))) from None
    if refused := tuple(_refused_sizes(sovereign.spec)):
        raise RefusedError("\n".join(f"{file}: {line}" for line in refused))
    return sovereign


def _documents(file: Path) -> list[Any]:
    try:
        return list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise RefusedError(f"{file}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise RefusedError(f"{file}: is no YAML: {shorten(' '.join(str(error).split()))}") from None


def _lines(error: ValidationError) -> list[str]:
    """One for each wrong field, without what was in it."""
    entries = error.errors(include_url=False, include_input=False, include_context=False)
    return [f"{_path(entry['loc'])}: {_saying(entry['type'], entry['msg'])}" for entry in entries]


def _path(location: tuple[int | str, ...]) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).removeprefix(".")


def _saying(kind: str, message: str) -> str:
    return _SAYINGS.get(kind, message.removeprefix(_VALUE_ERROR))


def _refused_sizes(spec: SovereignSpec) -> Iterator[str]:
    """What the API server refuses for the sizes, which no parser of the fields sees."""
    location = spec.regions[0].location
    for group, found in (("controlPlane", spec.control_plane), ("workers", spec.workers)):
        fallbacks = (("sizeFallbacks", name) for name in found.size_fallbacks)
        for field, name in (("size", found.size or ""), *fallbacks):
            if name and (told := sizes.refusal(name, location)):
                yield f"spec.{group}.{field}: {told}"


def _release(name: str | None) -> Release:
    try:
        return releases.load().get(name)
    except UnknownReleaseError as error:
        raise RefusedError(str(error)) from None


def _overlay(sovereign: Sovereign, release: Release) -> dict[str, str]:
    if refusal := kit.refusal(sovereign.spec) or module.unsigned(sovereign.spec):
        raise RefusedError(refusal)
    url, ref = sovereign.spec.gitops.url, git_ref.asked(sovereign.spec)
    if not (url and ref):
        if sovereign.spec.crossplane:
            raise RefusedError(_NO_MODULE)
        return kit.overlay(sovereign, release, pull_secret=seeds.PULL)
    place, fetched = f"{ref} of {url}", module.at(url, ref)
    return kit.overlay(sovereign, release, pull_secret=seeds.PULL, place=place, module=fetched)


def _template(folder: Path) -> dict[str, str]:
    files = template.read(folder)
    if not files:
        raise RefusedError(f"{folder}: has no template; name the folder clusters/_template with --template.")
    return files


def _write(out: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _tell(sovereign: Sovereign, out: Path, files: Mapping[str, str], with_template: bool) -> None:
    gitops, ref, path = (
        sovereign.spec.gitops,
        git_ref.asked(sovereign.spec),
        kit.overlay_path(sovereign.spec.domain.fqdn),
    )
    for name in files:
        print(f"wrote {out / name}")
    state = "wrote" if with_template else "kept, because it was there:"
    print(f"{state} {out / template.FOLDER}")
    if gitops.mode is GitOpsMode.COMMIT:
        print("\nThe operator pushes the same itself, because spec.gitops.mode is Commit: there is nothing to do.")
        return
    print(f"\nNext: look at {out / path}, then commit it and push it{f' to {ref}' if ref else ''}.")
    missing = [
        *([] if gitops.url else ["gitops.url to the repository's URL"]),
        *([] if ref else ["gitops.ref to the branch or the tag that has it"]),
        *([] if gitops.path == path else [f"gitops.path to {path}"]),
    ]
    if missing:
        print(f"In the Sovereign set {_listed(missing)} before you create it: its cluster is to follow that.")


def _listed(items: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1])))
