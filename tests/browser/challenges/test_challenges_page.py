"""The list of challenges in the browser: what there is to play, what is one's own, and what is in the making."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser import shelf
from tests.browser.challenge_maker import API, Film, Maker, film
from tests.browser.conftest import ACCOUNT, DESK, PHONE, OpenPage
from tests.browser.test_accessibility import axe_findings
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Film:
    """Three statements of a second each."""
    return film(tmp_path_factory.mktemp("films") / "short.mp4", (30, 30, 30), size=(320, 180))


def cards(page: Page) -> Locator:
    return page.locator("[data-grid] .card")


def drafts(page: Page) -> Locator:
    return page.locator("[data-drafts] .card")


def test_without_a_challenge_it_says_what_they_are_and_one_button_leads_on(open_page: OpenPage, maker: Maker) -> None:
    page = open_page("/challenges")
    expect(page.get_by_role("heading", name="No challenges yet")).to_be_visible()
    assert page.locator("main .btn.primary").count() == 1
    expect(page.locator(".empty").get_by_role("link", name="Make a challenge")).to_have_attribute(
        "href", "/challenges/new"
    )
    expect(page.locator("[data-score]")).to_be_hidden()
    page.get_by_role("link", name="Not played").click()
    expect(page.get_by_role("heading", name="Nothing left to play")).to_be_visible()
    page.get_by_role("link", name="Mine", exact=True).click()
    expect(page.get_by_role("heading", name="You have made none yet")).to_be_visible()


def test_each_card_tells_whose_it_is_how_long_and_whether_it_was_played(
    open_page: OpenPage, maker: Maker, short: Film
) -> None:
    new = maker.of(short, title="New", minutes=1)
    found, lost = maker.of(short, title="Seen through", minutes=2), maker.of(short, title="Fallen for", minutes=3)
    own = maker.of(short, title="My own", owner=ACCOUNT, minutes=4)
    maker.guess(challenge=found, player=ACCOUNT, index=1)
    maker.guess(challenge=lost, player=ACCOUNT, index=0)
    for player, index in (("ann", 1), ("bob", 2)):
        maker.guess(challenge=own, player=player, index=index)
    page = open_page("/challenges")
    expect(cards(page)).to_have_count(4)
    expect(cards(page).get_by_role("heading")).to_have_text(["New", "Seen through", "Fallen for", "My own"])
    states = ("Not played", "Found", "Not found", "1 of 2 players found it")
    for index, state in enumerate(states):
        expect(cards(page).nth(index)).to_contain_text("by you" if index == 3 else "by mira")
        expect(cards(page).nth(index).locator(".status")).to_have_text(state)
        expect(cards(page).nth(index)).to_contain_text("3 statements")
        expect(cards(page).nth(index)).to_contain_text("0:03")
    expect(page.locator("[data-score]")).to_have_text("1 of 2 found")
    expect(page.locator("[data-said]")).to_have_text("4 of 4 challenges shown")
    page.get_by_role("link", name="New", exact=True).last.click()
    page.wait_for_url(f"**/challenges/{new}")


def test_what_nobody_else_sees_stands_first_with_its_state(open_page: OpenPage, maker: Maker, short: Film) -> None:
    maker.of(short, title="Of somebody else")
    maker.of(short, title="Not mine, not published", is_published=False)
    maker.of(short, title="My draft", owner=ACCOUNT, is_published=False)
    taken = maker.of(short, title="Taken down", owner=ACCOUNT)
    maker.withhold(challenge=taken, by="keeper")
    page = open_page("/challenges")
    expect(drafts(page).get_by_role("heading")).to_have_text(["My draft", "Taken down"])
    expect(drafts(page).locator(".status")).to_have_text(["Draft", "Withheld"])
    expect(cards(page).get_by_role("heading")).to_have_text(["Of somebody else"])
    page.get_by_role("link", name="Not played").click()
    expect(drafts(page).first).to_be_hidden()
    expect(cards(page)).to_have_count(1)
    page.get_by_role("link", name="Mine", exact=True).click()
    expect(drafts(page)).to_have_count(2)
    expect(cards(page)).to_have_count(0)
    expect(page.locator(".empty")).to_have_count(0)


def test_it_is_narrowed_and_searched_and_the_address_keeps_it(open_page: OpenPage, maker: Maker, short: Film) -> None:
    played = maker.of(short, title="Played at the LAN")
    maker.of(short, title="Open at the LAN")
    maker.of(short, title="My own", owner=ACCOUNT)
    maker.guess(challenge=played, player=ACCOUNT, index=0)
    page = open_page("/challenges")
    expect(cards(page)).to_have_count(3)
    page.get_by_role("link", name="Not played").click()
    expect(cards(page).get_by_role("heading")).to_have_text(["Open at the LAN"])
    page.reload()
    expect(page.get_by_role("link", name="Not played")).to_have_attribute("aria-current", "true")
    expect(cards(page)).to_have_count(1)
    page.go_back()
    expect(cards(page)).to_have_count(3)
    page.keyboard.press("/")
    page.keyboard.type("lan")
    expect(cards(page)).to_have_count(2)
    page.wait_for_url("**/challenges?search=lan")
    page.reload()
    expect(page.get_by_label("Search the titles")).to_have_value("lan")
    expect(cards(page)).to_have_count(2)
    page.get_by_label("Search the titles").fill("nothing like it")
    expect(page.get_by_role("heading", name="Nothing matches “nothing like it”")).to_be_visible()
    page.get_by_role("button", name="Clear the search").click()
    expect(cards(page)).to_have_count(3)


def test_a_long_list_goes_on_as_one_reads_it(open_page: OpenPage, maker: Maker, short: Film) -> None:
    for number in range(30):
        maker.of(short, title=f"Number {number}", minutes=number)
    page = open_page("/challenges")
    expect(cards(page).first).to_contain_text("Number 0")

    def has_read_on() -> bool:
        page.keyboard.press("End")
        page.wait_for_timeout(100)
        return cards(page).count() == 30

    wait_until(has_read_on, 30)
    expect(cards(page).nth(29)).to_contain_text("Number 29")


def test_what_is_in_the_making_tells_how_far_it_is_and_leads_on(open_page: OpenPage, maker: Maker) -> None:
    made = {
        "Waiting for its clips": maker.merge(owner=ACCOUNT, title="Begun"),
        "Merging": maker.merge(owner=ACCOUNT, title="At work", status="processing", percent=40),
        "Merged, to be told which is the lie": maker.merge(owner=ACCOUNT, title="Merged", status="completed"),
        "Failed": maker.merge(
            owner=ACCOUNT, title="Broken", status="failed", type="clip_unreadable", message="Clip 2 cannot be read."
        ),
    }
    maker.merge(owner="mira", title="Of somebody else")
    maker.merge(owner=ACCOUNT, title="Given up", status="cancelled")
    page = open_page("/challenges")
    expect(page.locator("[data-merge]")).to_have_count(4)
    for word, merge in made.items():
        row = page.locator(f"[data-merge='{merge}']")
        expect(row.locator(".status")).to_have_text(word)
        expect(row.get_by_role("link")).to_have_attribute("href", f"/challenges/new?merge={merge}")
    expect(page.locator("[data-merges-words]")).to_have_text("1 is merged and can be finished")
    expect(page.locator(f"[data-merge='{made['Failed']}']")).to_contain_text("Clip 2 cannot be read.")
    working = page.locator(f"[data-merge='{made['Merging']}']")
    expect(working).to_contain_text("70 %")
    maker.merge_progress(merge=made["Merging"], percent=80)
    expect(working).to_contain_text("90 %")


def test_a_list_that_cannot_be_had_says_so_and_can_be_tried_again(
    open_page: OpenPage, maker: Maker, short: Film
) -> None:
    maker.of(short)
    page = open_page("/account", quiet=False)
    body = {"ok": False, "error": "Something broke.", "code": 500, "type": "server_error", "request_id": "7f3a"}
    page.route(f"**{API}?status=published*", lambda route: route.fulfill(status=500, json=body), times=1)
    page.goto("/challenges")
    note = page.get_by_role("alert")
    expect(note).to_contain_text("The list could not be loaded.")
    expect(note).to_contain_text("request 7f3a")
    note.get_by_role("button", name="Try again").click()
    expect(cards(page)).to_have_count(1)
    expect(note).to_have_count(0)


def test_while_it_loads_the_shapes_of_what_comes_are_there(open_page: OpenPage, maker: Maker, short: Film) -> None:
    maker.of(short)
    page = open_page("/account")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(f"**{API}?status=published*", hold)
    page.goto("/challenges")
    expect(page.locator("[data-list-state] .skeleton").first).to_be_visible()
    held[0].continue_()
    expect(cards(page)).to_have_count(1)
    expect(page.locator(".skeleton")).to_have_count(0)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_it_has_no_finding_and_is_no_wider_than_the_window(
    open_page: OpenPage, maker: Maker, short: Film, size: tuple[int, int]
) -> None:
    long = "a_very_long_name_" * 10
    guessed = maker.of(short, title=long)
    maker.guess(challenge=guessed, player=ACCOUNT, index=0)
    maker.of(short, title="תחילת המשחק", owner=ACCOUNT, is_published=False)
    maker.merge(owner=ACCOUNT, title=long, status="processing", percent=40)
    maker.merge(owner=ACCOUNT, title=long, status="failed", type="merge_failed", message=long)
    page = open_page("/challenges", size=size)
    expect(page.locator("[data-merge]")).to_have_count(2)
    expect(cards(page)).to_have_count(1)
    assert axe_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if size == PHONE:
        assert page.evaluate(shelf.TOO_SMALL, "main button, main a.btn, main .segmented a") == []
        expect(page.get_by_role("link", name="Make a challenge")).to_be_in_viewport()


def test_a_picture_that_cannot_be_had_leaves_a_mark_in_its_place(
    open_page: OpenPage, maker: Maker, short: Film
) -> None:
    maker.of(short, poster=True)
    page = open_page("/challenges", quiet=False)
    expect(cards(page).locator(".none svg")).to_be_visible()
    expect(cards(page).locator("img")).to_have_count(0)
    expect(cards(page).get_by_role("link")).to_have_attribute("href", re.compile("^/challenges/"))
