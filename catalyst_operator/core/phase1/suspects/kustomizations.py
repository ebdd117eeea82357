"""What Flux says of building and applying the kit."""

from __future__ import annotations

import re

from catalyst_operator.core.errors.codes import FLUX_PIN_DRIFT, KUSTOMIZATION, SOPS
from catalyst_operator.core.phase1.components import waits_for_dependency
from catalyst_operator.core.phase1.errors import error
from catalyst_operator.core.phase1.suspects.base import (
    Look,
    Meaning,
    Suspect,
    Suspects,
    complaint,
    explained,
    of_object,
)
from catalyst_operator.core.phase1.suspects.sources import git
from catalyst_operator.core.phase1.views import KustomizationView, kit_name
from catalyst_operator.core.record import ErrorEntry

PIN_DRIFT = re.compile(r"storedversions.*(must appear in|missing from) spec\.versions", re.IGNORECASE | re.DOTALL)
"""What the API server says when a chart brings other CRDs of Flux than those that booted; newer API servers
say "missing from"."""
_CONSEQUENCE = re.compile(r"health check|timeout waiting for|artifact not found", re.IGNORECASE)
"""What only follows from something deeper: a HelmRelease, or the source."""

SOPS_KEYS = (
    Meaning(
        r"configuring decryption is required",
        "the repository has encrypted Secrets, and Flux is not told how to decrypt them",
        "Tell it to; the patch has to be in the Git repository as well",
        "kubectl -n {namespace} patch kustomization {name} --type merge -p "
        """'{{"spec":{{"decryption":{{"provider":"sops","secretRef":{{"name":"sops-age"}}}}}}}}'""",
    ),
    Meaning(
        r"\bsops\b|decrypt|data key|age identit",
        "Secrets of the repository cannot be decrypted",
        "Put the key that they were encrypted for into the Secret that the Kustomization names",
        "kubectl -n {namespace} create secret generic sops-age --from-file=age.agekey=<file>",
    ),
)

MEANINGS = (
    Meaning(
        r'no matches for kind "?[^" ]+"? in version "?[a-z.]*toolkit\.fluxcd\.io/',
        "this version of Flux does not know such an apiVersion",
        "Use a template that is for the Flux of this release. What it knows",
        "kubectl api-resources --api-group=helm.toolkit.fluxcd.io",
    ),
    Meaning(
        r"no matches for kind|failed to get api group resources|the server could not find the requested resource",
        "a CustomResourceDefinition is missing",
        "Let the chart that brings it come first, with dependsOn and in a Kustomization of its own. What is there",
        "kubectl get customresourcedefinitions",
    ),
    Meaning(
        r"field not declared in schema|unknown field|strict decoding",
        "it has a field that this version of Flux does not know",
        "Use a template that is for the Flux of this release, or take the field out. All that is said",
    ),
    Meaning(
        r"path not found",
        "its path is not in the Git repository",
        "Add the path there, or name another one on the new cluster",
        """kubectl -n {namespace} patch kustomization {name} --type merge -p '{{"spec":{{"path":"<path>"}}}}'""",
    ),
    Meaning(
        r"substitution failed|variable not set",
        "a variable of the template has no value",
        "Use a template that is for this release. The values that it is given",
        "kubectl -n {namespace} get kustomization {name} -o jsonpath='{{.spec.postBuild}}'",
    ),
    Meaning(
        r"namespaces? \"?[^ ]+\"? not found",
        "it puts something into a namespace that does not exist",
        "Add the namespace to the Git repository. What is there",
        "kubectl get namespaces",
    ),
    Meaning(
        r"kustomize build failed|accumulating resources|malformed|failed to decode|mapping values|yaml:",
        "it cannot be built",
        "Correct it in the Git repository; this says there what it says here",
        "kustomize build <path>",
    ),
    Meaning(r"forbidden", "Flux may not make what it asks for", "See which right is missing"),
)


def pins(look: Look) -> Suspects:
    """A Flux that does not fit to the one that booted, wherever that is said."""
    for found in (*look.view.kustomizations, *look.view.releases):
        said = complaint(look, found)
        if PIN_DRIFT.search(said):
            yield Suspect(error(FLUX_PIN_DRIFT, f"{found.kind} {found.key}: {said}"))


def kustomizations(look: Look) -> Suspects:
    """Each that complains of something of its own, the kit first."""
    kit = kit_name(look.fqdn)
    for found in sorted(look.view.kustomizations, key=lambda k: (k.name != kit, k.name)):
        said = complaint(look, found)
        if waits_for_dependency(found):
            yield from _unresolved(look, found)
        elif said and not _CONSEQUENCE.search(said):
            yield _of(look, found, _judged(found, said))


def consequences(look: Look) -> Suspects:
    """What only follows from something deeper, for when nothing deeper is found."""
    for found in look.view.kustomizations:
        said = complaint(look, found)
        if _CONSEQUENCE.search(said) and not any(git(look)):
            yield _of(look, found, explained(KUSTOMIZATION, found, said, ()))


def _judged(found: KustomizationView, said: str) -> ErrorEntry:
    sops = any(re.search(m.sign, said.lower()) for m in SOPS_KEYS)
    return explained(SOPS, found, said, SOPS_KEYS) if sops else explained(KUSTOMIZATION, found, said, MEANINGS)


def _of(look: Look, found: KustomizationView, entry: ErrorEntry) -> Suspect:
    return of_object(look, found, entry, succeeded=bool(found.applied_revision))


def _unresolved(look: Look, found: KustomizationView) -> Suspects:
    """One that is there complains itself, if anything is wrong with it."""
    there = {k.key for k in look.view.kustomizations}
    absent = [key for key in found.depends_on if key not in there]
    if absent:
        told = f"Kustomization {found.key}: it depends on Kustomization {absent[0]}, which does not exist"
        look_up = f"kubectl -n {found.namespace} get kustomizations"
        remedy = f"Add that one to the Git repository, or take it out of dependsOn. What is there: `{look_up}`."
        yield _of(look, found, error(KUSTOMIZATION, told, remedy))
