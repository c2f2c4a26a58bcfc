"""Readings become straight pieces of a clock, whatever the misreadings among them."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessions_app.comparison.alignment.child.fit import Sample, fit_segments, shared_bounds
from sessions_app.comparison.alignment.child.reader import Reading
from tests.comparison.alignment.simulate import Imagined, Noise, Piece, Recording

pytestmark = pytest.mark.pure


def sample(time: float, value: float | None, resolution: float = 1.0, confidence: float = 1.0) -> Sample:
    return Sample(time, Reading("", value, confidence, resolution))


def running(times: Sequence[float], constant: float, slope: int) -> list[Sample]:
    return [sample(t, float(np.floor(constant + slope * t + 1e-9))) for t in times]


@settings(deadline=None, max_examples=60)
@given(st.floats(200, 900), st.sampled_from([-1, 1]), st.integers(0, 10_000), st.integers(0, 6))
def test_one_clock_is_one_segment_around_the_truth(constant: float, slope: int, seed: int, misread: int) -> None:
    rng = np.random.default_rng(seed)
    samples = running(np.sort(rng.uniform(0, 190, 40)).tolist(), constant, slope)
    for number in rng.choice(np.arange(2, 38), misread, replace=False):
        samples[number] = sample(samples[number].time, float(rng.integers(2000, 9000)))
    segments = [s for s in fit_segments(samples) if s.runs]
    assert [s.slope for s in segments] == [slope]
    assert segments[0].low - 1e-6 <= constant <= segments[0].high + 1e-6
    assert len(segments[0].samples) >= 40 - misread - 2


def test_pauses_and_rounds_become_a_segment_each() -> None:
    match = Imagined((Piece(0, 100, 1), Piece(60, 160, 0), Piece(100, 160, 1)), 200)
    clock = Recording(match, 0, 200, np.random.default_rng(1), Noise(0, 0, 1.0)).clock("a")
    assert [s.slope for s in clock.segments] == [1, 0, 1]
    assert clock.segments[2].constant - clock.segments[0].constant == pytest.approx(-40, abs=1)
    match = Imagined((Piece(0, 100, -1), Piece(70.4, 100, -1), Piece(131.9, 100, -1)), 200)
    clock = Recording(match, 0, 200, np.random.default_rng(1), Noise(0, 0, 1.0)).clock("a")
    assert [round(s.constant) for s in clock.segments] == [100, 170, 232]


def test_two_clocks_less_than_a_second_apart_are_not_taken_for_one() -> None:
    """All keyframes at the same phase: the second clock only touches the first one's line."""
    samples = running([0, 2, 4, 6, 8], 100.4, -1) + running([20, 22, 24, 26, 28], 101.4, -1)
    segments = fit_segments(samples)
    assert [(s.low, s.high) for s in segments] == [(100, 101), (101, 102)]


def test_what_is_no_clock_is_not_fitted() -> None:
    rng = np.random.default_rng(3)
    assert not any(s.runs for s in fit_segments([sample(2.0 * k, float(rng.integers(0, 600))) for k in range(30)]))
    assert not any(s.runs for s in fit_segments([sample(5.0 * k, float(20 * k)) for k in range(30)]))
    assert not any(s.runs for s in fit_segments(running([0.0, 0.3, 1.2, 1.5], 100.5, -1)))
    assert fit_segments([sample(s.time, s.value, 1.0, 0.1) for s in running([0, 5, 10, 15], 100, -1)]) == []
    samples = running([0, 5, 10, 15, 20], 100, 1)
    assert fit_segments(samples, (-1,)) == []
    assert fit_segments([]) == []


def test_shared_bounds_are_where_most_weight_meets() -> None:
    assert shared_bounds([(0, 1, 1), (0.5, 1.5, 1), (0.75, 1.2, 1), (7, 8, 2.5)]) == (0.75, 1)


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0.01, 5), st.floats(0.1, 1)), min_size=1, max_size=30))
def test_shared_bounds_hold_the_most_weight_of_any_point(items: list[tuple[float, float, float]]) -> None:
    bounds = [(low, low + width, weight) for low, width, weight in items]

    def weight_at(point: float) -> float:
        return sum(weight for low, high, weight in bounds if low <= point <= high)

    low, high = shared_bounds(bounds)
    assert low <= high
    assert weight_at((low + high) / 2) >= max(weight_at(b[0]) for b in bounds) - 1e-6
