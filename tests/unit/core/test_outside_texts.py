"""Whatever comes from a new cluster, a vendor, OpenTofu or Git: in status, events and the log is only what can be seen.

All that turns an answer into a text or a view is asked with texts made of what nobody sees, among them sequences that
move a cursor, turn a line around, forge another one, or are no letters at all.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from catalyst_operator.adapters.git import newest
from catalyst_operator.adapters.kube import SOVEREIGNS
from catalyst_operator.adapters.registrars.nameservers import tidy
from catalyst_operator.core import error_text
from catalyst_operator.core.decide import decide
from catalyst_operator.core.errors import codes, diagnosis
from catalyst_operator.core.phase1 import flux, kube_objects
from catalyst_operator.core.phase1.views import (
    ClusterView,
    ConsoleView,
    FluxCondition,
    HelmReleaseView,
    KustomizationView,
    Link,
    LinkView,
    Survey,
    kit_name,
)
from catalyst_operator.core.record import Bootstrap
from catalyst_operator.core.redact import all_visible, redact, shorten, visible
from catalyst_operator.core.telling import events
from catalyst_operator.core.tofu import apply_progress
from catalyst_operator.errors import ApiError, GitError, RegistrarRefused, TooMuch
from catalyst_operator.logs import VisibleFormatter
from catalyst_operator.reconcilers.writing import write_status
from tests.support import gen
from tests.support.fake_kube import FakeApi
from tests.support.gen import NOW

UNSEEN = (
    *("\x00", "\x07", "\x08", "\x1b", "\x1b[31m", "\x1b[2J", "\x1b]0;title\x07", "\x7f", "\x85", "\x9b31m"),
    *("\r", "\x0b", "\x0c", "\u2028", "\u2029", "\u00a0", "\u00ad", "\ufeff"),
    *("\u200b", "\u200d", "\u200e", "\u200f", "\u2060"),
    *("\u202a", "\u202b", "\u202d", "\u202e", "\u202c", "\u2066", "\u2067", "\u2068", "\u2069"),
    *("\ud800", "\udfff", "\ue000", "\uffff", "\U000e0041", "\U0010ffff"),
)
_texts = st.lists(st.sampled_from(UNSEEN) | st.text(max_size=4), max_size=12).map("".join)
common = settings(derandomize=True, deadline=None, max_examples=150)


def unseen(text: str) -> str:
    """What of it cannot be seen, lines and tabs aside."""
    return "".join(letter for letter in text if not letter.isprintable() and letter not in "\n\t")


def strings(value: Any) -> Iterator[str]:
    """All texts in a view, a status, or anything made of such."""
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value):
        yield from (text for name in vars(value) for text in strings(getattr(value, name)))
    elif isinstance(value, dict):
        yield from (text for inner in value.values() for text in strings(inner))
    elif isinstance(value, list | tuple):
        yield from (text for inner in value for text in strings(inner))


# --- the door ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", UNSEEN, ids=lambda letter: letter.encode("unicode_escape").decode())
def test_nothing_unseen_passes_and_what_is_seen_does(letter: str) -> None:
    assert unseen(visible(f"a{letter}b")) == ""
    assert shorten(f"a{letter}b") in ("ab", "a b")


@pytest.mark.parametrize("text", ["", "Ärger über 文字 🚒", "a b", "a\n\tb", "naïve — “quoted”"])
def test_what_is_seen_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_a_sequence_for_a_terminal_goes_whole() -> None:
    assert visible("\x1b[1;31mred\x1b[0m \x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\") == "red link"


def test_what_is_hidden_hides_no_secret() -> None:
    """A letter that nobody sees, in the middle of what looks like one."""
    assert gen.TOKEN not in redact(gen.TOKEN[:30] + "\u200b" + gen.TOKEN[30:])


@given(_texts, st.integers(1, 600))
@common
def test_both_ways_through_the_door(text: str, limit: int) -> None:
    assert unseen(redact(text)) == ""
    told = shorten(text, limit)
    assert told.isprintable()
    assert len(told) <= limit
    told.encode()


@given(st.recursive(_texts | st.integers() | st.none(), lambda i: st.lists(i) | st.dictionaries(st.text(), i)))
@common
def test_all_texts_of_a_value(value: Any) -> None:
    seen = all_visible(value)
    assert not any(unseen(text) for text in strings(seen))
    assert all_visible(seen) == seen


# --- what parses answers ----------------------------------------------------------------------------------------------

_KEYS = (
    *("kind", "metadata", "spec", "status", "name", "namespace", "uid", "conditions", "type", "reason", "message"),
    *(
        "dependsOn",
        "sourceRef",
        "url",
        "path",
        "artifact",
        "revision",
        "state",
        "inventory",
        "entries",
        "id",
        "history",
    ),
    *("lastAppliedRevision", "lastAttemptedRevision", "targetNamespace", "storageClassName", "involvedObject"),
    *("containerStatuses", "waiting", "terminated", "lastState", "exitCode", "phase", "creationTimestamp"),
)
_odd = st.recursive(
    _texts | st.integers() | st.sampled_from(["Ready", "False", "PodScheduled", "9999-12-31T23:59:59Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=6),
    max_leaves=30,
)
VIEWS: tuple[Callable[[Any], Any], ...] = (
    flux.flux_object,
    flux.helm_release,
    flux.kustomization,
    flux.source,
    kube_objects.node,
    kube_objects.deployment,
    kube_objects.storage_class,
    kube_objects.unbound_claim,
    kube_objects.warning,
    kube_objects.uid,
    lambda raw: kube_objects.pod_trouble(raw, NOW),
)


@given(_odd)
@settings(common, max_examples=300)
def test_views_of_a_new_cluster(raw: Any) -> None:
    for parse in VIEWS:
        for text in strings(parse(raw)):
            assert text.isprintable()
            assert len(text) <= 512 + 2 * 253


@given(_texts, _texts)
@common
def test_what_opentofu_says(summary: str, detail: str) -> None:
    line = json.dumps({"type": "diagnostic", "diagnostic": {"severity": "error", "summary": summary, "detail": detail}})
    progress = apply_progress.fold_lines([line])
    told = diagnosis.diagnose("tofu-apply", 1, f"{summary}\n\nError: {detail}", progress.errors)
    assert progress.errors
    assert not any(unseen(text) for text in strings(progress.errors))
    assert all(entry.message.isprintable() for entry in told)
    assert shorten(error_text.of_output(f"{summary} Error: {detail}")).isprintable()


@given(_texts)
@example("\n")
@common
def test_entries_of_vendors_and_git(text: str) -> None:
    assert codes.GIT_PUSH.entry(text).message.isprintable()
    assert newest.said(text, SecretStr("correct-horse"), 300).isprintable()
    assert all(host.isprintable() for host in tidy([text, f"ns1.{text}.example"]))


# --- what people read -------------------------------------------------------------------------------------------------


def _cluster(said: str) -> ClusterView:
    """A cluster whose every text says this, past all that parses it."""
    condition = FluxCondition("Ready", "False", said, said, 1)
    kit = KustomizationView(
        kind="Kustomization",
        namespace="flux-system",
        name=kit_name("omantel.omani.works"),
        conditions=(condition,),
        inventory=(f"flux-system_bp-{said}_helm.toolkit.fluxcd.io_HelmRelease",),
        applied_revision=said,
    )
    release = HelmReleaseView(kind="HelmRelease", namespace="flux-system", name=f"bp-{said}", conditions=(condition,))
    return ClusterView(
        LinkView(Link.UP, NOW, said),
        True,
        (release,),
        (kit,),
        Survey(NOW, said, too_much=said),
        ConsoleView(NOW, False),
    )


@given(_texts, st.sampled_from(list(Link)))
@common
async def test_neither_status_nor_an_event_says_what_cannot_be_seen(said: str, state: Link) -> None:
    # Halves of letters are what no status can hold: whatever parses takes them out.
    said = "".join(letter for letter in said if not "\ud800" <= letter <= "\udfff")
    begun = Bootstrap(NOW - timedelta(hours=3), NOW - timedelta(hours=3))
    view = dataclasses.replace(_cluster(said), link=LinkView(state, NOW - timedelta(hours=2), said))
    o = gen.observation(gen.known(gen.succeeded(), bootstrap=begun), gen.seen(cluster=view))
    after = decide(o).status
    assert after is not None
    api = FakeApi()
    api.put("namespaces", {"metadata": {"name": "team-a"}})
    api.put("sovereigns", gen.raw_sovereign())
    version = api.all("sovereigns")[0]["metadata"]["resourceVersion"]
    news = events.between(o.sovereign, after, NOW)
    await write_status(
        api.client(), SOVEREIGNS, ("Sovereign", o.sovereign.metadata), o.sovereign.status, after, version, news
    )
    written = [api.all("sovereigns")[0]["status"], *api.all("events")]
    assert len(written) > 1
    assert not [text for text in strings(written) if unseen(text)]


@given(_texts)
@common
def test_nor_does_the_log(said: str) -> None:
    """Whoever logs: a traceback quotes what it broke on."""
    try:
        raise KeyError(said)
    except KeyError as error:
        record = logging.LogRecord("x", logging.ERROR, "x", 1, "%s", (said,), (KeyError, error, None))
    assert unseen(VisibleFormatter("%(message)s").format(record)) == ""


@given(_texts)
@common
def test_nor_does_an_error(said: str) -> None:
    for error in (ApiError(500, said), GitError(said), RegistrarRefused(said, "a remedy"), TooMuch(said)):
        assert unseen(str(error)) == ""
