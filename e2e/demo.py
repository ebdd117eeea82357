"""`make demo`: installs the operator into the lab, applies the sample Sovereign, and shows what there is to watch."""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from pathlib import Path

import yaml

from e2e.lab.layout import REPOSITORY, Layout
from e2e.support import operator
from e2e.support.kubectl import Kubectl, Object
from e2e.support.sovereigns import condition
from e2e.support.waiting import wait_for

SAMPLES = REPOSITORY / "deploy" / "samples"
PROVISION_SECONDS = 240
WORKERS = '{"spec":{"workers":{"replicas":2}}}'
LET_GO = '{"spec":{"deletionProtection":false,"decommission":{"acknowledgeExported":true}}}'
OWNER_SECRET = "hetzner-token"


def main() -> int:
    """0 when the Sovereign was handed over."""
    parser = argparse.ArgumentParser(prog="python -m e2e.demo", description=__doc__)
    parser.add_argument("--sample", choices=("sovereign", "ha"), default="sovereign", help="which of deploy/samples")
    return show(parser.parse_args().sample)


def show(name: str) -> int:
    """From `kubectl apply` of a sample to its hand-off."""
    layout = Layout.of_checkout()
    kubectl = Kubectl.of_lab(layout)
    say("Installing the operator from deploy/overlays/lab ...")
    operator.install(kubectl, layout)
    sovereign = sample(name)
    say(f"Applying deploy/samples/{name}.yaml ...")
    apply(kubectl, sovereign, layout)
    begin = time.monotonic()
    watch(kubectl, sovereign)
    if not handed_off(read(kubectl, sovereign)):
        say("It stopped: nothing goes on until the cause above is removed. The whole status:")
        print(kubectl("-n", sovereign["metadata"]["namespace"], "describe", "sovereign", sovereign["metadata"]["name"]))
        return 1
    say(f"From apply to hand-off in {time.monotonic() - begin:.0f} s. Its status:")
    print(yaml.safe_dump(summary(read(kubectl, sovereign)), sort_keys=False))
    print(farewell(sovereign, layout))
    return 0


def say(text: str) -> None:
    """A heading between what kubectl prints."""
    print(f"\n== {text}", flush=True)


def sample(name: str) -> Object:
    """A sample of deploy/samples."""
    found: Object = yaml.safe_load((SAMPLES / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def apply(kubectl: Kubectl, sovereign: Object, layout: Layout) -> None:
    """Namespace, Secret with the emulator's token, Sovereign."""
    namespace = sovereign["metadata"]["namespace"]
    print(kubectl("apply", "-f", str(SAMPLES / "namespace.yaml")))
    token = hcloud_token(layout.env_file)
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": OWNER_SECRET, "namespace": namespace},
        "stringData": {"token": token},
    }
    print(kubectl.apply(secret))
    print(kubectl.apply(sovereign), flush=True)


def hcloud_token(env_file: Path) -> str:
    """HCLOUD_TOKEN of the lab."""
    settings = dict(line.split("=", 1) for line in env_file.read_text().splitlines() if "=" in line)
    return settings["HCLOUD_TOKEN"].strip("'\"")


def watch(kubectl: Kubectl, sovereign: Object) -> None:
    """Show `kubectl get sovereigns -w` until the Sovereign is handed over."""
    meta = sovereign["metadata"]
    command = ("-n", meta["namespace"], "get", "sovereigns", "-w")
    say(f"kubectl {' '.join(command)}")
    with kubectl.start(*command) as process:
        printer = threading.Thread(target=copy, args=(process.stdout,))
        printer.start()
        try:
            wait_for(
                lambda: settled(kubectl, read(kubectl, sovereign)),
                "the Sovereign to be handed over; see its message above",
                seconds=PROVISION_SECONDS,
            )
        finally:
            process.terminate()
            printer.join()


def copy(stream: object) -> None:
    """Pass lines on as they come, cut to the width of a wide terminal."""
    for line in stream:  # type: ignore[attr-defined]
        print(line.rstrip("\n")[:180], flush=True)


def read(kubectl: Kubectl, sovereign: Object) -> Object:
    """The Sovereign as it is."""
    meta = sovereign["metadata"]
    return kubectl.get("-n", meta["namespace"], "sovereign", meta["name"])


def handed_off(sovereign: Object) -> bool:
    """Whether it went all the way: servers, cluster, kit, hand-off."""
    return condition(sovereign.get("status", {}), "HandedOff").get("status") == "True"


def settled(kubectl: Kubectl, sovereign: Object) -> bool:
    """Whether there is nothing more to wait for. A plan that waits for a person is approved, as that person would."""
    stalled = condition(sovereign.get("status", {}), "Stalled")
    if stalled.get("reason") == "AwaitingApproval":
        approve(kubectl, sovereign)
        return False
    return handed_off(sovereign) or bool(stalled)


def approve(kubectl: Kubectl, sovereign: Object) -> None:
    """Approve the plan as it is shown; once."""
    digest, meta = sovereign["status"]["plan"]["digest"], sovereign["metadata"]
    if sovereign["spec"].get("approvePlan") != digest:
        patch = json.dumps({"spec": {"approvePlan": digest}})
        say(f"kubectl -n {meta['namespace']} patch sovereign {meta['name']} --type merge -p '{patch}'")
        kubectl("-n", meta["namespace"], "patch", "sovereign", meta["name"], "--type=merge", "-p", patch)


def summary(sovereign: Object) -> Object:
    """What matters of the status, short enough to read."""
    status = sovereign["status"]
    return {
        "conditions": {c["type"]: f"{c['status']} ({c['reason']}): {c['message']}" for c in status["conditions"]},
        "components": {c["name"]: f"{c['state']}: {c['message']}" for c in status["components"]},
        **{key: status[key] for key in ("phase1Outcome", "endpoints", "outputs", "plan", "cost", "runNamespace")},
    }


def farewell(sovereign: Object, layout: Layout) -> str:
    """What to do next."""
    name, namespace = sovereign["metadata"]["name"], sovereign["metadata"]["namespace"]
    return f"""\
Look around:   export KUBECONFIG={layout.kubeconfig} PATH={layout.bin}:$PATH
               kubectl -n {namespace} describe sovereign {name}
               kubectl explain sovereign.spec
Its owner's:   kubectl -n {namespace} patch sovereign {name} --type merge -p '{WORKERS}'
               (is refused: the servers are their owner's now)
Take it back:  kubectl -n {namespace} patch sovereign {name} --type merge -p '{LET_GO}'
               kubectl -n {namespace} delete sovereign {name}
End the lab:   make lab-down"""


if __name__ == "__main__":
    sys.exit(main())
