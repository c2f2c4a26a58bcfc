"""The library in the browser: found, narrowed, named, deleted, selected, and live while videos are taken in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser import shelf
from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, PHONE, OpenPage, Recording
from tests.support.program import Program
from tests.support.waiting import wait_until


@pytest.fixture(autouse=True)
def _empty(backstage: Backstage) -> None:
    backstage.no_videos()


def card(page: Page, title: str) -> Locator:
    return page.locator(".card", has=page.get_by_role("link", name=title, exact=True))


def titles(page: Page) -> list[str]:
    return page.locator(".card h2").all_inner_texts()


def pick(page: Page, title: str) -> None:
    page.get_by_role("checkbox", name=f"Select {title}").check()


def open_menu(page: Page, title: str) -> None:
    page.get_by_role("button", name=f"More for {title}").click()


# What it shows


def test_without_a_video_it_says_what_it_is_for_and_leads_to_the_upload(open_page: OpenPage) -> None:
    page = open_page("/library")
    expect(page.get_by_role("heading", name="No videos yet")).to_be_visible()
    page.get_by_role("link", name="Upload videos").click()
    page.wait_for_url("**/upload")


def test_videos_stand_newest_first_with_what_is_known_of_them(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.video(owner=ACCOUNT, title="The older one", minutes=5, duration=4360, width=1920, height=1080)
    backstage.video(owner=ACCOUNT, title="Upright", width=1080, height=1920, file_size=890 * 2**20)
    page = open_page("/library")
    expect(page.locator("[data-total]")).to_have_text("2 videos")
    assert titles(page) == ["Upright", "The older one"]
    expect(card(page, "The older one")).to_contain_text("1:12:40")
    expect(card(page, "The older one")).to_contain_text("1080p30")
    expect(card(page, "Upright")).to_contain_text("1080×1920")
    expect(card(page, "Upright")).to_contain_text("890 MiB")


def test_a_long_name_is_cut_and_stands_whole_in_the_title(open_page: OpenPage, backstage: Backstage) -> None:
    name = "x" * 255
    backstage.video(owner=ACCOUNT, title=name)
    page = open_page("/library", size=PHONE)
    expect(page.locator(".card h2")).to_have_attribute("title", name)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_storage_is_shown_against_the_plan(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.video(owner=ACCOUNT, file_size=2 * 2**30)
    page = open_page("/library")
    meter = page.get_by_role("progressbar", name="Storage used: 2.0 of 5 GiB")
    expect(meter).to_be_visible()
    assert meter.evaluate("(bar) => bar.value / bar.max") == pytest.approx(0.4)
    expect(page.get_by_text("Free plan, 512 MiB for one file")).to_be_visible()


def test_a_real_video_has_its_picture_and_a_preview_by_pointer_and_by_keys(
    open_page: OpenPage, program: Program, recordings: list[Recording]
) -> None:
    shelf.taken_in(program, recordings[0].path, title="Match 2041")
    page = open_page("/library")
    picture = card(page, "Match 2041").locator("img")
    expect(picture).to_be_visible()
    page.wait_for_function("() => document.querySelector('.card img').naturalWidth > 0")
    preview = card(page, "Match 2041").locator("canvas")
    expect(preview).to_be_hidden()
    card(page, "Match 2041").hover(position={"x": 200, "y": 60})
    expect(preview).to_be_visible()
    page.mouse.move(0, 0)
    expect(preview).to_be_hidden()
    page.get_by_role("link", name="Match 2041").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(preview).to_be_visible()
    expect(card(page, "Match 2041").locator(".scrub")).to_be_visible()
    page.keyboard.press("Tab")
    expect(preview).to_be_hidden()


def test_a_picture_that_is_gone_leaves_its_place(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.picture(video=backstage.video(owner=ACCOUNT, title="Without its picture"))
    page = open_page("/library", quiet=False)
    expect(card(page, "Without its picture").locator(".none svg")).to_be_visible()


# Narrowing


def test_typing_searches_and_nothing_found_says_so(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.video(owner=ACCOUNT, title="Ascent, round 7")
    backstage.video(owner=ACCOUNT, title="Haven", tags=["ascent"])
    backstage.video(owner=ACCOUNT, title="Split")
    page = open_page("/library")
    find = page.get_by_label("Search your videos")
    find.fill("ascent")
    expect(page.locator(".card")).to_have_count(2)
    find.fill("ascnet")
    expect(page.get_by_role("heading", name="Nothing matches “ascnet”")).to_be_visible()
    expect(page.locator("[data-said]")).to_have_text("Nothing found")
    elsewhere = page.get_by_role("link", name="Search the catalogue too")
    expect(elsewhere).to_have_attribute("href", "/catalogue?search=ascnet")
    page.get_by_role("button", name="Clear the search").click()
    expect(page.locator(".card")).to_have_count(3)
    expect(find).to_be_focused()
    expect(find).to_have_value("")


def test_letters_stay_that_are_typed_while_the_list_is_narrowed(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.video(owner=ACCOUNT, title="Ascent")
    backstage.video(owner=ACCOUNT, title="Haven")
    page = open_page("/library")
    expect(page.locator(".card")).to_have_count(2)
    page.evaluate("""() => {
        const find = document.querySelector('#find');
        find.value = 'asc';
        find.dispatchEvent(new Event('input'));
        document.querySelector('[data-rail] a[href*=ready]').click();
    }""")
    expect(page.locator(".card")).to_have_count(1)
    expect(page.get_by_label("Search your videos")).to_have_value("asc")
    page.go_back()
    expect(page.locator(".card")).to_have_count(2)
    expect(page.get_by_label("Search your videos")).to_have_value("")


def test_videos_are_put_in_another_order_which_stays_in_the_address(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.video(owner=ACCOUNT, title="bravo", duration=30, file_size=900, minutes=1)
    backstage.video(owner=ACCOUNT, title="Charlie", duration=20, file_size=800, minutes=2)
    backstage.video(owner=ACCOUNT, title="Alpha", duration=10, file_size=1000, minutes=3)
    page = open_page("/library")
    order = page.get_by_role("combobox", name="Order")
    for choice, expected in (
        ("Name", ["Alpha", "bravo", "Charlie"]),
        ("Longest first", ["bravo", "Charlie", "Alpha"]),
        ("Largest first", ["Alpha", "bravo", "Charlie"]),
        ("Newest first", ["bravo", "Charlie", "Alpha"]),
        ("Name", ["Alpha", "bravo", "Charlie"]),
    ):
        order.select_option(choice)
        expect(page.locator(".card h2")).to_have_text(expected)
    assert page.url.endswith("/library?order=title")
    expect(page.get_by_role("list", name="Videos, by name")).to_be_visible()
    page.reload()
    expect(page.locator(".card h2")).to_have_text(["Alpha", "bravo", "Charlie"])
    expect(order).to_have_value("title")


def test_what_is_chosen_by_keeps_the_focus_when_the_choices_are_others(
    open_page: OpenPage, backstage: Backstage
) -> None:
    backstage.video(owner=ACCOUNT, title="Old", minutes=5)
    page = open_page("/library", size=PHONE)
    expect(page.locator(".card")).to_have_count(1)
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("combobox", name="Status").focus()
    coming(backstage, "New", tags=["scrim"])
    expect(page.get_by_role("combobox", name="Tag")).to_be_visible()
    expect(page.get_by_role("combobox", name="Status")).to_be_focused()


def test_status_and_tag_narrow_it_stay_in_the_address_and_can_be_gone_back_from(
    open_page: OpenPage, backstage: Backstage
) -> None:
    backstage.video(owner=ACCOUNT, title="Good", tags=["scrim"])
    backstage.video(owner=ACCOUNT, title="Bad", status="failed", error_type="vod_unreadable", error_message="No.")
    page = open_page("/library")
    page.get_by_role("link", name="Needs attention 1").click()
    expect(page.locator(".card")).to_have_count(1)
    expect(card(page, "Bad")).to_be_visible()
    assert page.url.endswith("/library?status=failed")
    page.go_back()
    expect(page.locator(".card")).to_have_count(2)
    page.get_by_role("link", name="scrim 1").click()
    expect(page.locator(".card")).to_have_count(1)
    page.reload()
    expect(card(page, "Good")).to_be_visible()
    expect(page.locator(".card")).to_have_count(1)
    expect(page.get_by_role("link", name="scrim 1")).to_have_attribute("aria-current", "true")


def test_on_a_phone_two_fields_narrow_it_once_they_are_unfolded(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.video(owner=ACCOUNT, title="Good", tags=["scrim"])
    backstage.video(owner=ACCOUNT, title="Other")
    page = open_page("/library", size=PHONE)
    expect(page.get_by_label("Tag", exact=True)).to_be_hidden()
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("Tag", exact=True).select_option("scrim")
    expect(page.locator(".card")).to_have_count(1)
    # What is set is seen when the page is opened again.
    page.reload()
    expect(page.get_by_label("Tag", exact=True)).to_have_value("scrim")
    page.get_by_role("combobox", name="Status").select_option("Processing")
    expect(page.get_by_role("heading", name="No video here")).to_be_visible()
    page.get_by_role("button", name="Show all videos").click()
    expect(page.locator(".card")).to_have_count(2)


# More than a page


def fill(backstage: Backstage, count: int) -> None:
    for number in range(count):
        backstage.video(owner=ACCOUNT, title=f"Recording {number:02d}", minutes=number)


def scroll_to_all(page: Page, count: int) -> None:
    page.mouse.move(700, 500)

    def all_there() -> bool:
        page.mouse.wheel(0, 4000)
        return page.locator(".card").count() == count

    wait_until(all_there, 20, f"all {count}")


def test_more_come_as_one_scrolls_to_the_end(open_page: OpenPage, backstage: Backstage) -> None:
    fill(backstage, 60)
    page = open_page("/library")
    expect(page.locator("[data-total]")).to_have_text("60 videos")
    expect(page.locator(".card").first).to_be_visible()
    assert page.locator(".card").count() < 60
    scroll_to_all(page, 60)
    assert titles(page) == [f"Recording {number:02d}" for number in range(60)]
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()


def test_back_from_a_video_the_list_stands_where_it_was(open_page: OpenPage, backstage: Backstage) -> None:
    fill(backstage, 70)
    page = open_page("/library", quiet=False)
    scroll_to_all(page, 70)
    page.get_by_role("link", name="Recording 57").click()
    page.wait_for_url("**/watch/*")
    page.go_back()
    expect(page.get_by_role("link", name="Recording 57")).to_be_in_viewport()


def test_the_button_brings_more_where_scrolling_is_not_noticed(open_page: OpenPage, backstage: Backstage) -> None:
    fill(backstage, 30)
    page = open_page("/compare")
    page.add_init_script("window.IntersectionObserver = class { observe() {} }; window.innerHeight = -5000;")
    page.goto("/library")
    expect(page.locator(".card")).to_have_count(24)
    expect(page.locator("[data-rest]")).to_have_text("24 of 30")
    page.get_by_role("button", name="Show more").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(30)
    expect(page.get_by_role("link", name="Recording 24")).to_be_focused()
    expect(page.locator("[data-said]")).to_have_text("30 of 30 videos shown")


def test_what_is_deleted_meanwhile_hides_nothing(open_page: OpenPage, backstage: Backstage) -> None:
    fill(backstage, 50)
    page = open_page("/compare")
    page.add_init_script("window.IntersectionObserver = class { observe() {} }; window.innerHeight = -5000;")
    page.goto("/library")
    expect(page.locator(".card")).to_have_count(24)
    open_menu(page, "Recording 03")
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".card")).to_have_count(23)
    for count in (48, 49):
        page.get_by_role("button", name="Show more").click()
        expect(page.locator(".card")).to_have_count(count)
    assert len(set(titles(page))) == 49


def test_many_that_come_meanwhile_hide_nothing_of_the_rest(open_page: OpenPage, backstage: Backstage) -> None:
    for number in range(40):
        backstage.video(owner=ACCOUNT, title=f"Recording {number:02d}", minutes=100 + number)
    page = open_page("/compare")
    page.add_init_script("window.IntersectionObserver = class { observe() {} }; window.innerHeight = -5000;")
    page.goto("/library")
    expect(page.locator(".card")).to_have_count(24)
    # A whole page and a half of them: the next pages hold what is shown already.
    for number in range(36):
        backstage.video(owner=ACCOUNT, title=f"New {number:02d}", minutes=number)
    for count in (36, 40):
        page.get_by_role("button", name="Show more").click()
        expect(page.locator(".card")).to_have_count(count)
    assert titles(page) == [f"Recording {number:02d}" for number in range(40)]
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    expect(page.locator("[data-total]")).to_have_text("76 videos")
    page.get_by_role("button", name="24 new").click()
    expect(page.get_by_role("link", name="New 00")).to_be_focused()


# Changing one


def test_a_video_is_renamed_described_and_tagged_by_keys_alone(
    open_page: OpenPage, backstage: Backstage, program: Program
) -> None:
    video = backstage.video(owner=ACCOUNT, title="capture_0412")
    page = open_page("/library")
    page.get_by_role("link", name="capture_0412").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Watch")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("Round 7")
    page.keyboard.press("Tab")
    page.keyboard.type("With voice")
    page.keyboard.press("Tab")
    page.keyboard.type("ascent, scrim , ascent")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(card(page, "Round 7")).to_contain_text("ascent, scrim")
    expect(page.get_by_role("button", name="More for Round 7")).to_be_focused()
    expect(page.get_by_role("link", name="ascent 1")).to_be_visible()
    found = shelf.get(program, video)
    assert (found["title"], found["description"], found["tags"]) == ("Round 7", "With voice", ["ascent", "scrim"])


def test_what_cannot_be_saved_is_said_beside_the_field(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.video(owner=ACCOUNT, title="Round 7")
    page = open_page("/library", quiet=False)
    open_menu(page, "Round 7")
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_label("Name", exact=True).fill("  ")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#edit-title-error")).to_have_text("A video needs a name.")
    page.get_by_label("Name", exact=True).fill("Round 8")
    page.get_by_label("Tags", exact=True).fill("x" * 65)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#edit-tags-error")).to_contain_text("64 characters")
    expect(page.get_by_label("Tags", exact=True)).to_be_focused()
    expect(page.locator("#edit-title-error")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(card(page, "Round 7")).to_be_visible()


def test_deleting_is_asked_and_what_is_kept_is_kept(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.video(owner=ACCOUNT, title="Keep me", file_size=2**30)
    backstage.video(owner=ACCOUNT, title="Delete me", file_size=2**30)
    page = open_page("/library")
    expect(page.get_by_role("progressbar", name="Storage used: 2.0 of 5 GiB")).to_be_visible()
    open_menu(page, "Keep me")
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    expect(page.get_by_role("alertdialog")).to_contain_text("1.0 GiB will be freed. This cannot be undone.")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="More for Keep me")).to_be_focused()
    open_menu(page, "Delete me")
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".card")).to_have_count(1)
    expect(page.get_by_role("link", name="Keep me")).to_be_focused()
    expect(page.locator("[data-total]")).to_have_text("1 video")
    expect(page.get_by_role("progressbar", name="Storage used: 1.0 of 5 GiB")).to_be_visible()
    expect(page.get_by_role("link", name="All mine 1")).to_be_visible()


def test_of_a_video_that_a_comparison_shows_it_is_said_and_it_may_leave_a_gap(
    open_page: OpenPage, backstage: Backstage
) -> None:
    backstage.show(owner=ACCOUNT, name="Match 2041", video=backstage.video(owner=ACCOUNT, title="In use"))
    page = open_page("/library", quiet=False)
    open_menu(page, "In use")
    page.get_by_role("menuitem", name="Delete").click()
    dialog = page.get_by_role("alertdialog")
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog.get_by_role("alert")).to_contain_text("A comparison shows it.")
    expect(dialog.get_by_role("link", name="Match 2041")).to_have_attribute("href", re.compile("^/compare/comp-"))
    dialog.get_by_role("button", name="Keep it").click()
    expect(card(page, "In use")).to_be_visible()
    open_menu(page, "In use")
    page.get_by_role("menuitem", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete it and leave a gap").click()
    expect(page.locator(".card")).to_have_count(0)
    page.goto("/compare")
    expect(page.get_by_role("main")).to_contain_text("Match 2041")


def test_one_that_was_deleted_elsewhere_goes_without_an_error(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.video(owner=ACCOUNT, title="Gone")
    page = open_page("/library", quiet=False)
    expect(card(page, "Gone")).to_be_visible()
    backstage.no_videos()
    open_menu(page, "Gone")
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".card")).to_have_count(0)
    expect(page.get_by_role("heading", name="No videos yet")).to_be_visible()


# Selecting


def test_two_or_three_are_compared_and_four_are_not(open_page: OpenPage, backstage: Backstage) -> None:
    ids = {name: backstage.video(owner=ACCOUNT, title=name) for name in ("One", "Two", "Three", "Four")}
    page = open_page("/library")
    bar = page.get_by_role("region", name="Selection")
    expect(bar).to_be_hidden()
    pick(page, "Two")
    expect(bar).to_contain_text("1 selected")
    expect(bar.get_by_role("link", name="Compare 2 videos")).to_have_attribute("aria-disabled", "true")
    pick(page, "One")
    expect(bar.get_by_role("link", name="Compare 2 videos")).not_to_have_attribute("aria-disabled", "true")
    pick(page, "Four")
    expect(bar).to_contain_text("3 selected")
    pick(page, "Three")
    expect(bar).to_contain_text("4 selectedthree at most can be compared")
    expect(bar.get_by_role("link")).to_have_count(0)
    page.get_by_role("checkbox", name="Selected: Three").uncheck()
    expect(bar.get_by_role("link", name="Compare 3 videos")).to_be_visible()
    page.get_by_role("checkbox", name="Selected as B: One").uncheck()
    expect(page.get_by_role("checkbox", name="Selected as B: Four")).to_be_checked()
    # What is selected stays so while something else is looked for.
    page.get_by_label("Search your videos").fill("Three")
    expect(page.locator(".card")).to_have_count(1)
    pick(page, "Three")
    bar.get_by_role("link", name="Compare 3 videos").click()
    page.wait_for_url(re.compile(r"/compare\?new&video="))
    assert page.url.split("&video=")[1:] == [ids["Two"], ids["Four"], ids["Three"]]
    expect(page.locator("[data-tray] .slot")).to_have_count(3)
    expect(page.locator("[data-tray] li").nth(1)).to_contain_text("Four")


def test_real_videos_that_were_selected_become_a_comparison(
    open_page: OpenPage, program: Program, recordings: list[Recording]
) -> None:
    for number, recording in enumerate(recordings[:2]):
        shelf.taken_in(program, recording.path, title=f"View {number}")
    page = open_page("/library")
    pick(page, "View 0")
    pick(page, "View 1")
    page.get_by_role("link", name="Compare 2 videos").click()
    page.get_by_role("button", name="Compare 2").click()
    page.wait_for_url("**/compare/comp-*?setup")
    expect(page.locator("[data-slot]")).to_have_count(2)


def test_files_dropped_on_the_library_are_uploaded_and_can_be_stopped(
    open_page: OpenPage, program: Program, recordings: list[Recording], tmp_path: Path
) -> None:
    large = shelf.padded(recordings[1].path, tmp_path / "match_2041.mp4", 24 * 2**20)
    page = open_page("/library")
    # By then the page takes what is dropped.
    expect(page.get_by_role("heading", name="No videos yet")).to_be_visible()
    shelf.throttle(page, 2**21)
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(recordings[0].path), str(large)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})
    row = page.locator("[data-uploads] li", has_text="match_2041.mp4")
    expect(row).to_contain_text("MiB/s")
    row.get_by_role("button", name="Pause match_2041.mp4").click()
    expect(row).to_contain_text("Paused by you")
    row.get_by_role("button", name="Cancel match_2041.mp4").click()
    page.get_by_role("alertdialog").get_by_role("button").last.click()
    expect(row).to_have_count(0)
    expect(card(page, "alpha")).to_be_visible(timeout=shelf.TAKEN_IN)
    assert [video["title"] for video in program.call("GET", shelf.LIBRARY)["videos"]] == ["alpha"]


def test_a_page_may_bring_a_video_along_that_is_selected(open_page: OpenPage, backstage: Backstage) -> None:
    video = backstage.video(owner=ACCOUNT, title="Brought along")
    page = open_page(f"/library?select={video}")
    expect(page.get_by_role("region", name="Selection")).to_contain_text("1 selected")
    expect(page.get_by_role("checkbox", name="Selected as A: Brought along")).to_be_checked()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_role("region", name="Selection")).to_be_hidden()


def test_several_are_deleted_at_once_and_what_cannot_go_is_named(
    open_page: OpenPage, backstage: Backstage, program: Program
) -> None:
    ids = {name: backstage.video(owner=ACCOUNT, title=name, file_size=2**30) for name in ("One", "Two", "Three")}
    backstage.video(owner=ACCOUNT, title="Keep me")
    backstage.show(owner=ACCOUNT, name="Match 2041", video=ids["Two"])
    page = open_page("/library", quiet=False)
    for name in ids:
        pick(page, name)
    bar = page.get_by_role("region", name="Selection")
    bar.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("alertdialog", name="Delete 3 videos?")
    expect(dialog).to_contain_text("3.0 GiB will be freed. This cannot be undone.")
    expect(dialog.get_by_role("button", name="Keep them")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".card")).to_have_count(4)
    expect(bar.get_by_role("button", name="Delete")).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Delete 3").click()
    expect(dialog.get_by_role("status")).to_have_text("2 of 3 deleted")
    expect(dialog.get_by_role("alert")).to_contain_text("Shown by “Match 2041”")
    expect(page.locator("[data-toasts]")).to_contain_text("2 videos are deleted.")
    expect(page.locator(".card h2")).to_have_text(["Keep me", "Two"])
    expect(bar).to_contain_text("1 selected")
    expect(page.locator("[data-total]")).to_have_text("2 videos")
    dialog.get_by_role("button", name="Delete 1 and leave gaps").click()
    expect(page.locator(".card h2")).to_have_text(["Keep me"])


def test_several_get_and_lose_tags_at_once(open_page: OpenPage, backstage: Backstage, program: Program) -> None:
    tags = {"One": ["scrim", "ascent"], "Two": ["scrim"], "Three": [], "Four": ["scrim"]}
    ids = {name: backstage.video(owner=ACCOUNT, title=name, tags=given) for name, given in tags.items()}
    page = open_page("/library")
    for name in ("One", "Two", "Three"):
        pick(page, name)
    bar = page.get_by_role("region", name="Selection")
    bar.get_by_role("button", name="Tag").click()
    dialog = page.get_by_role("dialog", name="Tags of 3 videos")
    expect(dialog.get_by_label("Add to each")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("Name a tag to add, or choose one to take away.")
    page.keyboard.type("final, ascent")
    dialog.get_by_label("scrim 2 of 3").check()
    page.keyboard.press("Enter")
    expect(page.locator("[data-toasts]")).to_contain_text("3 videos are changed.")
    expect(dialog).to_have_count(0)
    expect(card(page, "Three")).to_contain_text("final, ascent")
    found = {name: shelf.get(program, video)["tags"] for name, video in ids.items()}
    assert found == {
        "One": ["ascent", "final"], "Two": ["final", "ascent"], "Three": ["final", "ascent"], "Four": ["scrim"],
    }  # fmt: skip
    expect(bar).to_contain_text("3 selected")


# Live


def coming(backstage: Backstage, title: str, **fields: Any) -> tuple[str, str]:
    """A video that is being taken in, and its job, of which watchers hear once the video is there."""
    video = backstage.video(owner=ACCOUNT, title=title, status="processing", duration=0, width=0, **fields)
    params = {"video_id": video}
    job = backstage.make(owner=ACCOUNT, status="processing", announce=False, kind="ingest", params=params)
    backstage.change_video(video=video, job=job)
    backstage.change(job=job)
    return video, job


def test_how_far_it_is_taken_in_shows_live_and_its_end_changes_the_card(
    open_page: OpenPage, backstage: Backstage
) -> None:
    video, job = coming(backstage, "Warm-up")
    page = open_page("/library", quiet=False)
    expect(card(page, "Warm-up")).to_contain_text("Processing")
    backstage.progress(job=job, percent=62, message="Reading the file")
    expect(card(page, "Warm-up")).to_contain_text("Reading the file")
    expect(page.get_by_role("progressbar", name="Warm-up, 62 percent")).to_be_visible()
    backstage.change_video(video=video, status="ready", duration=130, width=1280, height=720)
    backstage.progress(job=job, percent=70, message="Making pictures of it")
    expect(card(page, "Warm-up")).to_contain_text("Processing, already playable")
    expect(card(page, "Warm-up")).to_contain_text("2:10")
    page.get_by_role("link", name="Warm-up").focus()
    backstage.complete(job=job)
    expect(card(page, "Warm-up")).not_to_contain_text("Processing")
    expect(page.locator("[data-said]")).to_have_text("Warm-up: ready.")
    expect(page.get_by_role("link", name="Warm-up")).to_be_focused()


def test_a_failure_shows_its_reason_and_leads_to_what_to_do(open_page: OpenPage, backstage: Backstage) -> None:
    _, job = coming(backstage, "capture_0412")
    page = open_page("/library")
    expect(card(page, "capture_0412")).to_contain_text("Processing")
    backstage.fail(job=job, type="vod_unreadable", message="No picture could be read.")
    expect(card(page, "capture_0412")).to_contain_text("Failed")
    expect(card(page, "capture_0412")).to_contain_text("No picture could be read.")
    pick(page, "capture_0412")
    bar = page.get_by_role("region", name="Selection")
    expect(bar).to_contain_text("not all can be compared")
    expect(bar.get_by_role("link")).to_have_count(0)
    expect(page.get_by_role("link", name="Needs attention 1")).to_be_visible()
    page.get_by_role("link", name="What to do").click()
    expect(page.get_by_role("alert")).to_contain_text("No picture could be read.")


def test_a_video_that_comes_is_offered_and_moves_nothing_by_itself(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.video(owner=ACCOUNT, title="Old", minutes=5)
    page = open_page("/library")
    expect(card(page, "Old")).to_be_visible()
    coming(backstage, "New")
    page.get_by_role("button", name="1 new").wait_for()
    assert titles(page) == ["Old"]
    page.get_by_role("button", name="1 new").click()
    expect(page.get_by_role("link", name="New", exact=True).last).to_be_focused()
    assert titles(page) == ["New", "Old"]


def test_the_first_video_comes_by_itself(open_page: OpenPage, backstage: Backstage) -> None:
    page = open_page("/library")
    expect(page.get_by_role("heading", name="No videos yet")).to_be_visible()
    coming(backstage, "The first")
    expect(card(page, "The first")).to_be_visible()


def test_one_that_is_deleted_elsewhere_goes_at_the_end_of_its_job(
    open_page: OpenPage, backstage: Backstage, program: Program
) -> None:
    backstage.video(owner=ACCOUNT, title="Old", minutes=5)
    video, _ = coming(backstage, "Warm-up")
    page = open_page("/library", quiet=False)
    expect(card(page, "Warm-up")).to_contain_text("Processing")
    page.get_by_role("link", name="Warm-up", exact=True).focus()
    program.call("DELETE", f"{shelf.LIBRARY}/{video}")
    expect(card(page, "Warm-up")).to_have_count(0)
    expect(page.get_by_role("link", name="Old", exact=True)).to_be_focused()


def test_what_could_not_be_read_is_read_when_the_network_is_back(open_page: OpenPage, backstage: Backstage) -> None:
    video, job = coming(backstage, "Warm-up")
    page = open_page("/library", quiet=False)
    expect(card(page, "Warm-up")).to_contain_text("Processing")
    asked: list[str] = []

    def lose(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    page.route(f"**/api/v1/library/{video}", lose)
    backstage.change_video(video=video, status="ready", duration=130, width=1280, height=720)
    backstage.complete(job=job)
    page.wait_for_function("() => !document.querySelector('.card .mask progress')?.value")
    wait_until(lambda: page.evaluate("1") and asked, 10, "the question")
    page.unroute(f"**/api/v1/library/{video}")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(card(page, "Warm-up")).to_contain_text("2:10")


@pytest.mark.parametrize("item", ["", "Rename"])
def test_the_focus_comes_back_to_a_card_that_was_drawn_anew(
    open_page: OpenPage, backstage: Backstage, item: str
) -> None:
    video, job = coming(backstage, "Warm-up")
    page = open_page("/library")
    expect(card(page, "Warm-up")).to_contain_text("Processing")
    open_menu(page, "Warm-up")
    if item:
        page.get_by_role("menuitem", name=item).click()
    backstage.change_video(video=video, status="ready", duration=130, width=1280, height=720)
    backstage.complete(job=job)
    expect(card(page, "Warm-up")).to_contain_text("2:10")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="More for Warm-up")).to_be_focused()


# When something fails


def test_a_preview_that_cannot_be_had_is_asked_for_once(open_page: OpenPage, backstage: Backstage) -> None:
    for title in ("One", "Two"):
        backstage.picture(video=backstage.video(owner=ACCOUNT, title=title), kind="sprite")
    page = open_page("/library", quiet=False)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/renditions/" in request.url else None)
    one, two = (card(page, title) for title in ("One", "Two"))
    with page.expect_response("**/sprite.vtt"):
        one.hover(position={"x": 100, "y": 60})
    for x in range(60, 200, 20):
        one.hover(position={"x": x, "y": 60})
    page.mouse.move(0, 0)
    page.get_by_role("link", name="One", exact=True).focus()
    page.keyboard.press("ArrowRight")
    # The other's pictures are asked for later than these would have been.
    with page.expect_response("**/sprite.vtt"):
        two.hover(position={"x": 100, "y": 60})
    assert len(asked) == len(set(asked)) == 2


def test_a_pointer_that_passes_over_a_card_loads_nothing(open_page: OpenPage, backstage: Backstage) -> None:
    for title in ("One", "Two"):
        backstage.picture(video=backstage.video(owner=ACCOUNT, title=title), kind="sprite")
    page = open_page("/library", quiet=False)
    expect(page.locator(".card")).to_have_count(2)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/renditions/" in request.url else None)
    with page.expect_response("**/sprite.vtt"):
        page.evaluate("""() => {
            const [two, one] = document.querySelectorAll('.card');
            const over = (card) => {
                const { left, top } = card.querySelector('.picture').getBoundingClientRect();
                card.dispatchEvent(new PointerEvent('pointermove', { clientX: left + 20, clientY: top + 20 }));
            };
            over(one);
            one.dispatchEvent(new PointerEvent('pointerleave'));
            over(two);
        }""")
    assert len(asked) == 1


def test_a_list_that_cannot_be_loaded_says_so_and_can_be_tried_again(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.video(owner=ACCOUNT, title="There")
    page = open_page("/compare", quiet=False)
    body = '{"ok": false, "error": "Something broke.", "code": 500, "type": "server_error", "request_id": "7f3a"}'
    broken = "**/api/v1/library?*"
    page.route(broken, lambda route: route.fulfill(status=500, content_type="application/json", body=body))
    page.goto("/library")
    note = page.get_by_role("alert")
    expect(note).to_contain_text("The list could not be loaded.")
    expect(note).to_contain_text("request 7f3a")
    page.unroute(broken)
    note.get_by_role("button", name="Try again").click()
    expect(card(page, "There")).to_be_visible()
    expect(note).to_have_count(0)


def test_without_a_network_what_is_shown_stays_and_the_rest_comes_with_it(
    open_page: OpenPage, backstage: Backstage
) -> None:
    backstage.video(owner=ACCOUNT, title="There")
    page = open_page("/library", quiet=False)
    expect(card(page, "There")).to_be_visible()
    page.context.set_offline(True)
    expect(page.locator("[data-offline]")).to_be_visible()
    page.get_by_label("Search your videos").fill("The")
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    expect(card(page, "There")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(card(page, "There")).to_be_visible()


# By keys, and on a phone


def test_all_of_it_is_reached_by_keys_alone(open_page: OpenPage, backstage: Backstage) -> None:
    for name in ("One", "Two"):
        backstage.video(owner=ACCOUNT, title=name, tags=["scrim"])
    page = open_page("/library")
    expect(page.locator(".card")).to_have_count(2)
    page.keyboard.press("/")
    expect(page.get_by_label("Search your videos")).to_be_focused()
    page.keyboard.type("o")
    expect(page.locator(".card")).to_have_count(2)
    seen: list[str] = []
    for _ in range(24):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(shelf.FOCUSED))
    for name in (
        "Grid",
        "List",
        "Upload",
        "Select Two",
        "Two",
        "More for Two",
        "Select One",
        "One",
        "More for One",
    ):
        assert name in seen, f"{name} is not reached: {seen}"
    for name in ("All mine", "scrim"):
        assert any(one.startswith(name) for one in seen), f"{name} is not reached: {seen}"
    page.get_by_role("checkbox", name="Select Two").focus()
    page.keyboard.press("Space")
    page.get_by_role("checkbox", name="Select One").focus()
    page.keyboard.press("Space")
    page.get_by_role("link", name="Compare 2 videos").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/compare?new**")


def test_a_list_of_lines_is_remembered(open_page: OpenPage, backstage: Backstage) -> None:
    backstage.video(owner=ACCOUNT, title="One")
    page = open_page("/library")
    page.get_by_role("button", name="List").click()
    page.reload()
    expect(page.get_by_role("button", name="List")).to_have_attribute("aria-pressed", "true")
    box: Any = card(page, "One").bounding_box()
    assert box["width"] > 800


def test_on_a_phone_what_is_pressed_is_large_enough(open_page: OpenPage, backstage: Backstage, tmp_path: Path) -> None:
    for number in range(3):
        backstage.video(owner=ACCOUNT, title=f"Recording {number}", tags=["scrim"])
    page = open_page("/library", size=PHONE)
    expect(page.locator(".card")).to_have_count(3)
    page.get_by_role("checkbox", name="Select Recording 0").check()
    page.get_by_role("button", name="Filters").click()
    small = page.evaluate(shelf.TOO_SMALL, "main button, main a.btn, main select, main .pick, main input[type=search]")
    assert small == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
