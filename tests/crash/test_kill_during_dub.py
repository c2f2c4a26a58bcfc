"""kill −9 while this program itself makes what a pro job asks for: there is one result."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.crash.conftest import QUICK_LEASES
from tests.prosync.conftest import make_footage
from tests.support.pro_jobs import dubs, give_a_plan, kill, send
from tests.support.program import Place, Program
from tests.support.shared import Prepare
from tests.support.waiting import wait_until

ENDS_SECONDS = 120
AT_WORK_SECONDS = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_footage(tmp_path_factory.mktemp("pro"))


@pytest.fixture(scope="module")
def prepare() -> Prepare:
    def make(place: Place) -> None:
        place.environment |= QUICK_LEASES
        give_a_plan(place)

    return make


def frozen_dub(program: Program) -> psutil.Process:
    """The child that makes the video, stopped in the middle of it."""

    def caught() -> psutil.Process | None:
        for process in program.descendants():
            with suppress(psutil.Error):
                if process.cmdline()[1:3] == ["-m", "media_app.av.dub"]:
                    process.suspend()
                    return process
        return None

    found = wait_until(caught, AT_WORK_SECONDS, "a child that makes the video")
    assert found is not None
    return found


def sounds(place: Place) -> int:
    return len(list((place.data_dir / "media").glob("sounds/*/*/*")))


@pytest.mark.parametrize("victim", ["worker", "everything"])
def test_what_is_killed_while_it_is_made_here_is_made_once(program: Program, folder: Path, victim: str) -> None:
    place = program.place
    (rows, files), sounds_before = dubs(place), sounds(place)
    job = send(program, folder)
    frozen_dub(program)
    kill(program, victim)
    wait_until(lambda: place.job(job)["status"] in ("completed", "failed"), ENDS_SECONDS, "the end")
    assert place.job(job)["status"] == "completed"
    assert dubs(place) == (rows + 1, files + 1)
    assert sounds(place) == sounds_before + 1
