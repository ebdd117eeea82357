"""OVHcloud: name servers of a registered domain as a task that it carries out, and NS records where it has the zone.

Written after the schema behind the console at eu.api.ovh.com/console (/domain, /domain/zone, /auth: paths, bodies,
states of tasks), the guides "Configure the DNS of your Domain Name" and "Tasks Management", and "First steps with the
OVHcloud APIs", which has the signature. The guide prints the body of nameServers/update with `nameServer`; the schema,
and clients that work, have `nameServers`. Codes of refusals are in no document but in OVHcloud's own clients; a refusal
with another code is told by its HTTP status.

Of the flags of a name server, `isUsed` and `toDelete`, the documents say nothing but their names. Here those in use are
in force, and those that do not go are what a change under way leads to. A wrong guess does no harm: while a task is
under way no second one is made, and what differs from it has to wait.

A domain whose servers are OVHcloud's own is of the type `hosted` and becomes `external` before it gets others. It stays
so when its old servers are set again: whoever wants OVHcloud to look after them, and DNSSEC, changes it back there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from catalyst_operator.adapters.registrars.http import Api
from catalyst_operator.adapters.registrars.nameservers import DELEGATION_TTL, check_hidden, check_some, full_name, tidy
from catalyst_operator.adapters.registrars.ovh_api import ENDPOINTS, NOT_GRANTED, OvhApi, OvhCredentials
from catalyst_operator.adapters.registrars.vendor import Vendor
from catalyst_operator.core.domains.registrar import Domain, RegistrarView
from catalyst_operator.errors import RegistrarForbidden, RegistrarRefused

FUNCTION = "DomainDnsUpdate"
"""What the tasks that change name servers are called."""
UNDER_WAY = frozenset({"todo", "doing"})
BROKEN = frozenset({"error", "problem", "cancelled"})
EXTERNAL = "external"


class _Rule(BaseModel):
    method: str
    path: str

    def covers(self, method: str, path: str) -> bool:
        """Whether it grants a call. An asterisk stands for anything, slashes as well."""
        pattern = ".*".join(map(re.escape, self.path.split("*")))
        return self.method == method and re.fullmatch(pattern, path) is not None


class _Consumer(BaseModel):
    rules: tuple[_Rule, ...] = ()


class _Domain(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    name_server_type: str = Field(default="", alias="nameServerType")


class _Zone(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    name_servers: tuple[str, ...] = Field(default=(), alias="nameServers")


class _Server(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    host: str
    is_used: bool = Field(default=True, alias="isUsed")
    to_delete: bool = Field(default=False, alias="toDelete")


class _Task(BaseModel):
    id: int
    function: str
    status: str
    comment: str | None = None


class _Record(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    id: int
    sub_domain: str | None = Field(default=None, alias="subDomain")
    field_type: str = Field(alias="fieldType")
    target: str


class Ovh:
    """One OVHcloud account; see `registrar.Registrar`."""

    def __init__(self, credentials: OvhCredentials, api: Api) -> None:
        self._api = OvhApi(credentials, api)

    async def validate(self, domain: Domain) -> None:
        """See Registrar."""
        await self._check_rights(_calls(domain, await self._domain(domain)))
        if domain.is_registered:
            return
        await self._check_served(domain)
        if not await self._records(domain, domain.label, "NS"):
            await self._check_hidden(domain, ())

    async def get(self, domain: Domain) -> RegistrarView:
        """See Registrar."""
        if not domain.is_registered:
            return RegistrarView(tidy(record.target for record in await self._records(domain, domain.label, "NS")))
        servers = await self._servers(domain)
        hosts = tidy(server.host for server in servers if server.is_used)
        last = await self._last_task(domain)
        if last is None:
            return RegistrarView(hosts)
        pending = f"OVHcloud's task {last.id} is {last.status}" if last.status in UNDER_WAY else ""
        comment = self._api.words(last.comment or "")
        why = f": {comment}" if comment else ""
        failed = f"OVHcloud's task {last.id} ended as {last.status}{why}" if last.status in BROKEN else ""
        return RegistrarView(hosts, pending, failed)

    async def set_nameservers(self, domain: Domain, hosts: tuple[str, ...]) -> None:
        """See Registrar."""
        check_some(domain, hosts)
        wanted = tidy(hosts)
        if domain.is_registered:
            await self._flip(domain, wanted)
        else:
            await self._delegate(domain, wanted)

    async def _flip(self, domain: Domain, wanted: tuple[str, ...]) -> None:
        """A change that is under way is not joined by a second one."""
        seen = await self.get(domain)
        if seen.pending:
            servers = await self._servers(domain)
            if tidy(server.host for server in servers if not server.to_delete) != wanted:
                raise self._api.passing("is still carrying out another change of the name servers")
            return
        if seen.nameservers == wanted:
            return
        found = await self._domain(domain)
        if found.name_server_type != EXTERNAL:
            await self._api.change("PUT", _path(domain), {"nameServerType": EXTERNAL})
        body = {"nameServers": [{"host": host} for host in wanted]}
        await self._api.change("POST", f"{_path(domain)}/nameServers/update", body)

    async def _delegate(self, domain: Domain, wanted: tuple[str, ...]) -> None:
        """Records are added before others go, and all of it is published at once by the refresh."""
        zone = _zone(domain)
        there = await self._records(domain, domain.label, "NS")
        if wanted and not there:
            await self._check_hidden(domain, wanted)
        known = {host: record for record in there for host in tidy([record.target])}
        for host in wanted:
            if host not in known:
                body = {"fieldType": "NS", "subDomain": domain.label, "target": f"{host}.", "ttl": DELEGATION_TTL}
                await self._api.change("POST", f"{zone}/record", body)
        for record in there:
            if tidy([record.target])[0] not in wanted:
                await self._api.change("DELETE", f"{zone}/record/{record.id}")
        # Also when nothing had to change: an earlier attempt may have ended just before this.
        await self._api.change("POST", f"{zone}/refresh")

    async def _check_rights(self, calls: Sequence[tuple[str, str]]) -> None:
        """A consumer key can be asked which calls it may make; one that may not ask shows it with the first change."""
        try:
            answer = await self._api.read("/auth/currentCredential")
        except RegistrarForbidden:
            return
        rules = self._api.parsed(_Consumer, answer).rules
        lacking = [f"{method} {path}" for method, path in calls if not any(rule.covers(method, path) for rule in rules)]
        if lacking:
            raise RegistrarForbidden(f"{NOT_GRANTED.message}: {', '.join(lacking)}", NOT_GRANTED.remedy)

    async def _check_served(self, domain: Domain) -> None:
        """NS records in a zone that nobody asks delegate nothing."""
        zone = self._api.parsed(_Zone, await self._api.read(_zone(domain)))
        served_by = tidy(server.host for server in await self._servers(domain) if server.is_used)
        if not set(served_by) & set(tidy(zone.name_servers)):
            raise RegistrarRefused(
                f"{domain.registered} is not served by its zone at OVHcloud: its name servers are others",
                f"Make the NS records for {domain.name} where {domain.registered} is served, and choose byo-manual.",
            )

    async def _check_hidden(self, domain: Domain, hosts: tuple[str, ...]) -> None:
        records = await self._api.each(f"{_zone(domain)}/record", _Record)
        found = ((full_name(domain, one.sub_domain or ""), one.field_type) for one in records)
        check_hidden(domain, hosts, found, "OVHcloud")

    async def _domain(self, domain: Domain) -> _Domain:
        return self._api.parsed(_Domain, await self._api.read(_path(domain)))

    async def _records(self, domain: Domain, label: str, kind: str) -> list[_Record]:
        """The filters are for what is like these values, so that others may be among what is found."""
        query = {"fieldType": kind, "subDomain": label}
        found = await self._api.each(f"{_zone(domain)}/record", _Record, query)
        return [one for one in found if one.field_type == kind and (one.sub_domain or "").lower() == label]

    async def _servers(self, domain: Domain) -> list[_Server]:
        return await self._api.each(f"{_path(domain)}/nameServer", _Server)

    async def _last_task(self, domain: Domain) -> _Task | None:
        """The filter is for functions like the one named, so that others may be among them."""
        path = f"{_path(domain)}/task"
        for number in sorted(await self._api.ids(path, {"function": FUNCTION}), reverse=True):
            task = self._api.parsed(_Task, await self._api.read(f"{path}/{number}"))
            if task.function == FUNCTION:
                return task
        return None


def _calls(domain: Domain, found: _Domain) -> list[tuple[str, str]]:
    """The calls that a change of the name takes."""
    path, zone = _path(domain), _zone(domain)
    if not domain.is_registered:
        return [("POST", f"{zone}/record"), ("DELETE", f"{zone}/record/1"), ("POST", f"{zone}/refresh")]
    released = [] if found.name_server_type == EXTERNAL else [("PUT", path)]
    return [*released, ("POST", f"{path}/nameServers/update")]


def _path(domain: Domain) -> str:
    return f"/domain/{quote(domain.registered, safe='')}"


def _zone(domain: Domain) -> str:
    return f"/domain/zone/{quote(domain.registered, safe='')}"


VENDOR = Vendor("OVHcloud", ENDPOINTS["ovh-eu"], (OvhCredentials,), Ovh)
