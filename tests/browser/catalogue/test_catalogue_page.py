"""The catalogue in the browser: who finds what, live changes, reports, and what moderators do with it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from pytest_check import check

from tests.browser import shelf
from tests.browser.backstage import Backstage
from tests.browser.cards import expect_cards, open_menu, scroll_through, titles, type_while_narrowed
from tests.browser.conftest import ACCOUNT, DESK, PHONE, OpenPage, Recording
from tests.browser.expecting import expect_fine, expect_fits, expect_reached, expect_texts, expect_visible
from tests.browser.test_accessibility import axe_findings
from tests.support.program import Program
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("empty_library")
API = "/api/v1/videos"


@pytest.fixture
def moderator(backstage: Backstage) -> str:
    return str(backstage.person_session(name="mod", role="moderator"))


@pytest.fixture
def admin(backstage: Backstage) -> str:
    return str(backstage.person_session(name="boss", role="admin"))


@pytest.fixture
def put(backstage: Backstage, moderator: str) -> Callable[..., str]:
    """Puts a video into the catalogue."""

    def put_(title: str, **fields: Any) -> str:
        return str(backstage.catalogue_video(by="mod", title=title, **fields))

    return put_


def card(page: Page, title: str) -> Locator:
    return page.locator(".card", has=page.locator("[data-part=title]", has_text=title))


def wait_live(page: Page) -> Page:
    page.locator(".grid[data-live]").wait_for(state="attached")
    return page


def begin_video(page: Page, title: str) -> Locator:
    """Name a new video. Returns the dialog, which asks for its file."""
    page.locator("[data-new]").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill(title)
    dialog.get_by_role("button", name="Next").click()
    return dialog


def test_a_moderator_makes_a_video_from_a_file_and_others_see_it_come(
    open_page: OpenPage, moderator: str, recordings: list[Recording], program: Program, tmp_path: Path
) -> None:
    notes, empty, picture = tmp_path / "notes.txt", tmp_path / "nothing.mp4", tmp_path / "thumb.png"
    notes.write_text("No video.")
    empty.touch()
    page = wait_live(open_page("/catalogue", session=moderator))
    expect(page.locator(".empty").get_by_role("button", name="New video")).to_be_visible()
    picture.write_bytes(page.locator("h1").screenshot())
    watcher = wait_live(open_page("/catalogue", anonymous=True))
    expect(watcher.get_by_role("heading", name="No videos yet")).to_be_visible()
    expect(watcher.get_by_role("button", name="New video")).to_have_count(0)
    page.locator("[data-new]").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Next").click()
    expect(dialog).to_contain_text("Enter a title.")
    dialog.get_by_label("Title").fill("Round 7")
    dialog.get_by_label("Category").fill("Matches")
    dialog.get_by_role("button", name="Next").click()
    expect(dialog.get_by_role("button", name="Upload")).to_have_attribute("aria-disabled", "true")
    for file, words in ((notes, "is not a supported video file."), (empty, "is empty.")):
        with check(file.name):
            dialog.locator("#file-video").set_input_files(str(file))
            expect(dialog.get_by_role("alert")).to_contain_text(f"“{file.name}” {words}")
    dialog.locator("#file-video").set_input_files(str(recordings[0].path))
    dialog.locator("#file-thumbnail").set_input_files(str(picture))
    dialog.get_by_role("button", name="Upload").click()
    expect(dialog).to_have_count(0)
    expect(watcher.locator(".card")).to_have_count(1, timeout=shelf.TAKEN_IN)
    expect(card(page, "Round 7")).not_to_contain_text("Processing", timeout=shelf.TAKEN_IN)
    for shown in (page, watcher):
        expect(card(shown, "Round 7")).to_contain_text("0:40")
        shown.wait_for_function("() => document.querySelector('.card img')?.naturalWidth > 0")
        shown.reload()
        expect(card(shown, "Round 7")).to_contain_text("Matches")
    (found,) = program.call("GET", API)["videos"]
    assert found["title"] == "Round 7"
    assert "thumbnails/" in found["thumbnail_path"]


@pytest.mark.services
def test_anybody_reads_searches_and_narrows_what_is_shown(open_page: OpenPage, put: Callable[..., str]) -> None:
    put("The older one", minutes=5, duration=754.2, category="Maps", tags=["mma"], view_count=18_234)
    put("The newer one", minutes=3, category="Maps", is_featured=True, view_count=1)
    put("Café round", category="كرة القدم", tags=["דו־קרב", "mma"], is_featured=True)
    put("Nobody's", is_hidden=True)
    put("Without a file", status="uploading")
    page = open_page("/", anonymous=True)
    page.get_by_role("link", name="Browse catalogue").click()
    expect(page.locator("[data-total]")).to_have_text("3 videos")
    assert titles(page) == ["Café round", "The newer one", "The older one"]
    expect_texts(card(page, "The older one"), "12:34", "Maps", "mma", "18.2K views")
    newer = card(page, "The newer one")
    expect_texts(newer, "Featured", "1 view")
    expect(newer.get_by_role("link")).to_have_count(1)
    expect(newer.get_by_role("button")).to_have_count(0)
    with check("words that run from right to left turn nothing around but themselves"):
        # The separators between the facts follow the direction of the page.
        facts = card(page, "Café round").locator(".meta [dir=auto]")
        expect(facts).to_have_count(3)
        ways = facts.evaluate_all("(all) => all.map((one) => [one.textContent, getComputedStyle(one).direction])")
        assert ways == [["كرة القدم", "rtl"], ["דו־קרב", "rtl"], ["mma", "ltr"]]

    category, find = page.get_by_label("Category"), page.get_by_label("Search the catalogue")
    category.select_option("Maps")
    expect_cards(page, 2)
    page.get_by_role("button", name="Featured").click()
    expect_cards(page, 1)
    assert "featured=true" in page.url
    assert "category=Maps" in page.url
    page.reload()
    expect_cards(page, 1)
    expect(page.get_by_role("button", name="Featured")).to_have_attribute("aria-pressed", "true")
    page.go_back()
    expect_cards(page, 2)
    category.select_option("")
    find.fill("cafe")
    expect_cards(page, 1)
    find.press("Enter")
    expect(page.get_by_role("button", name="Featured")).to_have_attribute("aria-pressed", "false")
    find.fill("nothing like it")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    page.get_by_role("button", name="Clear search").click()
    expect_cards(page, 3)
    with check("letters that are typed while the list is narrowed stay"):
        type_while_narrowed(page, "new", "[data-featured]")
        assert titles(page) == ["The newer one"]


@pytest.mark.services
def test_a_long_list_is_read_on_and_fits_a_phone(open_page: OpenPage, put: Callable[..., str], moderator: str) -> None:
    names = [f"{'a_very_long_name_' * 10}{number:02}" for number in range(30)]
    for number, name in enumerate(names):
        put(name, minutes=number)
    page = open_page("/catalogue", session=moderator, size=PHONE)
    expect(page.locator(".card").nth(23)).to_be_attached()
    scroll_through(page, 30)
    assert titles(page) == names
    small = page.evaluate(shelf.TOO_SMALL, "main button, main a.btn, main select, main input[type=search], .tabbar > *")
    assert small == []
    page.evaluate("document.documentElement.dir = 'rtl'")
    expect_fits(page)


@pytest.mark.services
def test_what_comes_and_goes_is_drawn_live(open_page: OpenPage, put: Callable[..., str], backstage: Backstage) -> None:
    page = wait_live(open_page("/catalogue"))
    expect(page.get_by_role("heading", name="No videos yet")).to_be_visible()
    page.evaluate("window.stayed = true")
    video = put("The first", minutes=5)
    expect(card(page, "The first")).to_be_visible()
    backstage.edit_catalogue(by="mod", video=video, is_hidden=True)
    expect(page.get_by_role("heading", name="No videos yet")).to_be_visible()
    backstage.edit_catalogue(by="mod", video=video, is_hidden=False)
    page.get_by_role("link", name="The first").focus()
    backstage.edit_catalogue(by="mod", video=video, title="Old", category="Maps")
    expect(card(page, "Old")).to_contain_text("Maps")
    expect(page.get_by_role("link", name="Old")).to_be_focused()
    expect(page.get_by_label("Category").locator("option")).to_have_text(["Any category", "Maps"])

    news = page.get_by_role("button", name="1 new")
    put("Not for everybody", is_hidden=True)
    video = put("New", minutes=3)
    news.wait_for()
    assert titles(page) == ["Old"]
    news.click()
    expect(page.get_by_role("link", name="New", exact=True)).to_be_focused()
    assert titles(page) == ["New", "Old"]
    backstage.edit_catalogue(by="mod", video=video, is_hidden=True)
    expect(card(page, "New")).to_have_count(0)
    expect(page.locator("[data-total]")).to_have_text("1 video")
    backstage.edit_catalogue(by="mod", video=video, is_hidden=False)
    news.wait_for()
    backstage.delete_catalogue(by="mod", video=video)
    expect(page.locator("[data-news]")).to_be_hidden()
    with check("what does not fit what was asked for is not offered"):
        with page.expect_response(f"**{API}?*category=Maps*"):  # the list is the same with and without it
            page.get_by_label("Category").select_option("Maps")
        page.wait_for_url("**/catalogue?category=Maps")
        expect_cards(page, 1)
        put("Elsewhere", category="Talk")
        put("Here too", category="Maps")
        expect(news).to_be_visible()
    assert page.evaluate("window.stayed")


@pytest.mark.services
def test_missed_changes_are_seen_later(open_page: OpenPage, put: Callable[..., str], backstage: Backstage) -> None:
    changed, gone = put("Stays"), put("Goes", minutes=1)
    page = wait_live(open_page("/catalogue", quiet=False))
    expect_cards(page, 2)
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


@pytest.mark.services
def test_a_late_answer_takes_nothing_away(open_page: OpenPage, put: Callable[..., str], moderator: str) -> None:
    put("The older one", minutes=5)
    page = wait_live(open_page("/catalogue", session=moderator))
    held: list[tuple[Route, str]] = []

    def hold(route: Route) -> None:
        if held or route.request.method != "GET":
            return route.fallback()
        return held.append((route, route.fetch().text()))

    def wait_held() -> tuple[Route, str]:
        wait_until(lambda: page.evaluate("1") and held, 20, "the list to be asked for")
        return held[0]

    page.route(f"**{API}?*", hold)
    with check("the first answer"):
        page.evaluate("window.dispatchEvent(new PopStateEvent('popstate'))")
        route, answer = wait_held()
        begin_video(page, "Round 7").get_by_role("button", name="Later").click()
        expect(card(page, "Round 7")).to_be_visible()
        route.fulfill(content_type="application/json", body=answer)
        expect(page.locator("[data-grid]")).to_have_attribute("aria-busy", "false")
        expect(card(page, "The older one")).to_be_visible()
        expect(card(page, "Round 7")).to_contain_text("No file yet")
        expect(page.locator("[data-total]")).to_have_text("2 videos")
    wait_live(page)
    held.clear()
    page.evaluate("window.dispatchEvent(new Event('online'))")
    route, answer = wait_held()
    begin_video(page, "The newer one").get_by_role("button", name="Later").click()
    expect(card(page, "The newer one")).to_be_visible()
    answer = re.sub(r'"updated_at":\s*"[^"]*"', '"updated_at": "2100-01-01T00:00:00Z"', answer)
    route.fulfill(content_type="application/json", body=answer.replace("The older one", "Told late"))
    expect_visible(card(page, "Told late"), card(page, "The newer one"))


@pytest.mark.services
def test_an_upload_is_stopped(open_page: OpenPage, moderator: str, recordings: list[Recording], tmp_path: Path) -> None:
    large = shelf.padded(recordings[0].path, tmp_path / "large.mp4", 2**24)
    page = open_page("/catalogue", session=moderator, quiet=False)
    dialog = begin_video(page, "Large")
    upload = dialog.get_by_role("button", name="Upload", exact=True)
    dialog.locator("#file-video").set_input_files(str(recordings[0].path.parent / "notes.mp4"))
    upload.click()
    expect(dialog.get_by_role("alert").filter(visible=True)).to_contain_text("not MP4, WebM, OGG, AVI or MOV")
    expect(upload).to_have_attribute("aria-disabled", "false")
    shelf.throttle(page, 2**20)
    dialog.locator("#file-video").set_input_files(str(large))
    upload.click()
    bar = dialog.get_by_role("progressbar")
    expect(bar).to_have_accessible_name(re.compile(r"^\d+ percent uploaded$"))
    page.wait_for_function("() => document.querySelector('dialog progress').value > 0")
    dialog.get_by_role("button", name="Cancel upload").click()
    expect(bar).to_be_hidden()
    expect(dialog).to_contain_text("large.mp4")
    dialog.get_by_role("button", name="Later").click()
    expect(card(page, "Large")).to_contain_text("No file yet")


@pytest.mark.services
def test_a_report_is_judged(open_page: OpenPage, put: Callable[..., str], moderator: str, backstage: Backstage) -> None:
    video = put("One", category="Maps")
    put("Away", minutes=1, is_hidden=True)
    put("Empty", minutes=2, status="uploading")
    put("Broken", minutes=3, status="failed", error_type="vod_unreadable", error_message="No picture could be read.")
    page = open_page("/catalogue")
    open_menu(page, "One")
    page.get_by_role("menuitem", name="Report…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Send report").click()
    expect(dialog).to_contain_text("Choose a reason.")
    dialog.get_by_label("Spam").check()
    dialog.get_by_label("Details for the moderators").fill("It sells watches.")
    dialog.get_by_role("button", name="Send report").click()
    expect(page.locator("[data-toasts]")).to_contain_text("A moderator will check the video.")
    assert backstage.reports(video=video) == [[ACCOUNT, "spam", "It sells watches."]]
    expect(page.get_by_role("button", name="More actions for One")).to_be_focused()

    page = open_page("/catalogue", session=moderator)
    for title, words in (("Away", "Hidden"), ("Empty", "No file yet"), ("Broken", "No picture could be read.")):
        expect(card(page, title)).to_contain_text(words)
    expect(card(page, "Broken")).to_contain_text("Failed")
    with check("keys alone"):
        page.keyboard.press("/")
        expect(page.get_by_label("Search the catalogue")).to_be_focused()
        names = ("Any category", "Any status", "Featured", "New video", "One", "Edit One", "More actions for One")
        expect_reached(page, 8, *names)
        page.get_by_role("button", name="More actions for One").press("Enter")
        page.get_by_role("menuitem", name="Report…").press("Enter")
        expect(page.get_by_label("Spam")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="More actions for One")).to_be_focused()
    open_menu(page, "One")
    expect(page.get_by_role("menuitem", name="Delete…")).to_have_count(0)
    page.get_by_role("menuitem", name="Hide…").click()
    page.get_by_role("alertdialog").get_by_label("Reason").fill("Reported.")
    page.get_by_role("button", name="Hide", exact=True).click()
    expect(card(page, "One")).to_contain_text("Hidden")
    assert backstage.catalogue_row(video=video)["is_hidden"]
    assert backstage.last_audit(video=video) == ["video.change", "mod", "Reported."]
    page.get_by_label("Status").select_option("Hidden")
    expect_cards(page, 2)
    page.get_by_role("link", name="Edit Away").click()
    expect(page.get_by_role("heading", name="Away", level=1)).to_be_visible()


@pytest.mark.services
def test_admins_delete_videos(open_page: OpenPage, put: Callable[..., str], admin: str, backstage: Backstage) -> None:
    video = put("One")
    put("Two", minutes=1)
    page = open_page("/catalogue", session=admin)
    open_menu(page, "One")
    page.get_by_role("menuitem", name="Delete…").click()
    page.get_by_role("alertdialog").get_by_label("Reason").fill("Nobody may show this.")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(card(page, "One")).to_have_count(0)
    expect(page.locator("[data-part=title]", has_text="Two")).to_be_focused()
    wait_until(lambda: backstage.catalogue_row(video=video)["deleted_at"], 10, "deleted")
    assert backstage.last_audit(video=video) == ["video.soft_delete", "boss", "Nobody may show this."]
    page.get_by_label("Status").select_option("Deleted")
    expect(card(page, "One")).to_contain_text("Deleted")
    open_menu(page, "One")
    page.get_by_role("menuitem", name="Restore").click()
    expect(card(page, "One")).to_have_count(0)
    wait_until(lambda: not backstage.catalogue_row(video=video)["deleted_at"], 10, "restored")


@pytest.mark.services
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing(open_page: OpenPage, put: Callable[..., str], admin: str, size: tuple[int, int]) -> None:
    put("תחילת המשחק", category="Maps", tags=["a tag"], is_featured=True)
    put("a_very_long_name_" * 10, status="failed", error_type="timeout", error_message="It took too long.")
    put("Away", is_hidden=True)
    page = open_page("/catalogue", session=admin, size=size)
    expect_cards(page, 3)
    expect_fine(page)
    open_menu(page, "Away")
    assert axe_findings(page) == []
    page.get_by_role("menuitem", name="Report…").click()
    assert axe_findings(page) == []
    page.keyboard.press("Escape")
    page.locator("[data-new]").click()
    assert axe_findings(page) == []
    page.get_by_role("dialog").get_by_label("Title").fill("Another")
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#file-video")).to_be_attached()
    expect_fine(page)
