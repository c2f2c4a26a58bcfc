"""What one of the workers does every so many seconds, beside jobs: named by the settings."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from jobs_app import running, upkeep
from jobs_app.models import Chore
from media_app.videos.models import Place, VideoView
from media_app.videos.viewing import note_view
from tests.support.factories import make_video
from tests.support.waiting import wait_until
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db(transaction=True)
done: list[str] = []


def do() -> None:
    done.append(threading.current_thread().name)


def fail() -> None:
    raise RuntimeError("a chore that breaks")


@pytest.fixture(autouse=True)
def _rest() -> Iterator[None]:
    """Of the worker's own chores only those that the test names."""
    done.clear()
    upkeep.take_chore("expire", 3600)
    yield
    for thread in threading.enumerate():
        if thread.name in ("test", "views", "broken"):
            thread.join(10)


def test_it_is_done_by_one_of_all_workers_each_time_it_is_due(settings: Any) -> None:
    settings.JOB_CHORES = {"test": (60.0, f"{__name__}.do")}
    workers = [running.Sweep() for _ in range(3)]
    for worker in workers:
        worker()
    wait_until(lambda: done)
    assert done == ["test"]
    Chore.objects.filter(name="test").update(due_at=Now() - timedelta(seconds=1))
    for worker in [running.Sweep() for _ in range(3)]:
        worker()
    wait_until(lambda: len(done) > 1)
    assert done == ["test", "test"]


def test_one_that_breaks_stops_no_other(settings: Any) -> None:
    settings.JOB_CHORES = {"broken": (60.0, f"{__name__}.fail"), "test": (60.0, f"{__name__}.do")}
    running.Sweep()()
    wait_until(lambda: done)


def test_the_programs_own_are_there(settings: Any) -> None:
    for seconds, path in settings.JOB_CHORES.values():
        assert seconds > 0
        assert callable(import_string(path))


def test_views_are_added_up_each_minute(owner: User, settings: Any) -> None:
    assert settings.JOB_CHORES["views"][0] == 60
    video = make_video(owner, place=Place.CATALOGUE)
    note_view(video.pk, "anna")
    running.Sweep()()
    wait_until(lambda: VideoView.objects.filter(is_counted=True).exists())
    video.refresh_from_db()
    assert video.view_count == 1
