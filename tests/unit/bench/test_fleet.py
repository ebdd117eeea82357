"""The fleet of the benchmark: fake clusters are followed as real ones are, and what is measured is what it says."""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections import Counter
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from catalyst_operator.adapters.new_cluster import authorities, minting
from catalyst_operator.adapters.new_cluster.clusters import Clusters
from catalyst_operator.adapters.new_cluster.remote import RemoteCluster
from catalyst_operator.api import labels
from catalyst_operator.api.conditions import ConditionType, Reason
from catalyst_operator.core import kit, naming
from catalyst_operator.core.access.identity import OBSERVER, Access
from catalyst_operator.core.actions import CreateJob, WatchCluster, WriteRecord
from catalyst_operator.core.decide import decide
from catalyst_operator.core.phase1 import presence
from catalyst_operator.core.phase1.target import Target
from catalyst_operator.core.phase1.views import ClusterView, ConsoleView, Link
from catalyst_operator.core.record import from_json
from catalyst_operator.reconcilers.observe import state_of
from e2e.bench import targets
from e2e.bench.changes import Arrival, Sent
from e2e.bench.fleet import preparation, processes, report, seen
from e2e.bench.fleet.api_server import ApiServer
from e2e.bench.fleet.churn import Churn
from e2e.bench.fleet.load import Load
from e2e.bench.fleet.measure import Fleet, Holes
from e2e.bench.fleet.objects import Kit
from e2e.bench.fleet.run import Begin, Stretch, latencies
from e2e.support import waiting
from tests.support import gen

SOVEREIGN = gen.sovereign(gen.meta(finalizers=[labels.FINALIZER_SOVEREIGN]))

# --- fake clusters ----------------------------------------------------------------------------------------------------

KIT = Kit("omantel.omani.works", ("one-control-plane-0",), ("bp-cilium", "bp-flux", "bp-catalyst-platform"))


async def no_console(_address: str, _fqdn: str) -> ConsoleView:
    return ConsoleView(datetime.now(UTC), True)


async def until(holds: Any) -> None:
    await waiting.until(holds, seconds=10)


async def test_a_fake_cluster_is_followed_as_a_real_one() -> None:
    trust = authorities.make(datetime.now(UTC))
    server = ApiServer("one", "127.0.0.1", KIT, trust.files)
    await server.start([0])

    async def mint() -> Access:
        address, now = (f"127.0.0.1:{server.port}",), datetime.now(UTC)
        hour = timedelta(hours=1)
        return minting.access(
            trust.files, servers=address, fqdn=KIT.fqdn, user=OBSERVER, groups=(), now=now, lifetime=hour
        )

    clusters = Clusters(RemoteCluster, no_console, lambda: datetime.now(UTC))
    target = Target(("127.0.0.1",), KIT.fqdn, "127.0.0.1", False, timedelta(seconds=10))

    def view() -> ClusterView:
        found = clusters.view("u")
        assert found
        return found

    try:
        assert server.watched_since is None
        clusters.watch("u", target, mint, lambda: None)
        await until(lambda: view().synced and view().survey and server.watched_since)
        assert view().link.state is Link.UP
        assert [r.name for r in view().releases if r.ready] == ["bp-cilium", "bp-flux"]
        assert presence.objects_awaited(view(), KIT.fqdn) == ()
        survey = view().survey
        assert survey
        assert presence.unavailable(survey) == ()
        assert None not in asdict(survey).values(), "each list is served"
        assert (survey.pods, survey.claims, survey.events) == ((), (), ()), "nothing is in trouble"

        server.change("bp-flux", 1)
        await until(lambda: [r.name for r in view().releases if r.ready] == ["bp-cilium"])
    finally:
        await clusters.close()
        await until(lambda: server.watched_since is None)
        await server.stop()


# --- Sovereigns that were never provisioned ---------------------------------------------------------------------------


def left(kind: str, name: str) -> dict[str, Any]:
    made = preparation.left_behind(SOVEREIGN, authorities.make(gen.NOW), "127.99.0.1", "key")
    return next(m for m in made if (m["kind"], m["metadata"]["name"]) == (kind, name))


def test_the_operator_takes_what_was_prepared_for_what_an_apply_left() -> None:
    prepared = from_json(left("ConfigMap", naming.RECORD)["data"]["record.json"])
    plain = gen.observation(gen.known(*prepared.runs), gen.unseen)
    o = replace(plain, sovereign=SOVEREIGN, record=prepared, state=state_of(left("Secret", naming.STATE_SECRET)))
    decision = decide(o)
    assert not [action for action in decision.actions if isinstance(action, CreateJob)]
    (watch,) = (action for action in decision.actions if isinstance(action, WatchCluster))
    assert watch.target.addresses == ("127.99.0.1",)
    (write,) = (action for action in decision.actions if isinstance(action, WriteRecord))
    assert write.record.bootstrap is not None
    assert decision.status
    told = {c.type: c for c in decision.status.conditions}
    assert told[ConditionType.TOFU_OUTPUT.value].status == "True"
    assert told[ConditionType.READY.value].reason == Reason.AWAITING_FLUX_BOOTSTRAP.value


def test_state_is_packed_as_opentofu_packs_it() -> None:
    packed = base64.b64decode(left("Secret", naming.STATE_SECRET)["data"]["tfstate"])
    assert json.loads(gzip.decompress(packed))["serial"] == preparation.SERIAL


def test_kit_has_twelve_releases_of_the_real_one_and_one_is_not_installed() -> None:
    found = preparation.kit_of(SOVEREIGN)
    assert len(found.releases) == preparation.RELEASES
    assert set(found.releases) <= set(kit.expected(SOVEREIGN.spec))
    assert len(found.installed) == preparation.RELEASES - 1


def test_each_cluster_has_an_address_of_its_own() -> None:
    addresses = [preparation.address_of(number) for number in range(600)]
    assert len(set(addresses)) == len(addresses)
    assert not any(address.endswith((".0", ".255")) for address in addresses)


# --- changes ----------------------------------------------------------------------------------------------------------

ALL = [("one", "bp-a"), ("one", "bp-b"), ("two", "bp-a"), ("two", "bp-b")]


def test_so_many_change_in_each_second_and_none_twice() -> None:
    planned = Churn().plan(ALL, 3, 10)
    assert [change.after for change in planned] == sorted(change.after for change in planned)
    for second in range(10):
        which = [(c.cluster, c.release) for c in planned if int(c.after) == second]
        assert len(which) == len(set(which)) == 3


def test_numbers_of_a_release_grow_with_time_and_go_on_in_the_next_stretch() -> None:
    churn = Churn()
    planned = [*churn.plan(ALL, 3, 10), *churn.plan(ALL, 3, 10)]
    counts: Counter[tuple[str, str]] = Counter()
    for change in planned:
        counts[change.cluster, change.release] += 1
        assert change.number == counts[change.cluster, change.release]


def test_only_what_arrived_has_a_latency() -> None:
    sent = [Sent("a/b", 1, 10.0), Sent("a/b", 2, 11.0)]
    assert latencies(sent, [Arrival(10.5, 1), None]) == (0.5,)


def test_of_an_event_only_what_is_measured_is_kept() -> None:
    status = {
        "conditions": [{"type": "FluxBootstrap", "status": "False", "reason": "APIUnreachable"}],
        "lastErrors": [{"code": "ERR_REMOTE_TOO_BIG"}],
        "components": [{"name": "bp-a", "message": "bench change 4"}, {"name": "bp-b"}],
    }
    assert seen.read({"metadata": {"name": "one"}, "status": status}) == seen.Seen(
        "one", 2, True, True, {"one/bp-a": 4}
    )
    assert seen.read({"metadata": {"name": "one"}}) == seen.Seen("one", 0, False, False, {})


# --- load -------------------------------------------------------------------------------------------------------------


def test_load_is_read_from_proc(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "statm").write_text("1000 256 30 1 0 50 0\n")
    fields = " ".join(["S", *["0"] * 10, "150", "50", "0"])
    (tmp_path / "7" / "stat").write_text(f"7 (a name) with 1) {fields}\n")
    assert processes.resident_mib(7, tmp_path) == 256 * os.sysconf("SC_PAGE_SIZE") / 2**20
    assert processes.processor_seconds(7, tmp_path) == 200 / os.sysconf("SC_CLK_TCK")


# --- the report -------------------------------------------------------------------------------------------------------


def fleet() -> Fleet:
    def stretch(name: str, told: float, resident: float) -> Stretch:
        return Stretch(name, 10, 60, 0.5, 2, 0, 1, (0.01,), (told, told), resident, 30.0)

    return Fleet(
        clusters=10,
        releases=120,
        busy_before=0.1,
        first=Begin(10, 20, 150, 4.0),
        rest=Load(170, 3.0),
        stretches=(stretch("all answer", 0.1, 180), stretch("5 are black holes", 0.3, 175)),
        holes=Holes(5, 40, 12),
        restart=Begin(9, 11, 190, 4.0),
    )


def test_the_worst_is_held_against_the_targets() -> None:
    assert dict(report.held(fleet())) == {
        targets.FLEET_RARE: 0.3,
        targets.FLEET_RESIDENT: 190,
        targets.FLEET_BACK: 9,
    }
    assert report.held(None) == []


def test_report_tells_of_every_stretch_and_of_the_silent_ones() -> None:
    text = report.as_text(fleet())
    for words in (
        "all answer: bare watchers",
        "5 are black holes: operator",
        "after 40 s",
        "12.0 s after",
        "180.0 MiB",
    ):
        assert words in text
    as_json = json.loads(json.dumps(report.as_json(fleet())))
    assert as_json["stretches"][1]["told"] == [0.3, 0.3]
    assert as_json["tails"][0]["floor"]["p50"] == 0.01
