"""Copies of the videos for quick seeking, made from the comparison page and played there."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.backstage import Backstage
from tests.browser.conftest import OpenPage, Recording, make_comparison
from tests.support.footage import convert
from tests.support.program import Program

pytestmark = pytest.mark.services
ORIGINAL, COPY = re.compile("/stream/"), re.compile("/renditions/")


def test_quick_copies_are_made_and_played(
    open_page: OpenPage, backstage: Backstage, comparison: dict[str, Any]
) -> None:
    backstage.no_copies()
    page = open_page(f"/compare/{comparison['session_id']}", quiet=False)
    expect(page.locator("[data-sync-word]")).to_have_text("paused, in sync")
    offer = page.locator("[data-copies-offer]")
    # Each seek arrives as late as from a keyframe far behind.
    page.evaluate(
        """() => { const time = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "currentTime");
            Object.defineProperty(HTMLMediaElement.prototype, "currentTime", { configurable: true, get: time.get,
                set(value) { setTimeout(() => time.set.call(this, value), 600); } }); }"""
    )
    for _ in range(5):
        move_on(page)
    expect(offer).to_contain_text("Seeking in these videos is slow.")
    offer.get_by_role("button", name="Not now").click()
    for _ in range(5):
        move_on(page)
    expect(offer).to_be_hidden()

    asked: list[str] = []

    def refuse_the_second(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) == 2:
            return route.fulfill(status=503, json={"error": "Too much to do.", "type": "unavailable"})
        return route.fallback()

    page.route("**/renditions", refuse_the_second)
    page.reload()
    open_details(page)
    make = page.get_by_role("button", name="Make quick copies for fast seeking")
    toggle = page.get_by_role("button", name="Quick copies", exact=True)
    make.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Too much to do.")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Making quick copies")).to_be_visible()
    expect(toggle).to_have_attribute("aria-pressed", "false", timeout=120_000)
    expect_sources(page, ORIGINAL)
    toggle.press("Enter")
    expect(page.locator("[data-pane] video").first).to_have_attribute("src", COPY)
    make.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Making quick copies")).to_be_visible()
    expect(toggle).to_be_visible(timeout=120_000)
    expect(make).to_have_count(0)
    expect(toggle).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-sync-word]")).not_to_have_text("loading", timeout=60_000)
    page.reload()
    open_details(page)
    expect(toggle).to_have_attribute("aria-pressed", "true")
    expect_sources(page, COPY)
    toggle.press("Enter")
    expect_sources(page, ORIGINAL)
    page.reload()
    expect_sources(page, ORIGINAL)


def test_what_the_browser_cannot_show_is_copied_without_being_asked(
    open_page: OpenPage, program: Program, backstage: Backstage, recordings: list[Recording], own_folder: Path
) -> None:
    backstage.no_copies()
    alpha = recordings[0].path
    hevc = convert(alpha, own_folder / "hevc.mp4", "-t", "12", "-c:v", "libx265", "-preset", "ultrafast",
                   "-x265-params", "log-level=error:pools=none:frame-threads=1", "-tag:v", "hvc1", "-c:a",
                   "copy")  # fmt: skip
    stream = convert(alpha, own_folder / "stream.ts", "-c", "copy")
    session = make_comparison(program, [alpha, hevc, stream])
    # Creating the comparison starts a job that makes a playable copy of the transport stream.
    program.wait_for_jobs()
    page = open_page(f"/compare/{session['session_id']}", quiet=False)
    word, panes = page.locator("[data-sync-word]"), page.locator("[data-pane]")
    expect(word).to_have_text("1 video failed")
    expect(panes.nth(1)).to_contain_text("Making a copy that this browser can play.", timeout=30_000)
    expect(panes.nth(1).locator("[data-out-of-step]")).to_have_text("–")
    expect(panes.nth(1).locator("video")).to_have_attribute("src", COPY, timeout=120_000)
    expect(word).to_have_text("paused, in sync", timeout=60_000)
    assert page.evaluate("[...document.querySelectorAll('[data-pane] video')].every((one) => one.videoWidth > 0)")
    expect(panes.nth(2).locator("video")).to_have_attribute("src", ORIGINAL)
    open_details(page)
    expect(page.get_by_role("button", name="Make quick copies for fast seeking")).to_be_visible()


def open_details(page: Page) -> None:
    page.locator(".sync > summary").click()


def move_on(page: Page) -> None:
    """One second, and wait until all pictures stand there."""
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-sync-word]")).not_to_have_text("paused, in sync")
    expect(page.locator("[data-sync-word]")).to_have_text("paused, in sync")


def expect_sources(page: Page, kind: re.Pattern[str]) -> None:
    videos = page.locator("[data-pane] video")
    expect(videos).to_have_count(3)
    for video in videos.all():
        expect(video).to_have_attribute("src", kind)
