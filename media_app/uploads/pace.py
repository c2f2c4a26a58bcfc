"""A limit on small upload requests. A small request takes about as much CPU time of the server as a large one."""

from __future__ import annotations

import asyncio
import math
import time

from vodplatform.core.errors import DomainError

MAX_WAIT_SECONDS = 30.0


class Pace:
    """Lets each account send ``at_once`` small requests in quick succession, and then one every ``seconds``."""

    def __init__(self, *, at_once: int, seconds: float) -> None:
        self.at_once, self.seconds = at_once, seconds
        # For each account, the monotonic time at which its budget of small requests is full again.
        self._full_at: dict[str, float] = {}

    async def count(self, user: str, weight: float = 1.0) -> None:
        """Count a request, as ``weight`` requests, and delay it if the budget is used up. Raises ``throttled``."""
        now = time.monotonic()
        for other in [name for name, until in self._full_at.items() if until <= now]:
            del self._full_at[other]
        until = self._full_at.get(user, now) + weight * self.seconds
        wait = until - now - self.at_once * self.seconds
        if wait > MAX_WAIT_SECONDS:
            raise DomainError(
                "throttled", "Too many small requests. Send larger pieces of your uploads.", retry_after=math.ceil(wait)
            )
        self._full_at[user] = until
        if wait > 0:
            await asyncio.sleep(wait)

    def give_back(self, user: str) -> None:
        """Remove one counted request, which turned out to be large."""
        if user in self._full_at:
            self._full_at[user] -= self.seconds
