"""GET /api/v1/health/processing: queue, ffmpeg and storage as they are."""

import http.server
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
from django.db.models import F

from jobs_app.models import Job
from tests.support import s3
from tests.support.api import Api
from tests.support.factories import make_job
from tests.support.http_servers import serving
from tests.support.waiting import wait_until
from vodplatform.accounts.models import User
from vodplatform.site import processing_health

pytestmark = pytest.mark.django_db
PATH = "/api/v1/health/processing"


def ask(api: Api) -> dict[str, Any]:
    response = api.get(PATH)
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    assert set(body) == {"processing_queue", "ffmpeg_service", "storage"}
    return body


def test_jobs_are_counted_by_how_they_stand(api: Api, owner: User, other: User) -> None:
    old = make_job(owner, "failed")
    Job.objects.filter(pk=old.pk).update(finished_at=F("finished_at") - timedelta(minutes=61))
    make_job(other)
    for status in ("queued", "processing", "failed", "completed", "paused", "waiting"):
        make_job(owner, status)
    assert ask(api)["processing_queue"] == {"depth": 2, "active_jobs": 1, "failed_jobs_last_hour": 1}


class TestFfmpeg:
    def test_its_version_is_what_it_says(self, api: Api) -> None:
        done = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-version"], capture_output=True, text=True, check=True)
        found = ask(api)["ffmpeg_service"]
        assert found["available"] is True
        assert done.stdout.startswith(f"ffmpeg version {found['version']} ")

    def test_what_runs_is_counted(self, api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        # A copy: other tests on this machine run the ffmpeg that is installed while this one counts.
        own = shutil.copy(imageio_ffmpeg.get_ffmpeg_exe(), tmp_path / "ffmpeg")
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(own))
        assert ask(api)["ffmpeg_service"]["resource_usage"]["processes"] == 0
        argv = [own, "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc=s=640x360:r=60", "-f", "null", "-"]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        try:
            use = wait_until(lambda: self.busy(api))
            assert use["processes"] == 1
            assert use["cpu_percent"] > 0
            assert use["memory_bytes"] > 10**6
        finally:
            process.kill()
            process.wait()

    def busy(self, api: Api) -> dict[str, Any] | None:
        use: dict[str, Any] = ask(api)["ffmpeg_service"]["resource_usage"]
        return use if use["processes"] and use["cpu_percent"] else None

    def test_one_that_is_gone_is_not_available(self, api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "none"))
        monkeypatch.setattr(
            processing_health, "ffmpeg_version", processing_health.ffmpeg_version.__wrapped__
        )  # uncached
        found = ask(api)["ffmpeg_service"]
        assert (found["available"], found["version"]) == (False, None)


class TestStorage:
    def test_what_is_not_configured_is_null(self, api: Api) -> None:
        storage = ask(api)["storage"]
        assert (storage["s3_accessible"], storage["cdn_accessible"]) == (None, None)
        disk = storage["disk_space"]
        assert 0 < disk["free_bytes"] <= disk["total_bytes"]
        assert disk["used_bytes"] > 0

    @pytest.mark.services
    def test_a_bucket_answers_or_not(self, api: Api, s3_storage: s3.Bucket) -> None:
        assert wait_until(lambda: ask(api)["storage"]["s3_accessible"])
        s3_storage.faults.answer_503()
        assert ask(api)["storage"]["s3_accessible"] is False
        s3_storage.faults.heal()
        assert wait_until(lambda: ask(api)["storage"]["s3_accessible"])

    @pytest.mark.parametrize(("status", "reached"), [(200, True), (403, True), (404, True), (502, False)])
    def test_a_cdn_is_up_whatever_it_tells_strangers(self, api: Api, settings: Any, status: int, reached: bool) -> None:
        class Edge(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response(status)
                self.end_headers()

        with serving(http.server.HTTPServer(("127.0.0.1", 0), Edge)) as address:
            settings.CDN = {"base_url": address, "key_pair_id": "", "private_key": ""}
            assert ask(api)["storage"]["cdn_accessible"] is reached
        if reached:
            assert ask(api)["storage"]["cdn_accessible"] is False
