"""Numbers formatted for people. static/js/base/format.js formats them the same."""

from __future__ import annotations

from math import floor

TINY = 1e-6  # tolerance added before rounding down, so that 100 * 0.29 (28.999…) counts as 29
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def clock(seconds: float) -> str:
    """Return a position in a video, rounded down: ``6:20``, ``1:02:05``."""
    return _clock(floor(seconds + TINY))


def duration(seconds: float) -> str:
    """Return a video's length, rounded to the nearest second: ``6:20``."""
    whole = _nearest(abs(seconds))
    return _clock(-whole if seconds < 0 else whole)


def tenths(seconds: float) -> str:
    """Return a length in seconds: ``2.8 s``, ``10 s``."""
    return f"{_plain(_nearest(seconds * 10) / 10)} s"


def hundredths(value: float) -> str:
    """Return a score, rounded down: 0.199 never reads ``0.20``."""
    return f"{floor(value * 100 + TINY) / 100:.2f}"


def percent(value: float) -> str:
    """Return progress, rounded down: only complete work reads ``100 %``."""
    return f"{floor(value + TINY)} %"


def size(count: float) -> str:
    """Return a measured file size: ``412 MiB``, ``5.0 GiB``."""
    unit = 0
    while count >= 1023.5 and unit < len(UNITS) - 1:
        count /= 1024
        unit += 1
    value = str(_nearest(count)) if unit == 0 or count >= 99.95 else f"{_nearest(count * 10) / 10:.1f}"
    return f"{value} {UNITS[unit]}"


def limit_size(count: float) -> str:
    return size(count).replace(".0 ", " ")


def counted(count: int, one: str) -> str:
    """Return ``1 video``, ``3 videos``, ``2 matches``."""
    ending = "es" if one.endswith(("s", "x", "ch", "sh")) else "s"
    return f"{count} {one}{'' if count == 1 else ending}"


def _nearest(value: float) -> int:
    """Round halves up, as JavaScript's ``Math.round`` does and Python's ``round`` does not."""
    return floor(value + 0.5)


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _clock(whole: int) -> str:
    minutes, rest = divmod(abs(whole), 60)
    hours, minutes = divmod(minutes, 60)
    sign = "\u2212" if whole < 0 else ""
    return f"{sign}{hours}:{minutes:02}:{rest:02}" if hours else f"{sign}{minutes}:{rest:02}"
