"""Addresses that end with what they were given for, such as an invitation to something that shows a video.

Such an address carries a grant, ``kind.key``. What has given it says by :func:`register` how to find out whether it
still holds; that is asked when an address is opened, and again while bytes are sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

logger = logging.getLogger("vodplatform.delivery")
CHECK_SECONDS = 4.0

_checks: dict[str, Callable[[str, UUID], bool]] = {}


class Withdrawn(ConnectionError):
    """A grant has ended while bytes were being sent for it."""


def register(kind: str, check: Callable[[str, UUID], bool]) -> None:
    """``check`` says of a key whether it opens a video, by the video's id. It may query."""
    _checks[kind] = check


def holds(grant: str, video_id: UUID) -> bool:
    """Whether a grant opens a video now; one of a kind that nobody knows does not."""
    kind, _, key = grant.partition(".")
    check = _checks.get(kind)
    return check is not None and check(key, video_id)


@contextlib.asynccontextmanager
async def while_it_holds(ask: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
    """Run the block for as long as ``ask`` says so, which is asked every few seconds. Raises :class:`Withdrawn`."""
    try:
        async with asyncio.timeout(None) as limit:
            watcher = asyncio.create_task(_watch(ask, limit))
            try:
                yield
            finally:
                watcher.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watcher
    except TimeoutError as exc:
        if limit.expired():
            raise Withdrawn from exc
        raise


async def _watch(ask: Callable[[], Awaitable[bool]], limit: asyncio.Timeout) -> None:
    try:
        await asyncio.sleep(CHECK_SECONDS)
        while await ask():
            await asyncio.sleep(CHECK_SECONDS)
    except Exception as exc:  # who cannot find out whether they may go on sending does not; the player asks again
        logger.warning("grant", extra={"data": {"exception": repr(exc)}})
    limit.reschedule(asyncio.get_running_loop().time())
