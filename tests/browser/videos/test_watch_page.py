"""The page of one video in the browser: played, stepped by frames, seen at a glance, changed, and when it cannot be."""

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser import shelf
from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, PHONE, OpenPage, Recording
from tests.browser.expecting import expect_fits, expect_hidden, expect_reached, expect_texts, hold, press, type_text
from tests.browser.test_accessibility import axe_findings
from tests.support.clips import render_clip
from tests.support.footage import convert
from tests.support.program import Program
from tests.support.waiting import wait_until

SECONDS = 40.0
CAPTIONS = "WEBVTT\n\n00:01.000 --> 00:02.000\nZdaj\n"


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
    wait_loaded(page)
    return page


def wait_loaded(page: Page) -> None:
    page.wait_for_function("() => document.querySelector('video')?.readyState >= 2", timeout=shelf.TAKEN_IN)


def expect_time(page: Page, seconds: float, within: float = 0.01) -> None:
    page.wait_for_function(
        """([at, within]) => { const v = document.querySelector('video');
            return !v.seeking && Math.abs(v.currentTime - at) <= within; }""",
        arg=[seconds, within],
    )


def go_by_key(page: Page, key: str, seconds: float, within: float = 0.01) -> None:
    page.keyboard.press(key)
    expect_time(page, seconds, within)


def of_video(page: Page, name: str) -> Any:
    return page.evaluate(f"document.querySelector('video').{name}")


def is_playing(page: Page) -> bool:
    return not of_video(page, "paused")


def choose_quality(page: Page, name: str) -> None:
    """Choose what is played, and wait for its picture."""
    page.locator("[data-act=qualities]").click()
    page.get_by_role("menuitemradio", name=name).click()
    page.wait_for_function(
        """(streams) => { const v = document.querySelector('video');
            return v.src.startsWith('blob:') === streams && v.readyState >= 2 && !v.seeking; }""",
        arg=name == "Auto",
    )


def choose_action(page: Page, name: str) -> None:
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name=name).click()


def expect_frame(page: Page, number: int) -> None:
    expect(page.locator("[data-frame]")).to_have_text(re.compile(rf"^f {number}$"))


def test_it_is_played_by_keys_and_continues_where_it_was_left(open_page: OpenPage, video: dict[str, Any]) -> None:
    page = open_page(f"/watch/{video['id']}")
    wait_loaded(page)
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

    for key, seconds in (
        ("5", SECONDS / 2), ("l", 30), ("j", 20), ("ArrowRight", 25), ("Shift+ArrowLeft", 24), ("Home", 0),
        ("ArrowLeft", 0), ("3", 12),
    ):  # fmt: skip
        go_by_key(page, key, seconds)
    for keys, frame in ((".", 721), (".", 722), (",,,", 719)):
        for key in keys:
            page.keyboard.press(key)
        expect_frame(page, frame)
    page.get_by_role("button", name="One frame forward (.)").click()
    expect_frame(page, 720)
    go_by_key(page, "End", SECONDS, 0.05)

    page.keyboard.press("m")
    assert of_video(page, "muted") is True
    page.get_by_role("button", name="Unmute (M)").click()
    assert of_video(page, "muted") is False
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    assert of_video(page, "volume") == pytest.approx(0.8)
    page.get_by_role("button", name="0.5", exact=True).click()
    assert of_video(page, "playbackRate") == 0.5
    press(page, ">", ">")
    assert of_video(page, "playbackRate") == 1
    expect(page.get_by_role("button", name="1×", exact=True)).to_have_attribute("aria-pressed", "true")
    page.evaluate("HTMLVideoElement.prototype.requestPictureInPicture = async () => { window.isInPicture = true; }")
    press(page, "m", ">", "p")
    page.wait_for_function("() => window.isInPicture")
    width = page.locator("video").bounding_box()["width"]  # type: ignore[index]
    page.keyboard.press("t")
    wait_until(lambda: page.locator("video").bounding_box()["width"] > width + 300, 5, "theatre mode")  # type: ignore[index]

    go_by_key(page, "5", 20)
    page.reload()
    expect(page.locator("[data-toasts]")).to_contain_text("Continuing at 0:20")
    wait_loaded(page)
    expect_time(page, 20)
    assert of_video(page, "muted") is True
    assert of_video(page, "volume") == pytest.approx(0.8)
    assert of_video(page, "playbackRate") == 1.25
    expect(page.get_by_role("button", name="Theatre mode (T)")).to_have_attribute("aria-pressed", "true")
    go_by_key(page, "Home", 0)
    page.reload()
    wait_loaded(page)
    expect_time(page, 0)


@pytest.mark.services
def test_full_screen_volume_the_list_of_keys_and_every_control_work_by_keys_and_pointer(page: Page) -> None:
    page.wait_for_function("() => document.querySelectorAll('[data-strip] a').length === 10")
    expect_reached(
        page, 46, "Position", "One frame back (,)", "Play (Space)", "One frame forward (.)", "Mute (M)", "Volume",
        "0.5", "Quality and speed: Original, 360p (Q)", "Keyboard shortcuts (?)", "Picture-in-picture (P)",
        "Theatre mode (T)", "Full screen (F)", "0:04", "Compare with…", "Analyse", "Pro segments", "More actions",
        "ascent", "Add tag",
    )  # fmt: skip
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("f")
    page.wait_for_function("() => document.fullscreenElement?.matches('.player')")
    page.keyboard.press("q")
    expect(page.get_by_role("menuitemradio", name="Original")).to_be_visible()
    press(page, "Escape", "f")
    page.wait_for_function("() => document.fullscreenElement === null")

    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_contain_text("Previous or next frame")
    assert axe_findings(page) == []
    dialog.get_by_label("Use single-key shortcuts on this device").uncheck()
    press(page, "Escape", "5", "?")
    dialog.get_by_label("Use single-key shortcuts on this device").check()
    page.keyboard.press("Escape")
    assert of_video(page, "currentTime") == 0

    volume = page.get_by_role("slider", name="Volume")
    box: Any = volume.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert of_video(page, "volume") == pytest.approx(0.5, abs=0.06)
    volume.press("Home")
    expect(page.get_by_role("button", name="Unmute (M)")).to_be_visible()
    page.get_by_role("button", name="Unmute (M)").focus()
    page.keyboard.press("ArrowUp")
    expect(volume).to_have_value("0.05")
    expect(page.get_by_role("button", name="Mute (M)")).to_be_visible()


@pytest.mark.services
def test_an_address_names_a_time(open_page: OpenPage, video: dict[str, Any]) -> None:
    page = open_page(f"/watch/{video['id']}#t=12")
    wait_loaded(page)
    expect_time(page, 12)
    page.evaluate("location.hash = '#t=21.5'")
    expect_time(page, 21.5)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    go_by_key(page, "5", 20)
    go_by_key(page, "Shift+ArrowRight", 21)
    choose_action(page, "Copy link at 0:21")
    expect(page.locator("[data-toasts]")).to_contain_text("Link at 0:21 copied.")
    address = page.evaluate("navigator.clipboard.readText()")
    assert address.endswith(f"/watch/{video['id']}#t=21")
    page.goto("/compare")
    page.goto(address)
    wait_loaded(page)
    expect_time(page, 21)


@pytest.mark.services
def test_the_bar_says_where_it_is_and_bar_pictures_and_sound_lead_to_a_time_and_show_it(page: Page) -> None:
    bar = page.get_by_role("slider", name="Position")
    bar.focus()
    go_by_key(page, "ArrowUp", 5)
    go_by_key(page, "PageUp", 35)
    expect(bar).to_have_attribute("aria-valuetext", "35 seconds of 40 seconds")
    expect(bar).to_have_attribute("aria-valuenow", re.compile(r"^35\.0"))
    # A slider has its keys also where single keys are switched off.
    page.evaluate("localStorage.setItem('vod-keys', 'off')")
    go_by_key(page, "ArrowLeft", 30)
    go_by_key(page, "Shift+ArrowRight", 31)
    go_by_key(page, "Home", 0)
    go_by_key(page, "End", SECONDS, 0.05)
    page.evaluate("localStorage.removeItem('vod-keys')")
    press(page, "Home", "Space")
    page.wait_for_function("() => !document.querySelector('video').paused")
    page.keyboard.press("Space")

    strip = page.get_by_role("navigation", name="Jump to a time")
    expect(strip.get_by_role("link")).to_have_count(10)
    strip.get_by_role("link", name="0:16").click()
    expect_time(page, 16)
    expect(strip.get_by_role("link", name="0:16")).to_have_attribute("aria-current", "true")
    strip.get_by_role("link", name="0:28").focus()
    go_by_key(page, "Enter", 28)
    expect(strip.locator("[aria-current]")).to_have_count(1)

    lane = page.locator("[data-wave]")
    expect(lane).to_be_visible()
    expect(page.locator("[data-wave-words]")).to_have_text(re.compile(r"^Waveform: loudest at 0:\d\d\.$"))
    box: Any = lane.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + 10)
    expect_time(page, 30, 0.2)

    preview = page.locator("[data-preview]")
    page.mouse.move(0, 0)
    expect(preview).to_be_hidden()
    box = bar.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10)
    expect(preview).to_be_visible()
    expect(preview).to_contain_text("0:20")
    assert preview.locator("canvas").evaluate("(c) => c.width") == 160
    page.mouse.down()
    expect_time(page, 20, 0.2)
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 10)
    expect(preview).to_contain_text(re.compile("0:(09|10)"))
    expect_time(page, 10, 0.2)
    page.mouse.up()
    page.mouse.move(0, 0)
    expect(preview).to_be_hidden()
    page.keyboard.press("Tab")
    bar.focus()
    page.keyboard.press("ArrowRight")
    expect(preview).to_be_visible()
    page.keyboard.press("Tab")
    expect(preview).to_be_hidden()


@pytest.mark.services
def test_details_form_picture_and_comparing(page: Page, video: dict[str, Any], recordings: list[Recording]) -> None:
    details = page.locator("[data-details]")
    expect_texts(
        details, "0:40.000", "640 × 360, 60 fps, h264", "aac 48 kHz", "video/mp4", "original, 360p", "Your storage"
    )
    expect(page.locator("[data-status]")).to_have_text("Ready")
    expect(page.get_by_role("heading", name="Round 7 – Ascent")).to_have_attribute("dir", "auto")
    expect(page.get_by_role("link", name="scrim")).to_have_attribute("href", "/library?tag=scrim")
    page.get_by_role("button", name="More").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Download").click()
    assert download.value.suggested_filename == "Round 7 – Ascent.mp4"
    assert shelf.digest(download.value.path()) == shelf.digest(recordings[0].path)
    page.keyboard.press("Escape")

    gear = page.locator("[data-act=qualities]")
    expect(gear).to_contain_text("Original, 360p")
    go_by_key(page, "5", 20)
    gear.click()
    expect(page.get_by_role("menuitemradio", name="Original")).to_have_attribute("aria-checked", "true")
    assert axe_findings(page) == []
    page.get_by_role("menuitemradio", name="Auto").click()
    page.wait_for_function("() => document.querySelector('video').src.startsWith('blob:')")
    expect_time(page, 20, 0.1)
    expect(gear).to_contain_text("Auto, 360p")
    expect(gear).to_be_focused()
    page.keyboard.press("k")
    page.wait_for_function("() => document.querySelector('video').currentTime > 20.5")
    choose_quality(page, "Original")
    page.wait_for_function("() => document.querySelector('video').currentTime > 21")
    assert is_playing(page)

    page.keyboard.press("k")
    of_it = lambda: page.request.get(f"/api/v1/library/{video['id']}").json()["thumbnail_path"]  # noqa: E731
    before = of_it()
    go_by_key(page, "5", 20)
    page.get_by_role("button", name="More").click()
    expect(page.get_by_role("menuitem", name="Publish")).to_have_count(0)
    page.get_by_role("menuitem", name="Use this frame as thumbnail").click()
    expect(page.locator("[data-toasts]")).to_contain_text("Setting this frame as the thumbnail.")
    wait_until(lambda: of_it() not in (before, None), shelf.INGEST_SECONDS, "the picture of that frame")
    pro = page.get_by_role("link", name="Pro segments")
    expect(pro).to_be_disabled()
    expect(pro).to_have_accessible_description("Your plan does not include Pro segments.")
    page.get_by_role("link", name="Compare with…").click()
    expect(page.locator(".tray")).to_contain_text("Round 7 – Ascent")
    page.go_back()
    page.get_by_role("link", name="Analyse").click()
    expect(page.get_by_role("dialog")).to_contain_text("Round 7 – Ascent")


@pytest.mark.services
def test_an_unplayable_original_is_played_as_a_stream(open_page: OpenPage, program: Program, tmp_path: Path) -> None:
    clip = render_clip(tmp_path / "old_camera.mp4", codec="mpeg4", seconds=4)
    old = shelf.taken_in(program, clip)
    page = open_page("/compare", quiet=False)
    held = hold(page, "**/hls.light*", times=1)
    page.goto(f"/watch/{old['id']}")
    expect(page.locator("[data-quality]")).to_contain_text("Auto", timeout=60_000)
    wait_loaded(page)  # the sound of the original, until the other form takes its place
    page.keyboard.press("Space")
    page.wait_for_function("() => !document.querySelector('video').paused")
    held[0].continue_()
    page.wait_for_function(
        "() => { const v = document.querySelector('video'); return v.videoWidth > 0 && v.currentTime > 0.5; }",
        timeout=60_000,
    )

    wait_until(lambda: shelf.get(program, old["id"])["hls_url"], shelf.INGEST_SECONDS, "the form that can be played")
    reads: list[str] = []
    is_made = False

    def read(route: Route) -> None:
        reads.append(route.request.url)
        answer = route.fetch()
        video = answer.json()
        if not is_made:
            video |= {"hls_url": None, "renditions": []}
        route.fulfill(response=answer, json=video)

    page.route(f"**{shelf.LIBRARY}/{old['id']}", read)
    originals = hold(page, f"**{old['video_url'].split('?')[0]}*")
    page.goto(f"/watch/{old['id']}")
    wait_until(lambda: page.wait_for_timeout(100) or len(reads) >= 2, 20, "both reads")
    page.wait_for_timeout(500)
    for route in originals:
        route.continue_()
    expect(page.get_by_role("alert")).to_contain_text("This browser cannot play the video", timeout=20_000)
    is_made = True
    expect(page.locator("[data-quality]")).to_contain_text("Auto", timeout=20_000)


@pytest.mark.services
def test_an_expired_address_is_renewed_and_a_lost_network_shown(open_page: OpenPage, video: dict[str, Any]) -> None:
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
    wait_loaded(page)
    assert refused
    expect(page.locator("[data-trouble]")).to_be_hidden()
    page.unroute("**/api/v1/media/stream/*")

    page.route("**/api/v1/media/stream/*", lambda route: route.abort())
    page.context.set_offline(True)
    page.evaluate("document.querySelector('video').load()")
    expect(page.locator("[data-trouble]")).to_contain_text("No connection")
    page.unroute("**/api/v1/media/stream/*")
    page.context.set_offline(False)
    expect(page.locator("[data-trouble]")).to_be_hidden()
    wait_loaded(page)


@pytest.mark.services
def test_a_playing_video_is_changed_and_deleted(open_page: OpenPage, program: Program, tmp_path: Path) -> None:
    mine = shelf.taken_in(program, render_clip(tmp_path / "clip.mp4", seconds=20))
    page = watch(open_page, mine, quiet=False)
    page.keyboard.press("Space")
    choose_action(page, "Edit details…")
    page.get_by_label("Name", exact=True).fill("תחילת המשחק השני")
    page.get_by_label("Description", exact=True).fill("First line\nSecond line")
    page.get_by_label("Tags", exact=True).fill("ascent")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="תחילת המשחק השני")).to_be_visible()
    assert page.locator("h1").evaluate("(e) => getComputedStyle(e).direction") == "rtl"
    expect(page.locator("[data-description]")).to_have_text("First line\nSecond line", use_inner_text=True)
    expect(page.get_by_role("link", name="ascent")).to_be_visible()
    assert "תחילת המשחק השני" in page.title()
    assert is_playing(page)
    page.get_by_role("button", name="Add tag").click()
    expect(page.get_by_label("Tags", exact=True)).to_be_focused()
    page.keyboard.press("End")
    type_text(page, ", scrim", "Enter")
    expect(page.get_by_role("link", name="scrim")).to_be_visible()
    expect(page.get_by_role("button", name="Add tag")).to_be_focused()

    busy = {"error": "Busy.", "type": "unavailable"}
    page.route("**/renditions", lambda route: route.fulfill(status=503, json=busy), times=1)
    choose_action(page, "Make a quick copy for fast seeking")
    note = page.get_by_role("alert").filter(has_text="The copy could not be made.")
    expect(note).to_be_visible()
    note.get_by_role("button", name="Try again").click()
    expect(note).to_have_count(0)
    expect(page.locator("[data-details]")).to_contain_text("quick copy", timeout=shelf.TAKEN_IN)
    choose_quality(page, "Quick copy")
    expect(page.locator("[data-quality]")).to_contain_text("Quick copy")

    choose_action(page, "Delete")
    page.get_by_role("alertdialog").get_by_role("button", name="Move to the bin").click()
    expect(page.get_by_role("heading", name="Moved to the bin")).to_be_focused()
    page.get_by_role("button", name="Restore").click()
    wait_loaded(page)
    choose_action(page, "Delete")
    page.get_by_role("alertdialog").get_by_role("button", name="Move to the bin").click()
    page.get_by_role("link", name="Go to the library").click()
    expect(page.get_by_text("תחילת המשחק השני")).to_have_count(0)


@pytest.mark.services
def test_live_ingest(open_page: OpenPage, backstage: Backstage, program: Program, recordings: list[Recording]) -> None:
    """Progress of ingest is live, and a new upload becomes playable."""
    mine, job = backstage.ingest(owner=ACCOUNT, title="Warm-up", tags=["scrim"])
    page = open_page(f"/watch/{mine}", quiet=False)
    expect(page.locator("[data-state]")).to_contain_text("Processing")
    backstage.progress(job=job, percent=15, message="Reading the file")
    expect(page.locator("[data-state]")).to_contain_text("Reading the file, 15 %")
    expect(page.locator("[data-status]")).to_have_text("Processing")
    page.get_by_role("link", name="scrim").focus()
    backstage.change_video(video=mine, status="ready", duration=130, width=1280, height=720)
    backstage.progress(job=job, percent=62, message="Making pictures of it")
    expect(page.locator("[data-status]")).to_have_text("Creating preview thumbnails, 62 %")
    expect(page.locator("[data-details]")).to_contain_text("1280 × 720")
    expect(page.locator("[data-state]")).to_be_empty()
    expect(page.get_by_role("link", name="scrim")).to_be_focused()
    backstage.change_video(video=mine, tags=["ascent", "scrim"])
    backstage.complete(job=job)
    expect(page.locator("[data-status]")).to_have_text("Ready")
    expect(page.get_by_role("link", name="ascent")).to_be_visible()
    expect(page.get_by_role("link", name="scrim")).to_be_focused()

    gone, _ = backstage.ingest(owner=ACCOUNT, title="Warm-up")
    page.goto(f"/watch/{gone}")
    expect(page.locator("[data-state]")).to_contain_text("Processing")
    program.call("DELETE", f"{shelf.LIBRARY}/{gone}")
    expect(page.get_by_role("heading", name="Video not found")).to_be_focused()
    for address in ("/watch/00000000-0000-4000-8000-000000000000", "/watch/nothing"):
        page.goto(address)
        expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    page.get_by_role("link", name="Go to the library").click()
    page.wait_for_url("**/library")

    page.goto(f"/watch/{shelf.put(program, recordings[2].path, title='Just sent')['id']}")
    wait_loaded(page)
    expect(page.locator("[data-status]")).to_have_text("Ready", timeout=shelf.TAKEN_IN)
    expect(page.get_by_role("navigation", name="Jump to a time").get_by_role("link")).to_have_count(10)
    shown = page.locator("[data-frame]")
    go_by_key(page, "5", 20)
    page.keyboard.press(".")
    expect(shown).to_have_text(f"f {int(20 * Fraction(30)) + 1}")


@pytest.mark.services
def test_a_failed_video_says_why_and_may_be_tried_again(open_page: OpenPage, backstage: Backstage) -> None:
    unreadable = {"status": "failed", "error_type": "vod_unreadable", "error_message": "No picture."}
    mine, _ = backstage.ingest(owner=ACCOUNT, title="capture_0412", job_status="failed", **unreadable)
    page = open_page(f"/watch/{mine}", quiet=False)
    expect(page.get_by_role("alert")).to_contain_text("No picture.")
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    expect(page.get_by_role("alert")).to_contain_text("Check that the file plays on your computer")
    expect(page.locator("[data-status]")).to_have_text("Failed")
    expect_hidden(page.locator(".player"), page.get_by_role("link", name="Compare with…"))
    page.get_by_role("button", name="More").click()
    expect(page.get_by_role("menuitem", name="Delete")).to_be_visible()

    error = {"type": "storage_unavailable", "message": "The storage did not answer."}
    mine, job = backstage.ingest(owner=ACCOUNT, title="capture_0412", job_status="failed", error=error)
    page.goto(f"/watch/{mine}")
    expect_texts(page.get_by_role("alert"), "The storage did not answer.", "you do not need to upload it again")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("[data-state]")).to_contain_text("Waiting to start.")
    assert backstage.status(job=job) == "queued"
    backstage.change_video(video=mine, status="ready", duration=130, width=1280, height=720)
    backstage.change(job=job, status="completed", admitted=False)
    expect(page.locator("[data-status]")).to_have_text("Ready")
    expect(page.locator("[data-state]")).to_be_empty()


@pytest.mark.services
def test_guests_and_late_answers(open_page: OpenPage, program: Program, backstage: Backstage, tmp_path: Path) -> None:
    clip = render_clip(tmp_path / "clip.mp4", seconds=20)
    shown = shelf.taken_in(program, clip)["id"]
    words = {"title": "The final", "category": "Finals", "tags": ["ascent"], "description": "Both sides"}
    backstage.change_video(video=shown, place="catalogue", view_count=1234, **words)
    page = watch(open_page, {"id": shown}, anonymous=True)
    expect(page.locator("[data-views]")).to_have_text("1,234 views")
    expect(page.get_by_role("link", name="ascent")).to_have_attribute("href", "/catalogue?search=ascent")
    expect(page.locator("[data-description]")).to_have_text("Both sides")
    expect(page.get_by_role("link", name="Compare with…")).to_be_hidden()
    expect(page.get_by_role("link", name="Edit")).to_have_count(0)
    expect(page.get_by_role("button", name="Add tag")).to_have_count(0)
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('video').currentTime > 0.3")
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('video').paused")
    page.get_by_role("button", name="More").click()
    copy = f"Copy link at 0:{int(of_video(page, 'currentTime')):02d}"
    assert page.get_by_role("menuitem").all_inner_texts() == [copy, "Download"]
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Download").click()
    assert shelf.digest(download.value.path()) == shelf.digest(clip)

    # A picture that is asked for while the video goes is 404, which the console shows.
    page = open_page(f"/watch/{shown}", session=backstage.person_session(name="boss", role="admin"), quiet=False)
    wait_loaded(page)
    page.keyboard.press("Space")
    wait_until(lambda: is_playing(page), 10, "playing")
    backstage.delete_catalogue(by="boss", video=shown)
    expect(page.locator("[data-state]")).to_contain_text("This video has been deleted.")
    expect(page.locator("[data-player]")).to_be_hidden()
    assert not is_playing(page)
    backstage.change_catalogue(video=shown, deleted_at=None)
    expect(page.locator("[data-player]")).to_be_visible()

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
    expect(page.locator("[data-state]")).to_contain_text("This video has been deleted.")
    with page.expect_response(f"**/api/v1/videos/{shown}") as answered:
        held[0].fulfill(response=before_it_was_deleted)
    answered.value.finished()
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    expect(page.locator("[data-state]")).to_contain_text("This video has been deleted.")
    expect(page.locator("[data-player]")).to_be_hidden()


@pytest.mark.services
def test_changes_of_the_catalogue_are_live(open_page: OpenPage, backstage: Backstage) -> None:
    shown = backstage.catalogue_video(by=ACCOUNT, title="The final", duration=20)
    page = open_page(f"/watch/{shown}", quiet=False)
    expect(page.locator("[data-views]")).to_have_text("no views yet")
    page.get_by_role("button", name="More").click()
    expect(page.get_by_role("menuitem", name="Report")).to_have_attribute("href", f"/catalogue?report={shown}")
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Edit")).to_have_count(0)
    backstage.edit_catalogue(by=ACCOUNT, video=shown, title="The semi-final")
    expect(page.get_by_role("heading", name="The semi-final")).to_be_visible()
    page.get_by_role("link", name="Compare with…").click()
    expect(page.get_by_role("region", name="Chosen recordings")).to_contain_text("The semi-final")
    page.goto(f"/watch/{shown}")
    expect(page.get_by_role("heading", name="The semi-final")).to_be_visible()
    backstage.change_catalogue(video=shown, is_hidden=True)
    expect(page.get_by_role("heading", name="Video not found")).to_be_focused()
    expect(page.get_by_role("link", name="Go to the catalogue")).to_be_visible()

    key = backstage.person_session(name="mira", role="moderator")
    page = open_page(f"/watch/{shown}", session=key, quiet=False)
    expect(page.locator("[data-marks]")).to_have_text("Hidden")
    page.get_by_role("button", name="More").click()
    expect(page.get_by_role("menuitem", name="Copy link")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Delete")).to_have_count(0)


@pytest.mark.services
def test_captions_and_chapters_are_used(open_page: OpenPage, video: dict[str, Any]) -> None:
    page = watch(open_page, video, quiet=False)
    player = page.get_by_role("region", name="Player, Round 7 – Ascent")
    expect(page.get_by_role("heading", name="Chapters")).to_be_hidden()
    choose_action(page, "Captions and chapters…")
    dialog = page.get_by_role("dialog", name="Captions and chapters")
    file = "".join(f"{n}\n00:00:{n:02},000 --> 00:00:{n:02},900\nLine {n}: café\n\n" for n in range(1, 39))
    chosen = dialog.get_by_label("WebVTT or SRT file")
    chosen.set_input_files({"name": "a.srt", "mimeType": "text/plain", "buffer": b"<html>"})
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text(
        "The file is neither WebVTT nor SubRip (SRT). Convert it and upload it again."
    )
    chosen.set_input_files({"name": "a.srt", "mimeType": "text/plain", "buffer": file.encode("latin-1")})
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_text("Captions added.")).to_be_visible()
    expect(dialog.get_by_role("listitem")).to_contain_text("38 lines")
    lines = dialog.get_by_label("Chapters, one per line")
    lines.fill("0:00 Warm-up\n0:50 Too late")
    dialog.get_by_role("button", name="Save chapters").click()
    expect(dialog.get_by_text("The time in the line “0:50 Too late” is after the end of the video.")).to_be_visible()
    expect(lines).to_be_focused()
    expect(lines).to_have_attribute("aria-invalid", "true")
    dialog.get_by_label("Type").select_option("chapters")
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
    expect(player.get_by_role("button", name="Turn captions on (C)")).to_be_visible()
    page.keyboard.press("c")
    shown = "() => [...document.querySelector('video').textTracks].filter((t) => t.mode === 'showing').length"
    assert page.evaluate(shown) == 1
    page.get_by_role("button", name="0:12 First & <second> half").click()
    expect_time(page, 12.5)
    # The forms of the video are changed, and its words stay.
    choose_quality(page, "Auto")
    expect_time(page, 12.5, 0.1)
    page.get_by_role("button", name="0:20 Line 20: café").click()
    expect_time(page, 20)
    expect(page.locator("[data-transcript] [aria-current]")).to_have_text("0:20Line 20: café")
    expect(page.locator("[data-chapters] [aria-current]")).to_contain_text("half")
    # The browser's own reckoning of what is said now comes a moment after the picture.
    page.wait_for_function("""() => {
        const texts = [...document.querySelector('video').textTracks].map((track) => track.activeCues?.[0]?.text);
        return texts.includes('Line 20: café') && texts.includes('First &amp; &lt;second&gt; half');
    }""")
    page.get_by_label("Search the transcript").fill("CAFE 3")
    expect(page.get_by_text("12 lines found.")).to_be_visible()
    expect(page.locator("[data-transcript] li:visible")).to_have_count(12)
    page.get_by_role("slider", name="Position").hover(position={"x": 2, "y": 5})
    expect(page.locator("[data-preview-time]")).to_have_text("0:00 · Warm-up")
    page.reload()
    wait_loaded(page)
    expect(player.get_by_role("button", name="Turn captions off (C)")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the captions").click()
    assert download.value.suggested_filename == "round-7-ascent.en.vtt"
    assert "Line 1: café" in Path(download.value.path()).read_text()
    choose_action(page, "Captions and chapters…")
    for name in ("English", "Chapters, English"):
        dialog.get_by_role("button", name=f"Delete {name}").click()
        page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
        expect(dialog.get_by_text(f"{name} deleted.")).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    expect_hidden(page.get_by_role("heading", name="Chapters"), page.locator("[data-transcript]"))
    expect(page.locator("[data-act=captions]")).to_be_hidden()


@pytest.mark.services
def test_a_moderator_publishes_a_video_of_the_library_with_its_captions_and_chooses_its_picture(
    open_page: OpenPage, backstage: Backstage, program: Program, recordings: list[Recording]
) -> None:
    video = shelf.taken_in(program, recordings[0].path, title="The final", tags='["lan"]')
    own = video["id"]
    captions = {"video_id": own, "kind": "captions", "language": "sl", "content": CAPTIONS}
    program.call("POST", "/api/v1/text-tracks", captions)
    page = open_page("/library", session=backstage.person_session(name="mira", role="moderator"))
    moderator = page.request.get("/api/v1/me").json()["id"]
    backstage.change_video(video=own, owner_id=moderator)
    backstage.change(job=video["job_id"], owner_id=moderator)
    page.goto(f"/watch/{own}")
    wait_loaded(page)
    choose_action(page, "Publish to the catalogue…")
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

    # Moderators can play it before all of its file has been looked at.
    wait_until(lambda: page.request.get(f"/api/v1/videos/{made['id']}").json()["status"] == "ready", 30, "ready")
    page.goto(f"/watch/{made['id']}")
    wait_loaded(page)
    before = made["thumbnail_url"]
    go_by_key(page, "2", 8)
    choose_action(page, "Use this frame as thumbnail")
    expect(page.locator("[data-toasts]")).to_contain_text("Thumbnail saved.")
    after = page.request.get(f"/api/v1/videos/{made['id']}").json()["thumbnail_url"]
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


@pytest.mark.services
def test_it_fits_small_screens(open_page: OpenPage, video: dict[str, Any], program: Program, tmp_path: Path) -> None:
    page = watch(open_page, video, size=(1280, 700))
    expect(page.get_by_role("button", name="Play (Space)")).to_be_in_viewport(ratio=1)
    box: Any = page.locator(".player-controls").bounding_box()
    assert box["y"] + box["height"] <= 700

    page = watch(open_page, video, size=PHONE)
    small = page.evaluate(shelf.TOO_SMALL, "main button, main a.btn, main .pill, main .strip a, main .seek")
    assert small == []
    expect_fits(page)
    page.locator("[data-act=qualities]").tap()
    for name in ("Original", "Speed 2×"):
        expect(page.get_by_role("menuitemradio", name=name)).to_be_visible()
    page.get_by_role("menuitem", name="Mute").tap()
    wait_until(lambda: page.evaluate("document.querySelector('video').muted"), 5, "the sound off")

    upright = convert(
        None, tmp_path / "upright.mp4", "-f", "lavfi", "-i", "testsrc2=s=180x320:r=25:d=2", "-c:v", "libx264",
        "-preset", "ultrafast", "-pix_fmt", "yuv420p",
    )  # fmt: skip
    made = shelf.taken_in(program, upright, title="Upright")
    page.goto(f"/watch/{made['id']}")
    wait_loaded(page)
    stage: Any = page.locator(".stage").bounding_box()
    assert stage["height"] >= 0.65 * PHONE[1]
    program.call("DELETE", f"{shelf.LIBRARY}/{made['id']}")
