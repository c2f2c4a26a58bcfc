"""Turn the text of an in-game timer into seconds, conservatively; knows nothing of pictures or videos."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

# Letters that readers give for digits. Nothing else is ever guessed into a digit.
DIGITS = str.maketrans("OoDQlIiL|!B", "00001111118")
SEPARATORS = str.maketrans({";": ":", "：": ":", "∶": ":", "·": ".", ",": ".", "。": ".", "．": ".", "'": ":"})
CLEAN, REPAIRED = 1.0, 0.6
MAX_HOURS = 100


@dataclass(frozen=True, slots=True)
class TimerValue:
    """What a timer says. seconds: its value; resolution: seconds of its last digit; trust: 1 clean, 0.6 repaired.

    The clock itself was within [seconds, seconds + resolution) when it was shown, for a timer that cuts off.
    """

    seconds: float
    resolution: float
    trust: float


@dataclass(frozen=True, slots=True)
class GameProfile:
    """What is known of a game's timer. slopes: directions of a running clock; longest: seconds it can show."""

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
    # (pattern, trust): the most exact first. A lone point between minutes and seconds is a misread colon
    # only when two digits follow, and then it could be hundredths: repaired, never clean.
    (re.compile(r"(?P<h>\d{1,2}):(?P<m>[0-5]\d):(?P<s>[0-5]\d)(?:\.(?P<f>\d{1,3}))?"), CLEAN),
    (re.compile(r"(?P<m>\d{1,3}):(?P<s>[0-5]\d)(?:\.(?P<f>\d{1,3}))?"), CLEAN),
    (re.compile(r":(?P<s>[0-5]\d)(?:\.(?P<f>\d{1,3}))?"), CLEAN),
    (re.compile(r"(?P<s>[0-5]?\d)\.(?P<f>\d)"), CLEAN),
    (re.compile(r"(?P<m>\d{1,2})\.(?P<s>[0-5]\d)\.(?P<f>\d{1,3})"), REPAIRED),
    (re.compile(r"(?P<m>\d{1,2}):(?P<s>[0-5]\d):(?P<f>\d{1,2})"), REPAIRED),
    (re.compile(r"(?P<m>\d{1,2})\.(?P<s>[0-5]\d)"), REPAIRED),
)
_BARE = (re.compile(r"(?P<m>\d{1,2})(?P<s>[0-5]\d)"), REPAIRED)
# One letter alone beside digits is a misread digit; two and more are a label.
_LABELLED = re.compile(r"(?:[^\W\d_]{2,}[:.]?)?(?P<time>\d[\d:.]*\d)(?:[^\W\d_]{2,})?")


def normalise(text: str) -> str:
    """Separators brought to ``:`` and ``.``, blanks beside them removed, doubled ones joined."""
    text = text.strip().translate(SEPARATORS)
    text = re.sub(r"\s*([:.])\s*", r"\1", text)
    return re.sub(r"[:.]*:[:.]*", ":", re.sub(r"\.{2,}", ".", text))


def parse(text: str, profile: GameProfile = PROFILES["auto"]) -> TimerValue | None:
    """The time that ``text`` shows, or None.

    ``text`` may hold other words ("ROUND 3 1:27"); two different times in it are nobody's time. The trust is
    lowered for letters taken as digits, which they are only beside a separator and a digit; for words written
    without a space before the time; and for digits without any separator, which have to be all there is.
    """
    text = normalise(text)
    if text.isascii() and text.isdigit():
        return _parse_token(text, profile, (_BARE,))
    found = [value for chunk in text.split() if (value := _parse_chunk(chunk, profile)) is not None]
    clean = [value for value in found if value.trust == CLEAN] or found
    return clean[0] if len(clean) == 1 else None


def _parse_chunk(chunk: str, profile: GameProfile) -> TimerValue | None:
    """The time in a piece of text without blanks: all of it, or all but a label or punctuation at its ends."""
    chunk = chunk.strip('()[]{}<>-–—_*"').rstrip(".:")
    value = _parse_token(chunk, profile, _FORMS)
    if value is not None:
        return value
    label = _LABELLED.fullmatch(chunk)
    if label is None:
        return None
    value = _parse_token(label["time"], profile, _FORMS)
    return None if value is None else replace(value, trust=REPAIRED)


def _parse_token(token: str, profile: GameProfile, forms: Sequence[tuple[re.Pattern[str], float]]) -> TimerValue | None:
    trust = CLEAN
    digits = token.translate(DIGITS)
    if digits != token:
        if not re.search(r"\d", token) or not re.search(r"[:.]", digits):
            return None
        trust = REPAIRED
    for pattern, form_trust in forms:
        match = pattern.fullmatch(digits)
        if match is None:
            continue
        part = match.groupdict()
        fraction = part.get("f") or ""
        seconds = int(part.get("h") or 0) * 3600 + int(part.get("m") or 0) * 60 + int(part["s"])
        total = seconds + (int(fraction) / 10 ** len(fraction) if fraction else 0.0)
        if total > profile.longest:
            return None
        return TimerValue(total, 10.0 ** -len(fraction), min(trust, form_trust))
    return None


def show(seconds: float) -> str:
    """Seconds as people write a timer, for sentences: 75.0 is ``1:15``."""
    whole = max(0, int(seconds + 1e-6))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
