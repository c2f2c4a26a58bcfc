"""The runner of children ends a child whatever it does to its pipes, its group or its signals."""

from __future__ import annotations

import sys
import time

import psutil
import pytest

from tests.support.program import is_alive
from tests.support.waiting import wait_until, within
from vodplatform.base.processes.process import ChildError, Limits, run_child

pytestmark = pytest.mark.pure

WALL_SECONDS = 1.5


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def run_to_timeout(program: str) -> float:
    """Seconds until the runner gives up on a child that would run for a minute."""
    started = time.monotonic()
    with pytest.raises(ChildError) as caught:
        run_child(python(program), limits=Limits(wall_seconds=WALL_SECONDS))
    assert caught.value.kind == ChildError.TIMEOUT
    return time.monotonic() - started


def test_wall_clock_ends_a_child_that_has_closed_its_pipes() -> None:
    assert run_to_timeout("import os, time; os.close(1); os.close(2); time.sleep(60)") < 10


def test_wall_clock_ends_a_child_that_ignores_signals() -> None:
    assert run_to_timeout("import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)") < 10


def test_stop_reaches_a_child_that_writes_without_end() -> None:
    started = time.monotonic()
    with pytest.raises(ChildError) as caught:
        run_child(
            python("while True: print('{}')"),
            should_stop=lambda: "enough" if time.monotonic() - started > 0.5 else None,
            keeps=lambda message: False,
        )
    assert caught.value.kind == ChildError.STOPPED
    assert time.monotonic() - started < within(2)


def test_grandchild_that_keeps_the_pipes_open_neither_holds_the_runner_nor_survives() -> None:
    program = (
        "import json, subprocess, sys\n"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(json.dumps({'pid': grandchild.pid}))\n"
    )
    started = time.monotonic()
    [message] = run_child(python(program)).messages
    assert time.monotonic() - started < 10
    try:
        grandchild = psutil.Process(message["pid"])
    except psutil.NoSuchProcess:
        return
    wait_until(lambda: not is_alive(grandchild), 2, "the end of the grandchild")


def test_memory_limit_ends_the_child() -> None:
    with pytest.raises(ChildError) as caught:
        run_child(
            python("import time; kept = bytearray(300 << 20); kept[::4096] = b'x' * len(kept[::4096]); time.sleep(60)"),
            limits=Limits(wall_seconds=20, memory_bytes=200 << 20),
        )
    assert caught.value.kind == ChildError.MEMORY


def test_child_sees_none_of_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "not for children")
    monkeypatch.setenv("DATABASE_URL", "postgres://user:password@host/name")
    [message] = run_child(python("import json, os; print(json.dumps({'names': sorted(os.environ)}))")).messages
    assert not {"SECRET_KEY", "DATABASE_URL"} & set(message["names"])
