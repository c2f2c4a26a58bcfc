"""The catalogue in the browser: who finds what, live changes, reports, and what moderators do with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser import shelf
from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, PHONE, OpenPage, Recording
from tests.browser.test_accessibility import axe_findings
from tests.support.program import Program
from tests.support.waiting import wait_until

LIVE = ".grid[data-live]"
API = "/api/v1/videos"


@pytest.fixture(autouse=True)
def _empty(backstage: Backstage) -> None:
    backstage.no_videos()


@pytest.fixture
def moderator(backstage: Backstage) -> str:
    """The session of a moderator."""
    key: str = backstage.person_session(name="mod", role="moderator")
    return key


@pytest.fixture
def admin(backstage: Backstage) -> str:
    key: str = backstage.person_session(name="boss", role="admin")
    return key


@pytest.fixture
def put(backstage: Backstage, moderator: str) -> Callable[..., str]:
    """Puts a video into the catalogue."""

    def put_(title: str, **fields: Any) -> str:
        video: str = backstage.catalogue_video(by="mod", title=title, **fields)
        return video

    return put_


def card(page: Page, title: str) -> Locator:
    return page.locator(".card", has=page.locator("[data-part=title]", has_text=title))


def titles(page: Page) -> list[str]:
    return page.locator(".card h2").all_inner_texts()


def until_live(page: Page) -> Page:
    page.locator(LIVE).wait_for(state="attached")
    return page


# Who finds what


def test_an_empty_catalogue_says_what_it_is_for(open_page: OpenPage, moderator: str) -> None:
    page = open_page("/catalogue", anonymous=True)
    expect(page.get_by_role("heading", name="No videos yet")).to_be_visible()
    expect(page.get_by_role("button", name="New video")).to_have_count(0)
    page = open_page("/catalogue", session=moderator)
    expect(page.locator(".empty").get_by_role("button", name="New video")).to_be_visible()


def test_anybody_sees_what_is_shown_with_what_is_known_of_it(open_page: OpenPage, put: Callable[..., str]) -> None:
    put("The older one", minutes=5, duration=754.2, category="Training", tags=["mma"], view_count=18_234)
    put("The newer one", is_featured=True, view_count=1)
    put("Nobody's", is_hidden=True)
    put("Without a file", status="uploading")
    page = open_page("/", anonymous=True)
    page.get_by_role("link", name="Look at the catalogue").click()
    expect(page.locator("[data-total]")).to_have_text("2 videos")
    assert titles(page) == ["The newer one", "The older one"]
    for words in ("12:34", "Training", "mma", "18.2K views"):
        expect(card(page, "The older one")).to_contain_text(words)
    expect(card(page, "The newer one")).to_contain_text("Featured")
    expect(card(page, "The newer one")).to_contain_text("1 view")
    expect(card(page, "The newer one").get_by_role("link")).to_have_count(1)
    expect(card(page, "The newer one").get_by_role("button")).to_have_count(0)


def test_words_that_run_from_right_to_left_turn_nothing_around_but_themselves(
    open_page: OpenPage, put: Callable[..., str]
) -> None:
    put("The final", category="كرة القدم", tags=["דו־קרב", "mma"])
    page = open_page("/catalogue", anonymous=True)
    # What parts the facts stands between them, in the direction of the page.
    facts = card(page, "The final").locator(".meta [dir=auto]")
    expect(facts).to_have_count(3)
    ways = facts.evaluate_all("(all) => all.map((one) => [one.textContent, getComputedStyle(one).direction])")
    assert ways == [["كرة القدم", "rtl"], ["דו־קרב", "rtl"], ["mma", "ltr"]]


def test_moderators_see_the_rest_with_its_state_and_may_edit_it(
    open_page: OpenPage, put: Callable[..., str], moderator: str
) -> None:
    put("Away", is_hidden=True)
    put("Empty", status="uploading")
    put("Broken", status="failed", error_type="vod_unreadable", error_message="No picture could be read.")
    page = open_page("/catalogue", session=moderator)
    expect(card(page, "Away")).to_contain_text("Hidden")
    expect(card(page, "Empty")).to_contain_text("No file yet")
    expect(card(page, "Broken")).to_contain_text("Failed")
    expect(card(page, "Broken")).to_contain_text("No picture could be read.")
    page.get_by_label("Status").select_option("Hidden")
    expect(page.locator(".card")).to_have_count(1)
    page.get_by_role("link", name="Edit Away").click()
    page.wait_for_url("**/edit")
    expect(page.get_by_role("heading", name="Away", level=1)).to_be_visible()


def test_it_is_narrowed_by_search_category_and_the_featured_mark(open_page: OpenPage, put: Callable[..., str]) -> None:
    put("Ascent", category="Maps", is_featured=True)
    put("Haven", category="Maps")
    put("Café round", category="Talk")
    page = open_page("/catalogue", anonymous=True)
    expect(page.locator(".card")).to_have_count(3)
    page.get_by_label("Category").select_option("Maps")
    expect(page.locator(".card")).to_have_count(2)
    page.get_by_role("button", name="Featured").click()
    expect(page.locator(".card")).to_have_count(1)
    assert "featured=true" in page.url
    assert "category=Maps" in page.url
    page.reload()
    expect(page.locator(".card")).to_have_count(1)
    expect(page.get_by_role("button", name="Featured")).to_have_attribute("aria-pressed", "true")
    page.go_back()
    expect(page.locator(".card")).to_have_count(2)
    page.get_by_label("Category").select_option("")
    page.get_by_label("Search the catalogue").fill("cafe")
    expect(page.locator(".card")).to_have_count(1)
    page.get_by_label("Search the catalogue").fill("nothing like it")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    page.get_by_role("button", name="Clear the search").click()
    expect(page.locator(".card")).to_have_count(3)


def test_letters_stay_that_are_typed_while_the_list_is_narrowed(open_page: OpenPage, put: Callable[..., str]) -> None:
    put("Ascent", is_featured=True)
    put("Haven", is_featured=True)
    page = open_page("/catalogue", anonymous=True)
    expect(page.locator(".card")).to_have_count(2)
    page.evaluate("""() => {
        const find = document.querySelector('#find');
        find.value = 'asc';
        find.dispatchEvent(new Event('input'));
        document.querySelector('[data-featured]').click();
    }""")
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator("#find")).to_have_value("asc")
    assert titles(page) == ["Ascent"]


def test_the_list_goes_on_by_itself(open_page: OpenPage, put: Callable[..., str]) -> None:
    for number in range(30):
        put(f"Number {number:02}", minutes=number)
    page = open_page("/catalogue", anonymous=True)
    expect(page.locator(".card").nth(23)).to_be_attached()
    page.mouse.wheel(0, 20_000)
    expect(page.locator(".card")).to_have_count(30)
    assert titles(page) == [f"Number {number:02}" for number in range(30)]


# Live


def test_a_change_is_drawn_in_its_card_and_what_had_the_focus_keeps_it(
    open_page: OpenPage, put: Callable[..., str], backstage: Backstage
) -> None:
    video = put("Before")
    page = until_live(open_page("/catalogue"))
    page.evaluate("window.stayed = true")
    page.get_by_role("link", name="Before").focus()
    backstage.edit_catalogue(by="mod", video=video, title="After", category="Fresh")
    expect(card(page, "After")).to_contain_text("Fresh")
    expect(page.get_by_role("link", name="After")).to_be_focused()
    expect(page.get_by_label("Category").locator("option")).to_have_text(["Any category", "Fresh"])
    assert page.evaluate("window.stayed")


def test_what_comes_is_offered_and_moves_nothing_by_itself(
    open_page: OpenPage, put: Callable[..., str], backstage: Backstage
) -> None:
    put("Old", minutes=5)
    page = until_live(open_page("/catalogue", anonymous=True))
    put("Not for everybody", is_hidden=True)
    video = put("New")
    page.get_by_role("button", name="1 new").wait_for()
    assert titles(page) == ["Old"]
    page.get_by_role("button", name="1 new").click()
    expect(page.get_by_role("link", name="New", exact=True)).to_be_focused()
    assert titles(page) == ["New", "Old"]
    backstage.edit_catalogue(by="mod", video=video, is_hidden=True)
    expect(card(page, "New")).to_have_count(0)
    expect(page.locator("[data-total]")).to_have_text("1 video")
    backstage.edit_catalogue(by="mod", video=video, is_hidden=False)
    page.get_by_role("button", name="1 new").wait_for()
    backstage.delete_catalogue(by="mod", video=video)
    expect(page.locator("[data-news]")).to_be_hidden()


def test_what_does_not_fit_what_was_asked_for_is_not_offered(
    open_page: OpenPage, put: Callable[..., str], backstage: Backstage
) -> None:
    put("Here", category="Maps")
    page = until_live(open_page("/catalogue?category=Maps", anonymous=True))
    put("Elsewhere", category="Talk")
    put("Here too", category="Maps")
    expect(page.get_by_role("button", name="1 new")).to_be_visible()


def test_the_first_video_comes_by_itself_and_a_hidden_one_goes(
    open_page: OpenPage, put: Callable[..., str], backstage: Backstage
) -> None:
    page = until_live(open_page("/catalogue", anonymous=True))
    expect(page.get_by_role("heading", name="No videos yet")).to_be_visible()
    video = put("The first")
    expect(card(page, "The first")).to_be_visible()
    backstage.edit_catalogue(by="mod", video=video, is_hidden=True)
    expect(page.get_by_role("heading", name="No videos yet")).to_be_visible()


def test_what_happened_without_a_network_is_there_when_it_is_back(
    open_page: OpenPage, put: Callable[..., str], backstage: Backstage
) -> None:
    changed, gone = put("Stays"), put("Goes", minutes=1)
    page = until_live(open_page("/catalogue", quiet=False))
    page.context.set_offline(True)
    expect(page.locator("[data-offline]")).to_be_visible()
    backstage.edit_catalogue(by="mod", video=changed, title="Stays, renamed")
    backstage.delete_catalogue(by="mod", video=gone)
    put("Came")
    assert titles(page) == ["Stays", "Goes"]
    page.context.set_offline(False)
    expect(card(page, "Stays, renamed")).to_be_visible()
    expect(card(page, "Goes")).to_have_count(0)
    expect(page.get_by_role("button", name="1 new")).to_be_visible()


def test_an_answer_older_than_what_is_shown_takes_nothing_away(
    open_page: OpenPage, put: Callable[..., str], moderator: str
) -> None:
    put("The older one", minutes=5)
    page = until_live(open_page("/catalogue", session=moderator))
    held: list[tuple[Route, str]] = []

    def hold(route: Route) -> None:
        if held or route.request.method != "GET":
            return route.fallback()
        return held.append((route, route.fetch().text()))

    page.route(f"**{API}?*", hold)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    wait_until(lambda: page.evaluate("true") and held, 10, "the question")
    page.locator("[data-new]").click()
    page.get_by_label("Title").fill("The newer one")
    page.get_by_role("button", name="Next: the file").click()
    page.get_by_role("button", name="Later").click()
    expect(card(page, "The newer one")).to_be_visible()
    route, told = held[0]
    told = re.sub(r'"updated_at":\s*"[^"]*"', '"updated_at": "2100-01-01T00:00:00Z"', told)
    route.fulfill(content_type="application/json", body=told.replace("The older one", "Told late"))
    expect(card(page, "Told late")).to_be_visible()
    expect(card(page, "The newer one")).to_be_visible()


# Reports


def test_who_has_signed_in_reports_a_video(open_page: OpenPage, put: Callable[..., str], backstage: Backstage) -> None:
    video = put("Not good")
    page = open_page("/catalogue")
    page.get_by_role("button", name="More for Not good").click()
    page.get_by_role("menuitem", name="Report…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Send the report").click()
    expect(dialog).to_contain_text("Choose what is wrong with it.")
    dialog.get_by_label("Spam").check()
    dialog.get_by_label("What a moderator should know").fill("It sells watches.")
    dialog.get_by_role("button", name="Send the report").click()
    expect(page.locator("[data-toasts]")).to_contain_text("A moderator will look at it.")
    assert backstage.reports(video=video) == [[ACCOUNT, "spam", "It sells watches."]]
    expect(page.get_by_role("button", name="More for Not good")).to_be_focused()


# What moderators do


def test_a_new_video_is_named_then_given_its_file_and_becomes_ready(
    open_page: OpenPage, moderator: str, recordings: list[Recording], program: Program, tmp_path: Path
) -> None:
    picture = tmp_path / "thumb.png"
    page = until_live(open_page("/catalogue", session=moderator))
    picture.write_bytes(page.locator("h1").screenshot())
    watcher = until_live(open_page("/catalogue", anonymous=True))
    page.locator("[data-new]").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Next: the file").click()
    expect(dialog).to_contain_text("A video needs a title.")
    dialog.get_by_label("Title").fill("Round 7")
    dialog.get_by_label("Category").fill("Matches")
    dialog.get_by_role("button", name="Next: the file").click()
    expect(dialog.get_by_role("button", name="Upload")).to_have_attribute("aria-disabled", "true")
    dialog.locator("#file-video").set_input_files(str(recordings[0].path))
    dialog.locator("#file-thumbnail").set_input_files(str(picture))
    dialog.get_by_role("button", name="Upload").click()
    expect(dialog).to_have_count(0)
    expect(watcher.locator(".card")).to_have_count(1, timeout=shelf.TAKEN_IN)
    expect(card(page, "Round 7")).not_to_contain_text("Processing", timeout=shelf.TAKEN_IN)
    expect(card(watcher, "Round 7")).to_contain_text("0:40")
    watcher.wait_for_function("() => document.querySelector('.card img')?.naturalWidth > 0")
    found = program.call("GET", API)["videos"]
    assert [video["title"] for video in found] == ["Round 7"]
    assert "thumbnails/" in found[0]["thumbnail_path"]


def test_what_cannot_be_taken_is_said_before_it_is_sent(open_page: OpenPage, moderator: str, tmp_path: Path) -> None:
    notes, empty = tmp_path / "notes.txt", tmp_path / "nothing.mp4"
    notes.write_text("No video.")
    empty.touch()
    page = open_page("/catalogue", session=moderator)
    page.locator("[data-new]").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill("Round 7")
    dialog.get_by_role("button", name="Next: the file").click()
    dialog.locator("#file-video").set_input_files(str(notes))
    expect(dialog.get_by_role("alert")).to_contain_text("“notes.txt” is no video of a kind that is taken here")
    dialog.locator("#file-video").set_input_files(str(empty))
    expect(dialog.get_by_role("alert")).to_contain_text("“nothing.mp4” is empty.")
    dialog.get_by_role("button", name="Later").click()
    expect(card(page, "Round 7")).to_contain_text("No file yet")


def test_one_made_while_the_list_is_still_on_its_way_stays(open_page: OpenPage, moderator: str) -> None:
    page = open_page("/catalogue", session=moderator)
    held: list[Route] = []
    page.route(f"**{API}?*", lambda route: route.continue_() if held else held.append(route))
    page.reload()
    wait_until(lambda: page.evaluate("1") and held, 20, "the list to be asked for")
    without_it = held[0].fetch()
    page.locator("[data-new]").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill("Round 7")
    dialog.get_by_role("button", name="Next: the file").click()
    dialog.get_by_role("button", name="Later").click()
    expect(card(page, "Round 7")).to_be_visible()
    held[0].fulfill(response=without_it)
    expect(page.locator("[data-grid]")).to_have_attribute("aria-busy", "false")
    expect(card(page, "Round 7")).to_be_visible()
    expect(page.locator("[data-total]")).to_have_text("1 video")


def test_a_file_that_is_no_video_is_refused_beside_its_field(
    open_page: OpenPage, moderator: str, recordings: list[Recording]
) -> None:
    page = open_page("/catalogue", session=moderator, quiet=False)
    page.locator("[data-new]").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill("Notes")
    dialog.get_by_role("button", name="Next: the file").click()
    dialog.locator("#file-video").set_input_files(str(recordings[0].path.parent / "notes.mp4"))
    dialog.get_by_role("button", name="Upload").click()
    expect(dialog.get_by_role("alert").filter(visible=True)).to_contain_text("none of MP4, WebM, OGG, AVI and MOV")
    expect(dialog.get_by_role("button", name="Upload")).to_have_attribute("aria-disabled", "false")


def test_an_upload_shows_how_far_it_is_and_can_be_stopped(
    open_page: OpenPage, moderator: str, recordings: list[Recording], tmp_path: Path
) -> None:
    large = shelf.padded(recordings[0].path, tmp_path / "large.mp4", 2**24)
    page = open_page("/catalogue", session=moderator, quiet=False)
    shelf.throttle(page, 2**20)
    page.locator("[data-new]").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill("Large")
    dialog.get_by_role("button", name="Next: the file").click()
    dialog.locator("#file-video").set_input_files(str(large))
    dialog.get_by_role("button", name="Upload").click()
    bar = dialog.get_by_role("progressbar")
    expect(bar).to_have_accessible_name(re.compile(r"^Sent: \d+ percent$"))
    page.wait_for_function("() => document.querySelector('dialog progress').value > 0")
    dialog.get_by_role("button", name="Cancel the upload").click()
    expect(bar).to_be_hidden()
    expect(dialog).to_contain_text("large.mp4")
    dialog.get_by_role("button", name="Later").click()
    expect(card(page, "Large")).to_contain_text("No file yet")


def test_moderators_hide_and_admins_delete_and_restore(
    open_page: OpenPage, put: Callable[..., str], moderator: str, admin: str, backstage: Backstage
) -> None:
    video = put("One")
    put("Two", minutes=1)
    page = open_page("/catalogue", session=moderator)
    page.get_by_role("button", name="More for One").click()
    expect(page.get_by_role("menuitem", name="Delete…")).to_have_count(0)
    page.get_by_role("menuitem", name="Hide…").click()
    page.get_by_role("alertdialog").get_by_label("Why").fill("Reported.")
    page.get_by_role("button", name="Hide it").click()
    expect(card(page, "One")).to_contain_text("Hidden")
    assert backstage.catalogue_row(video=video)["is_hidden"]
    assert backstage.last_audit(video=video) == ["video.change", "mod", "Reported."]
    page = open_page("/catalogue", session=admin)
    page.get_by_role("button", name="More for One").click()
    page.get_by_role("menuitem", name="Delete…").click()
    page.get_by_role("alertdialog").get_by_label("Why").fill("Nobody may show this.")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(card(page, "One")).to_have_count(0)
    expect(page.locator("[data-part=title]", has_text="Two")).to_be_focused()
    wait_until(lambda: backstage.catalogue_row(video=video)["deleted_at"], 10, "deleted")
    assert backstage.last_audit(video=video) == ["video.soft_delete", "boss", "Nobody may show this."]
    page.get_by_label("Status").select_option("Deleted")
    expect(card(page, "One")).to_contain_text("Deleted")
    page.get_by_role("button", name="More for One").click()
    page.get_by_role("menuitem", name="Restore").click()
    expect(card(page, "One")).to_have_count(0)
    wait_until(lambda: not backstage.catalogue_row(video=video)["deleted_at"], 10, "restored")


# When something fails


def test_a_list_that_cannot_be_loaded_says_so_and_can_be_tried_again(
    open_page: OpenPage, put: Callable[..., str]
) -> None:
    put("There")
    page = open_page("/compare", quiet=False)
    body = '{"ok": false, "error": "Something broke.", "code": 500, "type": "server_error", "request_id": "7f3a"}'
    broken = f"**{API}?*"
    page.route(broken, lambda route: route.fulfill(status=500, content_type="application/json", body=body))
    page.goto("/catalogue")
    note = page.get_by_role("alert")
    expect(note).to_contain_text("request 7f3a")
    page.unroute(broken)
    note.get_by_role("button", name="Try again").click()
    expect(card(page, "There")).to_be_visible()
    expect(note).to_have_count(0)


# By keys, on a phone, from right to left, for screen readers


def test_all_of_it_is_reached_by_keys_alone(open_page: OpenPage, put: Callable[..., str], moderator: str) -> None:
    put("One", category="Maps")
    page = open_page("/catalogue", session=moderator)
    expect(page.locator(".card")).to_have_count(1)
    page.keyboard.press("/")
    expect(page.get_by_label("Search the catalogue")).to_be_focused()
    seen: list[str] = []
    for _ in range(8):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(shelf.FOCUSED))
    text = "\n".join(seen)
    for name in ("Any category", "Any status", "Featured", "New video", "One", "Edit One", "More for One"):
        assert name in text, f"{name} is not reached: {seen}"
    page.get_by_role("button", name="More for One").focus()
    page.keyboard.press("Enter")
    page.get_by_role("menuitem", name="Report…").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Spam")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="More for One")).to_be_focused()


@pytest.mark.parametrize("size", [(1440, 900), PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_with_its_dialogs_open(
    open_page: OpenPage, put: Callable[..., str], admin: str, size: tuple[int, int]
) -> None:
    put("תחילת המשחק", category="Maps", tags=["a tag"] * 1, is_featured=True)
    put("a_very_long_name_" * 10, status="failed", error_type="timeout", error_message="It took too long.")
    put("Away", is_hidden=True)
    page = open_page("/catalogue", session=admin, size=size)
    expect(page.locator(".card")).to_have_count(3)
    assert axe_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="More for Away").click()
    assert axe_findings(page) == []
    page.get_by_role("menuitem", name="Report…").click()
    assert axe_findings(page) == []
    page.keyboard.press("Escape")
    page.locator("[data-new]").click()
    assert axe_findings(page) == []
    page.get_by_role("dialog").get_by_label("Title").fill("Another")
    page.get_by_role("button", name="Next: the file").click()
    expect(page.locator("#file-video")).to_be_attached()
    assert axe_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_on_a_phone_what_is_pressed_is_large_enough(
    open_page: OpenPage, put: Callable[..., str], moderator: str
) -> None:
    put("a_very_long_name_" * 10)
    page = open_page("/catalogue", session=moderator, size=PHONE)
    expect(page.locator(".card")).to_have_count(1)
    small = page.evaluate(shelf.TOO_SMALL, "main button, main a.btn, main select, main input[type=search], .tabbar > *")
    assert small == []
    page.evaluate("document.documentElement.dir = 'rtl'")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
