"""Who is at one place at this moment, such as a comparison that is watched or a video that is edited, in all processes.

Each process knows its own sockets and tells the others, a quarter of a second after something has changed at most once;
a process that hears of the first socket of another says who is there in its turn. What a process has not said again
for a while is forgotten: it has died.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

TELL_SECONDS = 0.25
FORGET_SECONDS = 180.0  # sockets look again, and their process tells again, each minute
MAX_PEOPLE = 200  # told of at once
PROCESS = uuid.uuid4().hex

Person = dict[str, Any]  # name, and what else is told; following: whether they go along with the others
Tell = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass
class _Room:
    """One place: own sockets by their ids, what other processes said and when, and the telling that is due."""

    here: dict[str, Person] = field(default_factory=dict)
    elsewhere: dict[str, tuple[float, list[Person]]] = field(default_factory=dict)
    due: asyncio.TimerHandle | None = None
    asks: bool = True  # of the next telling: whether the others are to say who is there


_rooms: dict[str, _Room] = {}
_tasks: set[asyncio.Task[None]] = set()


def enter(place: str, socket_id: str, person: Person, tell: Tell) -> None:
    """A socket watches, or what is known of its person has changed. tell: sends a message to all who watch."""
    room = _rooms.setdefault(place, _Room())
    if room.here.get(socket_id) != person:
        room.here[socket_id] = person
        tell_soon(place, tell)


def leave(place: str, socket_id: str, tell: Tell) -> None:
    """A socket has gone."""
    room = _rooms.get(place)
    if room is None or room.here.pop(socket_id, None) is None:
        return
    tell_soon(place, tell)
    if not room.here:
        del _rooms[place]


def tell_soon(place: str, tell: Tell) -> None:
    """Say who is here, unless that is about to be said."""
    room = _rooms.get(place)
    if room is None or (room.due and not room.due.cancelled() and room.due.when() > asyncio.get_running_loop().time()):
        return

    def begin() -> None:
        message = {"process": PROCESS, "people": list(room.here.values())[:MAX_PEOPLE], "asks": room.asks}
        room.asks, room.due = False, None
        task = asyncio.ensure_future(tell(message))
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    room.due = asyncio.get_running_loop().call_later(TELL_SECONDS, begin)


def heard(place: str, message: dict[str, Any], tell: Tell) -> list[Person]:
    """Take in what a process has said, and give who is there now: each account once, by name."""
    room = _rooms.get(place)
    if room is None:
        return []
    if message["process"] != PROCESS:
        if message["people"]:
            room.elsewhere[message["process"]] = time.monotonic(), message["people"]
        else:
            room.elsewhere.pop(message["process"], None)
        if message["asks"]:
            tell_soon(place, tell)
    return _people(room)


def _people(room: _Room) -> list[Person]:
    since = time.monotonic() - FORGET_SECONDS
    room.elsewhere = {process: said for process, said in room.elsewhere.items() if said[0] >= since}
    found: dict[str, Person] = {}
    for person in [*room.here.values(), *(one for _, people in room.elsewhere.values() for one in people)]:
        known = found.get(person["name"])
        # Who has two pages open follows when one of them does.
        follows = person.get("following") or bool(known and known.get("following"))
        found[person["name"]] = {**person, "following": follows} if "following" in person else person
    return sorted(found.values(), key=lambda person: str(person["name"]))[:MAX_PEOPLE]
