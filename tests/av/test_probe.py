"""What the probe says of good files, and that bad and tricky ones are refused."""

import json
import os
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from media_app.av.container import MediaError
from media_app.av.probe import ProbeLimits, probe, sample_aspect_ratio
from tests.av.encoded import write_video
from tests.support.clips import write_sound
from tests.support.footage import convert, cut_short
from vodplatform.core.processes.process import run_child

pytestmark = pytest.mark.pure
NTSC = Fraction(30_000, 1001)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
def test_ntsc_stays_a_fraction_in_every_container(tmp_path: Path, suffix: str) -> None:
    facts = probe(write_video(tmp_path / f"v.{suffix}", rate=NTSC, frames=90))
    assert facts.fps == NTSC
    assert facts.is_vfr is False
    assert facts.duration == pytest.approx(90 / NTSC, abs=0.06)
    assert (facts.width, facts.height, facts.codec, facts.pixel_format) == (160, 96, "h264", "yuv420p")
    assert facts.truncated is False


@pytest.mark.parametrize(("rotation", "size"), [(90, (96, 160)), (180, (160, 96)), (270, (96, 160))])
def test_the_displayed_size_has_the_rotation_applied(tmp_path: Path, rotation: int, size: tuple[int, int]) -> None:
    facts = probe(write_video(tmp_path / "v.mp4", rotation=rotation))
    assert facts.rotation == rotation
    assert (facts.width, facts.height) == size
    assert (facts.coded_width, facts.coded_height) == (160, 96)


def test_the_displayed_size_has_the_pixel_shape_applied_and_sound_tracks_are_listed(tmp_path: Path) -> None:
    facts = probe(write_video(tmp_path / "v.mp4", ratio=Fraction(4, 3), size=(144, 96)))
    assert (facts.width, facts.height) == (192, 96)
    assert facts.as_json()["sample_aspect_ratio"] == [4, 3]
    sound = ("-f", "lavfi", "-i", "anullsrc=r=48000:d=1")
    tracks = probe(convert(tmp_path / "v.mp4", tmp_path / "sound.mp4", *sound)).audio_tracks
    assert [(t.codec, t.sample_rate, t.channels) for t in tracks] == [("aac", 48_000, 2)]


def test_the_rate_of_a_recorder_that_runs_a_little_fast_holds_to_the_last_frame(tmp_path: Path) -> None:
    real, frames = 30 * (1 + Fraction(150, 1_000_000)), 2000
    stamps = [n / real for n in range(frames)]
    facts = probe(write_video(tmp_path / "v.mp4", frames=frames, size=(32, 32), stamps=stamps))
    assert facts.is_vfr is False
    assert abs(frames / facts.fps - frames / real) < Fraction(1, 1000)


def test_a_recording_that_does_not_say_how_long_it_is_ends_with_its_last_frame(tmp_path: Path) -> None:
    said = write_video(tmp_path / "v.mp4", rate=Fraction(10), frames=25)
    facts = probe(convert(said, tmp_path / "v.mkv", "-c", "copy", "-live", "1"))
    assert facts.duration == pytest.approx(2.5, abs=0.002)


def test_lost_frames_leave_the_usual_rate_and_a_variable_one_is_measured(tmp_path: Path) -> None:
    stamps = [Fraction(n, 30) for n in range(1000) if n not in (300, 301, 700)]
    facts = probe(write_video(tmp_path / "v.mp4", frames=len(stamps), size=(32, 32), stamps=stamps))
    assert (facts.fps, facts.is_vfr) == (30, False)
    stamps = [Fraction(n, 60) if n < 30 else Fraction(1, 2) + Fraction(n - 30, 20) for n in range(60)]
    for suffix in ("mp4", "mkv"):
        assert probe(write_video(tmp_path / f"v.{suffix}", stamps=stamps)).is_vfr is True


def test_a_file_cut_in_the_middle_is_probed_and_flagged(tmp_path: Path) -> None:
    whole = convert(write_video(tmp_path / "a.mp4"), tmp_path / "v.mp4", "-c", "copy", "-movflags", "+faststart")
    assert probe(cut_short(whole)).truncated is True


def unreadable(path: Path, code: str = MediaError.UNREADABLE) -> str:
    with pytest.raises(MediaError) as caught:
        probe(path)
    assert caught.value.code == code
    assert caught.value.message.endswith(".")
    return caught.value.message


def test_text_zero_length_missing_and_folders_are_unreadable(tmp_path: Path) -> None:
    text, empty = tmp_path / "text.mp4", tmp_path / "empty.mp4"
    text.write_text("this is no video\n" * 200)
    empty.touch()
    fifo = tmp_path / "fifo.mp4"
    os.mkfifo(fifo)
    for path in (text, empty, tmp_path / "missing.mp4", tmp_path, fifo):
        unreadable(path)


def test_damaged_files_without_an_index_or_a_picture_are_unreadable(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "v.mp4")
    data = whole.read_bytes()
    whole.write_bytes(data[: data.index(b"moov") - 4])
    unreadable(whole)
    write_sound(tmp_path / "sound.mp4")
    assert "no video track" in unreadable(tmp_path / "sound.mp4", MediaError.NO_PICTURE)
    path = write_video(tmp_path / "v.mp4")
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz9").replace(b"avcC", b"zzzC"))
    unreadable(path, MediaError.CODEC)


def test_a_protocol_in_the_name_is_only_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "v.ts")
    for name in ("concat:v.ts|v.ts", "http://127.0.0.1:9/v.ts", "subfile,,start,0,end,99999,,:v.ts", "data:,x"):
        unreadable(Path(name))


def test_a_picture_larger_than_allowed_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4")
    for limits in (ProbeLimits(max_side=100), ProbeLimits(max_pixels=160 * 95)):
        with pytest.raises(MediaError, match="too high"):
            probe(path, limits)


def test_garbage_inside_a_good_file_never_raises_anything_else(tmp_path: Path) -> None:
    data = bytearray(write_video(tmp_path / "v.mp4").read_bytes())
    for seed in range(40):
        broken = bytearray(data)
        for k in range(30):
            broken[(seed * 7919 + k * 104_729) % len(broken)] = (seed * 31 + k * 17) % 256
        path = tmp_path / "broken.mp4"
        path.write_bytes(broken)
        try:
            assert probe(path).duration > 0
        except MediaError:
            continue


def test_the_program_answers_one_line_of_json(tmp_path: Path) -> None:
    def said(request: Any) -> dict[str, Any]:
        [answer] = run_child([sys.executable, "-m", "media_app.av.probe"], stdin=json.dumps(request).encode()).messages
        return answer

    good, bad = write_video(tmp_path / "v.mp4", rate=NTSC), tmp_path / "bad.mp4"
    bad.write_text("no")
    first, second = said({"paths": [str(good), str(bad)]})["result"]
    assert first["path"] == str(good)
    assert first["facts"]["fps"] == [30_000, 1001]
    assert first["facts"]["has_video"] is True
    assert second["error"]["code"] == "vod_unreadable"
    assert said([1])["error"]["type"] == "bad_request"


@pytest.mark.parametrize(("told", "taken"), [("4/3", "4/3"), ("3", "3"), ("1/20", "1"), ("20", "1"), ("0", "1")])
def test_pixels_that_are_no_screens_are_square(told: str, taken: str) -> None:
    """A narrow picture of wide pixels would be less work by its size than its decoder has."""
    stream: Any = SimpleNamespace(sample_aspect_ratio=Fraction(told))
    assert sample_aspect_ratio(stream) == Fraction(taken)
