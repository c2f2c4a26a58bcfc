"""Making an account, and changing its password, as a person does it."""

import re
import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ACCOUNT, OpenPage

pytestmark = pytest.mark.services
PASSWORD, NEXT_PASSWORD = "a quite long pass phrase", "another good pass phrase"


def sign_up(page: Page, name: str, password: str = PASSWORD, again: str = PASSWORD) -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_label("Repeat the password").fill(again)
    page.get_by_role("button", name="Make the account").click()


def change_password(page: Page, current: str) -> None:
    page.get_by_label("Current password").fill(current)
    page.get_by_label("New password", exact=True).fill(NEXT_PASSWORD)
    page.get_by_label("Repeat the new password").fill(NEXT_PASSWORD)
    page.get_by_role("button", name="Change it").click()


def test_a_new_person_makes_an_account_and_changes_the_password(open_page: OpenPage) -> None:
    page = open_page("/jobs", anonymous=True, quiet=False)
    page.wait_for_url(re.compile(r"/login\?next="))
    page.get_by_role("link", name="Make one").click()
    user_name = page.get_by_label("User name")
    expect(user_name).to_be_focused()
    page.get_by_label("Name (optional)").fill("Anna Kovač")
    sign_up(page, ACCOUNT.upper())
    expect(page.locator("#username-error")).to_contain_text("already exists")
    expect(user_name).to_have_value(ACCOUNT.upper())
    expect(user_name).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Password", exact=True)).to_have_value("")
    name = f"anna-{secrets.token_hex(4)}"
    for password, again in ((PASSWORD, "another one entirely"), ("short", "short")):
        sign_up(page, name, password, again)
        expect(page.locator("#username-error")).to_have_count(0)
        expect(page.locator("#password2-error")).to_be_visible()
        expect(page.locator("#id_password2")).to_have_attribute("aria-describedby", re.compile("password2-error"))
    sign_up(page, name)
    page.wait_for_url("**/jobs")

    page.goto("/account")
    expect(page.locator("#username")).to_have_value(name)
    expect(page.locator("#full_name")).to_have_value("Anna Kovač")
    page.get_by_role("link", name="Change the password").click()
    change_password(page, "wrong")
    expect(page.locator("#old_password-error")).to_be_visible()
    change_password(page, PASSWORD)
    page.wait_for_url("**/account")
    expect(page.get_by_role("status").filter(has_text="The password is changed.")).to_be_visible()
