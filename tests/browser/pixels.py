"""Which frame each video shows, read from the pixels of a screenshot: what a person would see, whatever scripts say."""

from fractions import Fraction

import cv2
import numpy as np
from playwright.sync_api import Page, expect

from sessions_app.comparison.samples.rendering.barcode import decode_barcode

LOOKS = 10
PLACES = """() => [...document.querySelectorAll('[data-pane]')].map((pane) => {
        const r = pane.querySelector('[data-pic]').getBoundingClientRect();
        // In a row its place may be higher than the picture, which stands in its middle then.
        const { videoWidth: w, videoHeight: h } = pane.querySelector('video');
        const scale = w && h ? Math.min(r.width / w, r.height / h) : 0;
        const [width, height] = scale ? [w * scale, h * scale] : [r.width, r.height];
        return [pane.dataset.pane, r.x + (r.width - width) / 2, r.y + (r.height - height) / 2, width, height];
    })"""


def frames_on_screen(page: Page, *, only: str = "") -> dict[str, int]:
    """Frame number by vod_id of every pane in one screenshot, or of one. Raises ValueError where none can be read.

    A picture that is just being drawn again, as where a bar beside it goes, is looked at a few times.
    """
    for _ in range(LOOKS - 1):
        try:
            return _read(page, only)
        except ValueError:
            page.wait_for_timeout(100)
    return _read(page, only)


def _read(page: Page, only: str) -> dict[str, int]:
    before, places = None, page.evaluate(PLACES)
    while places != before:
        picture = page.screenshot()
        before, places = places, page.evaluate(PLACES)
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    found = {}
    for vod_id, x, y, width, height in places:
        if only and vod_id != only:
            continue
        crop = image[round(y) : round(y + height), round(x) : round(x + width)]
        found[vod_id] = decode_barcode(crop)
    return found


def wait_until_standing(page: Page) -> None:
    """Wait until the comparison player says that every video shows the frame of its moment.

    What was pressed before shows with the next picture that is drawn; until then the old word stands.
    """
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    expect(page.locator("[data-sync-word]")).to_have_text("paused, in sync")


def spread(frames: dict[str, int], rates: dict[str, Fraction], starts: dict[str, float]) -> float:
    """Seconds by which the frames shown cannot be of one moment; 0 when there is a moment that all of them show.

    A frame is on screen from its timestamp to the next one; ``starts`` are the moments of each video's first frame.
    """
    begin = max(starts[vod_id] + float(frame / rates[vod_id]) for vod_id, frame in frames.items())
    end = min(starts[vod_id] + float((frame + 1) / rates[vod_id]) for vod_id, frame in frames.items())
    return max(0.0, begin - end)
