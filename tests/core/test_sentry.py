"""Faults to Sentry: what arrives there says where it broke and for which request, and nothing that the caller sent."""

import gzip
import http.server
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.http_servers import serving
from tests.support.waiting import wait_until
from vodplatform.settings.environment import Environment, SettingsError
from vodplatform.settings.variables import PROJECT_ROOT
from vodplatform.version import release

pytestmark = pytest.mark.pure
PROGRAM = """
import sys, types
import django
from django.conf import settings
django.setup()
from django.test import Client
from django.urls import path
from vodplatform.core.web import views

def broken(request, number):
    password = "hunter2-local"
    raise RuntimeError("broken at redis://user:hunter2-url@host/0")

routes = types.ModuleType("routes")
routes.urlpatterns = [path("broken/<int:number>", broken)]
routes.handler500 = views.server_error
sys.modules["routes"] = routes
settings.ROOT_URLCONF = "routes"
answer = Client(raise_request_exception=False).post(
    "/broken/7?ticket=hunter2-query", {"password": "hunter2-body"},
    headers={"Authorization": "Token vod_hunter2-header-hunter2-header", "X-Request-ID": "number-9",
             "Cookie": "sessionid=hunter2cookie"},
)
print(answer.status_code, "sentry_sdk" in sys.modules)
import sentry_sdk
sentry_sdk.flush(5)
"""


class Receiver(http.server.ThreadingHTTPServer):
    """A Sentry of our own: keeps what is sent to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.dsn = f"http://key@127.0.0.1:{self.server_port}/1"
        self.bodies: list[bytes] = []

    def events(self) -> list[dict[str, Any]]:
        found = []
        for body in self.bodies:
            parts = [json.loads(line) for line in body.splitlines() if line.startswith(b"{")]
            found += [part for part in parts if "exception" in part or "logentry" in part]
        return found


class Handler(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_packed = self.headers.get("Content-Encoding") == "gzip"
        self.server.bodies.append(gzip.decompress(body) if is_packed else body)
        self.send_response(200)
        self.end_headers()


def run(code: str, tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"], "VOD_DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "vodplatform.settings.test", **variables,
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_a_fault_arrives_with_its_request_and_without_its_secrets(tmp_path: Path) -> None:
    receiver = Receiver()
    with serving(receiver):
        done = run(PROGRAM, tmp_path, SENTRY_DSN=receiver.dsn)
        assert done.stdout == "500 True\n", done.stderr
        wait_until(receiver.events)
    [event] = receiver.events()
    assert event["tags"]["request_id"] == "number-9"
    assert event["exception"]["values"][-1]["type"] == "RuntimeError"
    assert event["exception"]["values"][-1]["stacktrace"]["frames"][-1]["function"] == "broken"
    assert event["transaction"] == "/broken/{number}"
    assert event["release"] == release()
    assert set(event["request"]) <= {"method"}
    assert "hunter2" not in b"".join(receiver.bodies).decode()


def test_nothing_is_even_imported_without_a_dsn(tmp_path: Path) -> None:
    assert Environment({}).sentry_dsn() == ""
    code = "import sys, django; django.setup(); print('sentry_sdk' in sys.modules)"
    assert run(code, tmp_path).stdout == "False\n"


def test_a_missing_package_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "class Nothing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'sentry_sdk':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Nothing())\n"
        "sys.argv = ['manage.py', 'check']\n"
        "import manage; manage.main()\n"
    )
    done = run(code, tmp_path, SENTRY_DSN="http://key@127.0.0.1:9/1")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "sentry-sdk is not installed" in done.stderr
    assert "requirements/production.txt" in done.stderr


@pytest.mark.parametrize("given", ["nonsense", "http://127.0.0.1/1", "ftp://key@host/1", "https://key@host/"])
def test_an_address_that_cannot_be_one_stops_the_start(given: str) -> None:
    with pytest.raises(SettingsError, match="SENTRY_DSN"):
        Environment({"SENTRY_DSN": given}).sentry_dsn()
