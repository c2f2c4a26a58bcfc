"""Two people with the same comparison open."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage, session_of
from tests.browser.expecting import fill
from tests.browser.pixels import frames_on_screen, wait_until_standing
from tests.support.program import BASE, Program
from tests.support.waiting import wait_until

pytestmark = pytest.mark.services


@pytest.fixture
def viewers(open_page: OpenPage, comparison: dict[str, Any]) -> tuple[Page, Page]:
    pages = tuple(open_page(f"/compare/{comparison['session_id']}") for _ in range(2))
    for page in pages:
        wait_until_standing(page)
    return pages  # type: ignore[return-value]


def time_of(page: Page) -> float:
    return float(page.locator("[data-lanes]").get_attribute("aria-valuenow") or "nan")


def wait_in(page: Page, condition: Callable[[], bool]) -> None:
    """Wait for a condition while the page's events are handled."""
    wait_until(lambda: page.evaluate("new Promise((r) => requestAnimationFrame(r))") is not False and condition())


def test_clock_and_offsets_are_shared_a_scrub_too_and_a_late_viewer_joins_where_it_plays(
    viewers: tuple[Page, Page], open_page: OpenPage, program: Program, comparison: dict[str, Any]
) -> None:
    here, there = viewers
    here.locator("[data-lanes]").press("PageUp")
    wait_in(there, lambda: time_of(there) == 10)
    there.locator("[data-lanes]").press("ArrowLeft")
    wait_in(here, lambda: time_of(here) == 9)
    fill(here.get_by_label("Offset of C in seconds"), "+2.5")
    expect(there.get_by_label("Offset of C in seconds")).to_have_value("+2.500 s")

    here.locator("[data-lanes]").press("k")
    expect(there.get_by_role("button", name="Pause")).to_be_visible()
    wait_in(there, lambda: time_of(there) > 10)
    there.get_by_role("button", name="0.5", exact=True).click()
    expect(here.get_by_role("button", name="0.5", exact=True)).to_have_attribute("aria-pressed", "true")
    wait_until(lambda: session_of(program, comparison["session_id"])["rate"] == 0.5)
    there.keyboard.press("k")
    expect(here.get_by_role("button", name="Play")).to_be_visible()
    for page in viewers:
        wait_until_standing(page)
    assert time_of(here) == pytest.approx(time_of(there), abs=0.011)

    sent: list[str] = []
    here.on("request", lambda request: sent.append(request.url) if "global-seek" in request.url else None)
    lanes: Any = here.locator("[data-lanes]").bounding_box()
    here.mouse.move(lanes["x"] + 40, lanes["y"] + 12)
    began = time.monotonic()
    here.mouse.down()
    for step in range(60):
        here.mouse.move(lanes["x"] + 40 + step * 12, lanes["y"] + 12)
    here.mouse.up()
    expect(here.locator("[data-sync-word]")).to_have_text("paused, in sync")

    def is_shared() -> bool:
        others = (time_of(there), session_of(program, comparison["session_id"])["global_time"])
        return time_of(here) > 5 and all(abs(other - time_of(here)) < 0.011 for other in others)

    wait_in(there, is_shared)  # the page draws the last position a moment after the pointer was released
    assert len(sent) <= 10 * (time.monotonic() - began) + 2

    program.call("PUT", f"{BASE}/{comparison['session_id']}/playback", {"state": "playing", "at": 8.0})
    late = open_page(f"/compare/{comparison['session_id']}")
    expect(late.get_by_role("button", name="Pause")).to_be_visible()
    expect(late.locator("[data-sync-word]")).to_have_text("in sync")
    wait_in(late, lambda: abs(time_of(late) - session_of(program, comparison["session_id"])["global_time"]) < 0.5)
    assert time_of(late) > 8


def test_a_seek_before_a_change(viewers: tuple[Page, Page], program: Program, comparison: dict[str, Any]) -> None:
    here, there = viewers
    url, seconds = f"{BASE}/{comparison['session_id']}", 0

    def after_a_seek(route: Route) -> None:
        if route.request.method == "PATCH":
            program.call("PUT", f"{url}/global-seek", {"timestamp": seconds})
        route.continue_()

    here.route(f"**{url}", after_a_seek)
    for layout, seconds in (("Side by side", 7), ("One large, others small", 3)):
        with here.expect_response(lambda answer: answer.request.method == "PATCH"):
            here.get_by_role("button", name=layout).click()
        for page in viewers:
            expect(page.locator("[data-lanes]")).to_have_attribute(
                "aria-valuenow", re.compile(rf"^{seconds}(\.0+)?$"), timeout=10_000
            )
        here.locator("[data-lanes]").press("PageUp")
        wait_in(there, lambda moved=seconds + 10: time_of(there) == moved)  # type: ignore[misc]


def test_each_video_has_a_shared_clock_of_its_own_while_they_are_kept_one_by_one(viewers: tuple[Page, Page]) -> None:
    def wait_for_frame(letter: str, frame: int) -> None:
        """Wait until both show this frame of a video, in their pixels."""
        for page in viewers:
            wait_until(lambda: frames_on_screen(page, only=letter)[letter] == frame)  # noqa: B023 - asked at once

    here, there = viewers
    there.locator("[data-lanes]").press("PageUp")
    wait_for_frame("A", 600)
    there.get_by_text("Sync details").click()
    there.get_by_text("Sync settings").click()
    there.get_by_role("button", name="Independently").click()
    for page in viewers:
        expect(page.locator("[data-pane=B][data-one-by-one]")).to_be_attached()
    before = frames_on_screen(here)
    there.get_by_role("button", name="B one frame forward").click()
    wait_for_frame("B", before["B"] + 1)
    assert frames_on_screen(here)["A"] == before["A"]
    there.get_by_role("button", name="Play only B").click()
    expect(here.get_by_role("button", name="Pause only B")).to_be_visible()
    wait_until(lambda: frames_on_screen(here)["B"] > before["B"] + 15, what="B to play for the other viewer")
    there.get_by_role("button", name="Pause only B").click()
    expect(here.get_by_role("button", name="Play only B")).to_be_visible()
    wait_until(lambda: frames_on_screen(here)["B"] == frames_on_screen(there)["B"], what="B at one frame for both")
    assert frames_on_screen(here)["A"] == before["A"]
    there.get_by_role("button", name="Together").click()
    wait_for_frame("B", before["B"])
