"""Where the kit comes from: the Git repository, and the registry of its charts."""

from __future__ import annotations

from dataclasses import replace

from catalyst_operator.core.errors.codes import CHART_SOURCE, GIT_SOURCE
from catalyst_operator.core.phase1.components import ARTIFACT_FAILED
from catalyst_operator.core.phase1.suspects.base import (
    NO_HANDOUT,
    Complaint,
    Look,
    Meaning,
    Suspect,
    Suspects,
    complaint,
    explained,
    of_object,
)
from catalyst_operator.core.phase1.views import SOURCE, FluxObject, HelmReleaseView, SourceView, kit_name

_SILENT = (
    r"connection refused|connection reset|i/o timeout|no such host|deadline exceeded|no route to host"
    r"|network is unreachable|tls handshake timeout|server misbehaving|\beof\b|\b50[234]\b"
)
_TOO_OFTEN = r"too many requests|toomanyrequests|\b429\b"
_SOURCE_LOG = "kubectl -n flux-system logs deploy/source-controller --tail=50"

# --- Git --------------------------------------------------------------------------------------------------------------

_NO_REPOSITORY = Meaning(
    # To who has no credentials at all some servers say both in one: 401 and this.
    r"\brepository not found",
    "the repository does not exist (404), or is not shown to these credentials",
    "Give the credentials access to it, or correct spec.gitops.url, which is carried over until Flux has applied "
    "something; after that, correct it on the new cluster",
    """kubectl -n {namespace} patch gitrepository {name} --type merge -p '{{"spec":{{"url":"<url>"}}}}'""",
)
GIT = (
    _NO_REPOSITORY,
    Meaning(
        r"\b401\b|authentication required|unauthorized|invalid credentials|could not read user|failed to get secret",
        "the Git server wants other credentials (401)",
        "Correct username and password in the Secret that spec.gitops.credentialsSecretRef names; they are delivered "
        "by themselves. What the server answers to them",
        reasons=frozenset({"AuthenticationFailed"}),
    ),
    Meaning(
        "",
        "what it has is not signed as it should be",
        "Sign it, or correct spec.gitops.verify and the keys in its Secret, which are carried over until Flux has "
        "applied something; after that, correct spec.verify on the new cluster. What is said of it",
        reasons=frozenset(
            {
                "VerificationError",
                "InvalidVerificationMode",
                "InvalidCommitSignature",
                "InvalidTagSignature",
                "InvalidGitObject",
            }
        ),
    ),
    Meaning(
        r"\b403\b|forbidden|authorization failed|access denied",
        "the Git server refuses these credentials (403)",
        "Give them the right to read the repository. What the server answers to them",
    ),
    Meaning(
        r"couldn't find remote ref|reference not found|unable to resolve commit object",
        "the branch, tag or commit does not exist",
        "Create it, or correct spec.gitops.ref, which is carried over until Flux has applied something; "
        "after that, name another one on the new cluster",
        "kubectl -n {namespace} patch gitrepository {name} --type merge -p "
        """'{{"spec":{{"ref":{{"branch":"<branch>","tag":null,"commit":null}}}}}}'""",
    ),
    Meaning(
        r"x509|certificate|knownhosts|key mismatch",
        "the Git server's certificate is not trusted",
        "Put the certificate of its authority under 'ca.crt' into the Secret that spec.gitops.credentialsSecretRef "
        "names. What is trusted now",
        "kubectl -n {namespace} get secret catalyst-git -o jsonpath='{{.data.ca\\.crt}}'",
    ),
    Meaning(
        _TOO_OFTEN,
        "the Git server was asked too often (429)",
        "It passes by itself; a user of its own is allowed more. What the server answers",
        lasting=False,
    ),
    Meaning(
        _SILENT,
        "the Git server does not answer",
        "See whether Pods of the new cluster reach it: name resolution, its firewall, and any on the way out",
        _SOURCE_LOG,
        lasting=False,
    ),
    replace(_NO_REPOSITORY, sign=r"\b404\b|(?<!entry )(?<!object )\bnot found"),
)


def git(look: Look) -> Suspects:
    """The kit's Git repository."""
    found = kit_source(look)
    said = complaint(look, found) if found and look.stuck else Complaint()
    if found and said:
        yield of_object(look, found, explained(GIT_SOURCE, found, said, GIT), succeeded=bool(found.revision))


def kit_source(look: Look) -> SourceView | None:
    """The source of the kit's Kustomization: the one that it refers to, or while there is none, the one of boot."""
    kit = look.view.kustomization(kit_name(look.fqdn))
    named = [s for s in look.survey.sources or () if kit and s.reference == kit.source]
    return named[0] if named else look.view.source(SOURCE)


# --- charts -----------------------------------------------------------------------------------------------------------

_MAY_READ = (
    "Put credentials that may read it into the Secret that spec.imagePullSecretRef names; they are delivered by "
    "themselves. What the registry answers to them"
)
CHARTS = (
    NO_HANDOUT,
    Meaning(
        r"\b401\b|unauthorized|authentication required",
        "the registry wants credentials (401)",
        _MAY_READ,
        reasons=frozenset({"AuthenticationFailed"}),
    ),
    Meaning(r"\b403\b|forbidden|denied|insufficient_scope", "the registry refuses to hand it out (403)", _MAY_READ),
    Meaning(
        _TOO_OFTEN,
        "the registry was asked too often (429)",
        "It passes by itself; with the credentials of spec.imagePullSecretRef it may allow more. What it answers",
        lasting=False,
    ),
    Meaning(
        _SILENT, "the registry does not answer", "See whether Pods of the new cluster reach it", _SOURCE_LOG, False
    ),
    Meaning(
        "",
        "the source that it names does not exist or cannot be used",
        "Make it, or name another one. What is there",
        "kubectl get helmrepositories,gitrepositories,ocirepositories --all-namespaces",
        reasons=frozenset({"SourceUnavailable", "UnsupportedSourceKind"}),
    ),
    Meaning(
        "",
        "its signature cannot be verified",
        "Sign it, or take spec.verify off. What is said of it",
        reasons=frozenset({"VerificationError", "ChartVerificationError"}),
    ),
    Meaning(
        "",
        "the chart cannot be put together",
        "Correct the chart, or the values files that it names. What is said of it",
        reasons=frozenset({"DependencyBuildError", "ValuesFilesError", "ChartPackageError", "MetadataPatchError"}),
    ),
    Meaning(
        "",
        "its URL cannot be used",
        "Correct the URL. What is said of it",
        reasons=frozenset({"URLInvalid"}),
    ),
    Meaning(
        r"could not locate a version|no chart version found|invalid chart reference|not found|doesn't exist|\b404\b",
        "the registry does not have this version",
        "Publish it, or name another version in the Git repository. What is asked for",
        "kubectl -n {namespace} get {kind} {name} -o yaml",
    ),
)


def charts(look: Look) -> Suspects:
    """Charts of components that are not installed, and the repositories that they come from; each by reference."""
    sources = {s.reference: s for s in look.survey.sources or ()}
    for release in look.open_releases:
        chart = sources.get(release.chart)
        said = complaint(look, release)
        if chart and complaint(look, chart):
            # A chart without an artifact may only tell that its repository has none.
            repository = sources.get(chart.source)
            found = repository if repository and complaint(look, repository) else chart
            yield _chart(look, release, found, succeeded=bool(found.revision))
        elif said.reason == ARTIFACT_FAILED:
            yield _chart(look, release, release, succeeded=release.was_installed)


def _chart(look: Look, of: HelmReleaseView, found: FluxObject, *, succeeded: bool) -> Suspect:
    entry = explained(CHART_SOURCE, found, complaint(look, found), CHARTS, concerns=of.known_as)
    return of_object(look, found, entry, succeeded=succeeded)
