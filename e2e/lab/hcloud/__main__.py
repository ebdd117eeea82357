"""`python -m e2e.lab.hcloud`: serve the emulated Hetzner Cloud API until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from ipaddress import IPv4Network
from pathlib import Path

from aiohttp import web

from e2e.lab.hcloud.addresses import DOCUMENTATION
from e2e.lab.hcloud.app import API, make_app
from e2e.lab.hcloud.boot.host import Host
from e2e.lab.hcloud.boot.node_lifecycle import GRACE_SECONDS
from e2e.lab.hcloud.boot.servers import Servers
from e2e.lab.hcloud.cloud import Cloud
from e2e.lab.hcloud.projects import DEFAULT_PROJECT, TOKEN_LENGTH, Access
from e2e.lab.layout import Layout

_SHUTDOWN_SECONDS = 1.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m e2e.lab.hcloud", description=__doc__)
    parser.add_argument(
        "--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="port 0 takes a free one; default %(default)s"
    )
    parser.add_argument(
        "--token-file", type=Path, required=True, help="holds the token of the project 'default', 64 characters"
    )
    parser.add_argument("--state-dir", type=Path, required=True, help="where everything is kept over a restart")
    parser.add_argument(
        "--public-range",
        type=IPv4Network,
        metavar="CIDR",
        help="of servers' and load balancers' public addresses; default: the ranges reserved for documentation",
    )
    parser.add_argument(
        "--lab", type=Path, metavar="DIR", help="a lab's folder: servers boot, with DIR/bin; without it they do nothing"
    )
    parser.add_argument(
        "--device",
        metavar="NAME",
        help="gets the addresses of what is up, which takes root; without it they must be this machine's already",
    )
    parser.add_argument(
        "--node-grace",
        type=float,
        default=GRACE_SECONDS,
        metavar="SECONDS",
        help="after which the Node of a server without power is not Ready; default %(default)s",
    )
    return parser


def _cloud(options: argparse.Namespace) -> Cloud:
    token = options.token_file.read_text("utf-8").strip()
    if len(token) != TOKEN_LENGTH:
        raise SystemExit(
            f"{options.token_file}: a token has {TOKEN_LENGTH} characters, this one has {len(token)}; "
            "make one with: python3 -c 'import secrets; print(secrets.token_hex(32))'"
        )
    ranges = [options.public_range] if options.public_range else DOCUMENTATION
    cloud = Cloud(options.state_dir, public_ranges=ranges)
    cloud.projects.admit(token, Access(DEFAULT_PROJECT))
    return cloud


def _boot_servers(cloud: Cloud, options: argparse.Namespace) -> None:
    """The project of the lab's own token is the one whose servers boot without being asked to."""
    cloud.boots.set_boots(DEFAULT_PROJECT, True)
    cloud.hook = Servers(cloud, Layout(options.lab.resolve()), Host(options.device), options.node_grace)


async def _serve(options: argparse.Namespace, host: str, port: int) -> None:
    cloud = _cloud(options)
    if options.lab:
        _boot_servers(cloud, options)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(make_app(cloud), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    address, bound = runner.addresses[0][:2]
    print(f"listening on http://{address}:{bound}{API}", flush=True)
    await stop.wait()
    await runner.cleanup()


def main() -> None:
    options = _parser().parse_args()
    host, _, port = options.listen.rpartition(":")
    if not host or not port.isdigit():
        sys.exit(f"--listen {options.listen}: expected HOST:PORT")
    asyncio.run(_serve(options, host, int(port)))


if __name__ == "__main__":
    main()
