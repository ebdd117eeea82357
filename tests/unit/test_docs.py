"""The documents keep what they promise: every code has a chapter, every sample is valid, every link leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from catalyst_operator.api.labels import LABEL_SOVEREIGN_UID
from catalyst_operator.api.phases import Phase
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core.errors import codes
from catalyst_operator.core.project.belongings import CCM_LABEL, CSI_LABEL, CSI_VALUE
from catalyst_operator.core.telling import cluster_status, progress
from catalyst_operator.metrics import Metrics
from catalyst_operator.settings import Settings
from tests.support import readme, trials
from tests.support.documents import anchors, links, pages, text_files
from tests.support.paths import REPOSITORY

ROOT = REPOSITORY
CODES = sorted({c.code for c in vars(codes).values() if isinstance(c, codes.Code)})
SOVEREIGN_SAMPLES = ("sovereign.yaml", "ha.yaml", "byo-manual.yaml")
PAGES = pages()
NOT_PUBLISHED = re.compile(
    r"\b(?:DESIGN|FACTS)\b|\b(?:TRIALS|ROOMS|FAULTS?)(?:\.md| [A-H]?\d)|§|\b[Tt]he seeds\b|\bseeds'"
)
"""Papers that are not in this repository, and that no reader of it could look up."""
PATH_OF_A_FILE = re.compile(r"`((?:[\w.-]+/)+[\w-]+\.(?:py|md|yaml|sh|tf|tftpl|mod|env|txt))`")
CITED = re.compile(r"\bdocs/([\w/.-]+\.(?:md|svg|yaml))(?:#([\w-]+))?")


def test_every_code_has_a_chapter_of_the_runbook_and_no_chapter_is_without_a_code() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^## (ERR_\w+)$", text, re.MULTILINE)) == CODES
    listed = set(re.findall(r"\[(ERR_\w+)\]", text.partition("\n## ")[0]))
    assert set(CODES) - listed == set(), "the list at the top of docs/runbook.md lacks them"


class Environ(Mapping[str, str]):
    """An environment that keeps which of its variables were asked for."""

    def __init__(self, **values: str) -> None:
        self._values = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@pytest.mark.parametrize("page", ["how-to.md", "operations.md", "runbook.md"])
def test_commands_are_about_the_one_example_of_their_page(page: str) -> None:
    """Who copies them replaces three names; a fourth would act on nothing, or on something else."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert "namespace `customers`" in text or "Secret `hetzner-token`" in text
    about = set(re.findall(r"kubectl -n customers \w+ (?:sovereign[ /])([\w-]+)", text))
    tokens = set(re.findall(r"create secret generic ([\w-]+)\s[^|]{0,20}--from-file=token=", text))
    assert about == {"omantel"}
    assert tokens <= {"hetzner-token", "provider-token"}


def test_every_setting_is_documented_and_nothing_that_is_none() -> None:
    environ = Environ(
        CATALYST_IMAGE="registry.example/catalyst-operator:1",
        # Only with these are the others about domains read.
        CATALYST_POWERDNS_URL="http://powerdns.example:8081",
        CATALYST_POWERDNS_API_KEY="key",
        CATALYST_POOL_POWERDNS_URL="http://pools.example:8081",
        CATALYST_POOL_POWERDNS_API_KEY="key",
        CATALYST_NAMESERVERS="ns1.example.net",
    )
    Settings.from_env(environ)
    ours = {name for name in environ.asked if not name.startswith("KUBERNETES_")}
    table = (ROOT / "docs" / "operations.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    assert set(re.findall(r"`([A-Z]+_[A-Z0-9_]+)`", table)) == ours


def test_every_metric_is_documented() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    text = (ROOT / "docs" / "operations.md").read_text()
    names = {family.name for family in registry.collect()}
    assert {name for name in names if name not in text} == set()


@pytest.mark.parametrize("name", SOVEREIGN_SAMPLES)
def test_samples_are_valid(name: str) -> None:
    raw = yaml.safe_load((ROOT / "deploy" / "samples" / name).read_text())
    assert Sovereign.parse(raw).metadata.namespace == "customers"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Files, and headings where a link names one."""
    broken = [
        f"{path}#{anchor}"
        for path, anchor in links(page)
        if not (target := page.parent / path if path else page).exists()
        or (anchor and target.suffix == ".md" and anchor not in anchors(target))
    ]
    assert broken == []


def test_what_code_cites_of_the_docs_exists() -> None:
    """A comment that sends its reader to a page that was renamed is worse than none."""
    broken = [
        f"{file.relative_to(ROOT)}: docs/{path}#{anchor}"
        for file in text_files()
        for path, anchor in CITED.findall(file.read_text(encoding="utf-8"))
        if not (target := ROOT / "docs" / path).exists()
        or (anchor and target.suffix == ".md" and anchor not in anchors(target))
    ]
    assert broken == []


def test_nothing_cites_papers_that_are_not_here() -> None:
    """What matters of them is told in docs/."""
    citing = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in text_files()
        if file != Path(__file__)
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if NOT_PUBLISHED.search(line)
    ]
    assert citing == []


def test_paths_in_the_papers_exist() -> None:
    """From the top, from the package, or from the page's own folder; what a page is about goes by short names."""
    package = ROOT / "catalyst_operator"
    near = (ROOT, package, package / "core", package / "adapters", ROOT / "e2e" / "lab" / "hcloud")
    broken = [
        f"{page.relative_to(ROOT)}: {path}"
        for page in PAGES
        for path in PATH_OF_A_FILE.findall(page.read_text(encoding="utf-8"))
        if not any((place / path).exists() for place in (*near, page.parent))
    ]
    assert broken == []


def test_the_glossary_is_in_order() -> None:
    """People look a word up by its first letter."""
    words = re.findall(r"^\| (.+?) \|", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)[2:]
    assert words == sorted(words, key=str.casefold)
    assert len(words) == len(set(words)) > 40


def test_promises_of_security_are_numbered_without_a_gap_and_shown_by_tests() -> None:
    """A number is never given twice."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    numbers = re.findall(r"^- \*\*(S\d+)\*\*", text, re.MULTILINE)
    assert numbers == [f"S{n}" for n in range(1, len(numbers) + 1)]
    shown = dict(re.findall(r"^\| (S\d+) \| (.+) \|$", text, re.MULTILINE))
    assert list(shown) == numbers
    for number, tests in shown.items():
        assert trials.missing(trials.Trial(number, "", tuple(re.findall(r"`(.+?)`", tests)))) == []


def test_the_readme_is_short_and_has_a_picture_and_a_whole_sovereign() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 200
    assert "](docs/pictures/overview.svg)" in text
    assert "\nNo licence is chosen.\n" in text
    sovereign = Sovereign.parse(readme.manifest())
    assert sovereign.spec.dry_run, "a newcomer's first apply costs nothing"


def test_progress_in_the_papers_is_what_the_operator_counts() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| (\d+(?: to \d+)?) \| (`[a-z0-9`, -]+`) \|", text, re.MULTILINE))
    percent = progress.PERCENT
    assert told == {
        "0": "`pending`, `reserving`",
        f"{percent['tofu-init'][0]} to {percent['plan-gate'][1]}": "`tofu-init`, `tofu-plan`, `awaiting-approval`",
        f"{percent['tofu-apply'][0]} to {percent['tofu-output'][1]}": "`tofu-apply`, `tofu-output`",
        f"{cluster_status.INFRASTRUCTURE_DONE}": "`flux-bootstrap`",
        f"{cluster_status.FLUX_DONE} to {cluster_status.KIT_DONE}": "`phase-1`",
        f"{cluster_status.KIT_DONE}": "`phase-1`",
        f"{progress.DONE}": ", ".join(f"`{phase}`" for phase in Phase if phase in progress.COMPLETE),
    }


def test_only_settings_and_what_runs_in_a_job_read_the_environment() -> None:
    """As the docstring of settings.py says."""
    package = ROOT / "catalyst_operator"
    reading = {
        str(file.relative_to(package))
        for file in package.rglob("*.py")
        if re.search(r"\bos\.environ\b|\bgetenv\(|\bimport environ\b", file.read_text(encoding="utf-8"))
    }
    assert {name for name in reading if not name.startswith("in_job/")} == {"settings.py"}


def test_what_is_not_built_is_not_promised() -> None:
    """A volume that hangs nowhere is not swept; hcloud-csi does not run where the metadata service is closed."""
    told = {name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("how-to.md", "runbook.md")}
    assert "*A claim's volume that hangs on no server is left*" in told["how-to.md"]
    assert all(label in told["how-to.md"] for label in (CCM_LABEL, f"{CSI_LABEL}={CSI_VALUE}", LABEL_SOVEREIGN_UID))
    assert (ROOT / "infra/hetzner/units/catalyst-metadata-blackhole.service").exists()
    assert "**Do not install hcloud-csi.**" in told["runbook.md"]


def test_what_an_owner_has_to_know_of_keys_is_said() -> None:
    """Where people make a backup or hand out a kubeconfig, and where they ask what is promised."""
    for name in ("docs/operations.md", "docs/how-to.md", "docs/explanation.md", "SECURITY.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert re.search(r"cannot be\s+revoked", text), name
        assert re.search(r"backup", text, re.IGNORECASE) and re.search(r"hand-off", text), name
    assert "`cluster-secrets` of an old backup still opens the cluster" in (ROOT / "docs/how-to.md").read_text("utf-8")
