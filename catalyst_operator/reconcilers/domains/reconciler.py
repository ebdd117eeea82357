"""The reconciler of DomainReservations: observe, decide, apply, and write status once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from pydantic import ValidationError

from catalyst_operator.adapters import kube, suffixes
from catalyst_operator.adapters.kube import Kube, Object
from catalyst_operator.adapters.powerdns import PowerDns
from catalyst_operator.api import labels
from catalyst_operator.api.common import ObjectMeta
from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.domain_reservation import DomainReservation, DomainReservationStatus
from catalyst_operator.api.enums import DomainMode
from catalyst_operator.clock import Clock
from catalyst_operator.core.domains import status
from catalyst_operator.core.domains.actions import DomainDecision
from catalyst_operator.core.domains.claims import claim, proof
from catalyst_operator.core.domains.claims.names import is_under, parent_of
from catalyst_operator.core.domains.decide import decide
from catalyst_operator.core.domains.observation import DomainObservation, ZoneView
from catalyst_operator.core.domains.steps import working
from catalyst_operator.core.errors import codes
from catalyst_operator.core.settings import CoreSettings
from catalyst_operator.core.telling import events
from catalyst_operator.errors import ApiError, DnsDenied, DnsError
from catalyst_operator.metrics import Metrics
from catalyst_operator.reconcilers.domains import claims, credentials
from catalyst_operator.reconcilers.domains.claims import Claims
from catalyst_operator.reconcilers.domains.credentials import Found
from catalyst_operator.reconcilers.domains.execute import DomainExecutor
from catalyst_operator.reconcilers.domains.outside import DomainsOutside
from catalyst_operator.reconcilers.unreadable import Unreadables
from catalyst_operator.reconcilers.writing import write_status

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Seen:
    observation: DomainObservation
    registrar: Found


class _Unread(Exception):
    """A reservation that is there and that this version cannot read."""

    def __init__(self, raw: Object, error: ValidationError) -> None:
        super().__init__(str(error))
        self.raw, self.error = raw, error


class DomainReconciler:
    """One `reconcile` at a time for one name; the work queue sees to that. Without `outside` no domains are served."""

    def __init__(
        self,
        client: Kube,
        outside: DomainsOutside | None,
        settings: CoreSettings,
        metrics: Metrics,
        clock: Clock,
        claims: Claims | None = None,
    ) -> None:
        self._kube = client
        self._claims = claims or Claims(client)
        self._outside = outside
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._unreadable = Unreadables(
            client, kube.DOMAIN_RESERVATIONS, "DomainReservation", settings.runbook_url, clock
        )
        self._uids: dict[str, str] = {}
        self.wake: Callable[[str], None] = lambda _: None
        """Set by the composition: called when something was heard about a name."""

    async def reconcile(self, name: str) -> timedelta | None:
        """Returns when to look again. Raises CatalystError, and is then tried again with backoff."""
        try:
            return await self._step(name)
        except _Unread as unread:
            return await self._unreadable.tell(name, unread.raw, unread.error)

    async def _step(self, name: str) -> timedelta | None:
        with self._metrics.reconcile():
            reservation = await self._read(name)
            if reservation is None:
                return None
            if claim.is_held(reservation) or reservation.metadata.deletion_timestamp:
                seen = await self._observe(reservation)
                decision = decide(seen.observation)
                if decision.status is None or not claims.is_changed(reservation, decision.status):
                    return await self._apply(seen, decision)
        async with self._claims.lock:
            fresh = await self._read(name)
            if fresh is None:
                return None
            seen = await self._observe(fresh)
            return await self._apply(seen, decide(seen.observation))

    async def _read(self, name: str) -> DomainReservation | None:
        raw = await self._kube.find(kube.DOMAIN_RESERVATIONS, "", name)
        uid = _mark_of(raw) if raw else ""
        if raw is not None and self._uids.get(name, uid) != uid:
            self._forget(name)
        if raw is None:
            self._forget(name)
            return None
        self._uids[name] = uid
        try:
            read = DomainReservation.parse(raw).known_as(uid)
        except ValidationError as error:
            raise _Unread(raw, error) from error
        self._unreadable.forget(name)
        return read

    def _forget(self, name: str) -> None:
        self._claims.forget(name)
        self._unreadable.forget(name)
        uid = self._uids.pop(name, None)
        if uid and self._outside:
            self._outside.forget(uid)

    async def _apply(self, seen: _Seen, decision: DomainDecision) -> timedelta | None:
        reservation = seen.observation.reservation
        meta, version = reservation.metadata, reservation.metadata.resource_version
        if self._outside and decision.actions:
            executor = DomainExecutor(
                self._kube, self._outside, seen.observation, seen.registrar, lambda: self.wake(meta.name)
            )
            try:
                for action in decision.actions:
                    log.debug("%s: %s", meta.name, type(action).__name__)
                    await executor.run(action)
            except DnsError as error:
                await self._tell(seen.observation, executor.resource_version, error)
                raise
            version = executor.resource_version
        if decision.status is not None:
            await self._write(seen.observation, version, decision.status)
        return decision.requeue_after

    async def _tell(self, o: DomainObservation, version: str, error: DnsError) -> None:
        """What keeps the operator from going on, in status: the log is not where people look."""
        message = f"PowerDNS did not take a change: {error}. It is tried again."
        try:
            told = codes.DNS_UNAVAILABLE.entry(message, addresses=(o.name,))
            step = working(Reason.RETRYING, message, summary=Reason.RETRYING, error=told)
            await self._write(o, version, status.summed_up(o, step))
        except ApiError as second:
            log.warning("%s: its trouble could not be told: %s", o.name, second)

    async def _write(self, o: DomainObservation, version: str, after: DomainReservationStatus) -> None:
        news = events.of_domain(o.reservation, after, o.now)
        about, before = ("DomainReservation", o.reservation.metadata), o.reservation.status
        given = claim.is_given(after) or bool(after.proven)
        # Before it is written, where it is given: the answer may get lost, and the name is given all the same.
        changed = self._claims.note(o.reservation, after) if given else False
        await write_status(self._kube, kube.DOMAIN_RESERVATIONS, about, before, after, version, news)
        if self._claims.note(o.reservation, after) or changed:
            # One of them may have waited for this, or has to give way.
            for name in self._claims.related(o.name):
                self.wake(name)

    # --- looking ------------------------------------------------------------------------------------------------------

    async def _observe(self, reservation: DomainReservation) -> _Seen:
        meta = reservation.metadata
        seen = DomainObservation(now=self._clock(), settings=self._settings, reservation=reservation)
        if self._outside is None:
            return _Seen(seen, Found())
        owned = await credentials.owner(self._kube, reservation)
        found = await credentials.find(self._kube, reservation, owned, self._settings.operator_namespace)
        # By its name: the mode may have been edited since the pool delegated it.
        pools = self._settings.domains.pools if self._settings.domains else ()
        pool = reservation.spec.mode is DomainMode.POOL or parent_of(meta.name) in pools
        judged = claim.is_held(reservation)
        settled = judged and proof.was_proven(reservation)
        # Also of one whose status was lost: our finalizer says that something may have been made.
        made = judged or labels.FINALIZER_DOMAIN_RESERVATION in meta.finalizers
        zone = await _zone(self._outside.zones, meta.name) if made else None
        # Nothing is delegated before there is a zone, and the pool's is long.
        served = zone is not None and zone.zone is not None and zone.zone.mark == meta.uid
        looks = made and pool and (served or meta.deletion_timestamp is not None)
        return _Seen(
            DomainObservation(
                now=self._clock(),
                settings=self._settings,
                reservation=reservation,
                registered=suffixes.registered(meta.name),
                claims=() if settled else await self._claims.around(meta.name),
                names_held=0 if judged else await self._names_held(reservation),
                owned=owned is not None and owned.metadata.deletion_timestamp is None,
                credentials=found.credentials,
                denied=found.denied,
                zone=zone,
                parent=await self._pool(meta) if looks else None,
                dns=self._outside.looks.report(meta.uid),
                registrar=self._outside.talks.report(meta.uid),
                talking=self._outside.talks.under_way(meta.uid),
            ),
            found,
        )

    async def _pool(self, meta: ObjectMeta) -> ZoneView | None:
        if self._outside is None or self._settings.domains is None:
            return None
        glue = any(is_under(server.host, meta.name) for server in self._settings.domains.nameservers)
        return await _pool(self._outside.pools, meta.name, meta.uid, glue=glue)

    async def _names_held(self, reservation: DomainReservation) -> int:
        reference, domains = reservation.spec.sovereign_ref, self._settings.domains
        if reference is None or domains is None:
            return 0
        return await self._claims.held_in(reference.namespace, reservation.metadata.name, domains.most_names)


def _mark_of(raw: Object) -> str:
    """What its zone and its records are marked with: its UID, or the one that it had before it was restored, by whoever
    may write reservations. None of the roles that are installed may."""
    meta = raw["metadata"]
    return str((meta.get("annotations") or {}).get(labels.ANNOTATION_ORIGINAL_UID) or meta["uid"])


async def _pool(server: PowerDns, name: str, mark: str, *, glue: bool) -> ZoneView:
    """What the pool's zone says of a name. Only before a first delegation all of it is looked through, for what that
    would hide."""
    pool = parent_of(name)
    view = await _zone(server, pool, "" if glue else name)
    found = view.zone.find(name, "NS") if view.zone else None
    enough = glue or not server.selects or (found is not None and found.mark == mark)
    return view if enough or view.problem else await _zone(server, pool)


async def _zone(server: PowerDns, name: str, only: str = "") -> ZoneView:
    try:
        return ZoneView(await server.zone(name, only))
    except DnsError as error:
        return ZoneView(problem=str(error), lasting=isinstance(error, DnsDenied))
