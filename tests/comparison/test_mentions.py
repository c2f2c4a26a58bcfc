"""Who is named with ``@`` in a comparison: whom it reaches, and until when it counts."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sessions_app.comparison.events.mentions import named_in
from sessions_app.comparison.models import ComparisonSession, Mention
from tests.comparison.conftest import watching
from tests.support.api import BASE, Api, refused
from tests.support.factories import make_key, make_link, make_session, make_share, make_user
from tests.support.pages import html_of
from tests.support.sockets import Socket, ask, next_message
from tests.support.visitors import visitor
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(owner: User, other: User) -> ComparisonSession:
    found = make_session(owner)
    make_share(found, other, can_comment=True)
    return found


def comment(api: Api, url: str, body: str) -> str:
    answer = api.post(f"{url}/events", {"kind": "comment", "global_time": 1.0, "body": body})
    assert answer.status_code == 201, answer.content
    return answer.json()["event"]["event_id"]


def mentions(api: Api) -> list[int]:
    """What the list of comparisons tells the caller."""
    return [one["mentions"] for one in api.get(f"{BASE}/list").json()["sessions"]]


@pytest.mark.parametrize(("text", "found"), [
    ("@ann", ["ann"]), ("Look, @Ann.", ["ann"]), ("(@ann)", ["ann"]), ("@ann, @bob!", ["ann", "bob"]),
    ("@ann.lee?", ["ann.lee"]), ("@ann.", ["ann"]), ("@annette", []), ("@ann-lee", []), ("mail@ann", []),
    ("a@b@ann", []), ("ann", []), ("@", []), ("@@ann", []), ("@bo+b", ["bo+b"]), ("@ÄNN", ["änn"]), ("@ann_", []),
    ("@ann.lee.", ["ann.lee"]), ("@ann.-lee", ["ann"]), ("@ann.@bob", ["ann"]), ("@ann." + "x-." * 5_000, []),
])  # fmt: skip
def test_a_name_is_a_word_behind_an_at(text: str, found: list[str]) -> None:
    people = [User(username=name) for name in ("ann", "ann.lee", "bob", "bo+b", "änn")]
    assert [user.username for user in named_in(text, people)] == found


def test_who_is_named_is_told_until_they_look(api: Api, other_api: Api, url: str, other: User) -> None:
    first, second = comment(api, url, "@other, why?"), comment(api, url, "And @Other here.")
    comment(api, url, "Nobody.")
    assert (mentions(other_api), mentions(api)) == ([2], [0])
    assert set(other_api.get(f"{url}/events").json()["unseen"]) == {first, second}
    assert api.get(f"{url}/events").json()["unseen"] == []
    api.post(f"{url}/events/{first}/replies", {"body": "@other?"})
    assert mentions(other_api) == [2]
    assert other_api.post(f"{url}/events/{first}/seen").json() == {"ok": True}
    assert mentions(other_api) == [1]
    api.post(f"{url}/events/{first}/replies", {"body": "@other!"})
    assert mentions(other_api) == [2]
    api.delete(f"{url}/events/{second}")
    assert mentions(other_api) == [1]
    refused(other_api.post(f"{url}/events/{uuid.uuid4()}/seen"), 404, "event_not_found")
    page = Api()
    page.client.force_login(other)
    assert "mentions you" in html_of(page.client.get("/compare"))


def test_only_a_name_that_is_new_is_told_and_what_is_taken_back_no_more(api: Api, other_api: Api, url: str) -> None:
    event = comment(api, url, "Why?")
    api.patch(f"{url}/events/{event}", {"body": "Why, @other?"})
    assert mentions(other_api) == [1]
    other_api.post(f"{url}/events/{event}/seen")
    api.patch(f"{url}/events/{event}", {"body": "Why so late, @other?"})
    api.patch(f"{url}/events/{event}", {"label": "Late"})
    assert mentions(other_api) == [0]
    event = comment(api, url, "@other?")
    answer = api.post(f"{url}/events/{event}/replies", {"body": "@other!"}).json()
    api.patch(f"{url}/events/{event}", {"body": "Nobody?"})
    assert mentions(other_api) == [1]
    api.delete(f"{url}/events/{event}/replies/{answer['event']['replies'][0]['reply_id']}")
    assert mentions(other_api) == [0]


def test_taking_back_a_text_takes_as_long_whether_it_named_one_or_many(
    api: Api, url: str, session: ComparisonSession
) -> None:
    people = [make_user(f"friend-{number}") for number in range(4)]
    for user in people:
        make_share(session, user)
    costs = []
    for some in (people[:1], people):
        event = comment(api, url, " ".join(f"@{user.username}" for user in some))
        assert Mention.objects.count() == len(some)
        with CaptureQueriesContext(connection) as seen:
            api.patch(f"{url}/events/{event}", {"body": "Nobody."})
        costs.append(len(seen))
        assert not Mention.objects.exists()
    assert costs[0] == costs[1]


@pytest.mark.both
@pytest.mark.django_db(transaction=True)
async def test_who_is_named_is_told_and_nobody_else(owner: User, other: User) -> None:
    session = await ask(make_session, owner)
    await ask(lambda: make_share(session, other, can_comment=True))
    api, url = Api(await ask(make_key, owner)), f"{BASE}/{session.pk}"

    async def named(socket: Socket) -> dict[str, list[str]]:
        return (await next_message(socket, "events"))["named"]

    async with watching(session, owner) as here, watching(session, other) as there:
        event = await ask(comment, api, url, "@other and @owner, look.")
        assert (await named(here), await named(there)) == ({}, {event: ["other"]})
        await ask(api.patch, f"{url}/events/{event}", {"label": "Late"})
        assert (await named(here), await named(there)) == ({}, {})


def test_not_oneself_not_strangers_not_by_file(api: Api, other_api: Api, url: str, session: ComparisonSession) -> None:
    stranger = make_user("stranger")
    comment(other_api, url, "@other and @stranger and @owner")
    assert [row.user.username for row in Mention.objects.all()] == ["owner"]
    api.post(f"{url}/events/import", [{"kind": "comment", "global_time": 1, "body": "@other"}])
    session.shares.all().delete()
    comment(api, url, "@other")
    assert Mention.objects.count() == 1
    assert mentions(Api(make_key(stranger))) == mentions(other_api) == []


def test_commenters_learn_whom_they_can_name(api: Api, other_api: Api, url: str, session: ComparisonSession) -> None:
    make_share(session, make_user("silent", is_active=False))
    watcher = make_user("watcher")
    make_share(session, watcher)
    people = {"ok": True, "people": [{"username": name} for name in ("other", "owner", "watcher")]}
    assert api.get(f"{url}/people").json() == other_api.get(f"{url}/people").json() == people
    refused(Api(make_key(watcher)).get(f"{url}/people"), 403, "forbidden")


def test_a_visitor_names_people_and_learns_no_names(api: Api, url: str, session: ComparisonSession) -> None:
    guest = visitor(make_link(session, can_comment=True))
    refused(guest.get(f"{url}/people"), 403, "forbidden")
    event = comment(guest, url, "@owner, look.")
    assert mentions(api) == [1]
    assert guest.post(f"{url}/events/{event}/seen").status_code == 200
    assert mentions(api) == [1]
