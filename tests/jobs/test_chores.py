"""What one of the workers does every so many seconds, beside jobs: named by the settings."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from jobs_app import chores
from jobs_app.models import Chore
from jobs_app.sweeping import Sweep
from media_app.videos.models import Place, VideoView
from media_app.videos.viewing import note_view
from tests.support.factories import make_video
from tests.support.waiting import wait_until
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db(transaction=True)
done: list[str] = []


@chores.chore("test", seconds=60)
def do() -> None:
    done.append(threading.current_thread().name)


@chores.chore("broken", seconds=60)
def fail() -> None:
    raise RuntimeError("a chore that breaks")


@pytest.fixture(autouse=True)
def _rest() -> Iterator[None]:
    """Of the worker's own chores only those that the test names."""
    done.clear()
    chores.take("expire", 3600)
    yield
    for thread in threading.enumerate():
        if thread.name in ("test", "views", "broken"):
            thread.join(10)


@pytest.mark.both
def test_it_is_done_by_one_of_all_workers_each_time_it_is_due(settings: Any) -> None:
    settings.JOB_CHORES = [f"{__name__}.fail", f"{__name__}.do"]  # one that breaks stops no other
    for count in (1, 2):
        for worker in [Sweep() for _ in range(3)]:
            worker()
        wait_until(lambda count=count: len(done) == count)
        Chore.objects.filter(name="test").update(due_at=Now() - timedelta(seconds=1))
    assert done == ["test", "test"]


def test_the_programs_own_are_there(settings: Any) -> None:
    declared = [import_string(path) for path in settings.JOB_CHORES]
    assert {chore.name: chore.seconds for chore in declared} == {
        "expire": 3600, "views": 60, "analyses": 60, "merges": 300, "pro jobs": 300
    }  # fmt: skip


def test_views_are_added_up_by_a_worker(owner: User) -> None:
    video = make_video(owner, place=Place.CATALOGUE)
    note_view(video.pk, "anna")
    Sweep()()
    wait_until(lambda: VideoView.objects.filter(is_counted=True).exists())
    video.refresh_from_db()
    assert video.view_count == 1
