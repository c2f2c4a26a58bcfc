"""Choosing the recordings of a new comparison."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import shelf
from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, OpenPage, Recording
from tests.support.program import Program

MIB = 2**20
FOLDERS = "/compare?new&from=folders"
LIBRARY = "/compare?new"


@pytest.fixture(autouse=True)
def _empty(backstage: Backstage) -> None:
    backstage.no_videos()


def box(page: Page, name: str) -> Locator:
    return page.get_by_role("checkbox", name=f"Choose {name}")


def tray(page: Page) -> list[str]:
    """The names of what is chosen, in order."""
    return [str(name.get_attribute("title")) for name in page.locator("[data-tray] .name").all()]


def letters_are(page: Page, *names: str) -> None:
    """Wait until this is what is chosen."""
    for at, name in enumerate(names):
        expect(page.locator("[data-tray] li").nth(at).locator(".name")).to_have_attribute("title", name)
    assert tray(page) == list(names)


# Where they are found


def test_files_of_the_folders_are_found_by_name_and_can_be_chosen_and_removed(open_page: OpenPage) -> None:
    page = open_page(FOLDERS)
    page.get_by_label("Search recordings").fill("brav")
    expect(page.locator("[data-grid] li")).to_have_count(1)
    box(page, "bravo.mp4").check()
    letters_are(page, "bravo.mp4")
    page.get_by_role("button", name="Remove A, bravo.mp4").click()
    expect(page.locator("[data-tray] .slot")).to_have_count(0)
    expect(box(page, "bravo.mp4")).not_to_be_checked()


def test_the_library_comes_first_and_is_narrowed_by_tag_and_order(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.video(owner=ACCOUNT, title="Short", duration=60, tags=["scrim"])
    backstage.video(owner=ACCOUNT, title="Long", duration=600, tags=["scrim"])
    backstage.video(owner=ACCOUNT, title="Other", duration=300)
    backstage.video(owner=ACCOUNT, title="Broken", status="failed", duration=30, tags=["scrim"])
    page = open_page(LIBRARY)
    expect(page.locator("[data-grid] li")).to_have_count(4)
    expect(box(page, "Broken")).to_be_disabled()
    page.get_by_role("button", name="scrim").click()
    expect(page.locator("[data-grid] li")).to_have_count(3)
    page.get_by_label("Order").select_option("Longest first")
    expect(page.locator("[data-grid] li").first).to_contain_text("Long")
    box(page, "Short").check()
    page.get_by_role("button", name="scrim").click()
    box(page, "Other").check()
    letters_are(page, "Short", "Other")
    # What is chosen stays while one looks elsewhere, and over a reload.
    page.get_by_role("button", name="Catalogue").click()
    expect(page.get_by_role("heading", name="The catalogue is empty")).to_be_visible()
    page.reload()
    letters_are(page, "Short", "Other")


def test_a_video_of_the_catalogue_can_be_compared_with_ones_own(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.video(owner=ACCOUNT, title="My view")
    backstage.video(owner=ACCOUNT, title="Broadcast", place="catalogue")
    page = open_page(LIBRARY)
    box(page, "My view").check()
    page.get_by_role("button", name="Catalogue").click()
    box(page, "Broadcast").check()
    letters_are(page, "My view", "Broadcast")


def test_nothing_found_says_so_and_offers_to_clear_the_search(open_page: OpenPage) -> None:
    page = open_page(FOLDERS)
    page.get_by_label("Search recordings").fill("ascnet")
    expect(page.get_by_text("Nothing matches “ascnet”")).to_be_visible()
    page.get_by_role("button", name="Clear the search").click()
    expect(page.locator("[data-grid] li")).to_have_count(6)


def test_an_empty_library_leads_to_the_folders(open_page: OpenPage) -> None:
    page = open_page(LIBRARY)
    expect(page.get_by_role("heading", name="No videos in your library yet")).to_be_visible()
    page.get_by_role("button", name="Look in the folders").click()
    expect(page.locator("[data-grid] li")).to_have_count(6)


# How many, and in which order


def test_fewer_than_two_cannot_be_compared_and_a_fourth_cannot_be_chosen(open_page: OpenPage) -> None:
    page = open_page(FOLDERS)
    create = page.locator("[data-create]")
    box(page, "alpha.mp4").check()
    expect(create).to_have_attribute("aria-disabled", "true")
    box(page, "bravo.mp4").check()
    expect(create).to_have_attribute("aria-disabled", "false")
    box(page, "charlie.mp4").check()
    expect(box(page, "notes.mp4")).to_be_disabled()
    expect(create).to_have_text("Compare 3")


def test_their_order_is_changed_by_dragging_and_by_keys(open_page: OpenPage) -> None:
    page = open_page(FOLDERS)
    for name in ("alpha", "bravo", "charlie"):
        box(page, f"{name}.mp4").check()
    hold, first = (
        page.get_by_role("button", name=re.compile("^Move C, charlie.mp4")),
        page.locator("[data-tray] li").first,
    )
    hold.drag_to(first)
    letters_are(page, "charlie.mp4", "alpha.mp4", "bravo.mp4")
    expect(page.get_by_role("checkbox", name="charlie.mp4, chosen as A")).to_be_checked()
    page.get_by_role("button", name=re.compile("^Move A, charlie.mp4")).press("ArrowRight")
    letters_are(page, "alpha.mp4", "charlie.mp4", "bravo.mp4")
    expect(page.get_by_role("button", name=re.compile("^Move B, charlie.mp4"))).to_be_focused()


def test_a_file_that_is_no_video_is_named_beside_the_button(open_page: OpenPage) -> None:
    page = open_page(FOLDERS, quiet=False)
    box(page, "alpha.mp4").check()
    box(page, "notes.mp4").check()
    page.locator("[data-create]").click()
    problem = page.locator("[data-create-error]")
    expect(problem).to_contain_text("The comparison was not made.")
    expect(problem).to_contain_text("B:")
    expect(page.locator("[data-create]")).to_have_attribute("aria-disabled", "false")


def test_it_works_by_keys_alone(open_page: OpenPage) -> None:
    page = open_page(FOLDERS)
    expect(page.locator("[data-grid] li")).to_have_count(6)
    box(page, "alpha.mp4").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="alpha.mp4, chosen as A")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.locator("[data-create]").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/compare/comp-\w+\?setup$"))


# Files of this device


def test_dropped_files_are_sent_and_join_when_they_are_here(
    open_page: OpenPage, program: Program, recordings: list[Recording], tmp_path: Path
) -> None:
    large = shelf.padded(recordings[1].path, tmp_path / "round_9.mp4", 12 * MIB)
    page = open_page(LIBRARY)
    # By then the page takes what is dropped.
    expect(page.get_by_role("heading", name="No videos in your library yet")).to_be_visible()
    shelf.throttle(page, 4 * MIB)
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(recordings[0].path), str(large)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})
    expect(page.locator("[data-tray] .slot")).to_have_count(2)
    page.get_by_role("button", name="Compare 2").click()
    expect(page.locator("[data-hint]")).to_contain_text("Opens as soon as")
    page.wait_for_url("**/compare/comp-*?setup", timeout=shelf.TAKEN_IN)
    names = page.locator("[data-slot] .truncate")
    expect(names.first).to_contain_text("alpha")
    assert {video["title"] for video in program.call("GET", shelf.LIBRARY)["videos"]} == {"alpha", "round_9"}


def test_a_dropped_file_that_is_no_video_says_so_and_can_be_removed(open_page: OpenPage, tmp_path: Path) -> None:
    wrong = tmp_path / "notes.mp4"
    wrong.write_bytes(b"These are notes, not a video. " * 1000)
    page = open_page(LIBRARY, quiet=False)
    page.locator("#files").set_input_files([str(wrong)])
    slot = page.locator("[data-tray] .slot")
    expect(slot).to_contain_text("Not a video")
    page.get_by_role("button", name="Remove A, notes.mp4").click()
    expect(slot).to_have_count(0)


def test_an_upload_that_is_removed_is_given_up(
    open_page: OpenPage, program: Program, recordings: list[Recording], tmp_path: Path
) -> None:
    large = shelf.padded(recordings[1].path, tmp_path / "round_9.mp4", 24 * MIB)
    page = open_page(LIBRARY)
    shelf.throttle(page, MIB)
    page.locator("#files").set_input_files([str(large)])
    expect(page.locator("[data-tray] .slot")).to_contain_text(re.compile("Uploading, [1-9]"))
    page.get_by_role("button", name="Remove A, round_9.mp4").click()
    expect(page.locator("[data-tray] .slot")).to_have_count(0)
    with page.expect_response("**/uploads?status=**") as answer:
        page.goto("/library")
    assert answer.value.json()["uploads"] == []
