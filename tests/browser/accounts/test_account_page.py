"""The account page: tokens that are shown once, plan and use, the profile, and how the pages look."""

import re

import cv2
import httpx
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, OpenPage
from tests.browser.expecting import expect_texts, expect_visible
from tests.browser.test_accessibility import axe_findings
from tests.support.program import Program


def token_row(page: Page, name: str) -> Locator:
    return page.locator(f'[data-token][data-name="{name}"]')


def status_with(program: Program, key: str) -> int:
    headers = {"Authorization": f"Token {key}"}
    return httpx.get(f"{program.address}/api/v1/me", headers=headers, timeout=30).status_code


def test_a_token_is_shown_once_and_revoked(open_page: OpenPage, backstage: Backstage, program: Program) -> None:
    page = open_page("/account")
    page.get_by_role("button", name="New token").click()
    page.locator("#token-name").fill("obs-uploader")
    page.get_by_label("write", exact=True).check()
    page.get_by_role("button", name="Create token").click()
    key = page.get_by_label("New token").inner_text()
    row = token_row(page, "obs-uploader")
    expect(page.get_by_role("button", name="Copy")).to_be_focused()
    expect_texts(row, "new", "write")
    assert status_with(program, key) == 200
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == key
    assert axe_findings(page) == []
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("button", name="New token")).to_be_focused()
    assert key not in page.content()

    page.reload()
    expect(row).to_be_visible()
    assert key not in page.content()

    page.get_by_role("button", name="Revoke obs-uploader").click()
    dialog = page.get_by_role("alertdialog", name="Revoke “obs-uploader”?")
    assert axe_findings(page) == []
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert status_with(program, key) == 200
    page.get_by_role("button", name="Revoke obs-uploader").click()
    dialog.get_by_role("button", name="Revoke").click()
    expect(row).to_have_count(0)
    assert status_with(program, key) == 401


@pytest.mark.services
def test_a_refused_token_says_why_and_an_ended_one_is_removed(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.token(owner=ACCOUNT, name="old laptop", ends_in=-20, used_ago=60)
    backstage.token(owner=ACCOUNT, name="soon over", ends_in=3.5, used_ago=12)
    backstage.token(owner=ACCOUNT, name="for ever")
    page = open_page("/account", quiet=False)
    expect(token_row(page, "old laptop").locator(".status")).to_contain_text("expired")
    expect(token_row(page, "soon over").locator(".status.warn")).to_have_text("in 3 days")
    expect(token_row(page, "soon over")).to_contain_text("12 minutes ago")
    expect(token_row(page, "for ever").locator("[data-l=Expires]")).to_have_text("never")
    page.get_by_role("button", name="Remove old laptop").click()
    expect(token_row(page, "old laptop")).to_have_count(0)
    expect(token_row(page, "soon over")).to_be_visible()

    name, error = page.locator("#token-name"), page.locator("[data-token-error]")
    make = page.get_by_role("button", name="Create token")
    page.get_by_role("button", name="New token").press("Enter")
    expect(name).to_be_focused()
    expect(page.get_by_label("admin", exact=True)).to_have_count(0)
    assert axe_findings(page) == []
    name.fill("   ")
    make.click()
    expect(error).to_contain_text("Enter a name")
    name.fill("kept")
    page.get_by_label("read", exact=True).uncheck()
    make.click()
    expect(error).to_contain_text("at least one permission")
    page.get_by_label("read", exact=True).check()
    refusals = [(500, "server_error", "request 7f3a"), (429, "throttled", "Wait 7 seconds")]

    def refuse(route: Route) -> None:
        status, kind, _ = refusals[0]
        answer = {"ok": False, "error": "No.", "code": status, "type": kind, "request_id": "7f3a"}
        route.fulfill(status=status, json=answer, headers={"Retry-After": "7"})

    page.route("**/api/auth/tokens", refuse)
    while refusals:
        make.click()
        expect(error).to_contain_text(refusals[0][2])
        expect(name).to_have_value("kept")
        del refusals[0]
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="New token")).to_be_focused()
    expect(token_row(page, "kept")).to_have_count(0)


@pytest.mark.services
def test_name_and_picture_are_checked_and_changed(open_page: OpenPage, backstage: Backstage, program: Program) -> None:
    page = open_page("/account", quiet=False)
    field = page.locator("#profile").get_by_label("Name", exact=True)
    field.fill("A\u202eB")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#full_name-error")).to_be_visible()
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("  Anna Kovač ")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.locator("#full_name-error")).to_be_hidden()
    assert program.call("GET", "/api/v1/me")["full_name"] == "Anna Kovač"
    page.reload()
    expect(field).to_have_value("Anna Kovač")
    field.fill("")
    page.get_by_role("button", name="Save").click()

    picture = cv2.imencode(".png", np.full((300, 500, 3), 120, np.uint8))[1].tobytes()
    chooser = page.get_by_label("Choose a picture")
    chooser.set_input_files({"name": "me.png", "mimeType": "image/png", "buffer": picture})
    expect_visible(page.get_by_text("Picture changed."), page.get_by_role("img", name="Your picture"))
    page.wait_for_function("() => document.querySelector('[data-menu] .avatar img').naturalWidth === 256")
    assert axe_findings(page) == []
    page.reload()
    expect(page.get_by_role("img", name="Your picture")).to_be_visible()
    chooser.set_input_files({"name": "me.png", "mimeType": "image/png", "buffer": b"no picture"})
    expect(page.get_by_role("alert")).to_contain_text("cannot open this picture")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Picture removed.")).to_be_visible()
    expect(page.locator("[data-menu] .avatar")).to_have_text("WA")
    assert program.call("GET", "/api/v1/me")["avatar_url"] is None


@pytest.mark.services
def test_theme_keys_and_plan_are_kept_and_the_menu_leads_there(open_page: OpenPage, backstage: Backstage) -> None:
    page = open_page("/compare", size=(1280, 500))
    main = page.get_by_role("navigation", name="Main", exact=True)
    expect(main.get_by_role("link", name="Account")).to_have_count(0)
    page.get_by_label(f"account of {ACCOUNT}").click()
    page.locator("[data-menu]").get_by_role("link", name="Account").click()
    page.wait_for_url("**/account")
    sections = page.locator("[data-sections]")
    expect(sections.get_by_role("link", name="Profile")).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("button", name="New token")).not_to_be_in_viewport()
    sections.get_by_role("link", name="Tokens").click()
    expect(sections.get_by_role("link", name="Tokens")).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("button", name="New token")).to_be_in_viewport()
    expect(sections.get_by_role("link", name="Profile")).not_to_have_attribute("aria-current", "true")

    look, menu = page.locator("#look"), page.locator("[data-menu]")
    look.get_by_role("button", name="Light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.get_by_label(f"account of {ACCOUNT}").click()
    expect(menu.get_by_role("button", name="Light")).to_have_attribute("aria-pressed", "true")
    menu.get_by_role("button", name="System").click()
    expect(look.get_by_role("button", name="System")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    page.get_by_label("Turn off single-key shortcuts").check()
    plan = page.locator("#plan")
    expect_texts(plan, "Free", "Included in the Pro plan")
    backstage.subscribe(owner=ACCOUNT, tier="pro", days=40)
    backstage.make(owner=ACCOUNT, status="processing")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "auto")
    expect(page.get_by_label("Turn off single-key shortcuts")).to_be_checked()
    assert page.evaluate("localStorage.getItem('vod-keys')") == "off"
    expect(plan).to_contain_text(re.compile(r"Pro\s*until \d{4}-\d\d-\d\d, then Free"))
    expect_texts(plan, "of 100 GiB", "When your Pro plan ends, nothing is deleted.")
    plan.get_by_role("link", name="1 active job").click()
    page.wait_for_url("**/jobs?show=live")
