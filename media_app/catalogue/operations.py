"""Parsing and checks of single operations as clients send them; free of Django."""

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
# Name of a replica, such as a browser tab.
REPLICA = re.compile(r"[\x21-\x7e]{1,64}")
MAX_ACTOR = 120
MAX_CLIENT_ID = 64
MAX_STATE = 2**17  # maximum number of characters in a description's edit history
MAX_COUNTER = 2**53 - 1  # JavaScript's largest exact integer
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Pattern of a time zone's plus sign that URL decoding has turned into a space.
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
# Edit history of a description: a number for the initial text, a dot, base64 of the edits
# (static/js/catalogue/shared-text.js).
STATE = re.compile(r"[0-9]{1,16}\.[A-Za-z0-9+/]+={0,2}")
_MISSING = object()


class InvalidOperation(ValueError):
    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Incoming:
    operation: Operation
    client_id: str = ""


def is_own(actor: str, user_id: str) -> bool:
    """Return whether an actor is the user, ``{user-id}``, or one of their replicas, ``{user-id}:{replica}``."""
    return actor == user_id or actor.startswith(f"{user_id}:")


def parse_operation(raw: Any, user_id: str, now: datetime) -> Incoming:
    """Parse one operation of a user from JSON. now: the server's time. Raise :class:`InvalidOperation`.

    ``type`` and ``value`` may replace ``operation_type`` and ``operation_data``. ``vector_clock`` includes this
    operation. ``actor_id`` is by default the user's id.
    """
    if not isinstance(raw, dict):
        raise InvalidOperation("operation", "Send an object.")
    kind = _type(raw)
    actor = _actor(raw.get("actor_id"), user_id)
    seen = clock(raw.get("vector_clock"))
    if not seen.get(actor):
        raise InvalidOperation(
            "vector_clock", f"The clock must also count this operation: set {actor} to a number of at least 1."
        )
    try:
        value = CLEAN[kind](_value(raw))
    except text_rules.InvalidText as exc:
        raise InvalidOperation("operation_data", str(exc)) from exc
    when = instant(raw.get("timestamp"), "timestamp")
    if when - now > MAX_AHEAD:
        raise InvalidOperation(
            "timestamp", "The time is more than 5 minutes ahead of the server's clock. Correct your clock."
        )
    client_id = raw.get("id")
    if client_id is not None and (not isinstance(client_id, str) or len(client_id) > MAX_CLIENT_ID):
        raise InvalidOperation("id", f"Send a string of at most {MAX_CLIENT_ID} characters, or omit it.")
    return Incoming(Operation(kind, value, microseconds(when), actor, seen, _state(raw, kind)), client_id or "")


def clock(raw: Any, field: str = "vector_clock") -> Clock:
    """Parse a vector clock from JSON, without zero entries. Raise :class:`InvalidOperation`."""
    if not isinstance(raw, Mapping):
        raise InvalidOperation(field, "Send an object that maps each actor's id to a whole number.")
    for actor, counter in raw.items():
        if not actor or len(actor) > MAX_ACTOR:
            raise InvalidOperation(field, f"An actor's id must have 1 to {MAX_ACTOR} characters.")
        if isinstance(counter, bool) or not isinstance(counter, int) or not 0 <= counter <= MAX_COUNTER:
            raise InvalidOperation(field, f"The counter of {actor} must be a whole number of at least 0.")
    return {actor: counter for actor, counter in raw.items() if counter}


def instant(raw: Any, field: str) -> datetime:
    """Parse a time in ISO 8601 (by default UTC) or in seconds since 1970. Raise :class:`InvalidOperation`."""
    try:
        if isinstance(raw, str):
            found = datetime.fromisoformat(LOST_PLUS.sub("+", raw))
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        elif isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(raw):
            found = EPOCH + timedelta(microseconds=round(raw * 1_000_000))
        else:
            raise InvalidOperation(field, "Send an ISO 8601 time or seconds since 1970.")
    except OverflowError as exc:
        raise InvalidOperation(field, "The time is too large. Send seconds since 1970, not milliseconds.") from exc
    except ValueError as exc:
        if isinstance(exc, InvalidOperation):
            raise
        raise InvalidOperation(field, "Not an ISO 8601 date and time.") from exc
    if found < EPOCH:
        raise InvalidOperation(field, "Send a time after 1970.")
    return found


def microseconds(when: datetime) -> int:
    return (when - EPOCH) // timedelta(microseconds=1)


def moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def _type(raw: dict[str, Any]) -> OperationType:
    given = [raw[name] for name in ("operation_type", "type") if raw.get(name) is not None]
    if not given or any(one != given[0] for one in given):
        raise InvalidOperation("operation_type", "Send the operation's type once, as `operation_type` or as `type`.")
    try:
        return OperationType(given[0])
    except ValueError as exc:
        raise InvalidOperation("operation_type", f"Unknown type. Known types: {', '.join(OperationType)}.") from exc


def _value(raw: dict[str, Any]) -> Any:
    data = raw.get("operation_data", _MISSING)
    if isinstance(data, dict):
        data = data.get("value", _MISSING)
    given = [one for one in (data, raw.get("value", _MISSING)) if one is not _MISSING]
    if not given or any(one != given[0] for one in given):
        raise InvalidOperation("operation_data", 'Send one value, as {"value": …}.')
    return given[0]


def _state(raw: dict[str, Any], kind: OperationType) -> str:
    data = raw.get("operation_data")
    state = data.get("state") if isinstance(data, dict) else None
    if state is None or kind != OperationType.UPDATE_DESCRIPTION:
        return ""
    if not isinstance(state, str) or len(state) > MAX_STATE or not STATE.fullmatch(state):
        raise InvalidOperation(
            "operation_data",
            f"The state must be a number, a dot and Base64, together at most {MAX_STATE} characters.",
        )
    return state


def _actor(raw: Any, user_id: str) -> str:
    if raw is None:
        return user_id
    if not isinstance(raw, str) or not is_own(raw, user_id):
        raise InvalidOperation("actor_id", f"Send `{user_id}` or `{user_id}:<replica name>`, or omit the field.")
    if raw != user_id and not REPLICA.fullmatch(raw[len(user_id) + 1 :]):
        raise InvalidOperation("actor_id", "The replica's name must have 1 to 64 visible ASCII characters.")
    return raw
