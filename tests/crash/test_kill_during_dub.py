"""kill −9 while this program itself makes what a pro job asks for: there is one result."""

from pathlib import Path

import pytest

from tests.crash.conftest import QUICK_LEASES
from tests.support.pro_jobs import dubs, give_a_plan, send
from tests.support.program import Place, Program
from tests.support.shared import Prepare
from tests.support.waiting import wait_until

pytestmark = pytest.mark.services

ENDS_SECONDS = 120


@pytest.fixture(scope="module")
def prepare() -> Prepare:
    def make(place: Place) -> None:
        place.environment |= QUICK_LEASES
        give_a_plan(place)

    return make


def sounds(place: Place) -> int:
    return len(list((place.data_dir / "media").glob("sounds/*/*/*")))


@pytest.mark.parametrize("victim", ["worker", pytest.param("everything", marks=pytest.mark.exhaustive)])
def test_what_is_killed_while_it_is_made_here_is_made_once(program: Program, folder: Path, victim: str) -> None:
    place = program.place
    (rows, files), sounds_before = dubs(place), sounds(place)
    job = send(program, folder)
    program.freeze_child("sessions_app.prosync.engine.audio")
    program.kill(victim)
    wait_until(lambda: place.job(job)["status"] in ("completed", "failed"), ENDS_SECONDS, "the end")
    assert place.job(job)["status"] == "completed"
    assert dubs(place) == (rows + 1, files + 1)
    assert sounds(place) == sounds_before + 1
