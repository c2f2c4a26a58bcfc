"""kill −9 and SIGSTOP of everything at random moments while clips are merged and speech is replaced: one result."""

import random
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.av.statements import RATE, heard, lag
from tests.prosync.conftest import make_footage
from tests.support import merges
from tests.support.pro_jobs import give_a_plan, send
from tests.support.program import Place, Program
from tests.support.waiting import wait_until
from tests.torture import story
from tests.torture.test_torture import CALM_SECONDS, SEED, Torturer

pytestmark = pytest.mark.exhaustive
JOBS = 4
MADE = sorted(["dub", "peaks", "poster", "sound", "sprite"] * JOBS)


def survive(program: Program, kind: str, count: int, judge_all: Callable[[], None]) -> None:
    """Hit the program at random, and judge what has come of its jobs."""
    torturer = Torturer(program, random.Random(f"{SEED}-{kind}"))
    torturer.rage()
    try:
        wait_until(program.lives, 60, "the program to answer again")
        wait_until(lambda: story.left(program.place) == 0, CALM_SECONDS, "all jobs to end")
        assert story.check_each_ended_once(program.place) == {"completed": count}
        judge_all()
    except AssertionError as exc:
        exc.add_note(f"TORTURE_SEED={SEED}: {torturer.blows}")
        raise


@pytest.mark.both
def test_every_merge_makes_one_video(place: Place, new_program: Callable[..., Program], tmp_path: Path) -> None:
    program = new_program(place).start("--workers", "2")
    phone = merges.phone_of(program, seed=SEED)
    sets = [merges.make_alike(tmp_path), merges.make_unlike(tmp_path)] * 2
    begun = [merges.sent(phone, clips) for clips in sets]

    def judge_all() -> None:
        for one, clips in zip(begun, sets, strict=True):
            merges.judge(phone, program, one, clips, tmp_path)
        story.sweep_up(place)
        assert merges.merges(place) == len(sets)
        merges.nothing_is_left_over(place)

    survive(program, "merges", len(sets), judge_all)


def test_every_dub_has_one_result(place: Place, new_program: Callable[..., Program], tmp_path: Path) -> None:
    program = new_program(place).start("--workers", "2")
    give_a_plan(place, "enterprise")
    footage = make_footage(tmp_path)
    jobs = [send(program, footage) for _ in range(JOBS)]

    def judge_all() -> None:
        for job in jobs:
            judge(program, job, footage)
        story.sweep_up(place)
        assert sorted(kind for (kind,) in place.query("SELECT kind FROM catalog_rendition")) == MADE

    survive(program, "dubs", JOBS, judge_all)


def judge(program: Program, job: str, footage: Path) -> None:
    """The sound is heard where it was wanted, and before and behind it what was there."""
    state = program.call("GET", f"/api/v1/sync/pro-job/{job}/status")
    assert [one["status"] for one in state["segments_data"]] == ["completed"]
    path = footage / f"{job}.mp4"
    path.write_bytes(httpx.get(program.address + state["result_url"], timeout=60).content)
    before, after = heard(footage / "talk.mp4"), heard(path)
    assert abs(lag(after, 1, heard(footage / "line.wav"))) < 0.001
    for part in (slice(0, round(0.8 * RATE)), slice(round(3.2 * RATE), round(5.9 * RATE))):
        assert np.array_equal(after[part], before[part])
