"""Fixtures for tests that run jobs in the test process: a file store, lease renewal, a fake child program."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.utils.module_loading import import_string

from jobs_app.heartbeat import lease_renewer
from jobs_app.maintenance import sweeper
from vodplatform.core.processes.process import Access

SCRIPT_HEAD = """\
import json, os, sys, time
request = json.load(sys.stdin)
open({log!r}, "a").write(json.dumps(request) + "\\n")
def say(**line):
    print(json.dumps(line), flush=True)
"""


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    """Give the test a file store in a folder of its own."""
    place = tmp_path / "media"
    place.mkdir()
    storage = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(place)}}
    settings.STORAGES = {**settings.STORAGES, "default": storage}
    settings.MEDIA_ROOT = place  # the byte endpoints send no file outside MEDIA_ROOT
    return place


@contextmanager
def keeping() -> Iterator[None]:
    """Run a worker's background threads during the block, so that jobs can run in this process."""
    lease_renewer.start()
    sweeper.start()
    try:
        yield
    finally:
        sweeper.stop()
        lease_renewer.stop()
        assert lease_renewer.join(10) and sweeper.join(10)
        chores = {import_string(path).name for path in django_settings.JOB_CHORES}
        for thread in threading.enumerate():
            if thread.name in chores:
                thread.join(30)
        lease_renewer._stop.clear()


@pytest.fixture
def lease_keeper() -> Iterator[None]:
    """Run the lease renewer and the sweeper in the background, as often as in production."""
    with keeping():
        yield


@pytest.fixture
def running_keeper(settings: Any) -> Iterator[None]:
    """Run the lease renewer and the sweeper in the background; leases are checked about twenty times a second."""
    settings.JOB_CONTROL_SECONDS = 0.05
    with keeping():
        yield


def open_to_children(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow confined child processes to run programs in ``folder`` and to write there, for fake programs."""
    rules = Access.rules
    monkeypatch.setattr(Access, "rules", lambda self: [*rules(self), f"run={folder}", f"write={folder}"])


@pytest.fixture
def child_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[list[str], Path]]:
    """Return a function that writes a fake child program of a job.

    The function's argument is the program's code, which reads the variable ``request`` and writes lines by ``say``. The
    function returns the command that runs the program, and a log file with one received request per line.
    """
    log = tmp_path / "requests"
    open_to_children(tmp_path, monkeypatch)

    def write(script: str) -> tuple[list[str], Path]:
        path = tmp_path / "child.py"
        path.write_text(SCRIPT_HEAD.format(log=str(log)) + script)
        return [sys.executable, str(path)], log

    return write
