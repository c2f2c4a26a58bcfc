"""What stands out, on signals that are given: no file is read here."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from sessions_app.analysis.pipelines.highlight_scores import (
    MIN_SECONDS,
    Interval,
    Moments,
    choose,
    find_candidates,
    look_at,
    measure,
    picture_differences,
    snap_ends,
)
from sessions_app.analysis.pipelines.loudness import STEP, measure_loudness, sound_peaks
from sessions_app.analysis.pipelines.signal_pass import BINS_A_SECOND, SMALL, SignalPass

pytestmark = pytest.mark.pure
SECONDS, RATE = 240, 25
NOTHING = np.zeros(0)
Floats = NDArray[np.float64]


def surveyed(level: Floats | None = None, sizes: Floats | None = None, changes: Floats | None = None) -> SignalPass:
    """A survey of four minutes at 25 frames a second; noise where nothing is given."""
    random = np.random.default_rng(1)
    count = SECONDS * RATE
    times = np.arange(count) / RATE
    sound = NOTHING if level is None else level + random.normal(0, 0.7, len(level))
    pictures = random.integers(0, 255, (4, SMALL[1], SMALL[0], 3)).astype(np.uint8)
    return SignalPass(
        times=times,
        sizes=(np.full(count, 1000.0) if sizes is None else sizes) * random.uniform(0.95, 1.05, count),
        keys=np.arange(count) % 50 == 0,
        band=sound,
        loudness=sound,
        key_times=np.arange(4) * 60.0,
        key_pictures=pictures,
        change_times=NOTHING if changes is None else times,
        changes=NOTHING if changes is None else changes,
        end=float(times[-1]),
        damaged=False,
    )


def levels(*loud: tuple[float, float, float]) -> Floats:
    """−50 dB in each tenth of a second, more between given seconds."""
    level = np.full(SECONDS * BINS_A_SECOND, -50.0)
    for start, end, decibels in loud:
        level[int(start * BINS_A_SECOND) : int(end * BINS_A_SECOND)] += decibels
    return level


def best(found: SignalPass) -> Interval:
    return find_candidates(measure(found, SECONDS), SECONDS)[0]


def test_a_loud_stretch_is_found_where_it_is_and_the_louder_counts_more() -> None:
    one = best(surveyed(levels((100, 106, 20))))
    assert (one.start, one.end) == (pytest.approx(100, abs=1.2), pytest.approx(106, abs=1.2))
    assert one.score > 0.5
    found = find_candidates(measure(surveyed(levels((50, 55, 14), (150, 155, 24))), SECONDS), SECONDS)
    assert [round(one.peak / 50) for one in found[:2]] == [3, 1]
    one = best(surveyed(levels(*((100 + 0.7 * n, 100.2 + 0.7 * n, 25.0) for n in range(9)))))
    assert one.start < 101
    assert one.end > 105


def test_what_comes_again_and_again_and_noise_are_usual() -> None:
    often = levels(*((at, at + 3.0, 15.0) for at in range(0, SECONDS, 8)))
    assert measure(surveyed(often), SECONDS).score.max() < 0.2 < best(surveyed(levels((100, 103, 15)))).score
    moments = measure(surveyed(levels()), SECONDS)
    assert moments.score.max() < 0.2
    assert choose(find_candidates(moments, SECONDS), 60, 10, 0.2, lambda moment: None) == []


def test_the_sound_peaks_of_a_game_score_as_highlights_and_its_segments_say_so() -> None:
    """In a recording whose level always varies, short hits are the peaks and highlights."""
    times = np.arange(SECONDS * BINS_A_SECOND) / BINS_A_SECOND
    level = -45 + 5 * np.sin(times) + 4 * np.sin(3.1 * times)
    kills = [30.2, 75.4, 120.1, 171.3, 214.2]
    for at in kills:
        level[int(at * BINS_A_SECOND) : int((at + 0.4) * BINS_A_SECOND)] = -26
    found = surveyed(level)
    peaks = sound_peaks(found, measure_loudness(found, SECONDS), SECONDS)
    assert [one.time for one in peaks] == pytest.approx(kills, abs=0.5)
    chosen = choose(find_candidates(measure(found, SECONDS), SECONDS), 60, 10, 0.2, lambda moment: None)
    assert all(any(one.start <= at <= one.end for one in chosen) for at in kills)
    assert sum(one.length for one in chosen) < 30


@pytest.mark.parametrize("dense", [False, True])
def test_motion_is_seen_in_packets_and_in_frames(dense: bool) -> None:
    busy = np.ones(SECONDS * RATE)
    busy[60 * RATE : 66 * RATE] = 5.0
    one = best(surveyed(sizes=1000 * (1 if dense else busy), changes=busy if dense else None))
    assert (one.start, one.end) == (pytest.approx(60, abs=1.6), pytest.approx(66, abs=1.6))


def stretch(start: float, end: float, score: float) -> Interval:
    return Interval(start, end, score, (start + end) / 2)


def test_the_best_are_chosen_within_the_budget_and_what_looks_like_something_chosen_counts_less() -> None:
    candidates = [stretch(50, 58, 0.9), stretch(10, 15, 0.8), stretch(90, 99, 0.7), stretch(120, 125, 0.1)]
    chosen = choose(candidates, 17.0, 10, 0.2, lambda moment: None)
    assert [(one.start, one.end) for one in chosen[:2]] == [(10, 15), (50, 58)]
    assert chosen[2].length == pytest.approx(4.0)
    assert chosen[2].start >= 90
    assert len(choose(candidates, 100.0, 2, 0.2, lambda moment: None)) == 2
    assert len(choose(candidates, 100.0, 10, 0.75, lambda moment: None)) == 2
    one, other = np.zeros(48), np.zeros(48)
    one[[0, 16, 32]] = 1.0
    other[[9, 25, 41]] = 1.0
    candidates = [stretch(0, 5, 0.9), stretch(20, 25, 0.8), stretch(40, 45, 0.7)]
    chosen = choose(candidates, 10.0, 10, 0.2, lambda moment: one if moment < 30 else other)
    assert [chosen_one.start for chosen_one in chosen] == [0, 40]


def flat(level: Floats | None = None) -> Moments:
    count = int(SECONDS / STEP)
    zeros = np.zeros(count)
    return Moments(zeros, zeros, zeros if level is None else level, zeros)


def test_ends_move_to_shot_edges_that_are_near_or_to_where_the_sound_rests() -> None:
    own = snap_ends(stretch(20, 30, 0.5), [19.4, 20.9, 31.5, 28.7], flat(), SECONDS)
    assert (own.start, own.end) == (19.4, 28.7)
    assert snap_ends(stretch(20, 30, 0.5), [10.0, 25.0], flat(), SECONDS) == stretch(20, 30, 0.5)
    level = np.full(int(SECONDS / STEP), 10.0)
    level[int(30.25 / STEP)] = -10.0
    own = snap_ends(stretch(20, 30, 0.5), [], flat(level), SECONDS)
    assert own.end == pytest.approx(30.25 + STEP / 2)
    assert own.start == 20


def test_a_stretch_is_no_shorter_than_the_least_and_stays_inside() -> None:
    found = find_candidates(measure(surveyed(levels((0, 0.4, 30), (239.7, 240, 30))), SECONDS), SECONDS)
    for one in found[:2]:
        assert one.length >= MIN_SECONDS - 1e-9 or one.end == SECONDS
        assert one.start >= 0
        assert one.end <= SECONDS


def test_pictures_of_one_scene_are_near_and_of_another_are_apart() -> None:
    random = np.random.default_rng(3)
    scene = np.repeat(np.repeat(random.integers(0, 255, (6, 8, 3)), 9, 0), 12, 1).astype(np.uint8)
    moved = np.roll(scene, 2, axis=1)
    other = np.full_like(scene, 40)
    near, far = picture_differences(np.array([scene, moved, other]))
    assert near < 0.25 < far
    assert len(picture_differences(np.array([scene]))) == 0
    assert look_at(replace(surveyed(), key_times=NOTHING, key_pictures=np.array([scene])[:0]))(0.0) is None
