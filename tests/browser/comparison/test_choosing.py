"""Choosing the recordings of a new comparison."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import shelf
from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, DESK, OpenPage, Recording
from tests.browser.expecting import expect_texts, press
from tests.support.program import Program

pytestmark = pytest.mark.usefixtures("empty_library")
MIB = 2**20
FOLDERS = "/compare?new&from=folders"
LIBRARY = "/compare?new"


def box(page: Page, name: str) -> Locator:
    return page.get_by_role("checkbox", name=f"Choose {name}")


def expect_chosen(page: Page, *names: str) -> None:
    chosen = page.locator("[data-tray] .name")
    expect(chosen).to_have_count(len(names))
    for at, name in enumerate(names):
        expect(chosen.nth(at)).to_have_attribute("title", name)


def test_recordings_of_folders_are_chosen_ordered_and_compared_by_keys_and_pointer(open_page: OpenPage) -> None:
    page = open_page(FOLDERS)
    files, slots = page.locator("[data-grid] li"), page.locator("[data-tray] .slot")
    search, create = page.get_by_label("Search recordings"), page.locator("[data-create]")
    search.fill("ascnet")
    expect(page.get_by_text("Nothing matches “ascnet”")).to_be_visible()
    page.get_by_role("button", name="Clear search").click()
    expect(files).to_have_count(6)
    search.fill("brav")
    expect(files).to_have_count(1)
    box(page, "bravo.mp4").check()
    expect_chosen(page, "bravo.mp4")
    page.get_by_role("button", name="Remove A, bravo.mp4").click()
    expect(slots).to_have_count(0)
    expect(box(page, "bravo.mp4")).not_to_be_checked()
    search.fill("")
    expect(files).to_have_count(6)

    box(page, "alpha.mp4").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="alpha.mp4, chosen as A")).to_be_focused()
    expect(create).to_have_attribute("aria-disabled", "true")
    press(page, "Tab", "Space")
    expect(create).to_have_attribute("aria-disabled", "false")
    box(page, "charlie.mp4").check()
    expect(box(page, "notes.mp4")).to_be_disabled()
    expect(create).to_have_text("Compare 3 recordings")
    page.set_viewport_size({"width": 844, "height": 390})
    expect(create).to_be_in_viewport(ratio=1)
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    hold = page.get_by_role("button", name=re.compile("^Reorder C \\(charlie.mp4"))
    hold.drag_to(page.locator("[data-tray] li").first)
    expect_chosen(page, "charlie.mp4", "alpha.mp4", "bravo.mp4")
    expect(page.get_by_role("checkbox", name="charlie.mp4, chosen as A")).to_be_checked()
    page.get_by_role("button", name=re.compile("^Reorder A \\(charlie.mp4")).press("ArrowRight")
    expect_chosen(page, "alpha.mp4", "charlie.mp4", "bravo.mp4")
    expect(page.get_by_role("button", name=re.compile("^Reorder B \\(charlie.mp4"))).to_be_focused()
    create.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/compare/comp-\w+\?setup$"))


@pytest.mark.services
def test_the_library_is_narrowed_or_leads_to_the_folders(open_page: OpenPage, backstage: Backstage) -> None:
    page = open_page(LIBRARY, quiet=False)
    expect(page.get_by_role("heading", name="No videos in your library yet")).to_be_visible()
    page.get_by_role("button", name="Open the folders").click()
    box(page, "alpha.mp4").check()
    box(page, "notes.mp4").check()
    page.locator("[data-create]").click()
    problem = page.locator("[data-create-error]")
    expect_texts(problem, "The comparison could not be created.", "B:")
    expect(page.locator("[data-create]")).to_have_attribute("aria-disabled", "false")
    for name in ("B, notes.mp4", "A, alpha.mp4"):
        page.get_by_role("button", name=f"Remove {name}").click()

    backstage.video(owner=ACCOUNT, title="Short", duration=60, tags=["scrim"])
    backstage.video(owner=ACCOUNT, title="Long", duration=600, tags=["scrim"])
    backstage.video(owner=ACCOUNT, title="Other", duration=300)
    backstage.video(owner=ACCOUNT, title="Broken", status="failed", duration=30, tags=["scrim"])
    backstage.video(owner=ACCOUNT, title="Broadcast", place="catalogue")
    page.goto(LIBRARY)
    expect(page.locator("[data-grid] li")).to_have_count(4)
    expect(box(page, "Broken")).to_be_disabled()
    page.get_by_role("button", name="scrim").click()
    expect(page.locator("[data-grid] li")).to_have_count(3)
    page.get_by_label("Order").select_option("Longest first")
    expect(page.locator("[data-grid] li").first).to_contain_text("Long")
    box(page, "Short").check()
    page.get_by_role("button", name="scrim").click()
    box(page, "Other").check()
    expect_chosen(page, "Short", "Other")
    page.get_by_role("button", name="Catalogue").click()
    expect(box(page, "Broadcast")).to_be_visible()
    page.reload()
    expect_chosen(page, "Short", "Other")
    page.get_by_role("button", name="Catalogue").click()
    box(page, "Broadcast").check()
    expect_chosen(page, "Short", "Other", "Broadcast")


@pytest.mark.services
def test_dropped_files_join(open_page: OpenPage, program: Program, recordings: list[Recording], tmp_path: Path) -> None:
    large = shelf.padded(recordings[1].path, tmp_path / "round_9.mp4", 12 * MIB)
    (tmp_path / "notes.mp4").write_bytes(b"These are notes, not a video. " * 1000)
    page = open_page(LIBRARY, quiet=False)
    expect(page.get_by_role("heading", name="No videos in your library yet")).to_be_visible()
    slots = page.locator("[data-tray] .slot")
    page.locator("#files").set_input_files([str(tmp_path / "notes.mp4")])
    expect(slots).to_contain_text("Not a video")
    page.get_by_role("button", name="Remove A, notes.mp4").click()
    expect(slots).to_have_count(0)
    network = shelf.throttle(page, MIB)
    page.locator("#files").set_input_files([str(large)])
    expect(slots).to_contain_text(re.compile("Uploading, [1-9]"))
    page.get_by_role("button", name="Remove A, round_9.mp4").click()
    expect(slots).to_have_count(0)
    with page.expect_response("**/uploads?status=**") as answer:
        page.goto("/library")
    assert answer.value.json()["uploads"] == []

    page.goto(LIBRARY)
    expect(page.get_by_role("heading", name="No videos in your library yet")).to_be_visible()
    shelf.drop(page, recordings[0].path, large)
    expect(slots).to_have_count(2)
    page.get_by_role("button", name="Compare 2").click()
    expect(page.locator("[data-hint]")).to_contain_text("opens as soon as")
    shelf.set_rate(network, -1)
    page.wait_for_url("**/compare/comp-*?setup", timeout=shelf.TAKEN_IN)
    expect(page.locator("[data-slot] .truncate").first).to_contain_text("alpha")
    assert {video["title"] for video in program.call("GET", shelf.LIBRARY)["videos"]} == {"alpha", "round_9"}
