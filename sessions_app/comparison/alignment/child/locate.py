"""Search for the timer in pictures: near the box that the user drew (the hint), at the edges, or anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from media_app.av.frames import WHOLE, Box, Image, Picture
from sessions_app.comparison.alignment.child.reader import DETECTOR_STRIDE, Reading, TextFinder, TimerReader
from sessions_app.comparison.alignment.child.timer_text import GameProfile

HINT_GROWTH = (0.6, 1.2)  # the user's box grows by these shares of its width and height: users draw loosely
HINT_HEIGHT = 160  # height in pixels to which the user's box is scaled for text detection
HINT_SCALES = (1, 3)
# Share of the frame's height. If the user's box is taller and no timer is found in it, the box is searched again at a
# higher resolution.
LARGE_HINT = 0.12
COARSE_WIDTH = 736  # width in pixels to which a frame is scaled; enough for text 12 pixels high
EDGE = 0.25  # share of the frame's height that is searched at the top, and at the bottom
TILE = (640, 384)
TILE_OVERLAP = 96
FINE_WIDTH = 1280
MAX_BOXES = 40
# maximum vertical distance between the centres of two boxes at the same position, as a share of the smaller height
SAME_PLACE = 0.6
LEAST = 0.3  # minimum confidence with which the text of a possible timer is read
LEAST_IN_HINT = 0.1  # minimum confidence with which a text near the user's box is read
MARGIN = 0.12  # margin around a detected text, as a share of its height


@dataclass(slots=True)
class Candidate:
    """A possible position of the timer. box: smallest box around all texts found at this position."""

    box: Box
    readings: list[Reading] = field(default_factory=list)

    @property
    def is_separated(self) -> bool:
        return any(reading.is_separated for reading in self.readings)

    @property
    def worth(self) -> tuple[bool, float]:
        total = sum(r.confidence for r in self.readings)
        return self.is_separated, total * (2.0 if len({r.value for r in self.readings}) > 1 else 1.0)

    def holds(self, box: Box) -> bool:
        mine = self.box
        apart = abs((mine.y + mine.height / 2) - (box.y + box.height / 2))
        return (
            apart < SAME_PLACE * min(mine.height, box.height)
            and max(mine.height, box.height) < 1.8 * min(mine.height, box.height)
            and mine.x < box.x + box.width
            and box.x < mine.x + mine.width
        )

    def add(self, box: Box, reading: Reading) -> None:
        mine = self.box
        x0, y0 = min(mine.x, box.x), min(mine.y, box.y)
        x1, y1 = max(mine.x + mine.width, box.x + box.width), max(mine.y + mine.height, box.y + box.height)
        self.box = Box(x0, y0, x1 - x0, y1 - y0)
        self.readings.append(reading)


class Locator:
    def __init__(self, finder: TextFinder, reader: TimerReader, profile: GameProfile) -> None:
        self._finder = finder
        self._reader = reader
        self._profile = profile
        self.seen: list[str] = []

    def near(self, hint: Box, pictures: Sequence[Picture]) -> list[Candidate]:
        region = hint.grown(*HINT_GROWTH)
        found: list[Candidate] = []
        for scale in HINT_SCALES if hint.height > LARGE_HINT else HINT_SCALES[:1]:
            for picture in pictures:
                self._look(picture.crop(region), region, HINT_HEIGHT * scale, found, least=LEAST_IN_HINT)
            if found:
                break
        return ranked(found)

    def find_at_edges(self, picture: Picture) -> list[Candidate]:
        found: list[Candidate] = []
        frame = picture.scaled(COARSE_WIDTH)
        # Make the height a multiple of the detector's stride; otherwise, the detector's scaling blurs the text.
        height = DETECTOR_STRIDE * max(1, round(EDGE * len(frame) / DETECTOR_STRIDE))
        for top in (0, len(frame) - height):
            place = Box(0.0, top / len(frame), 1.0, height / len(frame))
            self._look(frame[top : top + height], place, height, found, picture)
        return ranked(found)

    def find_anywhere(self, picture: Picture, fine: bool) -> list[Candidate]:
        """Return possible timers in the complete frame, best first. fine: whether to search high-resolution tiles."""
        found: list[Candidate] = []
        frame = picture.scaled(FINE_WIDTH if fine else COARSE_WIDTH)
        height, width = frame.shape[:2]
        for top in _starts(height, TILE[1] if fine else height):
            for left in _starts(width, TILE[0] if fine else width):
                tile = frame[top : top + TILE[1], left : left + TILE[0]] if fine else frame
                place = Box(left / width, top / height, tile.shape[1] / width, tile.shape[0] / height)
                self._look(tile, place, tile.shape[0], found, picture)
        return ranked(found)

    def _look(
        self,
        image: Image,
        place: Box,
        height: int,
        found: list[Candidate],
        fine: Picture | None = None,
        *,
        least: float = LEAST,
    ) -> None:
        shown_height, shown_width = image.shape[:2]
        boxes = []
        crops = []
        for text in sorted(self._finder.find(image, height), key=lambda b: -b.score)[:MAX_BOXES]:
            high, wide = text.y1 - text.y0, text.x1 - text.x0
            if not 0.9 < wide / high < 9:
                continue
            pad = MARGIN * high
            x0, y0 = max(0, int(text.x0 - pad)), max(0, int(text.y0 - pad))
            x1, y1 = min(shown_width, round(text.x1 + pad)), min(shown_height, round(text.y1 + pad))
            box = Box(
                place.x + x0 / shown_width * place.width,
                place.y + y0 / shown_height * place.height,
                (x1 - x0) / shown_width * place.width,
                (y1 - y0) / shown_height * place.height,
            )
            boxes.append(box)
            crops.append(fine.crop(box) if fine is not None else image[y0:y1, x0:x1])
        for box, reading in zip(boxes, self._reader.read(crops, self._profile), strict=True):
            if reading.value is None or reading.confidence < least:
                if reading.text:
                    self.seen.append(reading.text)
                continue
            for candidate in found:
                if candidate.holds(box):
                    candidate.add(box, reading)
                    break
            else:
                found.append(Candidate(box, [reading]))


def ranked(candidates: list[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda c: c.worth, reverse=True)


def fallback(hint: Box | None) -> Box:
    return hint.clipped() if hint is not None else WHOLE


def _starts(length: int, tile: int) -> list[int]:
    if length <= tile:
        return [0]
    count = -(-(length - TILE_OVERLAP) // (tile - TILE_OVERLAP))
    return [round(k * (length - tile) / (count - 1)) for k in range(count)]
