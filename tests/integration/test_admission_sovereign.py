"""Every rule of a Sovereign, judged by a real API server: what is accepted, what is refused, and in which words."""

from dataclasses import replace
from typing import Any

import pytest

from catalyst_operator.api import known_names
from tests.integration import actors
from tests.integration.admission import (
    REMOVED,
    SSH_KEY,
    Case,
    Edits,
    cases,
    edited,
    full_sovereign,
    refusal,
    sovereign,
    sovereigns,
)
from tests.integration.apiserver import Api

pytestmark = pytest.mark.integration

A_UID, ANOTHER_UID = (f"3b0d9f0e-6f3a-4c57-9a53-0f6f6f1f2a1{n}" for n in "12")
SECRET = {"name": "a-secret"}
CROSSPLANE: Edits = {"crossplane": {"credentialsSecretRef": SECRET}}
SIGNED: Edits = {"gitops.verify": {"secretRef": SECRET}}
COMMIT: Edits = {"gitops": {"mode": "Commit", "ref": {"branch": "main"}, "credentialsSecretRef": SECRET}}
REGISTRAR = {"name": "ovh", "credentialsSecretRef": SECRET}
BYO_API: Edits = {"domain.mode": "byo-api", "domain.registrar": REGISTRAR}
PRIVATE_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ\n-----END-----"


RELEASE = known_names.releases()[-1]
BARE_KEY = SSH_KEY.split(" admin")[0]
ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"
OTHER_KEYS = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBIy9K1PEumbc5ZGVHYbiGvFYCEcCFyy+oAKr0d5s"
    "w7mv1DFN3PD2thXx/lkfVQofc1G/RAmC95aWnokgMRWQKRI=",
    "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBIWxpHSS+gqJbtnCz/K+8PgN07ll5VnpPb7ponMm"
    "gJn68lphta43C2kjCOyaw1GUMQ38577X6hBOg2W27hg27vWSuLDK6gx0ccMo7svV7j9fdMFkq0ZKUoyqfPvm/2IwLw==",
    "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBEMMVdf16idD6XhK/IrzRoe6I18BPILdSxx4xmbm"
    "tWrkoFtPYJEATkMV0ln2KvhPz+acQPgEDajbotrwKNtx5X2mxP5GNsXwxddlxkG/2X5iSD/LloUluLZuj9uVS8cKNbXVpzzodBj6gMRLS220R5e8"
    "uCWidhzPHrme7X67bR8vv7yG4Q==",
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIFd92fHBfnzIZLF/cMJMAvMA3qXz/PrYw8oDycEU5"
    "XChAAAABHNzaDo=",
    "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBH/lls"
    "2Mx9OfHIMxKMFGE3Xu/6BcT3QZIYH+pNA+L2FlIM0MY1XbKiQjdfjwk4nwDkm5uzQ8KfjjfqfiZzDnehkAAAAEc3NoOg==",
)
"""One of each type besides ed25519 and RSA."""
PLACEHOLDERS = (
    # What stood in our own samples, what people make up, and nothing but zeros.
    f"{ED25519}GV4YW1wbGUta2V5LW9mLW9tYW50ZWwuLi4uLi4uLi4u sovereign-admin@omantel",
    f"{ED25519}GtleSBvZiB0aGUgYWRtaXNzaW9uIHRlc3RzLi4uLi4u",
    f"{ED25519}{'A' * 43} you@example.com",
)


@cases(
    Case("the smallest", {}),
    Case("organization with punctuation and umlauts", {"organization.name": "O'Neil & Söhne, 100% Ltd. (Oman)"}),
    Case("e-mail with a tag", {"adminEmail": "o'neil+sov@mail.omantel.co.om"}),
    Case("pool label of 3 characters", {"domain.fqdn": "abc.omani.works"}),
    Case("pool label of 32 characters", {"domain.fqdn": "a" * 32 + ".omani.works"}),
    Case("fqdn of 49 characters", {"domain.mode": "byo-manual", "domain.fqdn": "a" * 36 + ".x.omani.works"[:13]}),
    Case("internationalised name", {"domain.mode": "byo-manual", "domain.fqdn": "xn--bcher-kva.xn--p1ai"}),
    Case("registered domain itself", {"domain.mode": "byo-manual", "domain.fqdn": "acme.com"}),
    Case("byo-api with its registrar", BYO_API),
    Case("three control planes and a worker", {"controlPlane.replicas": 3, "workers": {"size": "cx43", "replicas": 1}}),
    Case("a size that Hetzner may have by now is left to preflight", {"controlPlane.size": "cx93"}),
    Case("components", {"components": ["harbor", "cilium", "trivy"]}),
    Case("a release by name", {"release": RELEASE}),
    Case("first CPX generation in the United States", {"regions[0].location": "ash", "controlPlane.size": "cpx21"}),
    Case("RSA key", {"sshPublicKeys": ["ssh-rsa " + "AAAAB3NzaC1yc2E" + "A" * 700 + "== a@b"]}),
    *(Case(f"{key.split(' ')[0]} key", {"sshPublicKeys": [key]}) for key in OTHER_KEYS),
    Case("ECDSA key with a comment", {"sshPublicKeys": [f"{OTHER_KEYS[0]} a@b"]}),
    Case("no SSH key", {"sshPublicKeys": []}),
    Case("no word of SSH keys", {"sshPublicKeys": REMOVED}),
    Case("a narrow API", {"apiAllowedCIDRs": ["2001:db8::/32", "203.0.113.7/32"]}),
    Case("IPv6 network", {"sshAllowedCIDRs": ["2001:db8::/32", "203.0.113.7/32"]}),
    Case("IPv6 network in capitals", {"sshAllowedCIDRs": ["2001:DB8::/32", "::0/0"]}),
    Case("key with a name and an address as comment", {"sshPublicKeys": [f"{BARE_KEY} Ada <ada@example.com>"]}),
    Case("key with a Windows account as comment", {"sshPublicKeys": [f"{BARE_KEY} CORP\\ada"]}),
    Case("Git URL with a space in it", {"gitops.url": "https://git.example/My%20Team/_git/repo"}),
    Case("corporate CA with its Secret", {"tls": {"strategy": "corporate-ca", "caSecretRef": SECRET}}),
    Case(
        "Commit with credentials",
        {"gitops": {"mode": "Commit", "ref": {"branch": "main"}, "credentialsSecretRef": SECRET}},
    ),
    Case("a signed tag", {"gitops": {"ref": {"tag": "v1.0.0+k3s1"}, "verify": {"mode": "Tag", "secretRef": SECRET}}}),
    Case("the operator's own tag, signed", {"gitops": {"verify": {"mode": "TagAndHEAD", "secretRef": SECRET}}}),
    Case("one commit", {"gitops.ref": {"commit": "4f1c" * 10}}),
    Case("Crossplane and one signed commit", {**CROSSPLANE, **SIGNED, "gitops.ref": {"commit": "4f1c" * 10}}),
    Case("Crossplane and a tag that nobody signs", {**CROSSPLANE, "gitops.ref": {"tag": "v1.0.0"}}),
    Case(
        "the folder in Git is removed at the end",
        {"gitops": COMMIT["gitops"], "decommission": {"removeOverlay": True, "sweep": "All"}},
    ),
    Case("durations", {"phase1": {"firstSeenTimeout": "90s", "watchTimeout": "1h30m"}}),
)
def test_accepted(api: Api, namespace: str, case: Case) -> None:
    api.create(sovereigns(namespace), sovereign(case.edits), dryRun="All")


def test_everything_at_once_is_accepted(api: Api, namespace: str) -> None:
    api.create(sovereigns(namespace), full_sovereign(), dryRun="All")


@cases(
    Case("name of 41 characters", {"/metadata.name": "a" * 41}, "metadata.name", "at most 40 characters"),
    Case("name with a dot", {"/metadata.name": "a.b"}, "metadata.name", "no '.'"),
    Case("name of shell", {"organization.name": "$(reboot)"}, "spec.organization.name", "without any of"),
    Case("name of a template", {"organization.name": "%{ if true }"}, "spec.organization.name", "without any of"),
    Case("name of a substitution", {"organization.name": "${HOME}"}, "spec.organization.name", "without any of"),
    Case("name with a quote", {"organization.name": 'a"b'}, "spec.organization.name", "without any of"),
    Case("name of two lines", {"organization.name": "a\nb"}, "spec.organization.name", "one line of text"),
    Case(
        "headquarters of a script", {"organization.headquarters": "<script>"}, "spec.organization.headquarters", "text"
    ),
    Case("e-mail without domain", {"adminEmail": "admin@omantel"}, "spec.adminEmail", "such as admin@omantel.om"),
    Case("two e-mails", {"adminEmail": "a@b.om,c@d.om"}, "spec.adminEmail", "one e-mail address"),
    Case("e-mail with a line break", {"adminEmail": "admin@b.om\n"}, "spec.adminEmail", "one e-mail address"),
    Case("upper-case fqdn", {"domain.fqdn": "Omantel.omani.works"}, "spec.domain.fqdn", "lower-case DNS name"),
    Case("fqdn with a trailing dot", {"domain.fqdn": "omantel.omani.works."}, "spec.domain.fqdn", "trailing dot"),
    Case(
        "fqdn of one label", {"domain.mode": "byo-manual", "domain.fqdn": "omantel"}, "spec.domain.fqdn", "two labels"
    ),
    Case("fqdn in its own script", {"domain.fqdn": "bücher.omani.works"}, "spec.domain.fqdn", "xn--"),
    Case("fqdn of a wildcard", {"domain.fqdn": "*.omani.works"}, "spec.domain.fqdn", "DNS name"),
    Case("fqdn of 50 characters", {"domain.fqdn": "a" * 30 + ".omani.works" + "x" * 8}, "spec.domain.fqdn", "49"),
    Case("pool label of 2 characters", {"domain.fqdn": "ab.omani.works"}, "spec.domain.fqdn", "3 to 32"),
    Case("pool label of 33 characters", {"domain.fqdn": "a" * 33 + ".omani.works"}, "spec.domain.fqdn", "3 to 32"),
    Case("pool domain itself", {"domain.fqdn": "omani.works"}, "spec.domain.fqdn", "in front of a pool domain"),
    Case("byo-api without registrar", {"domain.mode": "byo-api"}, "spec.domain.registrar", "required in mode byo-api"),
    Case("pool with registrar", {"domain.registrar": REGISTRAR}, "spec.domain.registrar", "for mode byo-api only"),
    Case(
        "byo-manual with registrar",
        {"domain.mode": "byo-manual", "domain.registrar": REGISTRAR},
        "spec.domain.registrar",
        "for mode byo-api only",
    ),
    *(
        Case(f"provider {name}", {"provider": name}, "spec.provider", "design-only")
        for name in ("aws", "gcp", "azure", "oci", "huawei")
    ),
    Case(
        "two regions",
        {"regions": [{"location": "fsn1"}, {"location": "nbg1"}]},
        "spec.regions",
        "multi-region is design-only",
    ),
    Case("no region", {"regions": []}, "spec.regions", "at least 1"),
    Case(
        "one region twice",
        {"regions": [{"location": "fsn1"}, {"location": "fsn1"}]},
        "spec.regions[1]",
        "Duplicate",
    ),
    Case("no mgt", {"regions[0].buildingBlocks": ["rtz", "dmz"]}, "spec.regions[0].buildingBlocks", "mgt and rtz"),
    Case("two control planes", {"controlPlane.replicas": 2}, "spec.controlPlane.replicas", '"1", "3"'),
    Case("HA without worker", {"controlPlane.replicas": 3}, "spec.workers.replicas", "three control planes"),
    Case("workers without size", {"workers.replicas": 2}, "spec.workers.size", "as soon as there are workers"),
    Case("upper-case size", {"controlPlane.size": "CX33"}, "spec.controlPlane.size", "lower case"),
    *(
        Case(f"Arm {path}", {path: value}, f"spec.{path}" + "[0]" * isinstance(value, list), "Arm type")
        for group in ("controlPlane", "workers")
        for path, value in ((f"{group}.size", "cax21"), (f"{group}.sizeFallbacks", ["cax21"]))
    ),
    *(
        Case(f"{size} as {path}", {path: value}, f"spec.{path}" + "[0]" * isinstance(value, list), "no server type of")
        for size in ("t3-large", "cx3", "cxx11", "cx333")
        for group in ("controlPlane", "workers")
        for path, value in ((f"{group}.size", size), (f"{group}.sizeFallbacks", [size]))
    ),
    Case("a typo in a component", {"components": ["harbour"]}, "spec.components[0]", "harbour is no blueprint of this"),
    Case("a component by its chart", {"components": ["loki", "bp-b"]}, "spec.components[1]", "bp-b is no blueprint"),
    Case("which components there are", {"components": ["a"]}, "spec.components[0]", "there are alloy, axon, falco"),
    Case("a release that there is not", {"release": "2019-01"}, "spec.release", "2019-01 is no release of this"),
    Case("which releases there are", {"release": "next"}, "spec.release", f"there are {RELEASE}"),
    Case(
        "fallback equal to size",
        {"controlPlane.sizeFallbacks": ["cx33"]},
        "spec.controlPlane.sizeFallbacks",
        "tried first",
    ),
    Case(
        "worker fallback equal to size",
        {"workers": {"size": "cx43", "sizeFallbacks": ["cx43"]}},
        "spec.workers.sizeFallbacks",
        "tried first",
    ),
    Case("private key", {"sshPublicKeys": [PRIVATE_KEY]}, "spec.sshPublicKeys[0]", "is a private key"),
    Case("DSA key", {"sshPublicKeys": ["ssh-dss AAAAB3NzaC1kc3M= a@b"]}, "spec.sshPublicKeys[0]", "public key"),
    Case("ed25519 key cut off", {"sshPublicKeys": [SSH_KEY.split(" admin")[0][:-1]]}, "spec.sshPublicKeys[0]", "68"),
    Case(
        "RSA key of 1,024 bits",
        {"sshPublicKeys": ["ssh-rsa " + "AAAAB3NzaC1yc2E" + "A" * 188 + "= a@b"]},
        "spec.sshPublicKeys[0]",
        "2,048 bits or more",
    ),
    Case(
        "RSA key cut off",
        {"sshPublicKeys": ["ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB a@b"]},
        "spec.sshPublicKeys[0]",
        "whole RSA key",
    ),
    *(
        Case(f"{key.split(' ')[0]} key cut off", {"sshPublicKeys": [key[:-8]]}, "spec.sshPublicKeys[0]", "not a whole")
        for key in OTHER_KEYS[:3]
    ),
    Case(
        "ECDSA key that is another type's",
        {"sshPublicKeys": [OTHER_KEYS[1].replace("384", "256")]},
        "spec.sshPublicKeys[0]",
        "not a whole key of the type",
    ),
    Case(
        "security key that is another type's",
        {"sshPublicKeys": [OTHER_KEYS[4].replace("AAAAI", "AAAAG", 1)]},
        "spec.sshPublicKeys[0]",
        "not a whole key of the type",
    ),
    Case(
        "ed25519 key of another length than it says",
        {"sshPublicKeys": [f"{ED25519}x{BARE_KEY[-42:]}"]},
        "spec.sshPublicKeys[0]",
        "68",
    ),
    *(
        Case(f"placeholder {number}", {"sshPublicKeys": [key]}, "spec.sshPublicKeys[0]", "is a placeholder")
        for number, key in enumerate(PLACEHOLDERS)
    ),
    Case("key options", {"sshPublicKeys": [f'command="x" {SSH_KEY}']}, "spec.sshPublicKeys[0]", "public key"),
    Case("two keys in one", {"sshPublicKeys": [f"{SSH_KEY}\n{SSH_KEY}"]}, "spec.sshPublicKeys[0]", "one line"),
    Case("address without prefix", {"sshAllowedCIDRs": ["203.0.113.7"]}, "spec.sshAllowedCIDRs[0]", "CIDR notation"),
    Case("bits behind the prefix", {"sshAllowedCIDRs": ["203.0.113.7/24"]}, "spec.sshAllowedCIDRs[0]", "own address"),
    Case("an API for nobody", {"apiAllowedCIDRs": []}, "spec.apiAllowedCIDRs", "let somebody in"),
    Case(
        "an API for an address without prefix",
        {"apiAllowedCIDRs": ["203.0.113.7"]},
        "spec.apiAllowedCIDRs[0]",
        "CIDR notation",
    ),
    Case(
        "an API with bits behind the prefix",
        {"apiAllowedCIDRs": ["2001:db8::1/32"]},
        "spec.apiAllowedCIDRs[0]",
        "own address",
    ),
    Case("corporate CA without Secret", {"tls.strategy": "corporate-ca"}, "spec.tls.caSecretRef", "is required"),
    Case("CA Secret for Let's Encrypt", {"tls.caSecretRef": SECRET}, "spec.tls.caSecretRef", "corporate-ca only"),
    Case("S3 without endpoint", {"objectStorage.provider": "s3"}, "spec.objectStorage.endpoint", "is required"),
    Case("S3 without bucket", {"objectStorage.provider": "s3"}, "spec.objectStorage.bucket", "is required"),
    Case(
        "S3 without credentials",
        {"objectStorage.provider": "s3"},
        "spec.objectStorage.credentialsSecretRef",
        "is required",
    ),
    Case(
        "endpoint for native storage",
        {"objectStorage.endpoint": "https://s3.example"},
        "spec.objectStorage.endpoint",
        "s3 only",
    ),
    Case(
        "issuer without TLS",
        {"federation": {"issuerURL": "http://login.example", "clientID": "a", "clientSecretRef": SECRET}},
        "spec.federation.issuerURL",
        "https://",
    ),
    Case("Commit without credentials", {"gitops.mode": "Commit"}, "spec.gitops.credentialsSecretRef", "pushes"),
    Case(
        "password in the URL",
        {"gitops.url": "https://user:pass@git.example/repo"},
        "spec.gitops.url",
        "credentials belong in the Secret",
    ),
    Case(
        "Commit without a branch",
        {"gitops": {"mode": "Commit", "credentialsSecretRef": SECRET}},
        "spec.gitops.ref",
        "must name a branch",
    ),
    Case(
        "Commit to a tag",
        {"gitops": {**COMMIT["gitops"], "ref": {"tag": "v1.0.0"}}},
        "spec.gitops.ref",
        "must name a branch",
    ),
    Case("branch and tag", {"gitops.ref": {"branch": "main", "tag": "v1"}}, "spec.gitops.ref", "exactly one of"),
    Case("nothing of the repository", {"gitops.ref": {}}, "spec.gitops.ref", "exactly one of"),
    Case("half a commit", {"gitops.ref": {"commit": "4f1c4f1c"}}, "spec.gitops.ref.commit", "40"),
    Case("tag with a space", {"gitops.ref": {"tag": "v1 0"}}, "spec.gitops.ref.tag", "the name of a tag"),
    Case(
        "signatures of the operator's own commits",
        {"gitops": {**COMMIT["gitops"], "verify": {"secretRef": SECRET}}},
        "spec.gitops.verify",
        "are not signed",
    ),
    Case(
        "the signature of a tag where none is followed",
        {"gitops": {"ref": {"branch": "main"}, "verify": {"mode": "TagAndHEAD", "secretRef": SECRET}}},
        "spec.gitops.verify.mode",
        "unless a tag is followed",
    ),
    Case("Crossplane and the operator's own tag, signed", {**CROSSPLANE, **SIGNED}, "spec.gitops.ref", "name a commit"),
    Case(
        "Crossplane and a signed tag",
        {**CROSSPLANE, **SIGNED, "gitops.ref": {"tag": "v1.0.0"}},
        "spec.gitops.ref",
        "nobody checks the signature",
    ),
    Case(
        "the folder in Git is removed where the operator writes none",
        {"decommission": {"removeOverlay": True}},
        "spec.decommission.removeOverlay",
        "is for gitops.mode Commit",
    ),
    Case(
        "a checksum that is none",
        {"decommission": {"export": {"sha256": "A" * 64, "location": "s3://backups/x"}}},
        "spec.decommission.export.sha256",
        "hex digits",
    ),
    Case(
        "an export with a password in its address",
        {"decommission": {"export": {"sha256": "a" * 64, "location": "https://ada:secret@backup.example/x"}}},
        "spec.decommission.export.location",
        "must not have a user or a password",
    ),
    Case(
        "a sweep of another kind",
        {"decommission": {"sweep": "Everything"}},
        "spec.decommission.sweep",
        "Unsupported value",
    ),
    Case("Git over http", {"gitops.url": "http://git.example/repo"}, "spec.gitops.url", "anybody on the way"),
    Case("path that climbs", {"gitops.path": "clusters/../../etc"}, "spec.gitops.path", "neither absolute nor with"),
    Case("absolute path", {"gitops.path": "/clusters"}, "spec.gitops.path", "neither absolute nor with"),
    Case("malformed duration", {"phase1.watchTimeout": "15 minutes"}, "spec.phase1.watchTimeout", '"1h30m"'),
    Case("duration of days", {"phase1.watchTimeout": "2d"}, "spec.phase1.watchTimeout", '"1h30m"'),
    Case("endless duration", {"phase1.watchTimeout": "999999h"}, "spec.phase1.watchTimeout", "from 1s to 168h"),
    Case("hasty drift detection", {"driftDetection": {"interval": "59m"}}, "spec.driftDetection.interval", "1h"),
    Case("drift detection never", {"driftDetection": {"interval": "721h"}}, "spec.driftDetection.interval", "720h"),
    Case("drift detection without interval", {"driftDetection": {"mode": "Repair"}}, "spec.driftDetection.interval"),
    Case(
        "drift detection of another kind",
        {"driftDetection": {"interval": "24h", "mode": "Ignore"}},
        "spec.driftDetection.mode",
        "Repair",
    ),
    Case("digest of words", {"approvePlan": "the new one"}, "spec.approvePlan", "status.plan.digest"),
)
def test_refused(api: Api, namespace: str, case: Case) -> None:
    case.expect_refusal(refusal(api, "POST", sovereigns(namespace), sovereign(case.edits)))


@cases(
    Case("cpx21", {"controlPlane.size": "cpx21"}, "spec.controlPlane.size", "use cpx22"),
    Case("cpx31", {"workers": {"size": "cpx31", "replicas": 1}}, "spec.workers.size", "use cpx32"),
    Case("cx32", {"controlPlane.size": "cx32"}, "spec.controlPlane.size", "use cx33"),
    Case("cx42", {"workers": {"size": "cx42", "replicas": 1}}, "spec.workers.size", "use cx43"),
    Case("cpx21 in Singapore", {"regions[0].location": "sin", "controlPlane.size": "cpx21"}, "spec.controlPlane.size"),
    Case("as worker fallback", {"workers.sizeFallbacks": ["cx42"]}, "spec.workers.sizeFallbacks", "no longer sold"),
    Case("as fallback", {"controlPlane.sizeFallbacks": ["cpx31"]}, "spec.controlPlane.sizeFallbacks", "no longer sold"),
)
def test_retired_sizes_are_refused_with_their_successor(api: Api, namespace: str, case: Case) -> None:
    case.expect_refusal(refusal(api, "POST", sovereigns(namespace), sovereign(case.edits)))


def test_private_key_is_not_echoed(api: Api, namespace: str) -> None:
    """The answer ends up in terminals and audit logs."""
    error = refusal(api, "POST", sovereigns(namespace), sovereign({"sshPublicKeys": [PRIVATE_KEY]}))
    assert "b3BlbnNzaC1rZXk" not in str(error.status)


OUTPUTS = {"outputs": {"controlPlaneIPs": ["203.0.113.1"], "loadBalancerIP": "203.0.113.2"}}


def with_hand_off(status: str) -> dict[str, Any]:
    """A status that says how far the hand-off is."""
    times = {"lastTransitionTime": "2026-01-01T00:00:00Z"}
    reason = "HandedOff" if status == "True" else "Running"
    return {
        **OUTPUTS,
        "conditions": [{"type": "HandedOff", "status": status, "reason": reason, "message": "", **times}],
    }


HANDED_OFF = with_hand_off("True")


def existing(api: Api, namespace: str, edits: Edits, status: dict[str, Any] | None) -> tuple[str, dict[str, Any]]:
    """A Sovereign that is there, with this status; its path and its present state."""
    created = api.create(sovereigns(namespace), sovereign(edits))
    path = f"{sovereigns(namespace)}/omantel"
    return path, actors.operator(api).patch(f"{path}/status", {"status": status}) if status else created


@cases(
    Case("from pool", {"domain.mode": "byo-manual"}, "spec.domain.mode", "from or to pool"),
    Case(
        "to pool", {"domain.mode": "pool"}, "spec.domain.mode", "from or to pool", before={"domain.mode": "byo-manual"}
    ),
    Case("provider", {"provider": "aws"}, "spec.provider", "design-only"),
    Case("who it was", {"originalUID": ANOTHER_UID}, "spec.originalUID", "immutable", before={"originalUID": A_UID}),
    Case("who it was, said late", {"originalUID": A_UID}, "spec.originalUID", "immutable"),
)
def test_never_changed(api: Api, namespace: str, case: Case) -> None:
    path, before = existing(api, namespace, case.before, status=None)
    case.expect_refusal(refusal(api, "PUT", path, edited(before, case.edits)))


RESERVED = {
    "type": "DomainReserved",
    "status": "True",
    "reason": "Succeeded",
    "message": "x",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}
OTHER_NAME = {"domain.fqdn": "other.omani.works"}


SERVERS = {"servers": [{"name": "omantel-1a2b3-control-plane-0", "role": "control-plane", "size": "cx33"}]}


@cases(Case("fqdn", OTHER_NAME, "spec.domain.fqdn", "immutable"))
@pytest.mark.parametrize("status", [{"conditions": [RESERVED]}, SERVERS], ids=["reserved", "an apply"])
def test_a_name_is_kept_once_it_is_reserved_or_an_apply_began(
    api: Api, namespace: str, case: Case, status: dict[str, Any]
) -> None:
    path, before = existing(api, namespace, {}, status)
    case.expect_refusal(refusal(api, "PUT", path, edited(before, case.edits)))


@pytest.mark.parametrize(
    "status",
    [None, {"conditions": [{**RESERVED, "status": "False"}]}, {"runNamespace": "sov-a-b", "servers": []}],
    ids=["new", "refused", "a dry run"],
)
def test_a_typo_in_a_name_can_be_corrected(api: Api, namespace: str, status: dict[str, Any] | None) -> None:
    path, before = existing(api, namespace, {}, status)
    api.replace(path, edited(before, OTHER_NAME), dryRun="All")


FROZEN_WITH_OUTPUTS = (
    Case("location", {"regions[0].location": "nbg1"}, "spec.regions", "servers cannot move"),
    Case("release", {"release": REMOVED}, "spec.release", "pinned", before={"release": RELEASE}),
    Case("release given late", {"release": RELEASE}, "spec.release", "pinned"),
    Case(
        "fewer control planes",
        {"controlPlane.replicas": 1},
        "spec.controlPlane.replicas",
        "etcd counts its majority",
        before={"controlPlane.replicas": 3, "workers": {"size": "cx43", "replicas": 1}},
    ),
    Case("gitops mode", {"gitops": COMMIT["gitops"]}, "spec.gitops.mode", "first boot"),
)
APPLIED = {**OUTPUTS, "kitRevision": "main@sha1:0f0f"}
"""Flux on the new cluster has applied something once."""
GIT_SECRET: Edits = {"gitops.credentialsSecretRef": SECRET}
FROZEN_ONCE_APPLIED = (
    Case("gitops ref", {"gitops.ref": {"branch": "next"}}, "spec.gitops.ref", "status.kitRevision"),
    Case("gitops verify", {"gitops.verify": {"secretRef": SECRET}}, "spec.gitops.verify", "status.kitRevision"),
    Case("gitops url", {"gitops.url": "https://git.example/a/b"}, "spec.gitops.url", "status.kitRevision"),
    Case("gitops path", {"gitops.path": "clusters/next"}, "spec.gitops.path", "status.kitRevision"),
    Case("a Secret for Git named late", GIT_SECRET, "spec.gitops.credentialsSecretRef", "has one was set then"),
)
FROZEN_IN_THE_REALM = (
    Case("Keycloak topology", {"keycloakTopology": "shared-sovereign"}, "spec.keycloakTopology", "first start"),
    Case(
        "federation",
        {"federation": {"issuerURL": "https://login.example", "clientID": "a", "clientSecretRef": SECRET}},
        "spec.federation",
        "first start",
    ),
)
FROZEN_IN_TEMPLATE = (
    Case("building blocks", {"regions[0].buildingBlocks": ["mgt", "rtz", "dmz"]}, "spec.regions", "first boot"),
    Case("organization", {"organization.name": "Other"}, "spec.organization", "first boot"),
    Case("admin e-mail", {"adminEmail": "other@omantel.example"}, "spec.adminEmail", "first boot"),
    Case("TLS", {"tls.strategy": "cert-manager"}, "spec.tls", "first boot"),
    Case(
        "object storage",
        {
            "objectStorage": {
                "provider": "s3",
                "endpoint": "https://s3.example",
                "bucket": "cold",
                "credentialsSecretRef": SECRET,
            }
        },
        "spec.objectStorage",
        "first boot",
    ),
    Case("components", {"components": ["harbor"]}, "spec.components", "first boot"),
)


@cases(*FROZEN_WITH_OUTPUTS, *FROZEN_IN_TEMPLATE, *FROZEN_IN_THE_REALM)
def test_frozen_once_outputs_exist(api: Api, namespace: str, case: Case) -> None:
    path, before = existing(api, namespace, case.before, OUTPUTS)
    case.expect_refusal(refusal(api, "PUT", path, edited(before, case.edits)))


@cases(*FROZEN_ONCE_APPLIED)
def test_what_is_followed_is_frozen_once_flux_has_applied_it(api: Api, namespace: str, case: Case) -> None:
    """And so it is after a hand-off by an operator that did not tell of it."""
    path, before = existing(api, namespace, case.before, APPLIED)
    case.expect_refusal(refusal(api, "PUT", path, edited(before, case.edits)))
    before = actors.operator(api).patch(f"{path}/status", {"status": {**HANDED_OFF, "kitRevision": None}})
    assert refusal(api, "PUT", path, edited(before, case.edits)).causes


@cases(*FROZEN_ONCE_APPLIED)
def test_what_is_followed_can_be_corrected_until_then(api: Api, namespace: str, case: Case) -> None:
    """The servers are there, and nobody can enter them: here it is put right."""
    path, before = existing(api, namespace, case.before, OUTPUTS)
    api.replace(path, edited(before, case.edits), dryRun="All")


@cases(*FROZEN_WITH_OUTPUTS, *FROZEN_IN_TEMPLATE, *FROZEN_IN_THE_REALM)
def test_correctable_until_outputs_exist(api: Api, namespace: str, case: Case) -> None:
    path, before = existing(api, namespace, case.before, {"phase": "tofu-apply"})
    api.replace(path, edited(before, case.edits), dryRun="All")


HA: Edits = {"controlPlane.replicas": 3, "workers": {"size": "cx43", "replicas": 1}}
ONE = Case("from three to one", {"controlPlane.replicas": 1}, "spec.controlPlane.replicas", "etcd counts", before=HA)


def test_control_planes_never_get_fewer_once_outputs_exist(api: Api, namespace: str) -> None:
    path, before = existing(api, namespace, HA, OUTPUTS)
    ONE.expect_refusal(refusal(api, "PUT", path, edited(before, ONE.edits)))


def test_control_planes_may_become_more(api: Api, namespace: str) -> None:
    path, before = existing(api, namespace, {}, OUTPUTS)
    api.replace(path, edited(before, HA), dryRun="All")


def test_fewer_control_planes_may_be_asked_for_until_outputs_exist(api: Api, namespace: str) -> None:
    path, before = existing(api, namespace, HA, {"phase": "tofu-apply"})
    api.replace(path, edited(before, ONE.edits), dryRun="All")


@cases(*FROZEN_IN_TEMPLATE)
def test_pushed_to_git_in_mode_commit(api: Api, namespace: str, case: Case) -> None:
    path, before = existing(api, namespace, COMMIT, OUTPUTS)
    api.replace(path, edited(before, case.edits), dryRun="All")


@cases(*FROZEN_IN_THE_REALM)
def test_what_only_keycloaks_first_start_takes_is_frozen_in_mode_commit_too(
    api: Api, namespace: str, case: Case
) -> None:
    path, before = existing(api, namespace, COMMIT, OUTPUTS)
    case.expect_refusal(refusal(api, "PUT", path, edited(before, case.edits)))


PULL = {"imagePullSecretRef": SECRET}
NAMED_AT_FIRST_BOOT = (
    Case("a pull Secret named late", PULL, "spec.imagePullSecretRef", "has one was set then"),
    Case("Crossplane's Secret named late", CROSSPLANE, "spec.crossplane", "has one was set then"),
)


@cases(*NAMED_AT_FIRST_BOOT)
def test_whether_a_secret_is_named_was_set_at_first_boot(api: Api, namespace: str, case: Case) -> None:
    path, before = existing(api, namespace, {}, OUTPUTS)
    case.expect_refusal(refusal(api, "PUT", path, edited(before, case.edits)))


@cases(*NAMED_AT_FIRST_BOOT)
def test_no_longer_naming_a_secret_is_refused_too(api: Api, namespace: str, case: Case) -> None:
    path, before = existing(api, namespace, case.edits, OUTPUTS)
    case.expect_refusal(refusal(api, "PUT", path, edited(before, dict.fromkeys(case.edits, REMOVED))))


@cases(*(replace(case, where="", says="") for case in NAMED_AT_FIRST_BOOT))
def test_a_secret_may_be_named_until_outputs_exist(api: Api, namespace: str, case: Case) -> None:
    path, before = existing(api, namespace, {}, {"phase": "tofu-apply"})
    api.replace(path, edited(before, case.edits), dryRun="All")


OWNERS = "no access to it any more"


@cases(
    *(replace(case, says=OWNERS, before=COMMIT) for case in (*FROZEN_IN_TEMPLATE, *FROZEN_IN_THE_REALM)),
    Case(
        "Git Secret",
        {"gitops.credentialsSecretRef.name": "x"},
        "spec.gitops.credentialsSecretRef",
        OWNERS,
        before=COMMIT,
    ),
    Case("pull Secret", {"imagePullSecretRef.name": "other"}, "spec.imagePullSecretRef", OWNERS, before=PULL),
    Case("Crossplane", {"crossplane.credentialsSecretRef.name": "other"}, "spec.crossplane", OWNERS, before=CROSSPLANE),
    Case("patience", {"phase1.watchTimeout": "2h"}, "spec.phase1", OWNERS),
    Case("hand-off", {"handOff.ownerKubeconfig": "None"}, "spec.handOff", OWNERS),
)
def test_the_new_cluster_is_its_owners_after_hand_off(api: Api, namespace: str, case: Case) -> None:
    path, before = existing(api, namespace, case.before, HANDED_OFF)
    case.expect_refusal(refusal(api, "PUT", path, edited(before, case.edits)))


@cases(
    Case("workers", {"workers": {"size": "cx43", "replicas": 2}}, "spec.workers", "after hand-off"),
    Case("components", {"components": ["harbor"]}, "spec.components", OWNERS),
)
def test_no_edit_gets_lost_in_a_hand_off_under_way(api: Api, namespace: str, case: Case) -> None:
    path, before = existing(api, namespace, {}, with_hand_off("Unknown"))
    case.expect_refusal(refusal(api, "PUT", path, edited(before, case.edits)))
    api.replace(path, edited(before, {"handOff.ownerKubeconfig": "None"}), dryRun="All")


@cases(
    Case("workers", {"workers": {"size": "cx43", "replicas": 2}}, "spec.workers", "after hand-off"),
    Case("control plane", {"controlPlane.size": "cx43"}, "spec.controlPlane", "after hand-off"),
    Case("firewall", {"sshAllowedCIDRs": ["203.0.113.0/24"]}, "spec.sshAllowedCIDRs", "after hand-off"),
    Case("API", {"apiAllowedCIDRs": ["203.0.113.0/24"]}, "spec.apiAllowedCIDRs", "after hand-off"),
    Case("SSH keys", {"sshPublicKeys": []}, "spec.sshPublicKeys", "after hand-off"),
    # Who is to be asked then is said as it is: only some have a Crossplane that was given the state.
    Case(
        "with Crossplane", {"controlPlane.size": "cx43"}, "spec.controlPlane", "its own Crossplane", before=CROSSPLANE
    ),
    Case("without", {"controlPlane.size": "cx43"}, "spec.controlPlane", "spec.crossplane is not set"),
)
def test_infrastructure_is_its_owners_after_hand_off(api: Api, namespace: str, case: Case) -> None:
    path, before = existing(api, namespace, case.before, HANDED_OFF)
    case.expect_refusal(refusal(api, "PUT", path, edited(before, case.edits)))


@cases(
    Case("workers", {"workers": {"size": "cx43", "replicas": 2}}),
    Case("control plane size", {"controlPlane.size": "cx43"}),
    Case("firewall", {"sshAllowedCIDRs": ["203.0.113.0/24"]}),
    Case("SSH keys", {"sshPublicKeys": [SSH_KEY.replace("admin", "other")]}),
    Case("API", {"apiAllowedCIDRs": ["203.0.113.0/24"]}),
    Case("protection", {"deletionProtection": False}),
    Case("approval", {"approval": "Manual", "approvePlan": "a" * 64}),
    Case(
        "rotated Secrets",
        {"credentialsSecretRef.name": "new-token", "imagePullSecretRef.name": "other"},
        before={"imagePullSecretRef": SECRET},
    ),
    Case("patience", {"phase1.watchTimeout": "2h"}),
)
def test_changed_at_any_time_before_hand_off(api: Api, namespace: str, case: Case) -> None:
    path, before = existing(api, namespace, case.before, OUTPUTS)
    api.replace(path, edited(before, case.edits), dryRun="All")


def test_defaults_are_static(api: Api, namespace: str) -> None:
    spec = api.create(sovereigns(namespace), sovereign(), dryRun="All")["spec"]
    assert spec["deletionProtection"] is True
    assert spec["controlPlane"]["replicas"] == 1
    assert spec["workers"] == {"replicas": 0, "sizeFallbacks": []}
    assert spec["apiAllowedCIDRs"] == ["0.0.0.0/0", "::/0"]
    assert spec["handOff"] == {"mode": "Automatic", "ownerKubeconfig": "Keep"}
    assert spec["regions"][0]["buildingBlocks"] == ["mgt", "rtz"]
    assert spec["phase1"] == {}, "what the operator's settings decide has no default in the schema"


def test_status_is_not_taken_at_creation(api: Api, namespace: str) -> None:
    created = api.create(sovereigns(namespace), sovereign() | {"status": {"phase": "ready"}})
    assert "status" not in created


def test_null_in_a_list_is_refused(api: Api, namespace: str) -> None:
    error = refusal(api, "POST", sovereigns(namespace), sovereign({"controlPlane.sizeFallbacks": [None]}))
    assert "spec.controlPlane.sizeFallbacks[0]" in str(error)
