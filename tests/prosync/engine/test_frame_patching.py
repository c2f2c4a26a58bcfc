"""Pictures replaced in runs of frames: every other picture, every time and the sound are what they were, to the bit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from media_app.av.avcc import Avcc
from media_app.av.container import MediaError
from media_app.av.ffmpeg import ConversionFailed, Ffmpeg
from media_app.av.probe import probe
from media_app.av.source import Source
from sessions_app.prosync.engine.frame_patching.painting import Image, Patch, Patched, Run
from sessions_app.prosync.engine.frame_patching.patching import patch
from tests.av.encoded import write_raw
from tests.av.statements import packets_of, played
from tests.av.test_smart_cut import ENCODERS, record_of
from tests.support.clips import render_clip
from tests.support.footage import FFMPEG, convert, cut_short, noise

pytestmark = [pytest.mark.full, pytest.mark.pure]
PROGRAM = Ffmpeg(FFMPEG, threads=1)
SIZE = (224, 128)
RATE, SECONDS = 25, 8
SOUND_RATE = 44_100
GREEN = (40, 220, 60)  # BGR
H264 = (*ENCODERS["h264"], "-g", "50", "-sc_threshold", "0")


def rolling(path: Path, steps: tuple[int, ...] = (1,)) -> Path:
    """A coloured picture that moves, and a sound that never repeats; steps: lengths of the frames."""
    ground = noise(1, *SIZE)
    ground[:, :, 0] = ground[::-1, :, 0]
    samples = np.random.default_rng(2).uniform(-0.1, 0.1, SOUND_RATE * SECONDS)
    roll = lambda number: np.roll(ground, 3 * number, axis=1)  # noqa: E731
    return write_raw(path, roll, RATE, SECONDS, samples, SOUND_RATE, steps)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rolling(tmp_path_factory.mktemp("rolling") / "raw.mkv")


@pytest.fixture(scope="module")
def h264(raw: Path) -> Path:
    return convert(raw, raw.with_name("h264.mp4"), *H264, "-c:a", "aac")


@dataclass
class Square:
    """Paints a square of one colour, and remembers what it was shown."""

    x: int = 40
    y: int = 24
    side: int = 32
    colour: tuple[int, int, int] = GREEN
    alpha: float = 1.0
    only: Callable[[float], bool] = lambda seconds: True
    times: list[float] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)

    def paint(self, image: Image, seconds: float) -> Sequence[Patch]:
        self.times.append(seconds)
        self.images.append(image)
        if not self.only(seconds):
            return []
        own = np.full((self.side, self.side, 3), self.colour, np.uint8)
        return [Patch(self.x, self.y, own, np.full((self.side, self.side), self.alpha, np.float32))]


def patched(path: Path, folder: Path, *runs: Run) -> tuple[Path, Patched]:
    target, shares = folder / "patched.mp4", [0.0]
    result = patch(Source.open(path), target, runs, program=PROGRAM, folder=folder, on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0 and shares[len(shares) // 2] < 1.0
    return target, result


class Shown(NamedTuple):
    time: Fraction
    planes: np.ndarray
    bgr: np.ndarray


def shown(path: Path) -> list[Shown]:
    """Every frame that a player shows, and when, by the file's own clock."""
    with av.open(str(path)) as container:
        return [
            Shown(frame.pts * Fraction(frame.time_base), frame.to_ndarray(), frame.to_ndarray(format="bgr24"))
            for frame in container.decode(video=0)
        ]


def heard(path: Path, track: int = 0) -> list[tuple[Fraction, bytes]]:
    """The packets of a sound, and when each begins."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(audio=track) if packet.size]
        return [(packet.pts * Fraction(packet.time_base), bytes(packet)) for packet in packets]


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return 10 * np.log10(255**2 / max(1e-9, np.mean((one.astype(float) - other) ** 2)))


def is_green(image: np.ndarray, x: int = 40, y: int = 24, side: int = 32) -> bool:
    inner = image[y + 4 : y + side - 4, x + 4 : x + side - 4].reshape(-1, 3).astype(float)
    return bool(np.abs(inner.mean(0) - GREEN).max() < 12)


def same(one: Sequence[Shown], other: Sequence[Shown]) -> list[bool]:
    return [np.array_equal(a.planes, b.planes) for a, b in zip(one, other, strict=True)]


def test_a_run_is_painted_and_everything_else_is_bit_exact(h264: Path, tmp_path: Path) -> None:
    square = Square()
    result, told = patched(h264, tmp_path, Run(2.6, 4.5, square))
    before, after = shown(h264), shown(result)
    assert [one.time for one in after] == [one.time for one in before]
    assert heard(result) == heard(h264)
    assert np.array_equal(played(result), played(h264))
    [placed] = told.placed
    first, last = round(placed.first * RATE), round(placed.last * RATE)
    assert 0 <= placed.late <= 3
    assert first == 65 + placed.late
    assert last == 112
    assert placed.changed == last - first + 1
    assert (placed.encoded_start, placed.encoded_end) == (placed.first, pytest.approx(6.0))
    # Up to the run, and from the keyframe behind it on.
    assert same(before, after) == [number < first or number >= 150 for number in range(200)]
    assert [is_green(one.bgr) for one in after] == [first <= number <= last for number in range(200)]
    assert told.encoded == 150 - first
    assert told.frames == 200
    assert told.why_encoded is None
    assert square.times == pytest.approx([number / RATE for number in range(first, last + 1)])
    for number in range(first, 150):
        left, right = (one.planes[:128, 80:] for one in (before[number], after[number]))
        assert psnr(left, right) > 42
    assert [path.name for path in tmp_path.iterdir()] == ["patched.mp4"]
    content = result.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    # Outside of the run the packets are the original's.
    copied = [one == other for one, other in zip(packets_of(h264), packets_of(result), strict=True)]
    assert copied.count(True) == 200 - told.encoded
    record = record_of(result)
    assert len(record.sps) == len(record.pps) == 2


def test_a_whole_run_leaves_no_frame_out_and_others_end_at_keyframes(h264: Path, tmp_path: Path) -> None:
    square = Square()
    result, told = patched(h264, tmp_path, Run(2.68, 5.92, square, whole=True))
    [placed] = told.placed
    assert (placed.late, placed.first, placed.last) == (0, pytest.approx(2.68), pytest.approx(5.88))
    assert placed.encoded_start <= placed.first
    assert placed.encoded_end == pytest.approx(6.0)
    before, after = shown(h264), shown(result)
    assert [is_green(one.bgr) for one in after] == [67 <= number < 148 for number in range(200)]
    begin = round(placed.encoded_start * RATE)
    assert 67 - begin <= 3
    assert same(before, after) == [number < begin or number >= 150 for number in range(200)]
    [placed] = patched(h264, tmp_path, Run(3.0, 4.1, Square()))[1].placed
    assert placed.last == pytest.approx(3.96)
    assert placed.encoded_end == pytest.approx(4.0)


def test_a_frame_that_is_not_painted_keeps_its_picture(h264: Path, tmp_path: Path) -> None:
    square = Square(only=lambda seconds: seconds > 5.0)
    result, told = patched(h264, tmp_path, Run(4.0, 6.0, square))
    before, after = shown(h264), shown(result)
    assert told.placed[0].first == pytest.approx(5.04)
    assert told.placed[0].changed == 24
    assert all(psnr(before[number].planes, after[number].planes) > 42 for number in range(100, 126))


def test_several_runs_each_have_their_own_place(h264: Path, tmp_path: Path) -> None:
    runs = [Run(6.0, 6.5, Square()), Run(0.0, 0.4, Square()), Run(2.0, 2.6, Square()), Run(2.4, 3.0, Square(x=120))]
    result, told = patched(h264, tmp_path, *runs)
    before, after = shown(h264), shown(result)
    assert [one.run for one in told.placed] == [0, 1, 2, 3]
    assert [one.first for one in told.placed] == pytest.approx([6.0, 0.0, 2.0, 2.4])
    assert [one.last for one in told.placed] == pytest.approx([6.48, 0.36, 2.56, 2.96])
    assert is_green(after[62].bgr)
    assert is_green(after[62].bgr, x=120)
    assert not is_green(after[66].bgr)
    assert is_green(after[66].bgr, x=120)
    # Every group of pictures is touched but none of the frames from 4 to 6 seconds.
    assert same(before[100:150], after[100:150]) == [True] * 50


def test_a_later_painter_sees_what_the_earlier_one_has_painted(h264: Path, tmp_path: Path) -> None:
    below, above = Square(), Square(alpha=0.0)
    patched(h264, tmp_path, Run(2.0, 2.2, below), Run(2.0, 2.2, above))
    assert all(is_green(image) for image in above.images)
    assert not any(is_green(image) for image in below.images)
    assert not any(image.flags.writeable for image in above.images)


def test_a_variable_rate_keeps_the_time_of_every_frame(tmp_path: Path) -> None:
    raw = rolling(tmp_path / "raw.mkv", steps=(1, 1, 2, 1, 3))
    path = convert(raw, tmp_path / "vfr.mp4", *H264, "-c:a", "aac", "-fps_mode", "passthrough")
    result, told = patched(path, tmp_path, Run(1.0, 3.0, Square()))
    assert [one.time for one in shown(result)] == [one.time for one in shown(path)]
    assert told.placed[0].changed > 20


@pytest.mark.parametrize("name", ["hevc", pytest.param("vp9", marks=pytest.mark.exhaustive)])
def test_what_cannot_be_copied_is_encoded_as_a_whole_and_says_so(raw: Path, tmp_path: Path, name: str) -> None:
    sound = ("-c:a", "libopus") if name == "vp9" else ("-c:a", "aac")
    path = convert(raw, tmp_path / ("a.webm" if name == "vp9" else "a.mp4"), *ENCODERS[name], *sound)
    result, told = patched(path, tmp_path, Run(2.6, 4.5, Square()))
    before, after = shown(path), shown(result)
    assert [one.time for one in after] == [one.time for one in before]
    assert told.why_encoded == f"The video codec is {name}, not H.264."
    assert probe(result).codec == "h264"
    assert [is_green(one.bgr) for one in after] == [65 <= number < 113 for number in range(200)]
    assert all(psnr(a.planes, b.planes) > 38 for a, b in zip(before[:60], after[:60], strict=True))
    assert [content for _, content in heard(result)] == [content for _, content in heard(path)]
    now, was = ([float(time) for time, _ in heard(one)] for one in (result, path))
    assert now == pytest.approx(was, abs=0.002)


def numbered(parameters: bytes, number: int) -> bytes:
    """A picture parameter set with another number (ITU-T H.264, 7.3.2.2 and 9.1)."""
    bits = "".join(f"{byte:08b}" for byte in parameters[1:]).rstrip("0")
    assert bits[0] == "1"  # it was number 0
    code = f"{number + 1:b}"
    bits = "0" * (len(code) - 1) + code + bits[1:]
    bits += "0" * (-len(bits) % 8)
    return parameters[:1] + bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


def test_where_there_is_no_number_left_for_a_description_the_whole_is_encoded(h264: Path, tmp_path: Path) -> None:
    path = tmp_path / "many.mp4"
    with av.open(str(h264)) as container, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(container.streams.video[0])
        record = Avcc.parse(bytes(stream.codec_context.extradata))
        [sps], [pps] = record.sps, record.pps
        units = [pps, *(numbered(pps, number) for number in range(1, 32))]
        listed = [len(unit).to_bytes(2) + unit for unit in units]
        head = bytes([1, *sps[1:4], 0xFF, 0xE1]) + len(sps).to_bytes(2) + sps
        stream.codec_context.extradata = head + bytes([len(units)]) + b"".join(listed) + b"\xfd\xf8\xf8\x00"
        for packet in container.demux(video=0):
            if packet.size and packet.pts < 3 * 12800:
                packet.stream = stream
                out.mux(packet)
    result, told = patched(path, tmp_path, Run(1.0, 1.5, Square()))
    assert told.why_encoded == "The video already has the maximum number of H.264 parameter sets."
    assert len(shown(result)) == len(shown(path)) == told.frames
    assert told.placed[0].changed == 13


def test_a_sound_that_an_mp4_cannot_hold_is_encoded(raw: Path, tmp_path: Path) -> None:
    path = convert(raw, tmp_path / "a.asf", "-c:v", "wmv2", "-b:v", "2M", "-c:a", "wmav2", "-t", "3")
    result, told = patched(path, tmp_path, Run(1.0, 1.5, Square()))
    assert told.why_encoded is not None
    assert [track.codec for track in probe(result).audio_tracks] == ["aac"]
    assert len(played(result)) / 48_000 == pytest.approx(3.0, abs=0.1)


def test_a_transport_stream_is_stored_anew_and_copied(h264: Path, tmp_path: Path) -> None:
    path = convert(h264, tmp_path / "stream.ts", "-c", "copy")
    result, told = patched(path, tmp_path, Run(2.6, 4.5, Square()))
    assert told.why_encoded is None
    before, after = shown(path), shown(result)
    origin = Source.open(path).origin
    assert [float(one.time) for one in after] == pytest.approx([float(one.time - origin) for one in before], abs=2e-5)
    first = round((told.placed[0].first - float(after[0].time)) * RATE)
    assert same(before, after) == [number < first or number >= 150 for number in range(200)]
    assert np.array_equal(played(result), played(path))
    then, now = heard(path)[0][0] - origin, heard(result)[0][0]
    assert float(now) == pytest.approx(float(then), abs=1 / SOUND_RATE)


def test_matroska_keeps_its_sound_where_it_was(h264: Path, tmp_path: Path) -> None:
    path = convert(h264, tmp_path / "a.mkv", "-c", "copy")
    result, told = patched(path, tmp_path, Run(2.6, 4.5, Square()))
    assert told.why_encoded is None
    was, now = heard(path), heard(result)
    assert [content for _, content in now] == [content for _, content in was]
    # Matroska counts milliseconds: the copy has every packet where its samples begin.
    assert [float(time) for time, _ in now] == pytest.approx([float(time) for time, _ in was], abs=0.0011)
    assert {round((b - a) * SOUND_RATE) for (a, _), (b, _) in pairwise(now)} == {1024}
    first = round(told.placed[0].first * RATE)
    assert same(shown(path), shown(result)) == [number < first or number >= 150 for number in range(200)]


@pytest.mark.parametrize("name", ["h264", "hevc"])
def test_what_an_edit_list_hides_stays_hidden(raw: Path, h264: Path, tmp_path: Path, name: str) -> None:
    whole = h264
    if name == "hevc":
        whole = convert(raw, tmp_path / "hevc.mp4", *ENCODERS["hevc"], "-g", "50", "-c:a", "aac", "-t", "5")
    path = convert(None, tmp_path / "hidden.mp4", "-ss", "2.7", "-i", str(whole), "-c", "copy")
    assert Source.open(path).hides_pictures
    result, told = patched(path, tmp_path, Run(1.0, 2.0, Square()))
    before, after = shown(path), shown(result)
    assert [one.time for one in after] == [one.time for one in before]
    assert told.frames == len(after)
    assert heard(result) == heard(path)
    if name == "hevc":  # is encoded as a whole
        assert psnr(before[0].planes, after[0].planes) > 38
        return
    first = round(told.placed[0].first * RATE)
    equal = same(before, after)
    assert all(equal[:first])
    assert not any(equal[first : first + 10])
    assert equal[-1]


def test_a_picture_and_a_sound_that_begin_late_stay_late(h264: Path, tmp_path: Path) -> None:
    late = ("-itsoffset", "0.5", "-i", str(h264), "-i", str(h264), "-c", "copy")
    for name, maps in (("picture", ("-map", "0:v", "-map", "1:a")), ("sound", ("-map", "1:v", "-map", "0:a"))):
        path = convert(None, tmp_path / f"{name}.mp4", *late, *maps)
        result, told = patched(path, tmp_path, Run(3.0, 3.5, Square()))
        assert [one.time for one in shown(result)] == [one.time for one in shown(path)]
        assert heard(result) == heard(path)
        assert abs(told.placed[0].first - 3.0) < 0.2


def test_the_painter_sees_a_turned_picture_upright(tmp_path: Path) -> None:
    for rotation in (90, 180):
        path = render_clip(tmp_path / f"{rotation}.mp4", rotation=rotation, seconds=1.0)
        square = Square(x=20, y=60)
        result, told = patched(path, tmp_path, Run(0.5, 0.9, square))
        facts = probe(result)
        assert told.why_encoded is None
        assert facts.rotation == rotation
        assert {image.shape for image in square.images} == {(facts.height, facts.width, 3)}
        first = round(told.placed[0].first * 30)
        turned = np.rot90(shown(result)[first].bgr, -rotation // 90)
        assert is_green(turned, x=20, y=60)
        assert not is_green(turned, x=60, y=20)


def test_pixels_that_are_not_square_are_shown_square(raw: Path, tmp_path: Path) -> None:
    path = convert(raw, tmp_path / "wide.mp4", *H264, "-vf", "setsar=4/3", "-an", "-t", "2")
    square = Square(x=160, side=40)
    result, told = patched(path, tmp_path, Run(1.0, 1.5, square))
    assert told.why_encoded is None
    assert probe(result).sample_aspect_ratio == Fraction(4, 3)
    assert square.images[0].shape == (128, 299, 3)
    stored = shown(result)[round(told.placed[0].first * RATE)].bgr
    assert is_green(stored, x=120, side=30)


def test_several_sounds_and_none(h264: Path, tmp_path: Path) -> None:
    two = convert(h264, tmp_path / "two.mp4", "-map", "0:v", "-map", "0:a", "-map", "0:a", "-c", "copy")
    result, _ = patched(two, tmp_path, Run(1.0, 1.5, Square()))
    assert [heard(result, track) for track in (0, 1)] == [heard(two, track) for track in (0, 1)]
    none = convert(h264, tmp_path / "none.mp4", "-an", "-c", "copy")
    result, told = patched(none, tmp_path, Run(1.0, 1.5, Square()))
    assert probe(result).audio_tracks == ()
    assert told.frames == 200


def test_a_run_to_the_end_and_beyond(h264: Path, tmp_path: Path) -> None:
    result, told = patched(h264, tmp_path, Run(7.5, 99.0, Square()))
    assert told.placed[0].last == pytest.approx(7.96)
    assert told.placed[0].encoded_end == pytest.approx(8.0)
    assert len(shown(result)) == 200
    with pytest.raises(ConversionFailed, match="None of the selected parts"):
        patched(h264, tmp_path, Run(8.0, 99.0, Square()))
    assert not list(tmp_path.iterdir())


def test_a_file_that_breaks_off_gives_what_is_there(h264: Path, tmp_path: Path) -> None:
    broken = cut_short(convert(h264, tmp_path / "broken.mkv", "-c", "copy"))
    result, told = patched(broken, tmp_path, Run(1.0, 1.5, Square()), Run(4.0, 8.0, Square()))
    assert len(shown(result)) == len(shown(broken)) == told.frames
    assert told.placed[1].last > 4.5


def test_damage_within_a_run_costs_no_other_frame_its_time(h264: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    content = bytearray(h264.read_bytes())
    with av.open(str(h264)) as container:
        at = [packet.pos for packet in container.demux(video=0) if packet.size][70]
    content[at + 4 : at + 60] = b"\xff" * 56
    broken.write_bytes(content)
    result, told = patched(broken, tmp_path, Run(2.6, 3.5, Square()))
    assert {one.time for one in shown(result)} <= {one.time for one in shown(h264)}
    assert len(shown(result)) == told.frames >= 195


def test_what_fails_is_said_and_leaves_nothing_behind(h264: Path, tmp_path: Path) -> None:
    class Broken:
        def paint(self, image: Image, seconds: float) -> Sequence[Patch]:
            raise RuntimeError("no model")

    with pytest.raises(RuntimeError, match="no model"):
        patched(h264, tmp_path, Run(1.0, 2.0, Broken()))
    runs = [Run(1, 2, Square())]
    with pytest.raises(OSError):
        patch(Source.open(h264), tmp_path / "nowhere" / "a.mp4", runs, program=PROGRAM, folder=tmp_path)
    source = Source.open(convert(h264, tmp_path / "gone.mp4", "-c", "copy"))
    source.path.unlink()
    with pytest.raises(MediaError):
        patch(source, tmp_path / "a.mp4", runs, program=PROGRAM, folder=tmp_path)
    assert not list(tmp_path.iterdir())
