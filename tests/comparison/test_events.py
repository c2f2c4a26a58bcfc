"""…/events: what is marked in a comparison, changed, answered to, and told to everybody who watches."""

import json
import re
import tracemalloc
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_check import check

from sessions_app.comparison import vod_cache
from sessions_app.comparison.duplicating import duplicate_session
from sessions_app.comparison.events import api as event_api
from sessions_app.comparison.events import files as event_files
from sessions_app.comparison.events import paging
from sessions_app.comparison.events import services as service
from sessions_app.comparison.models import ComparisonSession, EventReply, SessionEvent
from tests.comparison.conftest import STROKE, send_file, watching
from tests.support.api import BASE, Api, refused, session_of
from tests.support.factories import make_key, make_session
from tests.support.sockets import ask, connected, next_message
from tests.support.together import at_once
from vodplatform.accounts.models import User
from vodplatform.core.web.turns import Turn

pytestmark = pytest.mark.django_db


@pytest.fixture
def url(session: ComparisonSession) -> str:
    return f"{BASE}/{session.pk}/events"


def mark(api: Api, url: str, **body: Any) -> dict[str, Any]:
    response = api.post(url, {"kind": "kill", **body})
    assert response.status_code == 201, response.content
    return response.json()["event"]


def listed(api: Api, url: str, query: str = "") -> list[dict[str, Any]]:
    body = api.get(f"{url}?{query}").json()
    assert body["ok"] is True
    assert body["total"] >= len(body["events"])
    return body["events"]


class TestMarking:
    def test_an_event_has_the_fields_of_the_contract(self, api: Api, url: str, owner: User) -> None:
        body = {"vod_id": "vod-2", "time": 100.5, "end": 103.0, "label": "Ace", "color": "#aa00ff", "body": "Look."}
        event = mark(api, url, **body, drawing={"strokes": [STROKE]})
        assert {name: event[name] for name in body} == body
        assert (event["global_time"], event["end_global_time"]) == (50.5, 53.0)
        assert (event["origin"], event["confidence"]) == ("manual", None)
        assert (event["resolved"], event["replies"]) == (False, [])
        assert (event["created_by"], event["created_by_name"]) == (str(owner.pk), "owner")
        assert event["drawing"] == {"strokes": [STROKE]}
        assert event["created_at"] == event["updated_at"]
        source = {"event_id": event["event_id"], "vod_id": "vod-2", "time": 100.5, "end": 103.0}
        assert event["sources"] == [source]
        assert listed(api, url) == [event]

    def test_an_event_follows_its_vod_or_the_clock(self, api: Api, url: str, session: ComparisonSession) -> None:
        event = mark(api, url, global_time=120.0, end=130.0)
        assert (event["vod_id"], event["time"], event["global_time"]) == (None, 120.0, 120.0)
        mark(api, url, vod_id="vod-2", time=100.0)
        change = {"offsets": {"vod-1": 9.0, "vod-2": -10.0}, "drifts": {"vod-2": 500.0}, "source": "manual"}
        assert api.put(f"{BASE}/{session.pk}/offsets", change).status_code == 200
        moved, stands = listed(api, url)
        assert (moved["time"], stands["global_time"]) == (100.0, 120.0)
        vod = session.vods.get(vod_id="vod-2")
        assert vod.placement.time_at(moved["global_time"]) == pytest.approx(100.0, abs=1e-9)

    def test_what_is_no_event_is_refused(self, api: Api, url: str) -> None:
        bad: list[tuple[dict[str, Any], str]] = [
            ({}, "global_time"), ({"vod_id": "vod-1"}, "time"), ({"time": 1}, "global_time"),
            ({"vod_id": "vod-1", "time": 1, "global_time": 1}, "global_time"),
            ({"vod_id": "vod-1", "time": -1}, "time"), ({"vod_id": "vod-1", "time": 601}, "time"),
            ({"vod_id": "vod-1", "time": 5, "end": 601}, "end"),
            ({"vod_id": "vod-1", "time": 5, "end": 5}, "end"), ({"global_time": 5, "end": 4}, "end"),
            ({"global_time": 1, "kind": "kill\n"}, "kind"),
        ]  # fmt: skip
        drawings = [
            [], "x", {}, {"strokes": {}}, {"strokes": [7]}, *({"strokes": [{**STROKE, **change}]} for change in (
                {"tool": "rocket"}, {"points": []}, {"points": [[0, 2]]}, {"points": [[0.1]]}, {"points": [["a", 0]]},
                {"points": [[True, 0]]}, {"color": "red"}, {"color": 7}, {"width": -1}, {"width": 10**400},
                {"tool": "text"}, {"tool": "text", "text": 5}, {"tool": "text", "text": "x" * 501},
            )),
        ]  # fmt: skip
        for body, field in (*bad, *(({"global_time": 1, "drawing": drawing}, "drawing") for drawing in drawings)):
            with check(str(body)[:80]):
                assert set(refused(api.post(url, {"kind": "kill", **body}), 400, "invalid")["errors"]) == {field}
        assert not SessionEvent.objects.exists()

    def test_a_drawing_has_64_kilobytes_and_a_text_in_it_500_letters_at_most(self, api: Api, url: str) -> None:
        strokes = [{**STROKE, "points": [[0.5, 0.5]] * 9_000}]
        refused(api.post(url, {"kind": "comment", "global_time": 1, "drawing": {"strokes": strokes}}), 413, "too_large")
        event, long = ({"kind": "kill", "global_time": 1, "drawing": {"strokes": [
            {**STROKE, "tool": "text", "text": "x" * count}]}} for count in (500, 501))  # fmt: skip
        event_id = mark(api, url, **event)["event_id"]
        for answer in (api.patch(f"{url}/{event_id}", {"drawing": long["drawing"]}), api.post(f"{url}/import", [long])):
            body = refused(answer, 400, "invalid")
            assert "at most 500 characters" in str(body["errors"]), body
            assert "drawing" in str(body["errors"])
        assert len(listed(api, url)) == 1

    def test_events_are_capped_and_one_key_makes_one(self, api: Api, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        refused(api.post(url, {"kind": "kill", "vod_id": "none", "time": 1}), 400, "unknown_vod")
        refused(api.get(f"{url}?vod_id=none"), 400, "unknown_vod")
        headers = {"Idempotency-Key": "one"}
        first, again = (api.post(url, {"kind": "kill", "global_time": 1}, headers=headers) for _ in range(2))
        assert first.json()["event"] == again.json()["event"]
        assert SessionEvent.objects.count() == 1
        monkeypatch.setattr(service, "MAX_EVENTS", 2)
        mark(api, url, global_time=2)
        assert refused(api.post(url, {"kind": "kill", "global_time": 3}), 409, "too_many_events")["limit"] == 2


class TestReading:
    def test_by_time_and_by_what_is_asked(self, api: Api, url: str) -> None:
        mark(api, url, vod_id="vod-3", time=5.0)  # 42 on the clock
        mark(api, url, global_time=10.0, kind="round")
        mark(api, url, vod_id="vod-2", time=100.0, kind="death")  # 50
        times = {query: [one["global_time"] for one in listed(api, url, query)] for query in (
            "", "kind=round", "vod_id=vod-2", "origin=manual", "origin=import", "from=42&to=50", "from=42.5", "limit=1",
            "limit=1&offset=1",
        )}  # fmt: skip
        assert times == {
            "": [10, 42, 50], "kind=round": [10], "vod_id=vod-2": [50], "origin=manual": [10, 42, 50],
            "origin=import": [], "from=42&to=50": [42, 50], "from=42.5": [50], "limit=1": [10],
            "limit=1&offset=1": [42],
        }  # fmt: skip
        assert api.get(f"{url}?limit=1").json()["total"] == 3

    def test_pages_have_the_same_events_as_the_whole_list(self, api: Api, url: str) -> None:
        for time in (3.0, 1.0, 2.0):
            mark(api, url, vod_id="vod-1", time=60 + time)
            mark(api, url, vod_id="vod-2", time=110.1 + time)
            mark(api, url, global_time=60.05 + time, kind="round", body="Why?")
        whole = listed(api, url)
        assert sorted(len(one["sources"]) for one in whole) == [1, 1, 1, 2, 2, 2]
        pages = [api.get(f"{url}?limit=1&offset={number}").json() for number in range(7)]
        assert [page["events"] for page in pages] == [*([one] for one in whole), []]
        assert {page["total"] for page in pages} == {6}

    def test_first_fifty(self, api: Api, url: str, session: ComparisonSession, monkeypatch: pytest.MonkeyPatch) -> None:
        def of_vods() -> list[list[dict[str, Any]]]:
            return [vod["events"] for vod in api.get(f"{BASE}/{session.pk}").json()["session"]["vods"]]

        monkeypatch.setattr(vod_cache, "EVENTS_SHOWN", 2)
        assert of_vods() == [[], [], []]
        made = [mark(api, url, vod_id="vod-2", time=time, label=str(time)) for time in (9.0, 7.0, 8.0)]
        mark(api, url, global_time=5.0)
        short = [{name: one[name] for name in ("event_id", "time", "end", "kind", "label")} for one in made]
        assert of_vods() == [[], [short[1], short[2]], []]
        api.patch(f"{url}/{made[1]['event_id']}", {"time": 10.0, "end": 11.0})
        assert of_vods() == [[], [short[2], short[0]], []]
        api.delete(f"{url}/{made[2]['event_id']}")
        assert of_vods() == [[], [short[0], {**short[1], "time": 10.0, "end": 11.0}], []]

    def test_events_of_several_vods_are_joined(self, api: Api, url: str, session: ComparisonSession) -> None:
        first = mark(api, url, vod_id="vod-1", time=60.0)
        second = mark(api, url, vod_id="vod-2", time=110.1)
        [event] = listed(api, url)
        assert event["event_id"] == first["event_id"]
        assert event["global_time"] == pytest.approx(60.05)
        assert [source["event_id"] for source in event["sources"]] == [first["event_id"], second["event_id"]]
        assert [one["event_id"] for one in listed(api, url, "vod_id=vod-2")] == [first["event_id"]]
        assert len(listed(api, url, "joined=false")) == 2
        api.put(f"{BASE}/{session.pk}/offsets", {"offsets": {"vod-2": -49.0}, "source": "manual"})
        assert [one["global_time"] for one in listed(api, url)] == pytest.approx([60.0, 61.1])
        # Events with a note or a drawing are never joined.
        mark(api, url, vod_id="vod-2", time=109.0, body="Why?")
        mark(api, url, vod_id="vod-3", time=97.0, drawing={"strokes": [STROKE]})
        assert len(listed(api, url)) == 4


class TestChanging:
    def test_what_is_left_out_stays_and_a_span_is_moved_whole(self, api: Api, url: str) -> None:
        event = mark(api, url, vod_id="vod-2", time=100.0, end=103.0, label="Ace", body="Look.")
        changed = api.patch(f"{url}/{event['event_id']}", {"label": "Clutch", "resolved": True}).json()["event"]
        assert changed["updated_at"] > event["updated_at"]
        assert changed == {**event, "label": "Clutch", "resolved": True, "updated_at": changed["updated_at"]}
        assert listed(api, url) == [changed]
        event = mark(api, url, vod_id="vod-2", time=100.0, end=103.0)
        path = f"{url}/{event['event_id']}"
        moved = api.patch(path, {"global_time": 60.0}).json()["event"]
        assert (moved["time"], moved["end"]) == (110.0, 113.0)
        longer = api.patch(path, {"end": 120.0}).json()["event"]
        assert (longer["time"], longer["end"]) == (110.0, 120.0)
        assert api.patch(path, {"end": None}).json()["event"]["end"] is None
        refused(api.patch(path, {"global_time": 600.0}), 400, "invalid")
        # The clock begins at -50, the start of vod-2.
        event = mark(api, url, global_time=5.0, end=6.0)
        for given, field in ((-50.1, "global_time"), (604_800.0, "end")):
            body = refused(api.patch(f"{url}/{event['event_id']}", {"global_time": given}), 400, "invalid")
            assert set(body["errors"]) == {field}

    def test_what_another_wrote_since_is_not_replaced(self, api: Api, url: str) -> None:
        path = f"{url}/{mark(api, url, vod_id='vod-2', time=100.0, body='Look.')['event_id']}"
        assert api.patch(path, {"body": "Look here.", "base": {"body": "Look.", "label": ""}}).status_code == 200
        assert (
            refused(api.patch(path, {"body": "No.", "base": {"body": "Look."}}), 409, "event_changed")["field"]
            == "body"
        )
        again = api.patch(path, {"body": "Look here.", "base": {"body": "Look."}})  # the answer to the first was lost
        assert again.json()["event"]["body"] == "Look here."
        refused(api.patch(path, {"base": {"body": 7}}), 400, "invalid")

    def test_an_event_is_not_deleted_with_words_that_nobody_has_seen(self, api: Api, url: str) -> None:
        event = mark(api, url, vod_id="vod-1", time=1)
        path = f"{url}/{event['event_id']}"
        replied = api.post(f"{path}/replies", {"body": "Wait."}).json()["event"]
        refused(api.delete(f"{path}?updated_at={event['updated_at']}"), 409, "event_changed")
        reply = f"{path}/replies/{replied['replies'][0]['reply_id']}"
        seen = api.delete(reply).json()["event"]["updated_at"]
        refused(api.delete(f"{path}?updated_at={replied['updated_at']}"), 409, "event_changed")
        assert api.delete(f"{path}?updated_at={seen}").status_code == 200

    def test_replies_make_a_thread_that_goes_with_its_event(self, api: Api, url: str, owner: User) -> None:
        event = mark(api, url, global_time=1, kind="comment", body="Why?")
        path = f"{url}/{event['event_id']}/replies"
        first = api.post(path, {"body": "Because."})
        assert first.status_code == 201
        answered = api.post(path, {"body": "I see."}).json()["event"]
        assert [one["body"] for one in answered["replies"]] == ["Because.", "I see."]
        assert answered["replies"][0]["created_by"] == str(owner.pk)
        reply_id = answered["replies"][0]["reply_id"]
        left = api.delete(f"{path}/{reply_id}").json()["event"]
        assert [one["body"] for one in left["replies"]] == ["I see."]
        refused(api.delete(f"{path}/{reply_id}"), 404, "event_not_found")
        assert api.delete(f"{url}/{event['event_id']}").json() == {"ok": True}
        assert listed(api, url) == []
        assert not EventReply.objects.exists()


class TestSize:
    def draw(self, api: Api, url: str, points: int = 4000) -> dict[str, Any]:
        stroke = {**STROKE, "points": [[0.25, 0.5]] * points}
        return mark(api, url, global_time=1, drawing={"strokes": [stroke]})

    @pytest.mark.both
    def test_the_sum_follows_every_change_and_counts_into_the_storage_of_the_owner(
        self, api: Api, url: str, session: ComparisonSession
    ) -> None:
        def total() -> int:
            session.refresh_from_db()
            answered = len(json.dumps(listed(api, url, "joined=false"), separators=(",", ":")))
            assert answered <= session.events_bytes <= answered + 500 * session.events.count()
            assert api.get("/api/v1/me").json()["usage"]["storage_bytes"] == session.events_bytes
            return session.events_bytes

        event = f"{url}/{self.draw(api, url)['event_id']}"
        assert total() > 40_000
        api.patch(event, {"drawing": None, "body": "x" * 5000})
        assert 5000 < total() < 7000
        reply = api.post(f"{event}/replies", {"body": "y" * 5000}).json()["event"]["replies"][0]["reply_id"]
        assert 10_000 < total() < 12_000
        api.post(f"{url}/import", [{"global_time": 1, "kind": "kill"}] * 3)
        assert 12_000 < total() < 15_000
        copy = session_of(api.post(f"{BASE}/{session.pk}/duplicate", {}), 201)["session_id"]
        stored = ComparisonSession.objects.get(pk=copy).events_bytes
        assert stored == session.events_bytes
        session.events_bytes = 0  # as a request has read it before another one added the events
        another = duplicate_session(session, session.owner)
        assert another.events_bytes == stored
        api.delete(f"{BASE}/{another.pk}")
        api.delete(f"{BASE}/{copy}")
        api.delete(f"{event}/replies/{reply}")
        assert 7000 < total() < 10_000
        api.delete(event)
        assert total() < 4000

    def test_a_session_and_a_plan_have_a_limit(
        self, api: Api, url: str, session: ComparisonSession, settings: Any
    ) -> None:
        settings.MULTI_VOD_MAX_EVENTS_BYTES = 100_000
        event = self.draw(api, url)["event_id"]
        self.draw(api, url)
        for path, body in (
            (url, {"global_time": 1, "kind": "kill", "body": "x" * 9000, "drawing": {"strokes": [STROKE] * 150}}),
            (f"{url}/import", [{"global_time": 1, "kind": "kill", "body": "x" * 9000}] * 3),
            (f"{url}/{event}/replies", {"body": "é" * 9999}),
        ):
            assert refused(api.post(path, body), 409, "too_many_events")["limit"] == 100_000
        assert session.events.count() == 2
        tiers = settings.TIER_LIMITS
        settings.TIER_LIMITS = {**tiers, "free": {**tiers["free"], "max_storage_bytes": 100_000}}
        refused(api.post(f"{BASE}/{session.pk}/duplicate", {}), 413, "storage_full")
        settings.MULTI_VOD_MAX_EVENTS_BYTES = 10_000_000
        rows = [{"global_time": 1, "kind": "kill", "body": "x" * 9000}] * 30
        refused(api.post(f"{url}/import", rows), 413, "storage_full")
        assert api.delete(f"{url}/{event}").status_code == 200

    def test_an_answer_is_cut_and_the_cursor_leads_to_the_rest(
        self, api: Api, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(paging, "MAX_PAGE_BYTES", 20_000)
        monkeypatch.setattr(paging, "MAX_BATCH", 2)
        for time in (3, 1, 2, 1, 1):
            mark(api, url, global_time=time, body="x" * 8000)
        whole, cursor, ids = api.get(f"{url}?joined=false").json(), "", []
        assert (len(whole["events"]), whole["total"]) == (2, 5)
        while cursor is not None:
            page = api.get(f"{url}?joined=false&cursor={cursor}").json()
            ids += [event["event_id"] for event in page["events"]]
            cursor = page["next_cursor"]
        assert len(ids) == len(set(ids)) == 5
        assert [event["global_time"] for event in listed(api, url, "limit=1&offset=4")] == [3]
        # The event of the cursor was deleted: no event is skipped.
        api.delete(f"{url}/{ids[1]}")
        rest = listed(api, url, f"cursor={whole['next_cursor']}")
        assert ids[2] in [event["event_id"] for event in rest]
        for bad in ("1", "nan_" + "0" * 32, "9" * 80, f"1e999_{'0' * 32}"):
            assert list(refused(api.get(f"{url}?cursor={bad}"), 400, "invalid")["errors"]) == ["cursor"]

    def test_a_page_and_a_file_cost_what_is_new(self, api: Api, url: str, session: ComparisonSession) -> None:
        mark(api, url, vod_id="vod-1", time=1)
        with patch.object(paging, "joined_events", wraps=paging.joined_events) as joined:
            for query in ("", "?limit=1", "?limit=1&kind=kill"):
                api.get(f"{url}{query}")
            assert joined.call_count == 1
            first = [api.get(f"{BASE}/{session.pk}/{name}").content for name in ("timeline.otio", "events.json")]
            assert joined.call_count == 2
        with patch.object(paging, "iterate_rows") as read:
            again = [api.get(f"{BASE}/{session.pk}/{name}").content for name in ("timeline.otio", "events.json")]
        assert (first, read.call_count) == (again, 0)
        api.put(f"{BASE}/{session.pk}/offsets", {"offsets": {"vod-1": 9.0}, "source": "manual"})
        assert [event["global_time"] for event in listed(api, url)] == [10.0]
        assert api.get(f"{BASE}/{session.pk}/timeline.otio").content != first[0]


class TestFiles:
    def test_an_object_with_the_list_is_imported_too(self, api: Api, url: str) -> None:
        rows = [{"kind": "kill", "global_time": 1}, {"kind": "kill", "global_time": 2}]
        answer = api.post(f"{url}/import", {"events": rows})
        assert (answer.status_code, json.loads(answer.content)["created"]) == (201, 2)
        for body in ({"events": 5}, {"events": rows[0]}, {}, {"rows": rows}, {"events": [{"kind": 1}]}):
            refused(api.post(f"{url}/import", body), 400, "invalid")
        assert SessionEvent.objects.count() == 2

    def test_a_table_and_json_go_out_and_in_again(self, api: Api, url: str, owner: User) -> None:
        mark(api, url, vod_id="vod-2", time=0.1 + 0.2, end=3.0, label="=cmd|' /C calc'!A0")
        mark(api, url, global_time=7.0, label="'quoted', \"twice\"\nand over two lines", kind="-kill")
        mark(api, url, global_time=8.0, label="x;=1+1\t＝2")
        answer = api.get(f"{url}.csv")
        assert answer["Content-Type"].startswith("text/csv")
        assert "attachment" in answer["Content-Disposition"]
        assert not re.search(r"[\n,;\t][=＝]", answer.content.decode())
        copy = f"{BASE}/{make_session(owner, durations=(600, 500, 400), offsets=(0, -50, 37)).pk}/events"
        assert self.bring(api, copy, "events.csv", answer.content) == 3
        assert [self.plain(one) for one in listed(api, copy)] == [self.plain(one) for one in listed(api, url)]
        assert {one["origin"] for one in listed(api, copy)} == {"import"}
        mark(api, url, vod_id="vod-2", time=1.5, body="Look.", color="#123456", drawing={"strokes": [STROKE]})
        copy = f"{BASE}/{make_session(owner, offsets=(0, -50, 37)).pk}/events"
        assert self.bring(api, copy, "events.json", api.get(f"{url}.json").content) == 4
        assert [self.plain(one) for one in listed(api, copy)] == [self.plain(one) for one in listed(api, url)]

    def test_large_ones_are_sent_from_the_disk_and_drawings_are_copied_as_text(
        self, api: Api, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(event_api, "SENT_AT_ONCE", 10)
        for number in range(3):
            mark(api, url, global_time=number, body="😀", drawing={"strokes": [STROKE]})
        with CaptureQueriesContext(connection) as queries:
            answers = {name: api.get(f"{url}.{name}") for name in ("csv", "json")}
        assert not [one for one in queries if '"drawing",' in one["sql"] and "CAST" not in one["sql"].upper()]
        with pytest.warns(Warning, match="asynchronous iterators"):
            files = {name: b"".join(answer) for name, answer in answers.items()}
        assert {name: int(answers[name]["Content-Length"]) for name in files} == {n: len(f) for n, f in files.items()}
        assert [row["drawing"] for row in json.loads(files["json"])] == [{"strokes": [STROKE]}] * 3
        assert "😀".encode() in files["json"]

    def test_one_is_written_and_one_is_parsed_at_a_time_and_one_list_for_each_account(
        self, api: Api, other_api: Api, url: str, owner: User, other: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Turn.__init__, "__defaults__", (0.01,))
        monkeypatch.setattr(event_api, "READ_SECONDS", 0.01)
        mark(api, url, global_time=1)
        lock = event_api.reading.of(owner.pk)
        with lock:
            refused(api.get(url, fails=True), 503, "unavailable")
            refused(other_api.get(url), 404, "session_not_found")
        assert len(listed(api, url)) == 1
        error = RuntimeError()
        with patch.object(paging, "read_events", side_effect=error):
            refused(api.get(url, fails=True), 500, "server_error")
        assert not lock.locked()
        table = api.get(f"{url}.csv").content
        with event_files.parsing:
            assert self.bring(api, url, "events.csv", table) == 1
            monkeypatch.setattr(event_files, "SMALL_BYTES", 0)
            refused(send_file(api, url, "events.csv", table), 503, "unavailable")
        with event_api.importing.of(owner.pk):
            refused(send_file(api, url, "events.csv", table), 503, "unavailable")
            refused(api.post(f"{url}/import", [{"kind": "kill", "global_time": 1}], fails=True), 503, "unavailable")
        with event_api.importing.of(other.pk):
            assert self.bring(api, url, "events.csv", table) == 1
        with event_api.reading.of(owner.pk):
            refused(api.get(f"{url}.csv", fails=True), 503, "unavailable")

    @pytest.mark.django_db(transaction=True)
    def test_a_long_list_is_prepared_before_the_comparison_is_locked(
        self, api: Api, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        locked: list[bool] = []
        compile_inserts = service.compile_inserts

        def compile_and_change(rows: Any) -> Any:
            locked.append(connection.in_atomic_block)
            if len(locked) == 1:  # a seek does not matter for the rows
                assert api.put(f"{url.removesuffix('/events')}/global-seek", {"timestamp": 1.0}).status_code == 200
            if len(locked) == 2:
                offsets = {"offsets": {"vod-2": 0.0}, "source": "manual"}
                assert api.put(f"{url.removesuffix('/events')}/offsets", offsets).status_code == 200
            return compile_inserts(rows)

        monkeypatch.setattr(service, "compile_inserts", compile_and_change)
        # The clock begins at -50, the start of vod-2, until the offset is changed.
        long = [{"kind": "kill", "global_time": number - 50} for number in range(101)]
        assert api.post(f"{url}/import", long).json()["created"] == 101
        assert locked == [False]
        assert not SessionEvent.objects.filter(size=0).exists()
        # If the comparison is changed meanwhile, the list is checked again, without the lock.
        assert "Line 1: " in refused(api.post(f"{url}/import", long), 400, "invalid")["error"]
        assert locked == [False, False]
        assert SessionEvent.objects.count() == 101
        with monkeypatch.context() as patch:
            patch.setattr(service, "MAX_EVENTS", 150)
            refused(api.post(f"{url}/import", long[50:] + long[50:]), 409, "too_many_events")
        assert locked == [False, False]  # refused before the work
        assert api.post(f"{url}/import", long[50:]).json()["created"] == 51

    def plain(self, event: dict[str, Any]) -> dict[str, Any]:
        names = ("kind", "label", "body", "color", "drawing", "vod_id", "time", "end", "global_time")
        return {name: event[name] for name in names}

    def bring(self, api: Api, url: str, name: str, raw: bytes) -> int:
        response = send_file(api, url, name, raw)
        assert response.status_code == 201, response.content
        return response.json()["created"]

    @pytest.mark.parametrize("raw", [
        b"\xef\xbb\xbfvod_id,time,end,kind,label\r\nvod-1,1.5,,kill,A\r\n",
        b"label;kind;end;time;vod_id\nA;kill;;1,5;vod-1\n",
        b"vod_id\ttime\tend\tkind\tlabel\nvod-1\t1.5\t\tkill\tA",
        b"time,kind,vod_id,label,note\n1.5,kill,vod-1,A,what nobody asked for\n",
    ], ids=["a BOM", "semicolons and decimal commas", "tabs", "another column"])  # fmt: skip
    def test_tables_as_spreadsheets_write_them(self, api: Api, url: str, raw: bytes) -> None:
        assert self.bring(api, url, "t.csv", raw) == 1
        [event] = listed(api, url)
        assert (event["vod_id"], event["time"], event["end"], event["label"]) == ("vod-1", 1.5, None, "A")

    @pytest.mark.parametrize(("raw", "where"), [
        (b"", "file"), (b"[]", "events"), (b"vod_id,time,kind\n", "events"),
        (b"a,b\n1,2\n", "file"), (b"\xff\xfe", "file"), (b"vod_id,time,kind\nvod-1,x,kill\n", "2"),
        (b"vod_id,time,kind\nvod-1,1,kill\nvod-1,2,Kill\n", "3"), (b"[", "file"), (b"[7]", "1"),
        (b'[{"vod_id":"vod-1","time":1,"kind":"a"},{}]', "2"), (b'vod_id,time,kind\n"vod-1,1,kill\n', "file"),
    ])  # fmt: skip
    def test_errors_are_told_by_line_and_nothing_is_kept(self, api: Api, url: str, raw: bytes, where: str) -> None:
        body = refused(send_file(api, url, "t.csv", raw), 400, "invalid")
        assert list(body["errors"]) == [where]
        assert not SessionEvent.objects.exists()

    def test_files_of_very_many_short_parts_are_refused_before_they_are_built(self, api: Api, url: str) -> None:
        for name, raw in (
            ("t.csv", b"time,kind\n" + b"1,a\n" * 500_000),
            ("t.csv", b"time,kind" + b",a" * 2000 + b"\n1\n" * 2000),
            ("t.csv", b"time,kind\n1,a" + b"," * 4_000_000),
            ("t.csv", b"time,kind" + b"\n" * 4_000_000),
            ("t.json", b"[" + b"[]," * 500_000 + b"[]]"),
        ):
            tracemalloc.start()
            try:
                refused(send_file(api, url, name, raw), 400, "invalid")
                most = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            assert most < 40 * 2**20, name

    def test_numbers_that_postgresql_writes_with_many_digits_are_shortened(self) -> None:
        row = SimpleNamespace(drawing_text=f'{{"a": [{", ".join(["0." + "0" * 299 + "1"] * 500)}]}}')
        paging._shorten_texts([row])  # type: ignore[list-item]
        assert row.drawing_text == f'{{"a":[{",".join(["0.0"] * 500)}]}}'

    def test_one_that_fits_no_vod_keeps_all_out(self, api: Api, url: str) -> None:
        rows = [{"vod_id": "vod-1", "time": 1, "kind": "a"}, {"vod_id": "vod-1", "time": 9999, "kind": "a"}]
        body = refused(api.post(f"{url}/import", rows), 400, "invalid")
        assert set(body["errors"]["2"]) == {"time"}
        assert body["error"].startswith("Line 2: time: Must be from 0 to 600.000")
        body = refused(api.post(f"{url}/import", [rows[0], {**rows[0], "vod_id": "none"}]), 400, "unknown_vod")
        assert body["error"].startswith("Line 2: ")
        table = b"vod_id,time,kind\nvod-1,1,kill\nvod-1,9999,kill\n"
        assert list(refused(send_file(api, url, "t.csv", table), 400, "invalid")["errors"]) == ["3"]
        assert not SessionEvent.objects.exists()
        assert api.post(f"{url}/import", rows[:1]).json() == {"ok": True, "created": 1}


class TestTogether:
    pytestmark = [pytest.mark.both, pytest.mark.django_db(transaction=True)]

    async def test_everybody_who_watches_is_told(self, owner: User, session: ComparisonSession, url: str) -> None:
        key = await ask(make_key, owner)
        async with connected(f"/ws/sessions/{session.pk}/", key=key) as socket:
            first = await next_message(socket)
            event = await ask(lambda: mark(Api(key), url, vod_id="vod-1", time=5))
            message = await next_message(socket)
            assert (message["type"], message["by"], message["complete"]) == ("events", "owner", True)
            assert message["revision"] == first["revision"] + 1
            assert (message["changed"], message["deleted"]) == ([event], [])
            await ask(lambda: Api(key).delete(f"{url}/{event['event_id']}"))
            assert (await next_message(socket))["deleted"] == [event["event_id"]]
            await ask(lambda: Api(key).patch(f"{BASE}/{session.pk}", {"name": "After"}))
            after = await next_message(socket)
            assert (after["type"], after["session"]["events_revision"]) == ("session", message["revision"] + 1)

    @pytest.mark.parametrize(
        ("most", "body"),
        [(4, ""), (5, "é" * 9_900)],  # letters beyond ASCII take six bytes each in a message
        ids=["very many", "very long"],
    )
    async def test_too_many_or_too_long_events_are_announced_without_the_events(
        self, api: Api, owner: User, session: ComparisonSession, url: str, monkeypatch: pytest.MonkeyPatch, most: int,
        body: str,
    ) -> None:  # fmt: skip
        monkeypatch.setattr(service, "MAX_EVENTS_IN_MESSAGE", most)
        async with watching(session, owner) as socket:
            rows = [{"global_time": time, "kind": "a", "body": body} for time in range(5)]
            await ask(api.post, f"{url}/import", rows)
            message = await next_message(socket)
            assert (message["complete"], message["changed"]) == (False, [])

    def test_two_who_move_delete_and_answer_at_once_lose_nothing(self, owner: User, url: str) -> None:
        key = make_key(owner)
        api = Api(key)
        for _ in range(4):
            event = mark(api, url, global_time=10.0)
            path = f"{url}/{event['event_id']}"
            moved, named, answered, again = at_once(
                lambda path=path: Api(key).patch(path, {"global_time": 20.0}).status_code,
                lambda path=path: Api(key).patch(path, {"label": "Ace"}).status_code,
                lambda path=path: Api(key).post(f"{path}/replies", {"body": "one"}).status_code,
                lambda path=path: Api(key).post(f"{path}/replies", {"body": "two"}).status_code,
            )
            assert (moved, named, answered, again) == (200, 200, 201, 201)
            shown = next(one for one in listed(api, url) if one["event_id"] == event["event_id"])
            assert (shown["global_time"], shown["label"]) == (20.0, "Ace")
            assert sorted(one["body"] for one in shown["replies"]) == ["one", "two"]
            results = at_once(
                lambda path=path: Api(key).delete(path).status_code,
                lambda path=path: Api(key).patch(path, {"label": "x"}).status_code,
                lambda path=path: Api(key).delete(path).status_code,
            )
            assert sorted((results[0], results[2])) == [200, 404]
            assert results[1] in (200, 404)
        assert not SessionEvent.objects.exists()
