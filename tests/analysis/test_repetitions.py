"""Counting what repeats: on curves whose repetitions are known, and on curves that have none."""

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from sessions_app.analysis.pipelines.repetitions import Series, Signal, find_period, regularity, series_of

pytestmark = pytest.mark.pure
RATE = 15.0
Floats = NDArray[np.float64]


def find_series(times: Floats, signals: Mapping[str, Signal]) -> Series | None:
    """The repetitions by the best of these signals; None where none of them repeats itself."""
    best: Series | None = None
    for name, signal in signals.items():
        series = series_of(times, name, signal)
        if series is not None and (best is None or series.worth > best.worth):
            best = series
    return best


def movement(lengths: list[float]) -> tuple[Floats, Floats]:
    """A rest of a second, one bend of each length in seconds, and a second of rest."""
    rest = np.zeros(int(RATE))
    phases = [np.arange(round(length * RATE)) / round(length * RATE) for length in lengths]
    values = 0.2 + 0.5 * np.concatenate([rest, *((1 - np.cos(2 * np.pi * phase)) / 2 for phase in phases), rest])
    return np.arange(len(values)) / RATE, values


def counted(times: Floats, values: Floats) -> int:
    series = find_series(times, {"knee": Signal(values)})
    return len(series.repetitions) if series else 0


@pytest.mark.parametrize(("count", "length"), [(2, 2.0), (2, 4.0), (3, 0.8), (5, 2.0), (12, 0.8), (40, 4.0)])
def test_even_repetitions_are_counted(count: int, length: float) -> None:
    assert counted(*movement([length] * count)) == count


@pytest.mark.parametrize("seed", range(3))
def test_who_slows_down_pauses_and_shakes_is_counted_all_the_same(seed: int) -> None:
    random = np.random.default_rng(seed)
    lengths = [1.6 + 0.1 * number + random.uniform(-0.2, 0.2) for number in range(9)]
    first, second = movement(lengths[:5])[1], movement(lengths[5:])[1]
    values = np.concatenate([first, np.full(int(3 * RATE), 0.2), second])
    values += random.normal(0, 0.02, len(values)) + np.linspace(0, 0.1, len(values))
    assert counted(np.arange(len(values)) / RATE, values) == 9


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_where_nothing_repeats(seed: int) -> None:
    random = np.random.default_rng(seed)
    times = np.arange(300) / RATE
    for values in (np.full(300, 0.4), np.linspace(0, 1, 300), np.full(300, np.nan)):
        assert find_series(times, {"knee": Signal(values)}) is None
    walk = np.cumsum(random.normal(0, 0.02, 300))
    series = find_series(times, {"knee": Signal(walk)})
    assert series is None or series.periodicity < 0.75


def test_too_little_is_nothing_and_holes_and_single_wild_values_count_for_nothing() -> None:
    assert find_series(np.arange(5) / RATE, {"knee": Signal(np.arange(5.0))}) is None
    assert find_series(np.zeros(0), {}) is None
    times, values = movement([2.0] * 6)
    values[20:24] = np.nan
    values[50], values[70] = 3.0, -3.0
    assert counted(times, values) == 6


def test_of_several_signals_the_one_counts_that_moves_most_regularly() -> None:
    times, large = movement([2.0] * 5)
    small = 0.2 + (large - 0.2) * 0.1
    unsteady = large + np.random.default_rng(1).normal(0, 0.3, len(large))
    series = find_series(times, {"small": Signal(small), "large": Signal(large), "unsteady": Signal(unsteady, 0.3)})
    assert series is not None
    assert series.signal == "large"


def test_a_period_is_the_first_that_is_strong_and_regularity_the_deviation_of_the_lengths() -> None:
    times = np.arange(450) / RATE
    strength, period = find_period(np.sin(2 * np.pi * times / 2.0), RATE)
    assert period == pytest.approx(2.0, abs=1 / RATE)
    assert strength > 0.9
    assert find_period(np.zeros(450), RATE) == (0.0, 0.0)
    times, values = movement([2.0] * 6)
    even = find_series(times, {"knee": Signal(values)})
    times, values = movement([1.2, 3.0, 1.2, 3.0, 1.2, 3.0])
    uneven = find_series(times, {"knee": Signal(values)})
    assert even is not None
    assert uneven is not None
    assert regularity(even.repetitions) < 0.1 < regularity(uneven.repetitions)
    assert regularity(even.repetitions[:2]) is None
