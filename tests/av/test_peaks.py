"""The outline of the sound: audiowaveform's format, in its place, in bounded memory."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from media_app.av.container import MediaError
from media_app.av.peaks import BLOCK_SAMPLES, PAIRS, _Outline, make_peaks
from media_app.av.source import Source
from tests.av.encoded import write_sound
from tests.support.clips import render_clip
from tests.support.footage import blanked, convert

pytestmark = pytest.mark.pure
RATE = 48_000


def with_picture(sound: Path, target: Path, *options: str, seconds: float = 4.0) -> Path:
    """The sound beside a picture of ``seconds``, uncompressed so that every sample is known."""
    picture = ("-f", "lavfi", "-i", f"testsrc=s=64x48:r=10:d={seconds}")
    options = options or ("-c:a", "pcm_s16le")
    return convert(None, target, *picture, "-i", str(sound), "-map", "0:v", "-map", "1:a", "-c:v", "libx264", *options)


def peaks_of(video: Path) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """The file, its lowest and its highest samples as shares of full scale."""
    path = video.with_suffix(".json")
    made = make_peaks(path, Source.open(video))
    found = json.loads(path.read_text())
    assert made.size == path.stat().st_size
    assert made.pairs == found["length"]
    pairs = np.array(found["data"]).reshape(-1, 2)
    assert len(pairs) == found["length"] <= PAIRS
    assert (pairs[:, 0] <= pairs[:, 1]).all()
    assert (np.abs(pairs + 0.5) <= 127.5).all()
    return found, pairs[:, 0] / 128, pairs[:, 1] / 128


def at(found: dict[str, Any], seconds: float) -> int:
    return int(seconds * found["sample_rate"] / found["samples_per_pixel"])


def test_the_file_is_audiowaveforms(tmp_path: Path) -> None:
    found, _, highest = peaks_of(render_clip(tmp_path / "v.mp4", seconds=3.0))
    assert {key: found[key] for key in ("version", "channels", "sample_rate", "bits")} == {
        "version": 2, "channels": 1, "sample_rate": RATE, "bits": 8,
    }  # fmt: skip
    assert 1000 <= found["length"] <= PAIRS
    assert found["length"] * found["samples_per_pixel"] >= 3.0 * RATE
    # The clip's tone has an amplitude of 0.2.
    assert np.median(highest) == pytest.approx(0.2, abs=0.02)


def test_loud_and_quiet_parts_are_where_they_are(tmp_path: Path) -> None:
    time = np.arange(4 * RATE) / RATE
    loudness = np.select([time < 1, time < 2, time < 3], [0.9, 0.1, 0.5], 0.0)
    tone = np.sin(2 * np.pi * 500 * time) * loudness
    found, lowest, highest = peaks_of(with_picture(write_sound(tmp_path / "s.wav", tone), tmp_path / "v.mkv"))
    for seconds, expected in ((0.5, 0.88), (1.5, 0.1), (2.5, 0.49), (3.5, 0.0)):
        assert highest[at(found, seconds)] == pytest.approx(expected, abs=0.02)
        assert lowest[at(found, seconds)] == pytest.approx(-expected, abs=0.02)
    edge = np.flatnonzero(highest < 0.5)[0]
    assert edge == pytest.approx(at(found, 1.0), abs=1)


def test_a_single_loud_sample_is_seen_and_channels_are_mixed(tmp_path: Path) -> None:
    samples = np.zeros(4 * RATE)
    samples[int(2.201 * RATE)] = 0.8
    found, _, highest = peaks_of(with_picture(write_sound(tmp_path / "s.wav", samples), tmp_path / "v.mkv"))
    assert np.flatnonzero(highest > 0.5).tolist() == [at(found, 2.201)]
    left = np.stack([np.full(4 * RATE, 0.8), np.zeros(4 * RATE)], axis=1)
    opposite = np.stack([np.full(4 * RATE, 0.8), np.full(4 * RATE, -0.8)], axis=1)
    _, _, highest = peaks_of(with_picture(write_sound(tmp_path / "l.wav", left), tmp_path / "l.mkv"))
    assert np.median(highest) == pytest.approx(0.4, abs=0.02)
    _, _, highest = peaks_of(with_picture(write_sound(tmp_path / "o.wav", opposite), tmp_path / "o.mkv"))
    assert np.median(highest) == pytest.approx(0.0, abs=0.02)


def test_sound_that_ends_early_or_starts_late_is_surrounded_by_silence(tmp_path: Path) -> None:
    whole = with_picture(write_sound(tmp_path / "s.wav", np.full(RATE, 0.5)), tmp_path / "whole.mkv")
    found, _, highest = peaks_of(whole)
    assert highest[: at(found, 0.99)].min() > 0.4
    assert highest[at(found, 1.01) + 1 :].max() == 0.0
    assert found["length"] * found["samples_per_pixel"] >= 4 * RATE
    late = convert(
        whole, tmp_path / "late.mkv", "-itsoffset", "2.0", "-i", str(whole), "-map", "0:v", "-map", "1:a", "-c", "copy"
    )
    found, _, highest = peaks_of(late)
    assert highest[: at(found, 1.99)].max() == 0.0
    assert highest[at(found, 2.1) : at(found, 2.9)].min() > 0.4


@pytest.mark.parametrize(("name", "options"), [
    ("v.webm", ("-c:v", "libvpx-vp9", "-c:a", "libopus")), ("v.flv", ("-c:a", "libmp3lame", "-ar", "44100")),
    ("v.avi", ("-c:a", "pcm_u8")), ("wide.mkv", ("-c:a", "pcm_s32le", "-ac", "6")),
])  # fmt: skip
def test_every_usual_sound_is_read(tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    time = np.arange(4 * RATE) / RATE
    tone = np.sin(2 * np.pi * 400 * time) * np.where(time < 2, 0.6, 0.0)
    found, _, highest = peaks_of(with_picture(write_sound(tmp_path / "s.wav", tone), tmp_path / name, *options))
    # Of six channels the middle one alone sounds, and is mixed down with the silent ones.
    loud = np.median(highest[: at(found, 1.9)])
    assert loud > (0.1 if name == "wide.mkv" else 0.35)
    assert highest[at(found, 2.2) :].max() < loud / 8


def test_damaged_sound_is_outlined_as_far_as_it_goes_and_none_is_refused(tmp_path: Path) -> None:
    found, _, highest = peaks_of(blanked(render_clip(tmp_path / "v.mkv", seconds=4.0), 1 / 2, 3 / 4))
    assert highest[: at(found, 1.0)].max() > 0.15
    video = with_picture(write_sound(tmp_path / "s.wav", np.zeros(0)), tmp_path / "none.mkv")
    with pytest.raises(MediaError):
        peaks_of(video)


def test_times_outside_are_left_out_and_blocks_of_any_cut_give_the_same_outline() -> None:
    outline = _Outline(pairs=10, samples_per_pixel=7)
    for start in (-(10**15), -3, 68, 70, 10**15):
        outline.add(start, np.full(5, 1000, np.int16))
    assert outline.highest.tolist() == [1000, 0, 0, 0, 0, 0, 0, 0, 0, 1000]
    assert outline.lowest.tolist() == [0] * 10
    random = np.random.default_rng(1)
    samples = random.integers(-30_000, 30_000, BLOCK_SAMPLES + 777, np.int16)
    whole, pieces = (_Outline(-(-len(samples) // 321), 321) for _ in range(2))
    whole.add(0, samples)
    begin = 0
    while begin < len(samples):
        step = int(random.integers(1, 900))
        pieces.add(begin, samples[begin : begin + step])
        begin += step
    assert (whole.lowest == pieces.lowest).all()
    assert (whole.highest == pieces.highest).all()
