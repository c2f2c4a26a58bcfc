"""Encoded recordings, decoded again: every frame and sample is where the match says."""

import os
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from sessions_app.comparison.samples.rendering.barcode import CELLS, decode_barcode, draw_barcode
from sessions_app.comparison.samples.rendering.clips import NTSC, small_spec
from sessions_app.comparison.samples.rendering.encode import render, timer_for
from sessions_app.comparison.samples.rendering.hud import STYLES
from sessions_app.comparison.samples.rendering.match import Match, count_up_match, round_match
from sessions_app.comparison.samples.rendering.sound import RATE, Soundtrack
from sessions_app.comparison.samples.rendering.specification import RecordingSpec, presentation_times
from tests.support.clips import render_clip

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
    first = round(float(frames[0].time or 0) * RATE)
    heard = heard[:, max(0, -first) :]
    made_here = Soundtrack(MATCH, spec).samples(0, round(spec.duration * RATE))
    count = min(heard.shape[1], made_here.shape[1])
    a, b = (np.fft.rfft(wave[0, :count], 2 * count) for wave in (heard, made_here))
    lag = int(np.argmax(np.fft.irfft(a * b.conj())))
    assert lag + max(0, first) == 0
    assert abs(count - spec.duration * RATE) <= 1024


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


def test_a_render_reports_its_progress_and_leaves_nothing_partial(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        render(small_spec("a", 1.0, duration=1.0), MATCH, tmp_path / "a.mp4", stop)
    with pytest.raises(ValueError, match="within the match"):
        render(small_spec("a", 58.0, duration=3.0), MATCH, tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []
    seen: list[tuple[int, int]] = []
    render(small_spec("a", 1.0, duration=1.0), MATCH, tmp_path / "a.mp4", lambda *told: seen.append(told))
    assert seen[-1] == (30, 30)
    assert all(before < after for before, after in pairwise(seen))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_the_av1_encoder_leaves_the_scheduling_of_its_thread_alone(tmp_path: Path) -> None:
    """It makes its caller a real-time thread if root runs it."""
    before = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    render_clip(tmp_path / "clip.mp4", codec="av1", seconds=0.5)
    assert (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority) == before


@pytest.mark.parametrize("style", STYLES)
def test_every_timer_stays_inside_the_picture_and_changes_with_its_text(style: str) -> None:
    spec = small_spec("a", 1.0, style=style, width=854, height=480)
    timer = timer_for(spec, count_up_match(24, 100, "m:ss.cc"))
    assert timer is not None
    x, y, width, height = timer.box
    assert 0 <= x < x + width <= 854
    assert 0 <= y < y + height <= 480
    assert np.any(timer.sprite("1:23.45", "ROUND 1").color != timer.sprite("1:23.46", "ROUND 1").color)


@pytest.mark.parametrize("number", [0, 1, 7, 1499, 2**20 - 1])
@pytest.mark.parametrize("scale", [0.4, 1.0, 1.7])
def test_the_barcode_is_read_at_any_scale_and_in_noise(number: int, scale: float) -> None:
    rng = np.random.default_rng(1)
    frame = rng.integers(0, 256, (360, 640, 3), dtype=np.uint8)
    draw_barcode(frame, number)
    seen = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(float)
    seen = np.clip(seen + rng.normal(0, 20, seen.shape), 0, 255).astype(np.uint8)
    assert decode_barcode(seen) == number
    assert decode_barcode(np.asarray(cv2.cvtColor(seen, cv2.COLOR_BGR2GRAY), np.uint8)) == number


def test_a_picture_without_a_barcode_one_bit_turned_and_a_number_that_does_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="no frame barcode"):
        decode_barcode(np.full((360, 640, 3), 90, np.uint8))
    frame = np.zeros((360, 640, 3), np.uint8)
    draw_barcode(frame, 12)
    edge = 640 // CELLS
    frame[-18:, 5 * edge : 6 * edge] = 255
    with pytest.raises(ValueError, match="checksum"):
        decode_barcode(frame)
    with pytest.raises(ValueError, match="does not fit"):
        draw_barcode(np.zeros((360, 640, 3), np.uint8), 2**20)
