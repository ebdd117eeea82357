"""source-controller stand-in: GitRepositories. HelmRepositories are in `repositories`."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from e2e.lab.standins import source_status
from e2e.lab.standins.controller import Controller
from e2e.lab.standins.durations import parse
from e2e.lab.standins.events import warn
from e2e.lab.standins.git import Credentials, GitFailed, Reference, Remote
from e2e.lab.standins.kube import Kube
from e2e.lab.standins.objects import FINALIZER, Draft, Object, deleting, stamp, trigger
from e2e.lab.standins.watching import Watched

PATH = "/apis/source.toolkit.fluxcd.io/v1/gitrepositories"
POLL_SECONDS = 3.0
"""At most so long until a push is seen, however long spec.interval is: stories do not wait for minutes."""
_COMPONENT = "source-controller"
_KEPT = 2
"""Artifacts of one GitRepository on disk: kustomize-controller may still be fetching the one before."""


class _NoSecret(Exception):
    """The Secret that the GitRepository names is not there."""


class _Unverified(Exception):
    """There is no key that could have signed it."""


class Source:
    """Fetches every GitRepository of the cluster and keeps its artifact in `folder`, served at `address`."""

    def __init__(self, kube: Kube, folder: Path, address: str) -> None:
        self._kube, self._folder, self._address = kube, folder, address
        self._watched = Watched(kube, PATH, self._changed)
        self._controller = Controller(_COMPONENT, self._reconcile)

    @property
    def loops(self) -> list[Any]:
        """What has to run for it to work."""
        return [self._watched.run(), self._controller.run()]

    def _changed(self, key: str, old: Object | None, new: Object | None) -> None:
        if new is not None and (old is None or trigger(old) != trigger(new)):
            self._controller.wake(key)

    async def _reconcile(self, key: str) -> float | None:
        obj = self._watched.objects.get(key)
        if obj is None:
            return None
        if deleting(obj):
            await self._forget(key, obj)
            return None
        if FINALIZER not in obj["metadata"].get("finalizers", []):
            obj = await self._finalizers(obj, [*obj["metadata"].get("finalizers", []), FINALIZER])
        if obj["spec"].get("suspend"):
            draft = Draft(obj)
            draft.observed()
            await self._write(draft)
        else:
            await self._fetch(key, obj)
        return min(parse(obj["spec"]["interval"]), POLL_SECONDS)

    async def _fetch(self, key: str, obj: Object) -> None:
        """One look at the remote, with what source-controller writes before, between and after."""
        draft = Draft(obj)
        if not self._kept(draft.status.get("artifact")):
            draft.status.pop("artifact", None)
        wanted = Reference(
            **{name: obj["spec"].get("ref", {}).get(name, "") for name in ("branch", "tag", "commit", "name")}
        )
        try:
            remote = await self._remote(key, obj)
            sha = await remote.head(wanted, seen="artifact" in draft.status)
            await self._verify(obj, sha)
            artifact = draft.status.get("artifact")
            if artifact is None or artifact["revision"] != wanted.revision(sha):
                artifact = await self._store(key, draft, remote, wanted, sha)
        except _NoSecret as error:
            await self._fail(draft, source_status.AUTHENTICATION_FAILED, str(error))
        except _Unverified as error:
            await self._fail(draft, source_status.VERIFICATION_FAILED, str(error))
        except GitFailed as error:
            message = f"failed to checkout and determine revision: {error}"
            await self._fail(draft, source_status.GIT_FAILED, message)
        else:
            source_status.stored(draft, artifact)
            await self._write(draft)

    async def _store(self, key: str, draft: Draft, remote: Remote, wanted: Reference, sha: str) -> Object:
        source_status.begun(draft)
        source_status.moved(draft, wanted.revision(sha))
        await self._write(draft)
        path = f"gitrepository/{key}/{sha}.tar.gz"
        digest = await remote.archive(wanted, sha, self._folder / path)
        _tidy(self._folder / path)
        return {
            "digest": digest,
            "lastUpdateTime": stamp(),
            "path": path,
            "revision": wanted.revision(sha),
            "size": (self._folder / path).stat().st_size,
            "url": f"http://{self._address}/{path}",
        }

    async def _fail(self, draft: Draft, reason: str, message: str) -> None:
        if draft.find("Reconciling") is None:
            source_status.begun(draft)
        before = draft.find("Ready")
        source_status.failed(draft, reason, message)
        if before is None or before["message"] != message:
            await warn(self._kube, draft.obj, reason, message, _COMPONENT)
        await self._write(draft)

    async def _write(self, draft: Draft) -> None:
        if (patch := draft.patch) is not None:
            obj = await self._kube.patch(f"{_path(draft.obj)}/status", {"status": patch})
            self._watched.put(obj)
            draft.obj = obj

    async def _remote(self, key: str, obj: Object) -> Remote:
        credentials = await self._credentials(obj)
        folder = self._folder / "git" / f"{key}.git"
        return Remote(obj["spec"]["url"], credentials, folder, parse(obj["spec"].get("timeout", "60s")))

    async def _credentials(self, obj: Object) -> Credentials:
        reference = obj["spec"].get("secretRef")
        if reference is None:
            return Credentials(authority=_system_authorities())
        namespace, name = obj["metadata"]["namespace"], reference["name"]
        secret = await self._kube.find(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        if secret is None:
            clause = f"failed to get secret '{namespace}/{name}'"
            raise _NoSecret(f'{clause}: {clause}: Secret "{name}" not found')
        data = {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}
        return Credentials(data.get("username", ""), data.get("password", ""), data.get("ca.crt") or data.get("caFile"))

    async def _verify(self, obj: Object, sha: str) -> None:
        """Whether there are keys. Whose signature it is nobody looks at: there is no OpenPGP here."""
        if "verify" not in obj["spec"]:
            return
        namespace, name = obj["metadata"]["namespace"], obj["spec"]["verify"]["secretRef"]["name"]
        secret = await self._kube.find(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        if secret is None:
            raise _Unverified(f'PGP public keys secret error: secrets "{name}" not found')
        if not secret.get("data"):
            told = "unable to verify payload with any of the given key rings"
            raise _Unverified(f"signature verification of commit '{sha}' failed: {told}")

    def _kept(self, artifact: Object | None) -> bool:
        """Whether the artifact is still on disk, as it was, and where it is said to be."""
        if artifact is None or artifact["url"] != f"http://{self._address}/{artifact['path']}":
            return False
        file = self._folder / artifact["path"]
        digest: str = artifact["digest"]
        return file.exists() and digest == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"

    async def _forget(self, key: str, obj: Object) -> None:
        for folder in (self._folder / "gitrepository" / key, self._folder / "git" / f"{key}.git"):
            shutil.rmtree(folder, ignore_errors=True)
        await self._finalizers(obj, [name for name in obj["metadata"].get("finalizers", []) if name != FINALIZER])

    async def _finalizers(self, obj: Object, finalizers: list[str]) -> Object:
        version = obj["metadata"]["resourceVersion"]
        wish = {"metadata": {"resourceVersion": version, "finalizers": finalizers}}
        obj = await self._kube.patch(_path(obj), wish)
        if not deleting(obj):
            self._watched.put(obj)
        return obj


def _path(obj: Object) -> str:
    meta = obj["metadata"]
    return f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{meta['namespace']}/gitrepositories/{meta['name']}"


def _system_authorities() -> str | None:
    """The lab's authority stands for those that a node's system trusts."""
    file = os.environ.get("GIT_SSL_CAINFO")
    return Path(file).read_text("utf-8") if file else None


def _tidy(newest: Path) -> None:
    others = sorted(newest.parent.glob("*.tar.gz"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in others[_KEPT:]:
        file.unlink()
