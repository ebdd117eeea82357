"""What is generated from the models, file by file, and whether a tree has it."""

from pathlib import Path

import yaml

from catalyst_operator.api.generate.crds import crd
from catalyst_operator.api.generate.reference import reference
from catalyst_operator.api.labels import GROUP
from catalyst_operator.api.resources import RESOURCES

_HEADER = "# Generated from catalyst_operator/api by `make generate`; edit the models, not this file.\n"


def generated() -> dict[str, str]:
    """Content of every generated file by its path in the repository."""
    files = {f"crds/{GROUP}_{one.plural}.yaml": _HEADER + to_yaml(crd(one)) for one in RESOURCES}
    return files | {"docs/api.md": reference()}


def to_yaml(data: object) -> str:
    """YAML as people like to review it: keys in the given order, long lines folded, no aliases."""
    return yaml.dump(data, Dumper=_PlainDumper, sort_keys=False, width=110, allow_unicode=True)


class _PlainDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def drift(root: Path) -> list[str]:
    """Paths of generated files that are missing or differ from what the models say."""
    return [path for path, text in generated().items() if _read(root / path) != text]


def write(root: Path) -> None:
    """Write all generated files."""
    for path, text in generated().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None
