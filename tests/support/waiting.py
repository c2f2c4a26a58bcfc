"""Waiting for a condition with a deadline: the tests' only way to let time pass."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 4.0  # what a deadline, good for a machine that does nothing else, is multiplied by


def within(seconds: float) -> float:
    """The most that what is promised within ``seconds`` may take here: just that, unless the machine is very busy."""
    return seconds * (PATIENCE if os.getloadavg()[0] > 2 * (os.cpu_count() or 1) else 1)


def wait_until(condition: Callable[[], T], seconds: float = 10.0) -> T:
    """What ``condition`` returns once it is true. Fails the test after ``seconds`` of an idle machine."""
    deadline = time.monotonic() + seconds * PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not true after {seconds * PATIENCE:g} s"
        time.sleep(0.01)
    return found
