"""OpenTofu inside a run's Pod, and the cloud it works on: as much of them as the operator can tell apart.

`tofu init` makes an empty state, in a dry run too. The lock is held while a plan or an apply works; state is written
now and then and when OpenTofu ends in good order, so that a kill leaves the lock held and objects that the state does
not know of. A saved plan is stale once another run wrote the state, and the cloud answers with the error codes that
Hetzner has.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from catalyst_operator.clock import Clock
from catalyst_operator.core import naming
from catalyst_operator.core.manifests import SECRET_VARIABLES_FILE
from catalyst_operator.core.tofu import gone
from catalyst_operator.core.tofu.plan_gate import EXIT_APPROVAL_NEEDED, EXIT_DIGEST_MISMATCH, EXIT_NOTHING_FOUND
from catalyst_operator.core.tofu.server_names import name_of, packed, unpacked
from tests.support import gen
from tests.support.fake_kube import FakeApi, Key, Object

STATE = Key("secrets", gen.SPACE, naming.STATE_SECRET)
LEASE = Key("leases", gen.SPACE, naming.STATE_LEASE)
BOOT, NOTICED = timedelta(seconds=75), timedelta(seconds=40)
"""How long a server is away when it is resized, and when its node is not called ready any more."""
PERSISTS_EVERY = 2
"""So many resources later the state is written again, while an apply goes on."""
Ended = tuple[int, str]
"""Exit code and termination message."""


class Broken(AssertionError):
    """Something that must always hold did not."""


SECOND_TOKEN = "Second0Token" + "x" * 52
"""Another token of the Sovereign's project."""
OTHER_TOKEN = "Other00Token" + "z" * 52
"""A token of another project, in which nothing is."""


@dataclass
class Cloud:
    """The Sovereign's project at the provider: object name -> UID label."""

    objects: dict[str, str] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)
    """The same of another project."""
    sizes: dict[str, str] = field(default_factory=dict)
    """Server -> the size that it has."""
    altered: set[str] = field(default_factory=set)
    """Objects that somebody changed by hand, in a way that an apply puts right in passing."""
    off: set[str] = field(default_factory=set)
    """Servers that somebody powered off."""
    sold_out: set[str] = field(default_factory=set)
    """Sizes that cannot be had."""
    trouble: list[str] = field(default_factory=list)
    """What the next calls answer, if not success: an error code of the API."""
    answers_looks: bool = True
    """Whether looks at whose project it is are answered."""
    ids: dict[str, int] = field(default_factory=dict)
    """Server -> which of all that ever had its name it is."""
    stopped: dict[str, datetime] = field(default_factory=dict)
    """Server -> when it was powered off last to get another size."""

    def project(self, token: str) -> dict[str, str] | None:
        """What is in the project that a token opens; None for a token that nobody knows."""
        if token in (gen.TOKEN, SECOND_TOKEN):
            return self.objects
        return self.elsewhere if token == OTHER_TOKEN else None

    def away(self, now: datetime) -> set[str]:
        """Servers that do not run yet again after a resize, whose nodes others may still take for ready."""
        return {name for name, since in self.stopped.items() if now - since < BOOT}

    def silent(self, now: datetime) -> set[str]:
        """Those of them of which others have noticed it."""
        return {name for name in self.away(now) if now - self.stopped[name] >= NOTICED}

    def call(self, token: str, size: str = "") -> str:
        """The error code that a write meets, or nothing."""
        if self.project(token) is None:
            return "unauthorized"
        if size in self.sold_out:
            return "resource_unavailable"
        return self.trouble.pop(0) if self.trouble else ""


def wanted(workers: int, control_planes: int = 1) -> set[str]:
    """The objects of a Sovereign with so many servers."""
    servers = (*(f"control-plane-{n}" for n in range(control_planes)), *(f"worker-{n}" for n in range(workers)))
    return {"network", "load-balancer", *servers}


def address(name: str) -> str:
    """The resource that an object belongs to in infra/hetzner."""
    role, _, index = name.rpartition("-")
    if index.isdigit():
        return f"hcloud_server.{role.replace('-', '_')}[{index}]"
    return f"hcloud_{name.replace('-', '_')}.this"


@dataclass
class Run:
    """What happens inside the Pod of one run. `sizes` are those of the servers it wants."""

    name: str
    verb: str
    approved: str
    manual: bool
    token: str
    sizes: dict[str, str]
    standing: tuple[str, ...] = ()
    """Servers that were made before, once an apply has succeeded."""
    confirmed: bool = False
    """Whether a person said that what is not found is gone."""
    later: str = ""
    """What later runs resize."""
    resize_approved: bool = False
    rebuild: str = ""
    """The server that may be made again without asking."""
    replaces: str = ""
    """The server that it was told to make again."""
    adopted: list[str] = field(default_factory=list)
    plan: list[tuple[str, str]] = field(default_factory=list)
    serial: int = 0
    """Of the state that was planned from."""
    done: int = 0
    have: list[str] | None = None
    """What the apply knows of; None before it began."""

    @property
    def wants(self) -> set[str]:
        """The objects that it is to bring about."""
        return set() if self.verb == "destroy" else {"network", "load-balancer", *self.sizes}


class OpenTofu:
    """The phases of runs. `log` takes a container's line."""

    def __init__(self, api: FakeApi, cloud: Cloud, clock: Clock) -> None:
        self._api = api
        self._cloud = cloud
        self._clock = clock

    def start(self, pod: Object) -> Run:
        """What the kubelet reads for the containers of a Pod when they start."""
        space = pod["metadata"]["namespace"]
        sources = next(v for v in pod["spec"]["volumes"] if v["name"] == "inputs")["projected"]["sources"]
        inputs, *others = (self._api.get("secrets", space, source["secret"]["name"]) for source in sources)
        token = self._api.get("secrets", space, naming.TOKEN_SECRET)
        others.append(self._api.get("secrets", space, naming.STATE_KEY_SECRET))
        if inputs is None or token is None or None in others:
            raise Broken(f"a Pod was let start before its Secrets were there: {pod['metadata']['name']}")
        opened = base64.b64decode(token["data"]["token"]).decode()
        if self._cloud.objects and self._cloud.project(opened) is self._cloud.elsewhere:
            raise Broken(f"{pod['metadata']['name']} was given the token of another project")
        variables = json.loads(base64.b64decode(inputs["data"]["tofu.auto.tfvars.json"]))
        self._check_needed(pod, variables)
        return Run(
            name=pod["metadata"]["name"],
            verb=_env(pod, "CATALYST_VERB"),
            approved=_env(pod, "CATALYST_APPROVED_PLAN"),
            manual=_env(pod, "CATALYST_APPROVAL") == "Manual",
            later=_env(pod, "CATALYST_RESIZED_LATER"),
            resize_approved=bool(_env(pod, "CATALYST_RESIZE_APPROVED")),
            token=opened,
            sizes={
                **{f"control-plane-{n}": size for n, size in enumerate(variables["control_plane_sizes"])},
                **{f"worker-{n}": size for n, size in enumerate(variables["worker_sizes"])},
            },
            standing=unpacked(_env(pod, "CATALYST_STANDING")),
            confirmed=bool(_env(pod, "CATALYST_GONE_CONFIRMED")),
            rebuild=_env(pod, "CATALYST_REBUILD"),
            replaces=_replaced(pod),
        )

    def _check_needed(self, pod: Object, variables: Object) -> None:
        """A run can read whatever lies in its namespace."""
        given = self._api.get("secrets", pod["metadata"]["namespace"], naming.BOOT_SECRETS)
        told = json.loads(base64.b64decode(given["data"][SECRET_VARIABLES_FILE])) if given else {}
        destroys, started = _env(pod, "CATALYST_VERB") == "destroy", variables["cluster_started"]
        if (destroys and told) or (not destroys and bool(told["ca_files"]) is started):
            raise Broken(f"{pod['metadata']['name']} was not given just what it needs: {sorted(told)}")

    def work(self, run: Run, phase: str, log: Callable[[Object], None]) -> Ended | None:
        """One small step of a phase; its end, or None when there is more to do."""
        if phase == "tofu-init" and self._api.get(*STATE) is None:
            self._write([])
        if phase == "adopt":
            return self._adopt(run)
        if phase == "tofu-plan":
            return self._plan(run, log)
        if phase == "plan-gate":
            return self._gate(run)
        if phase == "tofu-apply":
            return self._apply(run, log)
        if phase == "tofu-output":
            return 0, self._outputs(run)
        left = phase == "leftovers" and gen.UID in self._there(run).values()
        return (6 if left else 0), gen.LEFT_MESSAGE if phase in ("sweep", "leftovers") else ""

    def _outputs(self, run: Run) -> str:
        """As the module gives them."""
        roles = ("control-plane", "worker")
        ids = [[str(self._cloud.ids[name]) for name in run.sizes if name.startswith(role)] for role in roles]
        return json.dumps({**json.loads(gen.OUTPUT_MESSAGE), "server_ids": {"value": " ".join(map(",".join, ids))}})

    def stop(self, run: Run) -> None:
        """SIGTERM: what was done so far is written, and the lock let go."""
        if run.have is not None:
            self._write(run.have)
            self._unlock()

    def _adopt(self, run: Run) -> Ended:
        known = set(self.resources())
        run.adopted = sorted(name for name, uid in self._there(run).items() if uid == gen.UID and name not in known)
        return 0, ""

    def _there(self, run: Run) -> dict[str, str]:
        """What the run's token lets it see."""
        there = self._cloud.project(run.token)
        return {} if there is None else there

    def _plan(self, run: Run, log: Callable[[Object], None]) -> Ended:
        if self._locked(log):
            return 1, ""
        if self.resources() and self._cloud.project(run.token) is None:
            log(_diagnostic("unauthorized"))
            return 1, ""
        # Refreshing takes what it does not find for gone.
        have = {name for name in (*self.resources(), *run.adopted) if name in self._there(run)}
        run.serial = self.serial()
        resized = (n for n in sorted(have & run.wants & run.sizes.keys()) if self._cloud.sizes.get(n) != run.sizes[n])
        run.plan = [
            *(("import", name) for name in run.adopted),
            *(("delete", name) for name in sorted(have - run.wants | have & {run.replaces})),
            *(("resize", n) for n in resized),
            *(("update", name) for name in sorted(have & run.wants & self._cloud.altered)),
            *(("create", name) for name in sorted(run.wants - have | have & run.wants & {run.replaces})),
        ]
        return 0, ""

    def _gate(self, run: Run) -> Ended:
        asks = {"delete", "resize"} | ({"create"} if run.manual else set())
        once = gone.applied_once(run.standing) if run.standing else frozenset()
        gated = [name for action, name in run.plan if action in asks or (action == "create" and address(name) in once)]
        gated = [name for name in gated if name != run.rebuild]
        held, found = self.resources(), [name for action, name in run.plan if action == "delete"]
        steps = [(*step, run.sizes.get(step[1])) for step in run.plan if step[0] != "import"]
        digest = naming.digest_of([steps, run.later])
        deeds = ("create", "resize", "update", "delete")
        adds, resizes, updates, deletes = (sum(action == deed for action, _ in run.plan) for deed in deeds)
        told: dict[str, Any] = {"add": adds, "change": resizes + updates, "destroy": deletes}
        made, resized = ([n for action, n in run.plan if action == deed] for deed in ("create", "resize"))
        servers = {
            "creating": packed(name for name in made if name in run.sizes),
            "powering_off": [address(name) for name in resized],
        }
        replaced = [address(name) for name in made if ("delete", name) in run.plan]
        told |= {"adopt": len(run.adopted), "held": len(held), "replacing": replaced}
        told["explanation"] = "something would go"
        if run.verb == "plan":
            told["differing"] = [address(name) for action, name in run.plan if action != "import"]
            told["off"] = [address(name) for name in sorted(self._cloud.off)]
        message = json.dumps({"digest": digest, **told, **servers})
        if run.verb == "destroy" and held and not found and not run.confirmed:
            return EXIT_NOTHING_FOUND, message
        covered = run.resize_approved and {action for action, _ in run.plan} <= {"resize", "import"}
        if run.verb != "apply" or not gated or run.approved == digest or covered:
            return 0, message
        return (EXIT_DIGEST_MISMATCH if run.approved else EXIT_APPROVAL_NEEDED), message

    def _apply(self, run: Run, log: Callable[[Object], None]) -> Ended | None:
        """One resource of the plan: the cloud is asked, and now and then the state is written."""
        if run.have is None:
            return self._begin_apply(run, log)
        if run.done == len(run.plan):
            self.stop(run)
            return 0, ""
        action, name = run.plan[run.done]
        log(_hook("apply_start", action, name, self._clock()))
        size = run.sizes.get(name, "") if action in ("create", "resize") else ""
        code = "" if action == "import" else self._cloud.call(run.token, size)
        if code:
            log(_diagnostic(code, name))
            self.stop(run)
            return 1, ""
        self._change(run, action, name)
        run.done += 1
        log(_hook("apply_complete", action, name, self._clock()))
        if run.done % PERSISTS_EVERY == 0:
            self._write(run.have)
        return None

    def _begin_apply(self, run: Run, log: Callable[[Object], None]) -> Ended | None:
        if self._locked(log):
            return 1, ""
        if self.serial() != run.serial:
            log(_diagnostic("stale_plan"))
            return 1, ""
        self._lock(run)
        run.have = [name for name in self.resources() if name in self._there(run)]
        return None

    def _change(self, run: Run, action: str, name: str) -> None:
        assert run.have is not None
        if action == "create":
            if name in self._there(run):
                raise Broken(f"{name} was created twice")
            if self._cloud.objects and self._there(run) is self._cloud.elsewhere:
                raise Broken(f"{name} was created in another project, while the cluster runs in its own")
            self._there(run)[name] = gen.UID
            self._cloud.sizes[name] = run.sizes.get(name, "")
            self._cloud.ids[name] = self._cloud.ids.get(name, 0) + 1
        if action == "resize" and not run.approved:
            raise Broken(f"{name} was powered off to resize it, and nobody had approved it")
        if action == "resize":
            self._resize(run, name)
        if action == "update":
            self._cloud.altered.discard(name)
        if action in ("create", "import"):
            run.have.append(name)
        if action == "delete":
            self._there(run).pop(name, None)
            run.have.remove(name)

    def _resize(self, run: Run, name: str) -> None:
        """The server is off for it, and runs some time after the run has ended."""
        away = {other for other in self._cloud.away(self._clock()) if "control-plane" in other}
        if away and "control-plane" in name and "control-plane-1" in self._cloud.objects:
            raise Broken(f"{name} was powered off while {sorted(away)} was away")
        self._cloud.sizes[name] = run.sizes[name]
        self._cloud.stopped[name] = self._clock()

    # --- the lock -----------------------------------------------------------------------------------------------------

    def _locked(self, log: Callable[[Object], None]) -> bool:
        held = (self._api.get(*LEASE) or {}).get("spec", {}).get("holderIdentity")
        if held:
            said = {"severity": "error", "summary": "Error acquiring the state lock", "detail": "held by another"}
            log({"type": "diagnostic", "diagnostic": said})
        return bool(held)

    def _lock(self, run: Run) -> None:
        info = json.dumps({"ID": f"lock-{run.name}", "Who": f"@{run.name}", "Operation": "OperationTypeApply"})
        meta = {"name": LEASE.name, "namespace": LEASE.namespace, "annotations": {"app.terraform.io/lock-info": info}}
        spec = {"holderIdentity": f"lock-{run.name}"}
        if self._api.get(*LEASE) is None:
            self._api.put("leases", {"metadata": meta, "spec": spec})
        else:
            self._api.change(LEASE, lambda o: o.update(spec=spec, metadata={**o["metadata"], **meta}))

    def _unlock(self) -> None:
        if self._api.get(*LEASE) is not None:
            self._api.change(LEASE, lambda o: o.update(spec={}))

    # --- state --------------------------------------------------------------------------------------------------------

    def resources(self) -> list[str]:
        """What the state knows of."""
        names: list[str] = self._read().get("resources", [])
        return names

    def serial(self) -> int:
        """The state's serial, 0 without a state."""
        return int(self._read().get("serial", 0))

    def _read(self) -> dict[str, Any]:
        found = self._api.get(*STATE)
        if found is None:
            return {}
        content: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(found["data"]["tfstate"])))
        return content

    def _write(self, resources: list[str]) -> None:
        content = json.dumps({"serial": self.serial() + 1, "lineage": "l", "resources": resources}).encode()
        data = {"tfstate": base64.b64encode(gzip.compress(content)).decode()}
        if self._api.get(*STATE) is None:
            self._api.put("secrets", {"metadata": {"name": STATE.name, "namespace": STATE.namespace}, "data": data})
        else:
            self._api.change(STATE, lambda o: o.update(data=data))


def _env(pod: Object, name: str) -> str:
    value: str = next(e for e in _container(pod, "plan-gate")["env"] if e["name"] == name)["value"]
    return value


def _replaced(pod: Object) -> str:
    """The server that the plan is told to replace."""
    told = (part.removeprefix("-replace=") for part in _container(pod, "tofu-plan")["command"] if "-replace=" in part)
    return name_of(next(told, ""))


def _container(pod: Object, name: str) -> Object:
    containers = (*pod["spec"]["initContainers"], *pod["spec"]["containers"])
    found: Object = next(c for c in containers if c["name"] == name)
    return found


def _hook(type_: str, action: str, name: str, at: datetime) -> Object:
    done = "update" if action == "resize" else action
    return {
        "type": type_,
        "@timestamp": at.isoformat(),
        "hook": {"resource": {"addr": address(name)}, "action": done},
    }


def _diagnostic(code: str, name: str = "") -> Object:
    said = {"severity": "error", "summary": f"the API refused ({code}, 0123456789abcdef)", "detail": ""}
    return {"type": "diagnostic", "diagnostic": {**said, "address": address(name) if name else ""}}
