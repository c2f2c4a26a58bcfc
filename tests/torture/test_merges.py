"""kill −9 and SIGSTOP of everything at random moments while clips are merged: each merge makes one video."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.merges import judge, make_alike, make_unlike, merges, nothing_is_left_over, phone_of, sent
from tests.support.program import Place, Program
from tests.support.waiting import wait_until
from tests.torture import story
from tests.torture.test_torture import CALM_SECONDS, SEED, Torturer


@pytest.mark.both
def test_every_merge_makes_one_video_whatever_dies(
    place: Place, new_program: Callable[..., Program], tmp_path: Path
) -> None:
    rng = random.Random(f"{SEED}-merges")
    program = new_program(place).start("--workers", "2")
    phone = phone_of(program, seed=SEED)
    sets = [make_alike(tmp_path), make_unlike(tmp_path)] * 2
    begun = [sent(phone, clips) for clips in sets]
    torturer = Torturer(program, rng)
    torturer.rage()
    try:
        wait_until(program.lives, 60, "the program to answer again")
        wait_until(lambda: story.left(place) == 0, CALM_SECONDS, "all merges to end")
        assert story.check_each_ended_once(place) == {"completed": len(sets)}
        for one, clips in zip(begun, sets, strict=True):
            judge(phone, program, one, clips, tmp_path)
        story.sweep_up(place)
        assert merges(place) == len(sets)
        nothing_is_left_over(place)
    except AssertionError as exc:
        exc.add_note(f"TORTURE_SEED={SEED}: {torturer.blows}")
        raise
