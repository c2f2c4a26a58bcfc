"""Two people change one session at once: each gets an answer of the contract, and nothing is left half done."""

import threading

import pytest
from django.db import transaction

from jobs_app.models import Job
from media_app.videos.models import Video
from media_app.videos.services import RENDER_KIND, delete_video
from sessions_app.comparison.alignment.services import start_alignment
from sessions_app.comparison.models import Alignment, ComparisonSession
from sessions_app.comparison.services import lock_session
from tests.support.api import BASE, Api
from tests.support.factories import make_job, make_key, make_session, make_user, make_video
from tests.support.together import at_once

pytestmark = [pytest.mark.both, pytest.mark.django_db(transaction=True)]
ROUNDS = 6


def test_deleting_a_session_while_others_align_and_move_it_leaves_nothing_behind() -> None:
    user = make_user()
    key, change = make_key(user), {"offsets": {"vod-2": 1.0}, "source": "manual"}
    for _ in range(ROUNDS):
        path = f"{BASE}/{make_session(user).session_id}"
        deleted, *others = at_once(
            lambda path=path: Api(key).delete(path).status_code,
            lambda path=path: Api(key).post(f"{path}/align", {"method": "timer_ocr"}).status_code,
            lambda path=path: Api(key).put(f"{path}/offsets", change).status_code,
            lambda path=path: Api(key).put(f"{path}/global-seek", {"timestamp": 4}).status_code,
        )
        assert deleted == 200
        assert set(others) <= {200, 202, 404}
    assert not ComparisonSession.objects.exists()
    assert not Alignment.objects.exists()
    assert not Job.objects.exists()


def test_cancelling_an_alignment_while_its_session_is_deleted_is_done_or_not_found() -> None:
    user = make_user()
    key = make_key(user)
    for _ in range(ROUNDS):
        path = f"{BASE}/{make_session(user).session_id}"
        job_id = Api(key).post(f"{path}/align", {"method": "timer_ocr"}).json()["job_id"]
        deleted, *cancelled = at_once(
            lambda path=path: Api(key).delete(path).status_code,
            *[lambda job_id=job_id: Api(key).post(f"/api/v1/jobs/{job_id}/cancel").status_code] * 2,
        )
        assert deleted == 200
        assert set(cancelled) <= {200, 404}
    assert not Job.objects.exists()


@pytest.mark.postgresql
def test_deleting_a_video_while_sessions_that_show_it_are_aligned_does_not_deadlock() -> None:
    user, admin = make_user(), make_user("admin", role="admin")
    video = make_video(user)
    session = make_session(user, videos=[video, make_video(user)])
    make_job(user, kind=RENDER_KIND, lane="render", params={"video_id": str(video.pk), "tasks": []})
    locked = threading.Event()

    def align() -> None:
        with transaction.atomic():
            lock_session(session)
            locked.set()
            threading.Event().wait(0.5)  # until the deletion waits
            start_alignment(session, "audio", None, "auto")

    def delete() -> None:
        assert locked.wait(10)
        delete_video(video, by=admin)

    at_once(align, delete)
    assert not Video.objects.filter(pk=video.pk).exists()
    assert Job.objects.filter(kind=RENDER_KIND, status="cancelled").count() == 1
    assert Alignment.objects.count() == 1
