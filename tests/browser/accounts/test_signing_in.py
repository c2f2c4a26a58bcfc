"""The door: the landing page, the sign-in form, the theme, and leaving."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import ACCOUNT, PASSWORD, OpenPage, sign_in
from tests.support.program import Program


def test_a_stranger_sees_what_this_is_and_can_sign_in(open_page: OpenPage) -> None:
    page = open_page("/", anonymous=True)
    expect(page.get_by_role("heading", level=1)).to_contain_text("side by side")
    page.get_by_role("link", name="Sign in").click()
    expect(page.get_by_label("User name")).to_be_focused()


def test_a_wrong_password_is_said_beside_the_form_and_the_name_is_kept(open_page: OpenPage) -> None:
    page = open_page("/login", anonymous=True)
    page.get_by_label("User name").fill(ACCOUNT)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("Wrong user name or password.")
    expect(page.get_by_label("User name")).to_have_value(ACCOUNT)


def test_signing_in_leads_to_where_one_wanted_to_go(open_page: OpenPage, program: Program) -> None:
    page = open_page("/compare?new", anonymous=True)
    page.wait_for_url(re.compile(r"/login\?next="))
    page.get_by_label("User name").fill(ACCOUNT)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/compare\?new$"))


def test_the_theme_is_kept_and_there_from_the_first_paint(open_page: OpenPage) -> None:
    page = open_page("/compare")
    page.get_by_label(f"account of {ACCOUNT}").click()
    page.get_by_role("button", name="Light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.reload()
    assert 'data-theme="light"' in page.request.get("/compare").text()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_signing_out_closes_the_door(open_page: OpenPage, program: Program) -> None:
    page = open_page("/login", anonymous=True)
    sign_in(page, program)
    page.get_by_label(f"account of {ACCOUNT}").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{program.address}/")
    page.goto("/compare")
    page.wait_for_url(re.compile(r"/login\?next="))


def test_someone_elses_or_no_comparison_gets_the_same_words(open_page: OpenPage) -> None:
    page = open_page("/compare/comp-000000000000000000000000", quiet=False)
    expect(page.get_by_role("heading", level=1)).to_have_text("Page not found")
