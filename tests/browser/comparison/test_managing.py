"""A comparison is renamed and deleted, in the list and on its own page."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, session_of
from tests.browser.expecting import fill, press
from tests.support.program import BASE, CallFailed, Program

pytestmark = pytest.mark.services


def choose_action(page: Page, session_id: str, action: str) -> None:
    page.locator(f"tr[data-session='{session_id}']").get_by_role("button").click()
    page.get_by_role("menuitem", name=action).click()


def test_one_is_renamed_copied_and_deleted(open_page: OpenPage, program: Program, comparison: dict[str, Any]) -> None:
    session_id = comparison["session_id"]
    page = open_page("/compare", quiet=False)
    row, dialog = page.locator(f"tr[data-session='{session_id}']"), page.get_by_role("dialog")
    name, save = page.get_by_label("Name", exact=True), page.get_by_role("button", name="Save")
    choose_action(page, session_id, "Rename")
    page.route("**/api/sessions/multi-vod/*", lambda route: route.abort(), times=1)
    name.fill("Never saved")
    save.click()
    expect(dialog).to_contain_text("Saving failed.")
    expect(name).to_have_value("Never saved")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    choose_action(page, session_id, "Rename")
    expect(name).to_be_focused()
    expect(name).to_have_value("Never saved")
    name.fill("  ")
    save.click()
    expect(page.get_by_text("Enter a name.")).to_be_visible()
    fill(name, "Grand <final>")
    expect(row.get_by_role("link")).to_have_text("Grand <final>")
    expect(row.get_by_role("button", name="Actions for Grand <final>")).to_be_focused()
    assert session_of(program, session_id)["name"] == "Grand <final>"

    choose_action(page, session_id, "Duplicate")
    page.wait_for_url("**/compare/comp-*")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Grand <final> (copy)")
    page.goto("/compare")
    search = page.get_by_label("Search your comparisons")
    fill(search, "(copy)")
    expect(page.locator("tr[data-session]")).to_have_count(1)
    fill(search, "nowhere")
    expect(page.get_by_role("heading", name="No comparisons match “nowhere”")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    expect(row).to_be_visible()

    for answer in ("Cancel", "Delete"):
        choose_action(page, session_id, "Delete")
        page.get_by_role("alertdialog").get_by_role("button", name=answer).click()
        expect(page.get_by_role("alertdialog")).to_have_count(0)
    expect(row).to_have_count(0)
    with pytest.raises(CallFailed):
        session_of(program, session_id)


def test_it_is_archived_put_back_and_renamed(open_page: OpenPage, program: Program, comparison: dict[str, Any]) -> None:
    watching = open_page(f"/compare/{comparison['session_id']}")
    page = open_page("/compare")
    row = page.locator(f"tr[data-session='{comparison['session_id']}']")
    choose_action(page, comparison["session_id"], "Archive")
    expect(row).to_have_count(0)
    note = watching.get_by_text("This comparison is archived")
    expect(note).to_be_visible()
    page.get_by_role("link", name="Archived").click()
    expect(row.get_by_role("link")).to_have_text(comparison["name"])
    row.get_by_role("button").click()
    expect(page.get_by_role("menuitem", name="Rename")).to_have_count(0)
    page.keyboard.press("Escape")
    watching.get_by_role("button", name="Play (K or Space)").click()
    expect(watching.locator("[data-sync-word]")).to_have_text("in sync")
    watching.get_by_role("button", name="Pause (K or Space)").click()
    expect(watching.locator("[data-toasts] .note")).to_have_count(0)
    assert session_of(program, comparison["session_id"])["global_playback_state"] == "paused"
    watching.get_by_role("button", name="Restore").click()
    expect(note).to_be_hidden()
    page.reload()
    expect(page.get_by_text("No archived comparisons")).to_be_visible()
    assert session_of(program, comparison["session_id"])["archived"] is False

    page.goto(f"/compare/{comparison['session_id']}")
    manage = page.get_by_role("button", name="Actions for this comparison")
    manage.click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_label("Name", exact=True).fill("Lower bracket")
    program.call("PATCH", f"{BASE}/{comparison['session_id']}", {"name": "Grand final"})
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Another user has changed the name to “Grand final”.")
    page.keyboard.press("Enter")
    for each in (page, watching):
        expect(each.get_by_role("heading", level=1)).to_contain_text("Lower bracket")
        expect(each).to_have_title("Lower bracket · VOD Sync")
    manage.click()
    press(page, "End", "Enter")
    expect(page.get_by_role("alertdialog")).to_contain_text("Delete the comparison “Lower bracket”?")
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/compare")


def test_several_are_archived_and_deleted(open_page: OpenPage, program: Program, comparison: dict[str, Any]) -> None:
    session_id = comparison["session_id"]
    program.call("PATCH", f"{BASE}/{session_id}", {"name": "Quarter final"})
    for _ in range(2):
        program.call("POST", f"{BASE}/{session_id}/duplicate", {})
    page = open_page("/compare?search=Quarter")
    page.get_by_label("Select all of your comparisons").check()
    page.get_by_label("Select Quarter final", exact=True).uncheck()
    expect(page.get_by_text("2 comparisons selected")).to_be_visible()
    page.get_by_role("button", name="Archive", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.goto("/compare?search=Quarter&archived")
    page.get_by_label("Select all of your comparisons").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="No archived comparisons match")).to_be_visible()
    left = program.call("GET", f"{BASE}/list?archived=all&search=Quarter")["sessions"]
    assert [row["session_id"] for row in left] == [session_id]
