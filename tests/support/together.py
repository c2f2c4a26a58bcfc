"""Simultaneous calls, as from several clients."""

import threading
from collections.abc import Callable
from typing import TypeVar

from django.db import connections

from tests.support.waiting import PATIENCE

T = TypeVar("T")
JOIN_SECONDS = 60.0


def at_once(*calls: Callable[[], T]) -> list[T]:
    """Start all calls at the same time, each in its own thread with its own connections; return their results.

    Raises AssertionError if a call raises or does not end.
    """
    gate = threading.Barrier(len(calls))
    found: dict[int, T] = {}

    def run(number: int) -> None:
        try:
            gate.wait(10 * PATIENCE)
            found[number] = calls[number]()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(JOIN_SECONDS)
    assert len(found) == len(calls), f"{len(calls) - len(found)} of {len(calls)} calls did not return"
    return [found[number] for number in range(len(calls))]
