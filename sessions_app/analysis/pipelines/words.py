from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vodplatform.core.formatting import clock, counted, duration, hundredths, tenths

# minimum sound or motion (0 to 1) that counts as unusual, and as very unusual
SOME, MUCH = 0.25, 0.6
LOUDER_DB = 6.0  # minimum dB above the usual level for the words "much louder"
HIT_DB = 10.0  # minimum dB above the usual level at which even a short sound is "louder"
TOGETHER_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Signals of a part of a video.

    - sound, motion: how far the loudest moment, and the one with most motion, exceed the usual range, 0 to 1.
    - decibels: how far the loudest moment is above the usual level, in dB.
    """

    sound: float
    motion: float
    decibels: float
    cuts: int
    has_sound: bool


def segment(seen: Measured) -> str:
    motion = _motion(seen.motion)
    if seen.has_sound:
        sound = "much louder than its surroundings" if seen.sound >= MUCH and seen.decibels >= LOUDER_DB else ""
        sound = sound or ("louder than its surroundings" if _is_louder(seen) else "sound as usual")
        sentence = f"{sound[0].upper()}{sound[1:]}, {motion}"
    else:
        sentence = f"{motion[0].upper()}{motion[1:]}"
    return f"{sentence}, {_counted(seen.cuts)}." if seen.cuts else f"{sentence}."


def highlight(seen: Measured) -> str:
    said = []
    if _is_louder(seen):
        is_much = seen.sound >= SOME and seen.decibels >= LOUDER_DB
        said.append("much louder than usual" if is_much else "louder than usual")
    if seen.motion >= SOME:
        said.append("much more motion than usual" if seen.motion >= MUCH else "more motion than usual")
    sentence = " and ".join(said) or "stands out a little from its surroundings"
    return f"{sentence[0].upper()}{sentence[1:]}{f', {_counted(seen.cuts)}' if seen.cuts else ''}."


def facts(seen: Measured, start: float, end: float) -> str:
    sound = f"sound {seen.decibels:+.0f} dB compared with the two minutes around it" if seen.has_sound else "no sound"
    return f"From {clock(start)} to {clock(end)}: {sound}, motion {seen.motion:.0%}."


def summary(
    lengths: Sequence[float], whole: float, loudest: float | None, liveliest: float | None, *, by_sound: bool
) -> str:
    """Return sentences that summarise the highlights.

    lengths: seconds of each highlight. whole: seconds of the video. loudest, liveliest: times of the most unusual
    sound and motion.
    """
    if not lengths:
        if by_sound:
            return f"No highlights found: no sound or motion in this video of {tenths(whole)} stands out."
        return f"No highlights found: no motion in this video of {tenths(whole)} stands out."
    count = len(lengths)
    text = f"{counted(count, 'highlight')}, {tenths(sum(lengths))}"
    text += f"{' in total' if count > 1 else ''}, from a video of {duration(whole)}."
    if loudest is not None and liveliest is not None and abs(loudest - liveliest) <= TOGETHER_SECONDS:
        return f"{text} The sound rises most sharply and the motion is most unusual at {clock(loudest)}."
    if loudest is not None:
        text += f" The sound rises most sharply at {clock(loudest)}."
    if liveliest is not None:
        text += f" The most unusual motion is at {clock(liveliest)}."
    return text


def nothing_reached(whole: float, least: float, best: float, start: float, end: float) -> str:
    return (
        f"Nothing in this video of {tenths(whole)} reaches the minimum score of {hundredths(least)}. "
        f"The best moment, from {clock(start)} to {clock(end)}, has a score of {hundredths(best)}."
    )


def _is_louder(seen: Measured) -> bool:
    return seen.has_sound and (seen.sound >= SOME or seen.decibels >= HIT_DB)


def _motion(share: float) -> str:
    if share >= MUCH:
        return "much more motion than usual"
    return "more motion than usual" if share >= SOME else "motion as usual"


def _counted(cuts: int) -> str:
    return "one cut" if cuts == 1 else counted(cuts, "cut")
