"""Waiting for a condition with a deadline: the tests' only way to let time pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 4.0  # what a deadline, good for a machine that does nothing else, is multiplied by


def wait_until(condition: Callable[[], T], seconds: float = 10.0) -> T:
    """What ``condition`` returns once it is true. Fails the test after ``seconds`` of an idle machine."""
    deadline = time.monotonic() + seconds * PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not true after {seconds * PATIENCE:g} s"
        time.sleep(0.01)
    return found
