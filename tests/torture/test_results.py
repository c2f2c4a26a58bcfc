"""kill −9 and SIGSTOP of everything at random moments while clips are merged and speech is replaced: one result."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.av.statements import RATE, heard, lag
from tests.prosync.conftest import URL, make_footage, segment
from tests.support import merges
from tests.support.pro_jobs import give_a_plan
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
    jobs = [sent(program, footage) for _ in range(JOBS)]

    def judge_all() -> None:
        for job in jobs:
            judge(program, job, footage)
        story.sweep_up(place)
        assert sorted(kind for (kind,) in place.query("SELECT kind FROM catalog_rendition")) == MADE

    survive(program, "dubs", JOBS, judge_all)


def sent(program: Program, footage: Path) -> str:
    """The job of a request to say two other seconds in the middle of six."""
    files = {"video": (footage / "talk.mp4").open("rb"), "audio_files": (footage / "line.wav").open("rb")}
    answer = httpx.post(
        program.address + URL, files=files, data={"segments": json.dumps([segment(1, 3)])}, timeout=60,
        headers={"Authorization": f"Token {program.place.key}"},
    )  # fmt: skip
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


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
