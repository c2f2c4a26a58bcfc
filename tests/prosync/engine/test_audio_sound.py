"""Other sound in segments: it stands where it should to the sample, and all else stays what it was, bit for bit."""

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from media_app.av.audio_splice import read_samples
from media_app.av.source import Source
from sessions_app.prosync.engine.audio.aac import Unusual, sound_parameters, windows_of, with_shape
from sessions_app.prosync.engine.audio.fitting import Line
from sessions_app.prosync.engine.audio.outcome import Dubbed, SoundFailed
from sessions_app.prosync.engine.audio.replacing import replace_sound
from tests.av import statements
from tests.av.encoded import write_sound
from tests.support.footage import convert, write_pictures

pytestmark = [pytest.mark.full, pytest.mark.pure]
RATE, BLOCK = 48_000, 1024
SECONDS = 6.0
SIZE = (64, 48)
NEAR = 2 * BLOCK / 44_100 + 1e-6  # seconds beside a segment in which the sound may be encoded again
SEGMENTS = ((1.0, 2.2), (3.5, 4.0123))


def voice(seed: int, seconds: float, rate: int = RATE, channels: int = 1) -> np.ndarray:
    """Something like speech: harmonics of a wandering pitch in syllables, shape (channels, n)."""
    random = np.random.default_rng(seed)
    times = np.arange(round(seconds * rate)) / rate
    pitch = 120 + 15 * seed % 60 + 20 * np.sin(2 * np.pi * (0.7 + 0.1 * seed) * times)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    sound = sum(np.sin(n * phase + random.uniform(0, 6)) / n for n in range(1, 24))
    syllables = np.repeat(random.uniform(0.3, 1.0, round(seconds * 5) + 2), rate // 5)[: len(times)]
    kernel = np.hanning(rate // 50)
    syllables = np.convolve(syllables, kernel / kernel.sum(), "same")
    return np.stack([0.12 * sound * syllables] * channels).astype(np.float32)


def clip(path: Path, sound: np.ndarray | None, rate: int = RATE, *, seconds: float = SECONDS) -> Path:
    """Pictures of 25 a second, and ``sound`` without the substituted noise that no decoder makes the same way twice."""
    ground = np.random.default_rng(3).integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
    pictures = (np.roll(ground, number, 1) for number in range(round(25 * seconds)))
    silent = path if sound is None else path.with_suffix(".silent.mp4")
    write_pictures(silent, pictures, fps=Fraction(25), gop=30, preset="veryfast", bf="2")
    if sound is None:
        return path
    wav = write_sound(path.with_suffix(".wav"), sound.T, rate)
    return convert(silent, path, "-i", str(wav), "-c:v", "copy", "-c:a", "aac", "-aac_pns", "0")


def given(folder: Path, seed: int, seconds: float) -> Path:
    return write_sound(folder / f"given-{seed}.wav", voice(seed, seconds)[0])


def linked(path: Path, folder: Path) -> Path:
    """Link a file into a folder, where what is made of it goes too."""
    source = folder / path.name
    source.symlink_to(path)
    return source


@pytest.fixture
def source(originals: Path, tmp_path: Path) -> Path:
    return linked(originals / "plain.mp4", tmp_path)


def dub(source: Path, lines: Sequence[Line], **more: object) -> tuple[Path, Dubbed]:
    target = source.parent / "dubbed.mp4"
    return target, replace_sound(Source.open(source), target, lines, source.parent, **more)  # type: ignore[arg-type]


def sound_of(path: Path) -> tuple[np.ndarray, int, int]:
    """The decoded samples, the sample behind ``currentTime`` 0 at which they begin, and how many there are a second."""
    origin = Source.open(path).origin
    runs, first = [], None
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            if first is None:
                first = round((frame.pts * frame.time_base - origin) * frame.sample_rate)
            runs.append(frame.to_ndarray())
    assert first is not None
    return np.concatenate(runs, axis=1), first, frame.sample_rate


def side_by_side(one: Path, other: Path) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Both sounds where both are, the place of the first sample, and the rate."""
    x, at_x, rate = sound_of(one)
    y, at_y, same = sound_of(other)
    assert rate == same
    first = max(at_x, at_y)
    x, y = x[:, first - at_x :], y[:, first - at_y :]
    count = min(x.shape[1], y.shape[1])
    return x[:, :count], y[:, :count], first, rate


def pictures(path: Path) -> list[tuple[float, bytes]]:
    origin = Source.open(path).origin
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        return [(float(p.pts * video.time_base - origin), bytes(p)) for p in container.demux(video) if p.size]


def outside(count: int, first: int, rate: int, spans: Sequence[tuple[float, float]], near: float) -> np.ndarray:
    times = (np.arange(count) + first) / rate
    return ~np.any([(times > start - near) & (times < end + near) for start, end in spans], axis=0)


def part_of(path: Path, start: float, seconds: float) -> np.ndarray:
    """The sound of a part as one channel, shape (1, n)."""
    return np.concatenate(list(read_samples(Source.open(path), start, round(seconds * RATE), 1)), axis=1)


def level(samples: np.ndarray) -> float:
    return 10 * np.log10(np.square(samples, dtype=np.float64).mean() + 1e-20)


def assert_sound_is_untouched(source: Path, made: Path, spans: Sequence[tuple[float, float]]) -> None:
    was, now, first, rate = side_by_side(source, made)
    away = outside(was.shape[1], first, rate, spans, NEAR)
    assert away.sum() > rate
    assert np.array_equal(was[:, away], now[:, away])
    beside = outside(was.shape[1], first, rate, spans, 1 / rate) & ~away
    assert not beside.any() or level((was - now)[:, beside]) < -50


def assert_all_else_is_untouched(source: Path, made: Path, spans: Sequence[tuple[float, float]]) -> None:
    assert_sound_is_untouched(source, made, spans)
    assert [time for time, _ in pictures(made)] == pytest.approx([time for time, _ in pictures(source)], abs=1e-6)


def lag(made: Path, start: float, end: float, wanted: np.ndarray) -> tuple[float, float]:
    """Samples at 48 kHz by which a sound comes later than it should, to fractions, and how alike both are."""
    heard_there = part_of(made, start, end - start)[0]
    reference = wanted[: len(heard_there)]
    size = 1 << (len(heard_there) + len(reference)).bit_length()
    spectrum = np.fft.rfft(heard_there, size) * np.conj(np.fft.rfft(reference, size))
    found = np.fft.irfft(spectrum, size)
    norm = np.linalg.norm(heard_there) * np.linalg.norm(reference)
    places = np.concatenate([np.arange(size // 2), np.arange(-(size // 2), 0)])
    best = int(np.argmax(found))
    before, peak, behind = found[best - 1], found[best], found[(best + 1) % size]
    return float(places[best] + 0.5 * (before - behind) / (before - 2 * peak + behind)), float(peak / norm)


def expect_heard(made: Path, spans: Sequence[tuple[float, float]], give: float = 0.1) -> None:
    """Expect the sounds given(5), given(6), … in the spans; give: samples by which each may be late."""
    for seed, span in enumerate(spans, 5):
        late, alike = lag(made, *span, voice(seed, 2.0)[0])
        assert abs(late) <= give
        assert alike > 0.97


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same video in every way in which its sound may be placed."""
    folder = tmp_path_factory.mktemp("originals")
    plain = clip(folder / "plain.mp4", voice(1, SECONDS, channels=2))
    clip(folder / "mono.mp4", voice(1, SECONDS, 44_100), 44_100)
    for name in ("b.mkv", "b.ts", "b.mov"):
        convert(plain, folder / name, "-c", "copy")
    # Beside pictures and sound of the same file: sound half a second late, pictures, and sound that begins at 0.
    for name, late, tracks in (
        ("late.mp4", "0.5", ("0:v", "1:a")), ("early.mp4", "0.5", ("1:v", "0:a")),
        ("unedited.mp4", f"{BLOCK / RATE:.9f}", ("0:v", "1:a")),
    ):  # fmt: skip
        maps = ("-map", tracks[0], "-map", tracks[1])
        convert(plain, folder / name, "-itsoffset", late, "-i", str(plain), *maps, "-c", "copy")
    convert(None, folder / "hidden.mp4", "-ss", "0.5", "-i", str(plain), "-c", "copy")
    return folder


@pytest.mark.parametrize(
    "name", ["plain.mp4", "mono.mp4", "b.mkv", "b.ts", "unedited.mp4", "late.mp4", "early.mp4", "hidden.mp4"]
)
def test_the_new_sound_is_in_its_place_and_all_else_is_untouched(originals: Path, tmp_path: Path, name: str) -> None:
    source = linked(originals / name, tmp_path)
    lines = [Line(*span, given(tmp_path, seed, 2.0)) for seed, span in enumerate(SEGMENTS, 5)]
    made, dubbed = dub(source, lines)
    assert (dubbed.sound, dubbed.picture) == ("spliced", "copied")
    assert_all_else_is_untouched(source, made, SEGMENTS)
    expect_heard(made, SEGMENTS, 0.6 if name == "mono.mp4" else 0.1)
    was, now = packets_of(source), packets_of(made)
    kept = sum(packet in set(was) for packet in now)
    assert kept >= len(was) - (1.7123 * RATE / BLOCK) - 12
    if not name.endswith((".ts", ".mkv")):
        assert [content for _, content in pictures(made)] == [content for _, content in pictures(source)]
    content = made.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def packets_of(path: Path) -> list[bytes]:
    """The packets of the sound, without the headers that they have in a stream."""
    return [packet[7:] if packet[:2] == b"\xff\xf1" else packet for packet in statements.packets_of(path, "audio")]


def sine_windows(source: Path, target: Path) -> Path:
    """The same packets, said to have been made with the other shape of window, as those of many other encoders are."""
    with av.open(str(source)) as container, av.open(str(target), "w") as out:
        tracks = {stream.index: out.add_stream_from_template(stream) for stream in container.streams}
        for packet in container.demux():
            if not packet.size:
                continue
            written, index = packet, packet.stream_index
            if container.streams[index].type == "audio":
                content = bytes(packet)
                windows = windows_of(content)
                written = av.Packet(with_shape(content, 0) if windows and windows.sequence in (0, 3) else content)
                written.pts, written.dts, written.duration = packet.pts, packet.dts, packet.duration
                written.time_base = packet.time_base
            written.stream = tracks[index]
            out.mux(written)
    return target


def test_a_track_of_another_encoders_windows_is_joined_as_quietly(originals: Path, tmp_path: Path) -> None:
    source = sine_windows(originals / "plain.mp4", tmp_path / "sine.mp4")
    found = [windows_of(packet) for packet in packets_of(source)]
    shapes = [windows.shape for windows in found if windows and not windows.sequence]
    assert len(shapes) > 200
    assert not any(shapes)
    lines = [Line(*span, given(tmp_path, seed, 2.0)) for seed, span in enumerate(SEGMENTS, 5)]
    made, dubbed = dub(source, lines)
    assert_all_else_is_untouched(source, made, SEGMENTS)
    assert all(joint is not None and joint < -60 for segment in dubbed.segments for joint in segment.joints)


def test_segments_may_reach_from_the_beginning_to_the_end(source: Path, tmp_path: Path) -> None:
    spans = ((0.0, 1.0), (5.2, SECONDS))
    made, dubbed = dub(source, [Line(*span, given(tmp_path, seed, 2.0)) for seed, span in enumerate(spans, 5)])
    assert_all_else_is_untouched(source, made, spans)
    expect_heard(made, spans)
    assert dubbed.segments[0].joints[0] is None
    made, _ = dub(source, [Line(0.0, SECONDS, given(tmp_path, 9, 7.0))])
    assert lag(made, 0.0, SECONDS, voice(9, 7.0)[0])[1] > 0.98


def test_a_segment_before_the_sound_begins_or_behind_its_end_is_heard(tmp_path: Path) -> None:
    short = clip(tmp_path / "short.mp4", voice(1, 2.5))
    late = ("-itsoffset", "2", "-i", str(short), "-map", "0:v", "-map", "1:a", "-c", "copy")
    source = convert(short, tmp_path / "late.mp4", *late)
    spans = ((0.5, 1.0), (5.0, 5.5))
    made, dubbed = dub(source, [Line(*span, given(tmp_path, seed, 2.0)) for seed, span in enumerate(spans, 5)])
    assert dubbed.sound == "spliced"
    assert_all_else_is_untouched(source, made, spans)
    expect_heard(made, spans)
    assert level(part_of(made, 1.1, 0.8)) < -80


def test_touching_segments_fade_into_each_other_without_a_hole(source: Path, tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 300 * np.arange(3 * RATE) / RATE) * 0.3
    other = np.sin(2 * np.pi * 470 * np.arange(3 * RATE) / RATE) * 0.3
    lines = [
        Line(1.0, 2.0, write_sound(tmp_path / "a.wav", tone)), Line(2.0, 3.0, write_sound(tmp_path / "b.wav", other)),
    ]  # fmt: skip
    made, dubbed = dub(source, lines)
    samples = part_of(made, 1.5, 1.0)[0]
    levels = [level(samples[at : at + 480]) for at in range(0, RATE, 480)]
    assert max(levels) - min(levels) < 3.0
    assert dubbed.segments[0].joints[1] is None
    assert_all_else_is_untouched(source, made, [(1.0, 3.0)])


def test_lines_in_any_order_and_very_near_each_other_are_answered_in_theirs(source: Path, tmp_path: Path) -> None:
    spans = [(3.0, 3.4), (1.0, 1.5), (1.52, 1.9), (2.05, 2.5)]
    modes = ["loop", "cut_off", "bounce", "silence"]
    sound = given(tmp_path, 5, 0.2)
    made, dubbed = dub(source, [Line(*span, sound, mode) for span, mode in zip(spans, modes, strict=True)])  # type: ignore[arg-type]
    assert [segment.mode for segment in dubbed.segments] == modes
    assert_all_else_is_untouched(source, made, [(1.0, 1.9), *spans])
    # Between those that are 0.15 s apart packets of the original stay.
    between = [packet for at, packet in enumerate(packets_of(made)) if 1.9 < at * BLOCK / RATE < 2.05]
    assert len(set(between) & set(packets_of(source))) >= 2


def test_the_new_sound_is_as_loud_as_what_it_replaces_and_never_clips(source: Path, tmp_path: Path) -> None:
    quiet = write_sound(tmp_path / "quiet.wav", 0.4 * voice(5, 3.0)[0])
    faint = write_sound(tmp_path / "faint.wav", 0.01 * voice(6, 3.0)[0])
    clicks = voice(7, 3.0)[0] * 0.3
    clicks[:: RATE // 4] = 0.99
    sharp = write_sound(tmp_path / "sharp.wav", clicks)
    made, dubbed = dub(source, [Line(0.5, 1.5, quiet), Line(2.0, 3.0, faint), Line(3.5, 5.0, sharp)])
    first, second, third = dubbed.segments
    assert first.original is not None
    assert first.given is not None
    assert first.gain == pytest.approx(first.original - first.given, abs=0.03)
    assert 5 < first.gain < 11
    assert abs(level(part_of(source, 0.6, 0.8)) - level(part_of(made, 0.6, 0.8))) < 1.5
    assert second.gain == 12.0
    assert third.gain == pytest.approx(-1.0 - 20 * np.log10(0.99 * 32_000 / 32_768), abs=0.05)


def test_where_the_original_is_silent_the_sound_is_left_as_it_is(tmp_path: Path) -> None:
    source = clip(tmp_path / "silent.mp4", np.zeros((1, round(SECONDS * RATE)), np.float32))
    _, dubbed = dub(source, [Line(1.0, 3.0, write_sound(tmp_path / "soft.wav", 0.2 * voice(5, 3.0)[0]))])
    [segment] = dubbed.segments
    assert (segment.gain, segment.original) == (0.0, None)


@pytest.mark.parametrize(("recipe", "why"), [
    (("-c:v", "copy", "-c:a", "libopus", "-f", "matroska"), "The sound is opus, not AAC-LC."),
    (("-c:v", "copy", "-c:a", "pcm_s16le", "-f", "mov"), "The sound is pcm_s16le, not AAC-LC."),
    (("-c:v", "copy", "-c:a", "aac", "-ac", "6"), "The sound has more than two channels."),
    (("-c:v", "copy", "-c:a", "aac", "-ar", "22050"), "The sound is not standard AAC-LC."),
    (("-c:v", "copy", "-af", "aselect='not(between(t,2,2.5))'", "-c:a", "aac"), "The sound has gaps."),
])  # fmt: skip
def test_sound_of_another_kind_is_encoded(originals: Path, tmp_path: Path, recipe: tuple[str, ...], why: str) -> None:
    source = convert(originals / "plain.mp4", tmp_path / "source.mp4", *recipe)
    made, dubbed = dub(source, [Line(*span, given(tmp_path, seed, 2.0)) for seed, span in enumerate(SEGMENTS, 5)])
    assert (dubbed.sound, dubbed.why_sound) == ("encoded", why)
    expect_heard(made, SEGMENTS)
    # Read from the beginning, as a player does: in Matroska each packet says on its own when it is heard, in whole ms.
    was = part_of(source, 0.0, 5.7)[0]
    late, alike = lag(made, 4.2, 5.7, was[round(4.2 * RATE) :])
    assert abs(late) < 0.1
    assert alike > 0.97
    assert [time for time, _ in pictures(made)] == pytest.approx([time for time, _ in pictures(source)], abs=1e-6)


def test_a_video_without_sound_gets_one_that_is_silent_elsewhere(tmp_path: Path) -> None:
    source = clip(tmp_path / "mute.mp4", None)
    made, dubbed = dub(source, [Line(1.0, 2.2, given(tmp_path, 5, 2.0))])
    assert (dubbed.sound, dubbed.why_sound) == ("encoded", "The video has no sound.")
    expect_heard(made, [(1.0, 2.2)])
    assert level(part_of(made, 0.0, 0.95)) < -90
    assert level(part_of(made, 2.25, 3.7)) < -90
    assert pictures(made) == pictures(source)
    assert Source.open(made).facts.duration == pytest.approx(SECONDS, abs=0.03)


def test_pictures_that_no_mp4_holds_are_encoded_and_the_sound_is_still_copied(originals: Path, tmp_path: Path) -> None:
    source = convert(originals / "plain.mp4", tmp_path / "old.mkv", "-c:v", "mpeg4", "-c:a", "copy")
    made, dubbed = dub(source, [Line(1.0, 2.2, given(tmp_path, 5, 2.0))])
    assert (dubbed.picture, dubbed.sound) == ("encoded", "spliced")
    assert dubbed.why_picture == "The video codec is mpeg4, which browsers cannot play in an MP4 file."
    now, was = (sorted(time for time, _ in pictures(path)) for path in (made, source))
    assert now == pytest.approx(was, abs=2e-3)
    assert_sound_is_untouched(source, made, [(1.0, 2.2)])


@pytest.mark.parametrize("name", ["hevc.mp4", "vp9.webm", "vfr.mp4", "rotated.mp4"])
def test_pictures_of_any_kind_keep_bytes_times_and_rotation(clips: Path, tmp_path: Path, name: str) -> None:
    source = linked(clips / name, tmp_path)
    made, dubbed = dub(source, [Line(0.5, 1.0, given(tmp_path, 5, 1.0))])
    assert dubbed.picture == "copied"
    was, now = pictures(source), pictures(made)
    assert [content for _, content in now] == [content for _, content in was]
    assert [time for time, _ in now] == pytest.approx([time for time, _ in was], abs=1e-6)
    before, after = Source.open(source).facts, Source.open(made).facts
    assert (after.rotation, after.codec, after.is_vfr) == (before.rotation, before.codec, before.is_vfr)


def test_the_pictures_may_come_from_another_file_on_the_same_clock(originals: Path, tmp_path: Path) -> None:
    source = linked(originals / "b.ts", tmp_path)
    painted = clip(tmp_path / "painted.mp4", None)
    made, _ = dub(source, [Line(*SEGMENTS[0], given(tmp_path, 5, 2.0))], pictures=Source.open(painted))
    assert pictures(made) == pictures(painted)
    assert_sound_is_untouched(source, made, SEGMENTS[:1])


def test_a_segment_may_be_shorter_than_its_fades(source: Path, tmp_path: Path) -> None:
    spans = [(1.0, 1.004), (2.0, 2.0 + 1 / RATE), (3.0, 3.02)]
    made, dubbed = dub(source, [Line(*span, given(tmp_path, 5, 2.0)) for span in spans])
    assert len(dubbed.segments) == 3
    # A click has short windows, and where those are nothing can be joined.
    assert_all_else_is_untouched(source, made, [(start - NEAR, end + NEAR) for start, end in spans])


def test_an_outcome_can_be_kept_as_json(source: Path, tmp_path: Path) -> None:
    told: list[float] = []
    sound = given(tmp_path, 5, 0.5)
    _, dubbed = dub(source, [Line(1.0, 2.2, sound), Line(3.0, 5.0, sound, "remap")], on_progress=told.append)
    found = json.loads(json.dumps(dubbed.as_json()))
    first, second = found["segments"]
    assert (first["mode"], first["used"], first["silence"], first["repeats"]) == ("cut_off", 0.5, 0.7, 1.0)
    assert (second["mode"], second["used"], second["stretch"], second["silence"]) == ("remap", 0.5, 4.0, 0.0)
    assert second["note"] == "The sound was stretched to 4 times its length, which is audible."
    assert (found["sound"], found["why_sound"]) == ("spliced", None)
    assert (found["picture"], found["why_picture"]) == ("copied", None)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dubbed.mp4", "given-5.wav", "plain.mp4"]


def test_a_sound_that_cannot_be_decoded_is_named_and_nothing_is_left(source: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.mp3").write_bytes(b"PK\3\4" + bytes(5000))
    lines = [Line(3.0, 3.5, tmp_path / "bad.mp3"), Line(1.0, 1.5, given(tmp_path, 5, 1.0))]
    with pytest.raises(SoundFailed) as failed:
        dub(source, lines)
    assert (failed.value.line, failed.value.type) == (0, "sound_unsupported")
    with pytest.raises(SoundFailed) as failed:
        dub(source, [Line(3.0, 3.5, lines[1].sound), Line(1.0, 1.5, lines[1].sound, crop=(4.0, 5.0))])
    assert (failed.value.line, failed.value.type) == (1, "sound_empty")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.mp3", "given-5.wav", "plain.mp4"]
    with pytest.raises(SoundFailed) as failed:
        dub(clip(tmp_path / "mute.mp4", None, seconds=4.0), lines)
    assert failed.value.line == 0


@pytest.mark.parametrize(
    ("config", "wanted"),
    [("1190", (48_000, 2)), ("118856e500", (48_000, 1)), ("1208", (44_100, 1)), ("2b92", None), ("1310", None),
     ("118856e5a5", None), ("", None), ("11a8", None)],
)  # fmt: skip
def test_the_parameters_of_aac_say_what_sound_it_is(config: str, wanted: tuple[int, int] | None) -> None:
    if wanted is None:
        with pytest.raises(Unusual):
            sound_parameters(bytes.fromhex(config))
    else:
        assert sound_parameters(bytes.fromhex(config)) == wanted
