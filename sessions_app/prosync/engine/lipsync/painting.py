from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from media_app.av.frames import Image
from sessions_app.prosync.engine.frame_patching.painting import Patch
from sessions_app.prosync.engine.lipsync.shape import NODES, Mouth

Field = NDArray[np.float32]
Floats = NDArray[np.float64]
Colour = NDArray[np.float64]
Corners = tuple[int, int, int, int]

# Maximum distance of painted pixels to the side of the mouth's centre, and below the chin. The unit of this length, and
# of other lengths without a unit in this module, is the distance between the eyes.
REACH_ASIDE, REACH_DOWN = 0.78, 0.45
JAW_HALF = 0.5
JAW_SHARE = 0.85  # movement of the chin, as a share of the lower lip's movement
# depth below the lower lip from which skin moves only with the jaw, as a share of the distance from lip to chin
LIP_DEPTH = 0.7
BELOW_CHIN = 0.35
MIN_FALL = 2.0
COARSE = 64
# movement in pixels at which the opacity of repainted pixels is 0.8
NOTICED = 0.25
TABLE = 512
CENTRE = len(NODES) // 2
AROUND = 1.06
# Mesh points of lips often lie on teeth. The edges of closing lips are therefore moved outwards by this share of the
# closing distance.
LIP_MARGIN = 0.09
NEAR_CORNERS = 0.005
LIP = 0.09
# Closing lips are painted thicker: a pixel at distance d from a lip's edge gets the colour from distance (1 − s) × d.
# Near the edge, s = FULLER × (distance by which the lips close), at most MAX_FULLER. Farther away, s falls to 0.
FULLER, MAX_FULLER = 2.2, 0.42
TEETH_REACH, TEETH_STEPS = 0.05, 11
PALE = 0.55  # maximum saturation of teeth, as a share of the lip's saturation
# Shadow between closed lips: half of its minimum height, as a share of the distance between the eyes, and the shares by
# which the shadow darkens blue, green and red.
SEAM, SEAM_DARK = 0.018, (0.38, 0.38, 0.26)
# minimum distance between the lips at which the inside of the mouth is fully lit, as a share of the distance between
# the eyes
LIT = 0.085
MIN_LIGHT = 0.35
# BGR colours of a drawn mouth's inside, and the usual BGR colour of skin
DARK, TEETH, TONGUE, USUAL_SKIN = (22, 16, 40), (165, 180, 190), (70, 70, 130), (120.0, 140.0, 190.0)


@dataclass(frozen=True, slots=True)
class Inside:
    """The inside of an open mouth. image: BGR. mouth: the mouth's shape in the image.

    skin: BGR colour of the skin around the mouth. is_drawn: False if the inside is copied from the video.
    """

    image: Image
    mouth: Mouth
    skin: Colour
    is_drawn: bool = False


def seen(image: Image, corner: tuple[int, int], mouth: Mouth) -> Inside:
    """Return the inside of an open mouth. corner: the image's upper left corner in the frame."""
    moved = replace(mouth, origin=mouth.origin - corner)
    return Inside(image, moved, skin_colour(image, moved))


def drawn() -> Inside:
    half, height, unit = 0.27, 0.2, 400
    side, middle = round(0.7 * unit), round(0.35 * unit)
    mouth = Mouth(
        np.array([middle, middle], float), np.eye(2) * unit, half,
        -0.3 * height * (1 - NODES**2), 0.7 * height * (1 - NODES**2), -0.25, 0.45, 1.0,
    )  # fmt: skip
    image = np.full((side, side, 3), DARK, np.float32)
    x = (np.arange(side) - middle)[None] / unit
    y = (np.arange(side) - middle)[:, None] / unit
    arch = -0.3 * height * (1 - (x / half) ** 2)
    teeth = np.clip((arch + 0.055 - 0.25 * x**2 - y) / 0.012, 0, 1) * np.clip((0.17 - np.abs(x)) / 0.06, 0, 1)
    tongue = np.clip((y - 0.45 * height) / 0.05, 0, 1) * np.clip((0.2 - np.abs(x)) / 0.1, 0, 1)
    for share, colour in ((0.8 * teeth, TEETH), (0.6 * tongue, TONGUE)):
        image += share[..., None].astype(np.float32) * (np.array(colour, np.float32) - image)
    shade = np.clip(0.45 + (y - arch) / 0.05, 0.45, 1)[..., None]
    smooth = cv2.GaussianBlur((image * shade).astype(np.uint8), (0, 0), 2.0)
    return Inside(np.asarray(smooth, np.uint8), mouth, np.array(USUAL_SKIN), is_drawn=True)


def skin_colour(image: Image, mouth: Mouth) -> Colour:
    places = [(dx * mouth.half, mouth.nose * 0.55) for dx in (-0.8, -0.4, 0.4, 0.8)]
    places += [(side * mouth.half * 1.35, dy * mouth.half) for side in (-1, 1) for dy in (-0.4, 0.0, 0.4)]
    points = np.array(places) @ mouth.axes.T + mouth.origin
    columns = np.clip(points[:, 0].round().astype(int), 0, image.shape[1] - 1)
    rows = np.clip(points[:, 1].round().astype(int), 0, image.shape[0] - 1)
    return np.asarray(np.median(image[rows, columns].astype(float), axis=0))


def repaint(image: Image, mouth: Mouth, wanted: Mouth, inside: Inside, weight: float) -> Patch | None:
    """Return a patch that changes ``mouth`` into ``wanted``, or None. weight: opacity of the mouth's inside."""
    size = (image.shape[1], image.shape[0])
    across = AROUND * max(mouth.half, wanted.half)
    high, low = min(float(wanted.upper.min()), 0.0) - 0.05, max(float(wanted.lower.max()), 0.0) + 0.05
    lips = _around(mouth, across, (high, low), size)
    whole = _around(mouth, max(REACH_ASIDE, across), (min(mouth.nose, high), max(mouth.chin + REACH_DOWN, low)), size)
    if min(_area(whole), _area(lips)) <= 0:
        return None
    skin = _Skin(mouth, wanted, _teeth(image, mouth, mouth.upper, -1), _teeth(image, mouth, mouth.lower, 1))
    box, columns, rows = skin.sources(whole, lips)
    between = _Lips(mouth, wanted, skin, lips)
    left, top = box[:2]
    part = np.s_[lips[1] - top : lips[3] - top, lips[0] - left : lips[2] - left]
    columns[part], rows[part] = between.sources(weight)
    painted = np.asarray(cv2.remap(image, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    moved_x = columns - np.arange(box[0], box[2], dtype=np.float32)
    moved_y = rows - np.arange(box[1], box[3], dtype=np.float32)[:, None]
    alpha = np.clip(cv2.magnitude(moved_x, moved_y) / NOTICED - 0.2, 0, 1)
    filled, inner = between.filled(painted[part], inside, skin_colour(image, mouth), weight)
    painted[part] = filled
    alpha[part] = np.maximum(alpha[part], inner)
    return Patch(left, top, painted, np.asarray(alpha, np.float32)) if alpha.any() else None


def _around(mouth: Mouth, aside: float, heights: tuple[float, float], size: tuple[int, int]) -> Corners:
    points = np.array([(x, y) for x in (-aside, aside) for y in heights]) @ mouth.axes.T + mouth.origin
    left, top = np.clip(np.floor(points.min(0)).astype(int), 0, size)
    right, bottom = np.clip(np.ceil(points.max(0)).astype(int), 0, size)
    return int(left), int(top), int(right), int(bottom)


def _area(box: Corners) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _own_frame(mouth: Mouth, columns: Field, rows: Field) -> tuple[Field, Field]:
    (a, b), (c, d) = np.linalg.inv(mouth.axes).astype(np.float32)
    columns = columns[None] - np.float32(mouth.origin[0])
    rows = rows[:, None] - np.float32(mouth.origin[1])
    return a * columns + b * rows, c * columns + d * rows


def _pixels(mouth: Mouth, x: Field, y: Field) -> tuple[Field, Field]:
    (a, b), (c, d) = mouth.axes.astype(np.float32)
    origin = mouth.origin.astype(np.float32)
    return a * x + b * y + origin[0], c * x + d * y + origin[1]


def _eased(values: Field) -> Field:
    return np.asarray(values * values * (3 - 2 * values), np.float32)


def _curve(values: NDArray[np.float64], along: Field) -> Field:
    table = np.interp(np.linspace(-1, 1, TABLE), NODES, values).astype(np.float32)
    places = np.clip((along + 1) * ((TABLE - 1) / 2), 0, TABLE - 1).astype(np.int32)
    return np.asarray(table[places])


class _Skin:
    """The warp of skin and lips.

    For each position in the new picture, it gives the source: the position in the original picture from which the
    colour is taken. Positions are in the mouth's coordinates.
    """

    def __init__(self, mouth: Mouth, wanted: Mouth, above: Floats, below: Floats) -> None:
        """above, below: how far teeth reach above the upper and below the lower lip, at :data:`NODES`."""
        self.mouth, self.wanted = mouth, wanted
        closing = (mouth.lower - mouth.upper) - (wanted.lower - wanted.upper)
        far = np.clip(closing / 0.02, 0, 1)
        margin = LIP_MARGIN * np.clip(closing, 0, None) + NEAR_CORNERS * far
        self.own_upper, self.own_lower = mouth.upper - margin, mouth.lower + margin
        self.above, self.below = far * above, far * below
        self.fullness = np.clip(closing * FULLER, -MAX_FULLER / 3, MAX_FULLER)
        self.jaw = np.float32((mouth.lower[CENTRE] - wanted.lower[CENTRE]) * JAW_SHARE)
        self.depth = np.float32(max(0.1, mouth.chin - self.jaw - wanted.lower[CENTRE]))
        self.fall = np.float32(max(BELOW_CHIN, MIN_FALL * abs(float(self.jaw)) / float(self.depth)))

    def aside(self, x: Field, y: Field) -> Field:
        """For each position (x, y) in the new picture, return the x coordinate of its source in the original picture.

        This gives the mouth the wanted width.
        """
        near = np.exp(-((x / 0.5) ** 2) - (y / 0.3) ** 2)
        return np.asarray(x * (1 + (self.mouth.half / self.wanted.half - 1) * near), np.float32)

    def from_above(self, along: Field, y: Field) -> Field:
        line = _curve(self.wanted.upper, along)
        near = _eased(np.clip(1 + (y - line) / np.float32(-self.mouth.nose * 0.95), 0, 1))
        moved = _curve(self.own_upper - self.wanted.upper, along) * near
        return y + moved + self.fuller(along, line - y) - self.beyond(self.above, along, line - y)

    def from_below(self, x: Field, along: Field, y: Field) -> Field:
        below = y - _curve(self.wanted.lower, along)
        depth = below / self.depth
        mix = _eased(np.clip(depth / LIP_DEPTH, 0, 1))
        fall = _eased(np.clip(1 - (depth - 1) / self.fall, 0, 1))
        of_lip = _curve(self.own_lower - self.wanted.lower, along)
        aside = (x / np.float32(JAW_HALF)) ** 2
        of_jaw = self.jaw * np.exp(-aside * aside)
        moved = (of_lip * (1 - mix) + of_jaw * mix) * fall
        return np.asarray(y + moved - self.fuller(along, below) + self.beyond(self.below, along, below), np.float32)

    @staticmethod
    def beyond(teeth: Floats, along: Field, away: Field) -> Field:
        return np.asarray(_curve(teeth, along) * np.exp(-((np.maximum(away, 0) / LIP) ** 2)), np.float32)

    def fuller(self, along: Field, away: Field) -> Field:
        """Return the vertical shift that makes closing lips thicker. away: distance from the lip's edge."""
        away = np.maximum(away, 0)
        return np.asarray(_curve(self.fullness, along) * away * np.exp(-((away / LIP) ** 2)), np.float32)

    def sources(self, whole: Corners, lips: Corners) -> tuple[Corners, Field, Field]:
        """Return the box to repaint, and the column and row from which each of its pixels is taken.

        The box contains ``lips``. The warp, which is smooth, is computed on a coarse grid.
        """
        unit = float(np.sqrt(abs(np.linalg.det(self.mouth.axes))))
        step = max(1, round(unit / COARSE))
        columns = np.arange(whole[0] + (step - 1) / 2, whole[2] + step, step, dtype=np.float32)
        rows = np.arange(whole[1] + (step - 1) / 2, whole[3] + step, step, dtype=np.float32)
        x, y = _own_frame(self.mouth, columns, rows)
        from_x = self.aside(x, y)
        along = from_x / np.float32(self.mouth.half)
        from_y = np.where(y > 0, self.from_below(x, along, y), self.from_above(along, y))
        (a, b), (c, d) = self.mouth.axes.astype(np.float32)
        ways = np.dstack([a * (from_x - x) + b * (from_y - y), c * (from_x - x) + d * (from_y - y)])
        box = _union(_changing(ways, whole, step), lips)
        ways = cv2.resize(ways, None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR) if step > 1 else ways
        ways = ways[box[1] - whole[1] : box[3] - whole[1], box[0] - whole[0] : box[2] - whole[0]]
        columns = np.arange(box[0], box[2], dtype=np.float32)
        rows = np.arange(box[1], box[3], dtype=np.float32)
        return box, ways[..., 0] + columns, ways[..., 1] + rows[:, None]


def _teeth(image: Image, mouth: Mouth, edge: Floats, side: int) -> Floats:
    """Return how far teeth extend beyond a lip's edge at :data:`NODES`. side: 1 for teeth below it, -1 above it."""
    steps = np.linspace(0, TEETH_REACH, TEETH_STEPS)
    x = np.repeat((NODES * mouth.half)[:, None], TEETH_STEPS, axis=1).astype(np.float32)
    y = (edge[:, None] + side * steps).astype(np.float32)
    columns, rows = _pixels(mouth, x, y)
    seen = cv2.remap(image, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(float)
    brightest = seen.max(axis=2)
    pale = 1 - seen.min(axis=2) / np.maximum(brightest, 1)
    lip, light = np.median(pale[:, TEETH_STEPS // 2 :]), np.median(brightest[:, TEETH_STEPS // 2 :])
    is_tooth = (pale < PALE * lip) & (brightest > 0.7 * light)
    reach = np.where(is_tooth.all(1), 0, np.argmin(is_tooth, axis=1)) * (TEETH_REACH / (TEETH_STEPS - 1))
    weights = np.hanning(11)[1:-1]
    return np.asarray(np.convolve(np.pad(reach, 4, mode="edge"), weights / weights.sum(), "valid"))


def _changing(ways: Field, whole: Corners, step: int) -> Corners:
    moves = np.maximum(np.abs(ways[..., 0]), np.abs(ways[..., 1])) > 0.2 * NOTICED
    rows, columns = np.flatnonzero(moves.any(1)), np.flatnonzero(moves.any(0))
    if not len(rows):
        return whole[0], whole[1], whole[0], whole[1]
    left, right = whole[0] + step * (int(columns[0]) - 1), whole[0] + step * (int(columns[-1]) + 2)
    top, bottom = whole[1] + step * (int(rows[0]) - 1), whole[1] + step * (int(rows[-1]) + 2)
    return max(left, whole[0]), max(top, whole[1]), min(right, whole[2]), min(bottom, whole[3])


def _union(one: Corners, other: Corners) -> Corners:
    if not _area(one):
        return other
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


class _Lips:
    def __init__(self, mouth: Mouth, wanted: Mouth, skin: _Skin, box: Corners) -> None:
        self.mouth, self.wanted, self.skin = mouth, wanted, skin
        columns = np.arange(box[0], box[2], dtype=np.float32)
        rows = np.arange(box[1], box[3], dtype=np.float32)
        self.x, self.y = _own_frame(mouth, columns, rows)
        self.from_x = skin.aside(self.x, self.y)
        self.along = self.from_x / np.float32(mouth.half)
        self.upper, self.lower = _curve(wanted.upper, self.along), _curve(wanted.lower, self.along)
        self.gap = np.maximum(self.lower - self.upper, 1e-4)
        self.share = (self.y - self.upper) / self.gap
        self.unit = float(np.sqrt(abs(np.linalg.det(mouth.axes))))

    def sources(self, weight: float) -> tuple[Field, Field]:
        own_upper = _curve(self.skin.own_upper, self.along)
        own_lower = _curve(self.skin.own_lower, self.along)
        nearest = np.where(
            self.share < 0.5,
            own_upper - _curve(self.skin.above, self.along), own_lower + _curve(self.skin.below, self.along),
        )  # fmt: skip
        stretched = own_upper + self.share * (own_lower - own_upper)
        between = stretched + np.float32(weight) * (nearest - stretched)
        above = self.skin.from_above(self.along, self.y)
        below = self.skin.from_below(self.x, self.along, self.y)
        y = np.where(self.share <= 0, above, np.where(self.share >= 1, below, between))
        return _pixels(self.mouth, self.from_x, y)

    def filled(self, painted: Image, inside: Inside, skin: Colour, weight: float) -> tuple[Image, Field]:
        soft = max(1.0, 0.012 * self.unit)
        inset = np.minimum(self.y - self.upper, self.lower - self.y) * self.unit
        inner = np.asarray(np.clip(inset / soft, 0, 1), np.float32)
        shade = np.clip(skin / np.maximum(inside.skin, 1.0), 0.6, 1.6).astype(np.float32)
        light = MIN_LIGHT + (1 - MIN_LIGHT) * _eased(np.clip(self.gap / LIT, 0, 1))
        colours = self.sampled(inside) * shade * light[..., None]
        mix = (inner * np.float32(weight))[..., None]
        lips = painted * (1 - self.seam()[..., None] * np.array(SEAM_DARK, np.float32) * np.float32(weight))
        return np.clip(lips * (1 - mix) + colours * mix, 0, 255).astype(np.uint8), inner

    def seam(self) -> Field:
        closing = np.clip((self.mouth.lower - self.mouth.upper) - (self.wanted.lower - self.wanted.upper), 0, None)
        strength = _curve(np.clip(closing / 0.06, 0, 1), self.along) * np.clip(1 - self.gap / 0.05, 0, 1)
        off = (self.y - (self.upper + self.lower) / 2) / np.maximum(SEAM, self.gap / 2)
        return np.asarray(strength * np.exp(-(off**2)), np.float32)

    def sampled(self, inside: Inside) -> Field:
        open_mouth, wanted = inside.mouth, self.wanted
        x = self.x * np.float32(min(1.0, open_mouth.half / wanted.half))
        along = x / np.float32(open_mouth.half)
        upper, lower = _curve(open_mouth.upper, along), _curve(open_mouth.lower, along)
        margin = 0.1 * (lower - upper)

        def taken(y: Field) -> Field:
            columns, rows = _pixels(open_mouth, x, np.clip(y, upper + margin, lower - margin))
            found = cv2.remap(inside.image, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            return np.asarray(found, np.float32)

        above = taken(self.y - np.float32(wanted.upper[CENTRE] - open_mouth.upper[CENTRE]))
        below = taken(self.y - np.float32(wanted.lower[CENTRE] - open_mouth.lower[CENTRE]))
        mix = _eased(np.clip((self.share - 0.45) / 0.3, 0, 1))[..., None]
        return np.asarray(above * (1 - mix) + below * mix, np.float32)
