"""Every PATCH and PUT refuses a new value of a read-only field by the name of the field."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from pytest_check import check

from sessions_app.comparison.models import ComparisonSession
from tests.contract.places import address, body, operations
from tests.contract.test_bad_requests import schema_of
from tests.support.api import BASE, Api, refused
from tests.support.factories import make_session
from vodplatform.accounts.models import Role, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_connection")]
CHANGES = [(method, path) for method, path in operations() if method in ("patch", "put")]
assert len(CHANGES) > 10


def another(value: Any) -> Any:
    """Return a value that differs from ``value`` and from its earlier values."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1_000_000
    if isinstance(value, str):
        return f"{value}~"
    return [*value, 1] if isinstance(value, list) else "x"


def answered_object(answer: Any, path: str) -> dict[str, Any]:
    """Return the object inside an answer."""
    found = next((answer[name] for name in ("session", "event", "share") if name in answer), answer)
    return next(vod for vod in found["vods"] if vod["vod_id"] == "vod-1") if "{vod_id}" in path else found


@pytest.mark.parametrize(("method", "path"), CHANGES, ids=lambda part: part)
def test_fields_that_cannot_be_changed_are_refused_by_name(method: str, path: str, api: Api, owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(role=Role.MODERATOR)
    url, valid, taken = address(path, owner), body(method, path, owner), schema_of(method, path)["properties"]

    def send(sent: dict[str, Any]) -> Any:
        with transaction.atomic():
            answer = api.send(method.upper(), url, sent)
            transaction.set_rollback(True)
        return answer

    ComparisonSession.objects.filter(owner=owner).update(
        sync_mode="independent" if path.endswith("{vod_id}/playback") else "global"
    )
    first = api.send(method.upper(), url, valid)  # later requests with these values change nothing
    assert first.status_code == 200, first.content
    shown = answered_object(first.json(), path)
    fixed = [name for name in shown if name not in taken]
    assert fixed
    for name in fixed:
        with check(name):
            answer = send({**valid, name: another(shown[name])})
            assert (answer.status_code, list(answer.json()["errors"])) == (400, [name]), answer.content
    answer = send({**valid, **{name: shown[name] for name in fixed}})
    assert answer.status_code == 200, answer.content


def test_an_event_sent_back_as_it_was_listed_is_changed_in_what_differs_alone(api: Api, owner: User) -> None:
    url = f"{BASE}/{make_session(owner, offsets=(0, 5)).pk}/events"
    for vod_id in ("vod-1", "vod-2"):
        time = 20 if vod_id == "vod-1" else 15.1
        assert api.post(url, {"kind": "kill", "vod_id": vod_id, "time": time}).status_code == 201
    listed = api.get(url).json()["events"][0]
    assert len(listed["sources"]) == 2
    one = f"{url}/{listed['event_id']}"
    changed = api.patch(one, {**listed, "label": "First blood"}).json()["event"]
    assert (changed["label"], changed["time"], changed["vod_id"]) == ("First blood", listed["time"], listed["vod_id"])
    body = refused(api.patch(one, {"vod_id": "vod-2", "label": "x"}), 400, "invalid")
    assert list(body["errors"]) == ["vod_id"]
    assert api.get(url).json()["events"][0]["label"] == "First blood"
