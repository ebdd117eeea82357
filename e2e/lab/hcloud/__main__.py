"""`python -m e2e.lab.hcloud`: serve the emulated Hetzner Cloud API until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from aiohttp import web

from e2e.lab.hcloud.app import API, make_app
from e2e.lab.hcloud.cloud import Cloud
from e2e.lab.hcloud.projects import DEFAULT_PROJECT, TOKEN_LENGTH, Access

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
    return parser


def _cloud(token_file: Path, state_dir: Path) -> Cloud:
    token = token_file.read_text("utf-8").strip()
    if len(token) != TOKEN_LENGTH:
        raise SystemExit(
            f"{token_file}: a token has {TOKEN_LENGTH} characters, this one has {len(token)}; "
            "make one with: python3 -c 'import secrets; print(secrets.token_hex(32))'"
        )
    cloud = Cloud(state_dir)
    cloud.projects.admit(token, Access(DEFAULT_PROJECT))
    return cloud


async def _serve(cloud: Cloud, host: str, port: int) -> None:
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
    asyncio.run(_serve(_cloud(options.token_file, options.state_dir), host, int(port)))


if __name__ == "__main__":
    main()
