"""A look at whose project it is that a token opens, and at who else is in a Sovereign's network. It only ever reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, RootModel, SecretStr

from catalyst_operator.adapters.project.hetzner_api import PROJECT_LOOK_SECONDS, HetznerApi, opened
from catalyst_operator.api.labels import LABEL_SOVEREIGN_UID
from catalyst_operator.clock import Clock, now
from catalyst_operator.core.project import belongings, looking
from catalyst_operator.core.project.belongings import Holdings, Thing, Whose
from catalyst_operator.core.project.identity import ForeignMember, ProjectAnswer, ProjectQuestion
from catalyst_operator.core.project.looking import AllLabelled, Looking, Question, SweepLook
from catalyst_operator.errors import CloudNotFound, CloudUnavailable

NETWORKS, FIREWALLS, SERVERS, LOAD_BALANCERS = "networks", "firewalls", "servers", "load_balancers"
TELLING = (NETWORKS, SERVERS, LOAD_BALANCERS, FIREWALLS, "placement_groups", "ssh_keys")
"""Kinds of which one with the Sovereign's label says that this is its project, the most lasting first."""


class _Labelled(BaseModel):
    id: int
    name: str
    labels: Mapping[str, str] = {}


class _Raw(RootModel[dict[str, Any]]):
    """An object as the API shows it."""


class _Reference(BaseModel):
    id: int


class _Resource(BaseModel):
    server: _Reference | None = None


class _Application(_Resource):
    applied_to_resources: tuple[_Resource, ...] | None = None
    """What a label selector stands for at the moment."""


class _Firewall(_Labelled):
    applied_to: tuple[_Application, ...] = ()


Kept = TypeVar("Kept", bound=_Labelled)


async def look(
    endpoint: str,
    token: SecretStr,
    question: ProjectQuestion,
    *,
    clock: Clock = now,
    limit_seconds: float = PROJECT_LOOK_SECONDS,
) -> ProjectAnswer:
    """What the project has of the Sovereign. An empty endpoint is Hetzner's own. Raises CloudError."""
    async with opened(endpoint, token, clock, limit_seconds) as api:
        project = _Project(api, question)
        return ProjectAnswer(await project.evidence(), await project.foreign() if question.members else ())
    raise AssertionError("unreachable: `opened` ends in a result or an error")


class _Project:
    """What one question needs to know of a project."""

    def __init__(self, api: HetznerApi, question: ProjectQuestion) -> None:
        self._api = api
        self._question = question
        self._selector = {"label_selector": f"{LABEL_SOVEREIGN_UID}=={question.uid}"}

    async def evidence(self) -> str:
        """The first object that is the Sovereign's. The network tells by its id; where it is gone, or its label is,
        whatever else carries the label does."""
        if self._question.network_id and (network := await self._network_by_id()):
            return _named(NETWORKS, network)
        for kind in TELLING:
            for found in await self._ours(kind, _Labelled):
                return _named(kind, found)
        return ""

    async def _network_by_id(self) -> _Labelled | None:
        try:
            found = await self._api.one(NETWORKS, self._question.network_id, _Labelled)
        except CloudNotFound:
            return None
        return found if found.labels.get(LABEL_SOVEREIGN_UID) == self._question.uid else None

    async def foreign(self) -> tuple[ForeignMember, ...]:
        """Who else hangs on the Sovereign's objects, or is behind its firewalls."""
        seen = await self._conversed(looking.look(self._holdings(), only_in_use=True))
        hanging = [
            ForeignMember(thing.kind, thing.id, thing.name, self._of(thing, seen.holdings), shared=what is Whose.SHARED)
            for thing, what in seen.things
            if belongings.in_the_way(thing, what, sweep_all=False) and not self._is_named_as_ours(thing)
        ]
        firewalls = await self._ours(FIREWALLS, _Firewall)
        told = {(member.kind, member.id) for member in hanging}
        behind = await self._foreign(SERVERS, [(id_, f"firewall {f.name}") for f in firewalls for id_ in _behind(f)])
        return (*hanging, *(member for member in behind if (member.kind, member.id) not in told))

    def _holdings(self) -> Holdings:
        network = self._question.network_id
        held = {(belongings.NETWORKS, int(network))} if network.isdigit() else ()
        return Holdings(self._question.uid, held=frozenset(held))

    async def _conversed(self, conversation: Looking) -> SweepLook:
        """What a look comes to with the answers of this project. Raises CloudError."""
        try:
            question = next(conversation)
            while True:
                question = conversation.send(await self._answer(question))
        except StopIteration as end:
            seen: SweepLook = end.value
            return seen
        except ValueError as error:
            told = str(error)
        raise CloudUnavailable(told)

    async def _answer(self, question: Question) -> list[Mapping[str, Any]]:
        if isinstance(question, AllLabelled):
            return [raw.root for raw in await self._api.all(question.kind, _Raw, {"label_selector": question.selector})]
        try:
            return [(await self._api.one(question.kind, str(question.id), _Raw)).root]
        except CloudNotFound:
            return []

    def _of(self, thing: Thing, holdings: Holdings) -> str:
        """What of the Sovereign's it hangs on; the network is known by the Sovereign's name. What carries the label and
        hangs on others' objects only is told as such."""
        if not (common := thing.members & holdings.members):
            return "with this Sovereign's label, but elsewhere"
        kind, id_ = min(common)
        return f"network {self._question.cluster_name}" if kind == NETWORKS else f"{kind.removesuffix('s')} {id_}"

    def _is_named_as_ours(self, thing: Thing | _Labelled) -> bool:
        """The state, which is not read here, may list one that lost its label."""
        return thing.name.startswith(f"{self._question.cluster_name}-") and LABEL_SOVEREIGN_UID not in thing.labels

    async def _foreign(self, kind: str, members: Sequence[tuple[int, str]]) -> list[ForeignMember]:
        """Of members, each with what it is a member of, those that are not the Sovereign's by label or name."""
        ours = {found.id for found in await self._ours(kind, _Labelled)} if members else set()
        strange = [(await self._named(kind, id_), of) for id_, of in members if id_ not in ours]
        return [
            ForeignMember(kind, item.id, item.name, of, shared=True)
            for item, of in strange
            if item is not None and not self._is_named_as_ours(item)
        ]

    async def _named(self, kind: str, id_: int) -> _Labelled | None:
        """None for one that has gone meanwhile."""
        try:
            return await self._api.one(kind, str(id_), _Labelled)
        except CloudNotFound:
            return None

    async def _ours(self, kind: str, model: type[Kept]) -> list[Kept]:
        return await self._api.all(kind, model, self._selector)


def _behind(firewall: _Firewall) -> Iterable[int]:
    """The servers that a firewall is applied to, one by one or by their labels."""
    resources = (r for applied in firewall.applied_to for r in (applied, *(applied.applied_to_resources or ())))
    return dict.fromkeys(resource.server.id for resource in resources if resource.server)


def _named(kind: str, found: _Labelled) -> str:
    return f"{kind}/{found.id} {found.name}"
