"""Looking: everything a decision needs, read once. Order matters where a later read must not be older than an earlier.

Pods are read before the state: once a Pod is seen ended, the state it wrote is seen too.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import zlib
from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr, ValidationError

from catalyst_operator.adapters import kube, secrets
from catalyst_operator.adapters.kube import Kube, Object
from catalyst_operator.api import labels
from catalyst_operator.api.domain_reservation import DomainReservation
from catalyst_operator.api.enums import OwnerKubeconfig
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.api.sovereign import Sovereign
from catalyst_operator.core import naming, proof, record
from catalyst_operator.core.access import seeds, transfer
from catalyst_operator.core.access.seeds import SecretView
from catalyst_operator.core.domains import of_sovereign
from catalyst_operator.core.domains.observation import DomainObservation
from catalyst_operator.core.moving import identity
from catalyst_operator.core.moving.identity import Holding, Standing
from catalyst_operator.core.observation import (
    ContainerView,
    CredentialsView,
    GivenStateView,
    JobView,
    LockView,
    NamespaceView,
    Observation,
    PodView,
    StateView,
)
from catalyst_operator.core.record import Record, RunEntry
from catalyst_operator.core.redact import shorten
from catalyst_operator.core.settings import CoreSettings
from catalyst_operator.core.telling.unreadable import unreadable
from catalyst_operator.core.tofu import given_state
from catalyst_operator.core.tofu.apply_progress import Progress
from catalyst_operator.errors import CorruptRecord, NotFound, Refused, Unavailable
from catalyst_operator.reconcilers.outside import Outside

log = logging.getLogger(__name__)
HTTP_FORBIDDEN = 403
FOREIGN = "foreign"
"""Stands for the UID of a Sovereign where a Secret has none."""
DIAGNOSED = ("tofu-plan", "tofu-apply")
"""Containers whose log holds diagnostics as JSON lines."""
LOCK_INFO = "app.terraform.io/lock-info"
"""Annotation of the Lease in which OpenTofu says who holds the lock."""
GZIP = 16 + zlib.MAX_WBITS
MAX_STATE = 32 << 20
"""Bytes of an unpacked state."""
MAX_GIVEN_STATE = 2 << 20
"""The same of one that somebody hands in. It is sealed, and what is sealed hardly gets smaller when it is packed: more
was made to fill the operator's memory, since each look reads it."""
SECRETS = (
    naming.STATE_SECRET,
    naming.ERRORED_STATE_SECRET,
    naming.TOKEN_SECRET,
    naming.BOOT_SECRETS,
    naming.STATE_KEY_SECRET,
)
"""Of a run namespace, in the order in which `_in_namespace` reads them."""
CANNOT_GO = (
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionGroupVersionParsingFailure",
    "NamespaceDeletionContentFailure",
)
"""Conditions of a namespace that does not go. Those that only tell what is left in it belong to every deletion."""
LOG_PATIENCE = timedelta(minutes=2)
"""How long after a container's end a kubelet that does not answer is asked again for its log."""


class Observer:
    """Reads the world around one Sovereign."""

    def __init__(self, client: Kube, outside: Outside, settings: CoreSettings) -> None:
        self._kube = client
        self._outside = outside
        self.settings = settings

    async def observe(self, sovereign: Sovereign, now: datetime) -> Observation:
        """Raises ApiError when something could not be read, and CorruptRecord."""
        uid = identity.claimed(sovereign)
        space = naming.run_namespace(sovereign.metadata.name, uid)
        namespace = self._namespace(await self._kube.find(kube.NAMESPACES, "", space), uid)
        standing = identity.judge(sovereign, space, Holding(namespace.ours, namespace.held_by) if namespace else None)
        if standing is not Standing.UNCONFIRMED:
            sovereign = sovereign.known_as(uid)
        if standing is not Standing.OWN:
            return replace(self.without_namespace(sovereign, now), namespace=namespace, standing=standing)
        credentials, owners, owner_kubeconfig, reservation, registrar_secret = await together(
            self._credentials(sovereign),
            self._owner_secrets(sovereign),
            self._owner_kubeconfig(sovereign),
            self._reservation(sovereign),
            self._registrar_secret(sovereign),
        )
        seen = replace(
            self.without_namespace(sovereign, now),
            credentials=credentials,
            namespace=namespace,
            owner_secrets={name: _secret_view(secret) for name, secret in owners.items()},
            crossplane_token=_crossplane_token(sovereign, owners),
            owner_kubeconfig=owner_kubeconfig,
            reservation=reservation,
            registrar_secret=registrar_secret,
        )
        seen = replace(seen, name=await self._name(seen))
        if namespace is None or not namespace.ours:
            return seen
        try:
            return await self._in_namespace(seen)
        except Refused as error:
            if namespace.terminating and error.status == HTTP_FORBIDDEN:
                # The right to look inside goes with everything else.
                return seen
            if error.status != HTTP_FORBIDDEN:
                raise
            return replace(seen, namespace=replace(namespace, closed=str(error)))

    def without_namespace(self, sovereign: Sovereign, now: datetime) -> Observation:
        """What is known without asking the API server."""
        return Observation(
            now=now,
            settings=self.settings,
            sovereign=sovereign,
            credentials=None,
            namespace=None,
            record=None,
            state=None,
            project=self._outside.projects.report(sovereign.metadata.uid),
            crossplane_project=self._outside.crossplane_projects.report(sovereign.metadata.uid),
            preflight=self._outside.preflights.report(sovereign.metadata.uid),
            repository=self._outside.repositories.report(sovereign.metadata.uid),
            overlay=self._outside.overlays.report(sovereign.metadata.uid),
            queue=self._outside.runs.seen(),
            cluster=self._outside.clusters.view(sovereign.metadata.uid),
            seeds=self._outside.seeds.report(sovereign.metadata.uid),
            correction=self._outside.corrections.report(sovereign.metadata.uid),
            removal=self._outside.removals.report(sovereign.metadata.uid),
            drain=self._outside.drains.report(sovereign.metadata.uid),
            taking=self._outside.takings.report(sovereign.metadata.uid),
            transfer=self._outside.transfers.report(sovereign.metadata.uid),
            farewell=self._outside.farewells.report(sovereign.metadata.uid),
        )

    async def _in_namespace(self, seen: Observation) -> Observation:
        """What the run namespace holds."""
        space, now = seen.run_namespace, seen.now
        selector = f"{labels.LABEL_SOVEREIGN_UID}={seen.uid}"
        # Before the Pods: one that took the lock after this look is not taken for its dead holder, and what a Job that
        # is gone had made is seen.
        (found, version), lock, jobs = await together(
            self._record(space, seen.uid),
            self._kube.find(kube.LEASES, space, naming.STATE_LEASE),
            self._kube.list(kube.JOBS, space, selector=selector),
        )
        pods = tuple(map(_pod, await self._kube.list(kube.PODS, space, selector=selector)))
        state, saved_state, token, boot_secrets, state_key = await together(
            *(self._kube.find(kube.SECRETS, space, name) for name in SECRETS)
        )
        archived_state, progress, registrar_secret, cluster_secrets, given_state, backend_lacks = await together(
            self._archived_state(space, found),
            self._progress(space, found.last if found else None, pods, now),
            self._kept_registrar_secret(seen),
            self._beside_operator(naming.cluster_secrets(seen.uid)),
            self._given_state(seen.sovereign, found),
            self._backend_lacks(),
        )
        return replace(
            seen,
            record=found,
            record_version=version,
            lock=_lock(lock),
            state=state_of(state),
            saved_state=saved_state_of(saved_state),
            archived_state=archived_state,
            jobs=tuple(filter(None, map(_job, jobs))),
            pods=pods,
            progress=progress,
            kept_registrar_secret=registrar_secret,
            token_copy=_token(token),
            has_cluster_secrets=cluster_secrets is not None,
            has_boot_secrets=boot_secrets is not None,
            backend_lacks=backend_lacks,
            has_state_key=state_key is not None,
            given_state=given_state,
        )

    def _namespace(self, raw: Object | None, uid: str) -> NamespaceView | None:
        if raw is None:
            return None
        meta = raw["metadata"]
        ours = (meta.get("labels") or {}).get(labels.LABEL_SOVEREIGN_UID) == uid
        annotations = meta.get("annotations") or {}
        ours = ours and proof.holds(self.settings.proof_key, uid, annotations)
        return NamespaceView(
            terminating="deletionTimestamp" in meta,
            ours=ours,
            version=meta["resourceVersion"],
            held_by=annotations.get(labels.ANNOTATION_HELD_BY, ""),
            stuck=_stuck(raw),
        )

    async def _credentials(self, sovereign: Sovereign) -> CredentialsView | None:
        name = sovereign.spec.credentials_secret_ref.name
        secret = await self._kube.find(kube.SECRETS, sovereign.metadata.namespace, name)
        if secret is None:
            return None
        return CredentialsView(kube.version_of(secret), _token(secret))

    async def _owner_secrets(self, sovereign: Sovereign) -> dict[str, Object]:
        names = {seed.source for seed in seeds.wanted(sovereign.spec, self.settings.pull_secret)}
        found = {
            name: await self._kube.find(kube.SECRETS, sovereign.metadata.namespace, name) for name in sorted(names)
        }
        return {name: secret for name, secret in found.items() if secret is not None}

    async def _owner_kubeconfig(self, sovereign: Sovereign) -> str:
        if sovereign.spec.hand_off.owner_kubeconfig is not OwnerKubeconfig.KEEP:
            return ""
        meta = sovereign.metadata
        found = await self._kube.find(kube.SECRETS, meta.namespace, naming.owner_kubeconfig(meta.name))
        return (found["metadata"].get("labels") or {}).get(labels.LABEL_SOVEREIGN_UID, FOREIGN) if found else ""

    async def _given_state(self, sovereign: Sovereign, record: Record | None) -> GivenStateView | None:
        """Only for a deletion after the hand-off. A Secret without a state is its owner's to correct."""
        reference = sovereign.spec.decommission.state_secret_ref
        if reference is None or sovereign.metadata.deletion_timestamp is None or not (record and record.hand_off):
            return None
        found = await self._kube.find(kube.SECRETS, sovereign.metadata.namespace, reference.name)
        if found is None:
            return None
        try:
            state = state_of(found, MAX_GIVEN_STATE)
        except (CorruptRecord, binascii.Error):
            state = None
        return GivenStateView(kube.version_of(found), state, transfer.KEY in secrets.texts(found))

    async def _reservation(self, sovereign: Sovereign) -> DomainReservation | None:
        if self.settings.domains is None:
            return None
        raw = await self._kube.find(kube.DOMAIN_RESERVATIONS, "", sovereign.spec.domain.fqdn)
        return DomainReservation.parse(raw) if raw else None

    async def _name(self, seen: Observation) -> DomainObservation | None:
        """Only before it is reserved: what is held is its reservation's to judge."""
        going = seen.sovereign.metadata.deletion_timestamp is not None
        names = self._outside.names
        if names is None or going or seen.reservation is not None or seen.sovereign.status.outputs is not None:
            return None
        return await names.look(seen.sovereign)

    async def _registrar_secret(self, sovereign: Sovereign) -> str:
        name = of_sovereign.needs_credentials(sovereign)
        if self.settings.domains is None or not name:
            return ""
        secret = await self._kube.find(kube.SECRETS, sovereign.metadata.namespace, name)
        return kube.version_of(secret) if secret else ""

    async def _kept_registrar_secret(self, seen: Observation) -> str:
        if not seen.registrar_secret:
            return ""
        secret = await self._beside_operator(naming.registrar_secret(seen.uid))
        return (secret["metadata"].get("annotations") or {}).get(labels.ANNOTATION_COPIED_FROM, "") if secret else ""

    async def _backend_lacks(self) -> str:
        backend = self.settings.state_backend
        if backend is None:
            return ""
        found = await self._beside_operator(backend.secret)
        return backend.lacking(frozenset(secrets.texts(found))) if found else "does not exist"

    async def _beside_operator(self, name: str) -> Object | None:
        return await self._kube.find(kube.SECRETS, self.settings.operator_namespace, name)

    async def _archived_state(self, space: str, found: Record | None) -> StateView | None:
        if found is None or found.hand_off is None:
            return None
        return state_of(await self._kube.find(kube.SECRETS, space, naming.ARCHIVED_STATE_SECRET))

    async def _record(self, space: str, uid: str) -> tuple[Record | None, str]:
        found = await self._kube.find(kube.CONFIG_MAPS, space, naming.RECORD)
        if found is None:
            return None, ""
        try:
            read = record.from_json(found["data"]["record.json"])
        except (ValidationError, KeyError) as error:
            raise CorruptRecord(
                f"ConfigMap {space}/{naming.RECORD} does not hold a record that this version reads: "
                f"{_why_unread(error)}. Nothing is done for this Sovereign until it does."
            ) from error
        if read.uid != uid:
            raise CorruptRecord(
                f"ConfigMap {space}/{naming.RECORD} is the record of the Sovereign with UID {read.uid}, and not of "
                f"this one, {uid}. Nothing is done for this Sovereign until its own is back."
            )
        return read, found["metadata"]["resourceVersion"]

    async def _progress(
        self, space: str, run: RunEntry | None, pods: tuple[PodView, ...], now: datetime
    ) -> Progress | None:
        if run is None or not run.active:
            return None
        pod = next((p for p in pods if p.job == run.job), None)
        if pod is None:
            return None
        failed = next((name for name in DIAGNOSED if _failed(pod.containers.get(name))), None)
        if failed and pod.ended:
            return await self._diagnostics(space, pod, failed, now)
        return self._outside.logs.progress(space, pod.name, "tofu-apply")

    async def _diagnostics(self, space: str, pod: PodView, container: str, now: datetime) -> Progress:
        """What a failed container logged. A log that is gone, as after an eviction, must not hold up the evidence."""
        finished = pod.containers[container].finished or now
        try:
            return await self._outside.logs.read(space, pod.name, container)
        except (NotFound, Refused, Unavailable) as error:
            if isinstance(error, Unavailable) and now - finished < LOG_PATIENCE:
                raise
            log.warning("%s/%s: no diagnostics of %s: %s", space, pod.name, container, error)
            return Progress(ended=True)


async def together(*reads: Awaitable[Any]) -> list[Any]:
    """What reads find that need not come one after the other. All are waited for, and the first error counts."""
    found = await asyncio.gather(*reads, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return found


def _stuck(namespace: Object) -> str:
    """What the namespace controller cannot do about a namespace that is being deleted; empty while it gets on."""
    told = (namespace.get("status") or {}).get("conditions") or ()
    failed = (c for c in told if c.get("type") in CANNOT_GO and c.get("status") == "True")
    return next((shorten(c.get("message") or c["type"]) for c in failed), "")


def _why_unread(error: ValidationError | KeyError) -> str:
    """Which fields are the matter, without a full stop."""
    return unreadable(error).why.rstrip(".") if isinstance(error, ValidationError) else "it has no record.json"


def _token(secret: Object | None) -> SecretStr | None:
    token = secrets.texts(secret).get("token")
    return SecretStr(token) if token else None


def _crossplane_token(sovereign: Sovereign, owners: dict[str, Object]) -> SecretStr | None:
    wanted = sovereign.spec.crossplane
    return _token(owners.get(wanted.credentials_secret_ref.name)) if wanted else None


def _failed(container: ContainerView | None) -> bool:
    return container is not None and container.state == "terminated" and container.exit_code != 0


def _secret_view(raw: Object) -> SecretView:
    return SecretView(kube.version_of(raw), frozenset(secrets.texts(raw)))


def state_of(raw: Object | None, limit: int = MAX_STATE) -> StateView | None:
    """The state in OpenTofu's Secret, of at most `limit` bytes. Raises CorruptRecord."""
    content = state_file(raw, limit)
    try:
        return _view(content) if content else None
    except ValueError as error:
        raise _no_state(error) from error


def state_file(raw: Object | None, limit: int = MAX_STATE) -> bytes:
    """The file that OpenTofu's Secret holds compressed; empty if there is none. Raises CorruptRecord."""
    content = _tfstate(raw)
    try:
        return _unpacked(content, limit) if content else b""
    except (zlib.error, ValueError) as error:
        raise _no_state(error) from error


def _no_state(error: Exception) -> CorruptRecord:
    return CorruptRecord(f"Secret {naming.STATE_SECRET} does not hold an OpenTofu state: {error}.")


def _unpacked(content: bytes, limit: int) -> bytes:
    """A state of a megabyte, which is all that its Secret takes, unpacks to some ten: what is far beyond that was made
    to fill the operator's memory. Raises zlib.error or ValueError."""
    unpacking = zlib.decompressobj(wbits=GZIP)
    found = unpacking.decompress(content, limit + 1)
    if len(found) > limit:
        raise ValueError(f"it unpacks to more than {limit >> 20} MiB")
    if not unpacking.eof:
        raise ValueError("it is cut off")
    return found


def saved_state_of(raw: Object | None) -> StateView | None:
    """The state that a run saved beside it, as the file was."""
    content = _tfstate(raw)
    try:
        return _view(content) if content else None
    except ValueError as error:
        raise CorruptRecord(
            f"Secret {naming.ERRORED_STATE_SECRET} does not hold an OpenTofu state: {error}."
        ) from error


def _tfstate(raw: Object | None) -> bytes:
    return base64.b64decode(((raw or {}).get("data") or {}).get("tfstate", ""))


def _view(content: bytes) -> StateView:
    """Raises ValueError, also for what its author made to break a reader."""
    try:
        state = given_state.parsed(content)
        return StateView(int(state.get("serial", 0)), str(state.get("lineage", "")))
    except (AttributeError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError("it is no state") from error


def _lock(raw: Object | None) -> LockView | None:
    holder = ((raw or {}).get("spec") or {}).get("holderIdentity")
    if raw is None or not holder:
        return None
    annotation = (raw["metadata"].get("annotations") or {}).get(LOCK_INFO, "{}")
    try:
        told = json.loads(annotation)
    except ValueError:
        told = None
    info = told if isinstance(told, dict) else {}
    who, operation, created = (str(info.get(name, "")) for name in ("Who", "Operation", "Created"))
    return LockView(id=holder, who=who, operation=operation, created=created[:19])


def _job(raw: Object) -> JobView | None:
    """None for one that somebody else made, whatever labels it was given."""
    meta, status = raw["metadata"], raw.get("status") or {}
    verb, attempt = (meta["labels"].get(label, "") for label in (labels.LABEL_VERB, labels.LABEL_ATTEMPT))
    if verb not in set(RunVerb) or not attempt.isdecimal():
        return None
    true = {c["type"] for c in status.get("conditions") or () if c["status"] == "True"}
    return JobView(
        name=meta["name"],
        verb=RunVerb(verb),
        attempt=int(attempt),
        complete="Complete" in true,
        failed="Failed" in true,
        terminating="deletionTimestamp" in meta,
    )


def _pod(raw: Object) -> PodView:
    meta, status = raw["metadata"], raw.get("status") or {}
    listed = (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
    unscheduled = next(
        (c for c in status.get("conditions") or () if c["type"] == "PodScheduled" and c["status"] == "False"), None
    )
    return PodView(
        name=meta["name"],
        uid=meta["uid"],
        job=(meta.get("labels") or {}).get("batch.kubernetes.io/job-name", ""),
        phase=status.get("phase", "Pending"),
        reason=status.get("reason", ""),
        message=status.get("message", "") or (unscheduled or {}).get("message", ""),
        held=labels.FINALIZER_OBSERVED in (meta.get("finalizers") or ()),
        deletion=datetime.fromisoformat(meta["deletionTimestamp"]) if "deletionTimestamp" in meta else None,
        node=(raw.get("spec") or {}).get("nodeName") or "",
        containers={c["name"]: _container(c) for c in listed},
    )


def _container(raw: dict[str, Any]) -> ContainerView:
    state, detail = next(iter((raw.get("state") or {"waiting": {}}).items()))
    return ContainerView(
        state=state,
        reason=detail.get("reason", ""),
        message=detail.get("message", ""),
        exit_code=detail.get("exitCode"),
        started=_time(detail.get("startedAt")),
        finished=_time(detail.get("finishedAt")),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
