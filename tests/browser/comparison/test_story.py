"""A team reviews a match: its owner and an editor, each at a desk."""

from collections.abc import Sequence
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.backstage import Backstage
from tests.browser.conftest import OpenPage
from tests.browser.expecting import type_text
from tests.browser.pixels import frames_on_screen, wait_until_standing
from tests.support.program import BASE, Program
from tests.support.waiting import wait_until


def wait_for_frame(pages: Sequence[Page], letter: str, frame: int) -> None:
    """Wait until all show this frame of a video, in their pixels."""
    for page in pages:
        wait_until(lambda: frames_on_screen(page, only=letter)[letter] == frame)  # noqa: B023 - asked at once


@pytest.fixture
def pages(open_page: OpenPage, program: Program, backstage: Backstage, comparison: dict[str, Any]) -> tuple[Page, Page]:
    """The comparison as its owner and as an editor have it open."""
    address, editor = f"/compare/{comparison['session_id']}", backstage.person_session(name="jonas")
    program.call("POST", f"{BASE}/{comparison['session_id']}/shares", {"username": "jonas", "role": "editor"})
    owner, there = open_page(address), open_page(address, session=editor)
    for page in (owner, there):
        wait_until_standing(page)
    return owner, there


def who_is_here(page: Page) -> Locator:
    return page.get_by_role("list", name="Who is here")


def test_a_team_reviews_a_match(pages: tuple[Page, Page]) -> None:
    owner, editor = pages
    for page in pages:
        expect(who_is_here(page).get_by_role("listitem")).to_have_count(2)
    editor.locator("[data-lanes]").press("PageUp")
    wait_for_frame([owner, editor], "A", 600)
    expect(who_is_here(owner)).to_contain_text("jonas, editor, moved the clock last")
    editor.keyboard.press("m")
    type_text(editor, "First contact", "Enter")
    rows = owner.locator("[data-event-list] .event-row")
    expect(rows).to_contain_text("First contact")
    owner.keyboard.press("c")
    type_text(owner, "Who covers the left?", "Enter")
    expect(editor.locator("[data-event-list] .event-row")).to_have_count(2)
    owner.keyboard.press("e")
    area: Any = owner.locator(".sketch").bounding_box()
    owner.mouse.move(area["x"] + area["width"] * 0.2, area["y"] + area["height"] * 0.3)
    owner.mouse.down()
    owner.mouse.move(area["x"] + area["width"] * 0.6, area["y"] + area["height"] * 0.5, steps=5)
    owner.mouse.up()
    owner.get_by_role("button", name="Keep").click()
    expect(editor.locator("[data-pane=A] .drawing path").first).to_be_attached()
    owner.reload()
    wait_for_frame([owner], "A", 600)
    expect(rows).to_have_count(3)
    # After a reload the page lists the people, and does not name an earlier move of the clock.
    expect(who_is_here(owner)).to_contain_text("jonas, editor")
    expect(who_is_here(owner)).not_to_contain_text("moved the clock")
    owner.locator("[data-lanes]").press("Home")
    wait_for_frame([owner, editor], "A", 0)


@pytest.mark.services
def test_each_video_has_a_shared_clock_of_its_own_while_they_are_kept_one_by_one(pages: tuple[Page, Page]) -> None:
    owner, editor = pages
    editor.locator("[data-lanes]").press("PageUp")
    wait_for_frame([owner, editor], "A", 600)
    editor.get_by_text("How the videos are kept in step").click()
    editor.get_by_role("button", name="One by one").click()
    for page in (owner, editor):
        expect(page.locator("[data-pane=B][data-one-by-one]")).to_be_attached()
    before = frames_on_screen(owner)
    editor.get_by_role("button", name="B one frame forward").click()
    wait_for_frame([owner, editor], "B", before["B"] + 1)
    assert frames_on_screen(owner)["A"] == before["A"]
    editor.get_by_role("button", name="Play B alone").click()
    expect(owner.get_by_role("button", name="Pause B alone")).to_be_visible()
    wait_until(lambda: frames_on_screen(owner)["B"] > before["B"] + 15, what="B played at the owner's")
    editor.get_by_role("button", name="Pause B alone").click()
    expect(owner.get_by_role("button", name="Play B alone")).to_be_visible()
    wait_until(lambda: frames_on_screen(owner)["B"] == frames_on_screen(editor)["B"], what="B at one frame at both")
    assert frames_on_screen(owner)["A"] == before["A"]
    editor.get_by_role("button", name="Together").click()
    wait_for_frame([owner, editor], "B", before["B"])
