"""The library in the browser: found, narrowed, named, deleted, selected, and live while videos are taken in."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from pytest_check import check

from tests.browser import shelf
from tests.browser.backstage import Backstage
from tests.browser.cards import expect_cards, open_menu, scroll_through, titles, type_while_narrowed
from tests.browser.conftest import ACCOUNT, PHONE, OpenPage, Recording, evaluate_module
from tests.browser.expecting import BROKEN, expect_fits, expect_reached, expect_texts, expect_visible, hold, press
from tests.browser.test_accessibility import axe_findings
from tests.support.program import Program
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("empty_library")
READY = {"status": "ready", "duration": 130, "width": 1280, "height": 720}
SCROLLING_UNNOTICED = "window.IntersectionObserver = class { observe() {} unobserve() {} };"


def card(page: Page, title: str) -> Locator:
    return page.locator(".card", has=page.get_by_role("link", name=title, exact=True))


def pick(page: Page, title: str) -> None:
    page.get_by_role("checkbox", name=f"Select {title}").check()


def ask_to_delete(page: Page, title: str) -> Locator:
    """Choose Delete in a video's menu. Returns the dialog that asks."""
    open_menu(page, title)
    page.get_by_role("menuitem", name="Delete").click()
    return page.get_by_role("alertdialog")


def make_many(backstage: Backstage, count: int, title: str = "Recording", older: int = 0) -> None:
    for number in range(count):
        backstage.video(owner=ACCOUNT, title=f"{title} {number:02d}", minutes=older + number)


def test_files_make_videos(open_page: OpenPage, program: Program, recordings: list[Recording], tmp_path: Path) -> None:
    large = shelf.padded(recordings[1].path, tmp_path / "match_2041.mp4", 24 * 2**20)
    page = open_page("/library")
    expect(page.get_by_role("heading", name="No videos yet")).to_be_visible()
    expect(page.get_by_role("link", name="Upload videos")).to_have_attribute("href", "/upload")
    shelf.throttle(page, 2**21)
    shelf.drop(page, recordings[0].path, large)
    row = page.locator("[data-uploads] li", has_text="match_2041.mp4")
    expect(row).to_contain_text("MiB/s")
    row.get_by_role("button", name="Pause match_2041.mp4").click()
    expect(row).to_contain_text("Paused")
    row.get_by_role("button", name="Cancel match_2041.mp4").click()
    page.get_by_role("alertdialog").get_by_role("button").last.click()
    expect(row).to_have_count(0)
    expect(card(page, "alpha")).to_be_visible(timeout=shelf.TAKEN_IN)
    compare = page.locator("[data-uploads]").get_by_role("link", name="Compare with… alpha")
    expect(compare).to_have_attribute("href", re.compile(r"^/compare\?new&video="))
    expect(card(page, "alpha")).not_to_contain_text("Processing", timeout=shelf.TAKEN_IN)

    page.wait_for_function("() => document.querySelector('.card img')?.naturalWidth > 0")
    preview = card(page, "alpha").locator("canvas")
    with check("preview by pointer"):
        expect(preview).to_be_hidden()
        card(page, "alpha").hover(position={"x": 200, "y": 60})
        expect(preview).to_be_visible()
        page.mouse.move(0, 0)
        expect(preview).to_be_hidden()
    page.get_by_role("link", name="alpha", exact=True).focus()
    with check("preview by keys"):
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        expect_visible(preview, card(page, "alpha").locator(".scrub"))

    press(page, "Tab", "Enter")
    expect(preview).to_be_hidden()
    expect(page.get_by_role("menuitem", name="Watch")).to_be_focused()
    press(page, "ArrowDown", "ArrowDown", "Enter")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    for text, key in (("Round 7", "Tab"), ("With voice", "Tab"), ("ascent, scrim , ascent", "Enter")):
        page.keyboard.type(text)
        page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(card(page, "Round 7")).to_contain_text("ascent, scrim")
    expect(page.get_by_role("button", name="More actions for Round 7")).to_be_focused()
    expect(page.get_by_role("link", name="ascent 1")).to_be_visible()
    page.reload()
    expect(card(page, "Round 7")).to_contain_text("ascent, scrim")
    (video,) = program.call("GET", shelf.LIBRARY)["videos"]
    found = shelf.get(program, video["id"])
    assert (found["title"], found["description"], found["tags"]) == ("Round 7", "With voice", ["ascent", "scrim"])


@pytest.mark.services
def test_the_list_is_narrowed_and_the_address_keeps_it(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.video(owner=ACCOUNT, title="bravo", duration=30, file_size=900, minutes=1, tags=["ascent"])
    backstage.video(
        owner=ACCOUNT, title="Charlie", duration=20, file_size=800, minutes=2, status="failed",
        error_type="vod_unreadable", error_message="No.",
    )  # fmt: skip
    backstage.video(owner=ACCOUNT, title="Ascent, round 7", duration=10, file_size=1000, minutes=3)
    page = open_page("/library")
    order, find = page.get_by_role("combobox", name="Order"), page.get_by_label("Search your videos")
    expect_cards(page, 3)
    with check("letters that are typed while the list is narrowed stay"):
        type_while_narrowed(page, "round", "[data-rail] a[href*=ready]")
        page.go_back()
        expect_cards(page, 3)
        expect(find).to_have_value("")
    by_name = ["Ascent, round 7", "bravo", "Charlie"]
    order.select_option("Name")
    expect(page.locator(".card h2")).to_have_text(by_name)
    assert page.url.endswith("/library?order=title")
    expect(page.get_by_role("list", name="Videos, by name")).to_be_visible()
    page.reload()
    expect(page.locator(".card h2")).to_have_text(by_name)
    expect(order).to_have_value("title")
    with check("search"):
        find.fill("ascent")
        expect_cards(page, 2)
        find.fill("ascnet")
        expect(page.get_by_role("heading", name="Nothing matches “ascnet”")).to_be_visible()
        expect(page.locator("[data-said]")).to_have_text("Nothing found")
        elsewhere = page.get_by_role("link", name="Search the catalogue")
        expect(elsewhere).to_have_attribute("href", "/catalogue?search=ascnet")
        page.get_by_role("button", name="Clear search").click()
        expect_cards(page, 3)
        expect(find).to_be_focused()
        expect(find).to_have_value("")
    page.get_by_role("link", name="Needs attention 1").click()
    expect(page.locator(".card h2")).to_have_text(["Charlie"])
    assert "status=failed" in page.url
    page.go_back()
    expect_cards(page, 3)
    page.get_by_role("link", name="ascent 1").click()
    expect(page.locator(".card h2")).to_have_text(["bravo"])
    page.reload()
    expect(page.locator(".card h2")).to_have_text(["bravo"])
    expect(page.get_by_role("link", name="ascent 1")).to_have_attribute("aria-current", "true")


@pytest.mark.services
def test_a_phone_narrows_the_list_by_unfolded_fields(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.video(owner=ACCOUNT, title="x" * 255, minutes=5)
    page = open_page("/library", size=PHONE)
    expect_cards(page, 1)
    expect(page.get_by_role("combobox", name="Status")).to_be_hidden()
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("combobox", name="Status").focus()
    backstage.ingest(owner=ACCOUNT, title="New", tags=["scrim"])
    tag = page.get_by_role("combobox", name="Tag")
    expect(tag).to_be_visible()
    expect(page.get_by_role("combobox", name="Status")).to_be_focused()
    tag.select_option("scrim")
    expect(page.locator(".card h2")).to_have_text(["New"])
    # A reload unfolds the fields that are set.
    page.reload()
    expect(tag).to_have_value("scrim")
    page.get_by_role("combobox", name="Status").select_option("Ready")
    expect(page.get_by_role("heading", name="No videos match these filters")).to_be_visible()
    page.get_by_role("button", name="Show all videos").click()
    expect_cards(page, 2)
    pick(page, "New")
    small = page.evaluate(shelf.TOO_SMALL, "main button, main a.btn, main select, main .pick, main input[type=search]")
    assert small == []
    expect_fits(page)


@pytest.mark.services
def test_more_come_by_scrolling_and_a_preview_is_asked_for_once(open_page: OpenPage, backstage: Backstage) -> None:
    make_many(backstage, 70)
    page = open_page("/library", quiet=False)
    expect(page.locator("[data-total]")).to_have_text("70 videos")
    expect(page.locator(".card").first).to_be_visible()
    assert page.locator(".card").count() < 70
    scroll_through(page, 70)
    assert titles(page) == [f"Recording {number:02d}" for number in range(70)]
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    page.get_by_role("link", name="Recording 57").click()
    page.wait_for_url("**/watch/*")
    page.go_back()
    expect(page.get_by_role("link", name="Recording 57")).to_be_in_viewport()

    backstage.no_videos()
    page.mouse.move(0, 0)
    for title in ("One", "Two", "Three"):
        backstage.picture(video=backstage.video(owner=ACCOUNT, title=title), kind="sprite")
    page.goto("/library")
    expect_cards(page, 3)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/renditions/" in request.url else None)
    with page.expect_response("**/sprite.vtt"):
        page.evaluate("""() => {
            const [, two, one] = document.querySelectorAll('.card');
            const over = (card) => {
                const { left, top } = card.querySelector('.picture').getBoundingClientRect();
                card.dispatchEvent(new PointerEvent('pointermove', { clientX: left + 20, clientY: top + 20 }));
            };
            over(one);
            one.dispatchEvent(new PointerEvent('pointerleave'));
            over(two);
        }""")
    assert len(asked) == 1
    one = card(page, "One")
    with page.expect_response("**/sprite.vtt"):
        one.hover(position={"x": 100, "y": 60})
    for x in range(60, 200, 20):
        one.hover(position={"x": x, "y": 60})
    page.mouse.move(0, 0)
    page.get_by_role("link", name="One", exact=True).focus()
    page.keyboard.press("ArrowRight")
    # A second request for these would have been sent before that of the third card.
    with page.expect_response("**/sprite.vtt"):
        card(page, "Three").hover(position={"x": 100, "y": 60})
    assert len(asked) == len(set(asked)) == 3


@pytest.mark.services
def test_a_button_brings_more_and_nothing_is_hidden(open_page: OpenPage, backstage: Backstage) -> None:
    make_many(backstage, 50)
    page = open_page("/account")
    page.add_init_script(SCROLLING_UNNOTICED)
    page.goto("/library")
    expect_cards(page, 24)
    expect(page.locator("[data-rest]")).to_have_text("24 of 50")
    ask_to_delete(page, "Recording 03").get_by_role("button", name="Move to the bin").click()
    expect_cards(page, 23)
    more = page.get_by_role("button", name="Show more")
    for count, first in ((48, "Recording 24"), (49, "Recording 49")):
        more.press("Enter")
        expect_cards(page, count)
        expect(page.get_by_role("link", name=first)).to_be_focused()
    expect(page.locator("[data-said]")).to_have_text("49 of 49 videos shown")
    assert len(set(titles(page))) == 49

    backstage.no_videos()
    make_many(backstage, 40, older=100)
    page.reload()
    expect_cards(page, 24)
    # A page and a half of them: the next pages hold what is shown already.
    make_many(backstage, 36, title="New")
    for count in (36, 40):
        more.click()
        expect_cards(page, count)
    assert titles(page) == [f"Recording {number:02d}" for number in range(40)]
    expect(more).to_be_hidden()
    expect(page.locator("[data-total]")).to_have_text("76 videos")
    page.get_by_role("button", name="24 new").click()
    expect(page.get_by_role("link", name="New 00")).to_be_focused()


@pytest.mark.services
def test_names_are_checked_and_a_deleted_video_is_restored(
    open_page: OpenPage, backstage: Backstage, program: Program
) -> None:
    long = f"In use {'x' * 200}"
    facts = {"duration": 4360, "width": 1920, "height": 1080}
    backstage.picture(video=backstage.video(owner=ACCOUNT, title="Keep me", file_size=2**30, **facts))
    other = backstage.video(owner=ACCOUNT, title="Delete me", file_size=2**30 - 2**20, width=1080, height=1920)
    used = backstage.video(owner=ACCOUNT, title=long, file_size=2**20)
    backstage.show(owner=ACCOUNT, name="Match 2041", video=used)
    page = open_page("/library", quiet=False)
    with check("the facts of the videos and of the storage"):
        expect_texts(card(page, "Keep me"), "1:12:40", "1080p30", "1.0 GiB")
        expect(card(page, "Keep me").locator(".none svg")).to_be_visible()  # its picture's file is not there
        pictures = ["/videos/a.jpg?signature=1", "/videos/a.jpg?signature=2", "/videos/b.jpg?signature=2"]
        body = """await import('/static/js/base/view.js').then(({ mount }) => {
            const box = document.createElement('div');
            const draw = mount(box);
            return x.map((address) => {
                draw(m.posterView(address));
                return box.firstElementChild.getAttribute('src');
            });
        })"""
        shown = evaluate_module(page, "base/poster.js", body, pictures)
        assert shown == [pictures[0], pictures[0], pictures[2]]  # another signature loads nothing
        expect_texts(card(page, "Delete me"), "1080×1920", "1023 MiB")
        expect(page.locator(".card h2").first).to_have_attribute("title", long)
        meter = page.get_by_role("progressbar", name="Storage used: 2.0 of 5 GiB")
        assert meter.evaluate("(bar) => bar.value / bar.max") == pytest.approx(0.4)
        expect(page.get_by_text("Free plan, up to 512 MiB per file")).to_be_visible()
    with check("what cannot be saved"):
        open_menu(page, "Keep me")
        page.get_by_role("menuitem", name="Rename").click()
        page.get_by_label("Name", exact=True).fill("  ")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#edit-title-error")).to_have_text("Enter a name.")
        page.get_by_label("Name", exact=True).fill("Round 8")
        page.get_by_label("Tags", exact=True).fill("x" * 65)
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#edit-tags-error")).to_contain_text("64 characters")
        expect(page.get_by_label("Tags", exact=True)).to_be_focused()
        expect(page.locator("#edit-title-error")).to_be_hidden()
        page.get_by_label("Tags", exact=True).evaluate(
            "(field) => { const data = new DataTransfer(); data.setData('text/plain', 'x'.repeat(300));"
            " for (const one of [field, document.querySelector('#edit-title')])"
            " one.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true })); }"
        )
        expect(page.locator("[data-toasts]")).to_have_text(re.compile("^The end of the pasted text was cut off"))
        page.get_by_role("button", name="Cancel").click()
    with check("what another tab has changed is kept"):
        open_menu(page, "Delete me")
        page.get_by_role("menuitem", name="Rename").click()
        program.call("PATCH", f"/api/v1/library/{other}", {"tags": ["newer"]})
        page.get_by_label("Description", exact=True).fill("Round 9")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert program.call("GET", f"/api/v1/library/{other}")["tags"] == ["newer"]
    with check("a text that is refused after its dialog was closed is kept, and the page says so"):
        description = page.get_by_label("Description", exact=True)
        open_menu(page, "Keep me")
        page.get_by_role("menuitem", name="Rename").click()
        description.fill("Round 10")
        held = hold(page, "**/api/v1/library/*", times=1)
        page.get_by_role("button", name="Save").click()
        page.get_by_role("button", name="Cancel").click()
        wait_until(lambda: page.evaluate("true") and held)
        held[0].fulfill(status=503, json={})
        expect(page.locator("[data-toasts]")).to_contain_text("The changes could not be saved.")
        open_menu(page, "Keep me")
        page.get_by_role("menuitem", name="Rename").click()
        expect(description).to_have_value("Round 10")
        page.get_by_role("button", name="Cancel").click()
    dialog = ask_to_delete(page, "Keep me")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    expect(dialog).to_contain_text("can be restored. After that, 1.0 GiB of your storage is freed.")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="More actions for Keep me")).to_be_focused()
    ask_to_delete(page, long)
    expect(dialog).to_contain_text("Used in 1 comparison:")
    expect(dialog.get_by_role("link", name="Match 2041")).to_have_attribute("href", re.compile("^/compare/comp-"))
    dialog.get_by_role("button", name="Move to the bin").click()
    expect_cards(page, 2)
    page.get_by_role("button", name="Undo").click()
    expect_cards(page, 3)
    for title in (long, "Delete me"):
        ask_to_delete(page, title).get_by_role("button", name="Move to the bin").click()
        expect(card(page, title)).to_have_count(0)
    expect(page.get_by_role("link", name="Keep me")).to_be_focused()
    expect(page.locator("[data-total]")).to_have_text("1 video")
    expect(page.get_by_role("progressbar", name="Storage used: 2.0 of 5 GiB")).to_be_visible()
    expect(page.get_by_role("link", name="All 1")).to_be_visible()

    page.get_by_role("link", name="Bin 2").click()
    expect(page.locator(".card h2")).to_have_text(["Delete me", long])
    expect(page.locator(".card").first).to_contain_text("14 days left")
    assert axe_findings(page) == []
    page.get_by_role("button", name=f"Restore {long}").click()
    page.get_by_role("button", name="Delete for good: Delete me").click()
    expect(dialog).to_contain_text("1023 MiB of your storage will be freed. This cannot be undone.")
    dialog.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("heading", name="The bin is empty")).to_be_visible()
    expect(page.get_by_role("progressbar", name="Storage used: 1.0 of 5 GiB")).to_be_visible()
    page.get_by_role("button", name="Show all videos").click()
    expect_cards(page, 2)
    backstage.no_videos()
    for title in ("Keep me", long):
        ask_to_delete(page, title).get_by_role("button", name="Move to the bin").click()
    expect(page.get_by_role("heading", name="No videos yet")).to_be_visible()


@pytest.mark.services
def test_two_or_three_are_compared_and_four_are_not(open_page: OpenPage, backstage: Backstage) -> None:
    ids = {name: backstage.video(owner=ACCOUNT, title=name) for name in ("One", "Two", "Three", "Four")}
    page = open_page(f"/library?select={ids['Two']}", quiet=False)
    bar = page.get_by_role("region", name="Selection")
    expect(bar).to_contain_text("1 selected")
    expect(page.get_by_role("checkbox", name="Selected as A: Two")).to_be_checked()
    page.get_by_role("button", name="Clear").click()
    expect(bar).to_be_hidden()
    pick(page, "Two")
    expect(bar.get_by_role("link", name="Compare 2 videos")).to_have_attribute("aria-disabled", "true")
    pick(page, "One")
    expect(bar.get_by_role("link", name="Compare 2 videos")).not_to_have_attribute("aria-disabled", "true")
    pick(page, "Four")
    expect(bar).to_contain_text("3 selected")
    pick(page, "Three")
    expect(bar).to_contain_text("4 selected you can compare up to 3 videos")
    expect(bar.get_by_role("link")).to_have_count(0)
    page.get_by_role("checkbox", name="Selected: Three").uncheck()
    expect(bar.get_by_role("link", name="Compare 3 videos")).to_be_visible()
    page.get_by_role("checkbox", name="Selected as B: One").uncheck()
    expect(page.get_by_role("checkbox", name="Selected as B: Four")).to_be_checked()
    # A search keeps the selection.
    page.get_by_label("Search your videos").fill("Three")
    expect_cards(page, 1)
    pick(page, "Three")
    go = bar.get_by_role("link", name="Compare 3 videos")
    page.context.set_offline(True)
    go.click()
    expect(page.get_by_text("You are offline, so no comparison can be created.")).to_be_visible()
    page.context.set_offline(False)
    address = go.get_attribute("href") or ""
    assert address.split("&video=")[1:] == [ids["Two"], ids["Four"], ids["Three"]]
    full = {"ok": False, "type": "session_limit", "error": "You have reached your plan's limit of comparisons."}
    page.route("**/api/sessions/multi-vod", lambda route: route.fulfill(status=409, json=full), times=1)
    # The comparison is created without another click.
    go.click()
    expect_texts(page.locator("[data-create-error]"), "plan's limit of comparisons", "See plans")
    expect(page.locator("[data-tray] li").nth(1)).to_contain_text("Four")


@pytest.mark.services
def test_several_are_tagged_and_deleted_at_once(open_page: OpenPage, backstage: Backstage, program: Program) -> None:
    tags = {"One": ["scrim", "ascent"], "Two": ["scrim"], "Three": [], "Keep me": ["scrim"]}
    ids = {
        name: backstage.video(owner=ACCOUNT, title=name, tags=given, file_size=2**30) for name, given in tags.items()
    }
    backstage.show(owner=ACCOUNT, name="Match 2041", video=ids["Two"])
    page = open_page("/library", quiet=False)
    for name in ("One", "Two", "Three"):
        pick(page, name)
    bar = page.get_by_role("region", name="Selection")
    bar.get_by_role("button", name="Tag").click()
    dialog = page.get_by_role("dialog", name="Edit the tags of 3 videos")
    expect(dialog.get_by_label("Add tags")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("Enter a tag to add, or choose one to remove.")
    page.keyboard.type("final, ascent")
    program.call("PATCH", f"/api/v1/library/{ids['One']}", {"tags": ["ascent", "kept"]})
    dialog.get_by_label("scrim 2 of 3").check()
    page.keyboard.press("Enter")
    expect(page.locator("[data-toasts]")).to_contain_text("Tags of 3 videos changed.")
    expect(dialog).to_have_count(0)
    expect(card(page, "Three")).to_contain_text("final, ascent")
    found = {name: shelf.get(program, video)["tags"] for name, video in ids.items()}
    both = ["final", "ascent"]
    assert found == {"One": ["ascent", "kept", "final"], "Two": both, "Three": both, "Keep me": ["scrim"]}
    expect(bar).to_contain_text("3 selected")

    bar.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("alertdialog", name="Delete 3 videos?")
    expect_texts(dialog, "The videos stay in the bin for 14 days", "Used in 1 comparison:")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect_cards(page, 4)
    expect(bar.get_by_role("button", name="Delete")).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Move to the bin").click()
    expect(page.locator("[data-toasts]")).to_contain_text("3 videos moved to the bin.")
    expect(page.locator(".card h2")).to_have_text(["Keep me"])
    expect(page.locator("[data-total]")).to_have_text("1 video")
    page.get_by_role("button", name="Undo").click()
    expect_cards(page, 4)


@pytest.mark.services
def test_cards_come_change_and_go_live(open_page: OpenPage, backstage: Backstage, program: Program) -> None:
    page = open_page("/library", quiet=False)
    expect(page.get_by_role("heading", name="No videos yet")).to_be_visible()
    video, job = backstage.ingest(owner=ACCOUNT, title="Warm-up")
    warm_up = card(page, "Warm-up")
    expect(warm_up).to_contain_text("Processing")
    backstage.progress(job=job, percent=62, message="Reading the file")
    expect(warm_up).to_contain_text("Reading the file")
    expect(page.get_by_role("progressbar", name="Warm-up, 62 percent")).to_be_visible()
    backstage.change_video(video=video, **READY)
    backstage.progress(job=job, percent=70, message="Making pictures of it")
    expect_texts(warm_up, "Processing, already playable", "2:10")
    page.get_by_role("link", name="Warm-up").focus()
    backstage.complete(job=job)
    expect(warm_up).not_to_contain_text("Processing")
    expect(page.locator("[data-said]")).to_have_text("Warm-up: ready.")
    expect(page.get_by_role("link", name="Warm-up")).to_be_focused()

    for title, item in (("Second", ""), ("Third", "Rename")):
        before = titles(page)
        video, job = backstage.ingest(owner=ACCOUNT, title=title)
        page.get_by_role("button", name="1 new").wait_for()
        assert titles(page) == before
        page.get_by_role("button", name="1 new").click()
        expect(page.get_by_role("link", name=title, exact=True).last).to_be_focused()
        assert titles(page) == [title, *before]
        # The card is drawn again under a menu or a dialog, and gets the focus back.
        open_menu(page, title)
        if item:
            page.get_by_role("menuitem", name=item).click()
        backstage.change_video(video=video, **READY)
        backstage.complete(job=job)
        expect(card(page, title)).to_contain_text("2:10")
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name=f"More actions for {title}")).to_be_focused()

    video, _ = backstage.ingest(owner=ACCOUNT, title="Deleted elsewhere")
    _, failing = backstage.ingest(owner=ACCOUNT, title="capture_0412")
    page.get_by_role("button", name="2 new").click()
    page.get_by_role("link", name="Deleted elsewhere", exact=True).focus()
    program.call("DELETE", f"{shelf.LIBRARY}/{video}")
    expect(card(page, "Deleted elsewhere")).to_have_count(0)
    expect(page.get_by_role("link", name="Third", exact=True)).to_be_focused()
    backstage.fail(job=failing, type="vod_unreadable", message="No picture could be read.")
    expect_texts(card(page, "capture_0412"), "Failed", "No picture could be read.")
    pick(page, "capture_0412")
    bar = page.get_by_role("region", name="Selection")
    expect(bar).to_contain_text("some cannot be compared")
    expect(bar.get_by_role("link")).to_have_count(0)
    expect(page.get_by_role("link", name="Needs attention 1")).to_be_visible()
    page.get_by_role("link", name="Show details").click()
    expect(page.get_by_role("alert")).to_contain_text("No picture could be read.")


@pytest.mark.services
def test_the_list_is_loaded_again_after_each_failure(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.video(owner=ACCOUNT, title="There")
    video, job = backstage.ingest(owner=ACCOUNT, title="Warm-up")
    page = open_page("/library", quiet=False)
    page.route("**/api/v1/library?*", lambda route: route.fulfill(status=500, json=BROKEN))
    page.get_by_role("link", name="Ready").click()
    note = page.get_by_role("alert")
    expect_texts(note, "The list could not be loaded.", "request 7f3a")
    page.unroute("**/api/v1/library?*")
    note.get_by_role("button", name="Try again").click()
    expect(card(page, "There")).to_be_visible()
    expect(note).to_have_count(0)
    page.go_back()
    expect(card(page, "Warm-up")).to_be_visible()

    asked: list[str] = []

    def lose(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    page.route(f"**/api/v1/library/{video}", lose)
    backstage.change_video(video=video, **READY)
    backstage.complete(job=job)
    page.wait_for_function("() => !document.querySelector('.card .mask progress')?.value")
    wait_until(lambda: page.evaluate("1") and asked, 10, "the question")
    page.unroute(f"**/api/v1/library/{video}")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(card(page, "Warm-up")).to_contain_text("2:10")

    page.context.set_offline(True)
    expect(page.locator("[data-offline]")).to_be_visible()
    page.get_by_label("Search your videos").fill("The")
    expect(note).to_contain_text("The server cannot be reached.")
    expect(card(page, "There")).to_be_visible()
    page.context.set_offline(False)
    expect(note).to_have_count(0)
    expect(page.locator(".card h2")).to_have_text(["There"])


@pytest.mark.services
def test_what_opens_is_accessible_and_keys_reach_everything(open_page: OpenPage, backstage: Backstage) -> None:
    for name in ("One", "Two"):
        backstage.video(owner=ACCOUNT, title=name, tags=["scrim"])
    page = open_page("/library")
    expect_cards(page, 2)
    open_menu(page, "One")
    assert axe_findings(page) == []
    page.get_by_role("menuitem", name="Rename").click()
    assert axe_findings(page) == []
    page.keyboard.press("Escape")
    page.get_by_label("Search your videos").fill("nothing like it")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    assert axe_findings(page) == []
    page.get_by_role("button", name="Clear search").click()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    expect(page.get_by_label("Search your videos")).to_be_focused()
    page.keyboard.type("o")
    expect_cards(page, 2)
    cards = [f"{act}{name}" for name in ("Two", "One") for act in ("Select ", "", "More actions for ")]
    expect_reached(page, 24, "Grid", "List", "Upload", "All", "scrim", *cards)
    page.get_by_role("button", name="List").press("Enter")
    page.reload()
    expect(page.get_by_role("button", name="List")).to_have_attribute("aria-pressed", "true")
    box: Any = card(page, "One").bounding_box()
    assert box["width"] > 800
    for name in ("Select Two", "Select One"):
        page.get_by_role("checkbox", name=name).press("Space")
    page.get_by_role("link", name="Compare 2 videos").press("Enter")
    page.wait_for_url("**/compare**")
