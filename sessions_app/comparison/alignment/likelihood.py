"""How probable each time, minutes and seconds, is in what a recogniser gives for a crop: no letter is chosen early.

A recogniser gives a probability of each character at each step across the crop, and of "no character" (CTC, Graves et
al. 2006). The usual way takes the best character of each step; at 10 pixels of height that makes 1:18 of 1:13, and
8 of a zero with a dot in it. Here all times are weighed, and the readings of other frames decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions_app.comparison.alignment.timer_text import REPAIRED

Array = NDArray[Any]
DIGITS = "0123456789"
SEPARATORS = ":;：∶-.·'"
SEPARATOR = 11  # among the columns of `collapsed`, after the blank and ten digits
CLOSED = (9, 7, 10)  # columns of 8, 6 and 9, as which a dotted or slashed zero is read
AS_ZERO = 0.5  # what their probability is worth for a zero
UNSEPARATED = 0.3  # what digits are worth without a colon between them
LONGEST = 130  # minutes
LEAST = 0.03
MOST_TIMES = 6


def times_in(scores: Array, characters: Sequence[str]) -> list[tuple[float, float]]:
    """The most probable times: (seconds, probability), best first.

    scores: probabilities, shape (steps, characters). characters: what each column stands for, "" where nothing does.
    """
    steps = collapsed(scores, characters)
    # Steps that are sure of no character tell nothing.
    steps = steps[steps[:, 0] < 0.999]
    if not len(steps) or steps[:, 1:SEPARATOR].max() < LEAST:
        return []
    first, minutes = _minutes(steps)
    chances = np.zeros((LONGEST, 60))
    np.maximum.at(chances, minutes, first.T @ _seconds(steps))
    chances[60:] *= REPAIRED  # as in a text: few timers count on in minutes
    best = np.argsort(-chances, axis=None)[:MOST_TIMES]
    return [(float(n), float(chances.flat[n])) for n in best if chances.flat[n] >= LEAST]


def collapsed(scores: Array, characters: Sequence[str]) -> Array:
    """The same over 12 columns: blank and all that a time has not, the digits, any separator."""
    steps = scores @ _columns(tuple(characters))
    steps[:, 1] += AS_ZERO * steps[:, CLOSED].sum(axis=1)
    return np.asarray(steps)


@cache
def _columns(characters: tuple[str, ...]) -> Array:
    found = np.zeros((len(characters), 12), np.float32)
    for number, character in enumerate(characters):
        if character and character in DIGITS:
            found[number, 1 + int(character)] = 1
        else:
            found[number, SEPARATOR if character and character in SEPARATORS else 0] = 1
    return found


def _minutes(steps: Array) -> tuple[Array, list[int]]:
    """The probability that the first t steps say a text, shape (steps, texts), and the minutes that each text means."""
    shown = [*(str(m) for m in range(LONGEST)), *(f"0{m}" for m in range(10))]
    parts = [[text for text in shown if len(text) == length] for length in (1, 2, 3)]
    done = np.hstack([_forward(steps, _labels(part))[0][:-1] for part in parts])
    return done, [int(text) for part in parts for text in part]


def _seconds(steps: Array) -> Array:
    """The probability that all steps from t on say so many seconds, and begin at t itself: shape (steps, 60)."""
    digits = _labels([f"{s:02d}" for s in range(60)])[:, ::-1]
    marked = np.hstack([digits, np.full((60, 1), SEPARATOR)])
    backward = steps[::-1]
    begun = _forward(backward, marked)[1] + UNSEPARATED * _forward(backward, digits)[1]
    return np.asarray(begun[:0:-1])


def _labels(texts: Sequence[str]) -> Array:
    return np.array([[1 + int(character) for character in text] for text in texts])


def _forward(steps: Array, labels: Array) -> tuple[Array, Array]:
    """CTC's forward probabilities of texts of one length, after 0, 1, … all steps: shape (steps + 1, texts) each.

    Returns how probable it is that a text is complete, and that it is and its last character stands in the last step.
    """
    count, length = labels.shape
    states = np.zeros((count, 2 * length + 1), np.int64)
    states[:, 1::2] = labels
    # From one character to the next without a blank, unless they are the same.
    direct = np.zeros(states.shape, bool)
    direct[:, 3::2] = labels[:, 1:] != labels[:, :-1]
    now = np.zeros(states.shape)
    now[:, 0] = 1
    complete, ending = [np.zeros(count)], [np.zeros(count)]
    for step in steps:
        came = now.copy()
        came[:, 1:] += now[:, :-1]
        came[:, 2:] += direct[:, 2:] * now[:, :-2]
        now = came * step[states]
        ending.append(now[:, -2])
        complete.append(now[:, -2] + now[:, -1])
    return np.array(complete), np.array(ending)
