"""The comparison page's renditions: every frame at its own time, quick to seek, and one without sound."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from media_app.av.ffmpeg import Ffmpeg
from media_app.av.frames import VideoFile
from media_app.av.hls import RenditionNotAvailable, make_rung
from media_app.av.ladder import rung_of
from media_app.av.probe import probe
from media_app.av.proxy import LINES, Mp4Rendition, gop_frames, make_proxy, make_silent
from media_app.av.source import Source
from tests.av.statements import heard, played
from tests.support.clips import render_clip
from tests.support.footage import FFMPEG, convert, noise, write_pictures

pytestmark = pytest.mark.pure
PROGRAM = Ffmpeg(FFMPEG, threads=1)
CLIPS = (
    "ntsc.mp4", "rotated.mp4", "vfr.mp4", "vp9.webm",
    *(pytest.param(name, marks=pytest.mark.exhaustive) for name in ("plain.mp4", "hevc.mp4", "av1.mp4", "silent.mp4")),
)  # fmt: skip


def times_of(path: Path) -> np.ndarray:
    """Presentation times on the scale of currentTime, seconds, shape (n,)."""
    with VideoFile(path) as video:
        return np.array([picture.time for picture in video.iterate_frames(0.0)])


def proxy_of(path: Path, folder: Path) -> Mp4Rendition:
    made = make_proxy(folder, Source.open(path), PROGRAM)
    assert made.size == (folder / "proxy.mp4").stat().st_size
    return made


def silent_of(path: Path, folder: Path) -> Mp4Rendition:
    made = make_silent(folder, Source.open(path), PROGRAM)
    assert made.size == (folder / "silent.mp4").stat().st_size
    return made


def packets_of(path: Path) -> list[tuple[float, bool, bytes]]:
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        return [(float(packet.pts * packet.time_base), packet.is_keyframe, bytes(packet)) for packet in packets]


def assert_same_times(path: Path, made: Path) -> None:
    was, now = times_of(path), times_of(made)
    assert len(was) == len(now)
    assert np.abs(was - now).max() < 1e-5


def assert_both_in_time(path: Path, folder: Path) -> None:
    """Make a proxy and a silent rendition, whose frames have the times of the original's."""
    proxy_of(path, folder)
    assert_same_times(path, folder / "proxy.mp4")
    silent_of(path, folder)
    assert_same_times(path, folder / "silent.mp4")


@pytest.mark.parametrize("name", CLIPS)
def test_every_frame_of_both_has_its_own_time(clips: Path, tmp_path: Path, name: str) -> None:
    assert_both_in_time(clips / name, tmp_path)
    silent = tmp_path / "silent.mp4"
    assert [packet[2] for packet in packets_of(silent)] == [packet[2] for packet in packets_of(clips / name)]
    assert probe(silent).audio_tracks == ()
    tracks = [(track.codec, track.channels) for track in probe(tmp_path / "proxy.mp4").audio_tracks]
    assert tracks == ([("aac", 1)] if probe(clips / name).audio_tracks else [])
    for made in (silent, tmp_path / "proxy.mp4"):
        content = made.read_bytes()
        assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("suffix", ["ts", "flv"])
def test_times_survive_a_change_of_container(tmp_path: Path, suffix: str) -> None:
    """Transport streams and FLV do not start at zero, and B-frames are stored out of order."""
    options = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "3", "-r", "30000/1001")
    path = convert(render_clip(tmp_path / "whole.mp4", seconds=3.0), tmp_path / f"v.{suffix}", *options)
    assert_both_in_time(path, tmp_path)


def test_a_late_start_stays_late_and_what_an_edit_list_hides_stays_hidden(tmp_path: Path) -> None:
    whole = render_clip(tmp_path / "whole.mp4", seconds=2.0)
    late = convert(whole, tmp_path / "late.mp4", "-c", "copy", "-output_ts_offset", "0.7")
    assert times_of(late)[0] == pytest.approx(0.7, abs=0.001)
    assert_both_in_time(late, tmp_path)
    whole = write_pictures(tmp_path / "long.mp4", [noise(number) for number in range(100)], gop=50)
    cut = convert(None, tmp_path / "cut.mp4", "-ss", "3", "-i", str(whole), "-c", "copy")
    assert len(times_of(cut)) == 70
    assert_both_in_time(cut, tmp_path)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_video_with_sound_that_starts_late_is_there_to_its_end(tmp_path: Path, suffix: str) -> None:
    """Later than the tail that sound may have: the limit of its length counts from where the clock begins."""
    whole = render_clip(tmp_path / "whole.mp4", seconds=3.0)
    late = convert(whole, tmp_path / f"late.{suffix}", "-c", "copy", "-output_ts_offset", "3")
    assert times_of(late)[-1] > 5.9
    assert probe(late).duration == pytest.approx(6.0, abs=0.05)
    proxy_of(late, tmp_path)
    assert_same_times(late, tmp_path / "proxy.mp4")
    assert len(heard(tmp_path / "proxy.mp4")) / 48_000 == pytest.approx(6.0, abs=0.1)


def test_proxies_show_the_same_pictures(tmp_path: Path) -> None:
    path = write_pictures(tmp_path / "v.mp4", [noise(number) for number in range(30)])
    proxy_of(path, tmp_path)
    with VideoFile(path) as was, VideoFile(tmp_path / "proxy.mp4") as now:
        for before, after in zip(was.iterate_frames(0.0), now.iterate_frames(0.0), strict=True):
            difference = before.scaled(320).astype(int) - after.scaled(320).astype(int)
            assert np.abs(difference).mean() < 4


@pytest.mark.parametrize("fps", [Fraction(30_000, 1001), Fraction(60), Fraction(1)])
def test_keyframes_are_a_quarter_of_a_second_apart_at_most_and_in_order(tmp_path: Path, fps: Fraction) -> None:
    pictures = [noise(number % 7, 64, 48) for number in range(int(4 * fps) + 1)]
    proxy_of(write_pictures(tmp_path / "v.mp4", pictures, fps=fps, gop=250), tmp_path)
    found = packets_of(tmp_path / "proxy.mp4")
    times = [time for time, _, _ in found]
    assert times == sorted(times)
    keyframes = np.array([time for time, is_keyframe, _ in found if is_keyframe])
    assert np.diff(keyframes).max() <= max(0.25, 1 / fps) + 1e-6
    assert keyframes[0] == 0.0
    assert gop_frames(probe(tmp_path / "v.mp4")) == {Fraction(30_000, 1001): 7, 60: 15, 1: 1}[fps]


def test_a_variable_rate_has_as_many_keyframes(tmp_path: Path) -> None:
    """Slow at first, then fast: a quarter of a second is another count of frames in each part."""
    steps = [1] * 40 + [6] * 20
    path = render_clip(tmp_path / "v.mp4", fps=Fraction(60), frame_steps=steps, seconds=5.0)
    assert Source.open(path).facts.is_vfr
    proxy_of(path, tmp_path)
    assert_same_times(path, tmp_path / "proxy.mp4")
    keyframes = np.array([time for time, is_keyframe, _ in packets_of(tmp_path / "proxy.mp4") if is_keyframe])
    assert np.diff(keyframes).max() <= 0.3 + 1e-6  # to the first frame after 0.2 s


@pytest.mark.parametrize(("size", "expected"), [((1920, 1080), (1280, 720)), ((1080, 1920), (720, 1280))])
def test_proxies_have_720_lines_at_most(tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]) -> None:
    made = proxy_of(write_pictures(tmp_path / "v.mp4", [noise(1, *size)] * 2), tmp_path)
    facts = probe(tmp_path / "proxy.mp4")
    assert (made.width, made.height) == (facts.width, facts.height) == expected
    assert min(expected) == LINES


def test_rotation_and_pixel_shape_are_applied_to_the_proxy_and_kept_by_the_copy(tmp_path: Path) -> None:
    path = write_pictures(tmp_path / "v.mp4", [noise(2, 144, 96)] * 5, rotation=90, ratio=Fraction(4, 3))
    proxy, silent = proxy_of(path, tmp_path), silent_of(path, tmp_path)
    assert (proxy.width, proxy.height) == (silent.width, silent.height) == (96, 192)
    facts = probe(tmp_path / "proxy.mp4")
    assert (facts.width, facts.height, facts.rotation, facts.sample_aspect_ratio) == (96, 192, 0, 1)
    facts = probe(tmp_path / "silent.mp4")
    assert (facts.width, facts.height, facts.rotation) == (96, 192, 90)


def test_odd_sizes_become_even_and_a_single_frame_has_both(tmp_path: Path) -> None:
    path = write_pictures(tmp_path / "v.mp4", [noise(3, 161, 91)], pixel_format="yuv444p")
    made = proxy_of(path, tmp_path)
    assert (made.width, made.height) == (160, 90)
    assert made.codecs.startswith("avc1.64")
    assert probe(tmp_path / "proxy.mp4").pixel_format == "yuv420p"
    assert silent_of(path, tmp_path).size
    for name in ("proxy.mp4", "silent.mp4"):
        assert len(times_of(tmp_path / name)) == 1


@pytest.mark.parametrize(("suffix", "codec"), [("webm", "libvpx"), ("ogv", "libtheora"), ("wmv", "wmv2")])
def test_what_an_mp4_cannot_carry_has_no_silent_copy_but_a_proxy(tmp_path: Path, suffix: str, codec: str) -> None:
    path = convert(None, tmp_path / f"v.{suffix}", "-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=1", "-c:v", codec)
    with pytest.raises(RenditionNotAvailable, match="cannot contain"):
        silent_of(path, tmp_path)
    assert proxy_of(path, tmp_path).size


def clicking(path: Path, at: float, *options: str) -> Path:
    """Three seconds of a moving picture beside silence with one click."""
    click = f"aevalsrc=if(between(t\\,{at}\\,{at + 0.01})\\,0.9\\,0):d=3:s=48000"
    inputs = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=30:d=3", "-f", "lavfi", "-i", click)
    return convert(None, path, *inputs, *options, "-c:v", "libx264", "-c:a", "pcm_s16le")


def test_the_sound_of_a_proxy_is_in_step(tmp_path: Path) -> None:
    proxy_of(clicking(tmp_path / "v.mkv", 1.0), tmp_path)
    loud = np.flatnonzero(np.abs(heard(tmp_path / "proxy.mp4")) > 0.3)
    assert loud[0] / 48_000 == pytest.approx(1.0, abs=0.005)


@pytest.mark.parametrize("name", ["proxy", "rung"])
def test_a_hole_in_the_sound_is_silence_and_what_follows_is_in_step(tmp_path: Path, name: str) -> None:
    path = clicking(tmp_path / "v.mkv", 2.5, "-af", "aselect=not(between(t\\,1\\,2))")
    source = Source.open(path)
    if name == "proxy":
        made = tmp_path / "proxy.mp4"
        make_proxy(tmp_path, source, PROGRAM)
    else:
        made = tmp_path / "media.mp4"
        make_rung(tmp_path, source, rung_of(source.facts, 48), PROGRAM)
    # Counted in samples, as a player plays them: a hole that is only a jump of the times would be closed.
    assert np.flatnonzero(np.abs(played(made)) > 0.3)[0] / 48_000 == pytest.approx(2.5, abs=0.04)
