"""A team reviews a match: its owner, an editor and a viewer at desks, and a visitor of a link on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.backstage import Backstage
from tests.browser.comparison.test_sharing import make_link
from tests.browser.conftest import PHONE, OpenPage
from tests.browser.pixels import frames_on_screen, wait_until_standing
from tests.support.program import BASE, Program
from tests.support.waiting import wait_until


def shows(pages: Sequence[Page], letter: str, frame: int) -> None:
    """Wait until all show this frame of a video, in their pixels."""
    for page in pages:
        wait_until(lambda: frames_on_screen(page, only=letter)[letter] == frame)  # noqa: B023 - asked at once


def who_is_here(page: Page) -> Locator:
    return page.get_by_role("list", name="Who is here")


def test_a_team_reviews_a_match(open_page: OpenPage, program: Program, backstage: Backstage, request: Any) -> None:
    sessions = {name: backstage.person_session(name=name) for name in ("jonas", "mira")}
    comparison = request.getfixturevalue("comparison")  # after the accounts: they begin without comparisons
    address = f"/compare/{comparison['session_id']}"
    shares = f"{BASE}/{comparison['session_id']}/shares"
    program.call("POST", shares, {"username": "jonas", "role": "editor"})
    viewer = program.call("POST", shares, {"username": "mira", "role": "viewer", "can_comment": True})["share"]

    owner = open_page(address)
    wait_until_standing(owner)
    link = make_link(owner, "Watch")
    editor = open_page(address, session=sessions["jonas"])
    watcher = open_page(address, session=sessions["mira"], quiet=False)
    visitor = open_page("/login", anonymous=True, size=PHONE, own=True)
    visitor.goto(link)
    everybody = [owner, editor, watcher, visitor]
    for page in everybody:
        wait_until_standing(page)

    # Presence: all know of all.
    expect(who_is_here(owner).get_by_role("listitem")).to_have_count(4)

    # Following: the editor moves, and everybody goes along, whoever came last too.
    editor.locator("[data-lanes]").press("PageUp")
    shows(everybody, "A", 600)
    for page in (owner, editor, watcher):  # a phone has no room for it
        expect(who_is_here(page)).to_contain_text("jonas, editor, moved the clock last")
    # Whoever comes later is told of nobody: what they are told first is how it stands.
    late = open_page(address)
    shows([late], "A", 600)
    expect(who_is_here(late)).to_contain_text("jonas, editor")
    expect(who_is_here(late)).not_to_contain_text("moved the clock")
    late.close()

    # Who watches moves for nobody, and is taken along again.
    watcher.locator("[data-lanes]").press("Home")
    shows([watcher], "A", 0)
    shows([owner, editor, visitor], "A", 600)
    owner.keyboard.press(".")
    shows(everybody, "A", 601)

    # Events: marked by one, seen by all; a comment of the viewer, a drawing of the owner.
    editor.keyboard.press("m")
    editor.keyboard.type("First contact")
    editor.keyboard.press("Enter")
    watcher.keyboard.press("c")
    watcher.keyboard.type("Who covers the left?")
    watcher.keyboard.press("Enter")
    for page in everybody:
        expect(page.locator("[data-event-list] .event-row")).to_have_count(2)
    owner.keyboard.press("e")
    area = owner.locator(".sketch").bounding_box()
    assert area
    owner.mouse.move(area["x"] + area["width"] * 0.2, area["y"] + area["height"] * 0.3)
    owner.mouse.down()
    owner.mouse.move(area["x"] + area["width"] * 0.6, area["y"] + area["height"] * 0.5, steps=5)
    owner.mouse.up()
    owner.get_by_role("button", name="Keep").click()
    for page in everybody:
        expect(page.locator("[data-pane=A] .drawing path").first).to_be_attached()

    # One by one: each video has a clock of its own, which all share.
    editor.get_by_text("How the videos are kept in step").click()
    editor.get_by_role("button", name="One by one").click()
    for page in everybody:
        expect(page.locator("[data-pane=B][data-one-by-one]")).to_be_attached()
    before = frames_on_screen(owner)
    editor.get_by_role("button", name="B one frame forward").click()
    shows([owner, editor, watcher], "B", before["B"] + 1)
    assert frames_on_screen(owner)["A"] == before["A"]
    editor.get_by_role("button", name="Play B alone").click()
    expect(owner.get_by_role("button", name="Pause B alone")).to_be_visible()
    wait_until(lambda: frames_on_screen(owner)["B"] > before["B"] + 15)
    editor.get_by_role("button", name="Pause B alone").click()
    expect(owner.get_by_role("button", name="Play B alone")).to_be_visible()
    wait_until(lambda: frames_on_screen(owner)["B"] == frames_on_screen(editor)["B"])
    assert frames_on_screen(owner)["A"] == before["A"]
    editor.get_by_role("button", name="Together").click()
    shows([owner, editor], "B", before["B"])

    # Withdrawal: the viewer's page ends, then the visitor's; the others go on.
    program.call("DELETE", f"{shares}/{viewer['share_id']}")
    expect(watcher.get_by_text("This comparison is gone, or no longer yours.")).to_be_visible()
    owner.get_by_role("button", name="Share").click()
    owner.get_by_role("button", name="Withdraw the link").click()
    owner.get_by_role("button", name="Close", exact=True).click()
    expect(visitor.get_by_text("This comparison is gone, or no longer yours.")).to_be_visible()
    for page in (watcher, visitor):
        assert page.evaluate("[...document.querySelectorAll('[data-pane] video')].every((one) => one.readyState === 0)")
    editor.locator("[data-lanes]").press("Home")
    shows([owner, editor], "A", 0)
    expect(owner.get_by_role("list", name="Who is here").get_by_role("listitem")).to_have_count(2)
