"""The landing page, the sign-in form, the theme, and signing out."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import ACCOUNT, PASSWORD, OpenPage
from tests.support.program import Program


def test_a_person_signs_in_chooses_a_theme_and_signs_out(open_page: OpenPage, program: Program) -> None:
    page = open_page("/", anonymous=True)
    expect(page.get_by_role("heading", level=1)).to_contain_text("side by side")
    page.get_by_role("link", name="Sign in").click()
    expect(page.get_by_label("User name")).to_be_focused()
    page.goto("/compare?new")
    page.wait_for_url(re.compile(r"/login\?next="))
    page.get_by_label("User name").fill(ACCOUNT)
    for password in ("wrong", PASSWORD):
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        if password == "wrong":
            expect(page.get_by_role("alert")).to_contain_text("Wrong user name or password.")
            expect(page.get_by_label("User name")).to_have_value(ACCOUNT)
    page.wait_for_url(re.compile(r"/compare\?new$"))

    page.get_by_label(f"account of {ACCOUNT}").click()
    page.get_by_role("button", name="Light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.reload()
    assert 'data-theme="light"' in page.request.get("/compare").text()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")

    page.get_by_label(f"account of {ACCOUNT}").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{program.address}/")
    page.goto("/compare")
    page.wait_for_url(re.compile(r"/login\?next="))
