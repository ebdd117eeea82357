"""The Job of a run: what the kubelet, OpenTofu and Pod Security make of it."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from catalyst_operator.api import labels
from catalyst_operator.api.phases import RunVerb
from catalyst_operator.core import naming
from catalyst_operator.core.runs.job import (
    ADOPT,
    INPUTS_DIR,
    MODULE_DIR,
    STATE_KEEPER,
    SYSTEM_TRUST,
    job,
    phases_of,
)
from catalyst_operator.core.tofu import backends
from catalyst_operator.core.tofu.backends import backend_file
from tests.support import gen
from tests.support.gen import SETTINGS, TOKEN

Raw = dict[str, Any]
APPLY = job(gen.sovereign(), gen.run(), SETTINGS)
DESTROY = job(gen.sovereign(), gen.run(verb=RunVerb.DESTROY), SETTINGS)
PLAN = job(gen.sovereign(gen.spec(dryRun=True)), gen.run(verb=RunVerb.PLAN), SETTINGS)
ADOPTING = job(gen.sovereign(), gen.run(adopt=True), SETTINGS)
EACH = pytest.mark.parametrize("made", [APPLY, DESTROY, PLAN, ADOPTING], ids=["apply", "destroy", "plan", "adopt"])


def pod(made: Raw) -> Raw:
    spec: Raw = made["spec"]["template"]["spec"]
    return spec


def containers(made: Raw) -> list[Raw]:
    return [*pod(made)["initContainers"], *pod(made)["containers"]]


def named(made: Raw, name: str) -> Raw:
    return next(c for c in containers(made) if c["name"] == name)


def env(container: Raw) -> dict[str, Any]:
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in container["env"]}


@pytest.mark.parametrize(("made", "verb"), [(APPLY, RunVerb.APPLY), (DESTROY, RunVerb.DESTROY), (PLAN, RunVerb.PLAN)])
def test_a_phase_is_a_container_in_order_after_the_sidecar(made: Raw, verb: RunVerb) -> None:
    assert [c["name"] for c in containers(made)] == [STATE_KEEPER, *phases_of(verb)]
    assert len(pod(made)["containers"]) == 1


def test_a_plan_ends_at_the_gate() -> None:
    """It has nothing that could change anything in the cloud."""
    assert [c["name"] for c in pod(PLAN)["containers"]] == ["plan-gate"]
    assert not [c["name"] for c in containers(PLAN) if "apply" in c["command"]]
    assert "-destroy" not in named(PLAN, "tofu-plan")["command"]


def test_a_run_looks_for_orphans_only_if_it_was_told_to() -> None:
    """After OpenTofu was initialised, since it reads the state; before the plan, since that is to take them in."""
    assert [c["name"] for c in containers(ADOPTING)][:4] == [STATE_KEEPER, "tofu-init", ADOPT, "tofu-plan"]
    assert ADOPT not in [c["name"] for c in containers(APPLY)]
    assert [ADOPT in phases_of(verb, adopt=True) for verb in RunVerb] == [True, True, True]


@EACH
def test_kubernetes_never_repeats_what_the_operator_has_to_decide(made: Raw) -> None:
    spec = made["spec"]
    assert (spec["backoffLimit"], pod(made)["restartPolicy"], spec["podReplacementPolicy"]) == (0, "Never", "Failed")
    assert "activeDeadlineSeconds" not in spec, "an apply is never cut off"
    assert "ttlSecondsAfterFinished" not in spec, "its log is to be read"


@EACH
def test_tofu_has_time_to_write_its_state_and_hears_the_signal_itself(made: Raw) -> None:
    assert pod(made)["terminationGracePeriodSeconds"] == 900
    for container in containers(made):
        if container["name"].startswith("tofu-"):
            assert container["command"][0] == "tofu", "no wrapper: the first SIGTERM must reach tofu exactly once"


@EACH
def test_evidence_is_held_and_the_job_is_not_owned(made: Raw) -> None:
    template = made["spec"]["template"]
    assert template["metadata"]["finalizers"] == [labels.FINALIZER_OBSERVED]
    assert "ownerReferences" not in made["metadata"], "foreground deletion would take it before our finalizer runs"


@EACH
def test_job_and_pod_are_found_by_their_labels(made: Raw) -> None:
    for held in (made["metadata"]["labels"], made["spec"]["template"]["metadata"]["labels"]):
        assert held[labels.LABEL_SOVEREIGN_UID] == gen.UID
        assert (held[labels.LABEL_SOVEREIGN], held[labels.LABEL_SOVEREIGN_NAMESPACE]) == ("omantel", "team-a")
        assert (held[labels.LABEL_ROLE], held[labels.LABEL_ATTEMPT]) == (labels.ROLE_RUN, "1")


@EACH
def test_pod_security_restricted(made: Raw) -> None:
    security = pod(made)["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] == 65534
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(made):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
    assert not any("hostPath" in volume for volume in pod(made)["volumes"])


@EACH
def test_the_token_travels_as_a_reference_and_only_where_hetzner_is_asked(made: Raw) -> None:
    assert TOKEN not in json.dumps(made)
    holders = [c["name"] for c in containers(made) if "HCLOUD_TOKEN" in env(c)]
    there = {c["name"] for c in containers(made)}
    asking = {ADOPT, "tofu-plan", "sweep", "tofu-apply", "leftovers"} | (
        {STATE_KEEPER} if "tofu-output" in there else set()
    )
    assert set(holders) == asking & there, "after an apply the sidecar starts servers that it left off"
    for name in holders:
        reference = env(named(made, name))["HCLOUD_TOKEN"]
        assert reference == {"secretKeyRef": {"name": naming.TOKEN_SECRET, "key": "token"}}


def test_an_endpoint_is_only_set_when_the_operator_has_one() -> None:
    assert "HCLOUD_ENDPOINT" not in env(named(APPLY, "tofu-plan"))
    other = job(gen.sovereign(), gen.run(), replace(SETTINGS, hcloud_endpoint="http://emulator/v1"))
    assert env(named(other, "tofu-apply"))["HCLOUD_ENDPOINT"] == "http://emulator/v1"


@EACH
def test_state_and_plan_are_encrypted_from_the_first_write(made: Raw) -> None:
    for name in (c["name"] for c in containers(made) if c["name"] != STATE_KEEPER):
        encryption = env(named(made, name))["TF_ENCRYPTION"]
        assert len(re.findall(r"enforced = true", encryption)) == 2
        assert "\n" in encryption, "OpenTofu needs real newlines"
        assert [m["name"] for m in named(made, name)["volumeMounts"] if m["name"] == "state-key"]


@EACH
def test_tofu_never_asks_and_never_colours(made: Raw) -> None:
    there = {c["name"] for c in containers(made)}
    for name in there & {"tofu-init", "tofu-plan", "tofu-apply"}:
        command = named(made, name)["command"]
        assert "-input=false" in command
        assert "-no-color" in command
    for name in there & {"tofu-plan", "tofu-apply"}:
        assert "-json" in named(made, name)["command"], "progress and diagnostics are read from it"
        assert "-lock-timeout=60s" in named(made, name)["command"]


def test_only_a_destroy_plans_a_destroy() -> None:
    assert "-destroy" in named(DESTROY, "tofu-plan")["command"]
    assert "-destroy" not in named(APPLY, "tofu-plan")["command"]


def test_outputs_come_by_the_termination_message() -> None:
    assert "-json-into=/dev/termination-log" in named(APPLY, "tofu-output")["command"]


def test_the_gate_is_told_what_it_judges_by() -> None:
    three = gen.sovereign(gen.spec(approval="Manual", controlPlane={"size": "cpx22", "replicas": 3}), gen.workers(1))
    members = ("control-plane-0", "control-plane-1", "control-plane-2")
    run = gen.run(approved="d" * 64, members=members, later=("control-plane-2", "worker-0"), resize_approved=True)
    told = env(named(job(three, run, SETTINGS), "plan-gate"))
    assert told["CATALYST_APPROVAL"] == "Manual"
    assert told["CATALYST_APPROVED_PLAN"] == "d" * 64
    assert told["CATALYST_MEMBERS"] == "control-plane-0,control-plane-1,control-plane-2"
    assert told["CATALYST_RESIZED_LATER"] == "control-plane-2,worker-0"
    assert told["CATALYST_RESIZE_APPROVED"] == "yes"
    assert (told["CATALYST_VERB"], told["CATALYST_SOVEREIGN_UID"]) == ("apply", gen.UID)
    plain = env(named(APPLY, "plan-gate"))
    told_by_default = (
        "MEMBERS",
        "RESIZED_LATER",
        "RESIZE_APPROVED",
        "STANDING",
        "GONE_CONFIRMED",
        "STATE_GIVEN",
        "REBUILD",
    )
    assert [plain[f"CATALYST_{name}"] for name in told_by_default] == [""] * 7
    later = gen.run(standing=("control-plane-0", "worker-0", "worker-1"), confirmed=True, state_given=True)
    told = env(named(job(three, later, SETTINGS), "plan-gate"))
    assert (told["CATALYST_STANDING"], told["CATALYST_GONE_CONFIRMED"]) == ("control-plane:0 worker:0-1", "yes")
    assert told["CATALYST_STATE_GIVEN"] == "yes"


def test_the_gates_refusals_end_the_job_by_name() -> None:
    (rule,) = APPLY["spec"]["podFailurePolicy"]["rules"]
    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"] == {"containerName": "plan-gate", "operator": "In", "values": [3, 4, 5, 8, 9, 10]}


@EACH
def test_all_phases_share_one_work_directory(made: Raw) -> None:
    place = naming.workdir("omantel.omani.works")
    for container in containers(made):
        assert container["workingDir"] == place
        assert {"name": "work", "mountPath": place} in container["volumeMounts"]
    work = next(v for v in pod(made)["volumes"] if v["name"] == "work")
    assert work["emptyDir"] == {"sizeLimit": "2Gi"}


@EACH
def test_the_sidecar_is_native_and_lays_out_the_work_directory_before_init(made: Raw) -> None:
    keeper = named(made, STATE_KEEPER)
    assert keeper["restartPolicy"] == "Always"
    assert "/opt/catalyst/module" in keeper["lifecycle"]["postStart"]["exec"]["command"][-1]
    assert env(keeper)["CATALYST_RUN_NAMESPACE"] == gen.SPACE


def test_only_what_makes_servers_is_given_what_they_are_told() -> None:
    """And has to be: OpenTofu would ask for what is missing."""
    for made in (APPLY, PLAN, ADOPTING):
        assert [source["secret"] for source in inputs(made)][1:] == [{"name": naming.BOOT_SECRETS}]
    assert len(inputs(DESTROY)) == 1


def inputs(made: Raw) -> list[Raw]:
    sources: list[Raw] = next(v for v in pod(made)["volumes"] if v["name"] == "inputs")["projected"]["sources"]
    return sources


def test_the_name_tells_verb_inputs_and_attempt() -> None:
    run = gen.run(attempt=7)
    assert job(gen.sovereign(), run, SETTINGS)["metadata"]["name"] == f"apply-{run.digest[:8]}-7"
    assert APPLY["metadata"]["namespace"] == gen.SPACE


def test_memory_is_what_the_operator_was_told() -> None:
    other = job(gen.sovereign(), gen.run(), replace(SETTINGS, run_memory_limit="1Gi"))
    assert {c["resources"]["limits"]["memory"] for c in containers(other)} == {"1Gi"}


def test_pull_secrets_are_named_when_there_are_any() -> None:
    assert "imagePullSecrets" not in pod(APPLY)
    other = job(gen.sovereign(), gen.run(), replace(SETTINGS, image_pull_secrets=("a", "b")))
    assert pod(other)["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]


def test_the_backend_keeps_its_state_where_the_operator_looks() -> None:
    text = backend_file(None, gen.SPACE, gen.UID)
    suffix = re.search(r'secret_suffix\s+= "(.+)"', text)
    space = re.search(r'namespace\s+= "(.+)"', text)
    assert suffix is not None
    assert space is not None
    assert (f"tfstate-default-{suffix[1]}", space[1]) == (naming.STATE_SECRET, gen.SPACE)


@pytest.mark.parametrize("replaces", [True, False])
def test_the_server_that_is_asked_for_is_replaced_by_the_run_that_does_it_and_covered_in_each(replaces: bool) -> None:
    made = job(gen.sovereign(), gen.run(rebuild="control-plane-1", replaces=replaces), SETTINGS)
    told = "-replace=hcloud_server.control_plane[1]" in named(made, "tofu-plan")["command"]
    assert told is replaces
    assert env(named(made, "plan-gate"))["CATALYST_REBUILD"] == "control-plane-1"


STORE = backends.parse(backends.PG, ("host=pg.example", "database=states"), "of-the-administrators")
IN_STORE = replace(SETTINGS, state_backend=STORE)
RUN_IN_STORE = gen.run(backend=STORE.fingerprint, over=("apply-1a2b3c4d-1", "apply-1a2b3c4d-2"))


@pytest.mark.parametrize("verb", list(RunVerb))
def test_in_a_store_the_same_phases_open_the_state_first_and_keep_a_copy_last(verb: RunVerb) -> None:
    """No container more: each has its share of what the kubelet keeps of them."""
    made, plain = (job(gen.sovereign(), replace(RUN_IN_STORE, verb=verb, backend=b), IN_STORE) for b in ("f", ""))
    assert [c["name"] for c in containers(made)] == [c["name"] for c in containers(plain)]
    assert named(made, "tofu-init")["command"][-1] == "state-open"
    assert env(named(made, "tofu-init"))["CATALYST_RUNS_OVER"] == "apply-1a2b3c4d-1,apply-1a2b3c4d-2"
    if verb is RunVerb.APPLY:
        assert named(made, "tofu-output")["command"][-1] == "state-close"
    assert named(plain, "tofu-init")["command"][0] == "tofu", "handed over, its state is in the run namespace"
    assert "state-copy" not in json.dumps(plain)


def test_what_opens_the_store_goes_as_a_reference_to_who_runs_tofu_and_nobody_else() -> None:
    for verb in RunVerb:
        made = job(gen.sovereign(), replace(RUN_IN_STORE, verb=verb, adopt=True), IN_STORE)
        for container in containers(made):
            opens = container["name"] not in (STATE_KEEPER, "sweep", "leftovers")
            reference = env(container).get("PGPASSWORD")
            assert (reference is not None) == opens, container["name"]
            if reference is not None:
                assert reference["secretKeyRef"]["name"] == naming.STATE_BACKEND_SECRET
            assert ("TF_ENCRYPTION" in env(container)) == (container["name"] != STATE_KEEPER), "sealed there, too"


# --- what is outside --------------------------------------------------------------------------------------------------

BEHIND = replace(SETTINGS, authorities=("PEM",), run_proxy={"HTTPS_PROXY": "http://proxy.example:3128"})


@pytest.mark.parametrize("verb", list(RunVerb))
def test_every_container_goes_through_the_proxy_and_trusts_the_authorities(verb: RunVerb) -> None:
    made = job(gen.sovereign(), gen.run(verb=verb), BEHIND)
    for container in containers(made):
        assert env(container)["HTTPS_PROXY"] == "http://proxy.example:3128"
        assert env(container)["SSL_CERT_FILE"] == f"{container['workingDir']}/trusted.crt"
    assert "authorities.crt > trusted.crt" in str(named(made, STATE_KEEPER)["lifecycle"])


@EACH
def test_without_either_nothing_is_said_of_them(made: Raw) -> None:
    for container in containers(made):
        assert not {"HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE"} & env(container).keys()
    assert "trusted.crt" not in str(made)


def test_the_image_and_the_authorities_are_trusted_both(tmp_path: Path) -> None:
    """Programs that are given a file look at no other."""
    system, inputs, module = tmp_path / "system.crt", tmp_path / "inputs", tmp_path / "module"
    work = tmp_path / "work"
    for folder in (inputs, module, work):
        folder.mkdir()
    system.write_text("system\n")
    (module / "main.tf").write_text("")
    (inputs / "authorities.crt").write_text("own\n")
    [_, _, lay_out] = named(job(gen.sovereign(), gen.run(), BEHIND), STATE_KEEPER)["lifecycle"]["postStart"]["exec"][
        "command"
    ]
    for path, mine in ((SYSTEM_TRUST, system), (MODULE_DIR, module), (INPUTS_DIR, inputs)):
        lay_out = lay_out.replace(path, str(mine))
    subprocess.run(["/bin/sh", "-ec", lay_out], cwd=work, check=True)
    assert (work / "trusted.crt").read_text() == "system\nown\n"
    (work / "trusted.crt").unlink()
    (work / "authorities.crt").unlink()
    (inputs / "authorities.crt").rename(inputs / "backend.tf")
    subprocess.run(["/bin/sh", "-ec", lay_out], cwd=work, check=True)
    assert not (work / "trusted.crt").exists(), "inputs of an operator that was told of none"
