"""The landing page, the sign-in form, signing out, and making an account."""

import re
import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, PASSWORD, OpenPage, evaluate_module
from tests.browser.test_accessibility import axe_findings
from tests.support.program import Program

NEW_PASSWORD = "a quite long pass phrase"


def test_a_person_signs_in_and_out(open_page: OpenPage, program: Program) -> None:
    page = open_page("/", anonymous=True)
    expect(page.get_by_role("heading", level=1)).to_contain_text("in sync")
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
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{program.address}/")
    page.goto("/compare")
    page.wait_for_url(re.compile(r"/login\?next="))


def test_drafts_are_asked_about_at_signing_out(open_page: OpenPage, program: Program, backstage: Backstage) -> None:
    page = open_page("/compare", session=backstage.person_session(name="ida"))
    kept = "Object.keys(localStorage).filter((name) => name.startsWith('vod-draft/'))"
    store = "new m.IndexedDbStore('vod-challenges')"
    for name in ("ida", "somebody"):
        evaluate_module(page, "base/stores.js", f"await {store}.update(x, () => 'a file')", f"{name}/draft")

    def sign_out() -> None:
        page.get_by_label("account of ida").click()
        page.get_by_role("button", name="Sign out").click()

    page.evaluate(
        "for (const person of [document.body.dataset.userId, 'somebody'])"
        " localStorage[`vod-draft/${person}/comparison/1/new`] = JSON.stringify({ value: 'half a', at: Date.now() })"
    )
    sign_out()
    dialog = page.get_by_role("dialog", name="Sign out and keep your drafts?")
    expect(dialog).to_contain_text("You have 1 unsent draft.")
    assert axe_findings(page) == []
    dialog.get_by_role("button", name="Stay signed in").click()
    assert len(page.evaluate(kept)) == 2
    sign_out()
    dialog.get_by_role("button", name="Delete drafts").click()
    page.wait_for_url(f"{program.address}/")
    assert page.evaluate(kept) == ["vod-draft/somebody/comparison/1/new"]
    assert evaluate_module(page, "base/stores.js", f"await {store}.keys('')") == ["somebody/draft"]


def sign_up(page: Page, name: str, again: str = NEW_PASSWORD) -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("Repeat the password").fill(again)
    page.get_by_role("button", name="Sign up").click()


@pytest.mark.services
def test_a_page_of_another_account_is_loaded_again(open_page: OpenPage) -> None:
    page = open_page("/compare", quiet=False)  # a reload ends requests
    other = page.context.new_page()
    other.goto(page.url)
    with page.expect_navigation():
        other.evaluate("localStorage.setItem('vod-signed-in', 'somebody-else')")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_a_new_person_makes_an_account(open_page: OpenPage) -> None:
    page = open_page("/jobs", anonymous=True, quiet=False)
    page.wait_for_url(re.compile(r"/login\?next="))
    page.get_by_role("link", name="Sign up").click()
    user_name = page.get_by_label("User name")
    expect(user_name).to_be_focused()
    page.get_by_label("Name (optional)").fill("Anna Kovač")
    sign_up(page, ACCOUNT.upper())
    expect(page.locator("#username-error")).to_contain_text("already exists")
    expect(user_name).to_have_value(ACCOUNT.upper())
    expect(user_name).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Name (optional)")).to_have_value("Anna Kovač")
    expect(page.get_by_label("Password", exact=True)).to_have_value("")
    name = f"anna-{secrets.token_hex(4)}"
    sign_up(page, name, again="another one entirely")
    expect(page.locator("#username-error")).to_have_count(0)
    expect(page.locator("#id_password2")).to_have_attribute("aria-describedby", re.compile("password2-error"))
    sign_up(page, name)
    page.wait_for_url("**/jobs")
