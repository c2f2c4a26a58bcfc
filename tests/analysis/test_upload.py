"""``POST /api/v1/video/upload`` and the two calls that wait: forms with a video, and what is asked of it."""

import asyncio
import json
import threading
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from jobs_app.models import Job
from jobs_app.runner import run_queue
from media_app.uploads import asgi
from media_app.uploads.models import Upload
from media_app.videos.ingest import IngestedFile
from media_app.videos.models import Video, VideoScope
from sessions_app.analysis import services, sync_endpoint
from sessions_app.analysis.models import AnalysisSession
from tests.analysis.conftest import DATA, Pipeline
from tests.support.clips import write_sound
from tests.support.factories import make_analysis, make_video
from tests.support.sockets import ask as ask_rows
from tests.support.stored import files_in
from tests.support.streams import Answer, Request, ask
from tests.uploads.conftest import video_of
from tests.uploads.forms import FORM, Part, form_of
from tests.uploads.tus import Client
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]
URL = "/api/v1/video/upload"
VIDEO = video_of(50_000)
FILE: Part = ("video", VIDEO, "Räder.mp4")
KIND: Part = ("analysis_type", "highlights")
HUGE = f'{{"segment_length": 1{"0" * 400}}}'  # no float
FACTS = {
    "width": 320, "height": 180, "duration": 20.0, "fps": (30, 1), "is_vfr": False, "codec": "h264", "audio_tracks": [],
}  # fmt: skip
FOUND = "say(result={'data': DATA, 'files': {}})"


@pytest.fixture
def _taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests send only begins like a video: whoever takes it in looks no closer."""
    monkeypatch.setattr(
        "sessions_app.analysis.actors.ingest",
        lambda context, video, upload, folder, **options: IngestedFile(folder, folder, FACTS, video.mime_type, ""),
    )
    monkeypatch.setattr("sessions_app.analysis.actors.make_poster", lambda *given, **share: None)


async def post(key: str, *parts: Part, url: str = URL, headers: dict[str, str] | None = None) -> Answer:
    return await ask("POST", url, {**FORM, **(headers or {})}, form_of(parts), key=key)


def only_session() -> AnalysisSession:
    return AnalysisSession.objects.with_state().defer(None).get()


async def nothing_left(media: Path) -> None:
    assert files_in(media) == []
    counts = lambda: (Video.objects.count(), Job.objects.count(), Upload.objects.reserved().count())  # noqa: E731
    assert await ask_rows(counts) == (0, 0, 0)


@pytest.mark.parametrize("url", [URL, "/analyze/highlights", "/analyze/workout"])
@pytest.mark.parametrize(("name", "type_"), [("truncated.mp4", "file_incomplete"), ("sound.mp4", "no_video")])
async def test_useless(key: str, media: Path, clips: Path, tmp_path: Path, url: str, name: str, type_: str) -> None:
    """What can be seen to be of no use is refused at once."""
    write_sound(tmp_path / "sound.mp4")
    path = clips / name if name == "truncated.mp4" else tmp_path / name
    (await post(key, ("video", path.read_bytes(), name), KIND, url=url)).refused(422, type_)
    await nothing_left(media)


class TestUpload:
    async def test_a_video_becomes_a_session_that_waits(self, key: str, media: Path) -> None:
        answer = await post(key, FILE, KIND, ("params", '{"segment_length": 5, "max_highlights": 3}'))
        body = answer.json()
        assert (answer.status, body["status"], body["warnings"]) == (202, "queued", [])
        session = await ask_rows(only_session)
        assert (str(session.pk), str(session.job_id)) == (body["sessionId"], body["job_id"])
        assert session.params == {"segment_length": 5.0, "target_duration": 60.0, "max_highlights": 3, "min_score": 0.2}
        assert (session.name, session.status) == ("Räder", "queued")
        assert session.video is not None
        assert (session.video.place, session.video.file_size) == (VideoScope.SESSION, len(VIDEO))
        assert (media / session.video.location).read_bytes() == VIDEO

    async def test_its_fields_may_come_first_and_its_file_may_be_called_file(self, key: str) -> None:
        answer = await post(key, ("analysis_type", "workout"), ("name", "  Leg  day "), ("file", VIDEO, "a.mp4"))
        assert answer.status == 202
        session = await ask_rows(only_session)
        assert (session.analysis_type, session.name) == ("workout", "Leg day")
        assert session.params == {"exercise": "auto", "min_repetitions": 2}

    async def test_unknown_parameters_are_named_and_the_same_request_gets_the_first_answer(self, key: str) -> None:
        params = ("params", '{"segment_length": 5, "zoom": 2, "min_repetitions": 3}')
        first, again_ = [await post(key, FILE, KIND, params, headers={"Idempotency-Key": "once"}) for _ in range(2)]
        assert (first.status, again_.status, first.json()) == (202, 202, again_.json())
        assert await ask_rows(AnalysisSession.objects.count) == 1
        names = ("min_repetitions", "zoom")
        assert first.json()["warnings"] == [f"The parameter '{name}' is unknown and was ignored." for name in names]

    @pytest.mark.parametrize(("field", "values"), [
        ("params", ["[]", '"x"', "7", "null!", "{", '{"segment_length": 0}', '{"segment_length": 1e9}']),
        ("params", ['{"segment_length": "10"}', '{"segment_length": true}', '{"segment_length": NaN}', HUGE]),
        (
            "params",
            ['{"max_highlights": 1.5}', '{"min_score": 1.01}', '{"target_duration": [60]}', '{"a": ' * 3000],
        ),
        ("analysis_type", ["", "dance", "Highlights"]),
    ])  # fmt: skip
    async def test_wrong_fields_are_refused(self, key: str, media: Path, field: str, values: list[str]) -> None:
        for value in values:
            kind = () if field == "analysis_type" else (KIND,)
            body = (await post(key, FILE, *kind, (field, value))).refused(400, "invalid")
            assert body["errors"][field]
        await nothing_left(media)

    async def test_an_unknown_exercise_no_file_and_no_video_are_refused(self, key: str, media: Path) -> None:
        params = ("params", '{"exercise": "chess"}')
        body = (await post(key, FILE, ("analysis_type", "workout"), params)).refused(400, "invalid")
        assert "squat" in body["errors"]["params"]["exercise"][0]
        assert (await post(key, KIND)).refused(400, "invalid")["errors"]["video"]
        (await post(key, ("video", b"GIF89a" + b"x" * 5000, "a.mp4"), KIND)).refused(415, "not_a_video")
        await nothing_left(media)

    async def test_the_same_file_ten_times_at_once_is_ten_sessions(self, key: str) -> None:
        answers = await asyncio.gather(*(post(key, FILE, KIND) for _ in range(10)))
        assert [answer.status for answer in answers] == [202] * 10
        assert len({answer.json()["sessionId"] for answer in answers}) == 10
        assert await ask_rows(AnalysisSession.objects.count) == 10

    async def test_by_tus_it_is_the_same_and_a_wrong_one_is_refused_before_a_byte_is_sent(self, key: str) -> None:
        answer = await Client(key).create(100, purpose="analysis")
        assert answer.refused(400, "invalid")["errors"]["analysis_type"]
        given = {"purpose": "analysis", "analysis_type": "workout", "params": '{"min_repetitions": 4}'}
        address = await Client(key).created(len(VIDEO), filename="a.mp4", **given)
        sent = await Client(key).patch(urlsplit(address).path, 0, VIDEO)
        assert sent.status == 204, sent
        session = await ask_rows(only_session)
        upload = await ask_rows(Upload.objects.get)
        assert (session.pk, session.params["min_repetitions"]) == (upload.resource_id, 4)


class TestOfTheLibrary:
    async def test_a_video_of_ones_own_library_is_analysed_where_it_is(self, key: str, owner: User) -> None:
        video = await ask_rows(lambda: make_video(owner, title="The final"))
        answer = await post(key, KIND, ("video_id", str(video.pk)))
        assert answer.status == 202, answer
        session = await ask_rows(only_session)
        assert (session.name, session.video, session.owns_video) == ("The final", video, False)

    async def test_not_one_of_somebody_else_nor_one_that_is_not_there(self, key: str, owner: User, other: User) -> None:
        theirs = await ask_rows(lambda: make_video(other))
        for video_id in (str(theirs.pk), "nonsense", "00000000-0000-4000-8000-000000000000"):
            (await post(key, KIND, ("video_id", video_id))).refused(400, "video_not_found")
        video = await ask_rows(lambda: make_video(owner, status="processing"))
        (await post(key, KIND, ("video_id", str(video.pk)))).refused(409, "video_not_ready")
        video = await ask_rows(lambda: make_video(owner, duration=12 * 3600.0))
        body = (await post(key, KIND, ("video_id", str(video.pk)))).refused(403, "work_limit")
        assert body["limit"] == 1000


@pytest.mark.usefixtures("_taken_as_it_is", "running_keeper")
class TestWaiting:
    """``/analyze/…`` answers the data itself, once it is there."""

    async def working(self, call: Any) -> Answer:
        """The answer of a call while a worker does what is queued."""
        task = asyncio.ensure_future(call)
        while not task.done():
            await ask_rows(run_queue, "analysis")
            await asyncio.sleep(0.02)
        return await task

    async def test_it_answers_what_was_found(self, key: str, pipeline: Pipeline) -> None:
        log = pipeline(FOUND)
        call = post(key, FILE, ("segment_length", "5"), ("max_highlights", "2"), url="/analyze/highlights")
        answer = await self.working(call)
        assert (answer.status, answer.json()["segments"]) == (200, DATA["segments"])
        assert answer.headers["content-type"] == "application/json"
        params = json.loads(log.read_text())["params"]
        assert (params["segment_length"], params["max_highlights"]) == (5.0, 2)
        assert (await ask_rows(only_session)).status == "completed"

    async def test_the_other_type_has_an_address_of_its_own(self, key: str, pipeline: Pipeline) -> None:
        log = pipeline("say(result={'data': {'exercises': [], 'total_repetitions': 0}, 'files': {}})")
        answer = await self.working(post(key, FILE, ("min_repetitions", "5"), url="/analyze/workout/"))
        assert answer.json() == {"exercises": [], "total_repetitions": 0, "preview_url": None}
        assert json.loads(log.read_text())["params"] == {"exercise": "auto", "min_repetitions": 5}

    async def test_a_failure_is_its_answer(self, key: str, pipeline: Pipeline) -> None:
        pipeline("say(error={'type': 'no_video', 'message': 'There is no picture.'})")
        answer = await self.working(post(key, FILE, url="/analyze/highlights"))
        body = answer.refused(422, "analysis_failed")
        assert (body["error"], body["message"]) == ("Analysis failed", "There is no picture.")

    async def test_more_work_than_the_plan_allows_is_refused(self, key: str, pipeline: Pipeline, settings: Any) -> None:
        free = settings.TIER_LIMITS["free"] | {"max_video_gigapixels": 0}
        settings.TIER_LIMITS = settings.TIER_LIMITS | {"free": free}
        log = pipeline(FOUND)
        body = (await self.working(post(key, FILE, url="/analyze/highlights"))).refused(422, "analysis_failed")
        assert (body["reason"], body["message"][:24]) == ("work_limit", "Your plan allows at most")
        assert not log.exists()

    async def test_wrong_fields_and_no_form_are_refused_at_once(self, key: str, media: Path) -> None:
        for field in (("segment_length", "nan"), ("min_score", "high"), ("target_duration", "1e9")):
            body = (await post(key, FILE, field, url="/analyze/highlights")).refused(400, "invalid")
            assert body["errors"]["params"]
        answer = await ask("POST", "/analyze/workout", {"Content-Type": "application/json"}, b"{}", key=key)
        answer.refused(400, "invalid")
        await nothing_left(media)

    async def begun(self, key: str) -> Request:
        """A call that waits for a session that has begun."""
        body = form_of([FILE])
        request = Request("POST", "/analyze/highlights", FORM, key=key, length=len(body))
        await request.give(body, last=True)
        while not await ask_rows(AnalysisSession.objects.count):
            await asyncio.sleep(0.02)
        return request

    async def test_a_caller_that_hangs_up_cancels_the_job(self, key: str, media: Path) -> None:
        request = await self.begun(key)
        await request.until_taken()
        await request.gone()
        assert (await ask_rows(only_session)).status == "cancelled"
        assert not request.has_answered
        assert files_in(media) == []

    async def test_one_that_others_cancel_or_clean_up_is_told_so(self, key: str, owner: User) -> None:
        request = await self.begun(key)
        await ask_rows(lambda: services.cancel(only_session()))
        assert (await request.answer()).refused(400, "results_not_ready")["status"] == "cancelled"
        await ask_rows(lambda: services.clean_up(only_session(), owner))
        request = await self.begun(key)
        await ask_rows(lambda: services.clean_up(only_session(), owner))
        (await request.answer()).refused(404, "session_not_found")

    async def test_one_that_is_cleaned_up_in_that_moment_is_not_found(
        self, owner: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session = await ask_rows(lambda: make_analysis(owner, status="completed"))

        def clean_up_first(*_: object, **__: object) -> None:
            services.clean_up(session, owner)
            raise AnalysisSession.DoesNotExist

        monkeypatch.setattr(AnalysisSession, "refresh_from_db", clean_up_first)
        status, body = await ask_rows(lambda: sync_endpoint._poll(session.pk)) or (0, {})
        assert (status, body["type"]) == (404, "session_not_found")


async def test_those_who_wait_keep_no_upload_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    looking, let_go = threading.Semaphore(0), threading.Event()

    def look(session_id: object) -> tuple[int, dict[str, Any]]:
        looking.release()
        assert let_go.wait(30)
        return 200, {}

    monkeypatch.setattr(sync_endpoint, "_poll", look)
    waits = [asyncio.ensure_future(sync_endpoint._until_ended(uuid.uuid4())) for _ in range(20)]
    try:
        await asyncio.sleep(0.1)
        assert looking.acquire(timeout=10)
        assert await asyncio.wait_for(asgi.in_thread(lambda: "renewed"), 10) == "renewed"
    finally:
        let_go.set()
    assert await asyncio.gather(*waits) == [(200, {})] * 20
