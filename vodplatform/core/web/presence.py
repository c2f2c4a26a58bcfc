"""Lists of present people, for example of all viewers of a comparison.

Each web process announces the people on its own WebSockets to the other processes. If a process is silent for
``FORGET_SECONDS``, the other processes remove its people.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

TELL_SECONDS = 0.25
# Seconds without an announcement after which a process's people are removed. Processes announce every minute.
FORGET_SECONDS = 180.0
MAX_PEOPLE = 200
PROCESS = uuid.uuid4().hex

# A person's ``name`` and other fields. ``following``: whether one of the person's pages follows the shared playback.
Person = dict[str, Any]
Tell = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass
class _Room:
    """The people in one place, such as a comparison.

    - here: people who are connected to this process, by socket id.
    - elsewhere: the latest announcement of each other process, by process id, as (monotonic time of arrival, people).
    """

    here: dict[str, Person] = field(default_factory=dict)
    elsewhere: dict[str, tuple[float, list[Person]]] = field(default_factory=dict)
    due: asyncio.TimerHandle | None = None
    asks: bool = True
    # latest received announcement, and the list of all people made from it
    shown: tuple[dict[str, Any], list[Person]] | None = None


_rooms: dict[str, _Room] = {}
_tasks: set[asyncio.Task[None]] = set()


def add_socket(place: str, socket_id: str, person: Person, tell: Tell) -> None:
    """Record and announce the person who uses a socket. ``tell`` sends a message to all processes."""
    room = _rooms.setdefault(place, _Room())
    if room.here.get(socket_id) != person:
        room.here[socket_id] = person
        announce_soon(place, tell)


def remove_socket(place: str, socket_id: str, tell: Tell) -> None:
    room = _rooms.get(place)
    if room is None or room.here.pop(socket_id, None) is None:
        return
    announce_soon(place, tell)
    if not room.here:
        del _rooms[place]


def announce_soon(place: str, tell: Tell) -> None:
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


def receive_announcement(place: str, message: dict[str, Any], tell: Tell) -> list[Person]:
    room = _rooms.get(place)
    if room is None:
        return []
    if room.shown and room.shown[0] is message:  # another socket has already handled this announcement
        return room.shown[1]
    if message["process"] != PROCESS:
        if message["people"]:
            room.elsewhere[message["process"]] = time.monotonic(), message["people"]
        else:
            room.elsewhere.pop(message["process"], None)
        if message["asks"]:
            announce_soon(place, tell)
    room.shown = message, _people(room)
    return room.shown[1]


def _people(room: _Room) -> list[Person]:
    since = time.monotonic() - FORGET_SECONDS
    room.elsewhere = {process: said for process, said in room.elsewhere.items() if said[0] >= since}
    found: dict[str, Person] = {}
    for person in [*room.here.values(), *(one for _, people in room.elsewhere.values() for one in people)]:
        known = found.get(person["name"])
        follows = person.get("following") or bool(known and known.get("following"))
        found[person["name"]] = {**person, "following": follows} if "following" in person else person
    return sorted(found.values(), key=lambda person: str(person["name"]))[:MAX_PEOPLE]
