"""…/timeline.otio and markers on their way back: what an editor of OpenTimelineIO reads, and what it may send."""

import json
from typing import Any

import opentimelineio as otio
import pytest
from opentimelineio.opentime import RationalTime, TimeRange
from pytest_check import check

from sessions_app.comparison.models import ComparisonSession, SessionEvent
from tests.comparison.conftest import STROKE, send_file
from tests.support.api import Api, refused
from tests.support.factories import make_session
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(owner: User) -> ComparisonSession:
    found = make_session(owner, durations=(600, 500, 400), offsets=(0, -50, 37))
    found.vods.update(path="/srv/recordings/secret.mp4")
    return found


def timeline_of(api: Api, url: str) -> Any:
    answer = api.get(f"{url}/timeline.otio")
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith("attachment; filename=")
    assert "/srv/recordings" not in answer.content.decode()
    return otio.adapters.read_from_string(answer.content.decode(), "otio_json")


def send(api: Api, url: str, timeline: Any) -> Any:
    text = timeline if isinstance(timeline, str) else otio.adapters.write_to_string(timeline, "otio_json")
    return send_file(api, f"{url}/events", "cut.otio", text.encode())


def fields(event: dict[str, Any]) -> dict[str, Any]:
    names = ("vod_id", "time", "end", "kind", "label", "body", "color", "drawing")
    return {name: event[name] for name in names}


def test_the_vods_are_tracks_at_their_offsets_and_a_faster_clock_is_a_time_warp(api: Api, url: str) -> None:
    timeline = timeline_of(api, url)
    begins = {}
    for clip in timeline.find_clips():
        span = clip.transformed_time_range(clip.source_range, timeline.tracks)
        begins[clip.name] = (span.start_time.to_seconds(), clip.source_range.start_time.to_seconds())
    # From where the clock begins: the second is 50 s ahead, the third begins 37 s later.
    assert list(begins.values()) == [pytest.approx((50, 0)), pytest.approx((0, 0)), pytest.approx((87, 0))]
    api.put(f"{url}/offsets", {"drifts": {"vod-2": 500.0}, "source": "manual"})
    [warp] = [effect for clip in timeline_of(api, url).find_clips() for effect in clip.effects]
    assert warp.time_scalar == pytest.approx(1.0005)


def test_what_goes_out_comes_in_as_it_was(api: Api, url: str) -> None:
    made = [
        {"vod_id": "vod-2", "time": 100.123456, "end": 103.0, "kind": "kill", "label": "Ace", "color": "#aa00ff"},
        {"vod_id": "vod-3", "time": 1 / 3, "kind": "comment", "body": "Look", "drawing": {"strokes": [STROKE]}},
        {"global_time": 120.5, "end": 130.25, "kind": "round", "label": "Of all"},
        {"global_time": -12.5, "end": -2.25, "kind": "round", "label": "Before zero"},
    ]
    for event in made:
        assert api.post(f"{url}/events", event).status_code == 201
    before = [fields(event) for event in api.get(f"{url}/events?joined=false").json()["events"]]
    timeline = timeline_of(api, url)
    SessionEvent.objects.all().delete()
    assert send(api, url, timeline).json() == {"ok": True, "created": 4}
    after = [fields(event) for event in api.get(f"{url}/events?joined=false").json()["events"]]
    for one, other in zip(before, after, strict=True):
        times = {"time": pytest.approx(one["time"], abs=1e-8), "end": one["end"] and pytest.approx(one["end"])}
        assert other == {**one, **times}
    assert {event.origin for event in SessionEvent.objects.all()} == {"import"}


def test_markers_of_another_program_stand_where_it_has_them(api: Api, url: str, session: ComparisonSession) -> None:
    """Its own rates, a clip that is none of ours, and no word of ours."""
    timeline = otio.schema.Timeline("cut")
    track = otio.schema.Track("V1")
    timeline.tracks.append(track)
    ours = otio.schema.Clip(
        session.vods.get(vod_id="vod-2").name, source_range=TimeRange(RationalTime(240, 24), RationalTime(240, 24))
    )
    other = otio.schema.Clip("b-roll", source_range=TimeRange(RationalTime(125, 25), RationalTime(250, 25)))
    ours.markers.append(marker("in ours", 360, 24))
    other.markers.append(marker("in another", 150, 25))
    bare = otio.schema.Clip("without a range")
    bare.markers.append(marker("in a bare one", 30, 30))
    timeline.tracks.markers.append(marker("of all", 59.94, 59.94))
    frame = RationalTime(1, 24)
    track.extend([ours, otio.schema.Transition(in_offset=frame, out_offset=frame), other, bare])
    assert send(api, url, timeline).status_code == 201
    found = {event["label"]: event for event in api.get(f"{url}/events?joined=false").json()["events"]}
    assert (found["in ours"]["vod_id"], found["in ours"]["time"]) == ("vod-2", 15.0)
    # Ten seconds of ours, then one of the other's second to its sixth.
    assert (found["in another"]["vod_id"], found["in another"]["time"]) == (None, 11.0)
    assert (found["in a bare one"]["vod_id"], found["in a bare one"]["time"]) == (None, 21.0)
    assert (found["of all"]["vod_id"], found["of all"]["time"], found["of all"]["kind"]) == (None, 1.0, "mark")


def test_what_is_no_timeline_is_refused(api: Api, url: str) -> None:
    for text in (
        '{"OTIO_SCHEMA": "Timeline.1", "tracks": null}',
        # A stack that holds itself.
        '{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "OTIO_REF_ID": "S", "children": '
        '[{"OTIO_SCHEMA": "SerializableObjectRef.1", "id": "S"}]}}',
        '{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "markers": [5]}}',
        '{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [[], 7]}}',
        "{", "{}", '{"OTIO_SCHEMA": "Nothing.1"}', '{"OTIO_SCHEMA": "Timeline.1", "tracks": 5}',
        '{"OTIO_SCHEMA": "Clip.2"}', '{"a": ' * 60_000,
    ):  # fmt: skip
        with check(text[:100]):
            refused(send(api, url, text), 400, "invalid")
    for value, rate in ((5, 0), (-5000, 24), (1e300, 1)):  # a marker at no time
        refused(send(api, url, marked(value, rate)), 400, "invalid")
    assert not SessionEvent.objects.exists()


def marker(name: str, value: float, rate: float) -> Any:
    return otio.schema.Marker(name=name, marked_range=TimeRange(RationalTime(value, rate), RationalTime(0, rate)))


def marked(value: float, rate: float) -> Any:
    """Return a timeline with one marker at `value` of `rate`."""
    timeline = otio.schema.Timeline("cut")
    timeline.tracks.markers.append(marker("x", value, rate))
    return timeline


@pytest.mark.parametrize("depth", [200, 900, 60_000])
def test_a_timeline_that_is_nested_too_deeply_is_refused(api: Api, url: str, depth: int) -> None:
    timeline = marked(1, 1)
    assert send(api, url, timeline).status_code == 201
    text = otio.adapters.write_to_string(timeline, "otio_json")
    deep = text.replace('"metadata": {}', '"metadata": {"a": ' + "[" * depth + "]" * depth + "}", 1)
    refused(send(api, url, deep), 400, "invalid")


@pytest.mark.exhaustive
def test_all_events_that_there_can_be_come_back(api: Api, url: str, session: ComparisonSession) -> None:
    vod = session.vods.first()
    SessionEvent.objects.bulk_create(
        SessionEvent(session=session, vod=vod, time=n / 20, end=n / 20 + 0.5, kind="kill", label=f"n {n}")
        for n in range(10_000)
    )
    with pytest.warns(Warning, match="asynchronous iterators"):
        content = b"".join(api.get(f"{url}/timeline.otio"))
    assert len(json.loads(content)["tracks"]["children"][0]["children"][-1]["markers"]) == 10_000
    SessionEvent.objects.all().delete()
    assert send(api, url, content.decode()).json() == {"ok": True, "created": 10_000}
