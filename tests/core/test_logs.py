"""The log as the program really writes it: one JSON object a line, with its ids, and nobody's secret in any of them."""

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.test import Client, RequestFactory
from uvicorn.config import LOGGING_CONFIG

from jobs_app.context import JobContext
from jobs_app.runner import run_job
from tests.contract.places import browser
from tests.support.api import Api
from tests.support.factories import PASSWORD, make_job, make_key, make_session, make_user, make_video
from tests.support.sockets import ask, connected
from vodplatform.accounts.models import User
from vodplatform.asgi import application
from vodplatform.core import logs

pytestmark = pytest.mark.django_db
FIELDS = {"at", "level", "logger", "event", "request_id", "user", "job", "host"}


class Lines(io.StringIO):
    """What was logged so far."""

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.all() if line["event"] == event]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The settings' own logging configuration, with its one handler writing here."""
    root = logging.getLogger()
    kept, level = list(root.handlers), root.level
    logging.config.dictConfig(django_settings.LOGGING)
    [handler] = [found for found in root.handlers if isinstance(found.formatter, logs.JsonFormatter)]
    assert isinstance(handler, logging.StreamHandler)
    written = Lines()
    handler.setStream(written)
    yield written
    root.handlers[:] = kept
    root.setLevel(level)


class TestLines:
    def test_every_line_is_an_object_with_the_ids(self, lines: Lines, api: Api, owner: User) -> None:
        api.get("/api/v1/me", headers={"X-Request-ID": "number-7"})
        logging.getLogger("anybody").warning("a message\nof two lines \u2028 or three")
        for line in lines.all():
            assert set(line) >= FIELDS
            assert (line["version"], line["commit"]) == (django_settings.VERSION, django_settings.COMMIT)
        assert len(lines.all()) == lines.getvalue().count("\n") == len(lines.getvalue().splitlines())
        [line] = lines.of("request")
        assert (line["request_id"], line["user"], line["job"]) == ("number-7", str(owner.pk), "")
        assert line["at"].endswith("Z")
        assert line["at"][10] == "T"

    def test_a_traceback_stays_on_its_line(self, lines: Lines, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        broken = Mock(side_effect=RuntimeError("broken\nin two lines"))
        monkeypatch.setattr("jobs_app.api.Job.objects.visible_to", broken)
        api.get("/api/v1/jobs", fails=True, headers={"X-Request-ID": "number-8"})
        [line] = lines.of("error")
        assert "Traceback" in line["exc_info"]
        assert "in two lines" in line["exc_info"]
        assert (line["request_id"], line["level"]) == ("number-8", "ERROR")

    def test_the_level_is_the_settings_and_the_web_server_s_lines_are_objects_too(self, lines: Lines) -> None:
        logging.getLogger("vodplatform.jobs").debug("unseen")
        logging.getLogger("uvicorn.error").info('127.0.0.1 - "WebSocket /ws/jobs/?ticket=x" [accepted]')
        assert lines.all() == []
        logging.config.dictConfig(LOGGING_CONFIG)
        logging.config.dictConfig(django_settings.LOGGING)
        for name in ("uvicorn", "uvicorn.access"):
            assert (logging.getLogger(name).handlers, logging.getLogger(name).propagate) == ([], True)
        assert logging.getLogger("uvicorn.error").getEffectiveLevel() == logging.WARNING

    @pytest.mark.django_db(transaction=True)
    def test_jobs_tell_their_beginning_progress_and_end_and_the_cleanup_too(self, lines: Lines, owner: User) -> None:
        job = make_job(owner, "processing", kind="no.such.kind")
        JobContext(job).progress(50, "Half")
        run_job(job)
        [line] = lines.of("processing.start")
        assert (line["job"], line["data"]["kind"]) == (str(job.pk), "no.such.kind")
        [line] = lines.of("processing.progress")
        assert line["data"]["progress"] == 50
        [line] = lines.of("processing.complete")
        assert (line["job"], line["data"]["outcome"]) == (str(job.pk), "failed")
        cancelled = make_job(owner)
        assert Api(make_key(owner)).post(f"/api/v1/jobs/{cancelled.pk}/cancel").status_code == 200
        [line] = lines.of("processing.cancelled")
        assert line["data"]["job"] == str(cancelled.pk)
        call_command("expire", stdout=io.StringIO())
        assert lines.of("cleanup")


class TestAccess:
    def test_each_request_has_one_line_with_its_user(self, lines: Lines, api: Api, anonymous: Api, owner: User) -> None:
        session = make_session(owner)
        api.get(f"/api/sessions/multi-vod/{session.session_id}/?a=1")
        browser(owner).get("/compare")
        anonymous.get("/api/v1/me")
        [line, *others] = lines.of("request")
        data = line["data"]
        assert data.pop("ms") >= 0
        assert data == {"method": "GET", "route": "api/sessions/multi-vod/<str:session_id>", "status": 200}
        assert (line["level"], line["user"]) == ("INFO", str(owner.pk))
        assert [other["user"] for other in others] == [str(owner.pk), ""]

    @pytest.mark.django_db(transaction=True)
    async def test_the_byte_door_and_a_body_that_is_too_large_have_their_lines_too(self, lines: Lines) -> None:
        video = await ask(lambda: make_video(make_user("viewer")))

        async def nothing(message: Any = None) -> dict[str, Any]:
            return {"type": "http.disconnect"}

        for scope in (
            {
                "method": "GET", "path": f"/api/v1/media/stream/{video.pk}", "query_string": b"sig=0.secret-sign",
                "headers": [(b"x-request-id", b"number-10")],
            },
            {"method": "POST", "path": "/api/v1/me", "headers": [(b"content-length", b"99999999999")]},
        ):  # fmt: skip
            await application({"type": "http", **scope}, nothing, nothing)
        streamed, large = lines.of("request")
        assert streamed["data"]["route"] == "api/v1/media/stream/<video_id>"
        assert [line["data"]["status"] for line in (streamed, large)] == [404, 413]
        assert streamed["request_id"] == "number-10"
        assert "secret-sign" not in lines.getvalue()


class TestSecrets:
    def test_none_is_logged(self, lines: Lines, owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.LOGGING["root"]["level"] = "DEBUG"
        logging.getLogger().setLevel(logging.DEBUG)
        key = make_key(owner)
        secrets = {
            "key": key, "password": PASSWORD, "wrong": "Wrong-Password-88", "ticket": "ticket-7f3a9c",
            "sig": "sig-7f3a9c", "metrics": "metrics-token-7f3a9c",
        }  # fmt: skip
        settings.METRICS_TOKEN = secrets["metrics"]
        api, anonymous = Api(key), Api()
        query = f"?ticket={secrets['ticket']}&sig={secrets['sig']}&token={key}"
        for path in ("/api/v1/me", "/none", "/api/v1/jobs/x", "/compare", "/login", "/api/v1/media/made/a.jpg"):
            api.get(path + query) if path.startswith("/api") else anonymous.client.get(path + query)
        for password in (PASSWORD, secrets["wrong"]):
            anonymous.post("/api/auth/token", {"username": owner.username, "password": password})
            anonymous.client.post("/login" + query, {"username": owner.username, "password": password})
        anonymous.get("/metrics", headers={"Authorization": f"Bearer {secrets['metrics']}"})
        anonymous.client.get("/" + query, headers={"Host": "evil.example"})
        monkeypatch.setattr("jobs_app.api.Job.objects.visible_to", Mock(side_effect=RuntimeError("broken")))
        api.get("/api/v1/jobs" + query, fails=True)
        assert len(lines.of("request")) >= 12
        for name, secret in secrets.items():
            assert secret not in lines.getvalue(), name

    def test_a_link_is_in_no_line_of_a_refused_form(self, lines: Lines) -> None:
        logging.getLogger().setLevel(logging.DEBUG)
        token = "wXyZ0123456789abcdefghijklmnopqrstuvwxyz"
        client = Client(enforce_csrf_checks=True)
        for path in ("/r/", "/login/new-password/MQ/", "/signup/confirm/"):
            assert client.post(path + token).status_code in (403, 405)
        assert lines.of("request")
        assert token not in lines.getvalue()

    @pytest.mark.django_db(transaction=True)
    async def test_a_sockets_ticket_is_in_no_line(self, lines: Lines) -> None:
        logging.getLogger().setLevel(logging.DEBUG)
        key = await ask(lambda: make_key(make_user("listener")))
        async with connected("/ws/jobs/none", key=key):
            pass
        assert key not in lines.getvalue()

    @pytest.mark.parametrize(("text", "secret"), [
        ("GET /x?ticket=AbC-1_2&a=1", "AbC-1_2"),
        ("/stream/1?a=1&sig=5f3.ab-c_d", "5f3.ab-c_d"),
        ("/api/v1/media/hls/65f3a0c4.Ab-c_d/1/master.m3u8", "Ab-c_d"),
        ("/api/v1/media/renditions/65f3a0c4.Ab-c_d/1/poster.jpg", "Ab-c_d"),
        ("Authorization: Token vod_abcdefghijklmnopqrstuvwxyz", "abcdefghijkl"),
        ("Authorization: Bearer abcdefghijklmnopqrstuv", "abcdefghijklmnopqrstuv"),
        ("'authorization', b'Basic YTpiYWFhYWFhYWFhYWFh'", "YTpiYWFhYWFh"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl", "c2lnbmF0dXJl"),
        ("connection to redis://user:hunter2@host:6379/0 failed", "hunter2"),
        ("postgres://u:p%40ss@db/name", "p%40ss"),
        ("Cookie: sessionid=abc123def; theme=dark", "abc123def"),
        ("username=a&password=hunter2&next=/", "hunter2"),
        ("link-4f1c=eyAbC-1:x; theme=dark", "eyAbC-1"),
        ("https://b.s3.test/a.mp4?X-Amz-Credential=K&X-Amz-Signature=5f3abc", "5f3abc"),
        ("/x.m3u8?grant=ab.cd-e", "ab.cd-e"),
        ("Forbidden: /r/wXyZ0123456789abcdefgh", "wXyZ0123456789"),
        ("/signup/confirm/wXyZ0123456789abcdefgh?a", "wXyZ0123456789"),
        ("/login/new-password/MQ/set-0123456789abcdefgh", "0123456789abcdefgh"),
    ])  # fmt: skip
    def test_one_that_slips_into_a_message_is_cut_out(self, lines: Lines, text: str, secret: str) -> None:
        logging.getLogger("anybody").warning("failed: %s", text, extra={"data": {"again": text, "list": [text]}})
        try:
            raise RuntimeError(text)
        except RuntimeError:
            logging.getLogger("anybody").exception("error")
        request = RequestFactory().get("/private/path")
        logging.getLogger("django.security").warning("refused", extra={"request": request, "status_code": 400})
        assert len(lines.all()) == 3
        assert secret not in lines.getvalue()
        assert "/private/path" not in lines.getvalue()

    def test_what_is_no_secret_stays(self) -> None:
        for text in (
            "The token is unknown, expired or revoked. Create a new one.", "http://127.0.0.1:8000/compare",
            "a ticket = b",
            "at 12:30:01@x", "api/v1/media/hls/<token>/<video_id>/<name>",
        ):  # fmt: skip
            assert logs.without_secrets(text) == text
