from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sessions_app.comparison.samples.rendering.match import EventKind, Match
from sessions_app.comparison.samples.rendering.specification import RecordingSpec

RATE = 48_000
Samples = NDArray[np.float32]
_LENGTHS: dict[EventKind, float] = {
    "shot": 0.25, "step": 0.12, "boom": 1.4, "kill": 0.35, "bell": 0.9, "voice": 0.8, "note": 0.5
}  # fmt: skip
LONGEST = max(_LENGTHS.values())


@lru_cache(maxsize=256)
def _template(kind: EventKind, variant: int) -> NDArray[np.float64]:
    rng = np.random.default_rng([len(kind), ord(kind[0]), variant])
    t = np.arange(round(_LENGTHS[kind] * RATE)) / RATE
    noise = rng.standard_normal(t.size)
    tail = np.minimum(1, (t[-1] - t) / 0.02)
    pitch = 2 ** (variant / 12)
    match kind:
        case "shot":
            wave = noise * np.exp(-t / 0.035) + np.sin(2 * np.pi * 90 * pitch * t) * np.exp(-t / 0.06)
        case "step":
            wave = np.convolve(noise, np.ones(24) / 24, "same") * 3 * np.exp(-t / 0.02)
        case "boom":
            rumble = np.convolve(noise, np.ones(160) / 160, "same") * 9
            wave = rumble * np.exp(-t / 0.4) + noise * np.exp(-t / 0.03)
        case "kill" | "bell":
            base = (880 if kind == "kill" else 392) * pitch
            wave = sum(np.sin(2 * np.pi * base * r * t) * np.exp(-t * 4 * r) / r for r in (1.0, 1.5, 2.0, 2.76))
        case "voice":
            sway = np.cumsum(130 * pitch**0.4 * (1 + 0.12 * np.sin(2 * np.pi * 2.3 * t + variant))) / RATE
            syllables = 0.5 + 0.5 * np.sin(2 * np.pi * (4 + variant / 8) * t)
            wave = sum(np.sin(2 * np.pi * h * sway) / h**0.6 for h in range(1, 22)) * syllables * 0.4
        case _:
            wave = sum(np.sin(2 * np.pi * 220 * pitch * h * t) / h for h in (1, 2, 3)) * np.exp(-t / 0.2)
    shaped: NDArray[np.float64] = wave * tail * np.minimum(1, t / 0.001)
    return shaped


class Soundtrack:
    """The stereo sound of a recording at 48 kHz. Sample i is the match's sound at spec.match_time(i / 48000)."""

    def __init__(self, match: Match, spec: RecordingSpec) -> None:
        self.match = match
        self.spec = spec
        self.length = round(spec.duration * RATE)
        self._heard: dict[tuple[EventKind, int], Samples] = {}
        self._ear = float(np.random.default_rng([spec.seed, 21]).random())

    def _sound(self, kind: EventKind, variant: int) -> Samples:
        key = (kind, variant)
        if key not in self._heard:
            wave = _template(kind, variant)
            frequencies = np.fft.rfftfreq(wave.size, 1 / RATE)
            response = 1 / np.sqrt(1 + (frequencies / self.spec.audio_cutoff) ** 4)
            response *= (frequencies / 60) / np.sqrt(1 + (frequencies / 60) ** 2)
            filtered = np.fft.irfft(np.fft.rfft(wave) * response, wave.size)
            self._heard[key] = (filtered * self.spec.audio_gain * 0.7).astype(np.float32)
        return self._heard[key]

    def samples(self, first: int, count: int) -> Samples:
        """Return `count` samples from sample `first` on, float32 of shape (2, count) within -1..1."""
        rng = np.random.default_rng([self.spec.seed, 22, first])
        mixed = rng.standard_normal((2, count), dtype=np.float32) * np.float32(0.004)
        begin, end = (self.spec.match_time(sample / RATE) for sample in (first, first + count))
        for event in self.match.events_between(begin - LONGEST, end):
            sound = self._sound(event.kind, event.variant)
            at = round((event.time - self.spec.start) * self.spec.rate * RATE) - first
            low, high = max(0, at), min(count, at + sound.size)
            if low >= high:
                continue
            pan = 0.5 + 0.35 * np.sin(2 * np.pi * (event.place + self._ear))
            part = sound[low - at : high - at] * np.float32(event.gain)
            mixed[0, low:high] += part * np.float32(pan)
            mixed[1, low:high] += part * np.float32(1 - pan)
        np.clip(mixed, -1, 1, out=mixed)
        return mixed
