"""Parts of a video in one file: the first and the last frame of each are the right ones, and the sound is in step."""

from pathlib import Path

import av
import numpy as np
import pytest

from media_app.av.avcc import Avcc
from media_app.av.container import MediaError
from media_app.av.ffmpeg import ConversionFailed, Ffmpeg
from media_app.av.probe import probe
from media_app.av.smart_cut import PlacedPart, cut_parts, why_not_copied
from media_app.av.source import Source
from sessions_app.comparison.samples.rendering.barcode import draw_barcode
from tests.av.encoded import write_raw
from tests.av.statements import SIZE, heard, packets_of, shown
from tests.support.footage import FFMPEG, convert, cut_short, noise

pytestmark = [pytest.mark.full, pytest.mark.pure]
PROGRAM = Ffmpeg(FFMPEG, threads=1)
RATE, SECONDS = 25, 12
CLICK_EVERY = 0.4  # seconds: ten frames
SOUND_RATE = 44_100
ENCODERS = {
    "h264": ("-c:v", "libx264", "-preset", "veryfast", "-g", "60", "-bf", "3", "-crf", "16"),
    "baseline": ("-c:v", "libx264", "-preset", "ultrafast", "-g", "40", "-crf", "16"),
    "hevc": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:pools=1", "-crf", "16"),
    "vp9": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "2M"),
    "av1": ("-c:v", "libsvtav1", "-preset", "12", "-svtav1-params", "lp=1", "-crf", "20"),
}


def numbered(path: Path, steps: tuple[int, ...] = (1,)) -> Path:
    """Frames that carry their numbers, and a click at the beginning of every tenth; steps: lengths of the frames."""
    ground = noise(1, *SIZE)

    def picture_of(number: int) -> np.ndarray:
        picture = np.roll(ground, 3 * number, axis=1)
        draw_barcode(picture, number)
        return picture

    times = np.arange(SOUND_RATE * SECONDS) / SOUND_RATE
    clicks = np.where(times % CLICK_EVERY < 0.01, 0.8 * np.sin(2 * np.pi * 2000 * times), 0)
    return write_raw(path, picture_of, RATE, SECONDS, clicks, SOUND_RATE, steps)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return numbered(tmp_path_factory.mktemp("numbered") / "raw.mkv")


@pytest.fixture(scope="module")
def h264(raw: Path) -> Path:
    return convert(raw, raw.with_name("h264.mp4"), *ENCODERS["h264"], "-c:a", "aac")


def made_of(
    path: Path, parts: list[tuple[float, float]], folder: Path, **options: float
) -> tuple[Path, list[PlacedPart]]:
    target = folder / "reel.mp4"
    told: list[float] = []
    placed = cut_parts(target, Source.open(path), parts, PROGRAM, told.append, **options)
    assert told == sorted(told)
    assert told[-1] == 1.0
    return target, placed


def clicks(path: Path) -> np.ndarray:
    """When clicks begin in the sound, seconds, by the file's own clock."""
    times = np.flatnonzero(np.abs(heard(path, SOUND_RATE)) > 0.3) / SOUND_RATE
    return times[np.diff(times, prepend=-1.0) > 0.1]


def numbers(start: float, end: float) -> list[int]:
    return list(range(round(start * RATE), round(end * RATE)))


PARTS = [(1.0, 4.04), (4.8, 5.6), (7.0, 11.28)]


@pytest.mark.parametrize(
    "name", ["h264", "hevc", *(pytest.param(name, marks=pytest.mark.exhaustive) for name in ("baseline", "vp9", "av1"))]
)
def test_each_part_has_exactly_its_frames_and_its_sound(raw: Path, tmp_path: Path, name: str) -> None:
    suffix, sound = ("webm", "libopus") if name == "vp9" else ("mp4", "aac")
    path = convert(raw, tmp_path / f"{name}.{suffix}", *ENCODERS[name], "-c:a", sound)
    reel, placed = made_of(path, PARTS, tmp_path)
    seen = shown(reel)
    assert [number for _, number in seen] == [number for part in PARTS for number in numbers(*part)]
    assert np.diff([time for time, _ in seen]) == pytest.approx(np.full(len(seen) - 1, 1 / RATE), abs=0.0011)
    assert [(one.source_start, one.source_end) for one in placed] == [
        (pytest.approx(start, abs=0.0011), pytest.approx(end, abs=0.0011)) for start, end in PARTS
    ]
    expected = []
    for one, (start, end) in zip(placed, PARTS, strict=True):
        first = next(time for time, number in seen if number == round(start * RATE))
        assert one.start == pytest.approx(first, abs=1e-6)
        assert one.end - one.start == pytest.approx(end - start, abs=0.0021)
        ticks = np.arange(0, SECONDS, CLICK_EVERY)
        # A click that begins within the fade at a joint is too quiet for the threshold.
        expected += [one.start + tick - start for tick in ticks if start + 0.004 < tick < end - 0.004]
    found = clicks(reel)
    for moment in expected:
        assert np.abs(found - moment).min() < 0.003


def test_whole_gops_are_copied_and_the_index_comes_first(h264: Path, tmp_path: Path) -> None:
    reel, _ = made_of(h264, [(1.0, 11.28)], tmp_path)
    copied = len(set(packets_of(h264)) & set(packets_of(reel)))
    assert 0.75 * 257 < copied < 257
    assert probe(reel).codec == "h264"
    record = record_of(reel)
    assert len(record.sps) == len(record.pps) == 2
    content = reel.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert [path.name for path in tmp_path.iterdir()] == ["reel.mp4"]


def record_of(path: Path) -> Avcc:
    with av.open(str(path)) as container:
        record = Avcc.parse(bytes(container.streams.video[0].codec_context.extradata or b""))
    assert record is not None
    return record


def test_what_is_copied_whole_needs_no_encode(h264: Path, tmp_path: Path) -> None:
    _, placed = made_of(h264, [(0.0, 2.4), (4.8, 7.2)], tmp_path)
    assert packets_of(tmp_path / "reel.mp4") == [*packets_of(h264)[:60], *packets_of(h264)[120:180]]
    assert [(one.start, one.end) for one in placed] == [pytest.approx((0.0, 2.4)), pytest.approx((2.4, 4.8))]


def test_an_end_may_lie_earlier_where_that_spares_an_encode(h264: Path, tmp_path: Path) -> None:
    [placed] = made_of(h264, [(2.4, 5.96)], tmp_path, give=0.2)[1]
    assert 5.76 - 0.001 <= placed.source_end <= 5.961
    assert len(record_of(tmp_path / "reel.mp4").sps) == 1


def test_a_variable_rate_keeps_the_time_of_every_frame(tmp_path: Path) -> None:
    raw = numbered(tmp_path / "raw.mkv", steps=(1, 1, 2, 1, 3))
    path = convert(raw, tmp_path / "vfr.mp4", *ENCODERS["h264"], "-c:a", "aac", "-fps_mode", "passthrough")
    was = {number: time for time, number in shown(path)}
    reel, placed = made_of(path, [(1.0, 4.0), (5.0, 10.0)], tmp_path)
    seen = shown(reel)
    for part in placed:
        inside = [(time, number) for time, number in seen if part.start - 1e-4 <= time < part.end - 1e-4]
        begin, end = part.source_start - 1e-4, part.source_end - 1e-4
        assert [number for _, number in inside] == [number for number, time in was.items() if begin <= time < end]
        shift = part.source_start - part.start
        assert [time + shift for time, _ in inside] == pytest.approx([was[number] for _, number in inside], abs=1e-3)


def test_a_turned_picture_stands_upright(clips: Path, tmp_path: Path) -> None:
    reel, _ = made_of(clips / "rotated.mp4", [(0.5, 1.5)], tmp_path)
    facts, was = probe(reel), probe(clips / "rotated.mp4")
    assert (facts.width, facts.height, facts.rotation) == (was.width, was.height, 0)
    assert why_not_copied(Source.open(clips / "rotated.mp4")) == (
        "The video has a rotation or non-square pixels, which cannot be kept without re-encoding."
    )


def test_odd_sides_become_even(raw: Path, tmp_path: Path) -> None:
    path = convert(
        raw, tmp_path / "odd.mkv", "-vf", "scale=201:113,format=yuv444p", "-c:v", "libx264", "-preset", "ultrafast",
        "-an",
    )  # fmt: skip
    reel, placed = made_of(path, [(1.0, 2.0), (3.0, 4.0)], tmp_path)
    facts = probe(reel)
    assert (facts.width, facts.height, facts.pixel_format, facts.audio_tracks) == (200, 112, "yuv420p", ())
    assert [(one.start, one.end) for one in placed] == [pytest.approx((0, 1)), pytest.approx((1, 2))]


def test_the_end_of_the_video_and_what_lies_beyond(h264: Path, tmp_path: Path) -> None:
    reel, placed = made_of(h264, [(50.0, 60.0), (11.0, 99.0)], tmp_path)
    assert [one.part for one in placed] == [1]
    assert [number for _, number in shown(reel)] == numbers(11.0, SECONDS)
    with pytest.raises(ConversionFailed):
        made_of(h264, [(50.0, 60.0)], tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_hidden_by_an_edit_list_stays_hidden(h264: Path, tmp_path: Path) -> None:
    path = convert(None, tmp_path / "hidden.mp4", "-ss", "3.0", "-i", str(h264), "-c", "copy")
    source = Source.open(path)
    assert source.hides_pictures
    first = shown(path)[0][1]
    target = tmp_path / "reel.mp4"
    [placed] = cut_parts(target, source, [(0.0, 4.0)], PROGRAM)
    assert [number for _, number in shown(target)] == list(range(first, first + 100))
    assert placed.start == 0


def test_a_file_that_breaks_off_gives_what_is_there(h264: Path, tmp_path: Path) -> None:
    broken = cut_short(convert(h264, tmp_path / "broken.mkv", "-c", "copy"))
    reel, placed = made_of(broken, [(1.0, 3.0), (6.0, 11.0)], tmp_path)
    seen = [number for _, number in shown(reel)]
    assert seen[:50] == numbers(1.0, 3.0)
    assert seen[50] == 150
    assert placed[1].source_end < 10
    assert placed[1].end == pytest.approx(len(seen) / RATE, abs=0.05)


def test_transport_streams_are_cut_by_the_clock_of_players(h264: Path, tmp_path: Path) -> None:
    path = convert(h264, tmp_path / "stream.ts", "-c", "copy")
    reel, _ = made_of(path, [(1.0, 2.0), (6.0, 7.0)], tmp_path)
    seen = [number for _, number in shown(reel)]
    assert seen == [*numbers(1.0, 2.0), *numbers(6.0, 7.0)]


def test_no_file_and_no_room_are_said(h264: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError):
        cut_parts(tmp_path / "nowhere" / "reel.mp4", Source.open(h264), PARTS, PROGRAM)
    source = Source.open(convert(h264, tmp_path / "gone.mp4", "-c", "copy"))
    source.path.unlink()
    with pytest.raises(MediaError):
        cut_parts(tmp_path / "reel.mp4", source, PARTS, PROGRAM)
    assert not list(tmp_path.iterdir())
