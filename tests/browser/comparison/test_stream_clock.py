"""The stream of a video keeps the original's clock: the same picture at the same time, from the first to the last."""

import base64
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page

from sessions_app.comparison.samples.rendering.barcode import decode_barcode
from sessions_app.comparison.samples.rendering.clips import small_spec
from sessions_app.comparison.samples.rendering.encode import render
from sessions_app.comparison.samples.rendering.match import round_match
from tests.browser import shelf
from tests.browser.conftest import OpenPage
from tests.browser.videos.test_watch_page import choose_quality, expect_time, of_video, wait_loaded
from tests.support.program import Program

pytestmark = pytest.mark.services
FPS, SECONDS = 30, 20.0


@pytest.fixture(scope="module")
def video(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Pictures with their numbers, some of them decoded before they are shown (B-frames), and sound."""
    path = tmp_path_factory.mktemp("clock") / "numbered.mp4"
    spec = small_spec(
        "numbered", 10.0, 3, fps=Fraction(FPS), duration=SECONDS, gop=60, bframes=2, audio=True, frame_barcode=True
    )
    render(spec, round_match(77, 40.0), path)
    found = shelf.taken_in(program, path, title="Numbered")
    yield found
    program.call("DELETE", f"{shelf.LIBRARY}/{found['id']}")


def picture_at(page: Page, seconds: float) -> int:
    page.evaluate(
        """async (at) => { const v = document.querySelector('video');
            const shown = new Promise((resolve) => v.requestVideoFrameCallback(resolve));
            v.currentTime = at; await shown; }""",
        seconds,
    )
    page.wait_for_function("() => !document.querySelector('video').seeking")
    # Straight from the element: what lies over the picture on the page is not in the way.
    address = page.evaluate(
        """() => { const v = document.querySelector('video'), canvas = document.createElement('canvas');
            canvas.width = v.videoWidth;
            canvas.height = v.videoHeight;
            canvas.getContext('2d').drawImage(v, 0, 0);
            return canvas.toDataURL('image/png'); }"""
    )
    png = base64.b64decode(address.partition(",")[2])
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    return decode_barcode(picture)


@pytest.mark.parametrize("begins", [0.0, 10.0], ids=["from the beginning", "from the middle"])
def test_the_stream_shows_what_the_original_shows(open_page: OpenPage, video: dict[str, Any], begins: float) -> None:
    page = open_page(f"/watch/{video['id']}" + (f"#t={begins}" if begins else ""))
    wait_loaded(page)
    expect_time(page, begins, 0)
    length = of_video(page, "duration")
    choose_quality(page, "Auto")
    assert of_video(page, "currentTime") == pytest.approx(begins, abs=0.001)
    assert of_video(page, "duration") == pytest.approx(length, abs=0.05)
    # In the middle of each picture's time, so that neither neighbour is near.
    numbers = [0, 1, 179, 180, 181, 359, 360, 400, int(FPS * SECONDS) - 1]
    seen = [picture_at(page, (number + 0.5) / FPS) for number in numbers]
    assert seen == numbers
    ranges = page.evaluate(
        "(() => { const b = document.querySelector('video').buffered; "
        "return [...Array(b.length).keys()].map((n) => [b.start(n), b.end(n)]); })()"
    )
    assert len(ranges) == 1, ranges
    assert ranges[0] == pytest.approx([0.0, SECONDS], abs=0.03)
    choose_quality(page, "Original")
    assert [picture_at(page, (number + 0.5) / FPS) for number in numbers] == numbers


def test_it_plays_from_the_beginning_to_the_end(open_page: OpenPage, video: dict[str, Any]) -> None:
    page = open_page(f"/watch/{video['id']}")
    wait_loaded(page)
    choose_quality(page, "Auto")
    page.evaluate("document.querySelector('video').playbackRate = 4")
    page.keyboard.press("k")
    page.wait_for_function("() => document.querySelector('video').ended", timeout=60_000)
    assert of_video(page, "currentTime") == pytest.approx(SECONDS, abs=0.05)
    played = page.evaluate(
        "(() => { const p = document.querySelector('video').played; return [p.length, p.start(0)]; })()"
    )
    assert played == [1, 0]
