"""Encoded recordings, decoded again: every frame and sample is where the match says."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from sessions_app.comparison.samples.rendering.barcode import decode_barcode
from sessions_app.comparison.samples.rendering.clips import NTSC, small_spec
from sessions_app.comparison.samples.rendering.encode import render, timer_for
from sessions_app.comparison.samples.rendering.hud import STYLES
from sessions_app.comparison.samples.rendering.match import Match, count_up_match, round_match
from sessions_app.comparison.samples.rendering.sound import RATE, Soundtrack
from sessions_app.comparison.samples.rendering.specification import RecordingSpec, presentation_times

pytestmark = [pytest.mark.pure, pytest.mark.full]

MATCH = round_match(21, 60)


def decoded(path: Path, turn: int = 0) -> list[tuple[Fraction, np.ndarray]]:
    """(presentation time in seconds, displayed BGR picture) of every frame."""
    frames = []
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.video[0]):
            assert frame.pts is not None
            assert frame.time_base is not None
            picture = np.rot90(frame.to_ndarray(format="bgr24"), -turn // 90)
            frames.append((frame.pts * frame.time_base, picture))
    return frames


def made(tmp_path: Path, match: Match = MATCH, **changes: Any) -> tuple[RecordingSpec, Path]:
    spec = small_spec("clip", 12.3471, **({"duration": 3.0, "width": 320, "height": 180} | changes))
    render(spec, match, tmp_path / "clip.mp4")
    return spec, tmp_path / "clip.mp4"


@pytest.mark.parametrize("changes", [
    {"fps": NTSC, "preset": "veryfast", "bframes": 2},
    {"fps": Fraction(25), "audio": True},
    {"vfr": True},
    {"loop": 0.5},
    *(
        pytest.param(changes, marks=pytest.mark.exhaustive)
        for changes in ({}, {"fps": Fraction(60)}, {"codec": "hevc"}, {"codec": "av1"})
    ),
], ids=str)  # fmt: skip
def test_every_frame_carries_its_number_at_its_time(tmp_path: Path, changes: dict[str, Any]) -> None:
    spec, path = made(tmp_path, frame_barcode=True, **changes)
    pts, time_base = presentation_times(spec)
    frames = decoded(path)
    assert [decode_barcode(picture) for _, picture in frames] == list(range(len(pts)))
    for (time, _), expected in zip(frames, pts, strict=True):
        assert abs(time - expected * time_base) <= Fraction(1, 10_000)


@pytest.mark.parametrize("turn", [90, 180])
def test_a_rotated_file_is_upright_once_displayed(tmp_path: Path, turn: int) -> None:
    _, path = made(tmp_path, rotate=turn, frame_barcode=True, width=320, height=240)
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).rotation % 360 == -turn % 360
    frames = decoded(path, turn)
    assert frames[0][1].shape == (240, 320, 3)
    assert [decode_barcode(np.ascontiguousarray(picture)) for _, picture in frames] == list(range(len(frames)))


@pytest.mark.parametrize(("style", "vfr"), [
    ("tactical", False),
    ("speedrun", True),
    *(
        pytest.param(style, vfr, marks=pytest.mark.exhaustive)
        for style, vfr in (("broadcast", True), ("led", False), ("tactical", True), ("speedrun", False))
    ),
])  # fmt: skip
def test_frame_n_shows_the_clock_at_start_plus_its_presentation_time(tmp_path: Path, style: str, vfr: bool) -> None:
    match = count_up_match(22, 60, "m:ss", clock=40.21)
    spec, path = made(tmp_path, match, style=style, vfr=vfr, width=640, height=360)
    timer = timer_for(spec, match)
    assert timer is not None
    x, y, width, height = timer.box
    texts = sorted({match.clock_text(spec.start + step / 100) for step in range(300)})
    assert len(texts) >= 3
    for time, picture in decoded(path):
        errors = []
        for text in texts:
            drawn = picture.copy()
            timer.draw(drawn, text, match.segment_at(spec.start).label)
            part = np.s_[y : y + height, x : x + width]
            errors.append(float(np.abs(drawn[part].astype(float) - picture[part]).mean()))
        assert texts[int(np.argmin(errors))] == match.clock_text(spec.start + float(time)), float(time)


def test_sound_is_exact_to_the_sample(tmp_path: Path) -> None:
    spec, path = made(tmp_path, audio=True)
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
    heard = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
    pts, time_base = frames[0].pts, frames[0].time_base
    assert pts is not None
    assert time_base is not None
    first = round(pts * time_base * RATE)
    heard = heard[:, max(0, -first) :]
    made_here = Soundtrack(MATCH, spec).samples(0, round(spec.duration * RATE))
    count = min(heard.shape[1], made_here.shape[1])
    a, b = (np.fft.rfft(wave[0, :count], 2 * count) for wave in (heard, made_here))
    lag = int(np.argmax(np.fft.irfft(a * b.conj())))
    assert lag + max(0, first) == 0
    assert abs(count - spec.duration * RATE) <= 1024


def test_two_recordings_hear_the_same_event_at_the_same_match_time() -> None:
    match = round_match(23, 60)
    a, b = small_spec("a", 10.0, 1), small_spec("b", 13.5, 2, audio_cutoff=3000.0)
    first = Soundtrack(match, a).samples(round(3.5 * RATE), 10 * RATE).sum(axis=0)
    second = Soundtrack(match, b).samples(0, 10 * RATE).sum(axis=0)
    correlation = np.fft.irfft(np.fft.rfft(first) * np.fft.rfft(second).conj())
    lag = int(np.argmax(correlation))
    assert min(lag, correlation.size - lag) <= RATE // 2000


def test_sound_is_the_same_however_it_is_cut() -> None:
    track = Soundtrack(MATCH, small_spec("a", 5.0))
    whole = track.samples(0, 9000)
    assert np.abs(track.samples(0, 4000) - whole[:, :4000]).max() < 0.05


def test_keyframes_come_at_the_gop_and_the_index_is_up_front(tmp_path: Path) -> None:
    _, path = made(tmp_path, gop=30)
    with av.open(str(path)) as container:
        keys = [n for n, frame in enumerate(container.decode(video=0)) if frame.key_frame]
    assert keys == [0, 30, 60]
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_progress_runs_to_the_end_and_nothing_partial_is_left(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    render(small_spec("a", 1.0, duration=1.0), MATCH, tmp_path / "a.mp4", lambda *told: seen.append(told))
    assert seen[-1] == (30, 30)
    assert all(before < after for before, after in pairwise(seen))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_render_that_fails_leaves_no_file_and_one_that_outlasts_its_match_is_refused(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        render(small_spec("a", 1.0, duration=1.0), MATCH, tmp_path / "a.mp4", stop)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="within the match"):
        render(small_spec("a", 58.0, duration=3.0), MATCH, tmp_path / "a.mp4")


@pytest.mark.parametrize("style", STYLES)
def test_every_timer_stays_inside_the_picture_and_changes_with_its_text(style: str) -> None:
    spec = small_spec("a", 1.0, style=style, width=854, height=480)
    timer = timer_for(spec, count_up_match(24, 100, "m:ss.cc"))
    assert timer is not None
    x, y, width, height = timer.box
    assert 0 <= x < x + width <= 854
    assert 0 <= y < y + height <= 480
    assert np.any(timer.sprite("1:23.45", "ROUND 1").color != timer.sprite("1:23.46", "ROUND 1").color)
