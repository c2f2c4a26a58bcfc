"""Every route × every role × every way to sign in, on an owner's object: 401, 403, 404 or let in.

Walks the OpenAPI document; its companions are test_socket_roles.py, test_page_roles.py and test_door_roles.py. Methods
that there are not and bodies that are none are sent by test_bad_requests.py.
"""

from __future__ import annotations

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
    address,
    body,
    filled,
    is_of_catalogue,
    operations,
    owned_operations,
    places,
    unknown,
)
from tests.support.api import BASE, Api, error_of
from tests.support.factories import make_key, make_link, make_share
from tests.support.visitors import visitor
from vodplatform.accounts.models import ApiToken, Subscription, Tier, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("steps_kind")]
# The ways to sign in that can come out differently: an owner's differ in their scopes, of those who do not see the
# object each is sent one key and one cookie, an administrator's may come with an administrator's powers or without.
WAYS_OF = {
    "owner": list(WAYS),
    "other": ["token admin", "session"],
    "moderator": ["token admin", "session"],
    "admin": ["token write", "token admin", "jwt write", "jwt admin", "session"],
}
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
# These take no body, or a form.
NO_JSON = (
    "/archive", "/unarchive", "/import", "/seen",
    "/cancel", "/retry", "/pause", "/resume", "/ws-ticket", "/complete", "/chunk", "/restore", "/file",
    "/cancel/{session_id}", "/initiate", "publish", "/webhooks/syncso",
)  # fmt: skip
every_operation = pytest.mark.parametrize(("method", "path"), operations(), ids=lambda part: part)
owned = pytest.mark.parametrize(("method", "path"), owned_operations(), ids=lambda part: part)


def test_the_document_has_operations() -> None:
    assert len(operations()) > 30


@pytest.fixture
def people(owner: User, other: User, moderator: User, admin_person: User) -> dict[str, User]:
    return {"owner": owner, "other": other, "moderator": moderator, "admin": admin_person}


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
    is_admins = not any(name in path for name in PERSONAL)
    return role == "admin" and is_admins and (way.endswith(" admin") or way.startswith("session"))


def send(api: Api, method: str, url: str, content: dict[str, Any] | None) -> HttpResponse:
    """The answer; what the call has done is undone."""
    with transaction.atomic():
        if method == "head":  # an error without its body is no error body
            response = api.client.head(url, headers=api.headers)
        else:
            response = api.send(method.upper(), url, content)
        transaction.set_rollback(True)
    return response


def said(response: HttpResponse, ids: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """An answer without what differs from one request to the next, and without the ids that were asked for."""
    headers = {name: value for name, value in response.headers.items() if name != "X-Request-ID"}
    content = response.content
    for named in (response["X-Request-ID"], *ids.values()):
        content = content.replace(str(named).encode(), b"")
    return response.status_code, headers, content


@pytest.mark.both
@owned
def test_an_owners_object_is_for_the_owner_and_admins(
    method: str, path: str, owner: User, people: dict[str, User]
) -> None:
    url = address(path, owner)
    with check("anonymous"):
        response = send(Api(), method, url, body(method, path, owner))
        if (method, path) in OPEN:
            assert error_of(response)["code"] == (401 if "webhooks" in path else 400)
        else:
            assert (response.status_code, error_of(response)["type"]) == (401, "unauthenticated")
            assert response["WWW-Authenticate"]
    for role, ways in WAYS_OF.items():
        person = people[role]
        content = body(method, path, person if "{" not in path else owner)
        for way in ways:
            with check(f"{role} {way}"):
                assert_answer(method, path, role, way, send(WAYS[way](person), method, url, content))


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
WATCHING = {("post", "/seen")}
of_comparison = pytest.mark.parametrize(
    ("method", "path"),
    [(method, path) for method, path in owned_operations() if path.startswith(f"{BASE}/{{session_id}}")],
    ids=lambda part: part,
)
SHARES = {
    "editor": (SessionRole.EDITOR, False),
    "commenter": (SessionRole.VIEWER, True),
    "viewer": (SessionRole.VIEWER, False),
}


@pytest.mark.both
@of_comparison
def test_a_comparison_is_for_whom_it_is_shared_with_as_far_as_that_goes(
    method: str, path: str, owner: User, other: User, people: dict[str, User]
) -> None:
    ids = places(path, owner)
    for name, (role, can_comment) in SHARES.items():
        share = make_share(
            ComparisonSession.objects.get(pk=ids["session_id"]), other, role=role, can_comment=can_comment
        )
        for way in WAYS_OF["other"]:
            with check(f"{name} {way}"):
                content = body(method, path, owner)
                response = send(WAYS[way](other), method, filled(path, ids), content)
                assert_shared_answer(method, path, name, response)
        share.delete()


# By what a browser has opened: the rights that it has, or "" for none.
LINKS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "to watch": ("viewer", {}, True),
    "to comment": ("commenter", {"can_comment": True}, True),
    "with its password": ("viewer", {"password": "hashed"}, True),
    "without its password": ("", {"password": "hashed"}, False),
    "over": ("", {"expires_at": Now()}, True),
}


@pytest.mark.both
@of_comparison
def test_a_comparison_is_for_whom_a_link_lets_in_as_far_as_that_goes(method: str, path: str, owner: User) -> None:
    ids = places(path, owner)
    session = ComparisonSession.objects.get(pk=ids["session_id"])
    for name, (rights, fields, is_unlocked) in LINKS.items():
        with check(name):
            browser = visitor(make_link(session, **fields), is_unlocked=is_unlocked)
            response = send(browser, method, filled(path, ids), body(method, path, owner))
            if rights and path.endswith("/people"):  # names are told to accounts alone
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
    elif path.endswith("/duplicate"):
        assert error_of(response)["type"] == "video_not_found"  # which the share alone lets them see
    else:
        assert_answer(method, path, "owner", "token admin", response)


@pytest.mark.full
@pytest.mark.parametrize("path", sorted({path for _, path in owned_operations() if "{" in path}))
def test_somebody_elses_is_answered_like_one_that_nobody_has(path: str, owner: User, people: dict[str, User]) -> None:
    """Byte by byte, with every method; for admins, with a key that makes them none."""
    theirs = places(path, owner)
    for role, ways in {
        "other": ["token write", "session"],
        "moderator": ["token admin"],
        "admin": ["jwt write"],
    }.items():
        pairs = [(theirs, unknown(theirs))]
        if {"session_id", "job_id"} <= set(theirs):
            # One's own session, with another's alignment.
            own = {"session_id": places("/{session_id}", people[role])["session_id"]}
            pairs.append((theirs | own, unknown(theirs) | own))
        for way in ways:
            assert not is_visible(path, role, way)
            api = WAYS[way](people[role])
            for method in [*sorted(METHODS), "head", "options"]:
                content = body(method, path, owner)
                for pair in pairs:
                    with check(f"{role} {way} {method}"):
                        first, second = (said(send(api, method, filled(path, ids), content), ids) for ids in pair)
                        assert first == second


@pytest.mark.both
@pytest.mark.parametrize("path", sorted({path for _, path in operations() if "{" not in path}))
def test_lists_hold_nothing_of_somebody_elses(path: str, owner: User, people: dict[str, User]) -> None:
    sessions = [places(f"/{{{name}}}", owner)[name] for name in ("session_id", "job_id", "token_id")]
    for role in ("other", "moderator", "admin"):
        for way in WAYS_OF[role]:
            if role == "admin" and is_visible("/{session_id}", role, way) and "tokens" not in path:
                continue
            response = WAYS[way](people[role]).send("GET", f"{path}?limit=100")
            for text in (*sessions, owner.username, str(owner.pk)):
                with check(f"{role} {way} {text}"):
                    assert text not in response.content.decode()


@pytest.mark.full
@owned
def test_who_may_not_changes_nothing(method: str, path: str, owner: User, people: dict[str, User]) -> None:
    """Here nothing is rolled back."""
    url = address(path, owner)
    content = body(method, path, owner)
    before = rows()
    for way, sign_in in WAYS.items():
        if refusal(method, path, way):
            sign_in(owner).send(method.upper(), url, content)
    for role in ("other", "moderator", "admin"):
        for way in WAYS_OF[role]:
            if not is_visible(path, role, way):
                WAYS[way](people[role]).send(method.upper(), url, content)
    if (method, path) not in OPEN:
        Api().send(method.upper(), url, content)
    assert rows() == before


def rows() -> list[list[dict[str, Any]]]:
    """Everything that calls of the API change, without the tokens that a test signs in with."""
    tokens = ApiToken.objects.filter(Q(revoked_at__isnull=False) | Q(name="another"))
    models = (
        AnalysisSession,
        MergeSession,
        Challenge,
        Guess,
        ChallengeReport,
        ComparisonSession,
        ComparisonVod,
        SessionEvent,
        EventReply,
        SessionShare,
        ShareLink,
        Alignment,
        Job,
        Video,
        Upload,
        UploadChunk,
    )
    found = [model.objects.order_by("pk").values() for model in models]
    return [list(part) for part in (*found, OffsetChange.objects.values(), tokens.values("pk"))]


@every_operation
def test_a_slash_at_the_end_changes_nothing(method: str, path: str, owner: User, other: User, api: Api) -> None:
    for client in (Api(), Api(make_key(other))):
        url = address(path, owner)
        content: dict[str, Any] | None = {} if method in ("post", "put", "patch") else None
        first, second = (client.send(method.upper(), url + end, content) for end in ("", "/"))
        assert (first.status_code, first.get("Location")) == (second.status_code, None)


@pytest.mark.parametrize(
    ("method", "path"),
    [pair for pair in operations() if pair[0] in ("post", "put", "patch") and not pair[1].endswith(NO_JSON)],
)
def test_a_body_of_another_kind_is_refused(method: str, path: str, owner: User, api: Api, moderator_api: Api) -> None:
    Subscription.objects.create(user=owner, tier=Tier.PRO)
    api = moderator_api if is_of_catalogue(path) else api
    url = address(path, owner)
    response = api.send(method.upper(), url, raw=b"a=b", content_type="application/x-www-form-urlencoded")
    assert (response.status_code, error_of(response)["type"]) == (415, "unsupported_media_type")
    response = api.send(method.upper(), url, raw=b"{" + b" " * (2 * 1024 * 1024) + b"}")
    assert (response.status_code, error_of(response)["type"]) == (413, "too_large")
