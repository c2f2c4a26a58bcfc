"""Fixtures of tests that run jobs in their own process: a store, the worker's keeper, a stand-in for a child."""

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
    """The store of this test, a folder of its own."""
    place = tmp_path / "media"
    place.mkdir()
    storage = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(place)}}
    settings.STORAGES = {**settings.STORAGES, "default": storage}
    settings.MEDIA_ROOT = place  # the doors of bytes open nothing that lies elsewhere
    return place


@contextmanager
def keeping() -> Iterator[None]:
    """The worker's threads run while the block does: jobs can be run in this process."""
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
    """The thread that keeps leases, as often as in production."""
    with keeping():
        yield


@pytest.fixture
def running_keeper(settings: Any) -> Iterator[None]:
    """The thread that keeps leases, looking about twenty times a second."""
    settings.JOB_CONTROL_SECONDS = 0.05
    with keeping():
        yield


def open_to_children(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let confined children run programs of ``folder`` and write there, for programs that stand in for the real."""
    rules = Access.rules
    monkeypatch.setattr(Access, "rules", lambda self: [*rules(self), f"run={folder}", f"write={folder}"])


@pytest.fixture
def child_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[list[str], Path]]:
    """Writes a program that can stand in the place of a job's child.

    It finds its request as ``request`` and writes lines by ``say``. Returns the command that runs it, and the file in
    which the requests that came stand, one a line.
    """
    log = tmp_path / "requests"
    open_to_children(tmp_path, monkeypatch)

    def write(script: str) -> tuple[list[str], Path]:
        path = tmp_path / "child.py"
        path.write_text(SCRIPT_HEAD.format(log=str(log)) + script)
        return [sys.executable, str(path)], log

    return write
