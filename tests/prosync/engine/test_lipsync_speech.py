"""How a mouth moves with a sound: vowels open it, pauses close it, and the sort of sound decides how wide it is."""

import numpy as np
import pytest

from sessions_app.prosync.engine.lipsync.speech import HISS_OPENING, STEP, drive

pytestmark = pytest.mark.pure
RATE = 16_000
AH, EE, OO = (730, 1090), (270, 2290), (300, 870)  # Hz, the first two formants (Peterson and Barney, 1952)


def vowel(formants: tuple[int, int], seconds: float, rate: int = RATE) -> np.ndarray:
    """A voice of 120 Hz whose overtones are strong near the formants."""
    times = np.arange(round(seconds * rate)) / rate
    tones = np.arange(120, min(4000, rate // 2), 120)
    first, second = (1 / (1 + ((tones - formant) / 60) ** 2) for formant in formants)
    return (0.1 * np.sin(2 * np.pi * tones[:, None] * times) * (first + second / 2)[:, None]).sum(0).astype(np.float32)


def pause(seconds: float, rate: int = RATE) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 1e-4, round(seconds * rate)).astype(np.float32)


def hiss(seconds: float) -> np.ndarray:
    spectrum = np.fft.rfft(np.random.default_rng(2).normal(0, 0.2, round(seconds * RATE)))
    spectrum[np.fft.rfftfreq(round(seconds * RATE), 1 / RATE) < 4500] = 0
    return np.fft.irfft(spectrum).astype(np.float32)


def hum(seconds: float, nose: float = 0.3) -> np.ndarray:
    """As of "m". nose: how loud it is where no vowel has its formants."""
    times = np.arange(round(seconds * RATE)) / RATE
    return (nose * np.sin(2 * np.pi * 150 * times) + 0.08 * np.sin(2 * np.pi * 450 * times)).astype(np.float32)


def middle(samples: np.ndarray, begin: float, length: float) -> tuple[float, float]:
    """Opening and spread in the middle of a part."""
    return drive(samples, RATE).at(begin + length / 2)


class TestOpening:
    def test_silence_and_noise_leave_it_closed_and_nothing_is_no_error(self) -> None:
        assert drive(np.zeros(RATE, np.float32), RATE).opening.max() < 0.01
        assert drive(pause(2.0), RATE).opening.max() < 0.05
        found = drive(vowel(AH, 1.0), RATE)
        assert found.at(-0.1) == found.at(1.2) == (0.0, 0.0)
        assert found.at(0.5)[0] > 0.6
        for count in (0, 1, 100):
            assert drive(np.zeros(count, np.float32), RATE).at(0.0) == (0.0, 0.0)

    def test_a_vowel_opens_it_and_a_pause_closes_it(self) -> None:
        samples = np.concatenate([pause(0.5), vowel(AH, 0.5), pause(0.5), vowel(AH, 0.5), pause(0.5)])
        found = drive(samples, RATE)
        assert min(found.at(moment)[0] for moment in (0.75, 1.75)) > 0.7
        assert max(found.at(moment)[0] for moment in (0.25, 1.3, 2.3)) < 0.05

    def test_the_lips_are_no_later_than_the_sound_and_a_quiet_one_moves_them_as_far(self) -> None:
        samples = np.concatenate([pause(0.5), vowel(AH, 0.5), pause(0.5)])
        found = drive(samples, RATE)
        assert drive(samples * 0.1, RATE).opening.max() == pytest.approx(found.opening.max(), abs=0.1)
        half = found.opening > found.opening.max() / 2
        opens, closes = np.flatnonzero(half)[[0, -1]] * STEP
        assert opens == pytest.approx(0.5, abs=0.04)
        assert closes == pytest.approx(1.0, abs=0.06)

    @pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
    def test_the_rate_of_the_samples_does_not_count(self, rate: int) -> None:
        samples = np.concatenate([pause(0.5, rate), vowel(AH, 0.5, rate), pause(0.5, rate)])
        usual = drive(np.concatenate([pause(0.5), vowel(AH, 0.5), pause(0.5)]), RATE)
        for moment in (0.2, 0.75, 1.3):
            assert drive(samples, rate).at(moment)[0] == pytest.approx(usual.at(moment)[0], abs=0.15)


def test_the_sort_of_sound_decides_how_far_it_opens_and_how_wide_it_is() -> None:
    samples = np.concatenate([vowel(AH, 0.5), vowel(EE, 0.5), vowel(OO, 0.5)])
    (ah, _), (ee, spread), (_, rounded) = (middle(samples, begin, 0.5) for begin in (0, 0.5, 1.0))
    assert ah > 1.4 * ee
    assert spread > 0.3
    assert rounded < -0.3
    # Hiss brings the teeth together, a hum closes the lips.
    samples = np.concatenate([vowel(AH, 0.5), hiss(0.5), vowel(AH, 0.5)])
    assert middle(samples, 0.5, 0.5)[0] == pytest.approx(HISS_OPENING, abs=0.08)
    humming = middle(np.concatenate([vowel(AH, 0.5), hum(0.5), vowel(AH, 0.5)]), 0.5, 0.5)[0]
    voiced = middle(np.concatenate([vowel(AH, 0.5), hum(0.5, nose=0.0), vowel(AH, 0.5)]), 0.5, 0.5)[0]
    assert humming < 0.7 * voiced
