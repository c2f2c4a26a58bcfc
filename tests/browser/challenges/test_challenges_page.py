"""The list of challenges in the browser: what there is to play, what is one's own, and what is in the making."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import shelf
from tests.browser.backstage import Backstage
from tests.browser.cards import scroll_through
from tests.browser.conftest import ACCOUNT, DESK, PHONE, OpenPage
from tests.browser.expecting import BROKEN, expect_fine, expect_texts, hold
from tests.browser.films import Film, film


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Film:
    return film(tmp_path_factory.mktemp("films") / "short.mp4", (30, 30, 30), size=(320, 180))


def cards(page: Page) -> Locator:
    return page.locator("[data-grid] .card")


def drafts(page: Page) -> Locator:
    return page.locator("[data-drafts] .card")


def test_challenges_are_listed_and_searched(open_page: OpenPage, backstage: Backstage, short: Film) -> None:
    new = backstage.challenge_of(short, title="New at the LAN", minutes=1)
    found = backstage.challenge_of(short, title="Seen through", minutes=2)
    lost = backstage.challenge_of(short, title="Fallen for", minutes=3)
    own = backstage.challenge_of(short, title="My own LAN", owner=ACCOUNT, minutes=4)
    backstage.guess(challenge=found, player=ACCOUNT, index=1)
    backstage.guess(challenge=lost, player=ACCOUNT, index=0)
    for player, index in (("ann", 1), ("bob", 2)):
        backstage.guess(challenge=own, player=player, index=index)
    backstage.challenge_of(short, title="Not mine, not published", is_published=False)
    backstage.challenge_of(short, title="My draft", owner=ACCOUNT, is_published=False)
    backstage.withhold(challenge=backstage.challenge_of(short, title="Taken down", owner=ACCOUNT), by="keeper")
    page = open_page("/challenges")
    names = cards(page).get_by_role("heading")
    expect(names).to_have_text(["New at the LAN", "Seen through", "Fallen for", "My own LAN"])
    for index, state in enumerate(("Not played", "Found", "Not found", "1 of 2 players found the lie")):
        expect(cards(page).nth(index).locator(".status")).to_have_text(state)
        expect_texts(cards(page).nth(index), "by you" if index == 3 else "by mira", "3 statements", "0:03")
    expect(page.locator("[data-score]")).to_have_text("You found 1 of 2 lies")
    expect(page.locator("[data-said]")).to_have_text("4 of 4 challenges shown")
    expect(drafts(page).get_by_role("heading")).to_have_text(["My draft", "Taken down"])
    expect(drafts(page).locator(".status")).to_have_text(["Draft", "Withheld"])
    page.get_by_role("link", name="Not played").click()
    expect(names).to_have_text(["New at the LAN"])
    expect(drafts(page).first).to_be_hidden()
    page.reload()
    expect(page.get_by_role("link", name="Not played")).to_have_attribute("aria-current", "true")
    expect(cards(page)).to_have_count(1)
    page.get_by_role("link", name="Mine", exact=True).click()
    expect(names).to_have_text(["My own LAN"])
    expect(drafts(page)).to_have_count(2)
    page.go_back()
    page.go_back()
    expect(cards(page)).to_have_count(4)
    page.keyboard.press("/")
    page.keyboard.type("lan")
    expect(cards(page)).to_have_count(2)
    page.wait_for_url("**/challenges?search=lan")
    page.reload()
    search = page.get_by_label("Search titles")
    expect(search).to_have_value("lan")
    expect(cards(page)).to_have_count(2)
    search.fill("nothing like it")
    expect(page.get_by_role("heading", name="Nothing matches “nothing like it”")).to_be_visible()
    page.get_by_role("button", name="Clear search").click()
    expect(cards(page)).to_have_count(4)
    page.get_by_role("link", name="New at the LAN", exact=True).last.click()
    page.wait_for_url(f"**/challenges/{new}")


@pytest.mark.services
def test_the_list_says_that_it_loads_failed_or_is_empty(open_page: OpenPage, backstage: Backstage, short: Film) -> None:
    backstage.challenge_of(short, poster=True)
    page = open_page("/account", quiet=False)
    held = hold(page, "**/api/v1/challenges?status=published*", times=1)
    page.goto("/challenges")
    expect(page.locator("[data-list-state] .skeleton").first).to_be_visible()
    held[0].fulfill(status=500, json=BROKEN)
    page.get_by_role("alert").get_by_role("button", name="Try again").click()
    expect(cards(page)).to_have_count(1)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator(".skeleton")).to_have_count(0)
    expect(cards(page).locator(".none svg")).to_be_visible()
    expect(cards(page).locator("img")).to_be_hidden()
    expect(cards(page).get_by_role("link")).to_have_attribute("href", re.compile("^/challenges/"))

    backstage.no_challenges()
    page.reload()
    expect(page.get_by_role("heading", name="No challenges yet")).to_be_visible()
    assert page.locator("main .btn.primary").count() == 1
    make = page.locator(".empty").get_by_role("link", name="Create a challenge")
    expect(make).to_have_attribute("href", "/challenges/new")
    expect(page.locator("[data-score]")).to_be_hidden()
    page.get_by_role("link", name="Not played").click()
    expect(page.get_by_role("heading", name="Nothing left to play")).to_be_visible()
    page.get_by_role("link", name="Mine", exact=True).click()
    expect(page.get_by_role("heading", name="You have no challenges yet")).to_be_visible()


@pytest.mark.services
def test_merges_lead_on_and_a_long_list_is_read_on(open_page: OpenPage, backstage: Backstage, short: Film) -> None:
    made = {
        "Waiting for clips": backstage.merge(owner=ACCOUNT, title="Begun"),
        "Merging": backstage.merge(owner=ACCOUNT, title="At work", status="processing", percent=40),
        "Ready to publish": backstage.merge(owner=ACCOUNT, title="Merged", status="completed"),
        "Failed": backstage.merge(
            owner=ACCOUNT, title="Broken", status="failed", type="clip_unreadable", message="Clip 2 cannot be read."
        ),
    }
    backstage.merge(owner="mira", title="Of somebody else")
    backstage.merge(owner=ACCOUNT, title="Given up", status="cancelled")
    page = open_page("/challenges")
    expect(page.locator("[data-merge]")).to_have_count(4)
    for word, merge in made.items():
        row = page.locator(f"[data-merge='{merge}']")
        expect(row.locator(".status")).to_have_text(word)
        expect(row.get_by_role("link")).to_have_attribute("href", f"/challenges/new?merge={merge}")
    expect(page.locator("[data-merges-words]")).to_have_text("1 challenge ready to publish")
    expect(page.locator(f"[data-merge='{made['Failed']}']")).to_contain_text("Clip 2 cannot be read.")
    working = page.locator(f"[data-merge='{made['Merging']}']")
    expect(working).to_contain_text("70 %")
    backstage.merge_progress(merge=made["Merging"], percent=80)
    expect(working).to_contain_text("90 %")

    for number in range(30):
        backstage.challenge_of(short, title=f"Number {number}", minutes=number)
    page.reload()
    expect(cards(page).first).to_contain_text("Number 0")
    scroll_through(page, 30)
    expect(cards(page).nth(29)).to_contain_text("Number 29")


@pytest.mark.services
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing(open_page: OpenPage, backstage: Backstage, short: Film, size: tuple[int, int]) -> None:
    long = "a_very_long_name_" * 10
    guessed = backstage.challenge_of(short, title=long)
    backstage.guess(challenge=guessed, player=ACCOUNT, index=0)
    backstage.challenge_of(short, title="תחילת המשחק", owner=ACCOUNT, is_published=False)
    backstage.merge(owner=ACCOUNT, title=long, status="processing", percent=40)
    backstage.merge(owner=ACCOUNT, title=long, status="failed", type="merge_failed", message=long)
    page = open_page("/challenges", size=size)
    expect(page.locator("[data-merge]")).to_have_count(2)
    expect(cards(page)).to_have_count(1)
    expect_fine(page)
    if size == PHONE:
        assert page.evaluate(shelf.TOO_SMALL, "main button, main a.btn, main .segmented a") == []
        expect(page.get_by_role("link", name="Create a challenge")).to_be_in_viewport()
