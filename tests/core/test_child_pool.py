"""Children that callers wait for: a few at once, one at a time for each caller, and an end to the waiting."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tests.support.waiting import wait_until
from vodplatform.core.errors import DomainError
from vodplatform.core.processes import child_pool
from vodplatform.core.processes.child_pool import ChildPool, caller_gone
from vodplatform.core.processes.process import ChildError, Limits

SLEEPER = [sys.executable, "-c", "import time; time.sleep(30)"]
LIMITS = Limits(wall_seconds=60)


@pytest.fixture
def running(monkeypatch):
    """``run_child`` replaced by one that waits to be let go; returns who is inside, and the event that ends it."""
    inside: list[bytes] = []
    let_go = threading.Event()

    def held(argv, *, limits, stdin, should_stop, access, ranged):
        inside.append(stdin)
        assert let_go.wait(30)
        inside.remove(stdin)

    monkeypatch.setattr(child_pool, "run_child", held)
    yield inside, let_go
    let_go.set()


def start(room, caller, stdin=b"", gone=None):
    """Ask for a child in a thread; returns it and the errors of the call. gone: what is set once nobody waits."""

    def run():
        caller_gone.set(gone)
        try:
            room.run_child(SLEEPER, caller=caller, limits=LIMITS, stdin=stdin)
        except ChildError as exc:
            errors.append((exc.kind, str(exc)))

    errors: list[tuple[str, str]] = []
    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


def test_a_turn_is_held_for_what_comes_before_the_child(running):
    inside, let_go = running
    room = ChildPool(4)
    with room.turn("ann"):
        thread, _ = start(room, "ann", b"another")
        wait_until(lambda: room._callers["ann"][1] == 2)
        let_go.set()
        room.run_child(SLEEPER, caller="ann", limits=LIMITS, stdin=b"own")
        assert thread.is_alive()
        start(room, "ben", b"ben")[0].join(10)
    thread.join(10)
    assert (inside, room._callers) == ([], {})


def test_who_waits_too_long_for_a_turn_is_told(monkeypatch):
    monkeypatch.setattr(child_pool, "WAIT_SECONDS", 0.05)
    room = ChildPool(4)
    with room.turn("ann"), ThreadPoolExecutor(1) as pool:
        asked = pool.submit(lambda: room.turn("ann").__enter__())
        with pytest.raises(DomainError) as caught:
            asked.result(10)
    assert caught.value.type.name == "unavailable"


def test_one_caller_gets_one_of_so_many_seats_and_leaves_the_others_free(running):
    inside, let_go = running
    room = ChildPool(2)
    threads = [start(room, "ann", f"ann-{number}".encode())[0] for number in range(6)]
    wait_until(lambda: len(inside) == 1)
    threads.append(start(room, "ben", b"ben")[0])
    wait_until(lambda: b"ben" in inside)
    threads.append(start(room, "cid", b"cid")[0])
    wait_until(lambda: len(room._callers) == 3)
    assert len(inside) == 2
    let_go.set()
    for thread in threads:
        thread.join(10)
    assert (inside, room._callers) == ([], {})


def test_who_waits_too_long_is_told(running, monkeypatch):
    inside, _ = running
    monkeypatch.setattr(child_pool, "WAIT_SECONDS", 0.05)
    room = ChildPool(1)
    start(room, "ann", b"first")
    wait_until(lambda: inside)
    for caller in ("ann", "ben"):
        thread, errors = start(room, caller, b"second")
        thread.join(10)
        assert [kind for kind, _ in errors] == [ChildError.BUSY]


def test_seats_are_given_in_turn_and_who_had_one_waits_again(running):
    inside, let_go = running
    room = ChildPool(1)
    threads = [start(room, "ann", b"ann-1")[0]]
    wait_until(lambda: inside == [b"ann-1"])
    for number, caller in enumerate(("ben", "cid", "ann"), 1):
        threads.append(start(room, caller, f"{caller}-{number}".encode())[0])
        wait_until(lambda number=number: len(room._line) == min(number, 2))
    order: list[bytes] = []
    serve = child_pool.run_child

    def noted(argv, *, stdin, **named):
        order.append(stdin)
        serve(argv, stdin=stdin, **named)

    child_pool.run_child = noted
    let_go.set()
    for thread in threads:
        thread.join(10)
    assert order == [b"ben-1", b"cid-2", b"ann-3"]
    assert (room._free, len(room._line)) == (1, 0)


def test_who_takes_long_gives_way_to_who_waits_and_only_then(monkeypatch):
    monkeypatch.setattr(child_pool, "GIVE_WAY_SECONDS", 0.2)
    room = ChildPool(1)
    thread, errors = start(room, "ann")
    thread.join(1)
    assert thread.is_alive()
    room.run_child([sys.executable, "-c", ""], caller="ben", limits=LIMITS, stdin=b"")
    thread.join(10)
    assert errors == [(ChildError.STOPPED, "Processing took longer than 0.2 s while other requests were waiting.")]


@pytest.mark.parametrize("is_seated", [True, False])
def test_who_has_gone_needs_no_seat(running, monkeypatch, is_seated):
    inside, _ = running
    room = ChildPool(1)
    gone = threading.Event()
    if is_seated:
        monkeypatch.undo()
    else:
        start(room, "ann", b"first")
        wait_until(lambda: inside)
    thread, errors = start(room, "ben", gone=gone)
    wait_until(lambda: room._free == 0 if is_seated else len(room._line) == 1)
    gone.set()
    thread.join(10)
    assert errors == [(ChildError.STOPPED, "The client has disconnected.")]
    assert len(room._line) == 0


ONES, ALL = child_pool.MAX_WAITING_OF_ONE, child_pool.MAX_WAITING


@pytest.mark.parametrize(("callers", "last", "is_full"), [
    (["ann"] * ONES, "ann", lambda room: room._callers["ann"][1] == ONES + 1),
    ([f"caller {number}" for number in range(ALL)], "ben", lambda room: len(room._line) == ALL),
], ids=["of one caller", "of all"])  # fmt: skip
def test_only_so_many_wait(running, callers, last, is_full):
    inside, let_go = running
    room = ChildPool(1)
    threads = [start(room, "ann", b"first")]
    wait_until(lambda: inside)
    threads += [start(room, caller, b"more") for caller in callers]
    wait_until(lambda: is_full(room))
    with pytest.raises(ChildError) as refused:
        room.run_child(SLEEPER, caller=last, limits=LIMITS, stdin=b"one too many")
    assert refused.value.kind == ChildError.BUSY
    let_go.set()
    for thread, errors in threads:
        thread.join(10)
        assert errors == []


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_who_waits_for_a_child_keeps_no_connection_to_the_database(monkeypatch):
    kept = []
    monkeypatch.setattr(child_pool, "run_child", lambda *_, **__: kept.append(connection.connection))
    connection.ensure_connection()
    ChildPool(1).run_child(SLEEPER, caller="ann", limits=LIMITS, stdin=b"")
    assert kept == [None]
