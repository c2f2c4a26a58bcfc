"""Whether a video's bytes go out: the same for the stream door and for device choice, with a scanner and without."""

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


async def stand(video: Video, status: str, job: str, error: str = "", row_error: str = "") -> None:
    """Let the video be ``status`` with a job that is ``job`` and failed for ``error``."""

    def write() -> None:
        told = {"type": error, "message": "No."} if error else None
        made = None if job == GONE else make_job(video.owner, job, error=told)
        Video.objects.filter(pk=video.pk).update(status=status, job=made, error_type=row_error)

    await ask(write)


async def answers(http: httpx.AsyncClient, video: Video, headers: dict[str, str]) -> tuple[int, int, int]:
    plain = f"/api/v1/media/stream/{video.pk}"
    return (
        (await http.get(stream_url(video))).status_code,
        (await http.get(plain, headers=headers)).status_code,
        (await http.get(f"/api/v1/media/optimized/{video.pk}", headers=headers)).status_code,
    )


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
        self, http: httpx.AsyncClient, clip: Video, headers: dict[str, str], status: str, job: str, error: str,
        row_error: str, expected: tuple[int, int, int],
    ) -> None:  # fmt: skip
        await stand(clip, status, job, error, row_error)
        assert await answers(http, clip, headers) == expected

    async def test_incomplete_is_not_ready(self, http: httpx.AsyncClient, clip: Video, headers: dict[str, str]) -> None:
        await ask(lambda: Video.objects.filter(pk=clip.pk).update(location="uploads/1/"))
        await stand(clip, VideoStatus.PROCESSING, "queued")
        assert await answers(http, clip, headers) == (409, 409, 409)
        refused(await http.get(stream_url(clip)), 409, "video_not_ready")
        await stand(clip, VideoStatus.READY, "completed")
        assert (await answers(http, clip, headers))[2] == 409


class TestWithAScanner:
    @pytest.fixture(autouse=True)
    def _scanner(self, settings: Any) -> None:
        settings.CLAMD = "/run/clamd"

    @pytest.mark.parametrize("error", sorted(AFTER_SCAN))
    async def test_fails_later(self, http: httpx.AsyncClient, clip: Video, headers: dict[str, str], error: str) -> None:
        """What failed after it had passed the scanner is given to its owner."""
        await stand(clip, VideoStatus.PROCESSING, "failed", error)
        assert await answers(http, clip, headers) == (200, 200, 409)
        await stand(clip, VideoStatus.FAILED, GONE, row_error=error)
        assert await answers(http, clip, headers) == (200, 200, 409)

    @pytest.mark.parametrize(("job", "error"), [
        *(("failed", error) for error in ("malware_found", "not_scanned", "server_error", "timeout")),
        ("cancelled", ""),
        (GONE, ""),
    ])  # fmt: skip
    @pytest.mark.parametrize("status", [VideoStatus.PROCESSING, VideoStatus.FAILED])
    async def test_what_it_has_not_passed_never_is(
        self, http: httpx.AsyncClient, clip: Video, headers: dict[str, str], status: str, job: str, error: str
    ) -> None:
        await stand(clip, status, job, error)
        assert await answers(http, clip, headers) == (404, 404, 409)

    async def test_an_earlier_failure(self, http: httpx.AsyncClient, clip: Video, headers: dict[str, str]) -> None:
        """A row keeps the reason for which a new file was not taken in; the next one's job tells of itself."""
        await stand(clip, VideoStatus.PROCESSING, "cancelled", row_error="vod_unreadable")
        assert await answers(http, clip, headers) == (404, 404, 409)

    async def test_waiting_is_not_ready(self, http: httpx.AsyncClient, clip: Video, headers: dict[str, str]) -> None:
        for job in ("queued", "processing", "waiting", "completed"):
            await stand(clip, VideoStatus.PROCESSING, job)
            assert await answers(http, clip, headers) == (409, 409, 409)
        await stand(clip, VideoStatus.READY, "completed")
        assert await answers(http, clip, headers) == (200, 200, 200)


class TestOnS3:
    @pytest.fixture
    def clip(self, s3_storage: s3.Bucket, owner: User, made: Made, tmp_path: Path) -> Video:
        return stored_video(owner, made, tmp_path)

    async def test_unjoined_has_no_address(self, http: httpx.AsyncClient, clip: Video, headers: dict[str, str]) -> None:
        await stand(clip, VideoStatus.PROCESSING, "processing")
        assert await answers(http, clip, headers) == (409, 409, 409)
        refused(await http.get(stream_url(clip) + "&proxy=1"), 409, "video_not_ready")
        await stand(clip, VideoStatus.READY, "completed")
        assert await answers(http, clip, headers) == (302, 302, 200)
