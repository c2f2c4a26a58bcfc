"""The page of Pro segments: files are chosen, segments made and moved, and runs sent, followed and compared."""

import re
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import APIResponse, Locator, Page, Route, expect
from pytest_check import check

from tests.browser import shelf
from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, DESK, PHONE, OpenPage
from tests.browser.expecting import drag, expect_fine, expect_fits, expect_texts, fill, hold, press
from tests.browser.test_accessibility import axe_findings
from tests.support.clips import render_clip
from tests.support.footage import convert
from tests.support.program import Program
from tests.support.waiting import wait_until

SYNC = "/api/v1/sync"
READY_SECONDS = 120
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pro")
    video = render_clip(folder / "trailer_take4.mp4", fps=Fraction(25), seconds=8)
    line = convert(None, folder / "mira_line.wav", "-f", "lavfi", "-i", "sine=700:r=48000:d=3")
    note = convert(None, folder / "note.flac", "-f", "lavfi", "-i", "sine=900:r=48000:d=1")
    short = convert(
        None, folder / "pickup.mp4", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=3", "-c:v", "libx264", "-preset",
        "ultrafast", "-pix_fmt", "yuv420p",
    )  # fmt: skip
    zipped, garbled, broken = folder / "song.mp3", folder / "garbled.mp3", folder / "broken.mp4"
    zipped.write_bytes(b"PK\x03\x04" + bytes(200))
    garbled.write_bytes(b"ID3\x04" + bytes(2000))
    broken.write_bytes(b"no video at all")
    long = folder / f"{'a_name_without_a_gap_' * 11}.mp4"
    long.write_bytes(short.read_bytes())
    return {
        "video": video, "line": line, "note": note, "short": short, "zip": zipped, "garbled": garbled,
        "broken": broken, "long": long,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _with_a_plan(backstage: Backstage) -> None:
    backstage.subscribe(owner=ACCOUNT, tier="pro", days=10)


def begin(open_page: OpenPage, files: dict[str, Path], *sounds: str, **options: Any) -> Page:
    """Open the page and choose the video and these sounds."""
    page = open_page("/pro", **options)
    page.locator("[data-choose-video]").set_input_files(files["video"])
    expect(page.get_by_role("heading", level=1)).to_have_text("trailer_take4")
    expect(page.locator("[data-add-segment]")).to_be_enabled()
    if sounds:
        page.locator("[data-add-sounds]").set_input_files([files[name] for name in sounds])
        expect(page.locator("[data-sound-list] li")).to_have_count(len(sounds))
    return page


def segments(page: Page) -> Locator:
    return page.locator("[data-segments] .segment-block")


def field(page: Page, name: str) -> Locator:
    return page.locator(f"[data-field={name}]")


def type_into(page: Page, name: str, text: str) -> None:
    fill(field(page, name), text, "Tab")


def go_to(page: Page, seconds: float) -> None:
    page.evaluate(
        "(at) => document.querySelectorAll('[data-picture] video').forEach((one) => (one.currentTime = at))", seconds
    )
    expect(page.locator("[data-time]")).to_have_text(f"0:{seconds:06.3f}")


def make_segments(page: Page, *starts: float, length: float = 1) -> None:
    for start in starts:
        go_to(page, start)
        page.locator("[data-add-segment]").click()
        type_into(page, "end", str(start + length))


def process(page: Page) -> str:
    """Send the segments and wait for the result. Returns the id of the run."""
    page.locator("[data-process]").click()
    expect(page.locator("[data-state-words]")).to_have_text("Completed", timeout=1000 * READY_SECONDS)
    return page.url.partition("?job=")[2]


@pytest.fixture
def run(open_page: OpenPage, files: dict[str, Path]) -> str:
    """Make a run of two segments. Returns its id once it is ready."""
    page = begin(open_page, files, "line")
    make_segments(page, 1, 5)
    found = process(page)
    page.close()
    return found


def test_a_video_is_dubbed_compared_and_kept(open_page: OpenPage, files: dict[str, Path], program: Program) -> None:
    page = begin(open_page, files, "line", "note")
    page.keyboard.press("s")
    expect(segments(page)).to_have_count(1)
    expect(field(page, "end")).to_have_value("0:04.000")
    type_into(page, "start", "1")
    type_into(page, "end", "0:03,5")
    field(page, "label").fill("Welcome back")
    expect(segments(page)).to_have_attribute("aria-label", "1 Welcome back, segment from 0:01.000 to 0:03.500, sound 1")
    process = page.get_by_role("button", name="Process 1 segment")
    expect(process).to_have_attribute("aria-disabled", "false")
    process.click()
    expect(page.locator("[data-job-state]")).to_contain_text("Completed", timeout=1000 * READY_SECONDS)
    (job,) = program.call("GET", f"{SYNC}/pro-jobs")["pro_jobs"]
    assert (job["status"], job["name"]) == ("completed", "trailer_take4")
    assert job["segments_data"][0]["label"] == "Welcome back"
    assert page.url.endswith(f"/pro?job={job['job_id']}")
    expect(page.locator("[data-view=wipe]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-done]")).to_contain_text("Plays 2.50 s of the sound once")
    with page.expect_download() as got:
        page.get_by_role("link", name="Download").click()
    assert got.value.suggested_filename.endswith(".mp4")
    page.keyboard.press("]")
    at = "[...document.querySelectorAll('[data-picture] video')].map((video) => video.currentTime)"
    page.wait_for_function(f"() => {{ const [a, b] = {at}; return a === 1 && Math.abs(a - b) < 0.01; }}")
    page.keyboard.press("b")
    expect(page.locator("[data-after]")).to_be_hidden()
    page.locator("[data-view=beside]").click()
    picture, before, after = (page.locator(f"[data-{one}]").bounding_box() for one in ("picture", "before", "after"))
    assert picture and before and after
    assert before["x"] + before["width"] == pytest.approx(after["x"], abs=1)
    assert after["width"] == pytest.approx(picture["width"] / 2, abs=1)
    expect(page.get_by_text("After (result from")).to_be_visible()
    page.keyboard.press("w")
    expect(page.locator("[data-view=wipe]")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(segments(page)).to_have_count(1)
    expect(page.locator("[data-view=after]")).to_be_enabled()
    expect(page.locator("[data-run-list] li")).to_have_count(1)


@pytest.mark.services
def test_what_is_wrong_is_said_beside_it_on_a_desk_and_a_phone(open_page: OpenPage, files: dict[str, Path]) -> None:
    page = begin(open_page, files, "line", "note")
    for _ in range(2):
        page.locator("[data-add-segment]").click()
    expect(segments(page)).to_have_count(2)
    type_into(page, "start", "3")
    expect_fine(page)
    type_into(page, "start", "3.6")
    expect(page.locator("#says-start")).to_contain_text("starts 0.4 s before segment 1 ends.")
    expect(field(page, "start")).to_have_attribute("aria-invalid", "true")
    process = page.locator("[data-process]")
    expect(process).to_have_attribute("aria-disabled", "true")
    expect(process).to_have_attribute("title", "1 problem to fix")
    page.get_by_role("button", name="Move the start to 0:04.000").click()
    expect(process).to_have_attribute("aria-disabled", "false")
    type_into(page, "end", "9")
    expect(page.locator("#says-start")).to_contain_text("The video ends at 0:08.000.")
    page.get_by_role("button", name="Move the end to 0:08.000").click()
    type_into(page, "to", "3.5")
    expect(page.locator("#says-from")).to_contain_text("The sound ends at 0:01.000.")
    page.get_by_role("button", name="Use the whole sound").click()
    type_into(page, "start", "soon")
    expect(page.locator("#says-start")).to_contain_text("Enter a time such as 0:38.600")

    page = open_page("/account", size=PHONE)
    page.locator("#plan").get_by_role("link", name="Open Pro segments").click()
    page.wait_for_url("**/pro")
    expect(page.get_by_role("heading", name="New run")).to_be_visible()
    page.locator("[data-choose-video]").set_input_files(files["long"])
    expect(page.get_by_role("heading", level=1)).to_have_attribute("title", files["long"].stem)
    expect(page.locator("[data-add-segment]")).to_be_enabled()
    expect_fine(page)
    page.locator("[data-add-sounds]").set_input_files([files["line"], files["note"]])
    expect(page.locator("[data-sound-list] li")).to_have_count(2)
    page.locator("[data-process]").click(force=True)
    expect(page.locator("[data-toasts]")).to_contain_text("Add a segment first.")
    make_segments(page, 0.6, 2, length=0.8)
    segments(page).first.click()
    type_into(page, "end", "0.5")
    segments(page).nth(1).click()
    page.locator("[data-process]").click(force=True)
    expect(page.locator("[data-toasts]")).to_contain_text("1 problem to fix.")
    expect(page.locator("#says-start")).to_contain_text("The end must be after the start.")
    expect_fine(page)


@pytest.mark.services
def test_segments_move_up_to_their_neighbours(open_page: OpenPage, files: dict[str, Path]) -> None:
    page = begin(open_page, files, "line", "note")
    page.locator("[data-add-segment]").click()
    type_into(page, "end", "2")
    lane = page.locator("[data-segments]").bounding_box()
    assert lane
    second = lane["width"] / 8
    page.mouse.click(lane["x"] + 5 * second, lane["y"] + 60)
    page.keyboard.press("s")
    expect(segments(page)).to_have_count(2)
    start, block = field(page, "start"), segments(page).nth(1).bounding_box()
    assert block
    y = block["y"] + 40
    drag(page, (block["x"] + block["width"] / 2, y), (lane["x"] + 0.2 * second, y), steps=6)
    expect(start).to_have_value("0:02.000")
    segments(page).nth(1).press("ArrowRight")
    expect(start).to_have_value("0:02.100")
    with check("a pointer that leaves the lane"):
        type_into(page, "start", "5")
        type_into(page, "end", "6")
        x = lane["x"] + 5 * second + 30
        drag(page, (x, y), (x + second, y), (x + second, y - 300), (x + 0.5 * second, y - 300))
        expect(start).to_have_value(re.compile(r"0:05\.(49|50)\d"))
    with check("Escape cancels a drag"):
        kept, block = start.input_value(), segments(page).nth(1).bounding_box()
        assert block
        page.mouse.move(block["x"] + block["width"] / 2, y)
        page.mouse.down()
        page.mouse.move(block["x"] + block["width"] / 2 + second, y)
        expect(start).not_to_have_value(kept)
        page.keyboard.press("Escape")
        page.mouse.up()
        expect(start).to_have_value(kept)
    segments(page).nth(1).press("Delete")
    expect(segments(page)).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(segments(page)).to_have_count(2)
    with check("keys"):
        segments(page).first.click()
        type_into(page, "start", "1")
        segments(page).first.focus()
        press(page, "ArrowRight", "ArrowRight", "ArrowRight", "Control+Shift+ArrowRight")
        expect(segments(page).first).to_have_attribute("aria-label", re.compile("from 0:01.300 to 0:03.300"))
        expect(segments(page).first).to_be_focused()
        page.get_by_role("button", name="Play note.flac").focus()
        page.evaluate("document.querySelector('[data-loop]').click(), document.querySelector('.segment-block').click()")
        expect(page.get_by_role("button", name="Play note.flac")).to_be_focused()
        page.get_by_role("button", name="Remove mira_line.wav").click()
        expect(page.get_by_role("button", name="Remove note.flac")).to_be_focused()
    make_segments(page, 0, 6.5, 7.2, length=0.5)
    expect(page.locator("[data-meter-words]")).to_have_text("5 of 5 segments on the Pro plan")
    expect(page.locator("[data-add-segment]")).to_be_disabled()
    page.locator("[data-delete-segment]").click()
    make_segments(page, 4, length=0.5)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-toasts]")).to_contain_text("Your plan allows at most 5 segments.")
    expect(segments(page)).to_have_count(5)
    with check("the draft survives a reload, in one tab"):
        segments(page).first.click()
        field(page, "label").fill("Welcome back")
        expect(page.locator("[data-draft]")).to_have_text("Draft saved in this browser")
        tab = page.context.new_page()
        tab.goto(page.url)
        expect(tab.locator("[data-choose-video]")).to_be_enabled()
        expect(segments(tab)).to_have_count(0)
        tab.close()
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_have_text("trailer_take4")
        expect(segments(page)).to_have_count(5)
        expect(segments(page).first).to_have_attribute("aria-label", re.compile("Welcome back"))
        expect(page.get_by_role("button", name="Play note.flac")).to_be_visible()
        page.goto("/account")
        expect(page.get_by_role("region", name="Drafts")).to_contain_text("Welcome back")
        page.goto("/pro")
        for _ in range(2):  # the button, and the button of its dialog
            page.get_by_role("button", name="Discard draft").last.click()
        expect(page.get_by_role("heading", name="New run")).to_be_visible()
        expect(segments(page)).to_have_count(0)


@pytest.mark.services
def test_another_video_keeps_what_was_made(open_page: OpenPage, files: dict[str, Path], tmp_path: Path) -> None:
    recorded = convert(
        None, tmp_path / "recorded.webm", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=2", "-c:v", "libvpx",
        "-live", "1",
    )  # fmt: skip
    page = open_page("/pro")
    heading, other = page.get_by_role("heading", level=1), page.locator("[data-other-video]")
    process = page.get_by_role("button", name="Process")
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    expect(page.get_by_text("Choose a video", exact=True)).to_be_in_viewport(ratio=1)
    expect(process).to_be_hidden()
    page.locator("[data-choose-video]").set_input_files(recorded)
    expect(heading).to_have_text("recorded")
    expect(process).to_be_visible()
    expect_fits(page)
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    page.locator("[data-add-segment]").click()
    expect(segments(page)).to_have_count(1)
    start, end = (field(page, name).input_value() for name in ("start", "end"))
    assert start < end <= "0:02.1"
    marks = page.locator("[data-ruler] span").all_text_contents()
    assert marks[:3] == ["0:00.0", "0:00.2", "0:00.4"]
    assert len(set(marks)) == len(marks)

    other.set_input_files(files["video"])
    expect(heading).to_have_text("trailer_take4")
    expect(page.locator("[data-add-segment]")).to_be_enabled()
    make_segments(page, 5)
    other.set_input_files(files["broken"])
    expect(page.get_by_role("alert")).to_contain_text("This video cannot be used.")
    expect(heading).to_have_text("trailer_take4")
    other.set_input_files(files["short"])
    expect(heading).to_have_text("pickup")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(segments(page)).to_have_count(2)
    expect(page.locator("[data-process]")).to_have_attribute("title", re.compile("to fix$"))
    with check("a segment at the end of the video is looped"):
        page.locator("[data-delete-segment]").click()
        expect(segments(page)).to_have_count(1)
        make_segments(page, 2)
        page.locator("[data-loop]").click()
        go_to(page, 2.5)
        page.locator("[data-play]").click()
        video = "document.querySelector('[data-before]')"
        page.wait_for_function(f"() => {video}.currentTime > 2.7")
        page.wait_for_function(f"() => !{video}.paused && {video}.currentTime < 2.5")


@pytest.mark.services
def test_sounds_are_chosen_and_recorded(page_with_camera: Page, files: dict[str, Path], program: Program) -> None:
    page = page_with_camera
    video = shelf.taken_in(program, files["video"], title="Trailer of the library")
    silent = shelf.taken_in(program, files["short"], title="Without a sound")
    page.goto(f"/pro?video={video['id']}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Trailer of the library")
    for _ in range(2):  # the button, and the button of its dialog
        page.get_by_role("button", name="Discard draft").last.click()
    page.locator("[data-library-video]").click()
    dialog = page.get_by_role("dialog", name="Choose a video from your library")
    for title in ("Trailer of the library", "Without a sound"):
        expect(dialog.get_by_role("listitem").filter(has_text=title)).to_have_count(1)
    assert axe_findings(page) == []
    dialog.get_by_role("searchbox").fill("trailer of the library")
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    dialog.get_by_role("button", name="Trailer of the library").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Trailer of the library")
    page.locator("[data-library-sound]").click()
    sounds = page.get_by_role("dialog", name="Use the sound of a library video")
    # The library may hold what other tests have left.
    expect(sounds.get_by_role("listitem").filter(has_text="Trailer of the library")).to_have_count(1)
    expect(sounds.get_by_role("listitem").filter(has_text="Without a sound")).to_have_count(0)
    with check("what is given up is not taken"):
        held = hold(page, "**/media/stream/**")
        sounds.get_by_role("button", name="Trailer of the library").click()
        wait_until(lambda: page.evaluate("true") and held, 20, "the file asked for")
        sounds.get_by_role("button", name="Cancel").click()
        held[0].abort()
        page.unroute("**/media/stream/**")
        expect(sounds).to_have_count(0)
        expect(page.locator("[data-sound-list] li")).to_have_count(0)
    page.locator("[data-library-sound]").click()
    sounds.get_by_role("button", name="Trailer of the library").click()
    expect(page.locator("[data-sound-list] li")).to_have_count(1)
    line = page.locator("[data-record-line]")
    line.click()
    expect(line).to_have_text("Stop recording, 0:02", timeout=20_000)
    line.click()
    expect(page.locator("[data-sound-list] li")).to_have_count(2)
    expect(page.locator("[data-sound-list] li").nth(1)).to_contain_text("line 1.wav")
    expect(page.locator("[data-sound-list] li").nth(1).locator("[data-length]")).to_contain_text(" s")
    make_segments(page, 1, 5)
    field(page, "sound").select_option(index=2)
    job = program.call("GET", f"{SYNC}/pro-job/{process(page)}/status")
    assert [sound["filename"] for sound in job["sounds"]] == ["Trailer of the library.wav", "line 1.wav"]
    assert job["sounds"][0]["duration"] == pytest.approx(8, abs=0.1)
    assert job["sounds"][1]["duration"] > 0.5
    for one in (video, silent):
        program.call("DELETE", f"{shelf.LIBRARY}/{one['id']}")


@pytest.mark.services
def test_sending_is_repeated_stopped_and_refused(open_page: OpenPage, files: dict[str, Path]) -> None:
    page = begin(open_page, files, "line", quiet=False)
    make_segments(page, 1)
    process, note = page.locator("[data-process]"), page.get_by_role("alert")
    keys: list[str] = []
    page.on("request", lambda one: keys.append(one.headers["idempotency-key"]) if one.method == "POST" else None)
    page.context.set_offline(True)
    for mode in ("", "", "loop"):
        if mode:
            page.locator("[data-option=sync_mode]").select_option(mode)
        process.click()
        expect(note).to_contain_text("Check the network")
    first, again, changed = keys
    assert first == again != changed
    page.context.set_offline(False)

    network = shelf.throttle(page, 20_000)
    process.click()
    cancel = page.get_by_role("button", name="Cancel")
    expect(cancel).to_be_focused()
    expect(page.locator("[data-state-words]")).to_have_text("Sending")
    expect(page.locator("[data-percent]")).to_have_text(re.compile(r"^[1-9]\d* %$"))
    expect(page.locator("[data-add-segment]")).to_be_disabled()
    cancel.click()
    expect(page.get_by_role("button", name="Process 1 segment")).to_be_focused()
    expect(segments(page)).to_have_count(1)
    assert "job=" not in page.url
    network.detach()
    for sound in ("zip", "garbled"):
        with check(sound):
            page.locator("[data-sound-list] li").get_by_role("button", name="Remove").click()
            page.locator("[data-add-sounds]").set_input_files([files[sound]])
            expect(page.locator("[data-sound-list]")).to_contain_text("no preview")
            segments(page).first.click()
            field(page, "sound").select_option(index=1)
            process.click()
            expect(note).to_contain_text(f"{files[sound].name}: ")
            assert (note.text_content() or "").count(files[sound].name) == 1


@pytest.mark.services
def test_a_run_is_edited_and_run_again(open_page: OpenPage, run: str, program: Program) -> None:
    page = open_page(f"/pro?job={run}", quiet=False)
    edit, note = page.locator("[data-edit]"), page.get_by_role("alert")
    expect(edit).to_be_visible()
    page.route("**/media/renditions/**", lambda route: route.abort())
    edit.click()
    expect(note).to_contain_text("The video and its sounds could not be loaded for editing.")
    expect(page.locator("[data-download]")).to_be_visible()
    page.unroute("**/media/renditions/**")
    page.route("**/media/stream/**", lambda route: route.fulfill(body="no video", content_type="video/mp4"))
    page.get_by_role("button", name="Try again").click()
    expect(note).to_contain_text("This browser cannot play this video.")
    expect(page.locator("[data-download]")).to_be_visible()
    page.unroute("**/media/stream/**")
    edit.click()
    expect(page.locator("[data-process]")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("trailer_take4")
    expect(segments(page)).to_have_count(2)
    assert page.url.endswith("/pro")
    segments(page).nth(1).click()
    type_into(page, "end", "0:06.500")
    field(page, "label").fill("Longer now")
    page.locator("[data-option=sync_mode]").select_option("loop")
    again = process(page)
    first, second = (program.call("GET", f"{SYNC}/pro-job/{one}/status") for one in (run, again))
    assert again != run
    assert [one["endTime"] for one in second["segments_data"]] == [2.0, 6.5]
    assert second["segments_data"][1]["label"] == "Longer now"
    assert second["options"]["sync_mode"] == "loop"
    assert [sound["filename"] for sound in second["sounds"]] == [sound["filename"] for sound in first["sounds"]]
    assert second["sounds"][0]["duration"] == pytest.approx(first["sounds"][0]["duration"], abs=0.001)
    assert second["source"]["duration"] == first["source"]["duration"]
    # Both runs are of the same file, so they are compared at the current moment.
    against = page.get_by_label("Compare with")
    expect(against.get_by_role("option")).to_have_count(2)
    go_to(page, 5)
    page.locator("[data-view=beside]").click()
    against.select_option(run)
    expect(page.locator("[data-before-label]")).to_contain_text("Run from")
    of_first = f"() => document.querySelector('[data-before]').src.includes({first['result_url'].split('?')[0]!r})"
    page.wait_for_function(of_first)
    page.wait_for_function("() => document.querySelector('[data-before]').currentTime === 5")
    assert axe_findings(page) == []
    against.select_option("")
    expect(page.locator("[data-before-label]")).to_have_text("Before")


@pytest.mark.services
def test_text_is_removed_in_an_area(open_page: OpenPage, files: dict[str, Path], run: str, program: Program) -> None:
    page = open_page(f"/pro?job={NOWHERE}", quiet=False)
    expect_texts(
        page.get_by_role("alert"), "This run could not be opened.", "no longer exists, or you do not have access"
    )
    page.goto("/pro")
    page.locator("[data-choose-video]").set_input_files(files["short"])
    expect(page.get_by_role("heading", level=1)).to_have_text("pickup")
    page.locator("[data-add-sounds]").set_input_files([files["line"]])
    make_segments(page, 0, 1.5)
    page.get_by_label("Remove on-screen text").check()
    page.get_by_role("button", name="Remove text only in an area").click()
    expect(page.locator(".roi-box")).to_be_focused()
    press(page, "ArrowUp", "Shift+ArrowLeft")
    fill(page.get_by_label("Start of text removal", exact=True), "soon", "Tab")
    fill(page.locator("#r-end"), "3", "Tab")
    expect(page.locator("#says-removal")).to_have_text("Enter a time such as 0:38.600 or 38.6.")
    page.get_by_label("Start of text removal", exact=True).fill("2")
    fill(page.locator("#r-end"), "1", "Tab")
    expect(page.locator("#says-removal")).to_have_text("The end must be after the start.")
    expect(page.locator("[data-process]")).to_have_attribute("title", "1 problem to fix")
    fill(page.locator("#r-end"), "2.5", "Tab")
    assert axe_findings(page) == []
    asked = program.call("GET", f"{SYNC}/pro-job/{process(page)}/status")["options"]["remove_text"]
    assert (asked["start"], asked["end"]) == (2, 2.5)
    assert asked["regions"] == [pytest.approx({"x": 0.2, "y": 0.795, "width": 0.595, "height": 0.14})]
    page.reload()
    expect(page.locator("[data-told]")).to_have_text(re.compile(r"No text was found\.|Text removed in \d+ area"))
    expect(page.locator("#r-start")).to_have_value("0:02.000")
    expect(page.locator("[data-places] li")).to_have_count(1)
    expect(page.locator(".roi-box")).to_have_count(0)
    page.locator("[data-run-list]").get_by_role("link", name="trailer_take4").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("trailer_take4")
    expect(page).to_have_url(re.compile(run))
    at = "[...document.querySelectorAll('[data-picture] video')].map((one) => one.duration)"
    page.wait_for_function(f"() => {at}.every((seconds) => seconds > 7)")
    expect(page.locator("[data-filename]")).to_have_text("")


@pytest.mark.services
def test_a_run_is_followed_to_its_end(open_page: OpenPage, backstage: Backstage, program: Program, run: str) -> None:
    status = f"{SYNC}/pro-job/{run}/status"
    shown = program.call("GET", status)
    queued, processing = (
        [{**one, "status": status} for one in shown["segments_data"]] for status in ("queued", "processing")
    )
    backstage.change(job=run, status="queued", lane="nowhere", finished_at=None, progress=0, segments_data=queued)
    page = open_page(f"/pro?job={run}", quiet=False)
    words, segment = page.locator("[data-state-words]"), page.locator("[data-segment-state]")
    expect(words).to_have_text("Queued")
    expect(segment).to_have_text("waiting")
    lease = {"lease_token": NOWHERE, "lease_until": "2100-01-01T00:00:00Z", "status": "processing"}
    backstage.change(job=run, **lease, progress=20, message="Reading the video")
    expect(words).to_have_text("Reading the video")
    expect(segment).to_have_text("waiting")
    held: list[tuple[Route, APIResponse]] = []
    page.route(f"**{status}", lambda route: held.append((route, route.fetch())), times=1)
    backstage.change(job=run, message="Listening")
    wait_until(lambda: page.evaluate("1") and held, 10, "the question")
    backstage.change(job=run, segments_data=processing, progress=50, message="Replacing the sound")
    expect(words).to_have_text("Replacing the sound")
    route, older = held[0]
    route.fulfill(response=older)
    expect(segment).to_have_text("processing")
    expect(segments(page).nth(1)).to_have_attribute("aria-label", re.compile("processing$"))
    expect(page.locator("[data-percent]")).to_have_text("50 %")
    assert axe_findings(page) == []
    page.route(f"**{status}", lambda route: route.fulfill(status=503, body=""), times=1)
    backstage.change(job=run, segments_data=queued, message="Once more")
    expect(words).to_have_text("Once more")
    expect(segment).to_have_text("waiting", timeout=20_000)

    (video,) = re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", shown["source"]["stream_url"])
    backstage.change_video(video=video, status="failed")
    ended = {"lease_token": None, "lease_until": None, "admitted": False, "finished_at": datetime.now(UTC).isoformat()}
    error = {"type": "timeout", "message": "It took longer than it may."}
    backstage.change(job=run, status="failed", error=error, segments_data=shown["segments_data"], **ended)
    page.reload()
    with check("a run whose video was not read offers no place for another"):
        expect(words).to_have_text("It took longer than it may.")
        expect(page.get_by_text("No preview: the video could not be read")).to_be_visible()
        expect(page.get_by_text("Choose a video")).to_be_hidden()
        assert min(segments(page).evaluate_all("(all) => all.map((one) => one.offsetWidth)")) > 100
        expect(segment).to_have_text("not done")
        expect(page.locator("[data-meter]")).to_be_hidden()
        assert axe_findings(page) == []
    backstage.change_video(video=video, status="ready")
    backstage.change(job=run, **lease, finished_at=None, error=None, message="Begun again")
    page.reload()
    expect(words).to_have_text("Begun again")
    program.call("DELETE", f"{SYNC}/pro-job/{run}")
    expect(words).to_have_text("This run has been deleted.")
    for name in ("Cancel", "Delete"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_hidden()


@pytest.mark.services
def test_who_has_no_such_plan_is_told_so_and_gets_no_workspace(open_page: OpenPage, backstage: Backstage) -> None:
    page = open_page("/pro", session=backstage.person_session(name="freda"))
    for _ in range(2):
        expect(page.get_by_role("heading", name="Your plan does not include Pro segments")).to_be_visible()
        expect(page.locator("[data-choose-video]")).to_have_count(0)
        page.goto(f"/pro?job={NOWHERE}")
