"""HLS renditions: what is copied, what is encoded, what is refused, and that a playlist names its own file alone."""

import io
import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_app.av import hls
from media_app.av.ffmpeg import ConversionFailed, Ffmpeg
from media_app.av.hls import MEDIA, PLAYLIST, HlsRendition, make_rung, make_source
from media_app.av.ladder import HEIGHTS, fitted, ladder, rung_of
from media_app.av.probe import VideoFacts, probe
from media_app.av.source import Source
from tests.av.fragments import track_times
from tests.av.statements import packets_of, played
from tests.support.clips import render_clip
from tests.support.footage import FFMPEG, convert, noise, write_pictures

pytestmark = pytest.mark.pure
PROGRAM = Ffmpeg(FFMPEG, threads=1)


def copy_of(path: Path, folder: Path) -> HlsRendition:
    folder.mkdir(exist_ok=True)
    return make_source(folder, Source.open(path), PROGRAM)


def refusal_of(path: Path, folder: Path) -> str:
    with pytest.raises(hls.RenditionNotAvailable) as caught:
        copy_of(path, folder)
    assert str(caught.value).endswith(".")
    return str(caught.value)


def times_of(path: Path | io.BytesIO, kind: str = "video") -> list[float]:
    with av.open(path if isinstance(path, io.BytesIO) else str(path)) as container:
        return [float(f.pts * f.time_base) for f in container.decode(getattr(container.streams, kind)[0])]


def test_the_picture_is_copied_into_ranges_without_gaps(tmp_path: Path) -> None:
    long_clip, folder = render_clip(tmp_path / "long.mp4", seconds=20.0), tmp_path / "out"
    made = copy_of(long_clip, folder)
    playlist = (folder / PLAYLIST).read_text()
    [header] = [int(size) for size in re.findall(r'#EXT-X-MAP:URI="media.mp4",BYTERANGE="(\d+)@0"', playlist)]
    segments = [(int(size), int(at)) for size, at in re.findall(r"BYTERANGE:(\d+)@(\d+)\n", playlist)]
    content, at, frames = (folder / MEDIA).read_bytes(), header, 0
    for size, start in segments:
        assert start == at
        at += size
        # Every segment can be played alone.
        frames += len(times_of(io.BytesIO(content[:header] + content[start : start + size])))
    assert (at, len(segments), frames) == (len(content), 4, 600)
    assert packets_of(folder / MEDIA) == packets_of(long_clip)
    assert made.size == sum((folder / name).stat().st_size for name in (PLAYLIST, MEDIA))
    assert (made.width, made.height) == (320, 180)
    assert sorted(path.name for path in folder.iterdir()) == [PLAYLIST, MEDIA]
    shift = times_of(folder / MEDIA)[0] - times_of(long_clip)[0]
    # Priming samples of AAC come out in front where no edit list hides them.
    priming = times_of(long_clip, "audio")[0] - times_of(folder / MEDIA, "audio")[0] + shift
    assert 0 <= priming < 0.05
    # Codecs and bit rate are those of the file.
    with av.open(str(long_clip)) as container:
        profile = bytes(container.streams.video[0].codec_context.extradata)[1:4].hex()
    assert made.codecs == f"avc1.{profile},mp4a.40.2"
    mean = (folder / MEDIA).stat().st_size * 8 / 20
    assert mean * 0.98 <= made.bit_rate < 2 * mean


def test_a_playlist_names_nothing_but_its_own_file(clips: Path, tmp_path: Path) -> None:
    copy_of(clips / "plain.mp4", tmp_path)
    text = (tmp_path / PLAYLIST).read_text()
    lines = text.splitlines()
    assert (lines[0], lines[-1]) == ("#EXTM3U", "#EXT-X-ENDLIST")
    assert "#EXT-X-PLAYLIST-TYPE:VOD" in lines
    assert {line for line in lines if not line.startswith("#")} == {MEDIA}
    assert "/" not in text
    for strange in (text.replace(MEDIA, "../other.mp4", 1), text + "http://example.org/a.mp4\n", "#EXTM3U\n"):
        with pytest.raises(ConversionFailed):
            hls.read_playlist(strange)


def test_peaks_of_bit_rates() -> None:
    segments = [(6.0, 600_000), (6.0, 1_200_000), (6.0, 300_000), (1.0, 500_000)]
    # The last is too short to count alone: with its neighbour it is 7 s.
    assert hls.peak_bit_rate(segments, 6) == 1_600_000
    assert hls.peak_bit_rate([(0.5, 1000)], 6) == 16_000
    assert hls.peak_bit_rate([(0.0, 1000)] * 5000, 0) > 0


def test_a_video_without_sound_and_a_transport_stream_are_copied(tmp_path: Path) -> None:
    made = copy_of(render_clip(tmp_path / "v.mp4", sound=False), tmp_path / "silent")
    assert made.codecs.startswith("avc1.")
    assert "," not in made.codecs
    whole = render_clip(tmp_path / "whole.mp4", seconds=2.0)
    made = copy_of(convert(whole, tmp_path / "v.ts", "-c", "copy"), tmp_path / "out")
    assert made.codecs.endswith(",mp4a.40.2")
    assert len(times_of(tmp_path / "out" / MEDIA)) == 60


@pytest.mark.parametrize(("suffix", "codec"), [("mkv", "libopus"), ("mov", "pcm_s16le")])
def test_other_sounds_become_aac_beside_the_copied_picture(tmp_path: Path, suffix: str, codec: str) -> None:
    whole = render_clip(tmp_path / "whole.mp4", seconds=4.0)
    source = convert(whole, tmp_path / f"v.{suffix}", "-c:v", "copy", "-c:a", codec)
    made = copy_of(source, tmp_path / "out")
    assert made.codecs.endswith(",mp4a.40.2")
    assert packets_of(tmp_path / "out" / MEDIA) == packets_of(source)
    samples = played(tmp_path / "out" / MEDIA)
    assert len(samples) / 48_000 == pytest.approx(4.0, abs=0.1)
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(0.2 / np.sqrt(2), rel=0.1)


def test_what_not_every_browser_plays_is_left_to_the_rungs(clips: Path, tmp_path: Path) -> None:
    names = {"hevc.mp4": "hevc", "av1.mp4": "av1", "vp9.webm": "vp9", "rotated.mp4": "rotation"}
    for name, words in names.items():
        assert words in refusal_of(clips / name, tmp_path / "out")
    for pixels in ("yuv444p", "yuv422p", "yuv420p10le"):
        path = write_pictures(tmp_path / "v.mp4", [noise(1)] * 5, pixel_format=pixels)
        assert pixels in refusal_of(path, tmp_path / "out")
    colours = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    whole = write_pictures(tmp_path / "w.mp4", [noise(1)] * 10)
    path = convert(whole, tmp_path / "v.mp4", "-vf", colours, "-c:v", "libx264", "-pix_fmt", "yuv420p")
    assert "HDR" in refusal_of(path, tmp_path / "out")


@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_keyframes_too_far_apart_are_left_to_the_rungs(tmp_path: Path, suffix: str) -> None:
    """An MP4 says so in its index; a transport stream shows it in the first segment."""
    pictures = [noise(number % 3, 64, 48) for number in range(90)]
    good = write_pictures(tmp_path / f"good.{suffix}", pictures, fps=Fraction(4), gop=40)
    assert copy_of(good, tmp_path / "out").size
    bad = write_pictures(tmp_path / f"bad.{suffix}", pictures, fps=Fraction(4), gop=80)
    assert "20.0 s apart" in refusal_of(bad, tmp_path / "out")
    assert Source.open(bad).keyframe_gap == (20 if suffix == "mp4" else None)
    # The keyframes of a usual film are near enough: by default x264 makes one every 250 frames.
    assert 250 / Fraction(24_000, 1001) < hls.MAX_KEYFRAME_GAP


def test_hidden_pictures_and_those_without_times_are_left_to_the_rungs(tmp_path: Path) -> None:
    whole = write_pictures(tmp_path / "whole.mp4", [noise(number) for number in range(100)], gop=50)
    cut = convert(None, tmp_path / "cut.mp4", "-ss", "3", "-i", str(whole), "-c", "copy")
    assert len(times_of(cut)) == 70
    assert "cut" in refusal_of(cut, tmp_path / "out")
    # An encoded rung shows what a player of the file itself shows.
    source = Source.open(cut)
    make_rung(tmp_path / "out", source, rung_of(source.facts, 90), PROGRAM)
    assert len(times_of(tmp_path / "out" / MEDIA)) == 70
    options = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=2", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    assert "no timestamps" in refusal_of(convert(None, tmp_path / "b.avi", *options, "-bf", "2"), tmp_path / "out")
    assert copy_of(convert(None, tmp_path / "p.avi", *options, "-bf", "0"), tmp_path / "out").size


def test_tags_of_the_recording_do_not_come_along(tmp_path: Path) -> None:
    whole = render_clip(tmp_path / "whole.mp4", seconds=2.0)
    place = ("-metadata", "location=+48.8577+002.295/")
    tags = (*place, "-metadata", "title=A secret", "-metadata:s:v", "handler_name=Me")
    tagged = convert(whole, tmp_path / "v.mp4", "-c", "copy", "-movflags", "use_metadata_tags", *tags)
    assert b"A secret" in tagged.read_bytes()
    copy_of(tagged, tmp_path / "out")
    content = (tmp_path / "out" / MEDIA).read_bytes()
    assert b"48.8577" not in content
    assert b"A secret" not in content
    assert b"Me\0" not in content


def keyframe_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(p.pts * p.time_base) for p in container.demux(video=0) if p.size and p.is_keyframe]


def test_rungs_have_their_keyframes_at_the_same_two_seconds(tmp_path: Path) -> None:
    path = render_clip(tmp_path / "v.mp4", seconds=13.0, fps=Fraction(30_000, 1001))
    source = Source.open(path)
    found = []
    for lines in (120, 90):
        folder = tmp_path / str(lines)
        folder.mkdir()
        made = make_rung(folder, source, rung_of(source.facts, lines), PROGRAM)
        assert (made.width, made.height) == (fitted(source.facts, lines))
        assert made.codecs.endswith(",mp4a.40.2")
        times = keyframe_times(folder / MEDIA)
        found.append([time - times[0] for time in times])
        text = (folder / PLAYLIST).read_text()
        assert [round(float(value)) for value in re.findall(r"#EXTINF:([\d.]+)", text)] == [6, 6, 1]
    assert found[0] == pytest.approx(found[1])
    assert found[0] == pytest.approx([hls.GOP_SECONDS * number for number in range(7)], abs=0.04)


@pytest.mark.parametrize("name", ["rotated.mp4", "vfr.mp4", pytest.param("vp9.webm", marks=pytest.mark.exhaustive)])
def test_rungs_show_every_picture_upright_and_in_time(clips: Path, tmp_path: Path, name: str) -> None:
    source = Source.open(clips / name)
    made = make_rung(tmp_path, source, rung_of(source.facts, 90), PROGRAM)
    facts = probe(tmp_path / MEDIA)
    assert (facts.width, facts.height) == (made.width, made.height) == fitted(source.facts, 90)
    assert (facts.rotation, facts.pixel_format, facts.sample_aspect_ratio) == (0, "yuv420p", 1)
    assert (facts.width > facts.height) == (source.facts.width > source.facts.height)
    was, now = np.array(times_of(clips / name)), np.array(times_of(tmp_path / MEDIA))
    assert len(now) == len(was)
    assert now - now[0] == pytest.approx(was - was[0], abs=0.002)


def test_a_rung_is_never_larger_than_the_video(clips: Path, tmp_path: Path) -> None:
    source = Source.open(clips / "plain.mp4")
    for lines in (360, 181):
        with pytest.raises(hls.RenditionNotAvailable, match=str(lines)):
            make_rung(tmp_path, source, rung_of(source.facts, lines), PROGRAM)
    assert make_rung(tmp_path, source, rung_of(source.facts, 180), PROGRAM).height == 180


def test_odd_sizes_become_even_and_many_frames_a_second_sixty(tmp_path: Path) -> None:
    path = write_pictures(tmp_path / "v.mp4", [noise(1, 161, 91)] * 5, pixel_format="yuv444p")
    source = Source.open(path)
    [rung] = ladder(source.facts, with_source=False)
    assert (rung.name, rung.width, rung.height) == ("90", 160, 90)
    assert make_rung(tmp_path, source, rung, PROGRAM).width == 160
    path = write_pictures(tmp_path / "f.mp4", [noise(n % 2, 64, 48) for n in range(120)], fps=Fraction(120), gop=60)
    source = Source.open(path)
    make_rung(tmp_path, source, rung_of(source.facts, 48), PROGRAM)
    assert len(times_of(tmp_path / MEDIA)) == pytest.approx(60, abs=2)


def facts_of(width: int, height: int, fps: int = 30) -> VideoFacts:
    return VideoFacts(
        container="mov", duration=10.0, start=0.0, fps=Fraction(fps), is_vfr=False, width=width, height=height,
        coded_width=width, coded_height=height, rotation=0, sample_aspect_ratio=Fraction(1), codec="h264",
        pixel_format="yuv420p", bit_rate=0, audio_tracks=(), truncated=False,
    )  # fmt: skip


@pytest.mark.parametrize(("size", "with_source", "expected"), [
    ((1920, 1080), False, [(1920, 1080), (1280, 720), (854, 480), (640, 360)]),
    ((1080, 1920), True, [(720, 1280), (480, 854), (360, 640)]),
    ((3840, 2160), True, [(1920, 1080), (1280, 720), (854, 480), (640, 360)]), ((640, 360), True, []),
    ((640, 360), False, [(640, 360)]), ((321, 241), True, []), ((321, 241), False, [(320, 240)]),
    ((1000, 1000), True, [(720, 720), (480, 480), (360, 360)]),
])  # fmt: skip
def test_the_ladder(size: tuple[int, int], with_source: bool, expected: list[tuple[int, int]]) -> None:
    rungs = ladder(facts_of(*size), with_source=with_source)
    assert [(rung.width, rung.height) for rung in rungs] == expected
    assert [int(rung.name) for rung in rungs] == [min(pair) for pair in expected]


@given(
    width=st.integers(16, 8192), height=st.integers(16, 8192), with_source=st.booleans(), fps=st.sampled_from((25, 60))
)
def test_every_ladder_is_even_and_within_the_video(width: int, height: int, with_source: bool, fps: int) -> None:
    rungs = ladder(facts_of(width, height, fps), with_source=with_source)
    assert with_source or rungs
    assert [rung.bits for rung in rungs] == sorted((rung.bits for rung in rungs), reverse=True)
    for rung in rungs:
        assert rung.width % 2 == rung.height % 2 == 0
        assert 2 <= rung.width <= width
        assert 2 <= rung.height <= height
        assert rung.lines in HEIGHTS or not with_source
        assert rung.width / rung.height == pytest.approx(width / height, rel=2.1 / min(rung.width, rung.height))


class TestOneClock:
    """All renditions and both tracks of each say when they begin by one clock, the original's, which starts at 1 s."""

    @pytest.fixture(scope="class")
    @classmethod
    def sources(cls, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
        """13 s each, with B-frames and sound that has priming."""
        folder = tmp_path_factory.mktemp("clock")
        whole = convert(
            None, folder / "whole.mp4", "-f", "lavfi", "-i", "testsrc2=s=128x72:r=30:d=13", "-f", "lavfi", "-i",
            "sine=d=13:r=48000", "-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "60", "-pix_fmt",
            "yuv420p", "-c:a", "aac",
        )  # fmt: skip
        late = ("-itsoffset", "2", "-i", str(whole), "-c", "copy", "-map")
        return {
            "whole": whole,
            "transport stream": convert(whole, folder / "v.ts", "-c", "copy"),
            "sound starts late": convert(whole, folder / "sound.mp4", *late, "0:v", "-map", "1:a"),
            "picture starts late": convert(whole, folder / "picture.mp4", *late, "1:v", "-map", "0:a"),
        }

    @pytest.mark.parametrize(("name", "picture", "sound"), [
        ("whole", 0.0, 0.0), ("transport stream", 0.0232, 0.0), ("sound starts late", 0.0, 2.0),
        ("picture starts late", 2.0, 0.0),
    ])  # fmt: skip
    @pytest.mark.parametrize("kind", ["source", "rung"])
    def test_picture_and_sound_begin_when_they_do_in_the_original(
        self, sources: dict[str, Path], tmp_path: Path, name: str, picture: float, sound: float, kind: str
    ) -> None:
        source = Source.open(sources[name])
        if kind == "source":
            make_source(tmp_path, source, PROGRAM)
        else:
            make_rung(tmp_path, source, rung_of(source.facts, 64), PROGRAM)
        found = track_times(tmp_path / MEDIA)
        assert found["vide"].starts[0] - hls.CLOCK_START == pytest.approx(picture, abs=0.003)
        # Never before the beginning; the encoder's priming may come before sound that starts late.
        heard = found["soun"].starts[0] - hls.CLOCK_START
        assert heard >= -0.001
        assert heard == pytest.approx(sound, abs=2 * 1024 / 44_100)
        if name == "whole":
            # Players that begin in the middle take the earlier of the two for the segment's beginning.
            assert found["vide"].starts == pytest.approx([1.0, 7.0, 13.0], abs=0.001)
            ahead = np.array(found["soun"].starts) - np.array(found["vide"].starts)
            assert (ahead >= -0.001).all(), ahead
            assert (ahead <= 2 * 1024 / 48_000).all(), ahead


def test_pictures_that_stop_for_a_while_make_no_burst_of_segments(tmp_path: Path) -> None:
    """Between 2 and 30 s there is none, as in a recording of a screen: what comes after is a stream as before."""
    path = convert(
        None, tmp_path / "v.mp4", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=30:d=36", "-vf", "select='lt(t,2)+gt(t,30)'",
        "-fps_mode", "passthrough", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "ultrafast",
    )  # fmt: skip
    source = Source.open(path)
    make_rung(tmp_path, source, rung_of(source.facts, 48), PROGRAM)
    times = [time - 1 for time in keyframe_times(tmp_path / MEDIA)]
    assert [round(time) for time in times] == [0, 30, 32, 34]
    playlist = hls.read_playlist((tmp_path / PLAYLIST).read_text())
    assert all(seconds > 1 for seconds, _ in playlist.segments)


def combing(path: Path) -> float:
    """By how much neighbouring lines differ, on the whole: not at all where bars stand upright and whole."""
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="gray").astype(float) for frame in container.decode(video=0)]
    return float(np.mean([np.abs(np.diff(picture, axis=0)).mean() for picture in pictures]))


def test_interlaced_pictures_are_left_to_the_rungs_and_made_whole_there(tmp_path: Path) -> None:
    # 25 pictures a second of two fields each: bars that move to the left.
    bars = "color=black:s=128x96:r=50:d=2,geq=lum='235*lt(mod(X+4*N,32),16)':cb=128:cr=128"
    path = convert(
        None, tmp_path / "v.mp4", "-f", "lavfi", "-i", bars, "-vf", "tinterlace=interleave_top,fieldorder=tff", "-c:v",
        "libx264", "-flags", "+ildct+ilme", "-preset", "ultrafast", "-pix_fmt", "yuv420p",
    )  # fmt: skip
    source = Source.open(path)
    assert source.facts.is_interlaced
    assert "interlaced" in refusal_of(path, tmp_path / "out")
    make_rung(tmp_path, source, rung_of(source.facts, 96), PROGRAM)
    assert not probe(tmp_path / MEDIA).is_interlaced
    assert len(times_of(tmp_path / MEDIA)) == len(times_of(path)) == 50
    assert combing(path) > 20
    assert combing(tmp_path / MEDIA) < 5


@pytest.mark.parametrize(("transfer", "number"), [("smpte2084", 16), ("arib-std-b67", 18)])
def test_hdr_becomes_what_every_screen_shows(tmp_path: Path, transfer: str, number: int) -> None:
    colours = f"color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc"
    params = f"log-level=none:pools=1:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
    path = convert(
        None, tmp_path / "v.mp4", "-f", "lavfi", "-i", "testsrc2=s=128x72:r=30:d=0.4", "-vf",
        f"setparams={colours},format=yuv420p10le", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", params,
    )  # fmt: skip
    source = Source.open(path)
    assert source.facts.color_transfer == number
    make_rung(tmp_path, source, rung_of(source.facts, 72), PROGRAM)
    with av.open(str(tmp_path / MEDIA)) as container:
        frame = next(container.decode(video=0))
    assert (frame.format.name, frame.color_trc, frame.color_primaries, frame.colorspace) == ("yuv420p", 1, 1, 1)
    light = frame.to_ndarray(format="gray")
    assert light.std() > 40  # neither grey nor flat
