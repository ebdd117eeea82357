"""A control plane's place in etcd, as k3s gives it one: names, who is let in, and when it gets its vote.

It is noted on the server's disk, so that whatever was done is not done again, and goes with the disk.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from urllib.parse import urlsplit

from e2e.lab.etcd_gateway import EtcdFailed, Gateway, Member
from e2e.lab.hcloud.boot.first_boot import FirstBoot
from e2e.lab.hcloud.boot.joining import NotYet
from e2e.lab.hcloud.boot.place import Place

_NOTE = "etcd.json"
_DUPLICATE = "etcd cluster join failed: duplicate node name found, please use a unique name for this node"
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Membership:
    """What a control plane's disk holds of it."""

    cluster: str
    """The same on all control planes of a cluster: a second cluster has another one."""
    name: str
    initial_cluster: str
    state: str
    """`new` or `existing`, as etcd is told at its first start."""
    via: str = ""
    """The client URL of the member that let it in; empty for the first."""
    votes: bool = True


def read(place: Place) -> Membership | None:
    """None for a server that is no control plane, or not yet."""
    file = place.disk / _NOTE
    return Membership(**json.loads(file.read_text())) if file.exists() else None


def _write(place: Place, membership: Membership) -> None:
    part = place.disk / f"{_NOTE}.part"
    part.write_text(json.dumps(asdict(membership)))
    part.replace(place.disk / _NOTE)


def client_url(address: str) -> str:
    return f"https://{address}:2379"


def peer_url(address: str) -> str:
    return f"https://{address}:2380"


def gateway(place: Place, url: str | None = None) -> Gateway:
    """Of the server's own etcd, or of another one, with the server's certificates."""
    return Gateway(url or client_url(place.address), place.tls / "etcd")


def begin(place: Place, boot: FirstBoot) -> None:
    """A cluster of its own: what `cluster-init` does on a disk that knows of none."""
    if read(place) is None:
        name = _new_name(boot)
        _write(place, Membership(secrets.token_hex(8), name, f"{name}={peer_url(place.address)}", "new"))


async def join(place: Place, boot: FirstBoot, contact: Place) -> None:
    """Become a learner in the cluster of another control plane. Raises NotYet with the words of k3s or etcd."""
    theirs = read(contact)
    assert theirs is not None, "whoever answers has a place in etcd"
    through = gateway(place, client_url(contact.address))
    name, own = _new_name(boot), peer_url(place.address)
    try:
        members = await asyncio.to_thread(through.members)
        check(members, boot, own)
        if all(own not in member.peer_urls for member in members):
            await asyncio.to_thread(through.add_learner, own)
    except EtcdFailed as failed:
        raise NotYet(f"etcd cluster join failed: {failed}") from None
    initial = [f"{member.name}={member.peer_urls[0]}" for member in members if own not in member.peer_urls]
    _write(
        place,
        Membership(theirs.cluster, name, ",".join([*initial, f"{name}={own}"]), "existing", through.url, votes=False),
    )


def check(members: Iterable[Member], boot: FirstBoot, own: str) -> None:
    """What k3s and etcd let nobody join with: the node name or the private address of a member, dead or not."""
    others = [member for member in members if own not in member.peer_urls]
    if any(member.node == boot.node_name for member in others):
        raise NotYet(_DUPLICATE)
    if any(urlsplit(url).hostname == boot.node_ip for member in others for url in member.client_urls):
        raise NotYet("etcd cluster join failed: etcdserver: Peer URLs already exists")


async def vote(place: Place, etcd: str) -> None:
    """Wait until the member has its vote: before that its etcd serves nobody. k3s asks for it again and again, too.

    Raises NotYet when its process, `etcd`, has ended: at its first start it gives up where the others are slow.
    """
    membership = read(place)
    if membership is None or membership.votes:
        return
    through = gateway(place, membership.via)
    while True:
        if await asyncio.to_thread(_promoted, through, peer_url(place.address)):
            _write(place, replace(membership, votes=True))
            return
        if not place.runs(etcd):
            raise NotYet("etcd has ended")
        await asyncio.sleep(LOOK_SECONDS)


def _promoted(through: Gateway, own: str) -> bool:
    try:
        mine = next((member for member in through.members() if own in member.peer_urls), None)
        if mine is None:
            raise LookupError("etcd does not know this member any more")
        if mine.learner:
            through.promote(mine.number)
    except EtcdFailed:
        return False
    return True


def _new_name(boot: FirstBoot) -> str:
    return f"{boot.node_name}-{secrets.token_hex(4)}"
