"""Conservative conversion of in-game timer text into seconds."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

# characters that text recognisers confuse with digits
DIGITS = str.maketrans("OoDQlIiL|!B", "00001111118")
SEPARATORS = str.maketrans({";": ":", "：": ":", "∶": ":", "·": ".", ",": ".", "。": ".", "．": ".", "'": ":"})
CLEAN, REPAIRED = 1.0, 0.6
MAX_HOURS = 100


@dataclass(frozen=True, slots=True)
class TimerValue:
    """A timer's time. Timers truncate, so the exact time was within [seconds, seconds + resolution).

    resolution: place value of the last digit, in seconds. trust: 0.6 for repaired or ambiguous text, else 1.
    """

    seconds: float
    resolution: float
    trust: float


@dataclass(frozen=True, slots=True)
class GameProfile:
    """A game's timer. slopes: directions in which it may count, 1 (up) or -1 (down)."""

    slopes: tuple[int, ...]
    longest: float


PROFILES = {
    "auto": GameProfile((-1, 1), MAX_HOURS * 3600.0),
    "apex": GameProfile((-1,), 600.0),
    "valorant": GameProfile((-1,), 180.0),
    "csgo": GameProfile((-1,), 600.0),
    "speedrun": GameProfile((1,), MAX_HOURS * 3600.0),
}

_FORMS = (
    # Patterns of times with the trust in a match, most exact first. The trust is lower if a point may be a misread
    # colon, and for minutes over 59, which may contain a misread zero.
    (re.compile(r"(?P<h>\d{1,2}):(?P<m>[0-5]\d):(?P<s>[0-5]\d)(?:\.(?P<f>\d{1,3}))?"), CLEAN),
    (re.compile(r"(?P<m>[0-5]?\d):(?P<s>[0-5]\d)(?:\.(?P<f>\d{1,3}))?"), CLEAN),
    (re.compile(r"(?P<m>\d{2,3}):(?P<s>[0-5]\d)(?:\.(?P<f>\d{1,3}))?"), REPAIRED),
    (re.compile(r":(?P<s>[0-5]\d)(?:\.(?P<f>\d{1,3}))?"), CLEAN),
    (re.compile(r"(?P<s>[0-5]?\d)\.(?P<f>\d)"), CLEAN),
    (re.compile(r"(?P<m>\d{1,2})\.(?P<s>[0-5]\d)\.(?P<f>\d{1,3})"), REPAIRED),
    (re.compile(r"(?P<m>\d{1,2}):(?P<s>[0-5]\d):(?P<f>\d{1,2})"), REPAIRED),
    (re.compile(r"(?P<s>[0-5]\d)\.(?P<f>\d\d)"), REPAIRED),
    (re.compile(r"(?P<m>\d{1,2})\.(?P<s>[0-5]\d)"), REPAIRED),
    (re.compile(r"(?P<s>\d)\.(?P<f>\d\d)"), REPAIRED),
)
_BARE = (re.compile(r"(?P<m>\d{1,2})(?P<s>[0-5]\d)"), REPAIRED)
_BEFORE_ZERO = re.compile(r"[-–−](?P<time>\d[\d:.]*\d)")
_STOPPAGE = re.compile(r"\+\d{1,2}$")  # stoppage time in football, "90:00+3"
# Two or more letters beside digits are a label; a single letter is a misread digit.
_LABELLED = re.compile(r"(?:[^\W\d_]{2,}[:.]?)?(?P<time>\d[\d:.]*\d)(?:[^\W\d_]{2,})?")


def normalise(text: str) -> str:
    """Replace all separators in a timer's text by ``:`` and ``.``."""
    text = text.strip().translate(SEPARATORS)
    text = re.sub(r"\s*([:.])\s*", r"\1", text)
    text = re.sub(r"(:[0-5]) (\d)$", r"\1\2", text)
    return re.sub(r"[:.]*:[:.]*", ":", re.sub(r"\.{2,}", ".", text))


def parse(text: str, profile: GameProfile = PROFILES["auto"]) -> TimerValue | None:
    return next(iter(possible_times(text, profile)), None)


def possible_times(text: str, profile: GameProfile = PROFILES["auto"]) -> list[TimerValue]:
    """Return the possible times in ``text``, likeliest first: ``13.07`` is 13.07 s or 13 min 7 s.

    The text may contain other words, but only one time. Repairs, such as O to 0, lower the trust.
    """
    text = normalise(text)
    if text.isascii() and text.isdigit():
        return _meanings_of_token(text, profile, (_BARE,))
    found = [values for chunk in text.split() if (values := _meanings_of_chunk(chunk, profile))]
    clean = [values for values in found if values[0].trust == CLEAN] or found
    return clean[0] if len(clean) == 1 else []


def is_separated(text: str) -> bool:
    return re.search(r"\d[:.]|[:.]\d", normalise(text).translate(DIGITS)) is not None


def _meanings_of_chunk(chunk: str, profile: GameProfile) -> list[TimerValue]:
    before = _BEFORE_ZERO.fullmatch(chunk)
    if before is not None:
        # Negative times are truncated towards zero: from -45.99 to -45 s, a timer shows -0:45.
        values = _meanings_of_token(before["time"], profile, _FORMS)
        return [replace(value, seconds=-value.seconds - value.resolution) for value in values]
    chunk = _STOPPAGE.sub("", chunk.strip('()[]{}<>-–—_*"').rstrip(".:"))
    values = _meanings_of_token(chunk, profile, _FORMS)
    if values:
        return values
    label = _LABELLED.fullmatch(chunk)
    if label is None:
        return []
    return [replace(value, trust=REPAIRED) for value in _meanings_of_token(label["time"], profile, _FORMS)]


def _meanings_of_token(
    token: str, profile: GameProfile, forms: Sequence[tuple[re.Pattern[str], float]]
) -> list[TimerValue]:
    trust = CLEAN
    digits = token.translate(DIGITS)
    if digits != token:
        if not re.search(r"\d", token) or not re.search(r"[:.]", digits):
            return []
        trust = REPAIRED
    found: list[TimerValue] = []
    for pattern, form_trust in forms:
        match = pattern.fullmatch(digits)
        if match is None:
            continue
        part = match.groupdict()
        fraction = part.get("f") or ""
        seconds = int(part.get("h") or 0) * 3600 + int(part.get("m") or 0) * 60 + int(part["s"])
        total = seconds + (int(fraction) / 10 ** len(fraction) if fraction else 0.0)
        if total <= profile.longest and all(value.seconds != total for value in found):
            found.append(TimerValue(total, 10.0 ** -len(fraction), min(trust, form_trust)))
    return found


def format_timer(seconds: float) -> str:
    if seconds < 0:
        return f"-{format_timer(math.ceil(-seconds) - 1)}"
    hours, rest = divmod(int(seconds + 1e-6), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
