"""The home page in the browser: what runs moves and ends by itself, and the phone's bar leads everywhere."""

import pytest
from playwright.sync_api import expect

from tests.browser import shelf
from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, DESK, PHONE, OpenPage
from tests.browser.expecting import expect_fine, expect_texts


def test_what_runs_moves_and_ends_by_itself(open_page: OpenPage, backstage: Backstage) -> None:
    page = open_page("/")
    running = page.get_by_role("region", name="Running")
    expect(running).to_be_hidden()
    job = backstage.make(owner=ACCOUNT, status="processing", name="Round 7")
    bar = running.get_by_role("progressbar", name="Align Round 7")
    expect(bar).to_be_visible()
    assert backstage.progress(job=job, percent=62.0, message="Reading B")
    expect(bar).to_have_js_property("value", 62)
    expect_texts(running, "62 %", "Reading B")
    backstage.fail(job=job, type="timeout", message="It took too long.")
    expect(running).to_be_hidden()
    attention = page.get_by_role("region", name="Needs attention")
    expect(attention).to_contain_text("It took too long.")
    expect(attention.get_by_role("link", name="Show the error: Failed: Align Round 7")).to_be_visible()


@pytest.mark.services
def test_first_steps_and_the_bar_of_a_phone_lead_everywhere(open_page: OpenPage, backstage: Backstage) -> None:
    session = backstage.person_session(name="newcomer")
    for size in (DESK, PHONE):
        page = open_page("/", session=session, size=size)
        expect(page.get_by_role("heading", name="Welcome, newcomer")).to_be_visible()
        expect_fine(page)
    assert page.evaluate(shelf.TOO_SMALL, "main a.btn, .tabbar > *") == []
    bar = page.get_by_role("navigation", name="Main menu")
    expect(bar.get_by_role("link", name="Home")).to_have_attribute("aria-current", "page")
    names = ["Home", "Library", "Upload", "Compare"]
    assert bar.get_by_role("link").all_inner_texts() == names
    bar.get_by_text("More").click()
    more = ["Catalogue", "Analysis", "Challenges", "Pro", "Jobs", "Account"]
    assert bar.get_by_role("link").all_inner_texts() == [*names, *more]
    assert page.evaluate(shelf.TOO_SMALL, ".tabbar a, .tabbar summary") == []
    page.keyboard.press("Escape")
    expect(bar.get_by_role("link", name="Pro")).to_be_hidden()
    bar.get_by_text("More").click()
    bar.get_by_role("link", name="Pro").click()
    page.wait_for_url("**/pro")
    bar.get_by_text("More").click()
    expect(bar.get_by_role("link", name="Pro")).to_have_attribute("aria-current", "page")
    page.goto("/")
    page.get_by_role("link", name="Upload videos").click()
    page.wait_for_url("**/upload")
