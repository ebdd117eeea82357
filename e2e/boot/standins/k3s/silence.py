"""A fault on demand: an API server that accepts connections and never answers."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from e2e.boot.layout import FAULTS
from e2e.boot.standins.k3s.disk import Disk

FAULT = Path(FAULTS) / "silent-api"
"""Holds for how many seconds, once."""


def is_to_be_silent() -> bool:
    return FAULT.exists()


async def stay_silent(disk: Disk) -> None:
    """As long as the fault says. Who asked in that time is never told anything, also afterwards."""
    seconds = float(FAULT.read_text())
    FAULT.unlink()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(disk.tls / "serving.crt", disk.tls / "serving.key")
    listener = await asyncio.start_server(_listen_only, disk.address, 6443, ssl=context, reuse_address=True)
    await asyncio.sleep(seconds)
    listener.close()


async def _listen_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read what is asked, and keep the connection."""
    while await reader.read(65536):
        pass
    await asyncio.Event().wait()
    writer.close()
