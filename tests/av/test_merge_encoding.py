"""Clips that do not agree become alike: the first and the last picture of each is the right one, and nothing is cut."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from media_app.av.frames import VideoFile
from media_app.av.merge.plan import common_rate
from media_app.av.probe import probe
from sessions_app.comparison.samples.rendering.barcode import decode_barcode
from tests.av.statements import RATE, SIZE, Statement, complaints, heard, lag, noise, shown, statement
from tests.av.test_merge_copying import converted, merged, of_each
from tests.av.test_normalize import Odd, broken_at_once, sized
from tests.support.footage import write_pictures

pytestmark = [pytest.mark.full, pytest.mark.pure]
NTSC = Fraction(30_000, 1001)
HDR = "log-level=error:pools=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
MAKERS: dict[str, Callable[[Path], list[Statement]]] = {
    "rates": lambda f: [
        statement(f, n, fps=fps, rate=(RATE, 44_100)[n % 2], channels=1 + n % 2, priming=(1024, 2112)[n % 2])
        for n, fps in enumerate((24, NTSC, 30, 60, 15), 1)
    ],
    "variable": lambda f: [statement(f, 1, fps=25, steps=(1, 1, 2, 1, 3)), statement(f, 2, fps=30)],
    "one picture": lambda f: [
        statement(f, 1, seconds=0.04), statement(f, 2, fps=60), statement(f, 3, seconds=0.04, sound=None)
    ],
    "B-frames": lambda f: [statement(f, 1, video={"bf": "0"}), statement(f, 2, video={"bf": "3", "g": "12"})],
    "odd sides": lambda f: [
        converted(statement(f, 1), "mkv", "-vf", "scale=225:127,format=yuv444p", "-c:v", "libx264", "-c:a", "copy"),
        statement(f, 2), statement(f, 3),
    ],
    "HDR": lambda f: [
        converted(statement(f, 1), "mp4", "-c:v", "libx265", "-x265-params", HDR, "-pix_fmt", "yuv420p10le",
                  "-c:a", "copy"),
        statement(f, 2),
    ],
    "interlaced": lambda f: [
        converted(statement(f, 1, size=(224, 128)), "mp4", "-vf", "setfield=tff", "-flags", "+ilme+ildct", "-c:v",
                  "libx264", "-crf", "15", "-c:a", "copy"),
        statement(f, 2, size=(224, 128)),
    ],
    "transport stream": lambda f: [converted(statement(f, n), "ts", "-c", "copy") for n in (1, 2)],
    "a browser's": lambda f: [recorded(f, 1), statement(f, 2)],
    "hidden pictures": lambda f: [hidden(f), statement(f, 2)],
}  # fmt: skip


def recorded(folder: Path, number: int) -> Statement:
    """As MediaRecorder writes it: VP9 and Opus in a WebM that does not say how long it is."""
    options = (
        "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus", "-f", "webm", "-live", "1"
    )  # fmt: skip
    return converted(statement(folder, number), "webm", *options)


def hidden(folder: Path) -> Statement:
    """Copied from the middle: what a player does not show stands before it."""
    whole = statement(folder, 1, seconds=2.0)
    clip = converted(whole, "mp4", "-ss", "0.5", "-i", str(whole.path), "-map", "1", "-c", "copy")
    numbers = [number for _, number in shown(clip.path)]
    assert 1000 < numbers[0] < 1020
    return Statement(clip.path, 1, 1000 + 50 - numbers[0], (1050 - numbers[0]) / 25)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.services] if name in ("B-frames", "HDR", "transport stream") else [])
        for name in MAKERS
    ],
)
def test_each_segment_has_every_picture_of_its_clip_in_order(tmp_path: Path, name: str) -> None:
    clips = MAKERS[name](tmp_path)
    path, made = merged(clips)
    assert made.as_json()["picture"] == made.as_json()["sound"] == "encoded"
    assert made.plan.why
    assert complaints(path) == ""
    numbers = of_each(path, made)
    fps = made.plan.shape.fps
    for clip, own, segment, one in zip(clips, numbers, made.segments, made.clips, strict=True):
        last = 1000 * clip.number + len(clip.numbers) - 1
        if name == "hidden pictures" and clip.number == 1:
            last = 1049
        assert list(dict.fromkeys(own)) == list(range(last + 1 - clip.count, last + 1))
        assert own == sorted(own)
        assert len(own) == pytest.approx((segment.end - segment.start) * fps, abs=1e-3)
        assert segment.end - segment.start == pytest.approx(clip.seconds, abs=1 / float(fps))
        if one.source.sound is not None and clip.seconds > 0.5:
            begin = round((one.survey.start + float(one.source.origin)) * RATE)
            wanted = heard(clip.path)[begin:][: round(0.9 * RATE)]
            assert abs(lag(heard(path), segment.start, wanted)) < 1e-3
    facts = probe(path)
    assert (facts.codec, facts.pixel_format, facts.is_vfr, facts.fps) == ("h264", "yuv420p", False, fps)
    assert facts.duration == pytest.approx(made.segments[-1].end, abs=0.002)


def picture_at(path: Path, time: float) -> np.ndarray:
    with VideoFile(path) as video:
        return next(iter(video.iterate_frames(time))).scaled(probe(path).width)


def test_other_shapes_are_letterboxed_and_never_cropped(tmp_path: Path) -> None:
    clips = [statement(tmp_path, 1, size=(252, 448)), *(statement(tmp_path, n, size=(448, 252)) for n in (2, 3))]
    path, made = merged(clips)
    shape = made.plan.shape
    assert (shape.width, shape.height) == (448, 252)
    picture = picture_at(path, 0.1)
    inner = round(252 * 252 / 448)
    left = (448 - inner) // 2
    assert picture[:, : left - 4].max() < 40
    assert picture[:, left + inner + 4 :].max() < 40
    assert decode_barcode(picture[:, left : left + inner]) in clips[0].numbers
    assert decode_barcode(picture_at(path, 1.5)) in clips[1].numbers


def test_a_turned_picture_is_turned_and_a_stretched_one_stretched(tmp_path: Path) -> None:
    turned = statement(tmp_path, 1, size=(252, 448), rotation=90)
    wide = statement(tmp_path, 2, size=(336, 252), ratio=Fraction(4, 3))
    plain = statement(tmp_path, 3, size=(448, 252))
    path, made = merged([turned, wide, plain])
    assert (made.plan.shape.width, made.plan.shape.height) == (448, 252)
    first = picture_at(path, 0.1)
    assert decode_barcode(np.ascontiguousarray(np.rot90(first))) in turned.numbers
    assert decode_barcode(picture_at(path, 1.5)) in wide.numbers
    facts = probe(path)
    assert (facts.rotation, facts.sample_aspect_ratio) == (0, 1)


def test_the_size_of_most_clips_wins_and_is_at_most_1080_lines(tmp_path: Path) -> None:
    _, made = merged([statement(tmp_path, 1, size=(320, 180)), statement(tmp_path, 2), statement(tmp_path, 3)])
    assert (made.plan.shape.width, made.plan.shape.height) == SIZE
    grey = [np.full((1440, 2560, 3), 90, np.uint8)] * 3
    large = Statement(write_pictures(tmp_path / "large.mp4", grey), 4, 3, 0.3)
    path, made = merged([large, statement(tmp_path, 5, sound=None)])
    assert (probe(path).width, probe(path).height) == (1920, 1080)
    assert made.plan.channels == 0


@pytest.mark.parametrize("options", [
    ("-vf", "scale=out_color_matrix=bt601:out_range=tv", "-colorspace", "smpte170m"),
    ("-vf", "scale=out_color_matrix=bt709:out_range=pc", "-color_range", "pc", "-colorspace", "bt709"),
])  # fmt: skip
def test_colours_stay_what_they_were(tmp_path: Path, options: tuple[str, ...]) -> None:
    red = np.zeros((126, 224, 3), np.uint8)
    red[:] = (30, 40, 200)
    plain = write_pictures(tmp_path / "plain.mkv", [red] * 10, codec="ffv1", pixel_format="bgr0")
    coding = ("-pix_fmt", "yuv420p", "-c:v", "libx264", "-crf", "8")
    clip = converted(Statement(plain, 1, 10, 1.0), "mp4", *options, *coding)
    path, _ = merged([clip, statement(tmp_path, 2, sound=None, fps=10, video={"bf": "0"})])
    seen = picture_at(path, 0.5)[60, 100].astype(int)
    assert np.abs(seen - red[0, 0]).max() < 10
    content = path.read_bytes()
    assert b"colrnclx\x00\x01\x00\x01\x00\x01" in content


def test_rates_of_television_stay_only_among_themselves() -> None:
    film, tv, fast = Fraction(24_000, 1001), NTSC, Fraction(60_000, 1001)
    assert common_rate([film, tv]) == tv
    assert common_rate([film, Fraction(25)]) == 25
    assert common_rate([Fraction(24), tv]) == 30
    assert common_rate([tv, fast]) == fast
    assert common_rate([Fraction(120), tv]) == 60
    assert common_rate([Fraction(15), Fraction(25, 2)]) == 15


def test_loudness_is_levelled_on_request_and_silence_stays_silent(tmp_path: Path) -> None:
    clips = [
        statement(tmp_path, 1, loud=0.2, seconds=2.0), statement(tmp_path, 2, seconds=2.0),
        statement(tmp_path, 3, sound=None), statement(tmp_path, 4, loud=0.0),
    ]  # fmt: skip
    path, made = merged(clips, level=True)
    assert made.plan.copies_picture
    assert made.plan.why == "The clips were made equally loud."
    sound = heard(path)
    quiet, loud, none, silent = (
        float(np.sqrt(np.mean(sound[round(one.start * RATE) : round(one.end * RATE) - 2048] ** 2)))
        for one in made.segments
    )
    assert quiet == pytest.approx(loud, rel=0.12)
    assert none < 1e-3
    assert silent < 1e-3
    assert np.abs(sound).max() < 10 ** (-0.5 / 20)
    untouched, _ = merged(clips)
    sound = heard(untouched)
    assert np.abs(sound[: 2 * RATE]).max() < 0.15


@pytest.mark.parametrize("make", [sized, broken_at_once])
def test_a_clip_whose_clock_or_size_breaks_is_joined_whole(make: Callable[[Path], Odd], tmp_path: Path) -> None:
    odd = make(tmp_path)
    clips = [Statement(odd.path, 1, 175, 7.0), statement(tmp_path, 3)]
    path, made = merged(clips)
    first, second = of_each(path, made)
    wanted = [number for clip in odd.holds for number in clip.numbers]
    assert list(dict.fromkeys(first)) == [number for number in wanted if number in first]
    assert len(set(wanted) - set(first)) <= 1
    assert list(dict.fromkeys(second)) == clips[1].numbers
    assert made.segments[0].end == pytest.approx(7.0, abs=0.1)
    assert abs(lag(heard(path), made.segments[1].start, noise(3, RATE)[0])) < 0.01


@pytest.mark.parametrize("other", [{}, {"size": (320, 180)}], ids=["copied", "encoded"])
def test_a_picture_is_held_while_there_is_only_sound(other: dict[str, Any], tmp_path: Path) -> None:
    short = statement(tmp_path, 1, seconds=1.0, sound_seconds=3.0)
    late = converted(statement(tmp_path, 2, seconds=1.0, sound_seconds=2.5), "mp4", "-itsoffset", "1.5", "-i",
                     str(tmp_path / "clip-2.mp4"), "-map", "1:v", "-map", "0:a", "-c", "copy")  # fmt: skip
    path, made = merged([short, late, statement(tmp_path, 3, **other)])
    assert made.as_json()["picture"] == ("encoded" if other else "copied")
    lengths = [one.end - one.start for one in made.segments]
    assert lengths == [pytest.approx(length, abs=0.05) for length in (3.0, 2.5, 1.0)]
    first, second, third = of_each(path, made)
    assert (first[0], first[-1]) == (1000, 1024)
    assert (second[0], second[-1], third[0]) == (2000, 2024, 3000)
    shown_at = {number: time for time, number in reversed(shown(path))}
    assert shown_at[2001] == pytest.approx(made.segments[1].start + 1.5 + 1 / 25, abs=0.05)
    for number, segment, seconds in zip((1, 2, 3), made.segments, (3.0, 2.5, 1.0), strict=True):
        wanted = noise(number, round(0.9 * seconds * RATE))[0][-RATE:]
        begin = segment.start + 0.9 * seconds - len(wanted) / RATE
        assert abs(lag(heard(path), begin, wanted)) < 0.03
