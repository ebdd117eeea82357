"""`python -m e2e.lab.registrars`: serve the emulated registrars until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import httpx
from aiohttp import web

from e2e.lab.registrars.app import make_app
from e2e.lab.registrars.emulator import World
from e2e.lab.registrars.registry import MemoryRegistry, PowerDns, PowerDnsRegistry, Registry
from e2e.lab.registrars.vendors import all_vendors

_SHUTDOWN_SECONDS = 1.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m e2e.lab.registrars", description=__doc__)
    parser.add_argument("--listen", required=True, metavar="HOST:PORT", help="port 0 takes a free one")
    parser.add_argument(
        "--powerdns",
        action="append",
        default=[],
        metavar="URL",
        help="a server that holds the parents' zones, to be given once for each; without it nothing reaches a DNS",
    )
    parser.add_argument("--powerdns-key-file", type=Path, metavar="FILE", help="holds the API key of these servers")
    return parser


async def _serve(options: argparse.Namespace, host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # The DNS servers are the lab's own: no proxy of the environment stands between.
    async with httpx.AsyncClient(trust_env=False) as client:
        app = make_app(World(_registry(options, client)), all_vendors())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        address, bound = runner.addresses[0][:2]
        print(f"listening on http://{address}:{bound}/", flush=True)
        await stop.wait()
        await runner.cleanup()


def _registry(options: argparse.Namespace, client: httpx.AsyncClient) -> Registry:
    if not options.powerdns:
        return MemoryRegistry()
    key = options.powerdns_key_file.read_text("utf-8").strip()
    return PowerDnsRegistry(tuple(PowerDns(url, key) for url in options.powerdns), client)


def main() -> None:
    options = _parser().parse_args()
    host, _, port = options.listen.rpartition(":")
    if not host or not port.isdigit():
        sys.exit(f"--listen {options.listen}: expected HOST:PORT")
    if options.powerdns and options.powerdns_key_file is None:
        sys.exit("--powerdns needs --powerdns-key-file")
    asyncio.run(_serve(options, host, int(port)))


if __name__ == "__main__":
    main()
