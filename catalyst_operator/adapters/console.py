"""Whether the console of a new Sovereign answers, asked as a browser would ask at the load balancer's address.

The name is not looked up: what DNS says is another question. The certificate is not verified either, since nothing
secret is sent and only an answer counts; whether it is a good one the kit's Certificate tells.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import datetime

import aiohttp

from catalyst_operator.core.phase1.views import ConsoleView

LIMIT_SECONDS = 5.0
HTTPS = 443
ANSWERS = frozenset({401, 403})
"""Who is refused without a login has been answered."""


async def probe(address: str, fqdn: str, clock: Callable[[], datetime], port: int = HTTPS) -> ConsoleView:
    """Never raises for what the network does."""
    name = f"console.{fqdn}"
    timeout = aiohttp.ClientTimeout(total=LIMIT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(trust_env=False, timeout=timeout) as session,
            session.get(
                f"https://{address}:{port}/",
                headers={"Host": name},
                server_hostname=name,
                ssl=_unverified(),
                allow_redirects=False,
            ) as response,
        ):
            return _view(response.status, clock())
    except TimeoutError:
        return ConsoleView(clock(), False, f"no answer within {LIMIT_SECONDS:g} s")
    except aiohttp.ClientConnectorError as error:
        return ConsoleView(clock(), False, (error.os_error.strerror or str(error.os_error)).lower())
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return ConsoleView(clock(), False, type(error).__name__)


def _view(status: int, now: datetime) -> ConsoleView:
    good = status < 400 or status in ANSWERS
    return ConsoleView(now, good, "" if good else f"it answers with HTTP status {status}")


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
