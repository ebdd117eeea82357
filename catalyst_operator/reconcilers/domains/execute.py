"""Doing, for domains: each action of a decision as calls to an API. Every one may be repeated."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from catalyst_operator.adapters import kube
from catalyst_operator.adapters.kube import Kube
from catalyst_operator.api import labels
from catalyst_operator.core.domains import actions
from catalyst_operator.core.domains.observation import DomainObservation
from catalyst_operator.errors import DnsConflict, NotFound
from catalyst_operator.reconcilers.domains.credentials import Found
from catalyst_operator.reconcilers.domains.outside import DomainsOutside

log = logging.getLogger(__name__)


class DomainExecutor:
    """Carries out the actions for one observation, in order."""

    def __init__(
        self, client: Kube, outside: DomainsOutside, o: DomainObservation, registrar: Found, changed: Callable[[], None]
    ) -> None:
        self._kube = client
        self._outside = outside
        self._o = o
        self._registrar = registrar
        self._changed = changed
        self.resource_version = o.reservation.metadata.resource_version
        """Of the reservation, after what was done to it here."""

    async def run(self, action: actions.DomainAction) -> None:
        """Raises CatalystError; what was done before stays done, and the next decision starts from there."""
        held = self._o.reservation.metadata.finalizers
        match action:
            case actions.Hold():
                wanted = dict.fromkeys((*held, labels.FINALIZER_DOMAIN_RESERVATION))
                await self._patch({"finalizers": list(wanted)})
            case actions.LetGo():
                left = [name for name in held if name != labels.FINALIZER_DOMAIN_RESERVATION]
                with suppress(NotFound):
                    await self._patch({"finalizers": left})
            case actions.DeleteReservation():
                await self._kube.delete(
                    kube.DOMAIN_RESERVATIONS, "", self._o.name, uid=self._o.reservation.metadata.uid_here
                )
            case actions.RememberNameservers(hosts=hosts):
                await self._patch({"annotations": {labels.ANNOTATION_PREVIOUS_NAMESERVERS: ",".join(hosts)}})
            case actions.CreateZone(zone=zone):
                # One that came in between is looked at the next time: whose it is decides.
                with suppress(DnsConflict):
                    await self._outside.zones.create(zone)
            case actions.ChangeZone(zone=zone, changes=changes):
                await self._outside.zones.change(zone, changes)
            case actions.ChangePool(zone=zone, changes=changes):
                await self._outside.pools.change(zone, changes)
            case actions.DeleteZone(zone=zone):
                await self._outside.zones.delete(zone)
            case actions.AskDns(key=key, question=question):
                errand = partial(self._outside.dns.look, key, question)
                self._outside.looks.run(self._o.uid, key, errand, self._changed, owner=self._o.namespace)
            case actions.AskRegistrar(key=key, domain=domain, hosts=hosts):
                registrar = self._o.reservation.spec.registrar
                if registrar is not None:
                    account = (registrar.name, self._registrar.content)
                    asked = (self._o.uid, key, account, domain, hosts, self._changed)
                    self._outside.talks.ask(*asked, owner=self._o.namespace)

    async def _patch(self, meta: dict[str, Any]) -> None:
        """Change metadata, only as it was observed."""
        patch = {"metadata": {"resourceVersion": self.resource_version, **meta}}
        after = await self._kube.merge(kube.DOMAIN_RESERVATIONS, "", self._o.name, patch)
        self.resource_version = after["metadata"]["resourceVersion"]
