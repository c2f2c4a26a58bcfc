"""Every call of the catalogue × every role × every state of a video; and docs/reference/roles.md."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django.http import HttpResponse
from pytest_check import check

from media_app.catalogue.models import CrdtOperation, VideoReport
from media_app.videos.models import Video
from tests.catalogue.matrix import CALLS, ROLES, STATES, Call, table
from tests.contract.places import WAYS, is_admins, operations, stored_video
from tests.support.api import Api, error_of
from tests.support.catalogue import make_catalogue_video
from tests.support.factories import make_key
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db
FIELDS: dict[str, dict[str, Any]] = {
    "shown": {}, "hidden": {"is_hidden": True}, "unready": {"status": "uploading"}, "deleted": {"deleted_at": Now()}
}  # fmt: skip
TYPES = {401: "unauthenticated", 403: "forbidden", 404: "not_found"}
ROOT = Path(__file__).parents[2]


@pytest.fixture
def people(other: User, moderator: User, admin_person: User) -> dict[str, User | None]:
    return {"closed": None, "anonymous": None, "user": other, "moderator": moderator, "admin": admin_person}


def names_of(call: Call) -> list[tuple[str, dict[str, Any]]]:
    """Each address of a call, with what its body has besides."""
    found: list[tuple[str, dict[str, Any]]] = [(f"/api/v1/videos{call.path}", {})]
    for alias in call.aliases:
        found += [(f"/{prefix}{alias}", call.alias_body) for prefix in ("", "functions/v1/")]
    return found


def filled(text: str, video: Video, user: User | None) -> str:
    return text.replace("{id}", str(video.pk)).replace("{me}", str(user.pk) if user else "nobody")


def answer(
    api: Api, call: Call, url: str, more: dict[str, Any], video: Video, user: User | None, *, is_kept: bool = False
) -> HttpResponse:
    """Return the answer to a call, and undo its changes unless ``is_kept``."""
    body = None if call.body is None else json.loads(filled(json.dumps({**call.body, **more}), video, user))
    with transaction.atomic():
        response = api.send(call.method, filled(url, video, user), body)
        transaction.set_rollback(not is_kept)
    return response


def video_in(state: str, owner: User) -> Video:
    location = stored_video(owner).location
    return make_catalogue_video(owner, location=location, **FIELDS[state])


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_every_cell(call: Call, owner: User, people: dict[str, User | None], settings: Any) -> None:
    """A hidden video is answered, byte by byte, like a missing one. A refused call changes nothing."""
    videos = {state: video_in(state, owner) for state in FIELDS}
    gone = video_in("shown", owner)
    gone_id = gone.pk
    Video.objects.filter(pk=gone_id).delete()
    gone.pk = gone_id
    for role in ROLES:
        settings.PUBLIC_CATALOG = role != "closed"
        user = people[role]
        api = Api(make_key(user)) if user else Api()
        for state, video in videos.items():
            expected = call.answers[role][STATES.index("hidden" if state == "unready" else state)]
            # The other names of a call are its first name's own: some roles try them.
            for url, more in names_of(call)[: None if role in ("user", "moderator") else 1]:
                before = _rows() if expected >= 400 else []
                response = answer(api, call, url, more, video, user, is_kept=expected >= 400)
                with check(f"{role} {state} {url}"):
                    if call.method == "PUT" and call.path.endswith("/ready") and (state, expected) == ("unready", 200):
                        assert response.status_code in (200, 409)  # 409: the file has not been checked yet
                    else:
                        assert response.status_code == expected, response.content
                    if expected in (401, 403, 404):
                        assert error_of(response)["type"] == TYPES[expected]
                    if expected >= 400:
                        assert _rows() == before
                    if expected == 404 and "{id}" in call.path:
                        assert _said(response, video) == _said(answer(api, call, url, more, gone, user), gone)


def _rows() -> list[list[dict[str, Any]]]:
    return [list(model.objects.order_by("pk").values()) for model in (Video, CrdtOperation, VideoReport)]


def _said(response: HttpResponse, video: Video) -> tuple[int, bytes]:
    content = response.content.replace(response["X-Request-ID"].encode(), b"").replace(str(video.pk).encode(), b"")
    return response.status_code, content


@pytest.mark.parametrize("names", [{"read", "edit", "delete"}, pytest.param(set(), marks=pytest.mark.exhaustive)])
def test_a_ways_scopes_hold(names: set[str], owner: User, people: dict[str, User | None]) -> None:
    """Missing scopes are refused first. An admin's token without the scope `admin` has a moderator's rights."""
    video = video_in("shown", owner)
    for role, way in ((role, way) for role in ("moderator", "admin") for way in WAYS):
        user = people[role]
        assert user
        for call in [call for call in CALLS if not names or call.name in names]:
            url, more = names_of(call)[0]
            response = answer(WAYS[way](user), call, url, more, video, user)
            is_read = call.method == "GET"
            with check(f"{role} {way} {call.name}"):
                if way == "token without scopes" or (way.endswith(" read") and not is_read):
                    assert (response.status_code, error_of(response)["type"]) == (403, "scope_required")
                elif way == "session without CSRF" and not is_read:
                    assert (response.status_code, error_of(response)["type"]) == (403, "csrf_failed")
                else:
                    rights = "admin" if role == "admin" and is_admins(way) else "moderator"
                    assert response.status_code == call.answers[rights][0]


def test_lists_hold_what_each_may_see(owner: User, people: dict[str, User | None]) -> None:
    ids = {str(video_in(state, owner).pk): state for state in FIELDS}
    private = stored_video(owner)
    seen = {"anonymous": {"shown"}, "user": {"shown"}, "moderator": {"shown", "hidden", "unready"}}
    seen["admin"] = seen["moderator"]
    for role, states in seen.items():
        user = people[role]
        api = Api(make_key(user)) if user else Api()
        for url in ("/api/v1/videos", "/videos", "/functions/v1/videos"):
            body = api.get(url).json()
            assert {ids[video["id"]] for video in body["videos"]} == states
            assert body["pagination"]["total"] == len(states)
            assert str(private.pk) not in str(body)
            deleted = api.get(f"{url}?status=deleted").json()["videos"]
            assert {ids[video["id"]] for video in deleted} == ({"deleted"} if role == "admin" else set())


def test_the_table_has_every_call() -> None:
    named = {(call.method.lower(), f"/api/v1/videos{call.path.partition('?')[0]}") for call in CALLS}
    there = {pair for pair in operations() if pair[1].startswith("/api/v1/videos")}
    assert {(method, path.replace("{id}", "{video_id}")) for method, path in named} == there


def test_the_document_is_the_table() -> None:
    told = (ROOT / "docs" / "reference" / "roles.md").read_text()
    assert told == table(), "run: python -m tests.catalogue.matrix > docs/reference/roles.md"
