"""Which frames are painted and which are encoded again, for any order of decoding and any runs."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.prosync.engine.frame_patching.painting import Image, Patch, Run
from sessions_app.prosync.engine.frame_patching.pictures import Pictures, joints_of
from sessions_app.prosync.engine.frame_patching.planning import MAX_EARLY_END, Piece, Stretch, plan

pytestmark = pytest.mark.pure
RATE = 25


class Nothing:
    def paint(self, image: Image, seconds: float) -> list[Patch]:
        return []


def pictures_of(groups: list[list[int]]) -> Pictures:
    """groups: for each the sizes of its groups of frames that are decoded last one first; an IDR opens each."""
    decoded: list[int] = []
    entries = []
    for sizes in groups:
        entries.append(len(decoded))
        decoded.append(len(decoded))
        for size in sizes:
            at = len(decoded)
            decoded += [at + size - 1, *range(at, at + size - 1)]
    return Pictures(
        path=Path("a"), track=0, base=Fraction(1, RATE), record=b"", decoded=decoded, shown=sorted(decoded), hidden=0,
        end=len(decoded), entries=entries, joints=sorted(joints_of(decoded)), why_not=None,
    )  # fmt: skip


def planned(pictures: Pictures, *runs: tuple[float, float, bool]) -> tuple[list[Piece], list[Stretch]]:
    seconds = [stamp / RATE for stamp in pictures.shown]
    return plan(pictures, seconds, [Run(start, end, Nothing(), whole=whole) for start, end, whole in runs])


GROUPS = st.lists(st.lists(st.integers(1, 5), max_size=12), min_size=1, max_size=6)
TIMES = st.tuples(st.floats(0, 8), st.floats(0.01, 3), st.booleans()).map(lambda one: (one[0], sum(one[:2]), one[2]))


@given(GROUPS, st.lists(TIMES, max_size=5))
def test_pieces_hold_what_is_painted(groups: list[list[int]], runs: list[tuple[float, float, bool]]) -> None:
    pictures = pictures_of(groups)
    count = len(pictures.decoded)
    pieces, stretches = planned(pictures, *runs)
    edges = [edge for piece in pieces for edge in (piece.first, piece.behind)]
    assert edges == sorted(edges)
    for piece in pieces:
        assert piece.first < piece.behind
        assert piece.first in pictures.joints
        assert piece.behind in [*pictures.entries, count]
    assert [stretch.run for stretch in stretches] == list(range(len(runs)))
    for stretch, (start, end, whole) in zip(stretches, runs, strict=True):
        asked = [frame for frame in range(count) if start - 1e-3 <= frame / RATE < end - 1e-3]
        painted = list(range(stretch.first, stretch.behind))
        assert set(painted) <= set(asked)
        if stretch.piece is None:
            assert not painted
            assert stretch.late == len(asked)
            continue
        assert stretch.piece.first <= stretch.first < stretch.behind <= stretch.piece.behind
        assert painted[0] - asked[0] == stretch.late
        if whole:
            assert painted == asked
        else:
            assert stretch.late < 5
            assert asked[-1] - painted[-1] <= MAX_EARLY_END * RATE + 1
    if pieces and not any(whole for _, _, whole in runs):
        for piece in pieces:
            assert piece.first == min(one.first for one in stretches if one.piece is piece)


def test_a_run_waits_for_the_frames_before_it_and_changes_nothing_where_it_is_over_before() -> None:
    pictures = pictures_of([[4, 4, 4, 4]])
    assert pictures.joints == [0, 1, 5, 9, 13, 17]
    [piece], [stretch] = planned(pictures, (6 / RATE, 11 / RATE, False))
    assert (piece.first, piece.behind) == (9, 17)
    assert (stretch.first, stretch.behind, stretch.late) == (9, 11, 3)
    pieces, [stretch] = planned(pictures_of([[4, 4]]), (6 / RATE, 8 / RATE, False))
    assert pieces == []
    assert (stretch.late, stretch.piece) == (2, None)


def test_a_run_ends_earlier_only_where_that_spares_an_encode() -> None:
    pictures = pictures_of([[1] * 9] * 3)
    assert planned(pictures, (0, 0.5, False))[1][0].behind == 10
    assert planned(pictures, (0, 0.5, True))[1][0].behind == 13
    assert planned(pictures, (0, 0.56, False))[1][0].behind == 14
    every = pictures_of([[]] * 30)
    assert planned(every, (0, 0.5, False))[1][0].behind == 13
