"""``/health`` names what does not answer, in time, without being hung by it, and heals by itself."""

import os
import resource
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import uvicorn
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from tests.support.api import Api, refused
from tests.support.clamav import Clamd
from tests.support.s3 import Bucket, storage_of
from tests.support.waiting import PATIENCE, wait_until
from vodplatform.core.models import Heartbeat
from vodplatform.core.records.database import connect_outside_pool
from vodplatform.core.web import drain, health
from vodplatform.core.web.server import Server

pytestmark = pytest.mark.django_db
LONGEST_SECONDS = 2.0 * PATIENCE
PARTS = {"database", "storage", "disk", "queue", "realtime"}


@pytest.fixture(autouse=True)
def _nothing_is_being_asked() -> None:
    """Whoever asks waits for the answer to a question that is open: here that of the test before, about its servers."""
    wait_until(lambda: all(part._asked is None or part._asked.done() for part in health.PARTS))


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that never says a word: the system accepts connections for it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def ask(api: Api) -> tuple[int, dict[str, Any], float]:
    """Status, body, and seconds that it took."""
    begun = time.monotonic()
    response = api.get("/health", fails=True)
    return response.status_code, response.json(), time.monotonic() - begun


def part(api: Api, name: str) -> str:
    return str(ask(api)[1][name])


def test_it_names_the_parts_the_version_and_the_commit(anonymous: Api, settings: Any) -> None:
    settings.COMMIT = "0123456789ab"
    status, body, _ = ask(anonymous)
    assert status == 200
    assert set(body) == {"status", "version", "commit", *PARTS}
    assert (body["database"], body["storage"]) == ("up", "up")
    assert {body[name] for name in PARTS} <= {"up", "down"}
    assert (body["status"] == "healthy") == ("down" not in body.values())
    assert (body["version"], body["commit"]) == (settings.VERSION, "0123456789ab")
    assert settings.VERSION.count(".") == 2


def test_live_asks_nothing(anonymous: Api, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PARTS", [])
    with django_assert_num_queries(0):
        response = anonymous.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "healthy"})


class TestRoom:
    def test_little_room_is_named(self, anonymous: Api, settings: Any) -> None:
        assert part(anonymous, "disk") == "up"
        settings.DISK_RESERVE_BYTES = 1 << 60
        status, body, _ = ask(anonymous)
        assert (status, body["status"], body["disk"]) == (200, "degraded", "down")

    def test_a_database_without_room_is_named_at_once(self, anonymous: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(write: Any) -> None:
            with closing(sqlite3.connect(":memory:")) as found:
                found.execute("PRAGMA max_page_count = 1")
                found.execute("CREATE TABLE filled (value)")

        with monkeypatch.context() as patch:
            patch.setattr(health, "heart", health.HeartbeatWriter())
            beat = health.heart.beat
            patch.setattr(health.heart, "beat", lambda write: beat(lambda: full(write)))
            for path in ("/health", "/health/ready"):
                response = anonymous.get(path, fails=True)
                refused(response, 503, "disk_full")
                assert int(response["Retry-After"]) >= 1
        assert ask(anonymous)[0] == 200


class TestDatabase:
    """The settings name another database; the test's own connection stays as it is."""

    pytestmark = pytest.mark.both

    def test_one_missing_is_503(self, anonymous: Api, tmp_path: Path, silent: socket.socket) -> None:
        port = port_of(silent)
        silent.close()
        missing = {"HOST": "127.0.0.1", "PORT": port, "NAME": str(tmp_path / "none.sqlite3")}
        with mock.patch.dict(connection.settings_dict, missing):
            response = anonymous.get("/health", fails=True)
        body = refused(response, 503, "unavailable")
        assert (body["database"], body["storage"], body["status"]) == ("down", "up", "degraded")
        assert int(response["Retry-After"]) >= 1
        for detail in ("127.0.0.1", str(port), str(tmp_path)):
            assert detail not in response.content.decode()

    def test_a_hang_hangs_nobody(self, anonymous: Api, tmp_path: Path, silent: socket.socket) -> None:
        pipe = tmp_path / "hangs.sqlite3"
        os.mkfifo(pipe)  # opening it waits for somebody at the other end
        is_file = connection.vendor == "sqlite"
        hanging = {"NAME": str(pipe)} if is_file else {"HOST": "127.0.0.1", "PORT": port_of(silent)}
        try:
            with mock.patch.dict(connection.settings_dict, hanging):
                for _ in range(3):
                    status, body, seconds = ask(anonymous)
                    assert (status, body["database"]) == (503, "down")
                    assert seconds < LONGEST_SECONDS
            # Only one thread waits for the database, however many requests come.
            assert [thread.name for thread in threading.enumerate()].count("database") == 1
        finally:
            if is_file:
                os.close(os.open(pipe, os.O_WRONLY))  # else later tests would wait for the thread that opens it
            silent.close()
        assert wait_until(lambda: part(anonymous, "database") == "up", 60)


class TestStorage:
    def test_a_folder_that_takes_nothing_is_down(self, anonymous: Api, settings: Any, tmp_path: Path) -> None:
        blocked = tmp_path / "media"
        blocked.write_text("not a folder")
        settings.MEDIA_ROOT = blocked
        storage = {**settings.STORAGES["default"], "OPTIONS": {"location": str(blocked)}}
        settings.STORAGES = {**settings.STORAGES, "default": storage}
        status, body, _ = ask(anonymous)
        assert (status, body["status"], body["storage"], body["database"]) == (200, "degraded", "down", "up")
        blocked.unlink()
        assert part(anonymous, "storage") == "up"
        assert list(blocked.iterdir()) == []

    def test_a_full_disk_is_down(self, anonymous: Api) -> None:
        """Only around one call: pytest's own report may go to a file, too."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            found = part(anonymous, "storage")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert found == "down"

    @pytest.mark.services
    def test_a_bucket_is_up_while_it_answers(self, anonymous: Api, s3_storage: Bucket, settings: Any) -> None:
        # A bucket that is slow to answer is down for the moment, as on a busy machine.
        assert wait_until(lambda: part(anonymous, "storage") == "up", 60)
        assert s3_storage.keys() == []
        s3_storage.faults.answer_503()
        assert part(anonymous, "storage") == "down"
        s3_storage.faults.heal()
        assert wait_until(lambda: part(anonymous, "storage") == "up", 60)
        s3_storage.faults.hang()
        status, body, seconds = ask(anonymous)
        assert (status, body["storage"]) == (200, "down")
        assert seconds < LONGEST_SECONDS
        s3_storage.faults.heal()
        assert wait_until(lambda: part(anonymous, "storage") == "up", 60)
        environment = {**s3_storage.environment, "AWS_STORAGE_BUCKET_NAME": "nobodys-bucket"}
        settings.STORAGES = {**settings.STORAGES, "default": storage_of(environment)}
        assert part(anonymous, "storage") == "down"


def test_redis_that_is_silent_or_away_hangs_nobody(anonymous: Api, settings: Any, silent: socket.socket) -> None:
    url = f"redis://127.0.0.1:{port_of(silent)}/0"
    backend, config = "channels_redis.pubsub.RedisPubSubChannelLayer", {"hosts": [url], "prefix": "vod"}
    settings.REDIS_URL, settings.CHANNEL_LAYERS = url, {"default": {"BACKEND": backend, "CONFIG": config}}
    status, body, seconds = ask(anonymous)
    assert silent.accept() and silent.accept()
    assert (status, body["status"], body["queue"], body["realtime"]) == (200, "degraded", "down", "down")
    assert seconds < LONGEST_SECONDS
    silent.close()
    assert part(anonymous, "realtime") == "down"


class TestReady:
    def test_balancers_ask_by_address(self, anonymous: Api, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.ALLOWED_HOSTS = ["vod.example"]
        headers = {"Host": "10.1.2.3"}
        assert anonymous.get("/health/ready", headers=headers).json() == {"status": "ready"}
        assert anonymous.get("/health/live", headers=headers).json() == {"status": "healthy"}
        assert anonymous.get("/health", headers=headers, fails=True).status_code == 400
        monkeypatch.setattr(health, "database_is_up", lambda: False)
        refused(anonymous.get("/health/ready", headers=headers, fails=True), 503, "unavailable")

    def test_before_its_migrations_have_run_it_is_not(self, anonymous: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health, "_is_current", False)
        recorder = MigrationRecorder(connection)
        _, name = max(one for one in recorder.applied_migrations() if one[0] == "jobs")
        recorder.record_unapplied("jobs", name)
        assert "migrate" in refused(anonymous.get("/health/ready", fails=True), 503, "unavailable")["error"]
        recorder.record_applied("jobs", name)
        assert anonymous.get("/health/ready").status_code == 200

    def test_one_that_is_to_end_is_not_ready(self, anonymous: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(drain, "_begun", threading.Event())
        server = Server(uvicorn.Config("nothing:here"), drain_seconds=0.5)
        with server.capture_signals():
            assert anonymous.get("/health/ready").status_code == 200
            os.kill(os.getpid(), signal.SIGTERM)
            wait_until(drain.is_shutting_down)
            assert refused(anonymous.get("/health/ready", fails=True), 503, "unavailable")
            assert not server.should_exit
            wait_until(lambda: server.should_exit)


class TestScanner:
    PARTS = {"scanner": "media_app.uploads.scan.ping"}

    @pytest.mark.services
    def test_one_that_is_down_degrades_and_heals(self, anonymous: Api, clamd: Clamd, settings: Any) -> None:
        settings.HEALTH_PARTS = self.PARTS
        assert part(anonymous, "scanner") == "up"
        clamd.stop()
        status, body, _ = ask(anonymous)
        assert (status, body["status"], body["scanner"]) == (200, "degraded", "down")
        clamd.start()
        assert part(anonymous, "scanner") == "up"

    def test_a_silent_one_is_down_and_hangs_nobody(self, anonymous: Api, settings: Any, silent: socket.socket) -> None:
        settings.HEALTH_PARTS, settings.CLAMD = self.PARTS, ("127.0.0.1", port_of(silent))
        status, body, seconds = ask(anonymous)
        assert silent.accept()
        assert set(body) == {"status", "version", "commit", "scanner", *PARTS}
        assert (status, body["scanner"]) == (200, "down")
        assert seconds < LONGEST_SECONDS


def test_a_change_is_logged_once(anonymous: Api, settings: Any, caplog: pytest.LogCaptureFixture, silent: Any) -> None:
    parts = [health.HealthCheck("queue", health.ask_queue)]
    settings.REDIS_URL = f"redis://127.0.0.1:{port_of(silent)}/0"
    silent.close()
    for _ in range(3):
        assert health.check_all(parts) == {"queue": False}
    told = [record.data for record in caplog.records if record.levelname == "WARNING" and record.msg == "health"]  # type: ignore[attr-defined]
    assert told == [{"part": "queue", "is": "down"}]


def test_many_at_once_ask_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, go_on = [], threading.Event()

    def slowly() -> None:
        asked.append(1)
        go_on.wait(10)

    one = health.HealthCheck("slow", slowly)
    answers = [one.begin() for _ in range(20)]
    go_on.set()
    assert all(one.is_up(answer, time.monotonic() + 10) for answer in answers)
    assert len(asked) == 1
    assert one.is_up(one.begin(), time.monotonic() + 10)
    assert len(asked) == 2


class TestLocked:
    """Reading goes on while nobody can write."""

    pytestmark = pytest.mark.both

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Somebody else keeps the lock that every writer needs."""
        if connection.vendor == "sqlite":
            with closing(sqlite3.connect(str(connection.settings_dict["NAME"]), isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                yield
            return
        with connect_outside_pool(connection) as other:
            other.execute("LOCK TABLE heartbeat IN ACCESS EXCLUSIVE MODE")
            yield
            other.rollback()

    @pytest.mark.django_db(transaction=True)
    def test_what_is_locked_for_long_is_down_and_heals(self, anonymous: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        assert ask(anonymous)[1]["database"] == "up"
        assert Heartbeat.objects.count() == 1
        with self.locked():
            assert ask(anonymous)[1]["database"] == "up"
            monkeypatch.setattr(health, "LOCKED_SECONDS", 0.0)
            status, body, _ = ask(anonymous)
            assert (status, body["database"]) == (503, "down")
        assert ask(anonymous)[1]["database"] == "up"
