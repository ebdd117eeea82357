"""What the new cluster's Flux follows is corrected until it has applied something, and never after."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from catalyst_operator.core.access import seeds, source
from catalyst_operator.core.access.git_ref import GitRef
from catalyst_operator.core.access.source import CorrectionReport, Followed
from catalyst_operator.core.actions import CorrectSource
from catalyst_operator.core.air_gap import mirrors
from catalyst_operator.core.decide import decide
from catalyst_operator.core.errors import codes
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.phase1.views import ClusterView, Link
from catalyst_operator.core.ready.watching import SEED_AGAIN
from catalyst_operator.core.record import Bootstrap, Record
from catalyst_operator.core.runs.tfvars import tfvars
from tests.support import gen, new_cluster
from tests.support.gen import NOW, SECOND, SETTINGS, SceneMod, of, seen, spec

BORN = NOW - timedelta(minutes=20)
BEGUN = Bootstrap(since=BORN, watch_since=BORN, flux_seen=True, cluster_uid="cluster-1")
TOLD = Followed("https://github.com/openova-io/openova", GitRef(branch="mian"), SETTINGS.default_git_path)
RIGHT = replace(TOLD, ref=GitRef(tag=SETTINGS.default_git_tag))
SECRET = {"credentialsSecretRef": {"name": "git"}}
VERIFY = {"verify": {"mode": "Tag", "secretRef": {"name": "keys"}}}
SHA = "4f1c" * 10
NOWHERE = replace(SETTINGS, default_git_url="")
MIRRORED = replace(SETTINGS, mirrors=mirrors.parse("https://github.com/=https://mirror.example/github/"))


def told(followed: Followed = TOLD, applied: str = "", link: Link = Link.UP) -> SceneMod:
    """The new cluster was told to follow this, and has applied this."""

    def mod(o: Observation) -> Observation:
        view: ClusterView = new_cluster.healthy(o.sovereign, o.now)
        assert view.survey is not None
        assert view.survey.sources is not None
        (git,) = view.survey.sources
        git = replace(git, url=followed.url, ref=followed.ref, secret=followed.secret, verify=followed.verify)
        (kit,) = view.kustomizations
        kit = replace(kit, path=followed.path, applied_revision=applied, inventory=())
        survey = replace(view.survey, sources=(git,))
        return replace(
            o,
            cluster=replace(
                view, link=replace(view.link, state=link), survey=survey, kustomizations=(kit,), releases=()
            ),
        )

    return mod


def corrections(*mods: SceneMod, begun: Bootstrap = BEGUN) -> list[Followed]:
    o = gen.observation(*mods[:1], gen.known(gen.succeeded(), bootstrap=begun), *mods[1:])
    return [action.followed for action in decide(o).actions if isinstance(action, CorrectSource)]


@pytest.mark.parametrize(
    ("mods", "corrected", "why"),
    [
        ((of(), told()), [RIGHT], "the branch was corrected after the servers were bought"),
        ((of(), told(RIGHT)), [], "it is as it should be"),
        (
            (of(spec(gitops={"path": "clusters/mine"})), told(RIGHT)),
            [replace(RIGHT, path="clusters/mine")],
            "the folder",
        ),
        ((of(spec(gitops=VERIFY)), told(RIGHT)), [replace(RIGHT, verify="Tag")], "only what is signed"),
        ((of(), told(replace(RIGHT, verify="HEAD"))), [RIGHT], "nobody signs it after all"),
        ((of(spec(gitops={"ref": {"commit": SHA}})), told(RIGHT)), [replace(RIGHT, ref=GitRef(commit=SHA))], "pinned"),
        ((of(spec(gitops=SECRET)), told(RIGHT)), [replace(RIGHT, secret="catalyst-git")], "it is private after all"),
        ((of(), told(replace(RIGHT, secret="catalyst-git"))), [RIGHT], "it is public after all"),
        ((of(), told(applied=new_cluster.REVISION)), [], "what Flux has applied is its owner's"),
        ((of(spec(dryRun=True)), told()), [], "a dry run changes nothing"),
        ((of(), seen(settings=NOWHERE), told()), [], "the operator names no repository any more"),
        (
            (of(), seen(settings=MIRRORED), told(RIGHT)),
            [replace(RIGHT, url="https://mirror.example/github/openova-io/openova")],
            "it is fetched from a mirror",
        ),
        (
            (of(spec(gitops=SECRET)), seen(settings=MIRRORED), told(RIGHT)),
            [replace(RIGHT, secret="catalyst-git")],
            "whose credentials go to the host that their owner named",
        ),
        ((of(), told(link=Link.DOWN)), [], "nobody answers"),
        ((of(), told(), seen(correction=CorrectionReport(RIGHT.key, NOW))), [], "it was carried over a moment ago"),
        ((of(), told(), seen(correction=CorrectionReport(TOLD.key, NOW))), [RIGHT], "another one was"),
        ((of(), told(), seen(correction=CorrectionReport(RIGHT.key, NOW - SEED_AGAIN))), [RIGHT], "it did not stay"),
    ],
)
def test_when_it_is_corrected(mods: tuple[SceneMod, ...], corrected: list[Followed], why: str) -> None:
    assert corrections(*mods) == corrected, why


def test_what_was_applied_once_counts_though_it_is_not_seen_any_more() -> None:
    assert corrections(of(), told(), begun=replace(BEGUN, applied=new_cluster.REVISION)) == []


def recorded(o: Observation) -> Record:
    after = gen.after(o, decide(o)).record
    assert after is not None
    return after


def test_a_correction_gives_the_kit_its_time_once() -> None:
    late = replace(BEGUN, installed=None)
    o = gen.observation(gen.known(gen.succeeded(), bootstrap=late), told(RIGHT))
    assert decide(o).status.phase1_outcome == "flux-not-reconciling"  # type: ignore[union-attr]
    o = replace(o, correction=CorrectionReport(RIGHT.key, NOW))
    begun = recorded(o).bootstrap
    assert begun is not None
    assert (begun.since, begun.watch_since, begun.outcome, begun.corrected) == (NOW, NOW, None, RIGHT.key)
    o = replace(gen.after(o, decide(o)), now=NOW + SECOND)
    assert recorded(o).bootstrap == begun, "and not again and again"


def test_what_flux_applied_is_in_status_and_closes_the_door() -> None:
    o = gen.observation(gen.known(gen.succeeded(), bootstrap=BEGUN), told(RIGHT, applied=new_cluster.REVISION))
    status = decide(o).status
    assert status is not None
    assert status.kit_revision == new_cluster.REVISION
    begun = recorded(o).bootstrap
    assert begun is not None
    assert begun.applied == new_cluster.REVISION


def test_a_correction_that_fails_is_told() -> None:
    error = codes.REMOTE_UNAUTHORIZED.entry("The corrected spec.gitops could not be carried to the new cluster: 403")
    failed = seen(correction=CorrectionReport(RIGHT.key, NOW, error))
    status = decide(gen.observation(gen.known(gen.succeeded(), bootstrap=BEGUN), told(), failed)).status
    assert status is not None
    assert "ERR_REMOTE_UNAUTHORIZED" in [e.code for e in status.last_errors]


@pytest.mark.parametrize(
    "gitops",
    [
        {},
        VERIFY,
        {"ref": {"tag": "t"}},
        {"ref": {"commit": SHA}},
        {"url": "https://git.example/x/y.git", "ref": {"branch": "b"}, "path": "c/d"},
        {"mode": "Commit", "ref": {"branch": "main"}, **SECRET},
    ],
)
def test_first_boot_is_told_the_same(gitops: dict[str, object]) -> None:
    """Else every new cluster would be corrected as soon as it answers."""
    sovereign = gen.sovereign(spec(gitops=gitops))
    wanted, git = source.wanted(sovereign.spec, SETTINGS), tfvars(sovereign, SETTINGS)["git"]
    verify = git["verify"] or {"mode": "", "secret_name": seeds.GIT_KEYS}
    assert wanted == Followed(git["url"], GitRef(**git["ref"]), git["path"], git["secret_name"], verify["mode"])
    assert verify["secret_name"] == seeds.GIT_KEYS
