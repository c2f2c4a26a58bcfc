"""Rendered pairs, style × rate × size × bitrate × pause × offset: right to half a frame of each, or refused."""

import os
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from sessions_app.comparison.alignment.child.answer import AlignmentResult
from sessions_app.comparison.alignment.child.by_timer import align_by_timer
from sessions_app.comparison.alignment.child.reader import RapidReader
from sessions_app.comparison.samples.rendering.clips import (
    Pair,
    refusal_pairs,
    render_pair,
    timer_pairs,
    unrelated_pair,
)
from tests.comparison.alignment.draw import Look, draw_clip, minutes
from tests.support.kept import kept

pytestmark = [pytest.mark.pure, pytest.mark.full]
SEED = int(os.environ.get("TIMER_MATRIX_SEED", "20240"))
SHARED, AFTER = 18.0, 4.0  # seconds that both recordings of a pair show, and that the second goes on after the first
LONG = {"pause": 36, "two_pauses": 36, "jumping": 36, "clock_against_jumps": 50}  # what these are about happens once
LOOP = 3.0  # seconds of the scene behind a timer, which then come again


def cheaper(pair: Pair, loop: float | None = None) -> Pair:
    """The pair cut to what the test needs: rendering is most of its time."""
    ahead = pair.b.spec.start - pair.a.spec.start
    lengths = (ahead + SHARED, SHARED + AFTER) if ahead > 0 else (SHARED + AFTER, SHARED - ahead)
    clips = []
    for clip, length in zip((pair.a, pair.b), lengths, strict=True):
        duration = min(LONG.get(pair.name, length), clip.spec.duration)
        clips.append(replace(clip, spec=replace(clip.spec, audio=False, duration=duration, loop=loop)))
    return replace(pair, a=clips[0], b=clips[1])


RIGHT = {pair.name: cheaper(pair, LOOP) for pair in timer_pairs(SEED)}
REFUSED = {pair.name: cheaper(pair, LOOP) for pair in refusal_pairs(SEED)}
UNRELATED = cheaper(unrelated_pair(SEED), LOOP)
ROUNDING = 1.5e-3  # containers keep times to a millisecond
the_reader = cache(RapidReader)


def aligned(pair: Pair) -> AlignmentResult:
    """Align the recordings of a pair without any hint."""
    folder = kept(f"pair-{pair.name}", partial(render, pair), SEED)
    paths = [folder / f"{clip.spec.name}.mp4" for clip in (pair.a, pair.b)]
    return align_by_timer(list(zip("ab", paths, strict=True)), None, "auto", the_reader())


def render(pair: Pair, folder: Path) -> None:
    """Written here so that a change of this file renders the pairs again."""
    render_pair(pair, folder)


def in_short(pairs: dict[str, Pair], *names: str) -> list[Any]:
    """Return the names of `pairs` as parameters, of which all but `names` run in the exhaustive tier alone."""
    return [pytest.param(name, marks=[] if name in names else pytest.mark.exhaustive) for name in pairs]


@pytest.mark.parametrize("name", in_short(RIGHT, "sixty_ntsc", "pause", "tenths", "vfr"))
def test_the_offset_is_right_to_half_a_frame_of_each(name: str) -> None:
    pair = RIGHT[name]
    result = aligned(pair)
    assert result.refused == ()
    (proposal,) = result.proposals
    assert pair.offset is not None
    bound = 0.5 / float(pair.a.spec.fps) + 0.5 / float(pair.b.spec.fps) + ROUNDING
    error = abs(proposal.offset - pair.offset)
    assert error <= bound, f"{proposal.offset} should be {pair.offset}"
    assert error <= proposal.error_bound + ROUNDING
    # With a variable rate the frames around a flip may be longer than the average one; digits hard to read add a frame.
    assert proposal.error_bound <= (3 if pair.a.spec.vfr or pair.b.spec.vfr else 2) * bound
    assert proposal.confidence >= 0.5


@pytest.mark.parametrize("name", in_short(REFUSED, "identical_rounds", "jumping"))
def test_what_no_timer_can_tell_is_refused(name: str) -> None:
    result = aligned(REFUSED[name])
    assert result.proposals == ()
    assert result.refused
    for refusal in result.refused:
        assert refusal.reason.islower()
        assert refusal.message.endswith(".")


@pytest.mark.exhaustive
def test_unrelated_matches_are_never_sure() -> None:
    assert all(proposal.confidence < 0.9 and proposal.note for proposal in aligned(UNRELATED).proposals)


def test_a_timer_too_small_to_read_is_refused(tmp_path: Path) -> None:
    look = Look(digits=3)
    paths = [draw_clip(tmp_path / f"{name}.mp4", lambda t: minutes(500 - t), 20, look=look) for name in "ab"]
    result = align_by_timer(list(zip("ab", paths, strict=True)), None, "auto", the_reader())
    assert result.proposals == ()
    assert {refusal.reason for refusal in result.refused} <= {"timer_not_found", "timer_unreadable"}
