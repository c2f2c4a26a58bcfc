"""The child that looks at sounds that somebody has sent, before anything else is done with them.

``python -m sessions_app.prosync.engine.audio.probe`` reads ``{"paths": […]}`` from standard input and writes one JSON
line: ``{"result": [{"facts": {"seconds", "extension", "mime_type", "peaks"}} or {"error": {"type", "message"}}, …]}``
in their order.
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

BARS = 240  # of the outline that a page draws
FULL_SCALE = 128
# What the owner of a sound is told by the program's own types.
TYPES = {SoundFailed.UNSUPPORTED: "not_a_sound"}
UNREADABLE = "sound_unreadable"


def probe_many(paths: Sequence[str]) -> list[dict[str, Any]]:
    """Look at each path; what cannot be used is an ``error`` entry, never an exception."""
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
    """The loudest of each of at most :data:`BARS` parts, 0 to 1. pairs: lowest and highest in turn, of 8 bits."""
    levels = [max(-low, high) / FULL_SCALE for low, high in zip(pairs[::2], pairs[1::2], strict=True)]
    each = max(1, math.ceil(len(levels) / BARS))
    return [round(min(1.0, max(levels[begin : begin + each])), 3) for begin in range(0, len(levels), each)]


def main() -> None:
    """Serve one request from standard input."""
    answer_about_paths(probe_many)


if __name__ == "__main__":
    main()
