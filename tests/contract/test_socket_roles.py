"""Every WebSocket × every role × ways to sign in, on an owner's object: 4401, 4404 or let in.

Walks the routes of vodplatform.asgi; a new one fails until it is taught here what it watches.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from media_app.catalogue.realtime import Audience, group_of
from tests.contract.places import filled, places, unknown, with_jwt, with_session, with_token
from tests.support.api import Api
from tests.support.catalogue import make_catalogue_video
from tests.support.factories import make_job, make_key, make_video
from tests.support.sockets import ANSWER_SECONDS, ask, socket
from vodplatform.accounts import jwt
from vodplatform.accounts.models import Role, User
from vodplatform.asgi import websockets
from vodplatform.core.web.publish import publish

pytestmark = pytest.mark.django_db(transaction=True)
NOT_SIGNED_IN, NOT_YOURS, LET_IN = 4401, 4404, 0
HOST = "vod.example"
SILENT = "nothing is sent first"
ROUTES = {
    r"^ws/sessions/(?P<session_id>[^/]+)/?$": ("/ws/sessions/{session_id}/", "session"),
    r"^ws/jobs/?$": ("/ws/jobs/", "jobs"),
    r"^ws/jobs/(?P<job_id>[^/]+)/?$": ("/ws/jobs/{job_id}/", "job"),
    r"^ws/videos/?$": ("/ws/videos/", SILENT),
    r"^ws/videos/(?P<video_id>[^/]+)/?$": ("/ws/videos/{video_id}/", SILENT),
    r"^.*$": ("/ws/none/", ""),
}
CATALOGUE = [route for route, (_, first) in ROUTES.items() if first == SILENT]


@dataclass(frozen=True, slots=True)
class Opening:
    """How a socket is opened: query and headers. valid: whether that signs in at all. admin: with an admin's rights."""

    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    valid: bool = True
    admin: bool = True


def from_browser(*, origin: str | None, valid: bool) -> Callable[[User], Opening]:
    def opening(user: User) -> Opening:
        client = Client()
        client.force_login(user)
        headers = {"cookie": f"sessionid={client.cookies['sessionid'].value}"}
        return Opening("", headers | ({"origin": origin} if origin else {}), valid)

    return opening


def from_header(
    sign_in: Callable[[User], Api], *, valid: bool = True, admin: bool = False
) -> Callable[[User], Opening]:
    return lambda user: Opening("", {"authorization": sign_in(user).headers["Authorization"]}, valid, admin)


def from_ticket(sign_in: Callable[[User], Api], *, admin: bool = False) -> Callable[[User], Opening]:
    def opening(user: User) -> Opening:
        response = sign_in(user).post("/api/auth/ws-ticket")
        return Opening(f"?ticket={response.json()['ticket']}", {}, True, admin)

    return opening


def refused(**parts: Any) -> Callable[[User], Opening]:
    return lambda user: Opening(**parts, valid=False)


def and_also(first: Callable[[User], Opening], second: Callable[[User], Opening]) -> Callable[[User], Opening]:
    """Both at once, of which the first decides."""

    def opening(user: User) -> Opening:
        one, two = first(user), second(user)
        return Opening(one.query or two.query, two.headers | one.headers, one.valid, one.admin)

    return opening


COOKIE = from_browser(origin=f"http://{HOST}", valid=True)
WAYS: dict[str, Callable[[User], Opening]] = {
    "nothing": refused(),
    "cookie and Origin": COOKIE,
    "cookie without Origin": from_browser(origin=None, valid=False),
    "cookie from another site": from_browser(origin="http://evil.example", valid=False),
    "cookie from nowhere": from_browser(origin="null", valid=False),
    "cookie from another port": from_browser(origin=f"http://{HOST}:8080", valid=False),
    "token without scopes": from_header(with_token(), valid=False),
    "token read": from_header(with_token("read")),
    "token admin": from_header(with_token("admin"), admin=True),
    "jwt read": from_header(with_jwt("read")),
    "jwt admin": from_header(with_jwt("admin"), admin=True),
    "refresh token": lambda user: Opening(
        "", {"authorization": f"Bearer {jwt.issue(user, ['read']).refresh}"}, valid=False
    ),
    "ticket of a token": from_ticket(with_token("read")),
    "ticket of an admin's token": from_ticket(with_token("admin"), admin=True),
    "ticket of a JWT": from_ticket(with_jwt("read")),
    "ticket of a browser": from_ticket(with_session(csrf=True), admin=True),
    "no ticket of ours": refused(query="?ticket=none"),
    "wrong ticket and cookie": and_also(refused(query="?ticket=none"), COOKIE),
    "wrong token and ticket": and_also(
        refused(headers={"authorization": "Token none"}), from_ticket(with_token("read"))
    ),
}  # fmt: skip


async def outcome(path: str, opening: Opening) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """The code that the socket is closed with or LET_IN, the frame of the close, and the first message."""
    communicator = socket(path + opening.query, headers={"host": HOST, **opening.headers})
    assert await communicator.connect()
    event = await communicator.receive_output(ANSWER_SECONDS)
    await communicator.leave()
    if event["type"] == "websocket.close":
        return event["code"], event, {}
    return LET_IN, {}, json.loads(event["text"])


def test_every_route_is_taught() -> None:
    assert [route.pattern.regex.pattern for route in websockets.routes] == list(ROUTES)


# `make test` opens sockets as the owner in every way, as the others in some; `make test-all` as all in every way.
SOME_WAYS = (
    "nothing", "cookie and Origin", "token read", "token admin", "ticket of a token", "ticket of an admin's token",
)  # fmt: skip
ways_as = pytest.mark.parametrize(
    "ways",
    [
        {"owner": [*WAYS], **dict.fromkeys(["other", "moderator", "admin"], SOME_WAYS)},
        pytest.param(dict.fromkeys(["owner", "other", "moderator", "admin"], (*WAYS,)), marks=pytest.mark.exhaustive),
    ],
    ids=["some", "every"],
)
Ways = dict[str, Sequence[str]]


@ways_as
@pytest.mark.usefixtures("steps_kind")
@pytest.mark.parametrize("route", [route for route in ROUTES if route not in CATALOGUE])
async def test_who_is_let_in(route: str, ways: Ways, people: dict[str, User]) -> None:
    path, first = ROUTES[route]
    theirs = await ask(places, path, people["owner"])
    nobodys = unknown(theirs)
    job = await ask(lambda: make_job(people["owner"], message="of the owner alone"))
    for role, way in ((role, way) for role, ways_in in ways.items() for way in ways_in):
        person, case = people[role], (role, way)
        opening = await ask(WAYS[way], person)
        code, frame, message = await outcome(filled(path, theirs), opening)
        is_admin = person.role == Role.ADMIN and opening.admin
        if not first:
            assert (case, code) == (case, NOT_YOURS)
            continue
        if not opening.valid:
            assert (case, code) == (case, NOT_SIGNED_IN)
        elif theirs and role != "owner" and not is_admin:
            assert (case, code) == (case, NOT_YOURS)
        else:
            assert (case, code, message.get("type")) == (case, LET_IN, first), frame
        if not theirs and code == LET_IN:
            shown = {found["id"] for found in message["jobs"]}
            assert (str(job.pk) in shown) is (role == "owner" or is_admin), case
        if theirs:
            unlike = await outcome(filled(path, nobodys), await ask(WAYS[way], person))
            assert unlike[0] == NOT_YOURS if code == LET_IN else unlike == (code, frame, message), case


async def audience(path: str, opening: Opening) -> int | Audience:
    """The code that a catalogue's socket is closed with, or whom it listens with: its only message says so."""
    communicator = socket(path + opening.query, headers={"host": HOST, **opening.headers})
    assert await communicator.connect()
    video_id = path.split("/")[3] or None

    def call_out() -> None:
        for one in Audience:
            publish([group_of(one, video_id)], {"type": one})

    await ask(call_out)
    event = await communicator.receive_output(ANSWER_SECONDS)
    await communicator.leave()
    assert communicator.output_queue.empty()
    if event["type"] == "websocket.close":
        return int(event["code"])
    return Audience(json.loads(event["text"])["type"])


SEEN_BY: dict[str, tuple[dict[str, Any], set[Audience]]] = {
    "shown": ({}, set(Audience)),
    "hidden": ({"is_hidden": True}, {Audience.MODERATORS, Audience.ADMINS}),
    "without a file": ({"status": "uploading"}, {Audience.MODERATORS, Audience.ADMINS}),
    "deleted": ({"deleted_at": Now()}, {Audience.ADMINS}),
}
# Without anything to sign in with that is meant for us, one is a stranger, not somebody who is refused.
AS_A_STRANGER = {
    "nothing", "cookie without Origin", "cookie from another site", "cookie from nowhere", "cookie from another port"
}  # fmt: skip


@ways_as
@pytest.mark.parametrize("is_public", [True, False])
async def test_the_audience_of_a_viewer(is_public: bool, ways: Ways, people: dict[str, User], settings: Any) -> None:
    settings.PUBLIC_CATALOG = is_public
    videos = {
        kind: await ask(lambda given=given: make_catalogue_video(people["owner"], **given))
        for kind, (given, _) in SEEN_BY.items()
    }
    of_nothing = [(await ask(make_video, people["owner"])).pk, A_JOB]
    for role, way in ((role, way) for role, ways_in in ways.items() for way in ways_in):
        opening, case = await ask(WAYS[way], people[role]), (role, way)
        expected: int | Audience = {"admin": Audience.ADMINS, "moderator": Audience.MODERATORS}.get(
            role, Audience.PUBLIC
        )
        if expected == Audience.ADMINS and not opening.admin:
            expected = Audience.MODERATORS
        if not opening.valid:
            expected = Audience.PUBLIC if way in AS_A_STRANGER and is_public else NOT_SIGNED_IN
        assert (case, await audience("/ws/videos/", opening)) == (case, expected)
        # One video shows what a way to sign in gives; all videos are tried with an admin's token.
        kinds = SEEN_BY if way == "token admin" else ["hidden"]
        seen = [(videos[kind].pk, expected in SEEN_BY[kind][1]) for kind in kinds]
        for pk, is_seen in [*seen, *((pk, False) for pk in of_nothing[: len(kinds) - 1])]:
            found = await audience(f"/ws/videos/{pk}/", await ask(WAYS[way], people[role]))
            assert (case, pk, found) == (case, pk, expected if is_seen or expected == NOT_SIGNED_IN else NOT_YOURS)


ODD_PARTS = ["none", "\x00", "a\x00b", "a" * 60_000, "..", "%2e%2e", "'", "\u202e", "0" * 32, "{}", " "]
ODD_OPENINGS: dict[str, tuple[str, dict[str, str]]] = {
    "an Origin that is no address": ("", {"origin": "http://[::1", "cookie": "sessionid=a"}),
    "an Origin without a host": ("", {"origin": "http://", "cookie": "sessionid=a"}),
    "no Host": ("", {"host": "", "origin": "http://", "cookie": "sessionid=a"}),
    "a cookie of bytes": ("", {"origin": f"http://{HOST}", "cookie": "sessionid=\xff\x00; ;;="}),
    "a long cookie": ("", {"origin": f"http://{HOST}", "cookie": "sessionid=" + "a" * 60_000}),
    "a token of bytes": ("", {"authorization": "Token \xff\x00"}),
    "a long token": ("", {"authorization": "Token " + "a" * 60_000}),
    "a JWT of bytes": ("", {"authorization": "Bearer \xff.\x00."}),
    "a long JWT": ("", {"authorization": "Bearer " + "a." * 30_000}),
    "another scheme": ("", {"authorization": "Basic YTpi"}),
    "a header without a key": ("", {"authorization": "Token"}),
    "an empty header": ("", {"authorization": ""}),
    "an empty ticket": ("?ticket=", {}),
    "a ticket of bytes": ("?ticket=%ff%00", {}),
    "a long ticket": ("?ticket=" + "a" * 60_000, {}),
    "many tickets": ("?" + "ticket=a&" * 5000, {}),
    "a broken query": ("?%&=&ticket", {}),
}  # fmt: skip
A_JOB = "00000000-0000-0000-0000-000000000001"  # nobody gets as far as to look for it
TAUGHT = [path for path, first in ROUTES.values() if first]


@pytest.mark.parametrize("path", [path for path in TAUGHT if "{" in path])
async def test_an_odd_address_is_of_nothing(path: str, owner: User) -> None:
    sign_in = from_header(with_token("read"))
    for part in ODD_PARTS:
        url = path.replace(path[path.index("{") : path.index("}") + 1], part)
        assert (await outcome(url, await ask(sign_in, owner)))[0] == NOT_YOURS, part


@pytest.mark.parametrize("path", TAUGHT)
async def test_an_odd_opening_signs_nobody_in(path: str, owner: User, settings: Any) -> None:
    settings.PUBLIC_CATALOG = False  # else some of them come from strangers
    is_of_session = "{session_id}" in path
    url = filled(path, await ask(places, path, owner)) if is_of_session else path.format(job_id=A_JOB, video_id=A_JOB)
    for kind, (query, headers) in ODD_OPENINGS.items():
        assert (kind, (await outcome(url, Opening(query, headers)))[0]) == (kind, NOT_SIGNED_IN)


@pytest.mark.parametrize("path", TAUGHT)
async def test_what_a_client_says_does_no_harm(path: str, owner: User) -> None:
    """Clients only listen here."""
    ids = await ask(places, path, owner) if "{session_id}" in path else {}
    if "{job_id}" in path:
        ids = {"job_id": str((await ask(make_job, owner)).pk)}
    elif "{video_id}" in path:
        ids = {"video_id": str((await ask(make_catalogue_video, owner)).pk)}
    communicator = socket(filled(path, ids), key=await ask(make_key, owner))
    assert await communicator.connect()
    if (path, SILENT) not in ROUTES.values():
        await communicator.receive_output(ANSWER_SECONDS)
    for text in ("", "{", "[]", "null", '{"type": "watch.gone"}', '{"type": "watch_message"}', "\x00", "a" * 60_000):
        await communicator.say(text)
    for data in (b"", b"\xff\x00", b"a" * 60_000):
        await communicator.say(data=data)
    await communicator.leave()
    assert communicator.output_queue.empty()  # neither an answer nor a close
