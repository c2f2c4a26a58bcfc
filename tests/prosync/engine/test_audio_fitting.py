"""The five ways in which a sound comes to the length of its segment, and sounds that are given: what they are."""

import json
from pathlib import Path

import numpy as np
import pytest

from sessions_app.prosync.engine.audio import sounds
from sessions_app.prosync.engine.audio.fitting import MODES, Fitted, Line, Mode, SampleCount, fit
from sessions_app.prosync.engine.audio.level import gain_of, loudness
from sessions_app.prosync.engine.audio.mixing import Voice, mixed, positions_of
from sessions_app.prosync.engine.audio.outcome import SoundFailed
from sessions_app.prosync.engine.audio.sounds import probe_sound, read
from sessions_app.prosync.engine.audio.stored import HELD, SampleFile
from sessions_app.prosync.engine.audio.stretch import SEARCH_SECONDS, stretched
from tests.av.encoded import write_sound
from tests.support.clips import render_clip
from tests.support.footage import blanked, convert

pytestmark = pytest.mark.pure
RATE = 48_000


def fitted(
    folder: Path, samples: np.ndarray, count: int, mode: Mode, crop: tuple[float, float] | None = None
) -> Fitted:
    line = Line(0.0, count / RATE, write_sound(folder / "sound.wav", samples), mode, crop)
    return next(iter(fit([line], [SampleCount(count)], RATE, 1, folder)))


def noise(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, count)


def stored(folder: Path, samples: np.ndarray) -> SampleFile:
    return SampleFile.write(folder / "stored", [samples], samples.shape[0])


def whole(sound: Fitted) -> np.ndarray:
    return sound.samples(0, sound.count)[0]


def close(found: np.ndarray, wanted: np.ndarray) -> bool:
    return bool(np.abs(found - (wanted * 32_000).astype(np.int16) / 32_768).max() < 1e-6)


@pytest.mark.parametrize("mode", ["cut_off", "silence"])
def test_a_longer_sound_is_cut_and_a_shorter_one_is_followed_by_silence(tmp_path: Path, mode: Mode) -> None:
    sound = noise(RATE)
    longer = fitted(tmp_path, sound, RATE // 2, mode)
    assert close(whole(longer), sound[: RATE // 2])
    assert longer.silence == 0
    shorter = fitted(tmp_path, sound, 2 * RATE, mode)
    assert close(whole(shorter)[: RATE - 200], sound[:-200])
    assert not whole(shorter)[RATE:].any()
    assert shorter.silence == RATE


def test_a_loop_begins_again_from_its_beginning_and_a_bounce_goes_backwards_and_forwards(tmp_path: Path) -> None:
    sound = noise(1000)
    found = fitted(tmp_path, sound, 3500, "loop")
    for repeat in range(3):
        assert close(whole(found)[1000 * repeat + 150 : 1000 * repeat + 850], sound[150:850])
    assert close(whole(found)[3150:], sound[150:500])
    assert (found.repeats, found.silence) == (3.5, 0)
    found = fitted(tmp_path, sound, 3500, "bounce")
    assert close(whole(found), np.concatenate([sound, sound[::-1], sound, sound[::-1]])[:3500])


@pytest.mark.parametrize("mode", ["loop", "bounce", "cut_off"])
def test_a_sound_too_long_for_the_memory_is_fitted_alike(tmp_path: Path, mode: Mode) -> None:
    sound = noise(HELD + 1000)
    found = fitted(tmp_path, sound, 2 * len(sound), mode)
    around = found.samples(len(sound) - 500, 1000)[0]
    again = {"loop": sound, "bounce": sound[::-1], "cut_off": np.zeros(1000)}[mode]
    assert close(around[:300], sound[-500:-200])
    assert close(around[700:], again[200:500])


@pytest.mark.parametrize("mode", MODES)
def test_any_part_of_a_segment_is_the_same_part_of_the_whole(tmp_path: Path, mode: Mode) -> None:
    found = fitted(tmp_path, noise(5000), 17_000, mode)
    assert np.array_equal(found.samples(4321, 9000)[0], whole(found)[4321:13_321])
    assert sum(run.shape[1] for run in found.runs()) == found.count - found.silence


def test_a_crop_is_exact_to_the_sample(tmp_path: Path) -> None:
    sound = noise(RATE)
    found = fitted(tmp_path, sound, 4800, "cut_off", (0.25, 0.5))
    assert close(whole(found), sound[12_000:16_800])
    found = fitted(tmp_path, sound, RATE, "loop", (0.25, 0.5))
    assert found.own == 12_000


@pytest.mark.parametrize("ratio", [0.3, 1.25, 3.0])
def test_a_stretched_sound_keeps_its_pitch_and_the_place_of_all_that_is_in_it(tmp_path: Path, ratio: float) -> None:
    times = np.arange(3 * RATE) / RATE
    moments = np.arange(0.25, 2.8, 0.5)
    bursts = sum(np.exp(-0.5 * ((times - moment) / 0.03) ** 2) for moment in moments)
    sound = np.asarray(np.sin(2 * np.pi * 220 * times) * bursts, np.float32)[None]
    count = round(3 * RATE * ratio) + 7
    found = np.concatenate(list(stretched(stored(tmp_path, sound), count, RATE)), axis=1)
    assert found.shape == (1, count)
    spectrum = np.abs(np.fft.rfft(found[0]))
    assert np.argmax(spectrum) * RATE / count == pytest.approx(220, abs=5)  # lines stand 4 Hz apart
    envelope = np.convolve(np.abs(found[0]), np.hanning(1200) / 600, "same")
    for moment in moments:
        at = moment * count / (3 * RATE)
        window = slice(max(0, round((at - 0.2 * ratio) * RATE)), round((at + 0.2 * ratio) * RATE))
        weights = envelope[window] ** 2
        middle = (np.arange(len(weights)) * weights).sum() / weights.sum() / RATE + window.start / RATE
        assert middle == pytest.approx(at, abs=SEARCH_SECONDS * max(1.0, ratio) + 0.001)


def test_a_stretched_sound_is_no_quieter_and_both_channels_stay_together(tmp_path: Path) -> None:
    times = np.arange(2 * RATE) / RATE
    one = sum(np.sin(2 * np.pi * 130 * n * times) / n for n in range(1, 12)) * 0.1
    sound = np.stack([one, -0.5 * one]).astype(np.float32)
    found = np.concatenate(list(stretched(stored(tmp_path, sound), 3 * RATE, RATE)), axis=1)
    assert np.allclose(found[1], -0.5 * found[0], atol=1e-6)
    inside = slice(RATE // 2, 5 * RATE // 2)
    assert np.square(found[0, inside]).mean() == pytest.approx(np.square(sound[0]).mean(), rel=0.1)


def test_the_loudness_is_that_of_ebu_r128_at_any_rate_and_length() -> None:
    # EBU Tech 3341, test signal 1: a stereo sine of 1 kHz at -23 dBFS is -23 LUFS.
    for rate in (44_100, 48_000):
        times = np.arange(4 * rate) / rate
        sine = 10 ** (-23 / 20) * np.sin(2 * np.pi * 1000 * times)
        found, peak = loudness([np.stack([sine, sine]).astype(np.float32)], rate, 2)
        assert found == pytest.approx(-23.0, abs=0.1)
        assert peak == pytest.approx(-23.0, abs=0.1)
        short, _ = loudness([np.stack([sine, sine]).astype(np.float32)[:, : rate // 10]], rate, 2)
        assert short == pytest.approx(-23.0, abs=0.3)
    assert loudness([np.zeros((1, RATE), np.float32)], RATE, 1) == (None, -np.inf)
    assert loudness([], RATE, 1)[0] is None


def test_the_gain_has_limits() -> None:
    assert gain_of(-20.0, -26.0, -12.0) == 6.0
    assert gain_of(-20.0, -50.0, -40.0) == 12.0
    assert gain_of(-50.0, -20.0, -3.0) == -12.0
    assert gain_of(-20.0, -26.0, -4.0) == 3.0
    assert gain_of(None, -26.0, -12.0) == 0.0
    assert gain_of(None, -3.0, 0.0) == -1.0
    assert gain_of(-20.0, None, -np.inf) == 0.0


def test_outside_the_segments_no_sample_changes_and_the_fades_are_of_equal_power(tmp_path: Path) -> None:
    lines = [Line(0.1, 0.3, tmp_path), Line(0.3, 0.5, tmp_path), Line(0.7, 0.71, tmp_path)]
    places = positions_of(lines, RATE)
    assert [(place.fade, place.tail, place.follows) for place in places] == [
        (720, 720, False), (720, 0, True), (240, 0, False),
    ]  # fmt: skip
    original = noise(RATE)[None].astype(np.float32)
    sounds = [stored(tmp_path, np.full((1, RATE), value)) for value in (0.0, 1.0)]
    silent, loud = (
        [Voice(place, Fitted(sound, "cut_off", place.count, RATE), 1.0) for place in places] for sound in sounds
    )
    untouched = np.ones(RATE, bool)
    for first, end in ((4800, 24_000), (33_600, 34_080)):
        untouched[first:end] = False
    for voices in (silent, loud):
        assert np.array_equal(mixed(voices, 0, original)[0, untouched], original[0, untouched])
    kept = mixed(silent, 0, np.ones((1, RATE), np.float32))[0]
    heard = mixed(loud, 0, np.zeros((1, RATE), np.float32))[0]
    power = kept**2 + heard**2
    power[14_400:15_120] = 1.0  # where two new sounds fade into each other, both of them 1 here
    assert np.allclose(power, 1.0, atol=1e-5)
    assert not kept[14_400 - 700 : 14_400 + 720].any()
    pieces = [mixed(loud, at, original[:, at : at + 1000]) for at in range(0, RATE, 1000)]
    assert np.array_equal(np.concatenate(pieces, axis=1), mixed(loud, 0, original))


ENCODERS = {
    "mp3": ("-c:a", "libmp3lame"), "wav": ("-c:a", "pcm_s16le"), "m4a": ("-c:a", "aac"), "aac": ("-c:a", "aac"),
    "ogg": ("-c:a", "libvorbis"), "opus": ("-c:a", "libopus", "-f", "ogg"), "flac": ("-c:a", "flac"),
    "mp4": ("-c:a", "aac"),
}  # fmt: skip
CONTAINERS = {"opus": "ogg", "aac": "adts", "m4a": "mp4"}


@pytest.mark.parametrize("name", ENCODERS)
def test_a_sound_is_told_by_its_content_and_its_length_by_its_samples(tmp_path: Path, name: str) -> None:
    wanted = np.repeat(np.sin(2 * np.pi * 440 * np.arange(round(2.5 * RATE)) / RATE), 2).reshape(-1, 2) * 0.5
    wav = write_sound(tmp_path / "given.wav", wanted)
    made = convert(wav, tmp_path / f"sound.{name}", *ENCODERS[name])
    path = made.rename(tmp_path / "sound.bin")
    facts = probe_sound(path, tmp_path / "peaks.json")
    assert (facts.container, facts.channels, facts.sample_rate) == (CONTAINERS.get(name, name), 2, RATE)
    # ADTS cannot say which samples the encoder has put before and behind.
    assert facts.duration == pytest.approx(2.5, abs=0.045 if name in ("aac", "m4a", "mp4") else 0.001)
    samples = np.concatenate(list(read(path, RATE, 1)), axis=1)
    assert samples.shape[1] == round(facts.duration * RATE)
    assert 0.3 < np.sqrt(np.square(samples[0, 4800:-4800]).mean()) < 0.4
    found = json.loads((tmp_path / "peaks.json").read_text())
    assert (found["version"], found["sample_rate"], found["bits"]) == (2, RATE, 8)
    assert found["length"] * 2 == len(found["data"])
    pixel = found["samples_per_pixel"]
    assert found["length"] * pixel == pytest.approx(samples.shape[1], abs=pixel)
    lowest, highest = np.array(found["data"]).reshape(-1, 2)[5:-5].T
    assert (np.abs(highest - 62) < 6).all()
    assert (np.abs(lowest + 63) < 6).all()


def test_a_cover_picture_makes_no_video_of_a_sound(tmp_path: Path) -> None:
    wav = write_sound(tmp_path / "given.wav", noise(RATE))
    for name, encoder in (("song.mp3", "libmp3lame"), ("song.m4a", "aac"), ("song.flac", "flac")):
        picture = ("-f", "lavfi", "-i", "color=s=64x64:d=0.04:r=25", "-map", "0:a", "-map", "1:v", "-c:v", "png")
        convert(wav, tmp_path / name, *picture, "-c:a", encoder, "-disposition:v", "attached_pic")
        assert probe_sound(tmp_path / name).duration == pytest.approx(1.0, abs=0.03)


def test_what_is_no_sound_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "zip.mp3").write_bytes(b"PK\3\4" + bytes(20_000))
    (tmp_path / "text.wav").write_text("bread, milk" * 500)
    (tmp_path / "empty.ogg").write_bytes(b"")
    (tmp_path / "riff.wav").write_bytes(b"RIFF\xff\0\0\0WAVEfmt \x10\0\0\0" + bytes(40))
    render_clip(tmp_path / "video.mp4", seconds=0.5)
    for name in ("zip.mp3", "text.wav", "empty.ogg", "video.mp4"):
        with pytest.raises(SoundFailed) as failed:
            probe_sound(tmp_path / name)
        assert failed.value.type == SoundFailed.UNSUPPORTED
        assert str(failed.value).endswith(".")
        assert str(tmp_path) not in str(failed.value)
    for name in ("riff.wav", "gone.mp3"):
        with pytest.raises(SoundFailed):
            probe_sound(tmp_path / name)
    with pytest.raises(SoundFailed):
        probe_sound(tmp_path)


def test_a_damaged_sound_and_one_beyond_the_limit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wav = write_sound(tmp_path / "given.wav", noise(5 * RATE))
    path = blanked(convert(wav, tmp_path / "sound.flac", "-c:a", "flac"), 1 / 4, 1.0)
    try:
        assert probe_sound(path).duration < 1.5
    except SoundFailed as exc:
        assert exc.type == SoundFailed.UNREADABLE
    monkeypatch.setattr(sounds, "MAX_SECONDS", 2.0)
    path = write_sound(tmp_path / "long.wav", noise(round(2.2 * RATE)))
    with pytest.raises(SoundFailed) as failed:
        probe_sound(path)
    assert failed.value.type == SoundFailed.TOO_LONG
