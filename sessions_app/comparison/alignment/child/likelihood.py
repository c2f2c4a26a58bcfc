"""Probabilities of timer values in the output of a CTC text recogniser (Graves et al., 2006)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions_app.comparison.alignment.child.timer_text import REPAIRED

Array = NDArray[Any]
DIGITS = "0123456789"
SEPARATORS = ":;：∶-.·'"
SEPARATOR = 11  # column of `collapse` with the sum of the probabilities of all separators
CLOSED = (9, 7, 10)  # columns of the digits 8, 6 and 9 in the result of `collapse`
# The recogniser often reads a dotted or slashed zero as 8, 6 or 9. Therefore this share of the probabilities of these
# three digits is added to the probability of the digit 0.
AS_ZERO = 0.5
UNSEPARATED = 0.3  # factor on the probability of times without a colon
LONGEST = 130  # longest time that a timer is expected to show, minutes
LEAST = 0.03
MOST_TIMES = 6
SURE_BLANK = 0.999  # minimum probability of the CTC blank at which a step counts as blank


def times_in(scores: Array, characters: Sequence[str]) -> list[tuple[float, float]]:
    """Return the most probable times as (seconds, probability), most probable first.

    scores: probabilities, shape (steps, characters). characters: "" stands for the CTC blank.
    """
    steps = collapse(scores, characters)
    # Keep only the first of consecutive blank steps: one is enough to separate equal digits.
    blank = steps[:, 0] >= SURE_BLANK
    steps = steps[~(blank & np.concatenate([[False], blank[:-1]]))]
    if not len(steps) or steps[:, 1:SEPARATOR].max() < LEAST:
        return []
    first, minutes = _minutes(steps)
    chances = np.zeros((LONGEST, 60))
    np.maximum.at(chances, minutes, first.T @ _seconds(steps))
    chances[60:] *= REPAIRED  # few timers show an hour or more: lower the probability
    best = np.argsort(-chances, axis=None)[:MOST_TIMES]
    return [(float(n), float(chances.flat[n])) for n in best if chances.flat[n] >= LEAST]


def collapse(scores: Array, characters: Sequence[str]) -> Array:
    """Return 12 columns: the sum of the blank and unused characters, the ten digits, and the sum of all separators."""
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
    shown = [*(str(m) for m in range(LONGEST)), *(f"0{m}" for m in range(10))]
    parts = [[text for text in shown if len(text) == length] for length in (1, 2, 3)]
    done = np.hstack([_forward(steps, _labels(part))[0][:-1] for part in parts])
    return done, [int(text) for part in parts for text in part]


def _seconds(steps: Array) -> Array:
    digits = _labels([f"{s:02d}" for s in range(60)])[:, ::-1]
    marked = np.hstack([digits, np.full((60, 1), SEPARATOR)])
    backward = steps[::-1]
    begun = _forward(backward, marked)[1] + UNSEPARATED * _forward(backward, digits)[1]
    return np.asarray(begun[:0:-1])


def _labels(texts: Sequence[str]) -> Array:
    return np.array([[1 + int(character) for character in text] for text in texts])


def _forward(steps: Array, labels: Array) -> tuple[Array, Array]:
    count, length = labels.shape
    states = np.zeros((count, 2 * length + 1), np.int64)
    states[:, 1::2] = labels
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
