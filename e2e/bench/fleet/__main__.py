"""`python -m e2e.bench.fleet`: fake API servers in a process of their own, so that what they take is not counted as the
operator's. It is told what to do by lines of JSON, and ends with its standard input."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from e2e.bench.fleet.api_server import ApiServer
from e2e.bench.fleet.objects import Kit
from e2e.bench.hostile.api_server import HostileApiServer
from e2e.bench.hostile.shapes import Shape

LINE = 1024 * 1024


async def _serve() -> None:
    reader = asyncio.StreamReader(limit=LINE)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    servers: dict[str, ApiServer] = {}
    sent: list[tuple[str, int, float]] = []
    while line := await reader.readline():
        order = json.loads(line)
        match order["do"]:
            case "serve":
                servers[order["name"]] = await _started(order)
                _say({"serving": order["name"]})
            case "behave":
                found = servers[order["name"]]
                assert isinstance(found, HostileApiServer)
                found.behave(Shape(order["shape"]) if order["shape"] else None)
            case "change":
                at = servers[order["name"]].change(order["release"], order["number"])
                sent.append((f"{order['name']}/{order['release']}", order["number"], at))
            case "report":
                _say(
                    {
                        "sent": sent,
                        "watched": {name: server.watched_since for name, server in servers.items()},
                        "served": {
                            name: [server.requests, server.bytes]
                            for name, server in servers.items()
                            if isinstance(server, HostileApiServer)
                        },
                    }
                )
                sent.clear()


async def _started(order: dict[str, Any]) -> ApiServer:
    kit = Kit(order["fqdn"], tuple(order["nodes"]), tuple(order["releases"]))
    kind = HostileApiServer if order["hostile"] else ApiServer
    server = kind(order["name"], order["address"], kit, order["trust"])
    await server.start()
    return server


def _say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
