"""Whether the console of a new Sovereign answers, asked as a browser would ask at the load balancer's address.

The name is not looked up: what DNS says is another question. The certificate is not verified either, since nothing
secret is sent and only an answer counts; whether it is a good one the kit's Certificate tells.
"""

from __future__ import annotations

import ssl
from functools import cache
from http import HTTPStatus

import aiohttp

from catalyst_operator.adapters.new_cluster import transport
from catalyst_operator.api import labels
from catalyst_operator.clock import Clock
from catalyst_operator.core.phase1.views import ConsoleView

CONSOLE_SECONDS = 5.0
HTTPS = 443
LOGIN_WANTED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


async def probe(
    address: str, fqdn: str, clock: Clock, port: int = HTTPS, limit_seconds: float = CONSOLE_SECONDS
) -> ConsoleView:
    """What https://console.<fqdn> answers at that address. Never raises for what the network does."""
    try:
        status = await _status(address, f"console.{fqdn}", port, limit_seconds)
    except TimeoutError:
        return ConsoleView(clock(), False, f"no answer within {limit_seconds:g} s")
    except (aiohttp.ClientError, OSError) as error:
        return ConsoleView(clock(), False, transport.clause(error))
    answers = status < HTTPStatus.BAD_REQUEST or status in LOGIN_WANTED
    return ConsoleView(clock(), answers, "" if answers else f"it answers with HTTP status {status}")


async def _status(address: str, name: str, port: int, limit_seconds: float) -> int:
    headers = {"Host": name, "User-Agent": labels.OPERATOR_NAME}
    session = transport.Session(_unverified(), headers=headers, timeout=aiohttp.ClientTimeout(total=limit_seconds))
    try:
        url = f"https://{address}:{port}/"
        response = await session.http.get(url, server_hostname=name, allow_redirects=False)
        transport.abort(response)
        return response.status
    finally:
        await session.close()


@cache
def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
