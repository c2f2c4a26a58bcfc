"""Bodies with far too many parts, at every operation that takes a list or an object: refused before they are looked at.

What was sent is 20 000 parts of each kind; the framework's own fields would try each and name each in the answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_check import check
from rest_framework import serializers

from tests.contract.places import address, document, operations
from tests.contract.test_bad_requests import JSON, tried
from tests.contract.wire import Answer
from tests.support.factories import make_key
from vodplatform.accounts.models import Role, Subscription, Tier, User
from vodplatform.base.errors import MAX_ERRORS

pytestmark = [pytest.mark.full, pytest.mark.django_db, pytest.mark.usefixtures("one_connection", "steps_kind")]
MANY = 20_000
# As many operations as one sync may have; all other lists are shorter.
MAX_LOOKED_AT = 1000
PARTS: list[Any] = [1, "a", {}, None]


def schema_of(method: str, path: str) -> dict[str, Any]:
    """The schema of an operation's JSON body; nothing where it takes none."""
    body = document()["paths"][path][method].get("requestBody", {})
    found = body.get("content", {}).get("application/json", {}).get("schema", {})
    return followed(found)


def followed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, where another is named in its place."""
    for whole in ("allOf", "oneOf", "anyOf"):
        if whole in schema:
            return followed(schema[whole][0])
    if name := schema.get("$ref"):
        return followed(document()["components"]["schemas"][name.rsplit("/", 1)[1]])
    return schema


def bodies(schema: dict[str, Any], depth: int = 0) -> Iterator[Any]:
    """Bodies in each of which one list or object has too many parts."""
    if schema.get("type") == "array":
        yield from ([part] * MANY for part in PARTS)
        yield from ([body] for body in bodies(followed(schema["items"]), depth + 1))
    elif "properties" in schema and depth < 4:
        for name, inner in schema["properties"].items():
            yield from ({name: body} for body in bodies(followed(inner), depth + 1))
    elif schema.get("type") == "object" or "additionalProperties" in schema:
        yield {str(number): 1 for number in range(MANY)}


def sentences(detail: Any) -> int:
    if isinstance(detail, dict | list):
        return sum(map(sentences, detail.values() if isinstance(detail, dict) else detail))
    return 1


WITH_PARTS = [one for one in operations() if next(bodies(schema_of(*one)), None) is not None]


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many parts the framework went through, each time that it did."""
    found: list[int] = []
    fields = (
        (serializers.ListField, "run_child_validation"), (serializers.DictField, "run_child_validation"),
        (serializers.ListSerializer, "run_child_validation"),
    )  # fmt: skip
    for kind, name in fields:
        usual = getattr(kind, name)

        def count(self: Any, data: Any, usual: Any = usual) -> Any:
            found.append(len(data) if isinstance(data, list | dict) else 1)
            return usual(self, data)

        monkeypatch.setattr(kind, name, count)
    return found


def test_there_are_such_operations() -> None:
    assert len(WITH_PARTS) > 8


@pytest.mark.parametrize(("method", "path"), WITH_PARTS, ids=lambda part: part)
def test_too_many_parts_are_refused_unseen(method: str, path: str, owner: User, looked_at: list[int]) -> None:
    owner.role = Role.MODERATOR
    owner.save()
    Subscription.objects.create(user=owner, tier=Tier.PRO)
    key = b"authorization", f"Token {make_key(owner)}".encode()
    url = address(path, owner)
    for body in bodies(schema_of(method, path)):
        looked_at.clear()
        sent = json.dumps(body).encode()
        with check(sent[:80]):
            answer: Answer = tried(method.upper(), url, [JSON, key], sent)
            assert max(looked_at, default=0) <= MAX_LOOKED_AT and len(looked_at) <= MAX_LOOKED_AT
            told = json.loads(answer.body) if answer.status >= 400 else {}
            assert sentences(told.get("errors", [])) <= MAX_ERRORS
