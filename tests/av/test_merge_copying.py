"""Clips that agree are joined without an encode: each byte of a picture stays, and the sound stays in step for ever."""

import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from media_app.av.container import demux, open_media
from media_app.av.merge.__main__ import merge
from media_app.av.merge.segments import ClipFailed, Merged
from media_app.av.probe import probe
from tests.av.statements import RATE, Statement, complaints, heard, lag, packets_of, shown, statement
from tests.support.footage import FFMPEG, convert

pytestmark = [pytest.mark.full, pytest.mark.pure]
AAC_FRAME = 1024 / RATE

LOST = 3 * 1024  # samples at the end of a clip that the next one may spoil, and what rounding adds


def merged(clips: list[Statement], *, level: bool = False) -> tuple[Path, Merged]:
    folder = clips[0].path.parent
    made = merge(
        [(clip.path, clip.path.name) for clip in clips], folder / "merged.mp4", folder, ffmpeg=FFMPEG, threads=1,
        level=level, tell=lambda percent, message: None,
    )  # fmt: skip
    return folder / "merged.mp4", made


def converted(clip: Statement, suffix: str, *options: str) -> Statement:
    return replace(clip, path=convert(clip.path, clip.path.with_name(f"{clip.number}-again.{suffix}"), *options))


def of_each(path: Path, made: Merged) -> list[list[int]]:
    """The numbers of the pictures of each segment, by the times that were answered."""
    pictures = shown(path)
    return [[number for time, number in pictures if one.start - 1e-6 <= time < one.end - 1e-6] for one in made.segments]


def test_pictures_are_copied_byte_for_byte_and_stand_in_their_segments(tmp_path: Path) -> None:
    clips = [statement(tmp_path, number, seconds=length) for number, length in ((1, 1.0), (2, 1.24), (3, 0.6))]
    path, made = merged(clips)
    assert made.as_json()["picture"] == made.as_json()["sound"] == "copied"
    assert made.plan.why is None
    assert packets_of(path) == [packet for clip in clips for packet in packets_of(clip.path)]
    assert of_each(path, made) == [clip.numbers for clip in clips]
    firsts, elapsed = {number: time for time, number in shown(path)}, 0.0
    for clip, segment, behind in zip(clips, made.segments, [*clips[1:], None], strict=True):
        assert segment.start == pytest.approx(firsts[clip.numbers[0]], abs=1e-6)
        # On the nearest place of the sound's grid; what one joint adds or takes, the next ones do not.
        assert -AAC_FRAME / 2 - 1e-4 < segment.start - elapsed < AAC_FRAME
        elapsed += clip.seconds
        assert behind is None or segment.end == pytest.approx(firsts[behind.numbers[0]], abs=1e-6)
    assert made.segments[0].start == 0
    assert complaints(path) == ""


@pytest.mark.parametrize("priming", [2112, 1524])
def test_sound_is_the_same_to_the_sample_over_ten_joints(tmp_path: Path, priming: int) -> None:
    """Encoders put 1024 samples before the first, Apple's 2112; an edit list may begin anywhere."""
    clips = [statement(tmp_path, n, seconds=(1.0, 1.24, 0.96, 0.6)[n % 4], priming=priming) for n in range(1, 12)]
    path, made = merged(clips)
    assert made.plan.copies_sound
    sound, loudest, elapsed = heard(path), 0.0, 0.0
    for clip, segment in zip(clips, made.segments, strict=True):
        assert abs(segment.start - elapsed) < AAC_FRAME
        elapsed += clip.seconds
        own = heard(clip.path)
        loudest = max(loudest, float(np.abs(own).max()))
        begin, count = round(segment.start * RATE), round(clip.seconds * RATE) - LOST
        assert np.abs(sound[begin : begin + count] - own[:count]).max() < 1e-4
        assert abs(lag(sound, segment.start, own[:count])) < 1e-5
    assert np.abs(sound).max() <= 1.05 * loudest
    assert probe(path).duration == pytest.approx(made.segments[-1].end, abs=0.002)


def test_sound_that_is_shorter_or_longer_than_its_pictures_moves_nothing(tmp_path: Path) -> None:
    clips = [statement(tmp_path, n, sound_seconds=length) for n, length in ((1, 0.5), (2, 1.6), (3, 0.9))]
    path, made = merged(clips)
    assert made.plan.copies_sound
    sound = heard(path)
    assert np.abs(sound[round(0.55 * RATE) : round(0.97 * RATE)]).max() < 1e-3
    for clip, segment in zip(clips, made.segments, strict=True):
        assert abs(lag(sound, segment.start, heard(clip.path)[: round(0.45 * RATE)])) < 1e-5
    assert len(sound) / RATE < made.segments[-1].end + AAC_FRAME


def test_clips_without_sound_are_joined_without_a_pause_and_turned_ones_stay_turned(tmp_path: Path) -> None:
    path, made = merged([statement(tmp_path, n, sound=None, rotation=90) for n in (1, 2)])
    assert (made.as_json()["sound"], made.plan.copies_picture) == ("none", True)
    assert [tuple(one) for one in made.segments] == [pytest.approx((0, 1)), pytest.approx((1, 2))]
    facts = probe(path)
    assert facts.audio_tracks == ()
    assert (facts.rotation, facts.width, facts.height) == (90, made.as_json()["width"], made.as_json()["height"])


def test_a_variable_rate_keeps_the_time_of_every_picture(tmp_path: Path) -> None:
    clips = [statement(tmp_path, 1, fps=30, steps=(1, 1, 2, 1, 3)), statement(tmp_path, 2, fps=30)]
    path, made = merged(clips)
    assert made.plan.copies_picture
    seen = {number: time for time, number in shown(path)}
    for clip, segment in zip(clips, made.segments, strict=True):
        was = shown(clip.path)
        assert [seen[number] - segment.start for _, number in was] == pytest.approx([time for time, _ in was], abs=2e-4)


def moved(clip: Statement, seconds: str) -> Statement:
    """The clip with sound that begins so much later beside its pictures."""
    options = ("-itsoffset", seconds, "-i", str(clip.path), "-map", "0:v", "-map", "1:a", "-c", "copy")
    return converted(clip, "mp4", *options)


# How clips are stored, and the seconds by which their sound may move.
STORED: dict[str, tuple[Callable[[Path, int], Statement], float]] = {
    "sound late or early": (lambda f, n: moved(statement(f, n), ("0.21", "-0.13", "0.05")[n - 1]), 1e-4),
    # Phones count in six hundredths of a second, Matroska in thousandths.
    "a coarse clock": (
        lambda f, n: converted(statement(f, n, fps=30), "mp4", "-c", "copy", "-video_track_timescale", "600"), 5e-5
    ),
    "Matroska": (lambda f, n: converted(statement(f, n), "mkv", "-c", "copy"), 1e-3),
    "fragments": (
        lambda f, n: converted(statement(f, n), "mp4", "-c", "copy", "-movflags", "frag_keyframe+empty_moov"), 1e-3
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STORED)
def test_however_clips_are_stored_their_sound_stays_beside_their_pictures(tmp_path: Path, name: str) -> None:
    make, give = STORED[name]
    clips = [make(tmp_path, number) for number in (1, 2, 3)]
    path, made = merged(clips)
    assert (made.plan.copies_picture, made.plan.copies_sound) == (True, name != "fragments")
    assert of_each(path, made) == [clip.numbers for clip in clips]
    sound = heard(path)
    for clip, one, segment in zip(clips, made.clips, made.segments, strict=True):
        own = heard(clip.path)[round(one.survey.start * RATE) :][: round(0.8 * RATE)]
        assert abs(lag(sound, segment.start, own)) < give


@pytest.mark.parametrize(("other", "why"), [
    ({"sound": None}, "Clip 2 (“clip-2.mp4”) has no sound."), ({"rate": 44_100}, "encoded differently"),
    ({"channels": 2}, "encoded differently"), ({"seconds": 0.04}, "too short"),
    ({"sound": "libopus"}, "not standard AAC-LC"),
])  # fmt: skip
def test_other_sound_is_encoded_beside_copied_pictures(tmp_path: Path, other: dict[str, object], why: str) -> None:
    clips = [statement(tmp_path, 1), statement(tmp_path, 2, **other), statement(tmp_path, 3)]  # type: ignore[arg-type]
    path, made = merged(clips)
    assert (made.plan.copies_picture, made.plan.copies_sound) == (True, False)
    assert why in str(made.plan.why)
    assert packets_of(path) == [packet for clip in clips for packet in packets_of(clip.path)]
    sound = heard(path)
    for clip, one, segment in zip(clips, made.clips, made.segments, strict=True):
        # No picture is held longer where the sound has no grid of its own.
        assert segment.end - segment.start == pytest.approx(clip.seconds, abs=2e-5)
        inside = sound[round(segment.start * RATE) : round(segment.end * RATE)]
        if one.source.sound is None:
            assert np.abs(inside[1024:-1024]).max() < 1e-3
        elif clip.seconds > 0.5:
            assert abs(lag(sound, segment.start, heard(clip.path)[: round(0.9 * RATE)])) < 1e-3
    channels = [track.channels for clip in clips for track in probe(clip.path).audio_tracks]
    assert (probe(path).audio_tracks[0].sample_rate, probe(path).audio_tracks[0].channels) == (RATE, max(channels))
    assert probe(path).duration == pytest.approx(made.segments[-1].end, abs=0.002)


@pytest.mark.parametrize("other", [{}, {"size": (334, 186)}], ids=["copied", "encoded"])
def test_nothing_of_the_clips_tags_names_and_other_tracks_is_left(tmp_path: Path, other: dict[str, Any]) -> None:
    tags = {"title": "Home", "comment": "private", "location": "+48.2+016.4/"}
    clips = [statement(tmp_path, 1, tags=tags), statement(tmp_path, 2, tags=tags, **other)]
    with av.open(str(clips[0].path)) as container:
        assert container.metadata["title"] == "Home"
    path, made = merged(clips)
    assert made.plan.copies_picture is not bool(other)
    content = path.read_bytes()
    assert not any(word in content for word in (b"Home", b"private", b"+48.2", b"clip-", bytes(tmp_path)))
    assert content.index(b"moov") < content.index(b"mdat")
    assert {one.name for one in tmp_path.iterdir()} == {"clip-1.mp4", "clip-2.mp4", "merged.mp4"}
    # Other tracks are not taken either.
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,000 --> 00:00:01,000\nthe secret of the clip\n")
    clip = statement(tmp_path, 1)
    more = converted(
        clip, "mp4", "-i", str(words), "-map", "0", "-map", "1", "-c", "copy", "-c:s", "mov_text",
        "-metadata", "title=secret title",
    )  # fmt: skip
    assert b"the secret" in more.path.read_bytes()
    path, _ = merged([more, statement(tmp_path, 2, **other)])
    assert b"secret" not in path.read_bytes()
    assert complaints(path) == ""


def test_decoding_times_rise_and_are_never_behind_what_is_shown(tmp_path: Path) -> None:
    clips = [statement(tmp_path, n, video={"bf": "3"}) for n in (1, 2)]
    path, _ = merged(clips)
    with open_media(path) as container:
        packets = [packet for packet in demux(container, container.streams.video[0]) if packet.size]
    times = [int(packet.dts or 0) for packet in packets]
    assert times == sorted(set(times))
    assert all(packet.pts >= packet.dts for packet in packets if packet.pts is not None and packet.dts is not None)
    assert Fraction(packets[0].time_base or 0) <= Fraction(1, 90_000)


@pytest.mark.parametrize("count", [12, pytest.param(60, marks=pytest.mark.services)])
def test_a_damaged_header_is_refused_or_joined_and_nothing_else(tmp_path: Path, count: int) -> None:
    clips = [statement(tmp_path, 1), statement(tmp_path, 2)]
    content, dice, refused = clips[1].path.read_bytes(), random.Random(7), 0
    begin, target = content.index(b"moov"), tmp_path / "merged.mp4"
    for _ in range(count):
        damaged = bytearray(content)
        for _ in range(dice.choice((1, 2, 4))):
            damaged[dice.randrange(begin, len(damaged))] = dice.choice((0, 1, 127, 128, 255))
        clips[1].path.write_bytes(damaged)
        try:
            merged(clips)
        except ClipFailed:
            refused += 1
            assert not target.exists()
        target.unlink(missing_ok=True)
    assert 0.2 * count < refused < count
