"""Whatever an operator sends leaves by a door that asks its Lease: other clients would go on after that is lost."""

from __future__ import annotations

import re
from pathlib import Path

import catalyst_operator

PACKAGE = Path(catalyst_operator.__file__).parent
CLIENTS = re.compile(r"(?<!class )\b(?:AsyncClient|ClientSession|ApiClient|HTTPSConnectionPool|PoolManager|urlopen)\(")
DOORS = {
    "operator.py": "name servers and registrars: every request asks",
    "adapters/kube.py": "the API server: asked but for the Lease's own requests",
    "adapters/new_cluster/transport.py": "new clusters: changes ask, as RemoteCluster is made by the composition",
    "adapters/git/git_http.py": "Git: a push asks, and what looks changes nothing",
    "adapters/project/hetzner_api.py": "Hetzner: read only",
}


def test_every_client_is_made_where_it_asks_or_only_reads() -> None:
    """Containers of runs are no operators: what they may do is held by the state's lock."""
    files = (path for path in PACKAGE.rglob("*.py") if "in_job" not in path.parts)
    made = {str(path.relative_to(PACKAGE)) for path in files if CLIENTS.search(path.read_text(encoding="utf-8"))}
    assert made == DOORS.keys()


def test_the_project_is_only_read() -> None:
    asked = (PACKAGE / "adapters/project/hetzner_api.py").read_text(encoding="utf-8")
    assert re.findall(r"session\.(\w+)\(", asked) == ["get"]
