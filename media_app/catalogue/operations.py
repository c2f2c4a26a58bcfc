"""Operations as clients send them, read and checked one by one: all that can be said without the video. No Django.

What depends on the video, such as a clock that has seen what has not come, is :mod:`media_app.catalogue.services`'.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from media_app.catalogue.crdt import Clock, Operation, OperationType
from media_app.videos import text_rules

MAX_OPERATIONS = 1000
MAX_ANSWERED = 10_000
MAX_AHEAD = timedelta(minutes=5)
# What a replica calls itself, after the user's id and a colon.
REPLICA = re.compile(r"[\x21-\x7e]{1,64}")
MAX_ACTOR = 120
MAX_CLIENT_ID = 64
MAX_STATE = 2**17  # characters of base64: four times what the longest description has
MAX_COUNTER = 2**53 - 1  # what every client can count to
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# An ISO text in an address that nobody has escaped: its plus has become a space.
LOST_PLUS = re.compile(r"(?<=[0-9]) (?=[0-9]{2}:?[0-9]{2}$)")
CLEAN: dict[OperationType, Callable[[Any], Any]] = {
    OperationType.UPDATE_TITLE: text_rules.title,
    OperationType.UPDATE_DESCRIPTION: text_rules.description,
    OperationType.UPDATE_CATEGORY: text_rules.category,
    OperationType.UPDATE_FEATURED: text_rules.flag,
    OperationType.ADD_TAG: text_rules.tag,
    OperationType.REMOVE_TAG: text_rules.tag,
    OperationType.SET_TAGS: text_rules.tags,
}
# What the text was at first, as a number, and all that was done to it since: static/js/catalogue/shared-text.js.
STATE = re.compile(r"[0-9]{1,16}\.[A-Za-z0-9+/]+={0,2}")
_MISSING = object()


class Refused(ValueError):
    """Why something is refused: the field and a sentence."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Incoming:
    """An operation from a client, and what the client calls it."""

    operation: Operation
    client_id: str = ""


def is_own(actor: str, user_id: str) -> bool:
    """Whether an actor is a user, or one of his replicas: ``{user-id}`` or ``{user-id}:{replica}``."""
    return actor == user_id or actor.startswith(f"{user_id}:")


def read(raw: Any, user_id: str, now: datetime) -> Incoming:
    """One operation of a user's, from JSON. now: the server's time. Raises :class:`Refused`.

    Taken: ``operation_type`` or ``type``; ``operation_data`` (``{"value": …}`` or the bare value) or ``value``, and of
    a description ``{"value": …, "state": …}``, what editors need to merge it by characters; ``timestamp`` as ISO 8601
    or seconds since 1970; ``vector_clock`` with the operation's own dot; ``actor_id``, or the user's id; ``id``, which
    nothing depends on.
    """
    if not isinstance(raw, dict):
        raise Refused("operation", "Send an object.")
    kind = _type(raw)
    actor = _actor(raw.get("actor_id"), user_id)
    seen = clock(raw.get("vector_clock"))
    if not seen.get(actor):
        raise Refused("vector_clock", f"It has to count the operation itself: a number from 1 for {actor}.")
    try:
        value = CLEAN[kind](_value(raw))
    except text_rules.InvalidText as exc:
        raise Refused("operation_data", str(exc)) from exc
    when = instant(raw.get("timestamp"), "timestamp")
    if when - now > MAX_AHEAD:
        raise Refused("timestamp", "More than 5 minutes ahead of the server's clock. Set yours right.")
    client_id = raw.get("id")
    if client_id is not None and (not isinstance(client_id, str) or len(client_id) > MAX_CLIENT_ID):
        raise Refused("id", f"Send a text of at most {MAX_CLIENT_ID} characters, or leave it out.")
    return Incoming(Operation(kind, value, microseconds(when), actor, seen, _state(raw, kind)), client_id or "")


def clock(raw: Any, field: str = "vector_clock") -> Clock:
    """A vector clock from JSON, without the actors that count 0. Raises :class:`Refused`."""
    if not isinstance(raw, Mapping):
        raise Refused(field, "Send an object: a whole number for each actor.")
    for actor, counter in raw.items():
        if not actor or len(actor) > MAX_ACTOR:
            raise Refused(field, f"An actor has 1 to {MAX_ACTOR} characters.")
        if isinstance(counter, bool) or not isinstance(counter, int) or not 0 <= counter <= MAX_COUNTER:
            raise Refused(field, f"The counter of {actor} is not a whole number from 0.")
    return {actor: counter for actor, counter in raw.items() if counter}


def instant(raw: Any, field: str) -> datetime:
    """An instant from ISO 8601 (UTC where it names no zone) or seconds since 1970. Raises :class:`Refused`."""
    try:
        if isinstance(raw, str):
            found = datetime.fromisoformat(LOST_PLUS.sub("+", raw))
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        elif isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(raw):
            found = EPOCH + timedelta(microseconds=round(raw * 1_000_000))
        else:
            raise Refused(field, "Send an ISO 8601 text or seconds since 1970.")
    except OverflowError as exc:
        raise Refused(field, "No calendar reaches so far. Send seconds since 1970, not milliseconds.") from exc
    except ValueError as exc:
        if isinstance(exc, Refused):
            raise
        raise Refused(field, "Not an ISO 8601 date and time.") from exc
    if found < EPOCH:
        raise Refused(field, "Before 1970.")
    return found


def microseconds(when: datetime) -> int:
    """Microseconds since 1970."""
    return (when - EPOCH) // timedelta(microseconds=1)


def moment(microseconds: int) -> datetime:
    """The instant so many microseconds after 1970 began."""
    return EPOCH + timedelta(microseconds=microseconds)


def _type(raw: dict[str, Any]) -> OperationType:
    given = [raw[name] for name in ("operation_type", "type") if raw.get(name) is not None]
    if not given or any(one != given[0] for one in given):
        raise Refused("operation_type", "Name one type of operation.")
    try:
        return OperationType(given[0])
    except ValueError as exc:
        raise Refused("operation_type", f"Unknown. There are {', '.join(OperationType)}.") from exc


def _value(raw: dict[str, Any]) -> Any:
    data = raw.get("operation_data", _MISSING)
    if isinstance(data, dict):
        data = data.get("value", _MISSING)
    given = [one for one in (data, raw.get("value", _MISSING)) if one is not _MISSING]
    if not given or any(one != given[0] for one in given):
        raise Refused("operation_data", 'Send one value, as {"value": …}.')
    return given[0]


def _state(raw: dict[str, Any], kind: OperationType) -> str:
    """How a description came to be, for those who merge it: kept and handed on, and never read here."""
    data = raw.get("operation_data")
    state = data.get("state") if isinstance(data, dict) else None
    if state is None or kind != OperationType.UPDATE_DESCRIPTION:
        return ""
    if not isinstance(state, str) or len(state) > MAX_STATE or not STATE.fullmatch(state):
        raise Refused(
            "operation_data", f"A state has at most {MAX_STATE} characters of base64, after a number and a dot."
        )
    return state


def _actor(raw: Any, user_id: str) -> str:
    if raw is None:
        return user_id
    if not isinstance(raw, str) or not is_own(raw, user_id):
        raise Refused("actor_id", f"Send {user_id}, or {user_id}: and a name of the replica, or leave it out.")
    if raw != user_id and not REPLICA.fullmatch(raw[len(user_id) + 1 :]):
        raise Refused("actor_id", "The name of a replica has 1 to 64 visible ASCII characters.")
    return raw
