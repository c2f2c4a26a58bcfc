"""Outputs of jobs while the storage is unavailable: rows change, jobs wait, and leftovers are swept later."""

import errno
import os
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from jobs_app import leases, outputs
from jobs_app.maintenance import Sweep
from jobs_app.models import Job
from jobs_app.runner import run_queue
from tests.comparison.test_align import BOX, ECHO, stand_in
from tests.conftest import Library
from tests.jobs.kinds import again, make
from tests.support.api import BASE, Api, refused
from tests.support.factories import lease_of, make_job, make_session, make_video
from tests.support.s3 import Bucket
from vodplatform.accounts.models import User
from vodplatform.core import logs
from vodplatform.core.files.storage import StoreFull, StoreUnavailable
from vodplatform.site.management.commands import expire

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kinds")]


class Files:
    """The storage of a test: a folder that raises while ``is_away``."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.is_away = folder, False
        for name in ("_open", "_save", "delete", "exists", "listdir"):
            patch.setattr(FileSystemStorage, name, self.unless_away(getattr(FileSystemStorage, name)))
        patch.setattr("jobs_app.outage.ask_storage", self.check)

    def check(self) -> None:
        if self.is_away:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def unless_away(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def ask(storage: FileSystemStorage, *given: Any, **named: Any) -> Any:
            if Path(storage.location) == self.folder:
                self.check()
            return call(storage, *given, **named)

        return ask

    def keys(self) -> list[str]:
        return [path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()]


@pytest.fixture
def files(media: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    return Files(media, monkeypatch)


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """The named events of this process, as the log has them."""
    found: list[tuple[str, dict[str, Any]]] = []

    def hear(name: str, **data: Any) -> None:
        found.append((name, data))

    monkeypatch.setattr(outputs, "event", hear)
    monkeypatch.setattr(expire, "event", hear)
    monkeypatch.setattr(logs, "event", hear)
    yield found


def put(job: Job) -> str:
    return outputs.store(job.pk, uuid.uuid4(), "a.jpg", b"picture")


class TestDeleting:
    def test_swept_later(self, api: Api, owner: User, files: Files, events: list[tuple[str, dict[str, Any]]]) -> None:
        """The job is deleted at once, its files are swept later."""
        job = make_job(owner, "completed")
        key = put(job)
        files.is_away = True
        assert api.delete(f"/api/v1/jobs/{job.pk}").status_code == 204
        assert not Job.objects.filter(pk=job.pk).exists()
        (left,) = [data for name, data in events if name == "outputs.left"]
        assert left["folder"] == f"jobs/{job.pk}"
        with pytest.raises(CommandError, match="storage does not answer"):
            call_command("expire")
        assert "cleanup.left" in [name for name, _ in events]
        assert files.keys() == [key]
        files.is_away = False
        assert (outputs.sweep(), files.keys()) == (1, [])

    def test_what_asks_the_storage_itself_says_that_it_is_away(self, files: Files) -> None:
        job = Job(pk=uuid.uuid4())
        put(job)
        files.is_away = True
        for call in (
            lambda: outputs.delete_folder("previews/comp-1"), lambda: outputs.save_bytes("previews/comp-1/a", b"a"),
            lambda: outputs.sweep_job(job.pk), outputs.sweep, lambda: put(job),
        ):  # fmt: skip
            with pytest.raises(StoreUnavailable):
                call()


class TestRunning:
    @pytest.fixture(autouse=True)
    def _asked_each_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("jobs_app.outage.ASK_SECONDS", 0.0)

    def test_one_that_stores_waits_nothing_else_is_taken_and_all_goes_on(self, owner: User, files: Files) -> None:
        jobs = [make(owner, kind="test.store") for _ in range(3)]
        files.is_away = True
        for _ in range(2):
            run_queue("test")
        found = sorted(Job.objects.values_list("status", "attempt", "retries", "crashes"))
        assert found == [("queued", 0, 0, 0), ("queued", 0, 0, 0), ("waiting", 0, 0, 0)]
        assert Job.objects.get(status="waiting").away_since
        files.is_away = False
        assert run_queue("test") == 2
        Job.objects.filter(status="waiting").update(run_at=jobs[0].created_at)
        Sweep()()
        run_queue("test")
        assert {again(job).status for job in jobs} == {"completed"}
        assert set(files.keys()) == {"installation.json", *(job.result["key"] for job in jobs)}

    @pytest.mark.parametrize(
        ("hours", "minutes", "status"), [(23, 1, "waiting"), (25, 1, "failed"), (25, 11, "waiting")]
    )
    def test_after_a_day_of_it_the_job_says_why(self, owner: User, hours: int, minutes: int, status: str) -> None:
        """Unless its last attempt went on for a while before the storage went away again."""
        job = make(owner, kind="test.store")
        lease = lease_of(leases.claim("test", "w"))
        ago = {"away_since": Now() - timedelta(hours=hours), "started_at": Now() - timedelta(minutes=minutes)}
        Job.objects.filter(pk=job.pk).update(**ago)
        assert leases.wait_for_storage(lease, "unavailable", "The file storage does not answer.")
        error = "unavailable" if status == "failed" else None
        assert (again(job).status, (job.error or {}).get("type")) == (status, error)

    def test_a_full_disk_is_told_as_one(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*arguments: object, **options: object) -> str:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(outputs.default_storage, "save", full)
        with pytest.raises(StoreFull):
            put(Job(pk=uuid.uuid4()))
        job = make(owner, kind="test.store")
        Job.objects.filter(pk=job.pk).update(retries=100)
        run_queue("test")
        assert (again(job).status, job.error["type"]) == ("failed", "disk_full")

    def test_what_a_failed_attempt_stored_may_stay_for_a_while(
        self, owner: User, files: Files, monkeypatch: pytest.MonkeyPatch, events: list[tuple[str, dict[str, Any]]]
    ) -> None:
        """The storage goes away between what the attempt stored and its end."""
        job = make(owner, kind="test.half")
        keep = outputs.save_bytes

        def keep_and_lose(key: str, content: bytes) -> str:
            found = keep(key, content)
            files.is_away = True
            return found

        monkeypatch.setattr(outputs, "save_bytes", keep_and_lose)
        run_queue("test")
        assert (again(job).status, job.error["type"]) == ("failed", "no_timer")
        assert [name for name, _ in events].count("outputs.left") == 1
        assert len(files.keys()) == 1


@pytest.mark.services
class TestExpire:
    def test_old_previews_go_from_a_bucket_too(self, s3_storage: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        outputs.save_bytes("previews/comp-1/x/a.jpg", b"old")
        call_command("expire")
        assert s3_storage.keys("previews/") == ["previews/comp-1/x/a.jpg"]

        class Later(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return datetime.now(UTC) + timedelta(hours=2)

        monkeypatch.setattr(expire, "datetime", Later)
        call_command("expire")
        assert s3_storage.keys("previews/") == []


def test_preview_is_503(api: Api, owner: User, library: Library, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, ECHO)
    videos = [make_video(owner, duration=5, location=str(library.crew / name)) for name in ("plain.mp4", "other.mp4")]
    session = make_session(owner, videos=videos)
    files.is_away = True
    path = f"{BASE}/{session.session_id}/timer-preview"
    refused(api.send("POST", path, {"roi": BOX}, fails=True), 503, "unavailable")
    assert api.delete(f"{BASE}/{session.session_id}").status_code == 200
