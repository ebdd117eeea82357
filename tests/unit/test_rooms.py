"""The layout stays one that a newcomer finds the way in: small rooms, and one word for one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import catalyst_operator

PACKAGE = Path(catalyst_operator.__file__).parent
TEN_SECONDS = yaml.safe_load(Path(__file__).with_name("ten_seconds.yaml").read_text(encoding="utf-8"))
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))
MOST_MODULES = 16


def _assigned(path: Path) -> list[tuple[str, str]]:
    """The public constants of a module with a number or a span of time as value: name, value as code."""
    pairs = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        name, value = node.targets[0].id, ast.unparse(node.value)
        number = isinstance(node.value, ast.Constant) and isinstance(node.value.value, int | float)
        if name.isupper() and (number or value.startswith("timedelta(")):
            pairs.append((name, value))
    return pairs


def _defined_twice(names: dict[str, set[str]]) -> dict[str, set[str]]:
    return {name: places for name, places in names.items() if len(places) > 1}


def test_a_package_has_no_more_modules_than_one_reads_at_a_glance() -> None:
    packages = defaultdict(list)
    for path in MODULES:
        if path.name != "__init__.py":
            packages[path.parent].append(path.name)
    assert {str(p): len(names) for p, names in packages.items() if len(names) > MOST_MODULES} == {}


def test_a_constant_has_one_value() -> None:
    values = defaultdict(set)
    for path in MODULES:
        for name, value in _assigned(path):
            values[name].add(value)
    assert _defined_twice(values) == {}


def test_a_class_that_other_modules_import_has_a_name_of_its_own() -> None:
    places = defaultdict(set)
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            # The protocol that a reconciler asks for and the adapter that keeps it have one name on purpose.
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and "Protocol" not in ast.dump(node):
                places[node.name].add(str(path.relative_to(PACKAGE)))
    assert _defined_twice(places) == {}


def _defined(node: ast.AST, owner: str = "") -> Iterator[str]:
    """The names that a module or class defines; those of a class with its own before them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Assign | ast.AnnAssign):
            targets = child.targets if isinstance(child, ast.Assign) else [child.target]
            yield from (
                owner + name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
            )
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield owner + child.name
        elif isinstance(child, ast.ClassDef):
            yield owner + child.name
            yield from _defined(child, f"{owner}{child.name}.")


def _tells(row: dict[str, Any]) -> bool:
    """Whether the file or its folder is called by the word that one looks for."""
    path = Path(row["file"])
    return row["word"] in path.stem or row["word"] == path.parent.name


@pytest.mark.parametrize("row", TEN_SECONDS, ids=lambda row: row["behaviour"])
def test_where_to_change_a_behaviour_is_found_in_ten_seconds(row: dict[str, Any]) -> None:
    assert _tells(row)
    path = PACKAGE.parent / row["file"]
    text = path.read_text(encoding="utf-8")
    assert row["name"] in (set(_defined(ast.parse(text))) if path.suffix == ".py" else text)


def test_a_name_that_is_gone_or_a_file_that_does_not_tell_is_noticed() -> None:
    names = set(_defined(ast.parse("A, B = 1, 2\nclass C:\n    d: int = 0\n    def e(self): f = 1\n")))
    assert names == {"A", "B", "C", "C.d", "C.e"}
    assert not _tells({"word": "firewall", "file": "infra/hetzner/main.tf"})
    assert not _tells({"word": "run", "file": "core/runs/queue.py"})
