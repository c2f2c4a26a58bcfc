"""The child process that inspects uploaded sounds.

``python -m sessions_app.prosync.engine.audio.probe`` reads ``{"paths": […]}`` from standard input and writes one JSON
line: ``{"result": [{"facts": {"seconds", "extension", "mime_type", "peaks"}} or {"error": {"type", "message"}}, …]}``.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sessions_app.prosync.engine.audio.outcome import SoundFailed
from sessions_app.prosync.engine.audio.sounds import probe_sound
from vodplatform.core.processes.child import answer_about_paths

BARS = 240
FULL_SCALE = 128
TYPES = {SoundFailed.UNSUPPORTED: "not_a_sound"}
UNREADABLE = "sound_unreadable"


def probe_many(paths: Sequence[str]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            outline = Path(folder) / "peaks.json"
            try:
                facts = probe_sound(path, outline)
            except SoundFailed as exc:
                answers.append({"error": {"type": TYPES.get(exc.type, UNREADABLE), "message": exc.message}})
                continue
            found = {"seconds": facts.duration, "extension": facts.extension, "mime_type": facts.mime_type}
            answers.append({"facts": found | {"peaks": bars_of(json.loads(outline.read_bytes())["data"])}})
    return answers


def bars_of(pairs: Sequence[int]) -> list[float]:
    """Reduce a waveform to at most :data:`BARS` peaks, 0 to 1. pairs: the waveform's minima and maxima, 8 bit."""
    levels = [max(-low, high) / FULL_SCALE for low, high in zip(pairs[::2], pairs[1::2], strict=True)]
    each = max(1, math.ceil(len(levels) / BARS))
    return [round(min(1.0, max(levels[begin : begin + each])), 3) for begin in range(0, len(levels), each)]


def main() -> None:
    answer_about_paths(probe_many)


if __name__ == "__main__":
    main()
