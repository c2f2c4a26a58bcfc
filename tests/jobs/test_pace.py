"""Progress weighted by the time that the last jobs of a kind took for each part of the work, and the estimated rest."""

from typing import Any

import pytest

from jobs_app import leases
from jobs_app.context import JobContext
from jobs_app.pace import STEPS, Pace
from tests.jobs.kinds import again, make
from vodplatform.accounts.models import User

# The last half of the work takes nine tenths of the time.
LATE = [0.2 * step / STEPS if step <= 10 else 0.1 + 0.9 * (step - 10) / 10 for step in range(STEPS + 1)]


def run_at(pace: Pace, moments: list[tuple[float, float]]) -> list[float]:
    """Return the progress after each (seconds, percentage of the work)."""
    shown = []
    for seconds, percent in moments:
        pace.note(percent, seconds)
        shown.append(round(pace.progress(), 1))
    return shown


@pytest.mark.pure
class TestPace:
    def test_stages_weigh_what_they_cost_in_the_last_jobs(self) -> None:
        assert run_at(Pace([LATE, LATE], 0), [(0, 0), (10, 50), (50, 75), (90, 95)]) == [0, 10, 55, 91]
        assert run_at(Pace([], 0), [(10, 50)]) == [50]
        assert run_at(Pace([LATE], 0), [(1, 60), (2, 20), (3, 70)]) == [28, 28, 46]

    def test_no_time_is_left_before_it_is_known(self) -> None:
        moments = [(float(second), float(second)) for second in range(31)]
        for curves in ([], [LATE], [LATE, [step / STEPS for step in range(STEPS + 1)]]):
            pace = Pace(curves, 0)
            run_at(pace, moments)
            assert pace.seconds_left(30) is None  # no former job, one, or two that disagree

    def test_the_time_left_is_within_a_third(self) -> None:
        pace = Pace([LATE, LATE], 0)
        told = []
        for second in range(101):
            percent = 50 * second / 10 if second <= 10 else 50 + 50 * (second - 10) / 90
            pace.note(percent, second)
            if (left := pace.seconds_left(second)) is not None:
                told.append((second, left))
        assert len(told) > 60
        assert all(100 - second <= left * 4 / 3 + 1 and left <= (100 - second) * 4 / 3 + 1 for second, left in told)

    def test_a_job_that_slows_down_has_no_time_left_until_its_speed_is_known(self) -> None:
        pace = Pace([LATE, LATE], 0)
        run_at(pace, [(0, 0), (10, 50), (20, 55.6), (40, 56), (60, 56.4)])
        assert pace.seconds_left(60) is None

    def test_the_curve_of_a_job_says_where_its_time_went(self) -> None:
        pace = Pace([], 0)
        run_at(pace, [(0, 0), (10, 50), (100, 100)])
        curve = pace.curve(100)
        assert curve is not None
        assert (curve[0], curve[10], curve[15], curve[20]) == (0, 0.1, 0.55, 1)
        assert Pace([], 0).curve(100) is None
        resumed = Pace([], 0)
        run_at(resumed, [(1, 40), (100, 100)])
        assert resumed.curve(100) is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("kinds")
class TestJobs:
    def test_the_last_jobs_weigh_the_next_one(self, owner: User) -> None:
        for _ in range(10):
            leases.record_pace("test.echo", LATE)
        assert leases.read_paces("test.echo") == [LATE] * 8
        job = make(owner, "processing")
        JobContext(job).progress(50, "Half way")
        assert again(job).progress == 10

    def test_only_a_completed_job_is_done(self, owner: User) -> None:
        job = make(owner, "processing")
        context = JobContext(job)
        context.progress(10, "Reading the video")
        context.progress(15, "Done")
        context.flush()
        assert (again(job).progress, job.message) == (15, "Reading the video")


@pytest.mark.django_db
def test_the_time_left_is_answered_while_it_runs(api: Any, owner: User) -> None:
    job = make(owner, "processing", kind="comparison.export", lane="render", seconds_left=12.34)
    assert api.get(f"/api/v1/jobs/{job.pk}").json()["seconds_left"] == 12.3
    done = make(owner, "completed", kind="comparison.export", lane="render", seconds_left=12.34)
    assert api.get(f"/api/v1/jobs/{done.pk}").json()["seconds_left"] is None
