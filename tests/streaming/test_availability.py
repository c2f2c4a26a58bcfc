"""Whether a video's bytes go out: the same for the stream door and for device choice, with a scanner and without."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from media_app.streaming.availability import AFTER_SCAN
from media_app.videos.media_urls import stream_url
from media_app.videos.models import Video, VideoStatus
from tests.streaming.answers import refused
from tests.streaming.made import Made, stored_video
from tests.support import s3
from tests.support.factories import make_job
from tests.support.sockets import ask
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db(transaction=True)
GONE = "none"  # the job that took the file in has been deleted


Answers = Callable[..., Awaitable[tuple[int, int, int]]]


@pytest.fixture
def answers(http: httpx.AsyncClient, clip: Video, headers: dict[str, str]) -> Answers:
    """Let the clip be ``status`` with a job that is ``job`` and failed for ``error``; return what the doors answer."""

    async def answers(status: str, job: str, error: str = "", row_error: str = "") -> tuple[int, int, int]:
        def write() -> None:
            told = {"type": error, "message": "No."} if error else None
            made = None if job == GONE else make_job(clip.owner, job, error=told)
            Video.objects.filter(pk=clip.pk).update(status=status, job=made, error_type=row_error)

        await ask(write)
        return (
            (await http.get(stream_url(clip))).status_code,
            (await http.get(f"/api/v1/media/stream/{clip.pk}", headers=headers)).status_code,
            (await http.get(f"/api/v1/media/optimized/{clip.pk}", headers=headers)).status_code,
        )

    return answers


class TestWithoutAScanner:
    @pytest.mark.parametrize(("status", "job", "error", "row_error", "expected"), [
        (VideoStatus.READY, "completed", "", "", (200, 200, 200)),
        (VideoStatus.PROCESSING, "processing", "", "", (200, 200, 200)),
        (VideoStatus.PROCESSING, "cancelled", "", "", (200, 200, 409)),
        (VideoStatus.PROCESSING, GONE, "", "", (200, 200, 409)),
        (VideoStatus.PROCESSING, "failed", "not_scanned", "", (200, 200, 409)),
        (VideoStatus.PROCESSING, "failed", "malware_found", "", (404, 404, 409)),
        # A verdict is kept alone, once the job has been deleted.
        (VideoStatus.FAILED, GONE, "", "malware_found", (404, 404, 409)),
        (VideoStatus.UPLOADING, "queued", "", "", (409, 409, 409)),
    ])  # fmt: skip
    async def test_what_is_not_known_to_be_bad_is_given(
        self, answers: Answers, status: str, job: str, error: str, row_error: str, expected: tuple[int, int, int]
    ) -> None:
        assert await answers(status, job, error, row_error) == expected

    async def test_incomplete_is_not_ready(self, http: httpx.AsyncClient, clip: Video, answers: Answers) -> None:
        await ask(lambda: Video.objects.filter(pk=clip.pk).update(location="uploads/1/"))
        assert await answers(VideoStatus.PROCESSING, "queued") == (409, 409, 409)
        refused(await http.get(stream_url(clip)), 409, "video_not_ready")
        assert (await answers(VideoStatus.READY, "completed"))[2] == 409


class TestWithAScanner:
    @pytest.fixture(autouse=True)
    def _scanner(self, settings: Any) -> None:
        settings.CLAMD = "/run/clamd"

    @pytest.mark.parametrize("error", sorted(AFTER_SCAN))
    async def test_what_failed_after_it_had_passed_the_scanner_is_given(self, answers: Answers, error: str) -> None:
        assert await answers(VideoStatus.PROCESSING, "failed", error) == (200, 200, 409)
        assert await answers(VideoStatus.FAILED, GONE, row_error=error) == (200, 200, 409)

    @pytest.mark.parametrize(("job", "error"), [
        *(("failed", error) for error in ("malware_found", "not_scanned", "server_error", "timeout")),
        ("cancelled", ""),
        (GONE, ""),
    ])  # fmt: skip
    @pytest.mark.parametrize("status", [VideoStatus.PROCESSING, VideoStatus.FAILED])
    async def test_what_it_has_not_passed_never_is(self, answers: Answers, status: str, job: str, error: str) -> None:
        assert await answers(status, job, error) == (404, 404, 409)

    async def test_an_earlier_failure(self, answers: Answers) -> None:
        """A row keeps the reason for which a new file was not taken in; the next one's job tells of itself."""
        assert await answers(VideoStatus.PROCESSING, "cancelled", row_error="vod_unreadable") == (404, 404, 409)

    async def test_waiting_is_not_ready(self, answers: Answers) -> None:
        for job in ("queued", "processing", "waiting", "completed"):
            assert await answers(VideoStatus.PROCESSING, job) == (409, 409, 409)
        assert await answers(VideoStatus.READY, "completed") == (200, 200, 200)


class TestOnS3:
    @pytest.fixture
    def clip(self, s3_storage: s3.Bucket, owner: User, made: Made, tmp_path: Path) -> Video:
        return stored_video(owner, made, tmp_path)

    async def test_unjoined_has_no_address(self, http: httpx.AsyncClient, clip: Video, answers: Answers) -> None:
        assert await answers(VideoStatus.PROCESSING, "processing") == (409, 409, 409)
        refused(await http.get(stream_url(clip) + "&proxy=1"), 409, "video_not_ready")
        assert await answers(VideoStatus.READY, "completed") == (302, 302, 200)
