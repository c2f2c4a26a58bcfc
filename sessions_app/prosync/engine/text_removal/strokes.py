"""Separation of a text line's strokes from the background.

A colour that is frequent inside the line's box and rare around the box is text. This is a ratio of histograms, as in
back-projection (Swain and Ballard 1991).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from media_app.av.frames import Image

BINS = 16
# A colour belongs to text if i / (i + a) is above this value. i, a: frequencies of the colour inside and around the
# line's box.
LIKELY = 0.62
FREQUENT = 0.007  # minimum share of the box's pixels that must have a colour for it to be a reliable text colour
# If there are fewer background pixels than this share of the pixels in the line's box, all pixels outside the box count
# as background.
MIN_RING = 0.1
SPECK = 0.015  # area below which a speck is removed, in squared line heights
SURE = 0.9  # certainty (0 to 1) above which a smaller speck, such as a full stop, is kept
FRINGE = 0.03


def stroke_mask(pictures: Sequence[Image], line: NDArray[np.bool_], ground: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return a mask, shape (h, w): 255 on strokes and on a narrow margin around them, otherwise 0.

    pictures: BGR pictures of a line, shape (h, w, 3). line: pixels in the line's box. ground: pixels without text.
    """
    rows = np.flatnonzero(line.any(axis=1))
    height = int(rows[-1] - rows[0]) + 1
    if ground.sum() < MIN_RING * line.sum():
        ground = ~line
    likely, sure = (
        np.median(maps, axis=0) for maps in zip(*(_likelihood(p, line, ground) for p in pictures), strict=True)
    )
    core = np.where(line & (sure > LIKELY), 255, 0).astype(np.uint8)
    beside = cv2.dilate(core, np.ones((3, 3), np.uint8)) > 0
    mask = np.where((core > 0) | (beside & line & (likely > LIKELY)), 255, 0).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    areas = stats[:, cv2.CC_STAT_AREA]
    sureness = np.bincount(labels.ravel(), weights=likely.ravel(), minlength=count) / areas
    kept = np.zeros(count, np.uint8)
    kept[1:] = np.where((areas[1:] >= SPECK * height**2) | (sureness[1:] > SURE), 255, 0)
    reach = 1 + round(FRINGE * height)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.dilate(kept[labels], disc), np.uint8)


def _likelihood(
    picture: Image, line: NDArray[np.bool_], ground: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    levels = (picture // (256 // BINS)).astype(np.intp)
    colours = (levels[..., 0] * BINS + levels[..., 1]) * BINS + levels[..., 2]
    inside, around = _frequency(colours[line]), _frequency(colours[ground])
    share = inside / (inside + around + 1e-9)
    frequent = np.where(inside >= FREQUENT, share, 0)
    return np.asarray(share[colours], np.float32), np.asarray(frequent[colours], np.float32)


def _frequency(colours: NDArray[np.intp]) -> NDArray[Any]:
    counts = np.bincount(colours, minlength=BINS**3).reshape(BINS, BINS, BINS).astype(np.float64)
    for axis in range(3):
        padded = np.pad(counts, [(1, 1) if axis == other else (0, 0) for other in range(3)], mode="edge")
        parts = [np.take(padded, range(shift, shift + BINS), axis) for shift in range(3)]
        counts = 0.25 * parts[0] + 0.5 * parts[1] + 0.25 * parts[2]
    return counts.ravel() / max(1, colours.size)
