"""The addresses that give or take bytes rather than calls or pages × every role × every way to sign in."""

import uuid
from collections.abc import Callable, Iterator

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from pytest_check import check

from media_app.uploads import services as uploads
from media_app.uploads.models import Upload
from media_app.videos import media_urls
from tests.contract.places import WAYS, chunked_upload, is_admins, stored_video
from tests.contract.test_roles import EVERY_WAY, rows
from tests.contract.wire import Answer, Headers, ask
from tests.support.factories import make_rendition
from tests.uploads.conftest import video_of
from tests.uploads.forms import FORM, form_of
from vodplatform.accounts.models import User
from vodplatform.core.errors import ERROR_TYPES
from vodplatform.core.web import signing

# The doors ask the database in threads of their own.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("one_connection")]
BYTES = b"some bytes"


def headers_of(way: str, user: User) -> Headers:
    """What a request carries that has signed in this way."""
    api = WAYS[way](user)
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in api.client.cookies.items())
    pairs = {**api.headers, **({"Cookie": cookies} if cookies else {})}
    return [(name.lower().encode(), value.encode()) for name, value in pairs.items()]


def said(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """An answer without what differs from one request to the next."""
    number = answer.headers["x-request-id"]
    kept = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    return answer.status, kept, answer.body.replace(number.encode(), b"")


def refused(answer: Answer, *types: str) -> None:
    assert answer.type in types, answer
    assert answer.status == ERROR_TYPES[answer.type].status
    assert answer.headers["content-type"] == "application/json"


def each(people: dict[str, User], *roles: str) -> Iterator[tuple[str, str, Headers]]:
    """Yield (role, way, headers) for each way in which users of these roles sign in."""
    for role in roles:
        for way in EVERY_WAY[role]:
            yield role, way, headers_of(way, people[role])


def refuse_other_methods(url: str) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"):
        with check(f"{method} {url}"):
            answer = ask(method, url)
            refused(answer, "method_not_allowed")
            assert answer.headers["allow"] == "GET, HEAD"


def test_a_stream_is_its_owners_and_admins(owner: User, people: dict[str, User]) -> None:
    """``/api/v1/media/stream/{id}``: the owner, admins, and any client with a signature."""
    video = stored_video(owner)
    theirs, nobodys = (f"{media_urls.STREAM_PREFIX}{pk}" for pk in (video.pk, uuid.uuid4()))
    for role, way, headers in each(people, "owner", "other", "moderator", "admin"):
        for method in ("GET", "HEAD"):
            with check(f"{role} {way} {method}"):
                answer = ask(method, theirs, headers)
                if way != "token without scopes" and (role == "owner" or (role == "admin" and is_admins(way))):
                    assert (answer.status, answer.body) == (200, BYTES if method == "GET" else b"")
                else:
                    assert answer.status == (403 if way == "token without scopes" else 404)
                    # The answer is byte by byte that of a missing video.
                    assert said(answer) == said(ask(method, nobodys, headers))
    refused(ask("GET", theirs), "unauthenticated")
    assert said(ask("GET", theirs)) == said(ask("GET", nobodys))
    refuse_other_methods(media_urls.stream_url(video))


def other_end(signature: str) -> str:
    return signature[:-1] + ("A" if signature[-1] != "A" else "B")


SIGNATURES: dict[str, tuple[Callable[[str], str], str]] = {
    "its own": (lambda name: signing.sign(media_urls.STREAM, name), ""),
    "another file's": (lambda name: signing.sign(media_urls.STREAM, str(uuid.uuid4())), "not_found"),
    "of another purpose": (lambda name: signing.sign(media_urls.MADE, name), "not_found"),
    "expired": (lambda name: signing.sign(media_urls.STREAM, name, now=0.0), "gone"),
    "changed at its end": (lambda name: other_end(signing.sign(media_urls.STREAM, name)), "not_found"),
    "moved to a later end": (lambda name: "f" + signing.sign(media_urls.STREAM, name), "not_found"),
    "empty": (lambda name: "", "unauthenticated"),
    "garbage": (lambda name: "%00.%ff", "not_found"),
    "not ASCII": (lambda name: "1.\u00fc", "not_found"),
}


def test_a_signature_opens_one_stream(owner: User) -> None:
    video = stored_video(owner)
    for kind, (make, refusal) in SIGNATURES.items():
        with check(kind):
            answer = ask("GET", f"{media_urls.STREAM_PREFIX}{video.pk}?sig={make(str(video.pk))}")
            if refusal:
                refused(answer, refusal)
            else:
                assert (answer.status, answer.body) == (200, BYTES)


def test_what_a_job_has_made_is_for_its_signature_alone(people: dict[str, User]) -> None:
    """``/api/v1/media/made/{key}``: to have signed in opens nothing, to be an admin neither."""
    key, nobodys = default_storage.save("jobs/contract/crop.jpg", ContentFile(BYTES)), "jobs/contract/none.jpg"
    for role, way, headers in each(people, "owner", "admin"):
        for sig in ("", "?sig=", f"?sig={signing.sign(media_urls.MADE, 'jobs/contract/other.jpg')}"):
            with check(f"{role} {way} {sig}"):
                answer = ask("GET", f"{media_urls.MADE_PREFIX}{key}{sig}", headers)
                refused(answer, "not_found")
                assert said(answer) == said(ask("GET", f"{media_urls.MADE_PREFIX}{nobodys}{sig}", headers))
    answer = ask("GET", media_urls.made_url(key))
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, BYTES, "image/jpeg")


def test_ladders_and_renditions_are_for_the_signature_in_their_path(owner: User, people: dict[str, User]) -> None:
    """``/api/v1/media/hls/…`` and ``/api/v1/media/renditions/…``: signing in does not help."""
    video = stored_video(owner)
    rung, poster = make_rendition(video, "hls", "source"), make_rendition(video, "poster")
    for row, name in ((rung, "index.m3u8"), (rung, "media.mp4"), (poster, "poster.jpg")):
        default_storage.save(f"{row.folder}{name}", ContentFile(BYTES))
    names = ("master.m3u8", "source/index.m3u8", "source/media.mp4")
    found = [(media_urls.HLS_PREFIX, media_urls.HLS, video.pk, name) for name in names]
    found.append((media_urls.RENDITION_PREFIX, media_urls.RENDITION, poster.pk, "poster.jpg"))
    for prefix, purpose, pk, name in found:
        wrong = ["-", signing.sign(purpose, str(uuid.uuid4()))]
        purposes = {media_urls.HLS, media_urls.RENDITION, media_urls.STREAM, media_urls.MADE} - {purpose}
        wrong += [signing.sign(another, str(pk)) for another in sorted(purposes)]
        for role in ("owner", "admin"):
            for way in ("token admin", "jwt admin", "session"):
                headers = headers_of(way, people[role])
                for token in wrong:
                    with check(f"{name} {role} {way} {token}"):
                        answer = ask("GET", f"{prefix}{token}/{pk}/{name}", headers)
                        refused(answer, "not_found")
                        assert said(answer) == said(ask("GET", f"{prefix}{token}/{uuid.uuid4()}/{name}", headers))
        with check(name):
            answer = ask("GET", f"{prefix}{signing.sign(purpose, str(pk))}/{pk}/{name}")
            assert answer.status == 200
            assert answer.headers["x-content-type-options"] == "nosniff"
            refused(ask("GET", f"{prefix}{signing.sign(purpose, str(pk), now=0.0)}/{pk}/{name}"), "gone")
            nobodys = str(uuid.uuid4())
            refused(ask("GET", f"{prefix}{signing.sign(purpose, nobodys)}/{nobodys}/{name}"), "not_found")
        refuse_other_methods(f"{prefix}{signing.sign(purpose, str(pk))}/{pk}/{name}")


def test_metrics_are_for_admins_with_their_powers(people: dict[str, User]) -> None:
    """``/metrics``; the token of its own has its tests in tests/core."""
    for role, way, headers in each(people, "owner", "moderator", "admin"):
        with check(f"{role} {way}"):
            answer = ask("GET", "/metrics", headers)
            if role == "admin" and is_admins(way):
                assert answer.status == 200
                assert b"vod_accounts" in answer.body
            else:
                refused(answer, "forbidden", "scope_required")
    refused(ask("GET", "/metrics"), "unauthenticated")


SIZE = 5000
VIDEO = video_of(SIZE)
TUS = "/api/v1/uploads/tus/"
SPEAKS = [(b"tus-resumable", b"1.0.0")]
BYTES_HEADERS = [*SPEAKS, (b"content-type", b"application/offset+octet-stream"), (b"upload-offset", b"0")]
FORM_HEADERS = [(name.lower().encode(), value.encode()) for name, value in FORM.items()]
CHUNK = form_of([("chunk_number", "0"), ("chunk", b"some bytes", "a")])
CALLS: dict[str, tuple[Callable[[str, Headers], Answer], int]] = {
    "HEAD": (lambda pk, who: ask("HEAD", TUS + pk, [*SPEAKS, *who]), 200),
    "PATCH": (lambda pk, who: ask("PATCH", TUS + pk, [*BYTES_HEADERS, *who], VIDEO), 204),
    "DELETE": (lambda pk, who: ask("DELETE", TUS + pk, [*SPEAKS, *who]), 204),
}


def tus_upload(owner: User) -> str:
    return str(uploads.begin_upload(owner, front="tus", purpose="library", filename="a.mp4", size=SIZE).pk)


def lacks(way: str, method: str) -> str:
    """Return the error type of a way to sign in that is refused before the owner is checked."""
    if way == "token without scopes" or way.endswith(" read"):
        return "scope_required"
    return "csrf_failed" if way == "session without CSRF" and method != "HEAD" else ""


@pytest.mark.usefixtures("media")
def test_an_upload_by_tus_is_its_owners_alone(owner: User, people: dict[str, User]) -> None:
    for role, way, who in each(people, "owner", "other", "moderator", "admin"):
        for method, (call, good) in CALLS.items():
            theirs = tus_upload(owner)
            before = rows()
            with check(f"{role} {way} {method}"):
                answer = call(theirs, who)
                type = lacks(way, method)
                if role == "owner" and not type:
                    assert answer.status == good, answer
                    continue
                assert answer.status == (403 if type else 404)
                assert not type or not answer.type or answer.type == type
                assert said(answer) == said(call(str(uuid.uuid4()), who))
                assert rows() == before
        Upload.objects.all().delete()
    upload = tus_upload(owner)
    for method, (call, _) in CALLS.items():
        with check(f"anonymous {method}"):
            answer = call(upload, [])
            assert answer.status == 401
            assert answer.headers["www-authenticate"]
            assert said(answer) == said(call(str(uuid.uuid4()), []))


@pytest.mark.usefixtures("media")
def test_a_chunk_is_taken_of_the_uploads_owner_alone(owner: User, people: dict[str, User]) -> None:
    for base in ("/api/v1/uploads", "/api/v1/challenge-videos/upload"):
        for role, way, headers in each(people, "owner", "other", "admin"):
            upload = chunked_upload(owner).pk
            with check(f"{base} {role} {way}"):
                theirs, nobodys = (
                    ask("POST", f"{base}/{pk}/chunk", [*FORM_HEADERS, *headers], CHUNK) for pk in (upload, uuid.uuid4())
                )
                type = lacks(way, "POST")
                if role == "owner" and not type:
                    refused(theirs, "not_a_video")  # the owner learns that the bytes are not a video
                else:
                    refused(theirs, type or "upload_not_found")
                    assert said(theirs) == said(nobodys)
        refused(ask("POST", f"{base}/{upload}/chunk", FORM_HEADERS, CHUNK), "unauthenticated")


@pytest.mark.usefixtures("media")
def test_whoever_may_write_begins_uploads_of_their_own(people: dict[str, User]) -> None:
    for _, way, who in [*each(people, "owner"), ("", "", [])]:
        with check(way):
            by_tus = ask("POST", TUS, [*SPEAKS, (b"upload-length", b"5000"), *who])
            by_form = ask("POST", "/api/v1/library", [*FORM_HEADERS, *who], form_of([("file", VIDEO, "a.mp4")]))
            if type := lacks(way, "POST") if way else "unauthenticated":
                refused(by_tus, type)
                refused(by_form, type)
                assert not Upload.objects.exists()
            else:
                assert (by_tus.status, by_form.status) == (201, 201)
                assert set(Upload.objects.values_list("owner", flat=True)) == {people["owner"].pk}
        Upload.objects.all().delete()
