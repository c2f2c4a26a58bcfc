"""The addresses that give bytes rather than calls or pages × every role × every way to sign in."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from media_app.delivery import addresses
from tests.contract.places import WAYS, stored_video
from tests.contract.wire import Answer, Headers, ask
from tests.support.factories import make_rendition
from vodplatform.accounts.models import User
from vodplatform.base.errors import ERROR_TYPES
from vodplatform.base.web import signing

# The door of streams asks the database in threads of its own.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("one_connection")]
BYTES = b"some bytes"


@pytest.fixture
def people(owner: User, other: User, moderator: User, admin_person: User) -> dict[str, User]:
    return {"owner": owner, "other": other, "moderator": moderator, "admin": admin_person}


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


class TestStream:
    """``/api/v1/media/stream/{id}``: whose library it is, admins, and whoever has a signature."""

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("role", ["owner", "other", "moderator", "admin"])
    def test_who_is_given_it(self, role: str, way: str, owner: User, people: dict[str, User]) -> None:
        video, headers = stored_video(owner), headers_of(way, people[role])
        theirs, nobodys = (f"{addresses.STREAM_PREFIX}{pk}" for pk in (video.pk, uuid.uuid4()))
        is_admin = role == "admin" and (way.endswith(" admin") or way.startswith("session"))
        for method in ("GET", "HEAD"):
            answer = ask(method, theirs, headers)
            if way == "token without scopes":
                assert answer.status == 403
            elif role == "owner" or is_admin:
                assert (answer.status, answer.body) == (200, BYTES if method == "GET" else b"")
                continue
            else:
                assert answer.status == 404
            # Not a byte tells somebody else's from one that nobody has.
            assert said(answer) == said(ask(method, nobodys, headers))

    def test_nobody_is_asked_to_sign_in(self, owner: User) -> None:
        theirs, nobodys = (f"{addresses.STREAM_PREFIX}{pk}" for pk in (stored_video(owner).pk, uuid.uuid4()))
        refused(ask("GET", theirs), "unauthenticated")
        assert said(ask("GET", theirs)) == said(ask("GET", nobodys))

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
    def test_it_only_gives(self, method: str, owner: User) -> None:
        answer = ask(method, addresses.stream_url(stored_video(owner)))
        refused(answer, "method_not_allowed")
        assert answer.headers["allow"] == "GET, HEAD"


# A signature for something, made by somebody who may; what it opens is that and nothing else.
SIGNATURES: dict[str, tuple[Callable[[str], str], str]] = {
    "its own": (lambda name: signing.sign(addresses.STREAM, name), ""),
    "another file's": (lambda name: signing.sign(addresses.STREAM, str(uuid.uuid4())), "not_found"),
    "of another purpose": (lambda name: signing.sign(addresses.MADE, name), "not_found"),
    "expired": (lambda name: signing.sign(addresses.STREAM, name, now=0.0), "gone"),
    "moved to a later end": (lambda name: "f" + signing.sign(addresses.STREAM, name), "not_found"),
    "empty": (lambda name: "", "unauthenticated"),
    "garbage": (lambda name: "%00.%ff", "not_found"),
    "not ASCII": (lambda name: "1.\u00fc", "not_found"),
}


@pytest.mark.parametrize("kind", SIGNATURES)
def test_a_signature_opens_one_stream(kind: str, owner: User) -> None:
    make, refusal = SIGNATURES[kind]
    video = stored_video(owner)
    answer = ask("GET", f"{addresses.STREAM_PREFIX}{video.pk}?sig={make(str(video.pk))}")
    if refusal:
        refused(answer, refusal)
    else:
        assert (answer.status, answer.body) == (200, BYTES)


class TestMade:
    """``/api/v1/media/made/{key}``: the signature alone; to have signed in opens nothing, to be an admin neither."""

    @pytest.fixture
    def key(self) -> str:
        return default_storage.save("jobs/contract/crop.jpg", ContentFile(BYTES))

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("role", ["owner", "admin"])
    def test_nobody_is_given_it_without(self, role: str, way: str, key: str, people: dict[str, User]) -> None:
        headers = headers_of(way, people[role])
        for sig in ("", "?sig=", f"?sig={signing.sign(addresses.MADE, 'jobs/contract/other.jpg')}"):
            theirs, nobodys = (f"{addresses.MADE_PREFIX}{name}{sig}" for name in (key, "jobs/contract/none.jpg"))
            refused(ask("GET", theirs, headers), "not_found")
            assert said(ask("GET", theirs, headers)) == said(ask("GET", nobodys, headers))

    def test_anybody_is_given_it_with(self, key: str) -> None:
        answer = ask("GET", addresses.made_url(key))
        assert (answer.status, answer.body, answer.headers["content-type"]) == (200, BYTES, "image/jpeg")

    @pytest.mark.parametrize("name", ["../db.sqlite3", "/etc/passwd", "jobs/contract/../../secret_key", "%2e%2e/x.jpg"])
    def test_a_signature_leads_out_of_nowhere(self, name: str) -> None:
        assert ask("GET", f"{addresses.MADE_PREFIX}{name}?sig={signing.sign(addresses.MADE, name)}").status in (
            400,
            404,
        )


class TestLadderAndRenditions:
    """``/api/v1/media/hls/…`` and ``/api/v1/media/renditions/…``: the signature in the path alone, for anybody."""

    @pytest.fixture
    def signed_addresses(self, owner: User) -> dict[str, str]:
        """What each address is without its token: ``{}`` stands for it; the purpose and the name signed are its key."""
        video = stored_video(owner)
        rung, poster = make_rendition(video, "hls", "source"), make_rendition(video, "poster")
        for row, name in ((rung, "index.m3u8"), (rung, "media.mp4"), (poster, "poster.jpg")):
            default_storage.save(f"{row.folder}{name}", ContentFile(BYTES))
        return {
            f"{addresses.HLS_PREFIX}{{}}/{video.pk}/master.m3u8": signing.sign(addresses.HLS, str(video.pk)),
            f"{addresses.HLS_PREFIX}{{}}/{video.pk}/source/index.m3u8": signing.sign(addresses.HLS, str(video.pk)),
            f"{addresses.HLS_PREFIX}{{}}/{video.pk}/source/media.mp4": signing.sign(addresses.HLS, str(video.pk)),
            f"{addresses.RENDITION_PREFIX}{{}}/{poster.pk}/poster.jpg": signing.sign(
                addresses.RENDITION, str(poster.pk)
            ),
        }

    @pytest.mark.parametrize("way", ["token admin", "jwt admin", "session"])
    @pytest.mark.parametrize("role", ["owner", "admin"])
    def test_nobody_is_given_them_without(
        self, role: str, way: str, signed_addresses: dict[str, str], people: dict[str, User]
    ) -> None:
        headers = headers_of(way, people[role])
        other = signing.sign(addresses.HLS, str(uuid.uuid4()))
        for address in signed_addresses:
            for token in ("-", other, signing.sign(addresses.STREAM, str(uuid.uuid4()))):
                answer = ask("GET", address.format(token), headers)
                refused(answer, "not_found")
                nobodys = re.sub(r"/[0-9a-f-]{36}/", f"/{uuid.uuid4()}/", address)
                assert said(answer) == said(ask("GET", nobodys.format(token), headers))

    def test_anybody_is_given_them_with(self, signed_addresses: dict[str, str]) -> None:
        for address, token in signed_addresses.items():
            answer = ask("GET", address.format(token))
            assert answer.status == 200
            assert answer.headers["x-content-type-options"] == "nosniff"

    def test_an_end_is_an_end(self, signed_addresses: dict[str, str]) -> None:
        for address in signed_addresses:
            purpose = addresses.HLS if address.startswith(addresses.HLS_PREFIX) else addresses.RENDITION
            pk = address.split("/{}/")[1].partition("/")[0]
            refused(ask("GET", address.format(signing.sign(purpose, pk, now=0.0))), "gone")

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
    def test_they_only_give(self, method: str, signed_addresses: dict[str, str]) -> None:
        for address, token in signed_addresses.items():
            answer = ask(method, address.format(token))
            refused(answer, "method_not_allowed")
            assert answer.headers["allow"] == "GET, HEAD"


class TestMetrics:
    """``/metrics``: admins with an admin's powers; the token of its own has its tests in tests/base."""

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("role", ["owner", "moderator", "admin"])
    def test_who_is_given_them(self, role: str, way: str, people: dict[str, User]) -> None:
        answer = ask("GET", "/metrics", headers_of(way, people[role]))
        if role == "admin" and (way.endswith(" admin") or way.startswith("session")):
            assert answer.status == 200
            assert b"vod_accounts" in answer.body
        else:
            refused(answer, "forbidden", "scope_required")

    def test_nobody_is_asked_to_sign_in(self) -> None:
        refused(ask("GET", "/metrics"), "unauthenticated")
