"""What admission could not judge of a spec: whether it can be carried out."""

from __future__ import annotations

from catalyst_operator.api.conditions import Reason
from catalyst_operator.api.enums import GitOpsMode
from catalyst_operator.core import kit
from catalyst_operator.core.access import git_ref, module, source
from catalyst_operator.core.errors import codes
from catalyst_operator.core.kit import pins, releases
from catalyst_operator.core.kit.releases import Release, UnknownReleaseError
from catalyst_operator.core.observation import Observation
from catalyst_operator.core.provision.verdicts import stalled
from catalyst_operator.core.record import Record
from catalyst_operator.core.scene import Answer, Scene
from catalyst_operator.core.settings import CoreSettings


def spec_invalid(scene: Scene) -> Answer | None:
    """A spec that admission could not judge and that cannot be carried out."""
    if not scene.refusals:
        return None
    errors = tuple(map(codes.SPEC_INVALID.entry, scene.refusals))
    return Answer(stalled(Reason.INVALID_SPEC, scene.refusals[0], errors))


def refusals(o: Observation, record: Record) -> tuple[str, ...]:
    """Why it cannot be carried out: a sentence or two for each thing that is wrong."""
    return tuple(
        filter(
            None, (_of_release(o, record), _of_components(o, record), _of_repository(o, record), _of_module(o, record))
        )
    )


def _of_release(o: Observation, record: Record) -> str:
    """A release that nobody knows, or whose pins would destroy the new cluster's Flux."""
    spec, catalogue = o.sovereign.spec, releases.load()
    try:
        release = catalogue.get(spec.release or record.release or o.settings.default_release)
    except UnknownReleaseError as error:
        where = "spec.release" if spec.release else "the operator's setting CATALYST_RELEASE"
        said = str(error)
        return f"{said[:1].upper()}{said[1:]}. Correct {where}."
    if record.outputs:
        return ""
    return " ".join(filter(None, (*pins.release_violations(release, catalogue), _unvouched(release, o.settings))))


def _unvouched(release: Release, settings: CoreSettings) -> str:
    """Files of a mirror that nothing of ours says the checksum of. A server would wait for its vendor in vain."""
    names = release.unvouched(settings.mirrors, settings.digests_of(release.name))
    if not names:
        return ""
    return (
        f"Release {release.name} has no sha256 of {', '.join(names)}, which the operator's setting CATALYST_MIRRORS "
        "has servers fetch from a mirror, and a mirror does not vouch for itself. Set CATALYST_RELEASE_DIGESTS to "
        f"{','.join(f'{release.name}/{name}=SHA256' for name in names)}, as `mirror-list` and the vendors say, or "
        "build the operator after `make releases-pin`."
    )


def _of_components(o: Observation, record: Record) -> str:
    """Components that nobody knows. What a cluster was born with is not questioned again."""
    return "" if _born(o, record) else kit.refusal(o.sovereign.spec)


def _of_repository(o: Observation, record: Record) -> str:
    """Nothing to follow, or nowhere to push. Whoever named it may also have taken it out of the operator's settings."""
    spec = o.sovereign.spec
    if _born(o, record):
        return ""
    if not source.wanted(spec, o.settings).url:
        return (
            "No Git repository is named that the new cluster could follow: set spec.gitops.url to one that holds "
            "clusters/_template, or have the operator's setting CATALYST_GIT_URL name one for all Sovereigns."
        )
    if spec.gitops.mode is GitOpsMode.COMMIT and not git_ref.wanted(spec, o.settings).branch:
        return "spec.gitops.ref.branch is not set, and in mode Commit the operator pushes to a branch: set it."
    return ""


def _of_module(o: Observation, record: Record) -> str:
    """Signed in the one place, and fetched as it comes in the other."""
    return "" if _born(o, record) else module.unsigned(o.sovereign.spec)


def _born(o: Observation, record: Record) -> bool:
    """Whether the cluster has been told what to follow, and nothing is pushed for it any more."""
    return record.outputs is not None and o.sovereign.spec.gitops.mode is GitOpsMode.TEMPLATE
