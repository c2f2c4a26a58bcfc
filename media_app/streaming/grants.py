"""Grants: permissions in a video's URL, for example those of a share or a link.

A grant is ``kind.key``, checked when the URL is opened and while bytes are sent.
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
    pass


def register(kind: str, check: Callable[[str, UUID], bool]) -> None:
    """Register a kind of grant. check: returns whether a key permits a video."""
    _checks[kind] = check


def is_valid(grant: str, video_id: UUID) -> bool:
    kind, _, key = grant.partition(".")
    check = _checks.get(kind)
    return check is not None and check(key, video_id)


@contextlib.asynccontextmanager
async def run_while_valid(ask: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
    """Run the block; raise :class:`Withdrawn` once ``ask``, called every few seconds, returns False or fails."""
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
    except Exception as exc:  # a failed check counts as withdrawal; the player retries
        logger.warning("grant", extra={"data": {"exception": repr(exc)}})
    limit.reschedule(asyncio.get_running_loop().time())
