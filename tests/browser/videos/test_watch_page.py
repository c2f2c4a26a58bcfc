"""The page of one video in the browser: played, stepped by frames, seen at a glance, changed, and when it cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser import shelf
from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, PHONE, OpenPage, Recording
from tests.browser.test_accessibility import axe_findings
from tests.support.clips import render_clip
from tests.support.footage import convert
from tests.support.program import Program
from tests.support.waiting import wait_until

SECONDS = 40.0
JOB = {"kind": "ingest", "params": {"video_id": "00000000-0000-4000-8000-000000000000"}}


@pytest.fixture(scope="module")
def video(program: Program, recordings: list[Recording]) -> Iterator[dict[str, Any]]:
    """A recording of 40 s at 60 frames a second with sound, with all that ingest makes of it."""
    found = shelf.taken_in(program, recordings[0].path, title="Round 7 – Ascent", tags='["ascent", "scrim"]')
    yield found
    program.call("DELETE", f"{shelf.LIBRARY}/{found['id']}")


@pytest.fixture
def page(open_page: OpenPage, video: dict[str, Any]) -> Page:
    return watch(open_page, video)


def watch(open_page: OpenPage, video: dict[str, Any], **options: Any) -> Page:
    page = open_page(f"/watch/{video['id']}", **options)
    is_loaded(page)
    return page


def is_loaded(page: Page) -> None:
    page.wait_for_function("() => document.querySelector('video')?.readyState >= 2", timeout=shelf.TAKEN_IN)


def time_of(page: Page) -> float:
    return float(page.evaluate("document.querySelector('video').currentTime"))


def stands_at(page: Page, seconds: float, within: float = 0.01) -> None:
    page.wait_for_function(
        """([at, within]) => { const v = document.querySelector('video');
            return !v.seeking && Math.abs(v.currentTime - at) <= within; }""",
        arg=[seconds, within],
    )


def is_playing(page: Page) -> bool:
    return bool(page.evaluate("!document.querySelector('video').paused"))


def seek_bar(page: Page) -> Locator:
    return page.get_by_role("slider", name="Position")


def shown_frame(page: Page, number: int) -> None:
    expect(page.locator("[data-frame]")).to_have_text(re.compile(rf"^f {number}$"))


# Playing


def test_space_plays_and_pauses_and_so_do_k_the_button_and_a_press_on_the_picture(page: Page) -> None:
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('video').currentTime > 0.3")
    expect(page.get_by_role("button", name="Pause (Space)")).to_be_visible()
    page.keyboard.press("k")
    assert not is_playing(page)
    page.get_by_role("button", name="Play (Space)").click()
    assert is_playing(page)
    page.locator("video").click()
    expect(page.get_by_role("button", name="Play (Space)")).to_be_visible()
    assert not is_playing(page)


def test_keys_jump_by_seconds_tenths_and_to_both_ends(page: Page) -> None:
    page.keyboard.press("5")
    stands_at(page, SECONDS / 2)
    page.keyboard.press("l")
    stands_at(page, 30)
    page.keyboard.press("j")
    stands_at(page, 20)
    page.keyboard.press("ArrowRight")
    stands_at(page, 25)
    page.keyboard.press("Shift+ArrowLeft")
    stands_at(page, 24)
    page.keyboard.press("Home")
    stands_at(page, 0)
    page.keyboard.press("ArrowLeft")
    stands_at(page, 0)
    page.keyboard.press("End")
    stands_at(page, SECONDS, 0.05)


def test_comma_and_full_stop_step_by_one_frame(page: Page) -> None:
    page.keyboard.press("3")
    stands_at(page, 12)
    page.keyboard.press(".")
    shown_frame(page, 721)
    page.keyboard.press(".")
    shown_frame(page, 722)
    page.keyboard.press(",")
    page.keyboard.press(",")
    page.keyboard.press(",")
    shown_frame(page, 719)
    page.get_by_role("button", name="One frame forward (.)").click()
    shown_frame(page, 720)


def test_sound_and_speed_by_keys_and_buttons(page: Page) -> None:
    page.keyboard.press("m")
    assert page.evaluate("document.querySelector('video').muted") is True
    page.get_by_role("button", name="Sound on (M)").click()
    assert page.evaluate("document.querySelector('video').muted") is False
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    assert page.evaluate("document.querySelector('video').volume") == pytest.approx(0.8)
    page.get_by_role("button", name="0.5", exact=True).click()
    assert page.evaluate("document.querySelector('video').playbackRate") == 0.5
    page.keyboard.press(">")
    assert page.evaluate("document.querySelector('video').playbackRate") == 1
    expect(page.get_by_role("button", name="1×", exact=True)).to_have_attribute("aria-pressed", "true")


def test_f_fills_the_screen_and_gives_it_back(page: Page) -> None:
    page.keyboard.press("f")
    page.wait_for_function("() => document.fullscreenElement?.matches('.player')")
    page.locator("[data-act=qualities]").click()
    expect(page.get_by_role("menuitemradio", name="Original")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("f")
    page.wait_for_function("() => document.fullscreenElement === null")


def test_a_question_mark_shows_the_keys_which_can_be_switched_off(page: Page) -> None:
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("One frame back, forward")
    dialog.get_by_label("Single keys work on this device").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("5")
    page.keyboard.press("?")
    dialog.get_by_label("Single keys work on this device").check()
    page.keyboard.press("Escape")
    assert time_of(page) == 0


def test_an_address_may_name_a_time(open_page: OpenPage, video: dict[str, Any]) -> None:
    page = open_page(f"/watch/{video['id']}#t=12")
    is_loaded(page)
    stands_at(page, 12)
    page.evaluate("location.hash = '#t=21.5'")
    stands_at(page, 21.5)


def test_the_link_to_a_moment_can_be_copied_and_leads_there(open_page: OpenPage, video: dict[str, Any]) -> None:
    page = watch(open_page, video)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.keyboard.press("5")
    stands_at(page, 20)
    page.keyboard.press("Shift+ArrowRight")
    stands_at(page, 21)
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Copy the link to 0:21").click()
    expect(page.locator("[data-toasts]")).to_contain_text("The link to 0:21 is copied.")
    address = page.evaluate("navigator.clipboard.readText()")
    assert address.endswith(f"/watch/{video['id']}#t=21")
    page.goto("/compare")
    page.goto(address)
    is_loaded(page)
    stands_at(page, 21)


def test_where_it_was_left_and_how_loud_are_remembered(open_page: OpenPage, video: dict[str, Any]) -> None:
    page = watch(open_page, video)
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("m")
    page.keyboard.press("5")
    stands_at(page, 20)
    page.reload()
    expect(page.locator("[data-toasts]")).to_contain_text("Continuing at 0:20")
    is_loaded(page)
    stands_at(page, 20)
    assert page.evaluate("document.querySelector('video').muted") is True
    assert page.evaluate("document.querySelector('video').volume") == pytest.approx(0.8)
    page.keyboard.press("Home")
    stands_at(page, 0)
    page.reload()
    is_loaded(page)
    stands_at(page, 0)


def test_the_volume_is_set_by_a_pointer(page: Page) -> None:
    volume = page.get_by_role("slider", name="Volume")
    box: Any = volume.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.evaluate("document.querySelector('video').volume") == pytest.approx(0.5, abs=0.06)
    volume.press("Home")
    expect(page.get_by_role("button", name="Sound on (M)")).to_be_visible()
    page.get_by_role("button", name="Sound on (M)").focus()
    page.keyboard.press("ArrowUp")
    expect(volume).to_have_value("0.05")
    expect(page.get_by_role("button", name="Mute (M)")).to_be_visible()


# The bar, the pictures, the sound


def test_the_bar_tells_where_it_is_in_words_and_moves_by_its_own_keys(page: Page) -> None:
    bar = seek_bar(page)
    bar.focus()
    page.keyboard.press("ArrowUp")
    stands_at(page, 5)
    page.keyboard.press("PageUp")
    stands_at(page, 35)
    expect(bar).to_have_attribute("aria-valuetext", "35 seconds of 40 seconds")
    expect(bar).to_have_attribute("aria-valuenow", re.compile(r"^35\.0"))
    # A slider has its keys also where single keys are switched off.
    page.evaluate("localStorage.setItem('vod-keys', 'off')")
    page.keyboard.press("ArrowLeft")
    stands_at(page, 30)
    page.keyboard.press("Shift+ArrowRight")
    stands_at(page, 31)
    page.keyboard.press("Home")
    stands_at(page, 0)
    page.keyboard.press("End")
    stands_at(page, SECONDS, 0.05)
    page.evaluate("localStorage.removeItem('vod-keys')")
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.wait_for_function("() => !document.querySelector('video').paused")


def test_the_picture_of_a_place_is_shown_where_the_pointer_or_a_key_is(page: Page) -> None:
    preview = page.locator("[data-preview]")
    page.wait_for_function("() => document.querySelectorAll('[data-strip] a').length === 10")
    expect(preview).to_be_hidden()
    box: Any = seek_bar(page).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10)
    expect(preview).to_be_visible()
    expect(preview).to_contain_text("0:20")
    assert preview.locator("canvas").evaluate("(c) => c.width") == 160
    page.mouse.down()
    stands_at(page, 20, 0.2)
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 10)
    expect(preview).to_contain_text(re.compile("0:(09|10)"))
    stands_at(page, 10, 0.2)
    page.mouse.up()
    page.mouse.move(0, 0)
    expect(preview).to_be_hidden()
    page.keyboard.press("Tab")
    seek_bar(page).focus()
    page.keyboard.press("ArrowRight")
    expect(preview).to_be_visible()
    page.keyboard.press("Tab")
    expect(preview).to_be_hidden()


def test_ten_pictures_lead_to_their_times(page: Page) -> None:
    strip = page.get_by_role("navigation", name="Jump to a time")
    expect(strip.get_by_role("link")).to_have_count(10)
    strip.get_by_role("link", name="0:16").click()
    stands_at(page, 16)
    expect(strip.get_by_role("link", name="0:16")).to_have_attribute("aria-current", "true")
    strip.get_by_role("link", name="0:28").focus()
    page.keyboard.press("Enter")
    stands_at(page, 28)
    expect(strip.locator("[aria-current]")).to_have_count(1)


def test_the_outline_of_the_sound_has_a_sentence_and_leads_to_a_time(page: Page) -> None:
    lane = page.locator("[data-wave]")
    expect(lane).to_be_visible()
    expect(page.locator("[data-wave-words]")).to_have_text(
        re.compile(r"^Sound over the whole video: loudest at 0:\d\d\.$")
    )
    box: Any = lane.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + 10)
    stands_at(page, 30, 0.2)


# Qualities


def test_the_original_is_played_first_and_hls_when_it_is_chosen(page: Page) -> None:
    gear = page.locator("[data-act=qualities]")
    expect(gear).to_contain_text("Original, 360p")
    page.keyboard.press("5")
    stands_at(page, 20)
    gear.click()
    expect(page.get_by_role("menuitemradio", name="Original")).to_have_attribute("aria-checked", "true")
    page.get_by_role("menuitemradio", name="Auto").click()
    page.wait_for_function("() => document.querySelector('video').src.startsWith('blob:')")
    stands_at(page, 20, 0.1)
    expect(gear).to_contain_text("Auto, 360p")
    expect(gear).to_be_focused()
    page.keyboard.press("k")
    page.wait_for_function("() => document.querySelector('video').currentTime > 20.5")
    gear.click()
    page.get_by_role("menuitemradio", name="Original").click()
    page.wait_for_function("() => !document.querySelector('video').src.startsWith('blob:')")
    page.wait_for_function("() => document.querySelector('video').currentTime > 21")
    assert is_playing(page)


def test_what_the_browser_cannot_play_as_it_is_is_played_when_a_form_that_it_can_is_made(
    open_page: OpenPage, program: Program, tmp_path: Path
) -> None:
    clip = render_clip(tmp_path / "old_camera.mp4", codec="mpeg4", seconds=4)
    old = shelf.taken_in(program, clip)
    page = open_page("/compare", quiet=False)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/hls.light*", hold)
    page.goto(f"/watch/{old['id']}")
    expect(page.locator("[data-quality]")).to_contain_text("Auto", timeout=60_000)
    is_loaded(page)  # the sound of the original, until the other form takes its place
    page.keyboard.press("Space")
    page.wait_for_function("() => !document.querySelector('video').paused")
    held[0].continue_()
    page.wait_for_function(
        "() => { const v = document.querySelector('video'); return v.videoWidth > 0 && v.currentTime > 0.5; }",
        timeout=60_000,
    )


def test_a_playable_form_is_asked_for_though_the_browser_refuses_the_original_after_the_last_news(
    open_page: OpenPage, program: Program, tmp_path: Path
) -> None:
    old = shelf.taken_in(program, render_clip(tmp_path / "old_camera.mp4", codec="mpeg4", seconds=4))
    wait_until(lambda: shelf.get(program, old["id"])["hls_url"], shelf.INGEST_SECONDS, "the form that can be played")
    page = open_page("/compare", quiet=False)
    reads: list[str] = []
    originals: list[Route] = []
    is_made = False

    def read(route: Route) -> None:
        reads.append(route.request.url)
        answer = route.fetch()
        video = answer.json()
        if not is_made:
            video |= {"hls_url": None, "renditions": []}
        route.fulfill(response=answer, json=video)

    def hold(route: Route) -> None:
        originals.append(route)

    page.route(f"**{shelf.LIBRARY}/{old['id']}", read)
    page.route(re.compile(re.escape(old["video_url"].split("?")[0])), hold)
    page.goto(f"/watch/{old['id']}")
    # Read when the page opens and when its job says that it is over; after that nothing is told any more.
    wait_until(lambda: page.wait_for_timeout(100) or len(reads) >= 2, 20, "both reads")
    page.wait_for_timeout(500)
    for route in originals:
        route.continue_()
    expect(page.get_by_role("alert")).to_contain_text("This browser cannot play it", timeout=20_000)
    is_made = True
    expect(page.locator("[data-quality]")).to_contain_text("Auto", timeout=20_000)


def test_an_address_that_has_run_out_is_renewed_without_a_word(open_page: OpenPage, video: dict[str, Any]) -> None:
    refused: list[str] = []

    def run_out(route: Route) -> None:
        if refused and route.request.url not in refused:
            return route.fallback()
        refused.append(route.request.url)
        return route.fulfill(status=410, content_type="application/json", body="{}")

    page = open_page("/compare", quiet=False)
    page.route("**/api/v1/media/stream/*", run_out)
    page.route(
        f"**/api/v1/library/{video['id']}",
        lambda route: route.fulfill(
            json={**route.fetch().json(), "video_url": f"{video['video_url']}&n={len(refused)}"}
        ),
    )
    page.goto(f"/watch/{video['id']}")
    is_loaded(page)
    assert refused
    expect(page.locator("[data-trouble]")).to_be_hidden()


# What is known of it, and changing it


def test_its_details_are_those_of_the_file(page: Page, recordings: list[Recording]) -> None:
    details = page.locator("[data-details]")
    for words in (
        "0:40.000",
        "640 × 360, 60 fps, h264",
        "aac 48 kHz",
        "video/mp4",
        "original, 360p",
        "in your storage",
    ):
        expect(details).to_contain_text(words)
    expect(page.locator("[data-status]")).to_have_text("Ready")
    expect(page.get_by_role("heading", name="Round 7 – Ascent")).to_have_attribute("dir", "auto")
    expect(page.get_by_role("link", name="scrim")).to_have_attribute("href", "/library?tag=scrim")
    page.get_by_role("button", name="More").click()
    href = page.get_by_role("menuitem", name="Download").get_attribute("href")
    assert href
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Download").click()
    assert download.value.suggested_filename == "Round 7 – Ascent.mp4"
    assert shelf.digest(download.value.path()) == shelf.digest(recordings[0].path)


def test_it_is_renamed_described_and_tagged_and_playing_goes_on(
    open_page: OpenPage, program: Program, tmp_path: Path
) -> None:
    mine = shelf.taken_in(program, render_clip(tmp_path / "clip.mp4", seconds=20))
    page = watch(open_page, mine)
    page.keyboard.press("Space")
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_label("Name", exact=True).fill("תחילת המשחק")
    page.get_by_label("Description", exact=True).fill("First line\nSecond line")
    page.get_by_label("Tags", exact=True).fill("ascent")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="תחילת המשחק")).to_be_visible()
    assert page.locator("h1").evaluate("(e) => getComputedStyle(e).direction") == "rtl"
    expect(page.locator("[data-description]")).to_have_text("First line\nSecond line", use_inner_text=True)
    expect(page.get_by_role("link", name="ascent")).to_be_visible()
    assert "תחילת המשחק" in page.title()
    assert is_playing(page)
    page.get_by_role("button", name="Tag").click()
    expect(page.get_by_label("Tags", exact=True)).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.type(", scrim")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="scrim")).to_be_visible()
    expect(page.get_by_role("button", name="Tag")).to_be_focused()


def test_compare_with_leads_to_the_library_with_it_selected(page: Page) -> None:
    page.get_by_role("link", name="Compare with…").click()
    page.wait_for_url("**/library?select=*")
    expect(page.get_by_role("region", name="Selection")).to_contain_text("1 selected")


def test_deleted_it_leads_to_the_library(open_page: OpenPage, backstage: Backstage) -> None:
    page = open_page(f"/watch/{backstage.video(owner=ACCOUNT, title='Not needed')}", quiet=False)
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/library")
    expect(page.get_by_text("Not needed")).to_have_count(0)


def test_a_copy_for_stepping_is_made_on_demand(open_page: OpenPage, program: Program, tmp_path: Path) -> None:
    mine = shelf.taken_in(program, render_clip(tmp_path / "clip.mp4", seconds=4))
    page = watch(open_page, mine)
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Make a copy for stepping").click()
    expect(page.locator("[data-details]")).to_contain_text("for stepping", timeout=shelf.TAKEN_IN)
    page.locator("[data-act=qualities]").click()
    page.get_by_role("menuitemradio", name="For stepping").click()
    expect(page.locator("[data-quality]")).to_contain_text("For stepping")
    is_loaded(page)


# Not there, not yet, not at all


def test_what_is_not_there_or_not_ones_own_has_the_same_page(open_page: OpenPage) -> None:
    page = open_page("/watch/00000000-0000-4000-8000-000000000000", quiet=False)
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    page.goto("/watch/nothing")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    page.get_by_role("link", name="To the library").click()
    page.wait_for_url("**/library")


def test_what_is_being_taken_in_shows_how_far_it_is_and_its_end(open_page: OpenPage, backstage: Backstage) -> None:
    job = backstage.make(owner=ACCOUNT, status="processing", **JOB)
    mine = backstage.video(owner=ACCOUNT, title="Warm-up", status="processing", job=job, duration=0, width=0)
    page = open_page(f"/watch/{mine}", quiet=False)
    expect(page.locator("[data-state]")).to_contain_text("Processing the video")
    backstage.progress(job=job, percent=15, message="Reading the file")
    expect(page.locator("[data-state]")).to_contain_text("Reading the file, 15 %")
    expect(page.locator("[data-status]")).to_have_text("Processing")
    backstage.change_video(video=mine, status="ready", duration=130, width=1280, height=720)
    backstage.progress(job=job, percent=62, message="Making pictures of it")
    expect(page.locator("[data-status]")).to_have_text("Pictures being made, 62 %")
    expect(page.locator("[data-details]")).to_contain_text("1280 × 720")
    expect(page.locator("[data-state]")).to_be_empty()
    backstage.complete(job=job)
    expect(page.locator("[data-status]")).to_have_text("Ready")


def test_a_real_upload_becomes_playable_while_one_looks(
    open_page: OpenPage, program: Program, recordings: list[Recording]
) -> None:
    mine = shelf.put(program, recordings[2].path, title="Just sent")
    page = open_page(f"/watch/{mine['id']}", quiet=False)
    is_loaded(page)
    expect(page.locator("[data-status]")).to_have_text("Ready", timeout=shelf.TAKEN_IN)
    expect(page.get_by_role("navigation", name="Jump to a time").get_by_role("link")).to_have_count(10)
    shown = page.locator("[data-frame]")
    page.keyboard.press("5")
    stands_at(page, 20)
    page.keyboard.press(".")
    expect(shown).to_have_text(f"f {int(20 * Fraction(30)) + 1}")


def test_what_failed_says_why_and_what_to_do(open_page: OpenPage, backstage: Backstage) -> None:
    mine = backstage.video(
        owner=ACCOUNT, title="capture_0412", status="failed", error_type="vod_unreadable", error_message="No picture."
    )
    job = backstage.make(owner=ACCOUNT, status="failed", kind="ingest", params={"video_id": mine})
    backstage.change_video(video=mine, job=job)
    page = open_page(f"/watch/{mine}")
    expect(page.get_by_role("alert")).to_contain_text("No picture.")
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    expect(page.get_by_role("alert")).to_contain_text("Check that the file plays on your own machine")
    expect(page.locator("[data-status]")).to_have_text("Failed")
    expect(page.locator(".player")).to_be_hidden()
    expect(page.get_by_role("link", name="Compare with…")).to_be_hidden()
    page.get_by_role("button", name="More").click()
    expect(page.get_by_role("menuitem", name="Delete")).to_be_visible()


def test_what_failed_for_a_reason_that_may_be_over_is_tried_again(open_page: OpenPage, backstage: Backstage) -> None:
    mine = backstage.video(owner=ACCOUNT, title="capture_0412", status="processing", duration=0, width=0)
    error = {"type": "storage_unavailable", "message": "The storage did not answer."}
    job = backstage.make(owner=ACCOUNT, status="failed", kind="ingest", params={"video_id": mine}, error=error)
    backstage.change_video(video=mine, job=job)
    page = open_page(f"/watch/{mine}", quiet=False)
    expect(page.get_by_role("alert")).to_contain_text("The storage did not answer.")
    expect(page.get_by_role("alert")).to_contain_text("you do not need to upload it again")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("[data-state]")).to_contain_text("Waiting for its turn.")
    assert backstage.status(job=job) == "queued"
    backstage.change_video(video=mine, status="ready", duration=130, width=1280, height=720)
    backstage.change(job=job, status="completed", admitted=False)
    expect(page.locator("[data-status]")).to_have_text("Ready")
    expect(page.locator("[data-state]")).to_be_empty()


def test_a_copy_that_was_not_begun_says_so_until_it_is(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    backstage.no_copies()
    page = watch(open_page, video, quiet=False)
    address = "**/renditions"
    page.route(address, lambda route: route.fulfill(status=503, json={"error": "Busy.", "type": "unavailable"}))
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Make a copy for stepping").click()
    note = page.get_by_role("alert").filter(has_text="The copy was not begun.")
    expect(note).to_be_visible()
    page.unroute(address)
    note.get_by_role("button", name="Try again").click()
    expect(note).to_have_count(0)
    expect(page.locator("[data-details]")).to_contain_text("for stepping", timeout=shelf.TAKEN_IN)


def test_what_has_the_focus_keeps_it_while_the_work_goes_on(open_page: OpenPage, backstage: Backstage) -> None:
    job = backstage.make(owner=ACCOUNT, status="processing", **JOB)
    mine = backstage.video(
        owner=ACCOUNT, title="Warm-up", status="processing", job=job, duration=0, width=0, tags=["scrim"]
    )
    page = open_page(f"/watch/{mine}", quiet=False)
    page.get_by_role("link", name="scrim").focus()
    backstage.change_video(video=mine, status="ready", duration=130, width=1280, height=720)
    backstage.progress(job=job, percent=62, message="Making pictures of it")
    expect(page.locator("[data-details]")).to_contain_text("1280 × 720")
    expect(page.get_by_role("link", name="scrim")).to_be_focused()
    backstage.change_video(video=mine, tags=["ascent", "scrim"])
    backstage.complete(job=job)
    expect(page.get_by_role("link", name="ascent")).to_be_visible()
    expect(page.get_by_role("link", name="scrim")).to_be_focused()


def test_one_that_is_deleted_elsewhere_says_so_at_the_next_word_of_its_job(
    open_page: OpenPage, backstage: Backstage, program: Program
) -> None:
    mine = backstage.video(owner=ACCOUNT, title="Warm-up", status="processing", duration=0, width=0)
    job = backstage.make(owner=ACCOUNT, status="processing", kind="ingest", params={"video_id": mine})
    backstage.change_video(video=mine, job=job)
    page = open_page(f"/watch/{mine}", quiet=False)
    expect(page.locator("[data-state]")).to_contain_text("Being looked at")
    program.call("DELETE", f"{shelf.LIBRARY}/{mine}")
    expect(page.get_by_role("heading", name="Page not found")).to_be_focused()


# Of the catalogue


def published(program: Program, backstage: Backstage, clip: Path, **fields: Any) -> str:
    """A catalogue video whose bytes and pictures are those of ``clip``, taken in."""
    taken = shelf.taken_in(program, clip)
    backstage.change_video(video=taken["id"], place="catalogue", **fields)
    return str(taken["id"])


def test_anybody_watches_what_the_catalogue_shows(
    open_page: OpenPage, program: Program, backstage: Backstage, tmp_path: Path
) -> None:
    clip = render_clip(tmp_path / "clip.mp4", seconds=20)
    shown = published(
        program, backstage, clip, title="The final", category="Finals", tags=["ascent"], view_count=1234,
        description="Both sides",
    )  # fmt: skip
    page = watch(open_page, {"id": shown}, anonymous=True)
    expect(page.get_by_role("heading", name="The final")).to_be_visible()
    expect(page.locator("[data-views]")).to_have_text("1,234 views")
    expect(page.get_by_role("link", name="Finals")).to_have_attribute("href", "/catalogue?category=Finals")
    expect(page.get_by_role("link", name="ascent")).to_have_attribute("href", "/catalogue?search=ascent")
    expect(page.locator("[data-description]")).to_have_text("Both sides")
    expect(page.get_by_role("link", name="Compare with…")).to_be_hidden()
    expect(page.get_by_role("link", name="Edit")).to_have_count(0)
    expect(page.get_by_role("button", name="Tag")).to_have_count(0)
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('video').currentTime > 0.3")
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('video').paused")
    page.get_by_role("button", name="More").click()
    words = f"Copy the link to 0:{int(time_of(page)):02d}"
    assert page.get_by_role("menuitem").all_inner_texts() == [words, "Download"]
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Download").click()
    assert shelf.digest(download.value.path()) == shelf.digest(clip)


def test_a_catalogue_video_shows_what_becomes_of_it(open_page: OpenPage, backstage: Backstage) -> None:
    shown = backstage.catalogue_video(by=ACCOUNT, title="The final", duration=20)
    page = open_page(f"/watch/{shown}", quiet=False)
    expect(page.locator("[data-views]")).to_have_text("no views yet")
    page.get_by_role("button", name="More").click()
    expect(page.get_by_role("menuitem", name="Report")).to_have_attribute("href", f"/catalogue?report={shown}")
    page.keyboard.press("Escape")
    backstage.edit_catalogue(by=ACCOUNT, video=shown, title="The semi-final")
    expect(page.get_by_role("heading", name="The semi-final")).to_be_visible()
    backstage.change_catalogue(video=shown, is_hidden=True)
    expect(page.get_by_role("heading", name="Page not found")).to_be_focused()
    expect(page.get_by_role("link", name="To the catalogue")).to_be_visible()


def test_an_admin_who_watches_what_is_deleted_is_told_and_gets_it_back_when_it_is_restored(
    open_page: OpenPage, backstage: Backstage, program: Program, tmp_path: Path
) -> None:
    shown = published(program, backstage, render_clip(tmp_path / "clip.mp4", seconds=20))
    page = open_page(f"/watch/{shown}", session=backstage.person_session(name="boss", role="admin"))
    is_loaded(page)
    page.keyboard.press("Space")
    wait_until(lambda: is_playing(page), 10, "playing")
    backstage.delete_catalogue(by="boss", video=shown)
    expect(page.locator("[data-state]")).to_contain_text("It is deleted.")
    expect(page.locator("[data-player]")).to_be_hidden()
    assert not is_playing(page)
    backstage.change_catalogue(video=shown, deleted_at=None)
    expect(page.locator("[data-player]")).to_be_visible()


def test_an_answer_that_comes_after_newer_news_takes_nothing_back(
    open_page: OpenPage, backstage: Backstage, program: Program, tmp_path: Path
) -> None:
    shown = published(program, backstage, render_clip(tmp_path / "clip.mp4", seconds=20))
    page = open_page(f"/watch/{shown}", session=backstage.person_session(name="boss", role="admin"))
    is_loaded(page)
    held: list[Route] = []
    asked: list[str] = []

    def hold(route: Route) -> None:
        """The second question, asked once the page hears what changes, gets its answer late."""
        asked.append(route.request.url)
        if len(asked) == 2:
            held.append(route)
        else:
            route.continue_()

    page.route(f"**/api/v1/videos/{shown}", hold)
    page.reload()
    wait_until(lambda: page.evaluate("true") and held, 20, "the second question")
    before_it_was_deleted = held[0].fetch()
    backstage.delete_catalogue(by="boss", video=shown)
    expect(page.locator("[data-state]")).to_contain_text("It is deleted.")
    with page.expect_response(f"**/api/v1/videos/{shown}") as answered:
        held[0].fulfill(response=before_it_was_deleted)
    answered.value.finished()
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    expect(page.locator("[data-state]")).to_contain_text("It is deleted.")
    expect(page.locator("[data-player]")).to_be_hidden()


def test_a_moderator_is_led_to_where_it_is_edited(open_page: OpenPage, backstage: Backstage, program: Program) -> None:
    shown = backstage.catalogue_video(by=ACCOUNT, title="The final", duration=20, is_hidden=True)
    page = open_page("/login", anonymous=True, quiet=False)
    key = backstage.person_session(name="mira", role="moderator")
    page.context.add_cookies([{"name": "sessionid", "value": key, "url": program.address}])
    page.goto(f"/watch/{shown}")
    expect(page.get_by_role("link", name="Edit")).to_have_attribute("href", f"/catalogue/{shown}/edit")
    expect(page.locator("[data-marks]")).to_have_text("Hidden")
    page.get_by_role("button", name="More").click()
    expect(page.get_by_role("menuitem", name="Copy the link")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Delete")).to_have_count(0)


def test_captions_and_chapters_are_added_shown_searched_and_gone_by(
    open_page: OpenPage, video: dict[str, Any], program: Program
) -> None:
    page = watch(open_page, video, quiet=False)
    player = page.get_by_role("region", name="Player, Round 7 – Ascent")
    expect(page.get_by_role("heading", name="Chapters")).to_be_hidden()
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Captions and chapters…").click()
    dialog = page.get_by_role("dialog", name="Captions and chapters")
    file = "".join(f"{n}\n00:00:{n:02},000 --> 00:00:{n:02},900\nLine {n}: café\n\n" for n in range(1, 39))
    chosen = dialog.get_by_label("WebVTT or SRT file")
    chosen.set_input_files({"name": "a.srt", "mimeType": "text/plain", "buffer": b"<html>"})
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("This is neither WebVTT nor SubRip.")
    chosen.set_input_files({"name": "a.srt", "mimeType": "text/plain", "buffer": file.encode("latin-1")})
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_text("Captions added.")).to_be_visible()
    expect(dialog.get_by_role("listitem")).to_contain_text("38 lines")
    lines = dialog.get_by_label("Chapters, one a line")
    lines.fill("0:00 Warm-up\n0:50 Too late")
    dialog.get_by_role("button", name="Save chapters").click()
    expect(dialog.get_by_text("“0:50 Too late” begins after the video has ended.")).to_be_visible()
    expect(lines).to_be_focused()
    expect(lines).to_have_attribute("aria-invalid", "true")
    # What is typed stays when a file of the other kind, or of the same, is added.
    dialog.get_by_label("What it has").select_option("chapters")
    vtt = b"WEBVTT\n\n00:01.000 --> 00:02.000\nFrom a file\n"
    chosen.set_input_files({"name": "a.vtt", "mimeType": "text/vtt", "buffer": vtt})
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_text("Chapters added.")).to_be_visible()
    expect(lines).to_have_value("0:00 Warm-up\n0:50 Too late")
    lines.fill("0:00 Warm-up\n0:12.5 First & <second> half")
    dialog.get_by_role("button", name="Save chapters").click()
    expect(dialog.get_by_text("Chapters saved.")).to_be_visible()
    expect(lines).to_have_value("0:00 Warm-up\n0:12.5 First & <second> half")
    assert axe_findings(page) == []
    dialog.get_by_role("button", name="Close").click()
    expect(player.get_by_role("button", name="Captions on (C)")).to_be_visible()
    page.keyboard.press("c")
    shown = "() => [...document.querySelector('video').textTracks].filter((t) => t.mode === 'showing').length"
    assert page.evaluate(shown) == 1
    page.get_by_role("button", name="0:12 First & <second> half").click()
    stands_at(page, 12.5)
    # The forms of the video are changed, and its words stay.
    page.locator("[data-act=qualities]").click()
    page.get_by_role("menuitemradio", name="Auto").click()
    page.wait_for_function("() => document.querySelector('video').src.startsWith('blob:')")
    stands_at(page, 12.5, 0.1)
    page.get_by_role("button", name="0:20 Line 20: café").click()
    stands_at(page, 20)
    expect(page.locator("[data-transcript] [aria-current]")).to_have_text("0:20Line 20: café")
    expect(page.locator("[data-chapters] [aria-current]")).to_contain_text("half")
    # The browser's own reckoning of what is said now comes a moment after the picture.
    page.wait_for_function("""() => {
        const texts = [...document.querySelector('video').textTracks].map((track) => track.activeCues?.[0]?.text);
        return texts.includes('Line 20: café') && texts.includes('First &amp; &lt;second&gt; half');
    }""")
    page.get_by_label("Search in the transcript").fill("CAFE 3")
    expect(page.get_by_text("12 lines found.")).to_be_visible()
    expect(page.locator("[data-transcript] li:visible")).to_have_count(12)
    page.get_by_role("slider", name="Position").hover(position={"x": 2, "y": 5})
    expect(page.locator("[data-preview-time]")).to_have_text("0:00 · Warm-up")
    page.reload()
    is_loaded(page)
    expect(player.get_by_role("button", name="Captions off (C)")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the captions").click()
    assert download.value.suggested_filename == "round-7-ascent.en.vtt"
    assert "Line 1: café" in Path(download.value.path()).read_text()
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Captions and chapters…").click()
    for name in ("English", "Chapters, English"):
        dialog.get_by_role("button", name=f"Delete {name}").click()
        page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
        expect(dialog.get_by_text(f"{name} deleted.")).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    expect(page.get_by_role("heading", name="Chapters")).to_be_hidden()
    expect(page.locator("[data-transcript]")).to_be_hidden()
    expect(page.locator("[data-act=captions]")).to_be_hidden()


def test_the_frame_that_is_shown_becomes_the_picture_of_ones_own_video(page: Page, video: dict[str, Any]) -> None:
    of_it = lambda: page.request.get(f"/api/v1/library/{video['id']}").json()["thumbnail_path"]  # noqa: E731
    before = of_it()
    page.keyboard.press("5")
    stands_at(page, 20)
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Make this frame its picture").click()
    expect(page.locator("[data-toasts]")).to_contain_text("This frame becomes its picture.")
    wait_until(lambda: of_it() not in (before, None), shelf.INGEST_SECONDS, "the picture of that frame")


def test_a_moderator_publishes_a_video_of_the_library(
    open_page: OpenPage, backstage: Backstage, program: Program, recordings: list[Recording]
) -> None:
    key = backstage.person_session(name="mira", role="moderator")
    page = open_page("/library", session=key)
    token = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "csrftoken")
    headers = {"X-CSRFToken": token, "Accept": "application/json", "Referer": page.url}
    form: Any = {
        "title": "The final", "tags": "lan",
        "file": {"name": "a.mp4", "mimeType": "video/mp4", "buffer": recordings[0].path.read_bytes()},
    }  # fmt: skip
    own = page.request.post("/api/v1/library", multipart=form, headers=headers).json()["id"]
    is_ready = lambda: page.request.get(f"/api/v1/library/{own}").json()["status"] == "ready"  # noqa: E731
    wait_until(is_ready, shelf.INGEST_SECONDS, "the video taken in")
    words = "WEBVTT\n\n00:01.000 --> 00:02.000\nZdaj\n"
    captions = {"video_id": own, "kind": "captions", "language": "sl", "content": words}
    assert page.request.post("/api/v1/text-tracks", data=captions, headers=headers).ok
    page.goto(f"/watch/{own}")
    is_loaded(page)
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Publish to the catalogue…").click()
    dialog = page.get_by_role("dialog", name="Publish “The final”?")
    assert axe_findings(page) == []
    dialog.get_by_role("button", name="Publish").click()
    page.wait_for_url("**/catalogue/*/edit")
    made = page.request.get(f"/api/v1/videos/{page.url.split('/')[-2]}").json()
    assert (made["title"], made["tags"], made["file_size"]) == ("The final", ["lan"], recordings[0].path.stat().st_size)
    [track] = page.request.get(f"/api/v1/text-tracks?video_id={made['id']}").json()["tracks"]
    assert (track["language"], track["cue_count"]) == ("sl", 1)
    assert "Zdaj" in page.request.get(track["url"]).text()
    assert page.request.get(f"/api/v1/library/{own}").ok
    assert page.request.delete(f"/api/v1/library/{own}", headers=headers).ok


def test_who_is_no_moderator_is_not_offered_to_publish(open_page: OpenPage, video: dict[str, Any]) -> None:
    page = watch(open_page, video)
    page.get_by_role("button", name="More").click()
    expect(page.get_by_role("menuitem", name="Download")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Publish")).to_have_count(0)


def test_a_moderator_makes_the_frame_that_is_shown_its_picture(
    open_page: OpenPage, backstage: Backstage, recordings: list[Recording]
) -> None:
    key = backstage.person_session(name="mira", role="moderator")
    page = open_page("/catalogue", session=key)
    token = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "csrftoken")
    headers = {"X-CSRFToken": token, "Accept": "application/json", "Referer": page.url}
    made = page.request.post("/api/v1/videos", data={"title": "The final"}, headers=headers).json()["id"]
    file = {"name": "a.mp4", "mimeType": "video/mp4", "buffer": recordings[0].path.read_bytes()}
    assert page.request.post(f"/api/v1/videos/{made}/file", multipart={"video": file}, headers=headers).ok
    is_ready = lambda: page.request.get(f"/api/v1/videos/{made}").json()["status"] == "ready"  # noqa: E731
    wait_until(is_ready, shelf.INGEST_SECONDS, "the catalogue's video taken in")
    page.goto(f"/watch/{made}")
    is_loaded(page)
    before = page.request.get(f"/api/v1/videos/{made}").json()["thumbnail_url"]
    page.evaluate("document.querySelector('video').currentTime = 10")
    page.wait_for_function(
        "() => { const v = document.querySelector('video'); return !v.seeking && v.currentTime === 10 }"
    )
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Make this frame its picture").click()
    expect(page.locator("[data-toasts]")).to_contain_text("This frame is its picture now.")
    after = page.request.get(f"/api/v1/videos/{made}").json()["thumbnail_url"]
    assert after
    assert after.split("?")[0] != (before or "").split("?")[0]
    shown, taken = (
        page.evaluate(
            """async (address) => {
                const picture = new Image();
                const film = document.querySelector('video');
                if (address) { picture.src = address; await picture.decode(); }
                const canvas = new OffscreenCanvas(16, 9);
                const context = canvas.getContext('2d');
                context.drawImage(address ? picture : film, 0, 0, 16, 9);
                return [...context.getImageData(0, 0, 16, 9).data];
            }""",
            address,
        )
        for address in ("", after)
    )
    difference = sum(abs(one - other) for one, other in zip(shown, taken, strict=True)) / len(shown)
    assert difference < 8


def test_one_of_the_catalogue_is_compared_with_ones_own(
    open_page: OpenPage, backstage: Backstage, program: Program
) -> None:
    shown = backstage.catalogue_video(by=ACCOUNT, title="The final", duration=20)
    page = open_page(f"/watch/{shown}", quiet=False)
    page.get_by_role("link", name="Compare with…").click()
    expect(page.get_by_role("region", name="Selection")).to_contain_text("The final")


def test_without_a_network_it_says_so_and_plays_on_when_that_is_back(
    open_page: OpenPage, video: dict[str, Any]
) -> None:
    page = watch(open_page, video, quiet=False)
    page.route("**/api/v1/media/stream/*", lambda route: route.abort())
    page.context.set_offline(True)
    page.evaluate("document.querySelector('video').load()")
    expect(page.locator("[data-trouble]")).to_contain_text("No connection")
    page.unroute("**/api/v1/media/stream/*")
    page.context.set_offline(False)
    expect(page.locator("[data-trouble]")).to_be_hidden()
    is_loaded(page)


# By keys, on a small laptop, on a phone


def test_all_of_it_is_reached_by_keys_alone(page: Page) -> None:
    page.wait_for_function("() => document.querySelectorAll('[data-strip] a').length === 10")
    seen: list[str] = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(shelf.FOCUSED).strip())
    for name in (
        "Position", "One frame back (,)", "Play (Space)", "One frame forward (.)", "Mute (M)", "Volume", "0.5",
        "Original, 360p: quality and speed", "Keys (?)", "Full screen (F)", "0:04", "Compare with…",
        "More: rename, download, delete", "ascent", "Tag",
    ):  # fmt: skip
        assert name in seen, f"{name} is not reached: {seen}"


def test_the_controls_are_on_screen_on_a_small_laptop(open_page: OpenPage, video: dict[str, Any]) -> None:
    page = watch(open_page, video, size=(1280, 700))
    expect(page.get_by_role("button", name="Play (Space)")).to_be_in_viewport(ratio=1)
    box: Any = page.locator(".player-controls").bounding_box()
    assert box["y"] + box["height"] <= 700


def test_a_portrait_clip_is_large_on_a_phone(open_page: OpenPage, program: Program, tmp_path: Path) -> None:
    upright = convert(
        None, tmp_path / "upright.mp4", "-f", "lavfi", "-i", "testsrc2=s=180x320:r=25:d=2", "-c:v", "libx264",
        "-preset", "ultrafast", "-pix_fmt", "yuv420p",
    )  # fmt: skip
    made = shelf.taken_in(program, upright, title="Upright")
    page = watch(open_page, made, size=PHONE)
    stage: Any = page.locator(".stage").bounding_box()
    assert stage["height"] >= 0.65 * PHONE[1]
    program.call("DELETE", f"{shelf.LIBRARY}/{made['id']}")


def test_on_a_phone_what_is_pressed_is_large_enough_and_nothing_is_out_of_reach(
    open_page: OpenPage, video: dict[str, Any]
) -> None:
    page = watch(open_page, video, size=PHONE)
    small = page.evaluate(shelf.TOO_SMALL, "main button, main a.btn, main .pill, main .strip a, main .seek")
    assert small == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("[data-act=qualities]").tap()
    for name in ("Original", "Speed 2×"):
        expect(page.get_by_role("menuitemradio", name=name)).to_be_visible()
    page.get_by_role("menuitem", name="Sound off").tap()
    wait_until(lambda: page.evaluate("document.querySelector('video').muted"), 5, "the sound off")
