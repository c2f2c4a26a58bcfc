"""Fields that a PATCH or PUT cannot change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rest_framework.utils.encoders import JSONEncoder

from vodplatform.core.errors import DomainError
from vodplatform.core.web import signing

# The server increases these fields. A client may therefore send back an earlier, smaller value.
GROWING = frozenset({
    "updated_at", "revision", "events_revision", "version", "view_count", "global_time", "current_time",
})  # fmt: skip
FIXED = "This field cannot be changed here. Leave it out, or send its current value."


def as_json(answer: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(answer, cls=JSONEncoder))
    return found


def check_fixed(sent: Mapping[str, Any], answers: Iterable[Mapping[str, Any]]) -> None:
    """Raise ``invalid`` if a client tries to change a fixed field.

    answers: the object as each serializer of the API shows it. A value counts as unchanged if it is in any of them.
    """
    shown = list(answers)
    named = [name for name in sent if any(name in answer for answer in shown)]
    fixed = [name for name in named if not has_value(sent[name], name, shown)]
    if fixed:
        raise DomainError("invalid", errors={name: [FIXED] for name in fixed})


def has_value(value: Any, name: str, answers: Iterable[Mapping[str, Any]]) -> bool:
    return any(name in answer and _is_same(value, answer[name], name) for answer in answers)


def _is_same(sent: Any, shown: Any, name: str) -> bool:
    if isinstance(shown, dict):
        return isinstance(sent, dict) and all(_is_same(sent[key], shown[key], key) for key in sent.keys() & shown)
    if isinstance(shown, list):
        return (
            isinstance(sent, list)
            and len(sent) == len(shown)
            and all(_is_same(one, other, name) for one, other in zip(sent, shown, strict=True))
        )
    if isinstance(sent, str) and isinstance(shown, str):
        sent, shown = signing.without_tokens(sent), signing.without_tokens(shown)
    elif isinstance(sent, bool) != isinstance(shown, bool):
        return False
    if sent == shown:
        return True
    is_comparable = isinstance(sent, str) == isinstance(shown, str) and sent is not None and shown is not None
    return name in GROWING and is_comparable and not isinstance(sent, dict | list) and sent < shown
