"""Objects that nobody made in good faith: whatever a new cluster says, there is a decision, and a status that the
management cluster takes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst_operator.api.sovereign_status import SovereignStatus
from catalyst_operator.core.decide import decide
from catalyst_operator.core.phase1 import flux, kube_objects
from catalyst_operator.core.phase1.views import ClusterView, ConsoleView, Link, LinkView, Survey, kit_name
from catalyst_operator.core.record import Bootstrap
from tests.support import gen
from tests.support.gen import NOW

FQDN = gen.sovereign().spec.domain.fqdn
KIT = kit_name(FQDN)
_names = st.sampled_from(["bp-cilium", "bp-flux", "", "x" * 253, "x" * 400, "a_b", "bp-cilium "]) | st.text(max_size=5)
_texts = st.sampled_from(["", "x" * 9000, "401 unauthorized", "a\n\x00b"]) | st.text(max_size=20)
_times = st.sampled_from(
    ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "2026-11-22T11:00:00Z", "soon", ""]
)
_truths = st.sampled_from(["True", "False", "Unknown", "", "maybe"])
_conditions = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["Ready", "Stalled", "Released", "FetchFailed", "Available", "PodScheduled", ""]),
            "status": _truths,
            "reason": _texts,
            "message": _texts,
            "lastTransitionTime": _times,
            "observedGeneration": st.integers(),
        }
    ),
    max_size=4,
)


def _object(names: st.SearchStrategy[str], **parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    meta = {
        "name": names,
        "namespace": st.just("flux-system"),
        "creationTimestamp": _times,
        "generation": st.integers(),
    }
    return st.fixed_dictionaries({"metadata": st.fixed_dictionaries(meta), **parts})


_ids = st.builds(
    lambda name, kind: f"flux-system_{name}_{kind}",
    _names,
    st.sampled_from(["helm.toolkit.fluxcd.io_HelmRelease", "kustomize.toolkit.fluxcd.io_Kustomization", "__", ""]),
)
_status = {"conditions": _conditions}
_releases = _object(
    _names,
    status=st.fixed_dictionaries({**_status, "installFailures": st.integers()}),
    spec=st.fixed_dictionaries({"dependsOn": st.lists(st.fixed_dictionaries({"name": _names}), max_size=3)}),
)
_kustomizations = _object(
    st.sampled_from([KIT, KIT, "apps"]),
    status=st.fixed_dictionaries(
        {
            **_status,
            "inventory": st.fixed_dictionaries({"entries": st.lists(st.fixed_dictionaries({"id": _ids}), max_size=8)}),
            "lastAppliedRevision": _texts,
        }
    ),
)
_pods = _object(_names, status=st.fixed_dictionaries({**_status, "phase": _texts}))
_events = st.fixed_dictionaries({"lastTimestamp": _times, "message": _texts, "reason": _texts})


def _by_key(views: list[Any]) -> tuple[Any, ...]:
    return tuple({view.key: view for view in views}.values())


@given(
    st.lists(_releases, max_size=4),
    st.lists(_kustomizations, max_size=3),
    st.lists(_pods, max_size=3),
    st.lists(_events, max_size=3),
    _texts,
    st.sampled_from([Link.UP, Link.UP, *Link]),
)
@settings(derandomize=True, deadline=None, max_examples=150)
def test_there_is_always_a_status(
    releases: list[Any], kustomizations: list[Any], pods: list[Any], events: list[Any], said: str, link: Link
) -> None:
    troubles = filter(None, (kube_objects.pod_trouble(raw, NOW) for raw in pods))
    view = ClusterView(
        link=LinkView(link, NOW, kube_objects.warning({"message": said}).message),
        synced=True,
        releases=_by_key([flux.helm_release(raw) for raw in releases]),
        kustomizations=_by_key([flux.kustomization(raw) for raw in kustomizations]),
        survey=Survey(
            NOW,
            nodes=tuple(map(kube_objects.node, pods)),
            deployments=tuple(map(kube_objects.deployment, releases)),
            sources=tuple(map(flux.source, releases)),
            storage_classes=(),
            claims=(),
            pods=tuple(troubles),
            events=tuple(map(kube_objects.warning, events)),
            certificates=tuple(map(flux.flux_object, releases)),
        ),
        console=ConsoleView(NOW, False, "no answer"),
    )
    begun = Bootstrap(NOW - timedelta(hours=3), NOW - timedelta(hours=3))
    o = gen.observation(gen.known(gen.succeeded(), bootstrap=begun), gen.seen(cluster=view))
    told = decide(o).status
    assert told is not None
    wire = told.to_wire()
    SovereignStatus.model_validate(wire)
    for field in ("components", "kustomizations"):
        names = [entry["name"] for entry in wire.get(field, ())]
        assert len(names) == len(set(names)), f"{field} is a map by names"
    assert all(entry["message"] for entry in wire.get("lastErrors", ()))
