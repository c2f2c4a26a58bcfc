"""Choosing the recordings of a new comparison."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage


def add(page: Page, name: str) -> None:
    page.get_by_role("button", name=f"Add {name}").click()


def test_recordings_are_found_by_name_and_can_be_added_and_removed(open_page: OpenPage) -> None:
    page = open_page("/compare?new")
    page.get_by_label("Find a recording").fill("brav")
    expect(page.locator("[data-files] li")).to_have_count(1)
    add(page, "bravo.mp4")
    expect(page.locator("[data-count]")).to_have_text("1 of 3")
    page.get_by_role("button", name="Remove A, bravo.mp4").first.click()
    expect(page.locator("[data-count]")).to_have_text("0 of 3")


def test_nothing_found_says_so_and_offers_to_clear_the_search(open_page: OpenPage) -> None:
    page = open_page("/compare?new")
    page.get_by_label("Find a recording").fill("ascnet")
    expect(page.get_by_text("Nothing matches “ascnet”")).to_be_visible()
    page.get_by_role("button", name="Clear the search").click()
    expect(page.locator("[data-files] li")).to_have_count(6)


def test_fewer_than_two_cannot_be_created_and_a_fourth_cannot_be_added(open_page: OpenPage) -> None:
    page = open_page("/compare?new")
    create = page.locator("[data-create]")
    add(page, "alpha.mp4")
    expect(create).to_have_attribute("aria-disabled", "true")
    add(page, "bravo.mp4")
    expect(create).to_have_attribute("aria-disabled", "false")
    add(page, "charlie.mp4")
    expect(page.get_by_role("button", name="Add notes.mp4")).to_have_attribute("aria-disabled", "true")


def test_a_file_that_is_no_video_is_named_beside_the_button(open_page: OpenPage) -> None:
    page = open_page("/compare?new", quiet=False)
    add(page, "alpha.mp4")
    add(page, "notes.mp4")
    page.locator("[data-create]").click()
    problem = page.locator("[data-create-error]")
    expect(problem).to_contain_text("The comparison was not made.")
    expect(problem).to_contain_text("B:")
    expect(page.locator("[data-create]")).to_have_attribute("aria-disabled", "false")


def test_it_works_by_keys_alone(open_page: OpenPage) -> None:
    page = open_page("/compare?new")
    expect(page.locator("[data-files] li")).to_have_count(6)
    page.get_by_label("Find a recording").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove A, alpha.mp4").first).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("[data-create]").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/compare/comp-\w+\?setup$"))
