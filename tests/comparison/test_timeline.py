"""The formula of the shared clock, `vod_time = clamp(T − offset, 0, duration)` with its drift, and what follows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.comparison.timeline import MAX_DRIFT_PPM, MAX_TIMESTAMP, Clock, Placement, Track

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
    return min(max(moment - placement.offset + drift, 0.0), duration)


@given(placements, times)
def test_the_moment_of_a_position_is_found_again(placement: Placement, moment: float) -> None:
    assert close(placement.global_time(placement.time_at(moment)), moment)
    assert close(placement.inverse().time_at(placement.time_at(moment)), moment)


@given(placements, placements, times)
def test_placements_are_chained(outer: Placement, inner: Placement, moment: float) -> None:
    assert close(outer.then(inner).time_at(moment), inner.time_at(outer.time_at(moment)))


@given(clocks, times)
def test_a_seek_places_every_vod_by_the_formula(clock: Clock, moment: float) -> None:
    found = clock.seek(moment)
    assert found.global_time == moment
    for track in found.tracks:
        assert track.current_time == shown(moment, track.placement, track.duration)
    assert found.seek(moment) == found


@given(clocks, st.floats(-100, 10_000))
def test_playing_on_is_the_same_as_seeking_there(clock: Clock, elapsed: float) -> None:
    later = clock.after(elapsed)
    if not clock.playing or elapsed <= 0:
        assert later == clock
        return
    end = max(track.placement.global_time(track.duration) for track in clock.tracks)
    arrived = max(clock.global_time, min(clock.global_time + elapsed * clock.rate, end))
    assert later.global_time == arrived
    for track in later.tracks:
        assert close(track.current_time, shown(arrived, track.placement, track.duration))


@given(clocks, st.integers(0, 1), times, st.booleans())
def test_a_seek_of_one_vod_leaves_the_others(clock: Clock, index: int, moment: float, moves_clock: bool) -> None:
    found = clock.seek_track(index, moment, moves_clock=moves_clock)
    moved = found.tracks[index]
    assert moved.current_time == min(moment, moved.duration)
    assert found.global_time == (moved.placement.global_time(moved.current_time) if moves_clock else clock.global_time)
    others = [number for number in range(len(clock.tracks)) if number != index]
    assert [found.tracks[number] for number in others] == [clock.tracks[number] for number in others]


@given(clocks, st.dictionaries(st.integers(0, 1), placements))
def test_new_placements_place_every_vod_again(clock: Clock, new: dict[int, Placement]) -> None:
    found = clock.with_placements(new)
    now = found.global_time
    assert now == min(max(clock.global_time, found.start), found.end)
    assert found.start == min([0.0, *(track.placement.global_time(0.0) for track in found.tracks)])
    for index, (before, after) in enumerate(zip(clock.tracks, found.tracks, strict=True)):
        assert after.placement == new.get(index, before.placement)
        assert after.current_time == shown(now, after.placement, after.duration)
