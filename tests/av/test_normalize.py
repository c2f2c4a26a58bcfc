"""Files that programs read differently, as recorders and crashes write them, become ones that all read alike."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from media_app.av.copy_reasons import _vp9_size
from media_app.av.ffmpeg import Ffmpeg
from media_app.av.normalize import normalize
from media_app.av.probe import probe
from media_app.av.source import Source
from sessions_app.comparison.export.child.graph import _uncertainty
from tests.av.statements import Statement, heard, lag, noise, played, shown, statement
from tests.support.footage import FFMPEG, convert, cut_short

pytestmark = [pytest.mark.full, pytest.mark.pure]
FRAME = 1 / 25
B_FRAMES = {"bf": "2", "g": "12"}
FRAGMENTED = ("-c", "copy", "-movflags", "frag_keyframe+empty_moov+default_base_moof")
VP8 = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "2M", "-c:a", "libopus")


@dataclass(frozen=True)
class Odd:
    """A file, and the statements in it. why: what the probe says. jump: of its one break; 0 where there is none."""

    path: Path
    holds: list[Statement]
    why: set[str]
    jump: float | None = 0.0
    promised: float | None = None
    begin: float = 0.0
    size: tuple[int, int] = (224, 126)
    container: str = "mp4"


def two(folder: Path, **second: object) -> list[Statement]:
    return [
        statement(folder, 1, seconds=4.0, video=B_FRAMES),
        statement(folder, 2, **({"seconds": 3.0, "video": B_FRAMES} | second)),  # type: ignore[arg-type]
    ]


def joined(folder: Path, clips: list[Statement], *second: str, suffix: str = "ts") -> Path:
    """Their transport streams, one behind the other byte for byte. second: ffmpeg's options for the last."""
    parts = [
        convert(clip.path, folder / f"part-{clip.number}.ts", "-c", "copy", *(second if clip is clips[-1] else ()))
        for clip in clips
    ]
    whole = folder / "whole.ts"
    whole.write_bytes(b"".join(part.read_bytes() for part in parts))
    return whole if suffix == "ts" else convert(whole, folder / f"whole.{suffix}", "-c", "copy")


def broken_at_once(folder: Path, *second: str, jump: float | None = None) -> Odd:
    clips = two(folder)
    return Odd(joined(folder, clips, *second), clips, {"container", "breaks"}, jump)


def an_hour_on(folder: Path, suffix: str) -> Odd:
    clips = two(folder)
    whole = joined(folder, clips, "-output_ts_offset", "3604")
    kept = convert(whole, folder / f"jump.{suffix}", "-copyts", "-dts_delta_threshold", "100000", "-c", "copy")
    return Odd(kept, clips, {"breaks"}, 3600.0)


def single(folder: Path, suffix: str, *options: str, why: set[str], **more: object) -> Odd:
    clip = statement(folder, 1, seconds=4.0, video=B_FRAMES)
    return Odd(convert(clip.path, folder / f"odd.{suffix}", *options), [clip], why, **more)  # type: ignore[arg-type]


def two_programs(folder: Path) -> Odd:
    clips = two(folder, seconds=4.0)
    inputs = [part for clip in clips for part in ("-i", str(clip.path))]
    maps = [part for track in ("0:v", "1:v", "1:a", "0:a") for part in ("-map", track)]
    programs = ("-program", "st=0:st=3", "-program", "st=1:st=2")
    whole = convert(None, folder / "odd.ts", *inputs, *maps, *programs, "-c", "copy")
    return Odd(whole, clips[:1], {"container"})


def without_idr(folder: Path, suffix: str, parameters: str, *, why: set[str]) -> Odd:
    encoder = ("-c:v", "libx264", "-x264-params", f"{parameters}:scenecut=0", "-c:a", "copy")
    return single(folder, suffix, *encoder, why=why)


def cut_off(folder: Path, suffix: str, *options: str) -> Odd:
    odd = single(folder, suffix, *options, why={"cut"})
    return replace(odd, path=cut_short(odd.path, 0.77))


def sized(folder: Path, suffix: str = "mp4") -> Odd:
    clips = two(folder, size=(320, 180))
    return Odd(joined(folder, clips, suffix=suffix), clips, {"sizes"}, size=(320, 180))


def one_behind_another(folder: Path) -> Odd:
    clips = two(folder)
    parts = [convert(clip.path, folder / f"part-{clip.number}.mkv", "-c", "copy").read_bytes() for clip in clips]
    (folder / "whole.mkv").write_bytes(b"".join(parts))
    return Odd(folder / "whole.mkv", clips, {"breaks"}, None)


def between_keyframes(folder: Path) -> Odd:
    clip = statement(folder, 1, seconds=4.0, video=B_FRAMES)
    stream = convert(clip.path, folder / "whole.ts", "-c", "copy").read_bytes()
    (folder / "odd.ts").write_bytes(stream[len(stream) // 5 + 77 :])
    return Odd(folder / "odd.ts", [clip], {"container"})


MAKERS: dict[str, Callable[[Path], Odd]] = {
    "begins again": broken_at_once,
    "begins again at zero": lambda f: broken_at_once(f, "-muxdelay", "0", "-muxpreload", "0"),
    "an hour on": lambda f: broken_at_once(f, "-output_ts_offset", "3604", jump=3600.0),
    "a frame back": lambda f: broken_at_once(f, "-output_ts_offset", "3.92"),
    "an hour on in Matroska": lambda f: an_hour_on(f, "mkv"),
    "an hour on in MP4": lambda f: an_hour_on(f, "mp4"),
    "hours late": lambda f: single(f, "mkv", "-c", "copy", "-output_ts_offset", "7200", why={"late"}, begin=7200.0),
    "no index": lambda f: single(f, "mkv", "-c", "copy", "-f", "matroska", "-live", "1", why={"index"}),
    "a browser's recording": lambda f: single(
        f, "webm", *VP8, "-f", "webm", "-live", "1", why={"index"}, container="webm"
    ),
    "a transport stream": lambda f: single(f, "ts", "-c", "copy", why={"container"}),
    "two programs": two_programs,
    "AC-3 sound": lambda f: single(f, "ts", "-c:v", "copy", "-c:a", "ac3", why={"container"}),
    "AVI": lambda f: single(f, "avi", "-c:v", "libx264", "-bf", "0", "-c:a", "mp3", why={"container"}),
    "AVI with B-frames": lambda f: single(f, "avi", "-c", "copy", why={"container", "times"}),
    "open groups": lambda f: without_idr(f, "mp4", "open-gop=1:keyint=12:bframes=2", why={"entries"}),
    "open groups in a stream": lambda f: without_idr(f, "ts", "open-gop=1:keyint=12", why={"container", "entries"}),
    "intra refresh": lambda f: without_idr(f, "mkv", "intra-refresh=1:keyint=12:bframes=0", why={"entries"}),
    "amid a fragment": lambda f: cut_off(f, "mp4", *FRAGMENTED),
    "H.264 of two sizes": sized,
    "H.264 of two sizes in Matroska": lambda f: sized(f, "mkv"),
    "two files in one": one_behind_another,
    "without its end": lambda f: cut_off(f, "mkv", "-c", "copy"),
    "between keyframes": between_keyframes,
}  # fmt: skip


@pytest.mark.parametrize("name", MAKERS)
def test_all_that_it_holds_is_shown_and_heard_at_its_time(name: str, tmp_path: Path) -> None:
    odd = MAKERS[name](tmp_path)
    facts = probe(odd.path)
    recording = facts.recording
    assert set(recording.reasons) == odd.why
    (tmp_path / "made").mkdir()
    claimed = recording.claimed_duration or facts.duration
    known = [reason for reason in recording.reasons if reason not in ("breaks", "sizes", "cut")]
    made, whole = normalize(odd.path, tmp_path / "made", known, duration=claimed, program=lambda: Ffmpeg(FFMPEG, 1))
    assert set(whole.reasons) == odd.why
    assert replace(whole, reasons=(), claimed_duration=None) == replace(recording, reasons=(), claimed_duration=None)
    assert [path.name for path in (tmp_path / "made").iterdir()] == [made.name]
    pictures, sound = shown(made), heard(made)
    numbers = [number for clip in odd.holds for number in clip.numbers]
    if name == "between keyframes":
        numbers = numbers[-len(pictures) :]
        assert 60 < len(pictures) < 100
    if "cut" in odd.why:
        assert 60 < len(pictures) < 100
        assert recording.claimed_duration is None or recording.claimed_duration > recording.duration + 0.5
        pictures.pop()  # B-frames before the last picture may be missing
        numbers = numbers[: len(pictures)]
    assert [number for _, number in pictures] == numbers
    steps = np.diff([time for time, _ in pictures])
    assert steps.min() > FRAME / 2
    joints = [at for at, step in enumerate(steps, 1) if step > 1.1 * FRAME]
    assert set(joints) <= {odd.holds[0].count}
    assert max(steps) < 0.15
    for clip in odd.holds:
        first, number = next(one for one in pictures if one[1] >= clip.numbers[0])
        begin = first if "times" not in odd.why else 0.0
        wanted = noise(clip.number, 4 * 48_000)[0][round((number - clip.numbers[0]) * FRAME * 48_000) :][:96_000]
        assert lag(sound, begin, wanted) == pytest.approx(0, abs=0.025)
    again = probe(made)
    assert not again.recording.reasons
    assert again.container.startswith("mov" if odd.container == "mp4" else "matroska")
    assert (again.start, len(again.audio_tracks)) == (0.0, 1)
    assert (again.width, again.height) == odd.size
    assert again.duration == pytest.approx(facts.duration, abs=0.05)
    assert again.duration == pytest.approx(pictures[-1][0] + FRAME, abs=0.2)
    assert recording.clock_start == pytest.approx(odd.begin, abs=0.1)
    breaks = [found.jump for found in recording.breaks]
    assert breaks == ([] if odd.jump == 0.0 else [None if odd.jump is None else pytest.approx(odd.jump, abs=1.5)])
    assert all(found.at == pytest.approx(4.0, abs=0.1) for found in recording.breaks)


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("mp4", ("-c", "copy")), ("mkv", ("-c", "copy")), ("webm", VP8), ("mov", ("-c", "copy")),
        ("mp4", FRAGMENTED),
        ("mp4", ("-c:v", "libx264", "-g", "10000", "-c:a", "copy")), ("mp4", ("-c:v", "copy", "-an")),
        ("mkv", ("-c", "copy", "-output_ts_offset", "2")),
    ],
)  # fmt: skip
def test_what_all_read_alike_needs_no_copy(suffix: str, options: tuple[str, ...], tmp_path: Path) -> None:
    clip = statement(tmp_path, 1, seconds=2.0, video=B_FRAMES)
    facts = probe(convert(clip.path, tmp_path / f"plain.{suffix}", *options))
    assert facts.recording.reasons == ()
    assert facts.duration == pytest.approx(4.0 if "-output_ts_offset" in options else 2.0, abs=0.1)


def test_a_still_screen_is_no_break(tmp_path: Path) -> None:
    clip = statement(tmp_path, 1, seconds=20.0, fps=5, steps=(1, 1, 1, 1, 60), sound="aac")
    assert probe(clip.path).recording.reasons == ()


def test_a_file_whose_index_promises_more_says_so(tmp_path: Path) -> None:
    clip = statement(tmp_path, 1, seconds=8.0)
    odd = convert(clip.path, tmp_path / "odd.mp4", *FRAGMENTED, "-frag_duration", "4000000")
    recording = probe(cut_short(odd, 0.8)).recording
    assert recording.reasons == ("cut",)
    assert recording.duration < 7


@pytest.mark.parametrize("size", [(320, 180), (1920, 1080), (1, 1)])
def test_the_head_of_a_vp9_keyframe_tells_its_size(size: tuple[int, int]) -> None:
    width, height = size
    bits = f"{0x82:08b}{0x498342:024b}{'010'}0{width - 1:016b}{height - 1:016b}{'0' * 28}"
    assert _vp9_size(int(bits, 2).to_bytes(12)) == size
    assert _vp9_size(b"\x86" + bytes(20)) is None


def test_pictures_keep_their_own_ticks(tmp_path: Path) -> None:
    clip = statement(tmp_path, 1, seconds=2.0, fps=Fraction(30_000, 1001), video=B_FRAMES)
    odd = convert(clip.path, tmp_path / "odd.ts", "-c", "copy")
    made, _ = normalize(odd, tmp_path, [], duration=2.0)
    times = [time for time, _ in shown(made)]
    assert np.diff(times) == pytest.approx(1001 / 30_000, abs=2e-5)
    with av.open(str(made)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    decoded = [packet.dts for packet in packets if packet.dts is not None]
    assert decoded == sorted(set(decoded))
    assert all(packet.pts >= packet.dts for packet in packets if packet.pts is not None and packet.dts is not None)


def test_over_many_breaks_the_sound_stays_beside_its_picture(tmp_path: Path) -> None:
    clips = [statement(tmp_path, number, seconds=1.0) for number in range(1, 9)]
    odd = joined(tmp_path, clips)
    made, recording = normalize(odd, tmp_path, ["container"], duration=8.0)
    assert len(recording.breaks) == 7
    pictures, sound = shown(made), played(made)
    for clip in clips:
        first = next(time for time, number in pictures if number == clip.numbers[0])
        assert lag(sound, first, noise(clip.number, 40_000)[0]) == pytest.approx(0, abs=0.035)


def test_a_codec_that_no_container_of_ours_carries_is_encoded(tmp_path: Path) -> None:
    clip = statement(tmp_path, 1, seconds=2.0)
    odd = convert(clip.path, tmp_path / "odd.wmv", "-c:v", "msmpeg4v2", "-c:a", "wmav2")
    made, recording = normalize(odd, tmp_path, probe(odd).recording.reasons, duration=2.0)
    facts = probe(made)
    assert (recording.reasons, facts.codec, facts.audio_tracks[0].codec) == (("container",), "h264", "aac")
    assert facts.duration == pytest.approx(2.0, abs=0.15)


def test_what_follows_a_damaged_fragment_is_said_to_be_missing(tmp_path: Path) -> None:
    clip = statement(tmp_path, 1, seconds=8.0, video={"g": "25"})
    odd = convert(clip.path, tmp_path / "odd.mp4", *FRAGMENTED)
    content = bytearray(odd.read_bytes())
    place = content.index(b"moof", len(content) // 2)
    content[place - 4 : place] = (2**31).to_bytes(4)
    odd.write_bytes(content)
    recording = probe(odd).recording
    assert "cut" in recording.reasons
    assert 3 < recording.duration < 6


def test_the_default_picture_is_the_one_that_is_read(tmp_path: Path) -> None:
    clip = statement(tmp_path, 1, seconds=1.0)
    small = convert(clip.path, tmp_path / "small.mp4", "-vf", "scale=64:48", "-an")
    tracks = ("-i", str(clip.path), "-map", "0:v", "-map", "1:v", "-map", "1:a", "-c", "copy")
    which = ("-disposition:v:0", "0", "-disposition:v:1", "default")
    assert probe(convert(small, tmp_path / "both.mp4", *tracks, *which)).width == 224


def test_an_export_allows_for_times_that_were_rounded(tmp_path: Path) -> None:
    clip = statement(tmp_path, 1, seconds=2.0, fps=30)
    rounded = convert(convert(clip.path, tmp_path / "a.mkv", "-c", "copy"), tmp_path / "a.mp4", "-c", "copy")
    assert _uncertainty(Source.open(clip.path)) == 0.0
    assert _uncertainty(Source.open(rounded)) == pytest.approx(1e-3)


def test_rounded_times_do_not_move_the_sound(tmp_path: Path) -> None:
    odd = single(tmp_path, "mkv", "-c", "copy", "-output_ts_offset", "7200", why={"late"})
    made, _ = normalize(odd.path, tmp_path, ["late"], duration=7204.0)
    for start in (1.0, 2.0, 2.7):
        wanted = noise(1, 4 * 48_000)[0][round(start * 48_000) :][:24_000]
        assert lag(heard(made), start, wanted) == pytest.approx(0, abs=0.002)
