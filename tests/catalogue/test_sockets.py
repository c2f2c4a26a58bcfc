"""``ws/videos/`` and ``ws/videos/{id}/``: who may watch, and that nobody ever hears of what he may not see."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.backends.utils import CursorWrapper
from django.db.models.functions import Now

from media_app.catalogue import services
from media_app.catalogue.realtime import Audience, audience_of, change_and_broadcast, find, group_of, sees
from media_app.videos.models import TRANSITIONS, Video, VideoStatus
from media_app.videos.serializers import VideoSerializer
from tests.support.catalogue import make_catalogue_video
from tests.support.factories import make_key, make_user
from tests.support.sockets import Socket, ask, connected, first_close, next_message, socket
from vodplatform.accounts import realtime
from vodplatform.accounts.models import ApiToken, Role, User
from vodplatform.core.records.transitions import transition
from vodplatform.core.web import presence

pytestmark = [pytest.mark.both, pytest.mark.django_db(transaction=True)]
LIST = "/ws/videos/"
SECONDS = 20


def path_of(video: Video) -> str:
    return f"/ws/videos/{video.pk}/"


@pytest.fixture
def video(moderator: User) -> Video:
    return make_catalogue_video(moderator, title="Shown", tags=["a"])


@pytest.fixture
def hidden(moderator: User) -> Video:
    return make_catalogue_video(moderator, title="Hidden", is_hidden=True)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens each minute happens ten times a second."""
    monkeypatch.setattr(realtime, "RECHECK_SECONDS", 0.1)


def retitle(video: Video, title: str, by: User) -> None:
    services.edit(video.pk, {"title": title}, by)


def as_shown(video_id: uuid.UUID) -> dict[str, Any]:
    found = find(video_id)
    assert found
    return VideoSerializer.show(found)


async def test_a_page_of_an_unknown_host_is_closed_with_4401(video: Video, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["vod.example"]
    assert await first_close(socket(path_of(video), headers={"host": "evil.example"})) == 4401


STRANGER, USER, MODERATOR, NARROW, ADMIN = "stranger", "user", "moderator", "admin's narrow token", "admin"
INSERT, UPDATE, DELETE, NOTHING = "INSERT", "UPDATE", "DELETE", ""


class TestWhatIsTold:
    @asynccontextmanager
    async def everybody(
        self, path: str, people: dict[str, User | None], names: tuple[str, ...]
    ) -> AsyncIterator[dict[str, Socket]]:
        async with AsyncExitStack() as stack:
            found = {}
            for name in names:
                person = people[name]
                scopes = ["admin"] if name == ADMIN else ["read"]
                key = await ask(lambda who=person, may=scopes: make_key(who, scopes=may)) if person else ""
                found[name] = await stack.enter_async_context(connected(path, key=key))
            yield found

    @pytest.fixture
    def people(self, owner: User, moderator: User, admin_person: User) -> dict[str, User | None]:
        return {STRANGER: None, USER: owner, MODERATOR: moderator, NARROW: admin_person, ADMIN: admin_person}

    @pytest.mark.parametrize("of_one", [False, True])
    async def test_each_audience_hears_what_it_may_see(
        self, of_one: bool, people: dict[str, User | None], moderator: User, admin_person: User
    ) -> None:
        """A whole life of one video; who hears nothing at a step hears the next one's message first."""
        video = await ask(lambda: make_catalogue_video(moderator, title="0", status=VideoStatus.PROCESSING))

        def ready() -> None:
            with change_and_broadcast(video.pk):
                assert transition(Video.objects.filter(pk=video.pk), TRANSITIONS, VideoStatus.READY) == 1

        def write(**values: Any) -> Callable[[], None]:
            return lambda: services.edit(video.pk, values, moderator)

        def remove(*, hard: bool) -> Callable[[], None]:
            return lambda: services.delete(video.pk, admin_person, hard=hard)

        steps: list[tuple[Callable[[], None], str, str, str]] = [
            (write(title="1"), NOTHING, UPDATE, UPDATE), (ready, INSERT, UPDATE, UPDATE),
            (write(title="2", tags=["x"]), UPDATE, UPDATE, UPDATE), (write(is_hidden=True), DELETE, UPDATE, UPDATE),
            (write(title="3"), NOTHING, UPDATE, UPDATE), (write(is_hidden=False), INSERT, UPDATE, UPDATE),
            (remove(hard=False), DELETE, DELETE, UPDATE),
            (lambda: services.restore(video.pk, admin_person), INSERT, INSERT, UPDATE),
            (write(is_hidden=True), DELETE, UPDATE, UPDATE), (write(title="4"), NOTHING, UPDATE, UPDATE),
            (remove(hard=True), NOTHING, DELETE, DELETE),
        ]  # fmt: skip
        names = (MODERATOR, NARROW, ADMIN) if of_one else (STRANGER, USER, MODERATOR, NARROW, ADMIN)
        async with self.everybody(path_of(video) if of_one else LIST, people, names) as viewers:
            before: dict[str, Any] | None = await ask(as_shown, video.pk)
            for step, public, moderators, admins in steps:
                await ask(step)
                after = await ask(lambda: as_shown(video.pk) if Video.objects.filter(pk=video.pk) else None)
                expected = {STRANGER: public, USER: public, MODERATOR: moderators, NARROW: moderators, ADMIN: admins}
                for name, communicator in viewers.items():
                    if expected[name] == NOTHING:
                        continue
                    message = await next_message(communicator)
                    assert set(message) == {"event", "table", "new", "old"}
                    assert (name, message["event"], message["table"]) == (name, expected[name], "videos")
                    assert message["new"] == (None if expected[name] == DELETE else after)
                    assert message["old"] == (None if expected[name] == INSERT else before)
                before = after

    async def test_a_new_one_is_told_to_those_who_see_what_is_not_ready(self, moderator: User, owner: User) -> None:
        async with (
            connected(LIST, key=await ask(make_key, moderator)) as sees_it,
            connected(LIST, key=await ask(make_key, owner)) as does_not,
        ):
            made = await ask(lambda: services.create(moderator, {"title": "New", "tags": ["a"]}))
            message = await next_message(sees_it)
            assert (message["event"], message["old"]) == ("INSERT", None)
            assert message["new"]["id"] == str(made.pk)
            other = await ask(make_catalogue_video, moderator)
            await ask(retitle, other, "Seen by all", moderator)
            assert (await next_message(does_not))["new"]["title"] == "Seen by all"

    async def test_one_videos_viewers_hear_of_no_other(self, video: Video, moderator: User) -> None:
        other = await ask(make_catalogue_video, moderator)
        async with connected(path_of(video).rstrip("/")) as communicator:
            await ask(retitle, other, "Elsewhere", moderator)
            await ask(retitle, video, "Here", moderator)
            assert (await next_message(communicator))["new"]["title"] == "Here"

    async def test_what_was_undone_or_changes_nothing_is_not_told(self, video: Video, moderator: User) -> None:
        def undone() -> None:
            with transaction.atomic():
                services.edit(video.pk, {"title": "Undone"}, moderator)
                transaction.set_rollback(True)

        async with connected(LIST) as communicator:
            await ask(undone)
            await ask(retitle, video, "Shown", moderator)
            await ask(retitle, video, "Told", moderator)
            message = await next_message(communicator)
            assert (message["old"]["title"], message["new"]["title"]) == ("Shown", "Told")

    async def test_expiry_is_no_change(self, video: Video, moderator: User, monkeypatch: pytest.MonkeyPatch) -> None:
        """Addresses are signed until a rounded instant; here each look comes after the next of them."""
        lifetimes = iter(range(1000, 100_000_000, 1000))
        monkeypatch.setattr("media_app.videos.media_urls.lifetime", lambda _: next(lifetimes))

        def look() -> None:
            with change_and_broadcast(video.pk):
                pass

        async with connected(LIST) as communicator:
            await ask(look)
            await ask(retitle, video, "Told", moderator)
            assert (await next_message(communicator))["new"]["title"] == "Told"


class TestManyViewers:
    async def cost(self, viewers: int, video: Video, title: str, by: User, monkeypatch: pytest.MonkeyPatch) -> int:
        """Count the SQL statements of a change until so many viewers of each audience and address have it."""
        said: list[str] = []  # statements of all threads and connections
        execute = CursorWrapper.execute

        def noted(cursor: CursorWrapper, sql: Any, params: Any = None) -> Any:
            said.append(str(sql))
            return execute(cursor, sql, params)

        key, none = await ask(make_key, by), ""
        paths = [(LIST, key), (LIST, none), (path_of(video), key), (path_of(video), none)]
        async with AsyncExitStack() as stack:
            told = (paths * viewers)[:viewers]
            sockets = [await stack.enter_async_context(connected(path, key=used)) for path, used in told]
            with monkeypatch.context() as patch:
                patch.setattr(CursorWrapper, "execute", noted)
                await ask(retitle, video, title, by)
                for communicator in sockets:
                    message = await next_message(communicator)
                    assert (message["event"], message["new"]["title"]) == ("UPDATE", title)
            return len(said)

    async def test_fifty_viewers_queries(self, video: Video, moderator: User, monkeypatch: pytest.MonkeyPatch) -> None:
        one = await self.cost(1, video, "One", moderator, monkeypatch)
        fifty = await self.cost(50, video, "Fifty", moderator, monkeypatch)
        assert 0 < fifty == one


class TestLookingAgain:
    """Each minute, in these tests at once: is he still signed in, and may he still see it?"""

    pytestmark = pytest.mark.usefixtures("at_once")

    async def test_a_former_moderator_hears_nothing_hidden(self, video: Video, hidden: Video, moderator: User) -> None:
        person = await ask(lambda: make_user(role=Role.MODERATOR))
        async with connected(LIST, key=await ask(make_key, person)) as communicator:
            await ask(retitle, hidden, "Secret", moderator)
            assert (await next_message(communicator))["new"]["title"] == "Secret"
            await ask(lambda: User.objects.filter(pk=person.pk).update(role=Role.USER))

            async def round_of(number: int) -> bool:
                """Whether a change of the hidden one was heard before that of the other."""
                await ask(retitle, hidden, f"Secret {number}", moderator)
                await ask(retitle, video, f"Open {number}", moderator)
                heard = (await next_message(communicator))["new"]["title"]
                if heard == f"Open {number}":
                    return False
                assert (await next_message(communicator))["new"]["title"] == f"Open {number}"
                return True

            async with asyncio.timeout(SECONDS):
                number = 0
                while await round_of(number):
                    number += 1
            for later in range(number + 1, number + 4):
                assert not await round_of(later)

    async def test_each_news_exactly_once(self, video: Video, moderator: User, monkeypatch: pytest.MonkeyPatch) -> None:
        """While a video changes its audience nothing is missed and nothing comes twice."""
        person = await ask(lambda: make_user(role=Role.MODERATOR))
        layer = get_channel_layer()
        moves: list[str] = []

        def while_moving(name: str) -> None:
            original = getattr(layer, name)

            async def move(group: str, channel: str) -> None:
                moves.append(name)
                await ask(retitle, video, f"{name} begins", moderator)
                await original(group, channel)
                await ask(retitle, video, f"{name} ends", moderator)

            # In its own dictionary: that of Redis makes its methods up when they are asked for, for each loop.
            monkeypatch.setitem(vars(layer), name, move)

        async with connected(LIST, key=await ask(make_key, person)) as communicator:
            while_moving("group_add")
            while_moving("group_discard")
            await ask(lambda: User.objects.filter(pk=person.pk).update(role=Role.USER))
            heard = [(await next_message(communicator))["new"]["title"] for _ in range(4)]
            monkeypatch.undo()
            await ask(retitle, video, "After", moderator)
            assert (await next_message(communicator))["new"]["title"] == "After"
        assert moves[:2] == ["group_add", "group_discard"]
        assert heard == ["group_add begins", "group_add ends", "group_discard begins", "group_discard ends"]

    async def test_a_message_during_a_change_of_audience_is_not_missed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It goes to one group after the other; who moved in between was in neither at its time."""
        person = await ask(lambda: make_user(role=Role.MODERATOR))
        layer = get_channel_layer()
        message = {"type": "watch.message", "message": {"event": "UPDATE", "new": {"title": "Between"}}}

        async def move(group: str, channel: str) -> None:
            await layer.group_send(group, message)
            await original(group, channel)
            asyncio.get_running_loop().call_later(0.1, lambda: sends.append(asyncio.create_task(send_late())))

        async def send_late() -> None:
            await layer.group_send(group_of(Audience.MODERATORS), message)

        sends: list[asyncio.Task[None]] = []
        async with connected(LIST, key=await ask(make_key, person)) as communicator:
            original = layer.group_add
            monkeypatch.setitem(vars(layer), "group_add", move)
            await ask(lambda: User.objects.filter(pk=person.pk).update(role=Role.USER))
            assert (await next_message(communicator))["new"]["title"] == "Between"
            monkeypatch.undo()

    async def test_who_becomes_a_moderator_hears_more(self, hidden: Video, owner: User, moderator: User) -> None:
        async with connected(LIST, key=await ask(make_key, owner)) as communicator:
            await ask(lambda: User.objects.filter(pk=owner.pk).update(role=Role.MODERATOR))
            async with asyncio.timeout(SECONDS):
                number = 0
                while communicator.output_queue.empty():
                    number += 1
                    await ask(retitle, hidden, f"Hidden {number}", moderator)
            assert (await next_message(communicator))["new"]["id"] == str(hidden.pk)

    async def test_a_hidden_video_is_sent_as_deleted_and_then_closes(self, video: Video, moderator: User) -> None:
        async with connected(path_of(video)) as communicator:
            await ask(services.edit, video.pk, {"is_hidden": True}, moderator)
            event = await communicator.receive_output(SECONDS)
            if event["type"] == "websocket.send":  # a look may have come before it
                message = json.loads(event["text"])
                assert (message["event"], message["new"]) == ("DELETE", None)
                event = await communicator.receive_output(SECONDS)
            assert (event["type"], event["code"]) == ("websocket.close", 4404)

    async def test_lost_rights_close_sockets(self, video: Video, hidden: Video, owner: User, settings: Any) -> None:
        """A viewer who loses a token, a role or an open catalogue is disconnected."""
        person = await ask(lambda: make_user(role=Role.MODERATOR))
        keys = [await ask(make_key, who) for who in (owner, person)]
        async with connected(path_of(hidden), key=keys[1]) as demoted:
            await ask(lambda: User.objects.filter(pk=person.pk).update(role=Role.USER))
            await expect_close(demoted, 4404)
        async with connected(LIST, key=keys[0]) as revoked, connected(LIST) as stranger:
            await ask(lambda: ApiToken.objects.update(revoked_at=Now()))
            await expect_close(revoked, 4401)
            settings.PUBLIC_CATALOG = False
            await expect_close(stranger, 4401)


async def expect_close(communicator: Socket, code: int) -> None:
    event = await communicator.receive_output(SECONDS)
    assert (event["type"], event["code"]) == ("websocket.close", code)


async def editors(communicator: Socket) -> list[str]:
    """Who the next message of that kind says is editing."""
    while (message := await next_message(communicator))["event"] != "EDITORS":
        pass
    return [person["name"] for person in message["people"]]


class TestWhoEdits:
    async def test_editors_hear_of_others(self, video: Video, owner: User, moderator: User, admin_person: User) -> None:
        """People who edit are told of each other; nobody else is."""
        keys = [await ask(make_key, person) for person in (moderator, admin_person, owner)]
        path = f"{path_of(video)}?editing=1"
        names = sorted([moderator.username, admin_person.username])
        async with (
            connected(path, key=keys[0]) as one,
            connected(path, key=keys[2]) as stranger,
            connected(path_of(video), key=keys[1]) as watching,
        ):
            async with connected(path, key=keys[1]) as other:
                assert await editors(one) == names
                assert await editors(other) == names
            assert await editors(one) == [moderator.username]
            # Neither who may not edit nor who only looks has heard of it: the next they hear is a change.
            await ask(retitle, video, "New", moderator)
            for communicator in (stranger, watching):
                assert (await next_message(communicator))["event"] == "UPDATE"

    async def test_who_edits_another_video_is_not_told(self, video: Video, moderator: User, admin_person: User) -> None:
        other = await ask(lambda: make_catalogue_video(moderator, title="Other"))
        keys = [await ask(make_key, person) for person in (moderator, admin_person)]
        async with (
            connected(f"{path_of(video)}?editing=1", key=keys[0]) as one,
            connected(f"{path_of(other)}?editing=1", key=keys[1]),
        ):
            await asyncio.sleep(3 * presence.TELL_SECONDS)
            await ask(retitle, video, "New", moderator)
            assert (await next_message(one))["event"] == "UPDATE"

    async def test_demoted_ones_leave(self, video: Video, moderator: User, admin_person: User, at_once: None) -> None:
        keys = [await ask(make_key, person) for person in (moderator, admin_person)]
        path = f"{path_of(video)}?editing=1"
        async with connected(path, key=keys[0]), connected(path, key=keys[1]) as other:
            assert await editors(other) == sorted([moderator.username, admin_person.username])
            await ask(lambda: User.objects.filter(pk=moderator.pk).update(role=Role.USER, is_staff=False))
            assert await editors(other) == [admin_person.username]


def test_one_rows_rule_is_the_rule_of_lists(owner: User, moderator: User, admin_person: User) -> None:
    """``sees`` and ``in_catalogue`` say the same of every state a video can be in."""
    people = {Audience.PUBLIC: [AnonymousUser(), owner], Audience.MODERATORS: [moderator]}
    people[Audience.ADMINS] = [admin_person]
    videos = [
        make_catalogue_video(moderator, status=status, is_hidden=is_hidden, deleted_at=Now() if is_deleted else None)
        for status in VideoStatus
        for is_hidden in (False, True)
        for is_deleted in (False, True)
    ]
    for audience, members in people.items():
        for member in members:
            assert audience_of(member) == audience
            listed = set(Video.objects.in_catalogue(member).values_list("pk", flat=True))
            assert listed == {one.pk for one in videos if sees(audience, Video.objects.get(pk=one.pk))}
