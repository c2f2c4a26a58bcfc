"""The doors that take bytes × every role × every way to sign in; what the document cannot walk."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from media_app.uploads import services
from media_app.uploads.models import Upload
from tests.contract.places import WAYS, chunked_upload
from tests.contract.test_door_roles import headers_of, refused, said
from tests.contract.test_roles import rows
from tests.contract.wire import Answer, Headers, ask
from tests.uploads.conftest import video_of
from tests.uploads.forms import FORM, form_of
from vodplatform.accounts.models import User

# The doors ask the database in threads of their own.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("one_connection", "media")]
SIZE = 5000
VIDEO = video_of(SIZE)
TUS = "/api/v1/uploads/tus/"
SPEAKS = [(b"tus-resumable", b"1.0.0")]
BYTES = [*SPEAKS, (b"content-type", b"application/offset+octet-stream"), (b"upload-offset", b"0")]
FORM_HEADERS = [(name.lower().encode(), value.encode()) for name, value in FORM.items()]
CHUNK = form_of([("chunk_number", "0"), ("chunk", b"some bytes", "a")])
# What may be done to an upload of the owner's: how, and what the owner is answered.
CALLS: dict[str, tuple[Callable[[str, Headers], Answer], int]] = {
    "HEAD": (lambda pk, who: ask("HEAD", TUS + pk, [*SPEAKS, *who]), 200),
    "PATCH": (lambda pk, who: ask("PATCH", TUS + pk, [*BYTES, *who], VIDEO), 204),
    "DELETE": (lambda pk, who: ask("DELETE", TUS + pk, [*SPEAKS, *who]), 204),
}


@pytest.fixture
def people(owner: User, other: User, moderator: User, admin_person: User) -> dict[str, User]:
    return {"owner": owner, "other": other, "moderator": moderator, "admin": admin_person}


def tus_upload(owner: User) -> Upload:
    return services.begin(owner, front="tus", purpose="library", filename="a.mp4", size=SIZE)


def lacks(way: str, method: str) -> str:
    """With what a way to sign in is refused before anybody looks whose the upload is."""
    if way == "token without scopes" or way.endswith(" read"):
        return "scope_required"
    return "csrf_failed" if way == "session without CSRF" and method != "HEAD" else ""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("role", ["owner", "other", "moderator", "admin"])
def test_an_upload_by_tus_is_its_owners_alone(role: str, way: str, owner: User, people: dict[str, User]) -> None:
    who = headers_of(way, people[role])
    for method, (call, good) in CALLS.items():
        theirs, nobodys = str(tus_upload(owner).pk), str(uuid.uuid4())
        before = rows()
        answer = call(theirs, who)
        if type := lacks(way, method):
            assert answer.status == 403
            assert not answer.type or answer.type == type
        elif role == "owner":
            assert (method, answer.status) == (method, good), answer
            continue
        else:
            assert answer.status == 404
        # Not a byte tells somebody else's from one that nobody has, and nothing has happened.
        assert said(answer) == said(call(nobodys, who))
        assert rows() == before


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("role", ["owner", "other", "admin"])
def test_a_chunk_is_taken_of_the_uploads_owner_alone(role: str, way: str, owner: User, people: dict[str, User]) -> None:
    who = [*FORM_HEADERS, *headers_of(way, people[role])]
    for base in ("/api/v1/uploads", "/api/v1/challenge-videos/upload"):
        theirs = ask("POST", f"{base}/{chunked_upload(owner).pk}/chunk", who, CHUNK)
        nobodys = ask("POST", f"{base}/{uuid.uuid4()}/chunk", who, CHUNK)
        if type := lacks(way, "POST"):
            refused(theirs, type)
        elif role == "owner":
            # It is no video: whoever may is told so.
            refused(theirs, "not_a_video")
            continue
        else:
            refused(theirs, "upload_not_found")
        assert said(theirs) == said(nobodys)


@pytest.mark.parametrize("way", WAYS)
def test_whoever_may_write_begins_uploads_of_their_own(way: str, other: User) -> None:
    who = headers_of(way, other)
    by_tus = ask("POST", TUS, [*SPEAKS, (b"upload-length", b"5000"), *who])
    by_form = ask("POST", "/api/v1/library", [*FORM_HEADERS, *who], form_of([("file", VIDEO, "a.mp4")]))
    if type := lacks(way, "POST"):
        refused(by_tus, type)
        refused(by_form, type)
        assert not Upload.objects.exists()
    else:
        assert (by_tus.status, by_form.status) == (201, 201)
        assert set(Upload.objects.values_list("owner", flat=True)) == {other.pk}


def test_nobody_is_asked_to_sign_in(owner: User) -> None:
    upload = tus_upload(owner)
    for method, (call, _) in CALLS.items():
        answer = call(str(upload.pk), [])
        assert (method, answer.status) == (method, 401)
        assert answer.headers["www-authenticate"]
        assert said(answer) == said(call(str(uuid.uuid4()), []))
    refused(ask("POST", TUS, [*SPEAKS, (b"upload-length", b"5")]), "unauthenticated")
    refused(ask("POST", "/api/v1/library", FORM_HEADERS, form_of([("file", VIDEO, "a")])), "unauthenticated")
    refused(ask("POST", f"/api/v1/uploads/{upload.pk}/chunk", FORM_HEADERS, CHUNK), "unauthenticated")


@pytest.mark.parametrize("method", ["GET", "PUT", "BREW", "", "A" * 5000, "\u00dc"])
def test_the_tus_door_has_no_other_methods(method: str, owner: User) -> None:
    for address in (TUS, f"{TUS}{tus_upload(owner).pk}"):
        answer = ask(method, address, SPEAKS)
        refused(answer, "method_not_allowed")
        assert answer.headers["allow"]
