"""Run a program; measure its CPU seconds, duration, and peak memory with its children."""

from __future__ import annotations

import math
import os
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.report import PROJECT_ROOT
from vodplatform.core.processes.process import tree_memory_bytes

SAMPLE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a program run. cpu: CPU seconds. wall: elapsed seconds. peak: peak resident bytes with children."""

    cpu: float
    wall: float
    peak: int
    output: bytes


def run(argv: Sequence[str], stdin: bytes = b"", extra_env: dict[str, str] | None = None) -> Cost:
    started = time.monotonic()
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT_ROOT, env={**os.environ, **(extra_env or {})}
    )
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(SAMPLE_SECONDS):
            peak = max(peak, tree_memory_bytes(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert process.stdin and process.stdout
    process.stdin.write(stdin)
    process.stdin.close()
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    done.set()
    watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{argv} ended with {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, max(peak, usage.ru_maxrss * 1024), output)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile at ``share`` (0 to 1)."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1))]


def cache(name: str) -> Path:
    folder = PROJECT_ROOT / "bench" / ".cache" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
