"""Alignment by sound on made recordings: right to a millisecond where they belong together, refused where not."""

import dataclasses
import math
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from sessions_app.comparison.alignment.child.answer import AlignmentResult
from sessions_app.comparison.alignment.child.by_sound import align_by_sound
from sessions_app.comparison.alignment.child.sound.delay import measure_delay
from sessions_app.comparison.alignment.child.sound.flux import BANDS, HOP_SECONDS
from sessions_app.comparison.alignment.child.sound.line import fit_line
from sessions_app.comparison.alignment.child.sound.recording import SHORT_SECONDS, Recording
from sessions_app.comparison.alignment.child.sound.search import KnownFlux, find_peaks
from sessions_app.comparison.alignment.child.sound.track import RATE, SoundTrack
from tests.support.footage import FFMPEG, convert, cut_short
from tests.support.soundscapes import RATE as SCENE_RATE
from tests.support.soundscapes import Sound, Take, music, offset_between, render, scene, write

pytestmark = pytest.mark.pure


def test_what_its_threads_share_is_loaded_before_they_begin() -> None:
    """NumPy loads its parts when they are first asked for; two threads at once came to a RecursionError."""
    asked = "import sys, sessions_app.comparison.alignment.child.by_sound; print('numpy.fft' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", asked], text=True) == "True\n"


@pytest.fixture(scope="module")
def game() -> Sound:
    """Two minutes of one match."""
    return scene(5, 125)


@pytest.fixture(scope="module")
def other_game() -> Sound:
    return scene(6, 125)


@pytest.fixture(scope="module")
def reference(game: Sound, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of :data:`FIRST`."""
    return write(FIRST, game, tmp_path_factory.mktemp("sound") / "a")


FIRST = Take(20, 50, voice=0.4, voice_seed=3, noise_seed=4, codec="pcm", channels=1)
SECOND = Take(37.25, 50, voice=0.6, voice_seed=5, noise_seed=6, codec="pcm", channels=1)


def aligned(*paths: Path, folder: Path | None = None) -> AlignmentResult:
    return align_by_sound([(name, path) for name, path in zip("abc", paths, strict=False)], evidence_dir=folder)


def only_offset(result: AlignmentResult) -> float:
    """The offset of the one proposal there has to be."""
    assert not result.refused, result.refused
    return result.proposals[0].offset


def reason(result: AlignmentResult) -> str:
    """Why the one video that is not the reference was refused."""
    assert not result.proposals, result.proposals
    return result.refused[0].reason


class TestOffset:
    @pytest.mark.parametrize("change", [
        {"codec": "opus", "channels": 2}, {"rate": 8000, "late": 6.5}, {"noise": 0.08}, {"music": 0.7, "loop": 9.0},
        *(pytest.param(change, marks=pytest.mark.exhaustive) for change in (
            {"codec": "aac"}, {"codec": "mp3"}, {"channels": 6}, {"voice": 2.0}, {"gain": 4.0}, {"echo": 0.11},
            {"low_pass": 1200.0}, {"level_control": True},
        )),
    ], ids=str)  # fmt: skip
    def test_right_to_a_millisecond(self, change: dict[str, Any], reference: Path, game: Sound, tmp_path: Path) -> None:
        take = dataclasses.replace(SECOND, **change)
        found = aligned(reference, write(take, game, tmp_path / "b"))
        assert only_offset(found) == pytest.approx(offset_between(FIRST, take), abs=1e-3)
        assert found.proposals[0].confidence >= 0.9
        assert found.proposals[0].method == "audio"

    def test_twenty_common_seconds_are_enough(self, reference: Path, game: Sound, tmp_path: Path) -> None:
        inside = Take(35, 25, codec="pcm")
        for take, offset in ((Take(50, 50, voice=0.3, voice_seed=8, codec="pcm"), 30), (inside, 15)):
            found = aligned(reference, write(take, game, tmp_path / str(offset)))
            assert only_offset(found) == pytest.approx(offset, abs=1e-3)
        assert only_offset(aligned(reference, reference)) == pytest.approx(0, abs=1e-4)

    def test_a_long_one_is_found_by_probes_and_its_drift_is_measured(self, tmp_path: Path) -> None:
        long = scene(9, 205)
        first = Take(0, 185, noise_seed=2, codec="pcm")
        second = dataclasses.replace(first, start=11.5, drift_ppm=80, noise_seed=3)
        assert second.seconds > SHORT_SECONDS
        paths = [write(take, long, tmp_path / name) for take, name in ((first, "a"), (second, "b"))]
        found = aligned(*paths).proposals[0]
        assert found.offset == pytest.approx(offset_between(first, second), abs=1e-3)
        assert found.drift_ppm == pytest.approx(-80, abs=2)  # less of its own time goes by
        assert "ppm" in found.note

    def test_a_third_is_placed_through_the_second(self, reference: Path, game: Sound, tmp_path: Path) -> None:
        second, third = Take(45, 60, noise_seed=8, codec="pcm"), Take(75, 50, noise_seed=9, codec="pcm")
        paths = [write(take, game, tmp_path / name) for take, name in ((second, "b"), (third, "c"))]
        found = aligned(reference, *paths)
        assert [p.offset for p in found.proposals] == pytest.approx([25, 55], abs=1e-3)
        assert "through b" in found.proposals[1].note
        assert found.proposals[1].confidence < found.proposals[0].confidence


class TestRefusal:
    def test_another_match(self, reference: Path, other_game: Sound, tmp_path: Path) -> None:
        assert reason(aligned(reference, write(SECOND, other_game, tmp_path / "b"))) == "sound_unrelated"

    def test_one_track_over_two_matches(self, game: Sound, other_game: Sound, tmp_path: Path) -> None:
        lobby = music(4, 31, 30)[: 15 * SCENE_RATE]
        one, other = (np.concatenate([lobby, sound]) for sound in (game, other_game))
        takes = enumerate((one, other))
        paths = [write(Take(0, 60, noise_seed=n, codec="pcm"), sound, tmp_path / str(n)) for n, sound in takes]
        assert reason(aligned(*paths)) == "sound_agrees_in_part"

    def test_a_loop_and_little_else(self, tmp_path: Path) -> None:
        loop = music(3, 90, 11.0)
        takes = Take(0, 45, noise=0.02, codec="pcm"), Take(22.0, 45, noise=0.02, noise_seed=2, codec="pcm")
        paths = [write(take, loop, tmp_path / str(n)) for n, take in enumerate(takes)]
        assert reason(aligned(*paths)) == "sound_repeats"

    def test_one_loop_under_two_matches(self, game: Sound, other_game: Sound, tmp_path: Path) -> None:
        """All windows agree at one of the places, and the next one's windows are less sharp."""
        with_music = {"codec": "pcm", "channels": 1, "music": 1.0, "music_seed": 1, "loop": 25.0}
        paths = [
            write(Take(20, 90, **with_music), game, tmp_path / "a"),
            write(Take(20, 90, noise_seed=2, music_start=4.2, **with_music), other_game, tmp_path / "b"),
        ]
        assert reason(aligned(*paths)) == "sound_repeats"

    @pytest.mark.parametrize("lost", [0.4, 12.0])
    def test_a_recording_that_jumps_and_where(self, lost: float, reference: Path, game: Sound, tmp_path: Path) -> None:
        found = aligned(reference, write(Take(20, 45, jump=(25, lost), codec="pcm"), game, tmp_path / "b"))
        assert reason(found) == "not_one_recording"
        minute, second = found.refused[0].message.split("until ")[1].split(" of")[0].split(":")
        assert 60 * int(minute) + float(second) == pytest.approx(25 + lost / 2, abs=5)

    def test_another_speed_and_by_how_much(self, reference: Path, game: Sound, tmp_path: Path) -> None:
        found = aligned(reference, write(dataclasses.replace(SECOND, speed=1.03), game, tmp_path / "b"))
        assert reason(found) == "speed_differs"
        assert "3.0 %" in found.refused[0].message

    def test_silence_no_sound_too_little_of_it_and_no_video(self, reference: Path, game: Sound, tmp_path: Path) -> None:
        silent = write(dataclasses.replace(SECOND, gain=0, noise=0), game, tmp_path / "b")
        mute, broken = tmp_path / "mute.mp4", tmp_path / "broken.mp4"
        convert(None, mute, "-f", "lavfi", "-i", "testsrc=d=5")
        for path in (silent, mute, write(Take(30, 0.3), game, tmp_path / "short")):
            assert reason(aligned(reference, path)) == "no_sound"
        assert aligned(mute, reference).reference == "b"
        broken.write_bytes(b"no video")
        assert reason(aligned(reference, broken)) == "vod_unreadable"

    def test_silence_that_is_longer_than_what_is_listened_to_first(self, reference: Path, tmp_path: Path) -> None:
        seconds = SHORT_SECONDS + 10
        path = write(Take(0, seconds, gain=1e-5, noise=0, codec="mp3", channels=1), scene(9, seconds), tmp_path / "b")
        assert reason(aligned(reference, path)) == "no_sound"


def write_pieces(path: Path, *pieces: tuple[int, np.ndarray]) -> None:
    """Write a track of pieces of sound, each with the time stamp of its first sample."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=SCENE_RATE, layout="mono")
        for stamp, piece in pieces:
            whole = (piece * 32767).astype(np.int16)
            for at in range(0, len(whole), 1600):
                frame = av.AudioFrame.from_ndarray(whole[None, at : at + 1600], "s16", "mono")
                frame.sample_rate, frame.pts = SCENE_RATE, stamp + at
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


class TestTrack:
    @pytest.mark.parametrize("late", [0.0, 2.345])
    def test_samples_lie_where_a_player_has_them(self, late: float, tmp_path: Path) -> None:
        click = np.zeros(8 * SCENE_RATE, np.float32)
        click[5 * SCENE_RATE] = 1.0
        path = write(Take(0, 8, noise=0, gain=0.5, late=late), click, tmp_path / "a", picture=True)
        with SoundTrack(path) as track:
            samples, share = track.samples(4 + late, 2)
        assert share == pytest.approx(1, abs=0.01)
        assert int(np.argmax(np.abs(samples))) / RATE == pytest.approx(1, abs=5e-4)

    def test_of_several_the_loudest_is_taken_and_fifty_are_no_trouble(self, game: Sound, tmp_path: Path) -> None:
        sounds = [write(Take(0, 12, gain=gain), game, tmp_path / str(gain)) for gain in (0.01, 0.5, 0.02)]
        inputs = [word for sound in sounds for word in ("-i", str(sound))]
        for tracks in ([0, 1, 2], [0, 1] * 25):
            path = tmp_path / f"{len(tracks)}.mkv"
            maps = [word for n in tracks for word in ("-map", f"{n}:a")]
            convert(None, path, *inputs, *maps, "-c", "copy")
            with SoundTrack(path) as track:
                assert (track.number, track.count) == (2, len(tracks))
        assert "For b, sound track 2 of 3" in aligned(sounds[1], tmp_path / "3.mkv").proposals[0].note

    def test_a_hole_keeps_what_comes_after_it_in_place(self, game: Sound, tmp_path: Path) -> None:
        path = tmp_path / "hole.mkv"
        whole = render(Take(0, 20), game)
        write_pieces(path, (0, whole[: 8 * SCENE_RATE]), (11 * SCENE_RATE, whole[11 * SCENE_RATE :]))
        with SoundTrack(path) as track:
            runs = [(run.start, run.start + len(run.samples) / RATE) for run in track.runs()]
        assert max(end for _, end in runs if end < 9) == pytest.approx(8, abs=0.01)
        assert min(start for start, _ in runs if start > 9) == pytest.approx(11, abs=0.01)

    def test_timestamps_that_claim_years_take_no_memory(self, game: Sound, tmp_path: Path) -> None:
        path, whole = tmp_path / "years.mkv", render(Take(0, 8), game)
        half = 4 * SCENE_RATE
        write_pieces(path, (0, whole[:half]), (10**9 * SCENE_RATE + half, whole[half:]))
        with Recording("a", path) as recording:
            assert recording.read_all().seconds == pytest.approx(4, abs=0.2)
            assert recording.read_probes().flux.shape[1] < 1000

    def test_not_a_number_is_silence(self, tmp_path: Path) -> None:
        path = tmp_path / "nan.mkv"
        noise = np.random.default_rng(1).standard_normal(RATE * 4).astype("<f4") * 0.1
        noise[RATE : RATE * 2] = math.nan
        words = ["-f", "f32le", "-ar", str(RATE), "-ac", "1", "-i", "pipe:0", "-c:a", "pcm_f32le", str(path)]
        subprocess.run([FFMPEG, "-v", "error", *words], input=noise.tobytes(), check=True)
        with SoundTrack(path) as track:
            samples, _ = track.samples(0, 4)
        assert np.isfinite(samples).all()
        assert not samples[RATE + 100 : 2 * RATE - 100].any()

    def test_one_that_is_cut_in_the_middle_is_heard_until_there(self, reference: Path, tmp_path: Path) -> None:
        path = cut_short(convert(reference, tmp_path / "cut.mkv", "-c", "copy"), 1 / 2)
        assert only_offset(aligned(reference, path)) == pytest.approx(0, abs=1e-3)


def test_one_place_of_two_long_recordings_whose_clocks_drift_is_one() -> None:
    hops = round(2700 / HOP_SECONDS)
    flux = np.random.default_rng(8).normal(size=(BANDS, hops)).astype(np.float32)
    drifted = np.round(np.arange(hops - 4000) * (1 + 300e-6)).astype(int) + 2500
    first, second = (KnownFlux(part, np.ones(part.shape[1], bool)) for part in (flux, flux[:, drifted]))
    best, other = find_peaks(first, second, 2)
    assert abs(best.lag - (2500 + 300e-6 * len(drifted) / 2) * HOP_SECONDS) < 0.5  # where windows search
    assert best.score > 2 * other.score


class TestEvidence:
    def test_picture_and_sample_are_of_the_same_moment(self, reference: Path, game: Sound, tmp_path: Path) -> None:
        found = aligned(reference, write(SECOND, game, tmp_path / "b"), folder=tmp_path / "evidence").proposals[0]
        kinds = {item.kind: tmp_path / "evidence" / item.file for item in found.evidence}
        picture = cv2.imread(str(kinds["outline"]))
        assert picture is not None
        assert picture.shape[:2] == (270, 960)
        with wave.open(str(kinds["sample"])) as file:
            assert (file.getnchannels(), file.getnframes() / file.getframerate()) == (2, pytest.approx(10, abs=0.01))
            both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).astype(np.float32)
        room = RATE // 10
        assert measure_delay(both[:, 0], both[room:-room, 1]).seconds == pytest.approx(0.1, abs=1e-3)

    def test_the_sample_is_taken_where_both_play(self, reference: Path, game: Sound, tmp_path: Path) -> None:
        short = Take(57, 50, noise_seed=6, codec="pcm", channels=1)
        found = aligned(reference, write(short, game, tmp_path / "b"), folder=tmp_path / "evidence").proposals[0]
        (sample,) = [item for item in found.evidence if item.kind == "sample"]
        assert 0 <= sample.time <= 3


def test_a_recording_whose_channels_cancel_each_other_is_heard(reference: Path, game: Sound, tmp_path: Path) -> None:
    plain = write(SECOND, game, tmp_path / "b")
    inverted = convert(plain, tmp_path / "inverted.mkv", "-af", "pan=stereo|c0=c0|c1=-1*c0")
    (found,) = aligned(reference, inverted).proposals
    assert found.offset == pytest.approx(offset_between(FIRST, SECOND), abs=1e-3)


def test_a_line_goes_through_most_of_the_measurements() -> None:
    times = np.arange(0, 600, 40.0)
    offsets = 12.0 + 80e-6 * times
    offsets[[2, 9]] += [0.3, -0.02]
    line = fit_line(times.tolist(), offsets.tolist())
    assert line is not None
    assert line.drift_ppm == pytest.approx(80, abs=0.1)
    assert line.at(100.0) == pytest.approx(12.008, abs=1e-5)
    assert set(line.on) == set(range(15)) - {2, 9}
    assert fit_line([1.0], [2.0]) is None


class TestDelay:
    @pytest.mark.parametrize("samples", [7, 7.25, 7.5, 123.4])
    def test_it_is_exact_to_a_twentieth_of_a_sample(self, samples: float) -> None:
        noise = np.random.default_rng(3).standard_normal(1 << 15)
        spectrum = np.fft.rfft(noise)
        shift = np.exp(-2j * np.pi * np.fft.rfftfreq(1 << 15) * samples)
        first = np.fft.irfft(spectrum * shift).astype(np.float32)
        found = measure_delay(first[:20_000], noise[:16_000].astype(np.float32))
        assert found.seconds * RATE == pytest.approx(samples, abs=0.05)
        assert found.sharpness > 20

    def test_what_is_unlike_has_no_sharp_peak(self) -> None:
        r = np.random.default_rng(4)
        for _ in range(50):
            first, second = (r.standard_normal(count).astype(np.float32) for count in (40_000, 32_000))
            assert measure_delay(first, second).sharpness < 7


def test_a_recording_is_heard_whole_once(reference: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Recording("a", reference) as recording:
        first = recording.read_all()
        monkeypatch.setattr(recording.track, "runs", lambda *_: pytest.fail("heard twice"))
        assert recording.read_all() is first
        assert recording.read_probes() is first
