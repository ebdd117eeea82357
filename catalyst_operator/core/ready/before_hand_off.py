"""What keeps a hand-off from beginning although everything is ready: it begins only when each of its steps
can be done."""

from __future__ import annotations

from catalyst_operator.api.enums import GitOpsMode, OwnerKubeconfig
from catalyst_operator.core import kit, naming
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.phase1.views import kit_name
from catalyst_operator.core.record import Record

SHORT = 12
"""Letters of a commit that tell it from others."""


def name_taken(o: Observation) -> str:
    """Why the owner's kubeconfig cannot be written, in sentences; empty if it can be, or is not wanted."""
    wanted = o.sovereign.spec.hand_off.owner_kubeconfig is OwnerKubeconfig.KEEP
    if not wanted or o.owner_kubeconfig in ("", o.uid):
        return ""
    name = naming.owner_kubeconfig(o.sovereign.metadata.name)
    return (
        f"Secret {o.sovereign.metadata.namespace}/{name} exists and was not written for this Sovereign, so the "
        "owner's kubeconfig cannot be put there. Rename or delete it; the hand-off then goes on by itself."
    )


def behind(o: Observation, record: Record) -> str:
    """Mode Commit: what the new cluster still applies instead of what was pushed last, in a sentence; empty if it
    applies that. Its branch may have moved on since: a later look at it, which found the folder as it is wanted, counts
    as much as the push."""
    spec = o.sovereign.spec
    if spec.gitops.mode is not GitOpsMode.COMMIT:
        return ""
    later = o.overlay.revision if o.overlay and o.overlay.digest == record.overlay else ""
    applied = applied_commit(o)
    if applied and applied in (record.overlay_revision, later):
        return ""
    awaited = (later or record.overlay_revision)[:SHORT]
    stands = f"it is at {applied[:SHORT]}" if applied else "it has applied none"
    folder = kit.overlay_path(spec.domain.fqdn)
    return f"Awaited before the hand-off: revision {awaited} of {folder} on the new cluster; {stands}."


def applied_commit(o: Observation) -> str:
    """The commit that the new cluster's kit was applied from last; empty where that is not known."""
    found = o.cluster.kustomization(kit_name(o.sovereign.spec.domain.fqdn)) if o.cluster else None
    # Flux writes <branch>@sha1:<commit>.
    return found.applied_revision.rpartition(":")[2] if found else ""
