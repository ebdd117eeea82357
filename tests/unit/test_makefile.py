"""The commands of the repository do what its papers promise."""

from __future__ import annotations

import re
import tomllib

from tests.support.documents import pages
from tests.support.paths import REPOSITORY

MAKEFILES = tuple((REPOSITORY / name).read_text(encoding="utf-8") for name in ("Makefile", "e2e/lab/lab.mk"))
RULES = {
    target: prerequisites.split()
    for text in MAKEFILES
    for target, prerequisites in re.findall(r"^([a-z][a-z0-9-]*|\$\(READY\)): *([^#\n]*)", text, re.MULTILINE)
}
STARTS = re.compile(r"\[\s*[\"'](?:curl|dig|etcd|git|go|jq|kubectl|openssl|pdns_server|tofu)[\"'],")
"""A command line of a program that a machine with nothing but Python may not have."""


def needed(target: str) -> set[str]:
    """All that make brings about before a target."""
    direct = set(RULES.get(target, ())) - {"|"}
    return direct.union(*(needed(name) for name in direct))


def test_the_unit_tests_need_neither_the_lab_nor_its_packages() -> None:
    """A person without root, Go and the lab can contribute."""
    assert needed("test-unit") == needed("lint") == needed("generate") == {"$(READY)", "requirements-dev.lock"}
    assert {"lab-tools", "lab-packages"} <= needed("test-integration")


def test_a_file_of_integration_tests_stays_whole() -> None:
    """Its tests share a cluster, and some follow its life in their order."""
    recipe = re.search(r"^test-integration:.*\n\t(.*)", MAKEFILES[0], re.MULTILINE)
    assert recipe and "$(BESIDE)" in recipe[1]
    assert re.search(r"^BESIDE := -n \d --dist loadfile ", MAKEFILES[0], re.MULTILINE)


def test_no_unit_test_needs_a_program_that_pip_does_not_bring() -> None:
    """Those that do are in tests/integration."""
    files = [*(REPOSITORY / "tests/unit").rglob("*.py"), *(REPOSITORY / "tests/support").rglob("*.py")]
    needy = [str(file.relative_to(REPOSITORY)) for file in files if STARTS.search(file.read_text(encoding="utf-8"))]
    assert needy == []


def test_every_make_command_in_the_papers_exists() -> None:
    told = {
        name
        for page in pages()
        for name in re.findall(r"(?:`|^\s*)make ([a-z][a-z0-9-]*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {"demo", "test"} <= told
    assert told - RULES.keys() == set()


def test_the_demo_shows_the_sample_that_is_named() -> None:
    assert "-m e2e.demo --sample $(SAMPLE)" in MAKEFILES[0]
    assert "make demo SAMPLE=ha" in (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_every_make_target_is_in_the_help() -> None:
    phony = {
        name
        for text in MAKEFILES
        for line in re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)
        for name in line.split()
    }
    documented = {name for text in MAKEFILES for name in re.findall(r"^([a-z0-9-]+):.*## ", text, re.MULTILINE)}
    assert phony - documented == {"lab-packages"}


def test_the_package_says_that_it_is_typed() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert "py.typed" in project["tool"]["setuptools"]["package-data"]["catalyst_operator"]
    assert (REPOSITORY / "catalyst_operator" / "py.typed").is_file()
