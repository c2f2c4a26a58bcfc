"""A comparison that is shared: what a guest sees and may do, and how it ends for them."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.backstage import Backstage
from tests.browser.conftest import PHONE, OpenPage
from tests.browser.expecting import click, type_text
from tests.browser.pixels import frames_on_screen, wait_until_standing
from tests.support.program import BASE, Program
from tests.support.waiting import wait_until

pytestmark = pytest.mark.services


@pytest.fixture
def guest(backstage: Backstage) -> str:
    """The session of a person who is nobody's friend yet."""
    return str(backstage.person_session(name="guest"))


@pytest.fixture
def address(guest: str, comparison: dict[str, Any]) -> str:
    """Made after the guest: before that no comparison is there."""
    return f"/compare/{comparison['session_id']}"


def expect_ended(page: Page) -> None:
    """Wait until the page says that it is over; no video may be left in it."""
    expect(page.get_by_text("This comparison was deleted, or you no longer have access to it.")).to_be_visible()
    assert page.evaluate("[...document.querySelectorAll('[data-pane] video')].every((one) => one.readyState === 0)")


def test_a_guest_watches_comments_and_is_mentioned(open_page: OpenPage, guest: str, address: str) -> None:
    host = open_page(address)
    click(host, "Share")
    dialog = host.get_by_role("dialog")
    dialog.get_by_label("User name").fill("guest")
    dialog.get_by_label("Access", exact=True).select_option(label="Watch and comment")
    click(dialog, "Invite")
    expect(dialog.get_by_role("button", name="Remove guest")).to_be_visible()
    click(dialog, "Close")
    there = open_page("/compare", session=guest)
    expect(there.locator("tbody tr")).to_contain_text("watcher (you can view)")
    there.get_by_role("link", name="Match 2041").click()
    wait_until_standing(there)
    expect(there.get_by_text("You can comment")).to_be_visible()
    for name in ("Share", "B one frame later", "Mark this moment (M)"):
        expect(there.get_by_role("button", name=name)).to_have_count(0)
    host.locator("[data-lanes]").press("PageUp")
    wait_until_standing(host)
    wait_until(lambda: frames_on_screen(there)["A"] == 600)
    there.keyboard.press("c")
    type_text(there, "Seen from here", "Enter")
    expect(host.locator("[data-event-list] .event-row")).to_contain_text("Seen from here")
    there.keyboard.press("Home")
    wait_until(lambda: frames_on_screen(there)["A"] == 0)
    assert frames_on_screen(host)["A"] == 600

    host.locator("[data-lanes]").press("c")
    host.keyboard.type("Why so late, @gu")
    offers = host.get_by_role("listbox", name="People you can mention")
    expect(offers.get_by_role("option")).to_have_text(["guest"])
    host.keyboard.press("Enter")
    expect(offers).to_be_hidden()
    host.keyboard.type("@stranger")
    unknown = host.get_by_text("@stranger cannot open this comparison")
    expect(unknown).to_be_visible()
    host.keyboard.press("Control+Backspace")
    host.keyboard.press("Backspace")
    expect(unknown).to_have_count(0)
    type_text(host, "?", "Enter")
    expect(there.locator("[data-toasts]")).to_contain_text("watcher mentioned you.")
    button = there.get_by_role("button", name="@ 1 event mentions you")
    button.click()
    expect(there.get_by_role("region", name="Selected event")).to_contain_text("Why so late, @guest ?")
    expect(button).to_be_hidden()
    # Answered by the field below, with a name that is chosen by the mouse; the first one's own name is no news.
    reply = there.get_by_label("Reply", exact=True)
    reply.type("Ask @")
    there.get_by_role("option", name="watcher").click()
    reply.press("Enter")
    expect(there.locator(".thread .mention")).to_have_text("@watcher")
    expect(host.locator(".thread .mention")).to_have_text("@watcher")
    away = open_page("/compare", session=guest)
    expect(away.get_by_text("mentions you")).to_have_count(0)
    host.goto("/compare")
    expect(host.get_by_text("mentions you")).to_have_count(0)


def test_rights_change_while_one_watches(open_page: OpenPage, program: Program, guest: str, address: str) -> None:
    shares = f"{BASE}/{address.rsplit('/', 1)[1]}/shares"
    made = program.call("POST", shares, {"username": "guest", "role": "viewer"})["share"]
    there = open_page(address, session=guest, quiet=False)
    expect(there.get_by_text("View only", exact=True)).to_be_visible()
    there.keyboard.press("c")
    expect(there.get_by_text("You cannot add events to this comparison.")).to_be_visible()
    program.call("PATCH", f"{shares}/{made['share_id']}", {"role": "editor"})
    expect(there.get_by_text("You can edit")).to_be_visible()
    there.get_by_role("button", name="B one frame later").click()
    expect(there.get_by_label("Offset of B in seconds")).not_to_have_value("+2.484 s")

    host = open_page(address, size=PHONE)
    click(host, "Actions for this comparison")
    host.get_by_role("menuitem", name="Share").click()
    box: Any = host.get_by_label("User name").bounding_box()
    assert box["width"] >= 150
    click(host, "Remove guest")
    expect_ended(there)
    there.reload()
    expect(there.get_by_role("heading", name="Page not found")).to_be_visible()


def test_who_stands_apart_stays_and_comes_back(open_page: OpenPage, program: Program, guest: str, address: str) -> None:
    program.call("POST", f"{BASE}/{address.rsplit('/', 1)[1]}/shares", {"username": "guest", "role": "editor"})
    host, there = open_page(address), open_page(address, session=guest)
    for page in (host, there):
        wait_until_standing(page)
        expect(page.get_by_role("list", name="Connected people").get_by_role("listitem")).to_have_count(2)
    there.get_by_role("button", name="Following").click()
    expect(host.get_by_text("guest, editor, not following")).to_be_attached()
    host.locator("[data-lanes]").press("PageUp")
    wait_until_standing(host)
    assert frames_on_screen(host)["A"] == 600
    there.locator("[data-lanes]").press("Shift+ArrowRight")
    wait_until(lambda: frames_on_screen(there)["A"] == 300)
    assert frames_on_screen(host)["A"] == 600
    there.get_by_role("button", name="Not following").click()
    wait_until(lambda: frames_on_screen(there)["A"] == 600)
    there.locator("[data-lanes]").press("Home")
    wait_until(lambda: frames_on_screen(host)["A"] == 0)
    people = host.get_by_role("list", name="Connected people")
    expect(people).to_contain_text("guest, editor, moved the shared clock last")
    host.reload()
    # A page lists the people, and does not name an earlier move of the clock.
    expect(people).to_contain_text("guest, editor")
    expect(people).not_to_contain_text("moved the shared clock")
    there.close()
    expect(host.get_by_role("button", name="Following")).to_be_hidden()


def test_a_link_opens_on_a_phone_without_an_account_until_it_is_withdrawn(open_page: OpenPage, address: str) -> None:
    host = open_page(address)
    click(host, "Share")
    dialog = host.get_by_role("dialog")
    dialog.get_by_label("Visitors can").select_option(label="Watch and comment")
    dialog.get_by_label("Password (optional)").fill("open sesame")
    click(dialog, "Create link")
    link = f"/r/{dialog.locator('[data-link-url]').inner_text().rsplit('/', 1)[1]}"
    expect(dialog.get_by_role("list", name="Links").get_by_role("listitem")).to_have_count(1)
    click(dialog, "Close")
    asked: list[dict[str, str]] = []
    there = open_page("/login", anonymous=True, size=PHONE, quiet=False, own=True)
    there.on("request", lambda request: asked.append(request.all_headers()))
    there.goto(link)
    there.get_by_label("Password", exact=True).fill("close sesame")
    there.get_by_role("button", name="Open").click()
    expect(there.get_by_text("Wrong password. Check it and try again.")).to_be_visible()
    there.get_by_label("Password", exact=True).fill("open sesame")
    there.get_by_role("button", name="Open").click()
    wait_until_standing(there)
    there.get_by_label("visitor").click()
    there.get_by_label("Your name").fill("Ann")
    there.get_by_role("button", name="Save name").click()
    wait_until_standing(there)
    expect(host.get_by_role("list", name="Connected people")).to_contain_text("AN")
    host.locator("[data-lanes]").press("PageUp")
    wait_until(lambda: frames_on_screen(there, only="A")["A"] == 600)
    there.keyboard.press("c")
    type_text(there, "Seen from the train", "Enter")
    expect(host.locator("[data-event-list] .event-row")).to_contain_text("Seen from the train")
    assert not [headers for headers in asked if "/r/" in headers.get("referer", "")]
    there.keyboard.press("c")
    type_text(there, "And one more")
    click(host, "Share", "Revoke the link")
    expect_ended(there)
    there.goto(link)
    expect(there.get_by_role("heading", name="This link no longer works")).to_be_visible()
    expect(there.get_by_role("region", name="Drafts")).to_contain_text("And one more")
