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


def _assigned(code: str) -> list[tuple[str, str]]:
    """The public constants of a module with a number or a span of time as value: name, value as code."""
    pairs = []
    for node in ast.parse(code).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            several = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
            names, values = (target.elts, node.value.elts) if several else ([target], [node.value])  # type: ignore[attr-defined]
            pairs += [(ast.unparse(name), ast.unparse(v)) for name, v in zip(names, values, strict=True) if _counts(v)]
    return [(name, value) for name, value in pairs if name.isupper() and not name.startswith("_")]


def _counts(value: ast.expr) -> bool:
    """Whether it is a number, a span of time, or made of such."""
    if isinstance(value, ast.BinOp):
        return _counts(value.left) or _counts(value.right)
    number = isinstance(value, ast.Constant) and isinstance(value.value, int | float)
    return number or ast.unparse(value).startswith("timedelta(")


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
        for name, value in _assigned(path.read_text(encoding="utf-8")):
            values[name].add(value)
    assert _defined_twice(values) == {}


def test_every_way_to_write_a_constant_is_read() -> None:
    code = "A, B = 1, 2.0\nC: int = 3\nD = timedelta(1)\nE = X + 30\n_F = 4\nG = frozenset({5})\nh = 6\n"
    assert [name for name, _ in _assigned(code)] == ["A", "B", "C", "D", "E"]


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
