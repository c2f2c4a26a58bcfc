"""Two people change one session at once: each gets an answer of the contract, and nothing is left half done."""

from __future__ import annotations

import pytest

from jobs_app.models import Job
from sessions_app.comparison.models import Alignment, ComparisonSession
from tests.support.api import BASE, Api
from tests.support.factories import make_key, make_session, make_user
from tests.support.together import at_once

pytestmark = [pytest.mark.both, pytest.mark.django_db(transaction=True)]
ROUNDS = 6


def test_deleting_a_session_while_others_align_and_move_it_leaves_nothing_behind() -> None:
    user = make_user()
    key = make_key(user)
    for _ in range(ROUNDS):
        path = f"{BASE}/{make_session(user).session_id}"
        deleted, *others = at_once(
            lambda path=path: Api(key).delete(path).status_code,
            lambda path=path: Api(key).post(f"{path}/align", {"method": "timer_ocr"}).status_code,
            lambda path=path: (
                Api(key).put(f"{path}/offsets", {"offsets": {"vod-2": 1.0}, "source": "manual"}).status_code
            ),
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
