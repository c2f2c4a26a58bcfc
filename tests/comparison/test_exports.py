"""POST …/export: what may be asked, what the child is told, and the file with its address and its end."""

import json
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_check import check

from jobs_app.kinds import subjects_of
from jobs_app.models import Job, JobStatus
from jobs_app.runner import run_queue
from media_app.storage import files as store
from media_app.uploads.quota import storage_bytes
from media_app.videos import work_limit
from media_app.videos.models import Video
from sessions_app.comparison import actors
from sessions_app.comparison.export import services as exports
from sessions_app.comparison.models import ComparisonSession, SessionEvent
from tests.conftest import Library
from tests.support.api import BASE, Api, refused
from tests.support.factories import make_session, make_share, make_video
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db
BODY = {"layout": "side_by_side", "start": 1, "end": 5.5, "audio": "none"}
SOUND = {"audio_tracks": [{"codec": "aac", "channels": 2}]}
STROKE = {"tool": "line", "color": "#ff0000", "width": 4, "points": [[0, 0], [1, 1]]}


@pytest.fixture
def session(owner: User) -> ComparisonSession:
    videos = [
        make_video(owner, duration=60.0, width=1920, height=1080, fps_numerator=60, fps_denominator=1, **SOUND),
        make_video(owner, duration=50.0, width=1280, height=720, fps_numerator=30_000, fps_denominator=1001),
        make_video(owner, duration=40.0, width=640, height=480, fps_numerator=24, fps_denominator=1, **SOUND),
    ]
    return make_session(owner, videos=videos, offsets=(0.0, 2.5, -1.0))


@pytest.fixture
def url(session: ComparisonSession) -> str:
    return f"{BASE}/{session.pk}/export"


def params_of(api: Api, url: str, **body: Any) -> dict[str, Any]:
    answer = api.post(url, {**BODY, **body})
    assert answer.status_code == 202, answer.content
    return Job.objects.get(pk=answer.json()["job_id"]).params


class TestAsking:
    def test_the_answer_names_the_job_of_who_asks(self, other_api: Api, other: User, url: str) -> None:
        make_share(ComparisonSession.objects.get(), other, role="editor")
        answer = other_api.post(url, BODY)
        assert answer.status_code == 202
        job = Job.objects.get(pk=answer.json()["job_id"])
        assert (job.status, job.owner, job.kind, job.lane) == ("queued", other, exports.EXPORT_KIND, "render")
        assert other_api.get(f"/api/v1/jobs/{job.pk}").json()["result"] is None
        subject = subjects_of([job])[job.pk]
        assert (subject.title, subject.detail) == ("Export of A comparison", "side by side")

    def test_the_videos_are_placed_as_they_lie_now(self, api: Api, url: str, session: ComparisonSession) -> None:
        base = url.removesuffix("/export")
        api.put(f"{base}/offsets", {"offsets": {"vod-2": 7}, "drifts": {"vod-2": 80}, "source": "manual"})
        params = params_of(api, url)
        assert (params["videos"][1]["offset"], params["videos"][1]["drift_ppm"]) == (7, 80)
        assert (params["panes"], params["sounds"], params["height"], params["fps"]) == ([0, 1, 2], [], 720, [60, 1])

    @pytest.mark.parametrize(("body", "panes", "sounds"), [
        ({"audio": "mix"}, [0, 1, 2], [0, 2]), ({"audio": "vod-3", "vod_ids": ["vod-2", "vod-1"]}, [1, 0], [2]),
        ({"layout": "single", "vod_ids": ["vod-3"], "audio": "mix"}, [2], [2]), ({"layout": "single"}, [0], []),
        ({"layout": "wipe"}, [0, 1], []),
        ({"layout": "difference", "vod_ids": ["vod-3", "vod-2", "vod-1"]}, [2, 1], []),
    ])  # fmt: skip
    def test_what_is_in_it(self, api: Api, url: str, body: dict[str, Any], panes: list[int], sounds: list[int]) -> None:
        params = params_of(api, url, **body)
        assert (params["panes"], params["sounds"]) == (panes, sounds)

    def test_frames_a_second_are_exact_and_usual_ones(self, api: Api, url: str) -> None:
        for asked, fps in (
            (29.97, [30_000, 1001]), (59.94, [60_000, 1001]), (23.976, [24_000, 1001]), (25, [25, 1]), (12.5, [25, 2]),
        ):  # fmt: skip
            assert params_of(api, url, fps=asked)["fps"] == fps
        Video.objects.update(is_variable_frame_rate=True, fps_numerator=71_910_000, fps_denominator=1_800_583)
        assert params_of(api, url)["fps"] == [60, 1]
        Video.objects.update(fps_numerator=29)
        assert Fraction(*params_of(api, url)["fps"]) == 30

    def test_one_alone_keeps_its_height(self, api: Api, url: str) -> None:
        assert params_of(api, url, layout="single")["height"] == 1080
        assert params_of(api, url, layout="single", height=360)["height"] == 360

    def test_what_cannot_be_made_is_refused(self, api: Api, url: str) -> None:
        bad: list[dict[str, Any]] = [
            {"end": 1}, {"end": 0.5}, {"end": 60.1}, {"end": "x"}, {"end": True}, {"layout": "mosaic"}, {"height": 359},
            {"height": 2161}, {"height": 2160},  # three of them would be 11 520 pixels wide
            {"fps": 0.5}, {"fps": 61}, {"vod_ids": []}, {"vod_ids": ["vod-1", "vod-1"]}, {"audio": "vod-2"},
            {"vod_ids": ["vod-1"], "layout": "overlay"}, {"start": -50.1}, {"burn": "names"},
        ]  # fmt: skip
        for body in bad:
            with check(str(body)):
                assert next(iter(body)) in refused(api.post(url, {**BODY, **body}), 400, "invalid")["errors"]
        assert set(refused(api.post(url, {}), 400, "invalid")["errors"]) == {"layout", "start", "end", "audio"}
        for body in ({"vod_ids": ["vod-9"]}, {"audio": "vod-9"}):
            refused(api.post(url, {**BODY, **body}), 400, "unknown_vod")
        assert not Job.objects.exists()

    def test_four_hours_and_no_more(self, api: Api, url: str) -> None:
        Video.objects.update(duration=20_000.0)
        assert params_of(api, url, start=0, end=14_400, height=360, fps=1)["end"] == 14_400
        refused(api.post(url, {**BODY, "start": 0, "end": 14_400.5}), 400, "invalid")


class TestReels:
    @pytest.fixture
    def events(self, api: Api, url: str) -> str:
        """Kills at 4, 6.5 to 7.5 (of B), 20, 21 and 40 s of the clock; a round at 10 s."""
        found = f"{url.removesuffix('/export')}/events"
        for event in (
            {"global_time": 4}, {"vod_id": "vod-2", "time": 4, "end": 5}, {"vod_id": "vod-1", "time": 20},
            {"vod_id": "vod-3", "time": 22}, {"global_time": 40}, {"global_time": 10, "kind": "round"},
        ):  # fmt: skip
            assert api.post(found, {"kind": "kill", **event}).status_code == 201
        return found

    @pytest.mark.parametrize(("reel", "parts"), [
        ({}, [[1, 10.5], [17, 24]]), ({"before": 0.5, "after": 1}, [[3.5, 5], [6, 8.5], [19.5, 22]]),
        ({"before": 0, "after": 0}, [[6.5, 7.5]]), ({"before": 60, "after": 60}, [[0, 38]]),
        ({"kind": "round"}, [[7, 13]]),
    ])  # fmt: skip
    def test_event_reel(self, api: Api, url: str, events: str, reel: dict[str, Any], parts: list[list[float]]) -> None:
        """It has what is around the events of a kind."""
        assert params_of(api, url, start=0, end=38, reel={"kind": "kill", **reel})["parts"] == parts

    @pytest.mark.django_db(transaction=True)
    def test_events_are_read_before_the_comparison_is_locked(self, api: Api, url: str, events: str) -> None:
        with patch.object(
            exports, "_times_of", side_effect=lambda _: pytest.fail() if connection.in_atomic_block else (4, 5)
        ):
            assert params_of(api, url, start=0, end=38, reel={"kind": "kill"})["parts"] == [[1, 8]]

    def test_what_is_no_reel_is_refused(self, api: Api, url: str, events: str) -> None:
        for reel in (
            {"kind": "goal"}, {"kind": ""}, {}, [], "kill", {"kind": "kill", "before": -1}, {"kind": ["kill"]},
            {"kind": "kill", "after": 61}, {"kind": "kill", "before": "x"}, {"kind": "round", "before": 0, "after": 0},
        ):  # fmt: skip
            body = refused(api.post(url, {**BODY, "start": 0, "end": 38, "reel": reel}), 400, "invalid")
            assert [name.partition(".")[0] for name in body["errors"]] == ["reel"]
        assert "have no duration" in body["error"]

    def test_parts_and_time_are_limited(self, api: Api, url: str, events: str, monkeypatch: pytest.MonkeyPatch) -> None:
        reel = {"kind": "kill", "before": 0.5, "after": 0.5}
        with monkeypatch.context() as patch:
            patch.setattr(exports, "MAX_PARTS", 2)
            refused(api.post(url, {**BODY, "start": 0, "end": 38, "reel": reel}), 400, "invalid")
            params_of(api, url, start=0, end=38, reel={"kind": "kill"})
        # Its length is limited, not that of the time it is taken from.
        Video.objects.update(duration=20_000.0)
        assert len(params_of(api, url, start=0, end=18_000, reel={"kind": "kill"})["parts"]) == 3
        monkeypatch.setattr(exports, "MAX_SECONDS", 20.0)
        refused(api.post(url, {**BODY, "start": 0, "end": 18_000, "reel": {"kind": "kill"}}), 400, "invalid")
        params_of(api, url, start=0, end=18_000, reel={"kind": "kill", "before": 2, "after": 2})

    def test_more_than_the_plan_allows_is_refused_by_what_is_made(self, api: Api, url: str) -> None:
        Video.objects.update(duration=20_000.0)
        reel = {"kind": "kill"}
        api.post(f"{url.removesuffix('/export')}/events", {"kind": "kill", "global_time": 100})
        params_of(api, url, end=14_000, height=1440, reel=reel)
        refused(api.post(url, {**BODY, "end": 14_000, "height": 1440}), 403, "work_limit")


class TestCaptions:
    def captions(self, session: ComparisonSession, api: Api, url: str, **body: Any) -> list[dict[str, Any]]:
        return exports.captions_of(session, params_of(api, url, **body))

    def test_a_video_outside_its_time_says_so(self, api: Api, url: str, session: ComparisonSession) -> None:
        found = self.captions(session, api, url, start=1, end=45)
        assert found == [
            {"pane": 1, "begin": 1, "end": 2.5, "text": "B has not started", "is_notice": True},
            {"pane": 2, "begin": 39.0, "end": 45, "text": "C has ended", "is_notice": True},
        ]

    def test_names_and_events_are_written_on_request(self, api: Api, url: str, session: ComparisonSession) -> None:
        events = f"{url.removesuffix('/export')}/events"
        for event in (
            {"vod_id": "vod-2", "time": 1.5, "kind": "kill", "label": "Juno"},
            {"vod_id": "vod-1", "time": 3, "end": 9, "kind": "comment", "body": "Look\nhere",
             "drawing": {"strokes": [STROKE]}},
            {"global_time": 4, "kind": "round_end"},
            {"vod_id": "vod-3", "time": 3, "kind": "kill"},
            {"vod_id": "vod-1", "time": 30, "kind": "kill"},
        ):  # fmt: skip
            assert api.post(events, event).status_code == 201
        burn = {"names": True, "events": True}
        found = self.captions(session, api, url, start=3, end=6, vod_ids=["vod-2", "vod-1"], burn=burn)
        assert [(one["pane"], one["begin"], one["end"], one.get("text")) for one in found] == [
            (0, 3, 6, "B Player 2"), (1, 3, 6, "A Player 1"), (0, 4.0, 7.0, "Kill: Juno"),
            (1, 3.0, 9.0, "Comment: Look"), (1, 3.0, 9.0, None), (0, 4.0, 7.0, "Round end"),
        ]  # fmt: skip
        assert found[4]["strokes"] == [STROKE]
        assert self.captions(session, api, url, start=3, end=6) == []


def draw(session: ComparisonSession, count: int, *, apart: float = 0.0) -> None:
    """Write ``count`` drawings on the first VOD: all at 1 s, or each ``apart`` seconds after the one before."""
    SessionEvent.objects.bulk_create(
        SessionEvent(
            session=session, vod=session.vods.get(ordinal=0), time=1 + number * apart, end=1 + (number + 1) * apart,
            kind="drawing", drawing={"strokes": [STROKE]},
        )
        for number in range(count)
    )  # fmt: skip


class TestCost:
    def test_more_drawings_than_an_export_shows_at_once_are_refused(
        self, api: Api, url: str, session: ComparisonSession
    ) -> None:
        draw(session, 2 * exports.MAX_DRAWINGS, apart=0.05)  # one after the other: as many as wanted
        with CaptureQueriesContext(connection) as queries:
            assert api.post(url, {**BODY, "burn": {"events": True}}).status_code == 202
        assert not [one for one in queries if '"drawing",' in one["sql"]], "read by the worker alone"
        SessionEvent.objects.all().delete()
        draw(session, exports.MAX_DRAWINGS, apart=0.01)
        SessionEvent.objects.update(end=3.0)
        assert api.post(url, {**BODY, "burn": {"events": True}}).status_code == 202
        draw(session, 1, apart=1.0)
        body = refused(api.post(url, {**BODY, "burn": {"events": True}}), 400, "invalid")
        assert "More than 20 drawings are visible at 1." in body["errors"]["burn"][0]
        assert api.post(url, {**BODY, "burn": {"events": False}}).status_code == 202
        job = Job.objects.filter(kind=exports.EXPORT_KIND).latest("created_at")
        assert job.params["gigapixels"] > 0

    def test_the_time_limit_is_in_proportion_to_the_work(self, api: Api, url: str) -> None:
        short = params_of(api, url, end=2)
        long = params_of(api, url, end=4)
        assert long["gigapixels"] == pytest.approx(3 * short["gigapixels"], rel=0.01)
        assert actors.export_seconds(short) < 300
        assert actors.export_seconds(long) > actors.export_seconds(short)

    def test_only_an_export_of_about_a_minute_takes_the_short_place(
        self, api: Api, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        params_of(api, url)
        monkeypatch.setattr(work_limit, "SHORT_GIGAPIXELS", 0.0)
        params_of(api, url)
        kept = Job.objects.filter(kind=exports.EXPORT_KIND).order_by("created_at").values_list("is_short", flat=True)
        assert list(kept) == [True, False]


SCRIPT = (
    "open(request['target'], 'wb').write(b'a video')\n"
    "say(progress=50, message='Rendering the video')\n"
    "say(result={'width': 3840, 'height': 720, 'duration': 4.5})\n"
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, child_script: Callable[[str], tuple[list[str], Path]]) -> Path:
    """A child that writes some bytes; where its requests stand."""
    command, log = child_script(SCRIPT)
    monkeypatch.setattr(actors, "EXPORTER", command)
    return log


def run(api: Api, session: ComparisonSession, **body: Any) -> Job:
    answer = api.post(f"{BASE}/{session.pk}/export", {**BODY, **body})
    assert answer.status_code == 202, answer.content
    run_queue("render")
    return Job.objects.get(pk=answer.json()["job_id"])


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("running_keeper")
class TestRunning:
    def test_only_shown_videos_are_read(self, api: Api, shown: ComparisonSession, asked: Path) -> None:
        job = run(api, shown)
        assert job.status == JobStatus.COMPLETED, job.error
        result = api.get(f"/api/v1/jobs/{job.pk}").json()["result"]
        address = result.pop("url")
        assert address.startswith("/api/v1/media/outputs/")
        assert result == {"session_id": shown.pk, "duration": 4.5, "width": 3840, "height": 720, "size": 7}
        run(api, shown, layout="single", vod_ids=["vod-2"])
        requests = [json.loads(line) for line in asked.read_text().splitlines()]
        assert [[Path(video["path"]).name for video in one["videos"]] for one in requests] == [
            ["one.mp4", "two.mp4"], ["", "two.mp4"],
        ]  # fmt: skip

    def test_who_was_put_out_gets_nothing_more(
        self, other_api: Api, other: User, shown: ComparisonSession, asked: Path
    ) -> None:
        share = make_share(shown, other, role="editor")
        first, second = (other_api.post(f"{BASE}/{shown.pk}/export", BODY).json()["job_id"] for _ in range(2))
        assert other_api.post(f"/api/v1/jobs/{second}/cancel").status_code == 200
        share.role = "viewer"
        share.save()
        run_queue("render")
        job = Job.objects.get(pk=first)
        assert (job.status, job.error["type"]) == ("failed", "session_not_found")  # type: ignore[index]
        assert not asked.exists()
        refused(other_api.post(f"/api/v1/jobs/{second}/retry"), 409, "not_retryable")

    def test_a_video_that_goes_meanwhile_fails_it(self, api: Api, shown: ComparisonSession, asked: Path) -> None:
        answer = api.post(f"{BASE}/{shown.pk}/export", BODY)
        Path(shown.vods.get(ordinal=1).video.location).unlink()
        run_queue("render")
        job = Job.objects.get(pk=answer.json()["job_id"])
        assert (job.status, job.error["type"]) == ("failed", "vod_file_not_found")  # type: ignore[index]

    def test_who_may_no_longer_edit_at_the_end_gets_no_file(
        self, other_api: Api, other: User, shown: ComparisonSession, asked: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shared, export = make_share(shown, other, role="editor"), actors._exported

        def export_and_withdraw(*given: Any) -> dict[str, Any]:
            made = export(*given)
            shared.delete()
            return made

        monkeypatch.setattr(actors, "_exported", export_and_withdraw)
        job = run(other_api, shown)
        assert (job.status, (job.error or {})["type"], job.result) == ("failed", "session_not_found", None)

    def test_the_file_expires_and_the_job_says_so(self, api: Api, shown: ComparisonSession, asked: Path) -> None:
        job = run(api, shown)
        assert job.result
        key = job.result["key"]
        call_command("expire")
        assert store.size(key) == 7
        Job.objects.filter(pk=job.pk).update(finished_at=timezone.now() - timedelta(hours=169))
        assert api.get(f"/api/v1/jobs/{job.pk}").json()["result"]["url"] is None
        call_command("expire")
        with pytest.raises(FileNotFoundError):
            store.size(key)
        result = api.get(f"/api/v1/jobs/{job.pk}").json()["result"]
        assert (result["url"], result["width"], storage_bytes(job.owner_id)) == (None, 3840, 0)
        assert exports.delete_expired() == 0

    def test_it_counts_into_the_storage_of_its_owner(
        self, api: Api, shown: ComparisonSession, asked: Path, owner: User, settings: Any
    ) -> None:
        run(api, shown)
        assert storage_bytes(owner.pk) == 7
        tiers = settings.TIER_LIMITS
        settings.TIER_LIMITS = {**tiers, "free": {**tiers["free"], "max_storage_bytes": 10}}
        Video.objects.update(file_size=0)
        job = run(api, shown)  # its size is unknown when it is requested
        assert (job.status, (job.error or {})["type"]) == ("failed", "storage_full")
        Video.objects.update(file_size=1000)
        refused(api.post(f"{BASE}/{shown.pk}/export", BODY), 413, "storage_full")

    def test_the_real_child_makes_it(self, api: Api, owner: User, library: Library) -> None:
        videos = [
            make_video(owner, location=str(library.crew / name), duration=2.0, width=320, height=180, **SOUND)
            for name in ("plain.mp4", "other.mp4")
        ]
        job = run(api, make_session(owner, videos=videos, offsets=(0, 0.25)), start=0, end=1.5, audio="mix", height=360)
        assert job.status == JobStatus.COMPLETED, job.error
        assert job.result
        assert (job.result["width"], job.result["height"], job.result["duration"]) == (1280, 360, 1.5)
        assert store.size(job.result["key"]) == job.result["size"] > 1000
