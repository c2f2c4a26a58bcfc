"""The formula of the shared clock, `vod_time = clamp(T − offset, 0, duration)` with its drift, and what follows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.comparison.timeline import MAX_DRIFT_PPM, MAX_TIMESTAMP, Clock, Placement, Track, clamp

pytestmark = pytest.mark.pure

times = st.floats(0, MAX_TIMESTAMP)
durations = st.floats(0.01, 100_000)
offsets = st.floats(-100_000, 100_000)
rates = st.floats(0.1, 4)
drifts = st.floats(-MAX_DRIFT_PPM, MAX_DRIFT_PPM)
placements = st.builds(Placement, offset=offsets, drift_ppm=drifts, anchor=offsets)
tracks = st.builds(Track, placement=st.builds(Placement, offset=offsets) | placements, duration=durations)
clocks = st.builds(
    lambda tracks, at, rate, playing: Clock(tuple(tracks), rate=rate, playing=playing).seek(at),
    st.lists(tracks, min_size=2, max_size=3),
    times,
    rates,
    st.booleans(),
)
TOLERANCE = 1e-6  # seconds; a microsecond over a week is what doubles give


def close(a: float, b: float) -> bool:
    return math.isclose(a, b, abs_tol=TOLERANCE)


def shown(moment: float, placement: Placement, duration: float) -> float:
    """What the formula of the contract says."""
    drift = placement.drift_ppm * 1e-6 * (moment - placement.anchor)
    return clamp(moment - placement.offset + drift, 0.0, duration)


def test_a_clock_that_runs_faster_is_ahead_after_the_anchor_and_behind_before_it() -> None:
    placement = Placement(37.0, 80.0, 1000.0)
    assert [round(placement.time_at(moment), 6) for moment in (0, 1000, 2800)] == [-37.08, 963, 2763.144]


@given(placements, times)
def test_the_moment_of_a_position_is_found_again(placement: Placement, moment: float) -> None:
    assert close(placement.global_time(placement.time_at(moment)), moment)
    assert close(placement.inverse().time_at(placement.time_at(moment)), moment)


@given(placements, placements, times)
def test_placements_are_chained(outer: Placement, inner: Placement, moment: float) -> None:
    assert close(outer.then(inner).time_at(moment), inner.time_at(outer.time_at(moment)))


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_clamp_stays_in_its_bounds_and_keeps_what_is_inside(value: float, low: float, width: float) -> None:
    high = low + width
    found = clamp(value, low, high)
    assert low <= found <= high
    assert found in (value, low, high)
    if low <= value <= high:
        assert found == value


@given(times, times, placements, durations)
def test_a_later_moment_never_shows_an_earlier_frame(a: float, b: float, placement: Placement, duration: float) -> None:
    early, late = (Clock((Track(placement, duration),)).seek(moment) for moment in sorted((a, b)))
    assert early.tracks[0].current_time <= late.tracks[0].current_time <= duration


@given(clocks, times)
def test_a_seek_places_every_vod_by_the_formula(clock: Clock, moment: float) -> None:
    found = clock.seek(moment)
    assert found.global_time == moment
    for track in found.tracks:
        assert track.current_time == shown(moment, track.placement, track.duration)
    assert found.seek(moment) == found


@given(clocks, st.floats(0, 10_000))
def test_playing_on_is_the_same_as_seeking_there(clock: Clock, elapsed: float) -> None:
    later = clock.after(elapsed)
    if not clock.playing:
        assert later == clock
        return
    arrived = max(clock.global_time, min(clock.global_time + elapsed * clock.rate, clock.end))
    assert later.global_time == arrived
    for track in later.tracks:
        assert close(track.current_time, shown(arrived, track.placement, track.duration))


@given(clocks, st.floats(-100, 10_000), st.floats(-100, 10_000))
def test_a_playing_clock_never_goes_back(clock: Clock, a: float, b: float) -> None:
    early, late = clock.after(min(a, b)), clock.after(max(a, b))
    assert clock.global_time <= early.global_time <= late.global_time
    for before, after in zip(early.tracks, late.tracks, strict=True):
        assert before.current_time <= after.current_time <= after.duration


def test_a_playing_clock_runs_at_its_rate_until_the_last_end() -> None:
    clock = Clock((Track(Placement(0), 600), Track(Placement(37), 600, -37)), rate=2.0, playing=True)
    assert clock.after(10).global_time == 20
    assert clock.after(10).tracks[1].current_time == 0
    assert clock.after(20).tracks[1].current_time == 3
    assert clock.after(1000).global_time == 637
    assert [track.current_time for track in clock.after(1000).tracks] == [600, 600]


@given(clocks, st.integers(0, 1), times, st.booleans())
def test_a_seek_of_one_vod_leaves_the_others(clock: Clock, index: int, moment: float, moves_clock: bool) -> None:
    found = clock.seek_track(index, moment, moves_clock=moves_clock)
    moved = found.tracks[index]
    assert moved.current_time == clamp(moment, 0, moved.duration)
    assert found.global_time == (moved.placement.global_time(moved.current_time) if moves_clock else clock.global_time)
    others = [number for number in range(len(clock.tracks)) if number != index]
    assert [found.tracks[number] for number in others] == [clock.tracks[number] for number in others]


@given(clocks, st.dictionaries(st.integers(0, 1), placements))
def test_new_placements_place_every_vod_again(clock: Clock, new: dict[int, Placement]) -> None:
    found = clock.with_placements(new)
    now = found.global_time
    assert now == clamp(clock.global_time, found.start, found.end)
    assert found.start == min([0.0, *(track.placement.global_time(0.0) for track in found.tracks)])
    for index, (before, after) in enumerate(zip(clock.tracks, found.tracks, strict=True)):
        assert after.placement == new.get(index, before.placement)
        assert after.current_time == shown(now, after.placement, after.duration)
