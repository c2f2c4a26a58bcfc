"""Which pixels of a line of text are its strokes, and not the ground they stand on; finds no lines.

A colour that is frequent inside the line's box and rare on the ground around it is the text's (or its outline's): the
ratio of two histograms, as in back-projection (Swain and Ballard 1991). Where several pictures of one line are at
hand, the ratio of most of them counts: the ground that moves behind a caption looks different in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from media_app.av.frames import Image

BINS = 16  # of each channel
LIKELY = 0.62  # share of a colour's frequency that lies inside: strokes are more frequent there than around
FREQUENT = 0.007  # share of the line's pixels that have a stroke's colour, at least, smoothed
MIN_RING = 0.1  # of the box's pixels: for less ground around it there is nothing to compare with
SPECK = 0.015  # of the squared height of the line: smaller specks are noise
SURE = 0.9  # share at which even a speck is a stroke
FRINGE = 0.03  # of the line's height, by which compression and smoothing smear a stroke


def stroke_mask(pictures: Sequence[Image], line: NDArray[np.bool_], ground: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """255 on the strokes and their fringes, 0 elsewhere; uint8, shape (h, w).

    pictures: of one line with ground around it, at least one, BGR, each of shape (h, w, 3). line: where the line's
    box is, bool, shape (h, w). ground: where neither it nor any other text is.
    """
    rows = np.flatnonzero(line.any(axis=1))
    height = int(rows[-1] - rows[0]) + 1
    if ground.sum() < MIN_RING * line.sum():
        ground = ~line
    likely, sure = (
        np.median(maps, axis=0) for maps in zip(*(_likelihood(p, line, ground) for p in pictures), strict=True)
    )
    core = np.where(line & (sure > LIKELY), 255, 0).astype(np.uint8)
    # What is like a stroke and beside one is its edge, though no other pixel has its colour.
    beside = cv2.dilate(core, np.ones((3, 3), np.uint8)) > 0
    mask = np.where((core > 0) | (beside & line & (likely > LIKELY)), 255, 0).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    areas = stats[:, cv2.CC_STAT_AREA]
    # A full stop is as small as a speck, but there is no doubt about its colour.
    sureness = np.bincount(labels.ravel(), weights=likely.ravel(), minlength=count) / areas
    kept = np.zeros(count, np.uint8)
    kept[1:] = np.where((areas[1:] >= SPECK * height**2) | (sureness[1:] > SURE), 255, 0)
    reach = 1 + round(FRINGE * height)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.dilate(kept[labels], disc), np.uint8)


def _likelihood(
    picture: Image, line: NDArray[np.bool_], ground: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of each pixel how much of its colour's frequency is the line's, 0 to 1; and the same, 0 for rare colours."""
    levels = (picture // (256 // BINS)).astype(np.intp)
    colours = (levels[..., 0] * BINS + levels[..., 1]) * BINS + levels[..., 2]
    inside, around = _frequency(colours[line]), _frequency(colours[ground])
    share = inside / (inside + around + 1e-9)
    # A ground that differs from place to place has many colours, a text few.
    frequent = np.where(inside >= FREQUENT, share, 0)
    return np.asarray(share[colours], np.float32), np.asarray(frequent[colours], np.float32)


def _frequency(colours: NDArray[np.intp]) -> NDArray[Any]:
    counts = np.bincount(colours, minlength=BINS**3).reshape(BINS, BINS, BINS).astype(np.float64)
    for axis in range(3):
        # Neighbouring bins share: noise must not move a colour out of its own.
        padded = np.pad(counts, [(1, 1) if axis == other else (0, 0) for other in range(3)], mode="edge")
        parts = [np.take(padded, range(shift, shift + BINS), axis) for shift in range(3)]
        counts = 0.25 * parts[0] + 0.5 * parts[1] + 0.25 * parts[2]
    return counts.ravel() / max(1, colours.size)
