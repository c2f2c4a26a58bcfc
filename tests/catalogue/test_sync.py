"""``POST`` and ``GET /api/v1/videos/{id}/sync`` and ``/sync``: what is taken, what is refused, what is answered."""

import json
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.http import HttpResponse

from media_app.catalogue import operations, services
from media_app.catalogue.models import CrdtOperation
from media_app.catalogue.operations import InvalidOperation
from media_app.videos.models import Video
from tests.support.api import Api, refused
from tests.support.catalogue import make_catalogue_video
from tests.support.waiting import wait_until
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.both, pytest.mark.django_db]
URL = "/api/v1/videos"
THEN = 1_700_000_000.25
SECONDS = 60


@pytest.fixture
def video(moderator: User) -> Video:
    return make_catalogue_video(moderator, title="Old", tags=["a"])


@pytest.fixture
def url(video: Video) -> str:
    return f"{URL}/{video.pk}/sync"


@pytest.fixture
def me(moderator: User) -> str:
    return str(moderator.pk)


@pytest.fixture
def send(moderator_api: Api, url: str) -> Callable[..., HttpResponse]:
    def call(*told: Any, **body: Any) -> HttpResponse:
        return moderator_api.post(url, {"operations": list(told), **body})

    return call


def title(me: str, counter: int = 1, value: Any = "New", **fields: Any) -> dict[str, Any]:
    """An operation of a moderator's, valid unless its fields are not."""
    return {
        "operation_type": "update_title", "operation_data": {"value": value}, "timestamp": THEN,
        "vector_clock": {me: counter}, **fields,
    }  # fmt: skip


def read_in_parts(api: Api, url: str, query: str = "") -> tuple[list[Any], list[int]]:
    """Return all operations of a video, and how many came with each answer."""
    found: list[Any] = []
    sizes, since = [], ""
    while since is not None:
        answer = api.get(f"{url}?{query}since={quote(since)}").json()
        found += answer["operations"]
        sizes.append(len(answer["operations"]))
        since = answer["next_since"]
    return found, sizes


class TestAnswers:
    def test_the_shape_at_each_address(self, moderator_api: Api, video: Video, me: str) -> None:
        for number, (url, more) in enumerate(
            [(f"{URL}/{video.pk}/sync", {}), ("/sync", {"video_id": str(video.pk)}),
             ("/functions/v1/sync/", {"video_id": str(video.pk)}),
             (f"{URL}/{video.pk}/sync", {"video_id": str(video.pk).upper()})], 1
        ):  # fmt: skip
            body = {**more, "client_vector_clock": {"user1": 3}, "client_version": number}
            response = moderator_api.post(url, {**body, "operations": [title(me, number, f"Title {number}")]})
            assert response.status_code == 200, response.content
            answer = response.json()
            assert answer["video_id"] == str(video.pk)
            assert (answer["sync_type"], answer["action"]) == ("after", "applied_operations")
            assert (answer["conflicts_resolved"], answer["server_version"]) == (0, number + 1)
            assert answer["server_vector_clock"] == {me: number}
            assert answer["merged_video"]["title"] == f"Title {number}"
            assert answer["merged_video"]["last_modified_by"] == me

    def test_no_operations(self, moderator_api: Api, video: Video, me: str, send: Callable[..., HttpResponse]) -> None:
        moderator_api.put(f"{URL}/{video.pk}", {"title": "Put"})
        send(title(me, 2))
        for clock, stands, action in [
            ({"server": 1, me: 2}, "equal", "none"), ({}, "before", "client_update_required"),
            ({"server": 1}, "before", "client_update_required"),
            ({"server": 1, me: 2, "user1": 9}, "equal", "none"),  # nobody we know
            ({"server": 1, me: 5}, "after", "none"), ({"server": 1, me: 2, f"{me}:new": 1}, "after", "none"),
            ({me: 5}, "concurrent", "client_update_required"),
            ({"user1": 3}, "before", "client_update_required"),
        ]:  # fmt: skip
            body = send(client_vector_clock=clock).json()
            assert (body["sync_type"], body["action"], body["conflicts_resolved"]) == (stands, action, 0), clock
            assert (body["server_version"], body["merged_video"]["title"]) == (3, "Put")

    def test_concurrent_writes(self, moderator_api: Api, admin_api: Api, admin_person: User, url: str, me: str) -> None:
        """A write beside another is a conflict, and nothing is lost."""
        moderator_api.post(url, {"operations": [title(me, 1, "Earlier")]})
        later = {**title(str(admin_person.pk), 1, "Later"), "timestamp": THEN + 1}
        body = admin_api.post(url, {"operations": [later], "client_vector_clock": {}}).json()
        assert (body["sync_type"], body["action"], body["conflicts_resolved"]) == ("concurrent", "merged_concurrent", 1)
        assert (body["merged_video"]["title"], body["merged_video"]["last_modified_by"]) == (
            "Later", str(admin_person.pk)
        )  # fmt: skip
        # Whatever comes of the earlier one later, the greatest write stays; both are kept.
        body = moderator_api.post(url, {"operations": [title(me, 2, "Between", timestamp=THEN + 0.5)]}).json()
        assert (body["merged_video"]["title"], body["server_version"]) == ("Later", 4)
        assert CrdtOperation.objects.count() == 3

    def test_the_same_again_changes_nothing(self, send: Callable[..., HttpResponse], me: str) -> None:
        told = [title(me, 1), title(me, 2, "Newer", timestamp=THEN + 1)]
        first = send(*told).json()
        del first["merged_video"]["video_url"]  # signed addresses change every five minutes
        for again in (told, told[::-1], [told[0], told[0]], [{**told[1], "id": "another name"}]):
            body = send(*again).json()
            del body["merged_video"]["video_url"]
            assert body["merged_video"] == first["merged_video"]
            assert (body["server_version"], body["action"]) == (3, "none" if told[1] in again else body["action"])
        assert CrdtOperation.objects.count() == 2

    def test_replicas_write_beside_each_other(self, send: Callable[..., HttpResponse], me: str) -> None:
        told = [
            title(f"{me}:{name}", 1, name, actor_id=f"{me}:{name}", timestamp=THEN + number)
            for number, name in enumerate(("phone", "desk", "!~[]{}"))
        ]
        body = send(*told).json()
        assert (body["merged_video"]["title"], body["conflicts_resolved"]) == ("!~[]{}", 2)

    def test_metrics_and_the_log_know(self, send: Callable[..., HttpResponse], me: str, caplog: Any) -> None:
        with caplog.at_level("INFO", "vodplatform.event"):
            send(title(me))
        assert "crdt.operation" in [record.getMessage() for record in caplog.records]


class TestSpellings:
    @pytest.mark.parametrize("told", [
        {"operation_type": "update_title", "operation_data": {"value": "New"}},
        {"operation_type": "update_title", "operation_data": "New"},
        {"type": "update_title", "value": "New"},
        {"type": "update_title", "operation_data": {"value": "New", "old_value": "Old"}},
        {"operation_type": "update_title", "type": "update_title", "value": "New", "operation_data": "New"},
        {"type": "update_title", "value": "New", "id": None, "actor_id": None},
        {"type": "update_title", "value": "New", "id": str(uuid.uuid4())},
    ])  # fmt: skip
    @pytest.mark.parametrize(
        "timestamp",
        [THEN, "2023-11-14T22:13:20.25Z", "2023-11-14T22:13:20.250000+00:00", "2023-11-14T23:13:20.25+01:00",
         "2023-11-14 22:13:20.25", "20231114T221320.25Z"],
    )  # fmt: skip
    def test_all_equal(self, told: dict[str, Any], timestamp: Any, me: str, send: Callable[..., HttpResponse]) -> None:
        operation = {**told, "timestamp": timestamp, "vector_clock": {me: 1, "nobody": 0}}
        assert send(operation).json()["merged_video"]["title"] == "New"
        # Said in the usual way it is known already.
        assert send(title(me)).json()["action"] == "none"
        row = CrdtOperation.objects.get()
        assert (row.operation_data, row.timestamp) == ({"value": "New"}, datetime.fromtimestamp(THEN, UTC))

    @pytest.mark.parametrize("timestamp", [0, 1, 1_700_000_000, "1970-01-01T00:00:00Z", "2024-02-29", None])
    def test_old_and_near_future_instants(self, timestamp: Any, me: str, send: Callable[..., HttpResponse]) -> None:
        told = time.time() + 290 if timestamp is None else timestamp
        data = {"value": "New", "state": []}  # no other field than the description has a state
        assert send(title(me, timestamp=told, operation_data=data)).status_code == 200
        assert CrdtOperation.objects.get().operation_data == {"value": "New"}

    @pytest.mark.parametrize(("kind", "value", "name", "shown"), [
        ("update_title", " a \n b ", "title", "a b"), ("update_description", " a\n", "description", " a\n"),
        ("update_description", None, "description", ""), ("update_category", "", "category", None),
        ("update_category", None, "category", None), ("update_featured", True, "is_featured", True),
        ("add_tag", "e\u0301 ", "tags", ["a", "\u00e9"]), ("remove_tag", " a ", "tags", []),
        ("set_tags", ["x", "", " x"], "tags", ["x"]),
    ])  # fmt: skip
    def test_words_are_made_clean(
        self, kind: str, value: Any, name: str, shown: Any, me: str, send: Callable[..., HttpResponse]
    ) -> None:
        told = {"type": kind, "operation_data": {"value": value}, "timestamp": THEN, "vector_clock": {me: 1}}
        assert send(told).json()["merged_video"][name] == shown

    def test_how_a_description_came_to_be_is_kept_and_handed_on(
        self, me: str, send: Callable[..., HttpResponse], moderator_api: Api, video: Video
    ) -> None:
        data = {"value": "New", "state": "9007199254740991.AAAB/+=="}
        told = title(me, **DESCRIBED, operation_data=data)
        assert send(told).json()["merged_video"]["description"] == "New"
        answer = moderator_api.get(f"{URL}/{video.pk}/sync").json()
        assert [one["operation_data"] for one in answer["operations"]] == [data]
        assert send(told).json()["action"] == "none"
        other = send({**told, "operation_data": {"value": "New"}})
        assert (other.status_code, other.json()["type"]) == (409, "operation_mismatch")


FAR = 10**9
DESCRIBED = {"operation_type": "update_description"}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no type": ({"operation_type": None}, "operation_type"),
    "an unknown type": ({"operation_type": "delete_video"}, "operation_type"),
    "a type that is a list": ({"operation_type": ["update_title"]}, "operation_type"),
    "two types": ({"type": "add_tag"}, "operation_type"),
    "two values": ({"value": "Other"}, "operation_data"),
    "no value": ({"operation_data": {}}, "operation_data"),
    "a value that is null": ({"operation_data": {"value": None}}, "operation_data"),
    "no title": ({"operation_data": {"value": "  "}}, "operation_data"),
    "a long title": ({"operation_data": {"value": "a" * 256}}, "operation_data"),
    "a title that is a number": ({"operation_data": {"value": 5}}, "operation_data"),
    "a long description": ({"operation_type": "update_description", "operation_data": "a" * 20_001}, "operation_data"),
    "a state that is no base64": ({**DESCRIBED, "operation_data": {"value": "a", "state": "1.a%"}}, "operation_data"),
    "a state without its beginning": ({**DESCRIBED, "operation_data": {"value": "a", "state": "aa"}}, "operation_data"),
    "a state that is a list": ({**DESCRIBED, "operation_data": {"value": "a", "state": []}}, "operation_data"),
    "a long state": ({**DESCRIBED, "operation_data": {"value": "a", "state": "1." + "a" * 2**17}}, "operation_data"),
    "a long category": ({"operation_type": "update_category", "operation_data": "a" * 101}, "operation_data"),
    "a tag of 10 kB": ({"operation_type": "add_tag", "operation_data": {"value": "a" * 10_000}}, "operation_data"),
    "an empty tag": ({"operation_type": "remove_tag", "operation_data": {"value": " "}}, "operation_data"),
    "a tag that is a list": ({"operation_type": "add_tag", "operation_data": ["a"]}, "operation_data"),
    "tags that are a text": ({"operation_type": "set_tags", "operation_data": "a"}, "operation_data"),
    "tags that are numbers": ({"operation_type": "set_tags", "operation_data": [1]}, "operation_data"),
    "51 tags": ({"operation_type": "set_tags", "operation_data": [str(n) for n in range(51)]}, "operation_data"),
    "featured as a text": ({"operation_type": "update_featured", "operation_data": "true"}, "operation_data"),
    "featured as a number": ({"operation_type": "update_featured", "operation_data": 1}, "operation_data"),
    "no timestamp": ({"timestamp": None}, "timestamp"),
    "a timestamp that is a truth value": ({"timestamp": True}, "timestamp"),
    "a timestamp that is no date": ({"timestamp": "yesterday"}, "timestamp"),
    "a timestamp a year ahead": ({"timestamp": time.time() + 86_400 * 365}, "timestamp"),
    "milliseconds": ({"timestamp": THEN * 1000}, "timestamp"),
    "a timestamp no calendar knows": ({"timestamp": 1e300}, "timestamp"),
    "a timestamp before 1970": ({"timestamp": -1}, "timestamp"),
    "a date before 1970": ({"timestamp": "1969-12-31T23:59:59Z"}, "timestamp"),
    "the first instant, further east": ({"timestamp": "0001-01-01T00:00:00+23:00"}, "timestamp"),
    "no clock": ({"vector_clock": None}, "vector_clock"),
    "a clock without itself": ({"vector_clock": {}}, "vector_clock"),
    "a clock that is a list": ({"vector_clock": [1]}, "vector_clock"),
    "a counter of 0": ({"vector_clock": {"{me}": 0}}, "vector_clock"),
    "a counter that is a fraction": ({"vector_clock": {"{me}": 1.5}}, "vector_clock"),
    "a counter that is a truth value": ({"vector_clock": {"{me}": True}}, "vector_clock"),
    "a counter just too far ahead": ({"vector_clock": {"{me}": 100_001}}, "vector_clock"),
    "a replica far ahead": ({"vector_clock": {"{me}": 1, "{me}:phone": FAR}}, "vector_clock"),
    "a server that has not spoken": ({"vector_clock": {"{me}": 1, "server": 1}}, "vector_clock"),
    "somebody who has not written": ({"vector_clock": {"{me}": 1, "user-2": 1}}, "vector_clock"),
    "an actor without a name": ({"vector_clock": {"{me}": 1, "": 1}}, "vector_clock"),
    "an actor with a long name": ({"vector_clock": {"{me}": 1, "a" * 121: 1}}, "vector_clock"),
    "another's actor": ({"actor_id": "{other}", "vector_clock": {"{other}": 1}}, "actor_id"),
    "another's replica": ({"actor_id": "{other}:a", "vector_clock": {"{other}:a": 1}}, "actor_id"),
    "the server's actor": ({"actor_id": "server", "vector_clock": {"server": 1}}, "actor_id"),
    "an actor that only begins like one's own": ({"actor_id": "{me}a", "vector_clock": {"{me}a": 1}}, "actor_id"),
    "an actor that is a number": ({"actor_id": 1}, "actor_id"),
    "no actor at all": ({"actor_id": ""}, "actor_id"),
    "a replica without a name": ({"actor_id": "{me}:", "vector_clock": {"{me}:": 1}}, "actor_id"),
    "a replica with a blank": ({"actor_id": "{me}:a b", "vector_clock": {"{me}:a b": 1}}, "actor_id"),
    "a replica with a long name": ({"actor_id": "{me}:" + "a" * 65}, "actor_id"),
    "an id that is a number": ({"id": 5}, "id"),
    "a long id": ({"id": "a" * 65}, "id"),
}  # fmt: skip


def _filled(value: Any, me: str, other: str) -> Any:
    return json.loads(json.dumps(value).replace("{me}", me).replace("{other}", other))


class TestRefusals:
    @pytest.mark.parametrize("kind", WRONG)
    def test_one_bad_one_refuses_all(self, kind: str, me: str, other: User, send: Callable[..., HttpResponse]) -> None:
        change, field = WRONG[kind]
        bad = {**title(me, 2), **_filled(change, me, str(other.pk))}
        body = refused(send(title(me, 1), bad, title(me, 3)), 400, "invalid")
        assert set(body["errors"]) == {"operations"}
        assert {index: list(errors) for index, errors in body["errors"]["operations"].items()} == {"1": [field]}
        assert not CrdtOperation.objects.exists()
        assert Video.objects.get().title == "Old"

    def test_every_bad_one_is_named(self, me: str, send: Callable[..., HttpResponse]) -> None:
        bad = [title(me, 1, ""), title(me, 3, timestamp="x"), None, 1, "a", [], True]
        body = refused(send(title(me, 2), *bad, title(me, 4)), 400, "invalid")
        assert set(body["errors"]["operations"]) == {str(number) for number in range(1, 8)}

    def test_as_far_ahead_as_allowed(self, me: str, send: Callable[..., HttpResponse]) -> None:
        assert send(title(me, 100_000)).status_code == 200
        assert send(title(me, 200_000)).status_code == 200
        refused(send(title(me, 300_001)), 400, "invalid")

    def test_replica_limit(self, me: str, send: Callable[..., HttpResponse], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(services, "MAX_SILENT_REPLICAS", 2)
        monkeypatch.setattr(services, "MAX_REPLICAS", 3)
        assert send(title(me, 1, vector_clock={me: 1, f"{me}:a": 1, f"{me}:b": 1})).status_code == 200
        refused(send(title(me, 2, vector_clock={me: 2, f"{me}:c": 1})), 400, "invalid")
        for name in ("a", "c"):
            own = f"{me}:{name}"
            assert send(title(own, 2, actor_id=own)).status_code == 200
        refused(send(title(f"{me}:d", 1, actor_id=f"{me}:d")), 400, "invalid")

    def test_a_video_keeps_only_so_many_tags(
        self, me: str, video: Video, send: Callable[..., HttpResponse], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def tagged(counter: int, tag: str, kind: str = "add_tag") -> dict[str, Any]:
            return {"type": kind, "value": tag, "timestamp": THEN + counter, "vector_clock": {me: counter}}

        monkeypatch.setattr(services, "MAX_KEPT_TAGS", len(video.tags) + 3)
        assert send(*(tagged(number, f"t{number}") for number in range(1, 4))).status_code == 200
        refused(send(tagged(4, "t4")), 400, "invalid")
        assert send(tagged(4, "t3", "remove_tag")).status_code == 200

    def test_the_edits_of_an_account_have_a_maximum_size_in_the_merge_state(
        self, me: str, video: Video, url: str, moderator_api: Api, admin_api: Api, admin_person: User,
        send: Callable[..., HttpResponse], monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        def described(name: str, size: int, **seen: int) -> dict[str, Any]:
            actor = f"{me}:{name}"
            return {
                "type": "update_description", "operation_data": {"value": name, "state": "1." + "A" * size},
                "timestamp": THEN, "actor_id": actor, "vector_clock": {actor: 1, **seen},
            }  # fmt: skip

        monkeypatch.setattr(services, "MAX_MERGE_STATE", 30_000)
        assert send(described("a", 8_000)).status_code == 200
        refused(send(described("b", 23_000)), 400, "invalid")
        other = title(str(admin_person.pk))
        assert admin_api.post(url, {"operations": [other]}).status_code == 200
        assert moderator_api.put(f"{URL}/{video.pk}", {"description": "saved on the page"}).status_code == 200
        assert send(described("c", 8_000, **{f"{me}:a": 1})).status_code == 200

    def test_a_thousand_and_no_more(self, me: str, send: Callable[..., HttpResponse]) -> None:
        told = [
            {"type": "add_tag", "value": f"t{number % 7}", "timestamp": THEN + number, "vector_clock": {me: number}}
            for number in range(1, 1002)
        ]
        body = refused(send(*told), 413, "too_large")
        assert body["limit"] == 1000
        assert not CrdtOperation.objects.exists()
        answer = send(*told[:1000]).json()
        assert (answer["server_version"], answer["server_vector_clock"]) == (1001, {me: 1000})

    @pytest.mark.parametrize(("field", "value"), [
        ("operations", {}), ("operations", "a"), ("operations", 1), ("operations", True),
        ("client_vector_clock", []), ("client_vector_clock", "a"), ("client_vector_clock", {"a": -1}),
        ("client_vector_clock", {"a": 1.5}), ("client_vector_clock", {"a": True}), ("client_vector_clock", 0),
        ("client_vector_clock", False), ("client_vector_clock", {"{me}": FAR}),
        ("client_vector_clock", {"{me}:x": FAR}), ("client_version", "1"), ("client_version", True),
        ("client_version", -1), ("client_version", 2**31), ("client_version", 1.5), ("client_version", []),
        ("video_id", "none"), ("video_id", 5), ("video_id", []), ("video_id", str(uuid.UUID(int=5))),
    ])  # fmt: skip
    def test_the_rest_of_the_body(self, field: str, value: Any, me: str, send: Callable[..., HttpResponse]) -> None:
        for told in ([], [title(me)]):
            if field == "operations" and told:
                continue
            response = send(*told, **{field: _filled(value, me, me)})
            assert set(refused(response, 400, "invalid")["errors"]) == {field}
        assert not CrdtOperation.objects.exists()

    def test_a_video_has_to_be_named(self, moderator_api: Api) -> None:
        for body in ({}, {"video_id": None}, {"video_id": ""}, {"video_id": "uuid"}, {"video_id": 7}):
            assert set(refused(moderator_api.post("/sync", body), 400, "invalid")["errors"]) == {"video_id"}
        for query in ("", "?video_id=", "?video_id=uuid", "?video_id=%00"):
            assert moderator_api.get(f"/sync{query}").status_code == 400
        unknown = uuid.UUID(int=5)
        refused(moderator_api.post("/sync", {"video_id": str(unknown)}), 404, "not_found")
        refused(moderator_api.get(f"/sync?video_id={unknown}"), 404, "not_found")

    def test_another_operation_under_the_same_dot(self, me: str, send: Callable[..., HttpResponse]) -> None:
        assert send(title(me)).status_code == 200
        for other in (title(me, value="Other"), title(me, timestamp=THEN + 1), title(me, operation_type="add_tag"),
                      title(me, vector_clock={me: 1, f"{me}:x": 1})):  # fmt: skip
            body = refused(send(title(me, 2), other), 409, "operation_mismatch")
            assert (body["actor_id"], body["counter"]) == (me, 1)
        refused(send(title(me, 5), title(me, 5, "Other")), 409, "operation_mismatch")
        assert CrdtOperation.objects.count() == 1


class TestState:
    def test_the_shape_at_each_address(self, moderator_api: Api, video: Video, me: str) -> None:
        moderator_api.post(f"{URL}/{video.pk}/sync", {"operations": [{**title(me), "id": "mine"}]})
        for url in (f"{URL}/{video.pk}/sync", f"/sync?video_id={video.pk}", f"/functions/v1/sync/?video_id={video.pk}"):
            body = moderator_api.get(url).json()
            assert set(body) == {
                "video_id", "video", "server_vector_clock", "server_version", "server_time", "base", "operations",
                "next_since",
            }  # fmt: skip
            assert (body["base"]["title"], body["base"]["tags"]) == ("Old", ["a"])
            assert (body["server_vector_clock"], body["server_version"]) == ({me: 1}, 2)
            assert (body["video"]["title"], body["video_id"]) == ("New", str(video.pk))
            (row,) = body["operations"]
            assert (row["operation_type"], row["operation_data"]) == ("update_title", {"value": "New"})
            assert (row["actor_id"], row["writer_id"], row["vector_clock"]) == (me, me, {me: 1})
            assert (row["timestamp"], row["client_id"]) == ("2023-11-14T22:13:20.250000Z", "mine")

    def test_by_the_time_of_arrival(self, moderator_api: Api, url: str, me: str) -> None:
        """Each asks for what came since it was told the time, and misses nothing, however old the operation."""
        seen, since = [], ""
        for number in range(1, 6):
            told = title(me, number, str(number), timestamp=THEN - number)
            moderator_api.post(url, {"operations": [told]})
            body = moderator_api.get(f"{url}?since={quote(since)}").json()
            seen += [row["operation_data"]["value"] for row in body["operations"]]
            since = body["server_time"]
        assert sorted(set(seen)) == ["1", "2", "3", "4", "5"]
        late = (datetime.fromisoformat(since) + timedelta(seconds=1)).isoformat()
        assert moderator_api.get(f"{url}?since={quote(late)}").json()["operations"] == []

    def test_since_an_operation_came_those_after_it_come(self, moderator_api: Api, url: str, me: str) -> None:
        for number in range(1, 4):
            moderator_api.post(url, {"operations": [title(me, number)]})
        every = moderator_api.get(url).json()["operations"]
        came = [row["created_at"] for row in every]
        assert came == sorted(set(came))  # no two calls' operations share an instant
        for number, when in enumerate(came):
            for told in (when, when.replace("Z", "+00:00"), str(datetime.fromisoformat(when).timestamp())):
                for since in (quote(told), told):  # escaped, and as somebody types it
                    rows = moderator_api.get(f"{url}?since={since}").json()["operations"]
                    assert rows == every[number + 1 :], since

    def test_a_limit_parts_no_call_and_misses_nothing(self, moderator_api: Api, url: str, me: str) -> None:
        for first, last in ((1, 1), (2, 6), (7, 9), (10, 10)):
            moderator_api.post(url, {"operations": [title(me, number) for number in range(first, last + 1)]})
        every = moderator_api.get(url).json()
        assert (len(every["operations"]), every["next_since"]) == (10, None)
        for limit, sizes in ((1, [1, 5, 3, 1]), (2, [6, 3, 1]), (6, [6, 4]), (9, [9, 1]), (10, [10]), (11, [10])):
            assert read_in_parts(moderator_api, url, f"limit={limit}&") == (every["operations"], sizes), limit
        part = moderator_api.get(f"{url}?limit=2").json()
        assert (part["server_version"], part["base"]) == (11, every["base"])

    def test_answers_end_by_bytes(self, moderator_api: Api, url: str, me: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """An answer ends after so many bytes; the next one misses nothing."""
        for first, last in ((1, 2), (3, 3), (4, 4), (5, 5)):
            moderator_api.post(url, {"operations": [title(me, n, "x" * 150) for n in range(first, last + 1)]})
        every = moderator_api.get(url).json()["operations"]
        monkeypatch.setattr(services, "MAX_SENT_BYTES", 500)
        assert read_in_parts(moderator_api, url) == (every, [3, 2])

    @pytest.mark.django_db(transaction=True)
    def test_nobody_waits_while_operations_are_read(self, moderator_api: Api, url: str, me: str) -> None:
        """A video may have 100 000; on SQLite a transaction keeps everybody else from writing."""
        moderator_api.post(url, {"operations": [title(me)]})
        held = []

        def look(execute: Any, sql: str, *words: Any) -> Any:
            if '"crdt_operations"."operation_data"' in sql:
                held.append(connection.in_atomic_block)
            return execute(sql, *words)

        with connection.execute_wrapper(look):
            assert len(moderator_api.get(url).json()["operations"]) == 1
        assert set(held) == {False}

    @pytest.mark.parametrize(("name", "value"), [
        *(("since", text) for text in ("yesterday", "NaN", "inf", "-1", "1e300", "1969-01-01", "[]")),
        ("since", "0001-01-01T00:00:00%2B23:00"),
        *(("limit", text) for text in ("0", "-1", "10001", "x", "1.5")),
    ])  # fmt: skip
    def test_a_bad_instant_or_limit_is_400(self, name: str, value: str, moderator_api: Api, video: Video) -> None:
        for url in (f"{URL}/{video.pk}/sync?", f"/sync?video_id={video.pk}&"):
            assert set(refused(moderator_api.get(f"{url}{name}={value}"), 400, "invalid")["errors"]) == {name}

    def test_readers(self, anonymous: Api, api: Api, moderator_api: Api, video: Video, url: str, owner: User) -> None:
        """Readers may send nothing and are not shown former texts."""
        for told in (title(str(owner.pk)), {}):
            refused(api.post(url, {"operations": [told]}), 403, "forbidden")
        body = api.post(url, {"operations": [], "client_vector_clock": {"user1": 3}}).json()
        assert (body["sync_type"], body["action"], body["server_vector_clock"]) == ("equal", "none", {})
        moderator_api.put(f"{URL}/{video.pk}", {"title": "A slip"})
        moderator_api.put(f"{URL}/{video.pk}", {"title": "Mended"})
        for client in (anonymous, api):
            body = client.get(f"/sync?video_id={video.pk}").json()
            assert (body["operations"], body["server_version"]) == ([], 3)
            assert "A slip" not in json.dumps(body)
        assert len(moderator_api.get(f"/sync?video_id={video.pk}").json()["operations"]) == 2


class TestReading:
    """:mod:`media_app.catalogue.operations` by itself."""

    NOW = datetime(2026, 1, 1, tzinfo=UTC)

    def test_the_edge_of_five_minutes(self) -> None:
        for microseconds, is_taken in ((0, True), (1, False)):
            when = self.NOW + timedelta(minutes=5, microseconds=microseconds)
            told = title("u", timestamp=when.isoformat())
            if is_taken:
                taken = operations.parse_operation(told, "u", self.NOW).operation
                assert taken.timestamp == operations.microseconds(when)
            else:
                with pytest.raises(InvalidOperation, match="ahead"):
                    operations.parse_operation(told, "u", self.NOW)

    @pytest.mark.parametrize("value", ["a\x00b", "\ud800", "a\x00"])
    def test_what_a_database_refuses_is_refused_here(self, value: str) -> None:
        for kind in ("update_description", "add_tag", "update_title"):
            told = title("u", operation_type=kind, operation_data={"value": value})
            try:
                kept = operations.parse_operation(told, "u", self.NOW).operation.value
            except InvalidOperation:
                continue
            assert "\x00" not in kept
            assert kept.encode()

    @pytest.mark.parametrize("number", [0.1, 1_700_000_000.123456, 1_700_000_000.999999, 2**31 + 0.5])
    def test_epoch_seconds_keep_their_microseconds(self, number: float) -> None:
        found = operations.instant(number, "at")
        assert operations.microseconds(found) == round(number * 1e6)
        assert operations.moment(operations.microseconds(found)) == found


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_a_write_under_way_is_not_missed(moderator_api: Api, moderator: User, video: Video, url: str, me: str) -> None:
    """Who asks while an operation is on its way is told of it now, or when he asks for what came since."""
    written, go_on = threading.Event(), threading.Event()
    answers: list[dict[str, Any]] = []

    def write() -> None:
        with services.transaction.atomic():
            operation = operations.parse_operation(title(me), me, datetime.now(UTC))
            services.sync(video.pk, moderator, {}, [operation])
            written.set()
            go_on.wait(SECONDS)
        connection.close()

    def ask() -> None:
        answers.append(moderator_api.get(url).json())
        connection.close()

    def somebody_waits() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_stat_activity"
                " WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0)"
            )
            return bool(cursor.fetchone()[0])

    writer, asker = threading.Thread(target=write), threading.Thread(target=ask)
    writer.start()
    try:
        assert written.wait(SECONDS)
        asker.start()
        wait_until(lambda: somebody_waits() or not asker.is_alive(), SECONDS, "the answer, or that it waits")
    finally:
        go_on.set()
        writer.join(SECONDS)
    asker.join(SECONDS)
    answers.append(moderator_api.get(f"{url}?since={quote(answers[0]['server_time'])}").json())
    assert [row["vector_clock"] for answer in answers for row in answer["operations"]] == [{me: 1}]
