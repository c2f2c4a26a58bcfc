"""Exporting a video of a comparison by its page: what is in the file is what the page shows."""

from pathlib import Path

import av
import pytest
from playwright.sync_api import expect

from sessions_app.comparison.export.child.layouts import arrange
from sessions_app.comparison.samples.rendering.barcode import decode_barcode
from tests.browser.conftest import OpenPage
from tests.browser.pixels import frames_on_screen, wait_until_standing
from tests.support.program import BASE, Program

pytestmark = pytest.mark.services
START, SECONDS, FPS = 12.0, 2.0, 60
STANDS_AT = """(T) =>
    Math.abs(Number(document.querySelector("[data-lanes]").getAttribute("aria-valuenow")) - T) < 0.006"""


def test_each_tenth_frame_is_what_the_page_shows(
    open_page: OpenPage, address: str, program: Program, tmp_path: Path
) -> None:
    page = open_page(address, quiet=False)
    wait_until_standing(page)
    page.get_by_role("button", name="Export", exact=True).click()
    dialog = page.get_by_role("dialog", name="Export a video")
    dialog.get_by_text("Wipe", exact=True).click()
    dialog.get_by_label("From", exact=True).fill(f"0:{START}")
    dialog.get_by_label("To", exact=True).fill("1:00:00")
    dialog.get_by_role("button", name="Export", exact=True).click()
    expect(dialog.get_by_text("the end of the last VOD")).to_be_visible()
    dialog.get_by_label("To", exact=True).fill("soon")
    dialog.get_by_role("button", name="Export", exact=True).click()
    expect(dialog.get_by_text("Enter two times")).to_be_visible()
    dialog.get_by_label("To", exact=True).fill(str(START + SECONDS))
    dialog.get_by_text("Side by side", exact=True).click()
    dialog.get_by_label("Names").uncheck()
    dialog.get_by_label("Height").select_option("360")
    dialog.get_by_role("button", name="Export", exact=True).click()
    expect(dialog.get_by_role("progressbar", name="Exporting")).to_be_visible()
    link = dialog.locator("[data-export-link]")
    expect(link).to_be_visible()
    with page.expect_download() as download:
        link.click()
    assert download.value.suggested_filename == "Match 2041, round 7.mp4"
    made = tmp_path / "made.mp4"
    download.value.save_as(made)
    with av.open(str(made)) as container:
        pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert len(pictures) == SECONDS * FPS
    boxes = arrange("side_by_side", [(640, 360)] * 3, 360).boxes
    dialog.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Side by side").click()
    for number in range(0, len(pictures), 10):
        program.call("PUT", f"{BASE}/{address.rsplit('/', 1)[1]}/global-seek", {"timestamp": START + number / FPS})
        page.wait_for_function(STANDS_AT, arg=START + number / FPS, timeout=10_000)
        wait_until_standing(page)
        found = [decode_barcode(pictures[number][b.y : b.y + b.height, b.x : b.x + b.width]) for b in boxes]
        assert found == list(frames_on_screen(page).values()), number
