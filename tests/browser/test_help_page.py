"""The help page: its search, its link in the lists of shortcuts, and the page without scripts."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, PHONE, OpenPage
from tests.browser.expecting import expect_fine
from tests.support.program import Program

pytestmark = pytest.mark.services


@pytest.mark.parametrize("size", [(1440, 900), PHONE])
def test_the_search_filters_shortcuts_while_typing(open_page: OpenPage, size: tuple[int, int]) -> None:
    page = open_page("/help", anonymous=True, size=size)
    rows, sections = page.locator("tbody tr:visible"), page.locator("[data-section]:visible")
    everything = rows.count()
    page.keyboard.press("/")
    page.keyboard.type("loop")
    expect(page.get_by_role("status").filter(has_text="3 shortcuts")).to_be_visible()
    expect(rows).to_have_text(
        [re.compile("Set the start or end"), re.compile("Clear loop"), re.compile("Loop the seg")]
    )
    expect(sections).to_have_count(2)
    field = page.get_by_label("Search the help")
    for text, words in (("watch theatre", "Theatre mode"), ("ctrl z compare", "Undo the last change")):
        field.fill(text)
        expect(rows.first).to_contain_text(words)
    field.fill("G")
    expect(rows).to_have_text([re.compile("Next layout"), re.compile("Go to the statements")])
    field.fill("delete your account")
    expect(rows).to_have_count(0)
    expect(sections).to_have_count(1)
    field.fill("zzz")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
    expect_fine(page)
    field.fill("")
    expect(rows).to_have_count(everything)


def test_without_scripts_the_help_page_shows_every_shortcut(chromium: Browser, program: Program) -> None:
    page = chromium.new_page(java_script_enabled=False, base_url=program.address)
    page.goto("/help")
    expect(page.get_by_role("table")).to_have_count(9)
    expect(page.get_by_role("row", name="Theatre mode")).to_be_visible()
    expect(page.locator("#find")).to_be_hidden()
    page.close()


def test_question_mark_twice_opens_the_help_page_in_a_new_tab(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.subscribe(owner=ACCOUNT, tier="pro", days=10)
    page = open_page("/pro")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    with page.expect_popup() as opened:
        page.keyboard.press("?")
    expect(opened.value).to_have_url(re.compile("/help#pro$"))
    opened.value.close()


def test_the_account_menu_links_to_the_help_page(open_page: OpenPage) -> None:
    page = open_page("/account")
    page.locator("header [data-menu] summary").click()
    page.get_by_role("link", name="Help").click()
    expect(page.get_by_role("heading", name="Help", exact=True)).to_be_visible()
