"""The Sovereigns of the section, growing from stage to stage, and the operator's process beside them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from catalyst_operator.adapters import kube
from catalyst_operator.core.settings import CoreSettings
from e2e.bench.apis import Api, Client
from e2e.bench.fleet import fakes, seen
from e2e.bench.fleet.fakes import Fake
from e2e.bench.fleet.operator_process import OperatorProcess, stepped_aside
from e2e.bench.fleet.preparation import Preparation
from e2e.bench.fleet.run import Run
from e2e.bench.hostile.shapes import Shape
from e2e.bench.scale import clearing, requests
from e2e.bench.scale.edits import Editor, Heard, heard
from e2e.bench.scale.making import NAME, Makers, Settler, Wanted, makers
from e2e.bench.scale.population import NOBODY, Population
from e2e.bench.streams import Stream, watch_as
from e2e.bench.workplace import Workplace
from e2e.lab import images
from e2e.lab.layout import GIT_URL, HCLOUD_URL
from e2e.run_local import write_kubeconfig
from e2e.support import audit
from e2e.support.cloud import Project
from e2e.support.operator import proof_key

INSTALLING = f"{NAME}-kits"
"""The namespace of those with a new cluster."""
PATIENCE = 1200.0
"""Seconds until all may be told after a start."""
SHAPE = Shape.MOST
"""What the hostile cluster does: of all shapes that which takes most memory."""


class World:
    """Grows while no operator runs."""

    def __init__(
        self,
        run: Run,
        stack: ExitStack,
        workplace: Workplace,
        client: Client,
        makers: Makers,
        preparation: Preparation,
        events: Stream[Heard],
    ) -> None:
        self.run = run
        self.client = client
        self.events = events
        """All Sovereigns', whatever their kind."""
        self.editor = Editor(client)
        self.population = NOBODY
        self.settlers: list[Settler] = []
        """Those at rest, in no order."""
        self.good: list[Fake] = []
        self._stack = stack
        self._workplace = workplace
        self._makers = makers
        self._preparation = preparation
        self._chance = random.Random(0)  # noqa: S311 - no secret; the same order each time

    def grow(self, to: Population) -> None:
        """Make what is missing. Raises BenchError."""
        now = self.population
        wanted = [Wanted(n, suspended=False) for n in range(now.handed_off, to.handed_off)]
        wanted += [Wanted(n, suspended=True) for n in range(now.suspended, to.suspended)]
        self.settlers += self._makers.make(wanted, {settler.namespace for settler in self.settlers})
        self._chance.shuffle(self.settlers)
        self._clusters(now.in_phase_1, to.in_phase_1)
        done = [settler for settler in self.settlers if settler.run_namespace]
        spaces = {settler.run_namespace for settler in done} | {settler.namespace for settler in done}
        requests.count_for(self.client, sorted(spaces))
        self.population = to

    def _clusters(self, first: int, end: int) -> None:
        made = list(self._preparation.more(range(first, end)))
        fakes.mend(made)
        hostile, good = (made[:1], made[1:]) if first == 0 else ([], made)
        layout = self._workplace.layout
        if hostile:
            worst = self._serve([replace(fake, hostile=True) for fake in hostile])
            worst.behave(hostile[0].name, SHAPE)
        # Whether the hostile one is watched is not waited for.
        self.run.groups.append(self._serve(good))
        self.good += good
        self.run.say(f"{len(made)} new clusters serve; see {layout.log}/{fakes.LOG}")

    def _serve(self, which: list[Fake]) -> fakes.Fakes:
        (serving,) = self._stack.enter_context(fakes.serving(self._workplace.layout, which))
        return serving


@contextmanager
def prepared(workplace: Workplace) -> Iterator[World]:
    """Nobody yet, and an operator that is still to be started; nothing of it is left afterwards. Raises BenchError."""
    clear(workplace)
    kubectl, layout, api = workplace.kubectl, workplace.layout, Api.of_lab(workplace.layout)
    with ExitStack() as stack:
        kubeconfig = write_kubeconfig(kubectl, layout)
        stack.enter_context(stepped_aside(kubectl))
        stack.callback(clear, workplace)
        operator = OperatorProcess(layout, kubeconfig)
        stack.callback(operator.close)
        client = stack.enter_context(Client(api))
        as_operator = stack.enter_context(Client(api.impersonating(audit.OPERATOR)))
        settings = CoreSettings(
            image=images.OPERATOR_IMAGE,
            proof_key=proof_key(kubectl),
            default_git_url=GIT_URL,
            hcloud_endpoint=f"{HCLOUD_URL}/v1",
        )
        preparation = Preparation(kubectl, client, as_operator, INSTALLING, settings.proof_key, NAME)
        client(
            "POST", kube.NAMESPACES.path(), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": INSTALLING}}
        )
        preparation.credentials(Project().token)
        making = stack.enter_context(makers(api, kubectl, settings))
        statuses = stack.enter_context(watch_as(api, kube.SOVEREIGNS.path(INSTALLING), seen.read))
        events = stack.enter_context(watch_as(api, kube.SOVEREIGNS.path(), heard))
        run = Run(workplace, operator, (), statuses)
        run.patience = PATIENCE
        yield World(run, stack, workplace, client, making, preparation, events)


def clear(workplace: Workplace) -> None:
    """Take away what is left of this section."""
    if gone := clearing.clear():
        workplace.timeline.say(f"{gone} objects of thousands of Sovereigns were taken away")
    with Client(Api.of_lab(workplace.layout)) as client:
        requests.forget(client)
