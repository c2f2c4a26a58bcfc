"""Children that callers wait for: a few at once, one at a time for each caller, and an end to the waiting."""

import sys
import threading

import pytest

from tests.support.waiting import wait_until
from vodplatform.base import process
from vodplatform.base.process import ChildError, Limits, WaitingRoom

pytestmark = pytest.mark.both

SLEEPER = [sys.executable, "-c", "import sys; sys.stdin.read()"]
LIMITS = Limits(wall_seconds=60)


@pytest.fixture
def running(monkeypatch):
    """``run_child`` replaced by one that waits to be let go; returns who is inside, and the event that ends it."""
    inside: list[bytes] = []
    let_go = threading.Event()

    def held(argv, *, limits, stdin):
        inside.append(stdin)
        assert let_go.wait(30)
        inside.remove(stdin)

    monkeypatch.setattr(process, "run_child", held)
    yield inside, let_go
    let_go.set()


def start(room, caller, stdin):
    def run():
        try:
            room.run_child(SLEEPER, caller=caller, limits=LIMITS, stdin=stdin)
        except ChildError as exc:
            errors.append(exc.kind)

    errors: list[str] = []
    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


def test_one_caller_gets_one_seat_and_leaves_the_others_free(running):
    inside, let_go = running
    room = WaitingRoom(4)
    threads = [start(room, "ann", f"ann-{number}".encode())[0] for number in range(6)]
    wait_until(lambda: len(inside) == 1)
    threads.append(start(room, "ben", b"ben")[0])
    wait_until(lambda: b"ben" in inside)
    assert len(inside) == 2
    let_go.set()
    for thread in threads:
        thread.join(10)
    assert room._callers == {}


def test_there_are_only_so_many_seats(running):
    inside, let_go = running
    room = WaitingRoom(2)
    threads = [start(room, f"caller-{number}", str(number).encode())[0] for number in range(5)]
    wait_until(lambda: len(inside) == 2)
    wait_until(lambda: len(room._callers) == 5)
    assert len(inside) == 2
    let_go.set()
    for thread in threads:
        thread.join(10)
    assert inside == []


def test_who_waits_too_long_is_told(running, monkeypatch):
    inside, _ = running
    monkeypatch.setattr(process, "WAIT_SECONDS", 0.05)
    room = WaitingRoom(1)
    start(room, "ann", b"first")
    wait_until(lambda: inside)
    for caller in ("ann", "ben"):
        thread, errors = start(room, caller, b"second")
        thread.join(10)
        assert errors == [ChildError.BUSY]
