from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions_app.analysis.pipelines.highlight_scores import MAX_DEVIATION, Interval, Moments

Floats = NDArray[np.float64]
VERSION = 1


@dataclass(slots=True)
class PassState:
    """Results of the signal pass over a video. Times are in seconds.

    changes: times of keyframes that show a new shot. keys: times of all keyframes. looks: colour histogram at
    the peak of each possible highlight, by the peak's time.
    """

    duration: float
    moments: Moments
    has_sound: bool
    changes: Floats
    keys: Floats
    candidates: list[Interval]
    looks: dict[float, Floats]
    warnings: list[str]
    verdicts: dict[str, tuple[float | None, str]] = field(default_factory=dict)


def to_save(known: PassState) -> dict[str, Any]:
    """Return the state as a checkpoint that can be encoded as JSON."""
    signals = (known.moments.sound, known.moments.motion, known.moments.score)
    return {
        "version": VERSION,
        "duration": known.duration,
        "signals": [
            _packed(one / most) for one, most in zip(signals, (MAX_DEVIATION, MAX_DEVIATION, 1.0), strict=True)
        ],
        "level": _packed((known.moments.level + 200) / 400),
        "has_sound": known.has_sound,
        "changes": np.round(known.changes, 3).tolist(),
        "keys": base64.b64encode(zlib.compress(known.keys.astype(np.float32).tobytes())).decode(),
        "candidates": [
            [one.start, one.end, one.score, one.peak, _packed(known.looks[one.peak]) if one.peak in known.looks else ""]
            for one in known.candidates
        ],
        "warnings": known.warnings,
        "verdicts": {key: list(value) for key, value in known.verdicts.items()},
    }


def from_saved(saved: Mapping[str, Any] | None) -> PassState | None:
    if not saved or saved.get("version") != VERSION:
        return None
    try:
        sound, motion, score = (_unpacked(one) for one in saved["signals"])
        moments = Moments(MAX_DEVIATION * sound, MAX_DEVIATION * motion, 400 * _unpacked(saved["level"]) - 200, score)
        listed = saved["candidates"]
        keys = np.frombuffer(zlib.decompress(base64.b64decode(saved["keys"])), np.float32)
        return PassState(
            duration=float(saved["duration"]),
            moments=moments,
            has_sound=bool(saved["has_sound"]),
            changes=np.array(saved["changes"], np.float64),
            keys=keys.astype(np.float64),
            candidates=[Interval(*map(float, row[:4])) for row in listed],
            looks={float(row[3]): _unpacked(row[4]) for row in listed if row[4]},
            warnings=[str(one) for one in saved["warnings"]],
            verdicts={key: (score, str(text)) for key, (score, text) in saved["verdicts"].items()},
        )
    except (KeyError, TypeError, ValueError, zlib.error):
        return None


def _packed(values: Floats) -> str:
    return base64.b64encode(zlib.compress(np.round(np.clip(values, 0, 1) * 65535).astype(np.uint16).tobytes())).decode()


def _unpacked(text: str) -> Floats:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint16).astype(np.float64) / 65535
