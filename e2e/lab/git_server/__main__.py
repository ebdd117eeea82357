"""`python -m e2e.lab.git_server`: serve git repositories over HTTPS until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import signal
import ssl
import sys
from pathlib import Path

from aiohttp import web

from e2e.lab.git_server.app import make_app
from e2e.lab.git_server.faults import Faults
from e2e.lab.git_server.repositories import PUBLIC, Repositories

_SHUTDOWN_SECONDS = 1.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m e2e.lab.git_server", description=__doc__)
    parser.add_argument("--listen", required=True, metavar="HOST:PORT", help="port 0 takes a free one")
    parser.add_argument("--root", type=Path, required=True, help="where the repositories are kept over a restart")
    parser.add_argument("--certificate", type=Path, required=True, help="PEM of the server's certificate")
    parser.add_argument("--key", type=Path, required=True, help="PEM of its key")
    parser.add_argument("--template", type=Path, required=True, help=f"becomes the folder clusters/ of {PUBLIC}")
    return parser


async def _serve(app: web.Application, host: str, port: int, tls: ssl.SSLContext) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    await web.TCPSite(runner, host, port, ssl_context=tls).start()
    address, bound = runner.addresses[0][:2]
    print(f"listening on https://{address}:{bound}/", flush=True)
    await stop.wait()
    await runner.cleanup()


def main() -> None:
    options = _parser().parse_args()
    host, _, port = options.listen.rpartition(":")
    if not host or not port.isdigit():
        sys.exit(f"--listen {options.listen}: expected HOST:PORT")
    if not options.template.is_dir():
        sys.exit(f"--template {options.template}: there is no such folder; give the one that holds _template/")
    options.root.mkdir(parents=True, exist_ok=True)
    repositories = Repositories(options.root.resolve(), options.template)
    repositories.open_public()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(options.certificate, options.key)
    asyncio.run(_serve(make_app(repositories, Faults()), host, int(port), tls))


if __name__ == "__main__":
    main()
