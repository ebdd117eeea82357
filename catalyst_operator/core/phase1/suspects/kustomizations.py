"""What Flux says of building and applying the kit."""

from __future__ import annotations

import re
from dataclasses import replace

from catalyst_operator.core.errors.codes import FLUX_PIN_DRIFT, KUSTOMIZATION, SOPS
from catalyst_operator.core.phase1.components import waits_for_dependency
from catalyst_operator.core.phase1.suspects.base import (
    NO_DISCOVERY,
    NO_HANDOUT,
    Complaint,
    Look,
    Meaning,
    Suspect,
    Suspects,
    complaint,
    explained,
    meaning,
    of_object,
)
from catalyst_operator.core.phase1.suspects.certificates import unissued
from catalyst_operator.core.phase1.suspects.sources import git
from catalyst_operator.core.phase1.suspects.words import matches
from catalyst_operator.core.phase1.views import KustomizationView, kit_name
from catalyst_operator.core.record import ErrorEntry

PIN_DRIFT = re.compile(r"storedversions.*(must appear in|missing from) spec\.versions", re.IGNORECASE | re.DOTALL)
"""What the API server says when a chart brings other CRDs of Flux than those that booted; newer API servers
say "missing from"."""
_HEALTH_CHECK_FAILED = "HealthCheckFailed"
_CONSEQUENCE = (
    r"health check|timeout waiting for|artifact not found|failed calling webhook|failed to download (archive|artifact)"
)
"""What only follows from something deeper: a HelmRelease, the source, or Pods that others ask."""

SOPS_KEYS = (
    Meaning(
        r"configuring decryption is required",
        "the repository has encrypted Secrets, and Flux is not told how to decrypt them",
        "Tell it to; the patch has to be in the Git repository as well",
        "kubectl -n {namespace} patch kustomization {name} --type merge -p "
        """'{{"spec":{{"decryption":{{"provider":"sops","secretRef":{{"name":"sops-age"}}}}}}}}'""",
    ),
    Meaning(
        # A Secret that does not exist, and nothing else said: kustomize-controller looks for no other in a build.
        r"\b(get|from) sops\b|\bsops (age )?decryption|\bsops data|decrypt|data key|age identit|^secrets? _ not found$",
        "Secrets of the repository cannot be decrypted",
        "Put the key that they were encrypted for into the Secret that the Kustomization names",
        "kubectl -n {namespace} create secret generic sops-age --from-file=age.agekey=<file>",
    ),
)

OF_CONSEQUENCES = (
    Meaning(
        r'failed calling webhook .*"https?://[a-z0-9-]+\.(?P<space>[a-z0-9-]{1,63})\.svc[:/.]',
        "a webhook that has to admit it cannot be asked",
        "It goes on by itself once that one has started. Whether it has",
        "kubectl -n {space} get services,endpointslices,pods",
        lasting=False,
        whole=True,
    ),
    NO_HANDOUT,
)

MEANINGS = (
    Meaning(
        r'no matches for kind "?[^" ]+"? in version "?(?P<group>[a-z.]*toolkit\.fluxcd\.io)/',
        "this version of Flux does not know such an apiVersion",
        "Use a template that is for the Flux of this release. What it knows",
        "kubectl api-resources --api-group={group}",
        whole=True,
    ),
    Meaning(
        r'^[a-z]+\.source\.toolkit\.fluxcd\.io "[^"]+" not found',
        "the source that it names does not exist",
        "Make it, or name another one in its spec.sourceRef. What is there",
        "kubectl get gitrepositories,ocirepositories --all-namespaces",
        whole=True,
    ),
    Meaning(
        "",
        "it refers to something that this Flux does not let it use",
        "See what it names, and take it from its own namespace",
        reasons=frozenset({"AccessDenied"}),
    ),
    Meaning(
        "",
        "what was taken out of the repository cannot be removed from the cluster",
        "See what holds it, such as a finalizer",
        reasons=frozenset({"PruneFailed"}),
    ),
    NO_DISCOVERY,
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
        r"field is immutable|may not change these fields",
        "it changes a field that can be set only once",
        "Take the change back, or delete the object that the message names, so that it is made anew. All that is said",
    ),
    Meaning(
        r"path not found",
        "its path is not in the Git repository",
        "Add the path there, or correct spec.gitops.path, which is carried over until Flux has applied something; "
        "after that, name another one on the new cluster",
        """kubectl -n {namespace} patch kustomization {name} --type merge -p '{{"spec":{{"path":"<path>"}}}}'""",
    ),
    Meaning(
        r"missing closing brace|bad substitution|unable to parse (variable|substitution|default)",
        "the template has braces that Flux takes for a variable",
        "Write two dollar signs before a brace that is a script's. All that is said",
    ),
    Meaning(
        r"substitution failed|variable not set",
        "a variable of the template has no value",
        "Use a template that is for this release. The values that it is given",
        "kubectl -n {namespace} get kustomization {name} -o jsonpath='{{.spec.postBuild}}'",
    ),
    Meaning(
        r"\bnamespaces? _ not found",
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
    Meaning(r"\(forbidden\)|is forbidden\b", "Flux may not make what it asks for", "See which right is missing"),
)


def pins(look: Look) -> Suspects:
    """A Flux that does not fit to the one that booted, wherever that is said."""
    for found in (*look.view.kustomizations, *look.view.releases):
        said = complaint(look, found).message
        if PIN_DRIFT.search(said):
            yield Suspect(FLUX_PIN_DRIFT.entry(f"{found.kind} {found.key}: {said}"))


def kustomizations(look: Look) -> Suspects:
    """Each that complains of something of its own, the kit first."""
    kit = kit_name(look.fqdn)
    for found in sorted(look.view.kustomizations, key=lambda k: (k.known_as != kit, k.known_as)):
        said = complaint(look, found)
        if waits_for_dependency(found):
            yield from _unresolved(look, found)
        elif said and not _is_consequence(said):
            yield _of(look, found, _judged(found, said))


def consequences(look: Look) -> Suspects:
    """What only follows from something deeper, for when nothing deeper is found."""
    for found in look.view.kustomizations:
        said = complaint(look, found)
        if said and _is_consequence(said) and not any(git(look)):
            entry = explained(KUSTOMIZATION, found, _with_cause(look, said), OF_CONSEQUENCES)
            yield _of(look, found, entry)


def _with_cause(look: Look, said: Complaint) -> Complaint:
    """One that waits for a certificate only says so: what keeps that, its challenge says."""
    space = re.search(r"\bCertificate/([^/\s]+)/", said.message)
    why = unissued(look, space[1]) if space else ""
    return replace(said, message=f"{said.message.rstrip('.')}. {why}") if why else said


def _is_consequence(said: Complaint) -> bool:
    return said.reason == _HEALTH_CHECK_FAILED or matches(_CONSEQUENCE, said.message) is not None


def _judged(found: KustomizationView, said: Complaint) -> ErrorEntry:
    code, of = (SOPS, SOPS_KEYS) if meaning(said, SOPS_KEYS) else (KUSTOMIZATION, MEANINGS)
    return explained(code, found, said, of)


def _of(look: Look, found: KustomizationView, entry: ErrorEntry) -> Suspect:
    return of_object(look, found, entry, succeeded=bool(found.applied_revision))


def _unresolved(look: Look, found: KustomizationView) -> Suspects:
    """One that is there complains itself, if anything is wrong with it."""
    there = {k.key for k in look.whole.kustomizations}
    absent = [key for key in found.depends_on if key not in there]
    if absent:
        told = f"Kustomization {found.key}: it depends on Kustomization {absent[0]}, which does not exist"
        look_up = f"kubectl -n {found.namespace} get kustomizations"
        remedy = f"Add that one to the Git repository, or take it out of dependsOn. What is there: `{look_up}`."
        yield _of(look, found, KUSTOMIZATION.entry(told, remedy=remedy))
