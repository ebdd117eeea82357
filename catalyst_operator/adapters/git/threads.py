"""Talks with Git servers, which block, each in a thread of its own, and no more of them at a time than there are turns.

Each may need some 120 MiB for a moment, if the repository's owner is unkind.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from typing import TypeVar

from catalyst_operator.adapters.turns import Turns

Result = TypeVar("Result")

GIT_TALKS_AT_ONCE, GIT_TALKS_EACH = 3, 1
"""Of all, and of one namespace."""
NAMES_SECONDS = 30
"""A talk ends by itself, except for what it cannot limit: the resolution of names. So much longer it is waited for."""


def turns_of_git() -> Turns:
    """For all talks of an operator."""
    return Turns(GIT_TALKS_AT_ONCE, GIT_TALKS_EACH)


async def in_turn(
    turns: Turns, owner: str, work: Callable[[], Result], *, patience_seconds: float, name: str
) -> Result:
    """What the work comes to, done when it is the turn of `owner`, a namespace. Raises what it raises, and TimeoutError
    once patience is over. The thread is called `name`.

    Nothing stops work that has begun, so its turn ends with it and not with whoever waits: the owner's next one, of
    newer content, would otherwise be overtaken by it."""
    await turns.take(owner)
    with ExitStack() as turn:
        turn.callback(turns.give_back, owner)
        working = _in_thread(work, name)
        over = turn.pop_all()
    working.add_done_callback(partial(_end, over))
    async with asyncio.timeout(patience_seconds):
        return await asyncio.shield(working)


def _end(turn: ExitStack, working: asyncio.Future[Result]) -> None:
    turn.close()
    # Looked at, or asyncio complains where nobody waits for it any more.
    working.exception()


def _in_thread(work: Callable[[], Result], name: str) -> asyncio.Future[Result]:
    """What the work comes to, from a thread of its own: those of the event loop are for resolving names as well, and
    the end of the process waits for them."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def run() -> None:
        try:
            settle = partial(future.set_result, work())
        except Exception as error:
            settle = partial(future.set_exception, error)
        # By then the operator may have ended.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
