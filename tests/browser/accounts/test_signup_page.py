"""Making an account, and changing its password, as a person does it."""

from __future__ import annotations

import re
import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ACCOUNT, OpenPage
from tests.support.program import Program

PASSWORD = "a quite long pass phrase"


def fill(page: Page, name: str, password: str = PASSWORD, again: str = PASSWORD) -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_label("Repeat the password").fill(again)
    page.get_by_role("button", name="Make the account").click()


def new_name() -> str:
    return f"anna-{secrets.token_hex(4)}"


def test_from_the_sign_in_to_ones_own_account(open_page: OpenPage) -> None:
    page = open_page("/login", anonymous=True)
    page.get_by_role("link", name="Make one").click()
    expect(page.get_by_label("User name")).to_be_focused()
    page.get_by_label("Name (optional)").fill("Anna Kovač")
    name = new_name()
    fill(page, name)
    page.wait_for_url("**/")
    page.goto("/account")
    expect(page.locator("#username")).to_have_value(name)
    expect(page.locator("#full_name")).to_have_value("Anna Kovač")


@pytest.mark.parametrize("name", [ACCOUNT, ACCOUNT.upper()])
def test_a_name_that_is_taken_in_whatever_case_is_said_beside_it_and_kept(open_page: OpenPage, name: str) -> None:
    page = open_page("/signup", anonymous=True, quiet=False)
    fill(page, name)
    field = page.get_by_label("User name")
    expect(field).to_have_value(name)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#username-error")).to_contain_text("already exists")
    expect(page.get_by_label("Password", exact=True)).to_have_value("")


@pytest.mark.parametrize(
    ("password", "again", "field"), [(PASSWORD, "another one entirely", "password2"), ("short", "short", "password2")]
)
def test_a_password_that_will_not_do_is_said_beside_it(
    open_page: OpenPage, password: str, again: str, field: str
) -> None:
    page = open_page("/signup", anonymous=True, quiet=False)
    fill(page, new_name(), password, again)
    expect(page.locator(f"#{field}-error")).to_be_visible()
    expect(page.locator(f"#id_{field}")).to_have_attribute("aria-describedby", re.compile(f"{field}-error"))


def test_it_leads_to_where_one_wanted_to_go(open_page: OpenPage) -> None:
    page = open_page("/jobs", anonymous=True)
    page.wait_for_url(re.compile(r"/login\?next="))
    page.get_by_role("link", name="Make one").click()
    fill(page, new_name())
    page.wait_for_url("**/jobs")


def test_it_does_not_lead_to_another_site(open_page: OpenPage, program: Program) -> None:
    page = open_page("/signup?next=https://example.org/", anonymous=True)
    fill(page, new_name())
    page.wait_for_url(f"{program.address}/")


def test_a_changed_password_is_said_and_is_the_one_that_counts(open_page: OpenPage, program: Program) -> None:
    page = open_page("/signup", anonymous=True, quiet=False)
    name = new_name()
    fill(page, name)
    page.wait_for_url("**/")
    page.goto("/account")
    page.get_by_role("link", name="Change the password").click()
    page.get_by_label("Current password").fill("wrong")
    page.get_by_label("New password", exact=True).fill("another good pass phrase")
    page.get_by_label("Repeat the new password").fill("another good pass phrase")
    page.get_by_role("button", name="Change it").click()
    expect(page.locator("#old_password-error")).to_be_visible()
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill("another good pass phrase")
    page.get_by_label("Repeat the new password").fill("another good pass phrase")
    page.get_by_role("button", name="Change it").click()
    page.wait_for_url("**/account")
    expect(page.get_by_role("status").filter(has_text="The password is changed.")).to_be_visible()
    page.get_by_label(f"account of {name}").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{program.address}/")
    page.goto("/login")
    for password, expected in ((PASSWORD, "**/login"), ("another good pass phrase", "**/")):
        page.get_by_label("User name").fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(expected)
