"""Loudness measurement by FFmpeg's EBU R128 filter."""

from __future__ import annotations

import math
from fractions import Fraction

import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.filter import Graph

from media_app.av.audio_splice import LAYOUTS, Samples

SILENCE = -69.9  # LUFS below which sound counts as silent; FFmpeg's filter reports -70 for silence
INTEGRATED, PEAK = "lavfi.r128.I", "lavfi.r128.true_peak"


class Meter:
    """A loudness meter for consecutive blocks. rate: samples a second. true_peak: whether to measure the true peak."""

    def __init__(self, rate: int, channels: int, *, true_peak: bool = False) -> None:
        self._rate, self._layout = rate, LAYOUTS[channels]
        self._graph = Graph()
        begin = self._graph.add_abuffer(
            format="fltp", sample_rate=rate, layout=self._layout, time_base=Fraction(1, rate)
        )
        options = "metadata=1:framelog=quiet"
        meter = self._graph.add("ebur128", f"peak=true:{options}" if true_peak else options)
        self._graph.link_nodes(begin, meter, self._graph.add("abuffersink")).configure()
        self._said: dict[str, str] = {}
        self.count = 0

    def put(self, samples: Samples) -> None:
        """Measure ``samples``, an array of shape (channels, n) with values from -1 to 1."""
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self.count, Fraction(1, self._rate)
        self._graph.push(frame)
        self.count += samples.shape[1]
        self._read()

    def end(self) -> None:
        self._graph.push(None)
        self._read()

    @property
    def integrated(self) -> float | None:
        """Return the gated loudness in LUFS; None for silence."""
        found = float(self._said.get(INTEGRATED, "nan"))
        return found if found > SILENCE else None

    @property
    def true_peak(self) -> float:
        """Return the true peak in dBTP; -inf for silence or if not measured."""
        found = float(self._said.get(PEAK, "nan"))
        return 20 * math.log10(found) if found > 0 else -math.inf

    def _read(self) -> None:
        while True:
            try:
                self._said.update(self._graph.pull().metadata)
            except (av.error.BlockingIOError, av.error.EOFError):
                return
