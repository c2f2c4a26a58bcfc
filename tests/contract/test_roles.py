"""Every route × every role, on an owner's object: 401, 403, 404 or let in; of who is not let in nothing changes.

Walks the OpenAPI document; its companions are test_socket_roles.py, test_page_roles.py and test_door_roles.py. `make
test` tries each role by one way to sign in, and each way at one operation of each kind; `make test-all` tries all.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpResponse
from pytest_check import check

from jobs_app.models import Job
from media_app.uploads.models import Upload, UploadChunk
from media_app.videos.models import Video
from sessions_app.analysis.models import AnalysisSession
from sessions_app.challenges.models import Challenge, ChallengeReport, Guess, MergeSession
from sessions_app.comparison.models import (
    Alignment,
    ComparisonSession,
    ComparisonVod,
    EventReply,
    OffsetChange,
    SessionEvent,
    SessionRole,
    SessionShare,
    ShareLink,
)
from tests.contract.places import (
    METHODS,
    WAYS,
    body,
    filled,
    is_admins,
    methods_of,
    names_in,
    one_of_each_kind,
    operations,
    owned_operations,
    places,
    unknown,
)
from tests.support.api import BASE, Api, error_of
from tests.support.factories import make_link, make_share
from tests.support.visitors import visitor
from vodplatform.accounts.models import ApiToken, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("steps_kind")]
Ways = dict[str, list[str]]
# The ways to sign in that can come out differently: an owner's differ in their scopes, of those who do not see the
# object each is sent one key and one cookie, an administrator's may come with an administrator's powers or without.
EVERY_WAY: Ways = {
    "owner": [*(way for way in WAYS if way != "token write"), "token write"],
    "other": ["token write", "token admin", "session"],
    "moderator": ["session", "token admin"],
    "admin": ["token write", "token admin", "jwt write", "jwt admin", "session"],
}
ONE_WAY: Ways = {role: ways[-1:] for role, ways in EVERY_WAY.items()} | {"admin": ["jwt write", "token admin"]}
OPEN = {
    ("post", "/api/auth/token"), ("post", "/api/auth/jwt"), ("post", "/api/auth/jwt/refresh"),
    ("post", "/api/v1/sync/webhooks/syncso"),
}  # fmt: skip
# Tokens and uploads are their user's alone; an administrator revokes or gives up one in the admin.
PERSONAL = ("token_id", "upload_id")
# Lets in to watch, no more.
READS = {("post", "/api/auth/ws-ticket")}
# Reads real video, or asks a bucket, which is not there, or takes a form with a file: the owner is told so.
NOT_CARRIED_OUT = {
    ("put", "/{vod_id}/playback"): "global_mode",
    ("post", "/leave"): "forbidden",
    ("post", "/timer-preview"): "vod_file_not_found",
    ("post", "/chunk"): "unsupported_media_type",
    ("post", "/addresses"): "chunk_invalid",
    ("post", "/api/v1/library"): "invalid",
    ("post", "/video/upload"): "invalid",
    ("post", "/analyze/highlights"): "invalid",
    ("post", "/analyze/workout"): "invalid",
    ("post", "/sync/pro-sync-process"): "tier_required",
    # The owner's own, a draft for admins: tests/challenges has who may play and report.
    ("post", "/guesses"): "own_challenge challenge_unpublished",
    ("post", "/{challenge_id}/reports"): "own_challenge challenge_unpublished",
}


def refusal(method: str, path: str, way: str) -> tuple[int, str] | None:
    """With what a way to sign in is refused before anybody looks whose the object is."""
    if (method, path) in OPEN:
        return None
    is_read = method == "get" or (method, path) in READS
    if way == "token without scopes" or (way.endswith(" read") and not is_read):
        return 403, "scope_required"
    return (403, "csrf_failed") if way == "session without CSRF" and method != "get" else None


def is_visible(path: str, role: str, way: str) -> bool:
    """Whether the owner's object is there for a role that has signed in this way."""
    if "{" not in path or role == "owner":
        return True
    return role == "admin" and not any(name in path for name in PERSONAL) and is_admins(way)


def send(api: Api, method: str, url: str, content: dict[str, Any] | None) -> HttpResponse:
    """The answer; what the call has done is undone."""
    with transaction.atomic():
        if method == "head":  # an error without its body is no error body
            response = api.client.head(url, headers=api.headers)
        else:
            response = api.send(method.upper(), url, content)
        transaction.set_rollback(True)
    return response


def send_in_vain(api: Api, method: str, url: str, content: dict[str, Any] | None) -> HttpResponse:
    """The answer to a call that changes nothing: here nothing is undone."""
    before = rows()
    response = api.send(method.upper(), url, content)
    assert rows() == before
    return response


def said(response: HttpResponse, ids: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """An answer without what differs from one request to the next, and without the ids that were asked for."""
    headers = {name: value for name, value in response.headers.items() if name != "X-Request-ID"}
    content = response.content
    for named in (response["X-Request-ID"], *ids.values()):
        content = content.replace(str(named).encode(), b"")
    return response.status_code, headers, content


@pytest.mark.parametrize(("method", "path"), owned_operations(), ids=lambda part: part)
def test_an_owned_object_is_for_owner_and_admins(method: str, path: str, owner: User, people: dict[str, User]) -> None:
    """Other users get, byte by byte, the answer of a missing object."""
    walk(method, path, people, EVERY_WAY if (method, path) in one_of_each_kind() else ONE_WAY)


@pytest.mark.exhaustive
@pytest.mark.both
@pytest.mark.parametrize(("method", "path"), owned_operations(), ids=lambda part: part)
def test_an_owned_object_by_every_way(method: str, path: str, owner: User, people: dict[str, User]) -> None:
    walk(method, path, people, EVERY_WAY, other_methods=METHODS)


def walk(
    method: str, path: str, people: dict[str, User], ways_of: Ways, other_methods: set[str] | tuple[str, ...] = ()
) -> None:
    """Call an operation as each role. other_methods: sent too where the object is not there."""
    owner, is_first = people["owner"], method == min(methods_of(path))
    ids = places(path, owner)
    url, content = filled(path, ids), body(method, path, owner)
    with check("anonymous"):
        if (method, path) in OPEN:
            assert error_of(send(Api(), method, url, content))["code"] == (401 if "webhooks" in path else 400)
        else:
            response = send_in_vain(Api(), method, url, content)
            assert (response.status_code, error_of(response)["type"]) == (401, "unauthenticated")
            assert response["WWW-Authenticate"]
    for role, ways in ways_of.items():
        person = people[role]
        for way in ways:
            api = WAYS[way](person)
            if "{" not in path:
                content = body(method, path, person)
            is_let_in = is_visible(path, role, way) and not refusal(method, path, way)
            with check(f"{role} {way}"):
                assert_answer(method, path, role, way, (send if is_let_in else send_in_vain)(api, method, url, content))
            if not is_visible(path, role, way):
                for verb in {method, *other_methods, *(("head", "options") if is_first else ())}:
                    for theirs, nobodys in pairs_of(ids, person):
                        with check(f"{role} {way} {verb}"):
                            first, second = (
                                said(send(api, verb, filled(path, found), content), found)
                                for found in (theirs, nobodys)
                            )
                            assert first == second


def pairs_of(ids: dict[str, str], person: User) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Yield the owner's ids, and as many unknown ones."""
    yield ids, unknown(ids)
    if {"session_id", "job_id"} <= set(ids):
        # The person's own session with the owner's alignment.
        own = {"session_id": places("/{session_id}", person)["session_id"]}
        yield ids | own, unknown(ids) | own


def assert_answer(method: str, path: str, role: str, way: str, response: HttpResponse) -> None:
    """Fail unless this is what somebody of this role, signed in this way, is to be answered."""
    done_otherwise = (kind for (verb, end), kind in NOT_CARRIED_OUT.items() if method == verb and path.endswith(end))
    if refused := refusal(method, path, way):
        assert (response.status_code, error_of(response)["type"]) == refused
    elif not is_visible(path, role, way):
        # Not yours is answered as unknown, before anything else that might be wrong.
        assert response.status_code == 404, response.content
        assert error_of(response)["type"] != "feature_disabled"
    elif (method, path) in OPEN:
        assert error_of(response)["code"] == (401 if "webhooks" in path else 400)
    elif kind := next(done_otherwise, ""):
        assert error_of(response)["type"] in kind.split()
    else:
        assert response.status_code in (200, 201, 202, 204), response.content


# Of a comparison: what its owner alone may do, what takes the right to comment, and what who only watches may do beyond
# reading.
OWNERS_ALONE = ("/archive", "/unarchive", "/shares", "/{share_id}", "/links", "/{link_id}")
COMMENTING = {("post", "/replies"), ("get", "/people")}
WATCHING = {("post", "/seen"), ("post", "/leave")}
SHARES = {
    "editor": (SessionRole.EDITOR, False),
    "commenter": (SessionRole.VIEWER, True),
    "viewer": (SessionRole.VIEWER, False),
}
# By what a browser has opened: the rights that it has, or "" for none.
LINKS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "to watch": ("viewer", {}, True),
    "to comment": ("commenter", {"can_comment": True}, True),
    "with its password": ("viewer", {"password": "hashed"}, True),
    "without its password": ("", {"password": "hashed"}, False),
    "over": ("", {"expires_at": Now()}, True),
}


@pytest.mark.parametrize(
    ("method", "path"),
    [(method, path) for method, path in owned_operations() if path.startswith(f"{BASE}/{{session_id}}")],
    ids=lambda part: part,
)
def test_a_comparison_is_for_whom_it_is_shared_with_as_far_as_that_goes(
    method: str, path: str, owner: User, other: User
) -> None:
    ids = places(path, owner)
    session, url, content = (
        ComparisonSession.objects.get(pk=ids["session_id"]),
        filled(path, ids),
        body(method, path, owner),
    )
    for name, (role, can_comment) in SHARES.items():
        for way in ("token write", "session"):
            share = make_share(session, other, role=role, can_comment=can_comment)
            with check(f"{name} {way}"):
                assert_shared_answer(method, path, name, send(WAYS[way](other), method, url, content))
            share.delete()
    for name, (rights, fields, is_unlocked) in LINKS.items():
        with check(name):
            browser = visitor(make_link(session, **fields), is_unlocked=is_unlocked)
            response = send(browser, method, url, content)
            if rights and path.endswith(("/people", "/leave")):  # only accounts may call these
                assert (response.status_code, error_of(response)["type"]) == (403, "forbidden")
            elif rights:
                assert_shared_answer(method, path, rights, response)
            else:
                assert (response.status_code, error_of(response)["type"]) == (401, "unauthenticated")


def assert_shared_answer(method: str, path: str, name: str, response: HttpResponse) -> None:
    """Fail unless this is what somebody with such a share is to be answered."""
    is_owners = path.endswith(OWNERS_ALONE) or (method, path) == ("delete", f"{BASE}/{{session_id}}")
    is_comment, is_watching = (
        any(method == verb and path.endswith(end) for verb, end in calls) for calls in (COMMENTING, WATCHING)
    )
    may = {
        "editor": not is_owners,
        "commenter": not is_owners and (method == "get" or is_comment or is_watching),
        "viewer": not is_owners and (method == "get" or is_watching) and not is_comment,
    }
    if not may[name]:
        assert (response.status_code, error_of(response)["type"]) == (403, "forbidden")
    elif path.endswith("/leave"):
        assert response.status_code == 200, response.content
    elif path.endswith("/duplicate"):
        assert error_of(response)["type"] == "video_not_found"  # which the share alone lets them see
    else:
        assert_answer(method, path, "owner", "token admin", response)


def test_lists_hold_nothing_of_somebody_elses(owner: User, people: dict[str, User]) -> None:
    ids = [places(f"/{{{name}}}", owner)[name] for name in ("session_id", "job_id", "token_id")]
    for method, path in operations():
        if method != "get" or "{" in path:
            continue
        for role in ("other", "moderator", "admin"):
            for way in EVERY_WAY[role]:
                if is_visible("/{session_id}", role, way) and "tokens" not in path:
                    continue
                shown = WAYS[way](people[role]).get(f"{path}?limit=100").content.decode()
                with check(f"{path} {role} {way}"):
                    assert [text for text in (*ids, owner.username, str(owner.pk)) if text in shown] == []


def rows() -> list[list[dict[str, Any]]]:
    """Everything that calls of the API change, without the tokens that a test signs in with."""
    tokens = ApiToken.objects.filter(Q(revoked_at__isnull=False) | Q(name="another"))
    models = [AnalysisSession, MergeSession, Challenge, Guess, ChallengeReport, ComparisonSession, ComparisonVod]
    models += [SessionEvent, EventReply, SessionShare, ShareLink, Alignment, Job, Video, Upload, UploadChunk]
    found = [model.objects.order_by("pk").values() for model in models]
    return [list(part) for part in (*found, OffsetChange.objects.values(), tokens.values("pk"))]


def test_a_slash_at_the_end_changes_nothing(anonymous: Api) -> None:
    for method, path in operations():
        url = filled(path, unknown(dict.fromkeys(names_in(path), "")))
        content: dict[str, Any] | None = {} if method in ("post", "put", "patch") else None
        first, second = (anonymous.send(method.upper(), url + end, content) for end in ("", "/"))
        with check(f"{method} {path}"):
            assert (first.status_code, first.get("Location")) == (second.status_code, None)
