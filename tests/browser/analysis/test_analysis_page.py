"""The pages of analyses in the browser: the list, a new analysis, its progress and its result."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from pytest_check import check

from tests.browser import analyses, shelf
from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, DESK, PHONE, OpenPage, Recording
from tests.browser.expecting import BROKEN, click, expect_fine, expect_fits, expect_shown, expect_texts
from tests.browser.recordings import SECONDS
from tests.browser.test_accessibility import axe_findings
from tests.support.program import Program

API = "/api/v1/video"
STATUSES = ("Queued", "Processing", "Waiting", "Paused", "Completed", "Failed", "Cancelled")
ERROR = {"type": "no_video", "message": "This file contains no video."}
# Seconds of the video for one second of the result, which describes a longer video.
UNIT = {"highlights": SECONDS / 580, "workout": SECONDS / 130}
NOW = "(video) => video.currentTime"


@pytest.fixture(scope="module")
def video(program: Program, recordings: list[Recording]) -> Iterator[dict[str, Any]]:
    """A video of the library. Its file also serves as reel and preview."""
    found = shelf.taken_in(program, recordings[0].path, title="Round 7")
    yield found
    program.call("DELETE", f"{shelf.LIBRARY}/{found['id']}")


def make(backstage: Backstage, status: str, kind: str = "highlights", **given: Any) -> tuple[str, str]:
    """Make an analysis. Returns its id and that of its job."""
    fields = {"params": analyses.PARAMS[kind], **given.pop("fields", {})}
    session, job = backstage.analysis(owner=ACCOUNT, status=status, kind=kind, fields=fields, **given)
    return session, job


def found(kind: str, video: dict[str, Any] | None) -> dict[str, Any]:
    """Return the result of an analysis of ``video``, with nothing to play if that is None."""
    address = video["video_url"] if video else None
    if kind == "workout":
        return analyses.workout(UNIT[kind]) | {"preview_url": address}
    return analyses.highlights(UNIT[kind]) | {"highlight_video_url": address}


def answer(page: Page, kind: str, data: dict[str, Any]) -> None:
    """Answer in the server's place with this result."""
    body = {"sessionId": "x", "status": "completed", "analysis_type": kind, "name": "Match 2041", "data": data}
    page.route(re.compile(f"{API}/results/[^.]*$"), lambda route: route.fulfill(json=body))


def open_result(
    open_page: OpenPage, backstage: Backstage, kind: str, video: dict[str, Any], *, data: dict[str, Any] | None = None,
    own: bool = True, fields: dict[str, Any] | None = None, **how: Any,
) -> Page:  # fmt: skip
    """Open the page of a finished analysis of ``video``. own: the library has the source, so the page shows it."""
    source = {"video_id": video["id"]} if own else {}
    session, _ = make(backstage, "completed", kind, fields=source | (fields or {}))
    page = open_page("/account", **how)
    answer(page, kind, data if data is not None else found(kind, video))
    page.goto(f"/analysis/{session}")
    expect(page.locator("[data-result]")).to_be_visible()
    return page


def run_by(page: Page, button: Locator) -> dict[str, Any]:
    """Press a button and wait for the page of the analysis that it starts. Returns its state."""
    before = page.url
    button.click()
    page.wait_for_url(lambda address: address != before)
    state: dict[str, Any] = page.request.get(page.url.replace("/analysis/", f"{API}/status/")).json()
    return state


def expect_above(page: Page, *selectors: str) -> None:
    """Check that the elements of these selectors are drawn in this order, from top to bottom."""
    tops = [page.locator(selector).evaluate("(one) => one.getBoundingClientRect().top") for selector in selectors]
    assert tops == sorted(tops)


def row(page: Page, session: str) -> Locator:
    return page.locator(f"[data-session='{session}']")


def state_of(page: Page, session: str) -> Locator:
    return row(page, session).locator(".job-state")


def parts(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Highlights in the reel").get_by_role("button")


def lanes_of(page: Page) -> Locator:
    """Return the chart, which is pressed to go to a moment."""
    return page.get_by_role("slider", name="Position in the video")


def press_chart(page: Page, share: float) -> None:
    box: Any = lanes_of(page).bounding_box()
    lanes_of(page).click(position={"x": box["width"] * share, "y": 60})


def wait_at(film: Locator, time: float, near: float = 0.25) -> None:
    """Wait until a film is at ``time`` seconds and shows its picture."""
    film.page.wait_for_function(
        "([film, time, near]) => !film.seeking && film.readyState >= 2 && Math.abs(film.currentTime - time) <= near",
        arg=[film.element_handle(), time, near],
    )


def test_from_a_file(open_page: OpenPage, backstage: Backstage, program: Program, recordings: list[Recording]) -> None:
    """From an empty list a file becomes an analysis with the chosen settings."""
    page = open_page("/analysis")
    expect(page.get_by_role("heading", name="No analyses yet")).to_be_visible()
    assert page.locator("main .btn.primary").count() == 1
    new = page.locator(".empty").get_by_role("button", name="New analysis")
    new.click()
    dialog = page.get_by_role("dialog", name="New analysis")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(new).to_be_focused()
    new.click()
    with check("what is out of range or missing"):
        length = dialog.get_by_label("Segment length")
        length.fill("1e9")
        dialog.get_by_role("button", name="Find highlights").click()
        expect_shown(dialog, "Choose a video first.", "Segment length: enter a number from 2 to 60.")
        expect(length).to_have_attribute("aria-invalid", "true")
        # The form of one kind keeps its values while the other kind is shown.
        click(dialog, "Workout", "Highlights")
        expect(length).to_have_value("1e9")
        length.fill("4")
    dialog.locator("#new-files").set_input_files(str(recordings[1].path))
    expect(dialog).to_contain_text("bravo.mp4")
    dialog.get_by_label("Reel length").fill("12")
    dialog.get_by_role("button", name="Find highlights").click()
    expect(dialog).to_have_count(0)
    line = page.locator("[data-session]")
    expect(line).to_have_count(1)
    expect(line).to_contain_text("bravo")
    session = line.get_attribute("data-session")
    state = program.call("GET", f"{API}/status/{session}")
    assert state["analysis_type"] == "highlights"
    assert (state["params"]["target_duration"], state["params"]["segment_length"]) == (12, 4)
    page.reload()
    expect(row(page, str(session))).to_contain_text("bravo")
    page.close()
    program.call("DELETE", f"{API}/cleanup/{session}")


@pytest.mark.services
def test_the_list_is_live_in_all_statuses(open_page: OpenPage, backstage: Backstage, video: dict[str, Any]) -> None:
    done, job = make(backstage, "processing", progress=20, minutes=1)
    backstage.change(job=job, seconds_left=240)
    page = open_page("/analysis")
    expect(row(page, done)).to_contain_text("4 min left")
    backstage.progress(job=job, percent=50, message="Analyzing segment 13/20", left=30)
    expect(row(page, done)).to_contain_text("Analyzing segment 13/20 · 50 %")
    expect(row(page, done)).to_contain_text(re.compile(r"\d+ s left"))
    backstage.end_analysis(session=done, data=found("highlights", None))
    expect(state_of(page, done)).to_have_text("Completed")
    expect(page.locator("[data-said]")).to_have_text("Match 2041: completed.")

    queued, job = make(backstage, "queued")
    news = page.get_by_role("button", name="1 new")
    expect(news).to_be_visible()
    expect(row(page, queued)).to_have_count(0)
    news.click()
    expect(row(page, queued)).to_be_focused()
    row(page, queued).get_by_role("button", name="Cancel").click()
    expect(state_of(page, queued)).to_have_text("Cancelled")
    assert backstage.status(job=job) == "cancelled"
    row(page, queued).get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("alertdialog", name="Delete the analysis “Match 2041”?")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    dialog.get_by_role("button", name="Delete").click()
    expect(row(page, queued)).to_have_count(0)
    expect(row(page, done)).to_be_focused()
    row(page, done).get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="No analyses yet")).to_be_visible()
    expect(page.locator("[data-new]")).to_be_focused()
    assert backstage.status(job=job) is None

    made = {word: make(backstage, word.lower(), error=ERROR, progress=30)[0] for word in STATUSES}
    made["Expired"] = make(backstage, "completed", hours=-1)[0]
    workout, _ = make(backstage, "completed", "workout", fields={"video_id": video["id"]})
    page.goto("/analysis")
    for word, session in made.items():
        expect(state_of(page, session)).to_have_text(word)
        expect(state_of(page, session).locator("svg")).to_be_visible()
    for word, words in (
        ("Processing", "30 %"), ("Completed", "24 h"), ("Expired", "has been deleted"),
        ("Failed", "This file contains no video. The file has no video track."),
    ):  # fmt: skip
        expect(row(page, made[word])).to_contain_text(words)
    expect(row(page, made["Paused"]).get_by_role("button", name="Resume")).to_be_visible()
    expect(row(page, made["Completed"]).get_by_role("link", name="Open")).to_be_visible()
    expect(row(page, workout).locator(".kind img")).to_be_visible()
    lines = page.locator("[data-session]")
    expect(lines).to_have_count(len(made) + 1)
    page.get_by_role("navigation", name="Kind").get_by_role("link", name="Workout").click()
    expect(lines).to_have_count(1)
    expect(row(page, workout)).to_be_visible()
    page.reload()
    expect(page.get_by_role("link", name="Workout", exact=True)).to_have_attribute("aria-current", "true")
    expect(lines).to_have_count(1)
    page.go_back()
    expect(lines).to_have_count(len(made) + 1)


@pytest.mark.services
def test_from_the_library(open_page: OpenPage, backstage: Backstage, program: Program, video: dict[str, Any]) -> None:
    """A video of the library is found, and its work is followed to the result."""
    # The analysis is deleted while a request may be under way, which the browser logs as an error.
    page = open_page("/analysis?new", quiet=False)
    dialog = page.get_by_role("dialog", name="New analysis")
    expect(dialog.get_by_label("Segment length")).to_have_value("10")
    dialog.get_by_role("button", name="My library").click()
    dialog.get_by_label("Search your videos").fill("round")
    dialog.get_by_role("radio", name="Round 7").check()
    # A short video has short segments.
    expect(dialog.get_by_label("Segment length")).to_have_value("2")
    page.goto("/analysis?new=workout")
    dialog.get_by_role("button", name="My library").click()
    dialog.get_by_role("radio", name="Round 7").check()
    expect(dialog.get_by_role("status").filter(has_text="Processing takes")).to_have_text(
        "Once started, processing takes less than a minute."
    )
    dialog.get_by_label("Exercise").select_option("squat")
    dialog.get_by_role("button", name="Count repetitions").click()
    page.wait_for_url(re.compile("/analysis/[0-9a-f-]{36}$"))
    session = page.url.rsplit("/", 1)[1]
    state = program.call("GET", f"{API}/status/{session}")
    assert (state["analysis_type"], state["params"]["exercise"]) == ("workout", "squat")
    assert state["source"]["video_id"] == video["id"]
    expect(page.get_by_role("heading", name="Round 7")).to_be_visible()
    program.call("DELETE", f"{API}/cleanup/{session}")
    expect(page.get_by_role("heading", name="This analysis no longer exists")).to_be_visible()

    session, job = make(backstage, "processing", progress=20, minutes=1, fields={"video_id": video["id"]})
    backstage.change(job=job, seconds_left=240)
    answer(page, "highlights", found("highlights", video))
    page.goto(f"/analysis/{session}")
    page.evaluate("window.stays = true")
    work = page.get_by_role("region", name="Progress")
    expect(work).to_contain_text("4 min left")
    backstage.progress(job=job, percent=50, message="Analyzing segment 13/20", left=30)
    expect(work).to_contain_text("Analyzing segment 13/20")
    expect(work).to_contain_text(re.compile(r"50 % · \d+ s left"))
    expect(page).to_have_title(re.compile("^50 % · Match 2041"))
    expect(work.locator("img")).to_be_visible()
    backstage.change(job=job, progress=40)
    expect(page.locator("[data-status]")).to_have_text("Processing")
    assert work.locator("progress").evaluate("(bar) => bar.value") == 50
    backstage.end_analysis(session=session, data=found("highlights", None))
    expect(page.get_by_role("heading", name="Scores over time")).to_be_visible()
    expect(page.locator("[data-status]")).to_have_text("Completed")
    assert page.evaluate("window.stays") is True
    error = {"error": "Something broke."}
    page.route(f"**{API}/results/*", lambda route: route.fulfill(status=500, json=error), times=1)
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("The result could not be loaded.")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Scores over time")).to_be_visible()


@pytest.mark.services
def test_the_list_says_what_failed_a_too_large_file_is_not_sent_and_an_upload_is_stopped(
    open_page: OpenPage, backstage: Backstage, recordings: list[Recording], tmp_path: Path
) -> None:
    sent: list[str] = []
    # A page that Playwright fulfils has no live channel: Chromium takes its origin for another one.
    page = open_page("/account", quiet=False)
    page.on("request", lambda request: sent.append(request.method) if "/tus/" in request.url else None)
    session, _ = make(backstage, "processing")
    page.route(f"**{API}/sessions*", lambda route: route.fulfill(status=500, json=BROKEN), times=1)
    page.goto("/analysis")
    note = page.get_by_role("alert")
    expect_texts(note, "Your analyses could not be loaded.", "request 7f3a")
    note.get_by_role("button", name="Try again").click()
    expect(row(page, session)).to_be_visible()
    expect(note).to_have_count(0)
    page.context.set_offline(True)
    expect(page.locator("[data-offline]")).to_be_visible()
    cancel = row(page, session).get_by_role("button", name="Cancel")
    cancel.click()
    note = row(page, session).get_by_role("alert")
    expect_texts(note, "The analysis could not be cancelled.", "The server cannot be reached. Check the network")
    page.context.set_offline(False)
    cancel.click()
    expect(state_of(page, session)).to_have_text("Cancelled")
    backstage.delete_analysis(session=session)

    def with_limit(route: Route) -> None:
        response = route.fetch()
        body = re.sub(r'"max_upload_bytes": \d+', '"max_upload_bytes": 1000', response.text())
        route.fulfill(response=response, body=body)

    page.route("**/analysis?new", with_limit, times=1)
    page.goto("/analysis?new")
    page.locator("#new-files").set_input_files(str(recordings[1].path))
    page.get_by_role("button", name="Find highlights").click()
    line = page.locator("[data-uploads-list] li")
    expect(line).to_contain_text("File too large")
    line.get_by_role("button", name="Remove").click()
    expect(line).to_have_count(0)
    assert sent == []

    large = shelf.padded(recordings[1].path, tmp_path / "large.mp4", 24 * 2**20)
    page.goto("/analysis?new")
    shelf.throttle(page, 2**19)  # so that it is still under way at the last click, on a busy machine too
    page.locator("#new-files").set_input_files(str(large))
    click(page, "Find highlights", "Pause large.mp4", "Resume, large.mp4")
    shelf.is_sending(page, "large.mp4")
    click(page, "Cancel large.mp4", "Cancel upload")
    expect(page.locator("[data-uploads]")).to_be_hidden()
    expect(page.get_by_role("heading", name="No analyses yet")).to_be_visible()


@pytest.mark.services
def test_work_is_paused_and_cancelled_has_failed_or_expired(open_page: OpenPage, backstage: Backstage) -> None:
    session, job = make(backstage, "queued")
    page = open_page(f"/analysis/{session}")
    work, status = page.get_by_role("region", name="Progress"), page.locator("[data-status]")
    work.get_by_role("button", name="Pause").click()
    expect(status).to_have_text("Paused")
    expect(page.locator("[data-said]")).to_have_text("Paused.")
    assert backstage.status(job=job) == "paused"
    # The pressed button is gone, and the focus is on the button that replaced it.
    expect(work.get_by_role("button", name="Resume")).to_be_focused()
    work.get_by_role("button", name="Resume").click()
    expect(status).to_have_text("Queued")
    expect(work.get_by_role("button", name="Pause")).to_be_visible()
    work.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="Analysis cancelled")).to_be_visible()
    expect(page.get_by_text("The uploaded file has been deleted.")).to_be_visible()
    assert backstage.status(job=job) == "cancelled"
    page.get_by_role("link", name="New analysis").click()
    expect(page.get_by_role("dialog", name="New analysis")).to_be_visible()

    session, job = make(backstage, "processing")
    page.goto(f"/analysis/{session}")
    expect(page.locator("[data-status]")).to_have_text("Processing")
    backstage.fail(job=job, **ERROR)
    note = page.get_by_role("alert")
    expect_texts(
        note, "This file contains no video.", "The file has no video track. Choose a file with video.", f"job {job}"
    )
    expect(page.get_by_role("button", name="Run again")).to_have_count(0)
    backstage.delete_analysis(session=session)
    expect(page.get_by_role("heading", name="This analysis no longer exists")).to_be_visible()
    expired, _ = make(backstage, "completed", hours=-1)
    page.goto(f"/analysis/{expired}")
    expect(page.get_by_role("heading", name="This analysis has expired")).to_be_visible()
    expect(page.locator("[data-kept]")).to_be_hidden()


def test_a_reel_is_played_and_kept(open_page: OpenPage, backstage: Backstage, video: dict[str, Any]) -> None:
    page = open_result(open_page, backstage, "highlights", video)
    moments = found("highlights", video)["highlights"]
    reel, source, lanes = page.locator("[data-film=reel]"), page.locator("[data-film=source]"), lanes_of(page)
    expect(parts(page)).to_have_count(6)
    reel.evaluate("(film) => { film.playbackRate = 0.1; }")  # the part is over within a second
    parts(page).nth(2).click()
    page.wait_for_function("(film) => !film.paused", arg=reel.element_handle())
    expect(parts(page).nth(2)).to_have_attribute("aria-current", "true")
    expect(page.locator("[data-where]")).to_contain_text("3 of 6")
    assert reel.evaluate(NOW) >= moments[2]["reel_start"] - 0.1
    expect(page.locator("[data-segments] tr[aria-current]")).to_contain_text("The loudest part of the file")
    page.keyboard.press("k")
    page.wait_for_function("(film) => film.paused", arg=reel.element_handle())
    moment = moments[2]["start_time"] + reel.evaluate(NOW) - moments[2]["reel_start"]
    page.get_by_role("button", name="Source", exact=True).click()
    expect(source).to_be_visible()
    expect(reel).to_be_hidden()
    wait_at(source, moment)
    page.get_by_role("button", name="Reel", exact=True).click()
    expect(reel).to_be_visible()
    wait_at(reel, moments[2]["reel_start"] + moment - moments[2]["start_time"])

    fourth = moments[3]
    press_chart(page, (fourth["start_time"] + fourth["end_time"]) / 2 / SECONDS)
    wait_at(reel, (fourth["reel_start"] + fourth["reel_end"]) / 2)
    expect(lanes).to_have_attribute("aria-valuetext", re.compile("highlight 4"))
    press_chart(page, 0.5)
    expect(source).to_be_visible()
    wait_at(source, SECONDS / 2)
    expect(lanes).to_have_attribute("aria-valuetext", re.compile(r"^0:\d\d, segment (29|30) of 58, score"))
    for key, number in (("Home", 1), ("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2), ("End", 58)):
        page.keyboard.press(key)
        expect(lanes).to_have_attribute("aria-valuetext", re.compile(f"segment {number} of 58"))
    # The keys work without the focus on the chart.
    page.locator("h1").focus()
    page.keyboard.press("ArrowLeft")
    expect(lanes).to_have_attribute("aria-valuetext", re.compile("segment 5[78] of 58"))

    kept = page.locator("[data-kept]")
    expect(kept).to_contain_text("kept 2")  # 24 hours, or nearly
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(kept).to_have_text("kept with its video")
    expect(page.get_by_role("button", name="Kept")).to_be_focused()
    page.reload()
    expect(page.get_by_role("button", name="Kept")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Kept").click()
    expect(kept).to_contain_text("kept 2")


@pytest.mark.services
def test_segments_are_listed_and_reached(open_page: OpenPage, backstage: Backstage, video: dict[str, Any]) -> None:
    page = open_result(open_page, backstage, "highlights", video)
    reel, source = page.locator("[data-film=reel]"), page.locator("[data-film=source]")
    with check("single keys"):
        page.locator("h1").focus()
        page.keyboard.press(" ")
        expect(page.get_by_role("button", name="Pause (Space)")).to_be_visible()
        page.wait_for_function("(film) => film.currentTime > 0.2", arg=reel.element_handle())
        page.keyboard.press("k")
        expect(page.get_by_role("button", name="Play (Space)")).to_be_visible()
        page.keyboard.press("s")
        expect(source).to_be_visible()
        page.keyboard.press("?")
        dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
        expect(dialog).to_contain_text("Previous or next segment")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
    lines = page.locator("[data-segments] tbody tr")
    expect(lines).to_have_count(6)
    page.get_by_label("Order").select_option("By score")
    expect(lines.first).to_contain_text("0.94")
    page.get_by_role("button", name="All 58").click()
    expect(lines).to_have_count(58)
    expect(lines.first).to_contain_text("0.94")
    page.get_by_label("Order").select_option("By time")
    numbers = page.get_by_role("region", name="Scores of the segments")
    expect(numbers).to_be_hidden()
    page.get_by_text("Numbers", exact=True).click()
    expect(numbers.get_by_role("row")).to_have_count(59)
    expect(numbers.get_by_role("row").nth(1)).to_contain_text(re.compile(r"0:00–0:0\d"))
    lines.nth(10).get_by_role("button").press("Enter")
    wait_at(source, 100 * UNIT["highlights"], near=2)
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download reel").click()
    assert saved.value.suggested_filename == "Match 2041 reel.mp4"
    with check("from right to left times and charts stay"):
        page.evaluate("document.documentElement.dir = 'rtl'")
        press_chart(page, 0.25)
        wait_at(source, SECONDS / 4, near=2)  # it plays on
        assert page.locator(".reel").evaluate("(e) => getComputedStyle(e).direction") == "ltr"
        expect_fits(page)

    page.get_by_role("button", name="Run again").click()
    dialog = page.get_by_role("dialog", name="Run again")
    expect(dialog).to_contain_text("Round 7")
    expect(dialog.get_by_label("Minimum score")).to_have_value(str(analyses.LEAST))
    dialog.get_by_label("Minimum score").fill("0,3")
    again = run_by(page, dialog.get_by_role("button", name="Find highlights"))
    assert (again["source"]["video_id"], again["params"]["min_score"]) == (video["id"], 0.3)


@pytest.mark.services
def test_what_a_result_lacks_is_said(open_page: OpenPage, backstage: Backstage, video: dict[str, Any]) -> None:
    words = "The file is incomplete: it contains only 4:10 of 5:00. This part was analysed."
    nothing = {
        "highlights": [], "highlight_video_url": None, "summary": "Nothing stands out.", "warnings": [words],
    }  # fmt: skip
    page = open_result(open_page, backstage, "highlights", video, data=found("highlights", video) | nothing)
    with check("nothing stands out"):
        expect(page.get_by_text("Nothing stands out.", exact=True)).to_be_visible()
        expect(page.get_by_text(words)).to_be_visible()
        expect(page.locator("[data-film=source]")).to_be_visible()
        expect(page.get_by_role("link", name="Download reel")).to_have_count(0)
        expect(page.locator("[data-segments] tbody tr")).to_have_count(58)
        page.get_by_role("button", name="In the reel 0").click()
        expect(page.get_by_text("No segment stood out enough for a reel.")).to_be_visible()
    best = {"start_time": 65.2, "end_time": 69.0, "score": 0.137, "description": "Louder than usual.", "segment": 6}
    page = open_result(
        open_page, backstage, "highlights", video, data=found("highlights", video) | nothing | {"below_minimum": [best]}
    )
    with check("nothing reaches the minimum: the best there is, a lower minimum, another run"):
        expect(page.locator("[data-segments] tbody tr")).to_have_count(1)
        expect_texts(page.locator("[data-segments] tbody"), "1:05", "0.13", "Louder than usual.")
        page.get_by_role("button", name="Preview moments with a score of at least 0.13").click()
        expect(page.get_by_text("minimum score 0.13")).to_be_visible()
        again = run_by(page, page.locator("[data-short]").get_by_role("button", name="Run again"))
        assert again["params"] == analyses.PARAMS["highlights"] | {"min_score": 0.13}
    page = open_result(open_page, backstage, "highlights", video, own=False)
    with check("the file went with the analysis"):
        expect(page.get_by_role("link", name="Download reel")).to_be_visible()
        for name in ("Keep", "Run again", "Source"):
            expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    nothing = {"exercises": [], "total_repetitions": 0, "not_counted": [], "summary": "Nothing repeats itself."}
    page = open_result(open_page, backstage, "workout", video, data=found("workout", video) | nothing)
    with check("nothing repeats"):
        expect(page.get_by_text("No repeated movement was found, so nothing was counted.")).to_be_visible()
        expect(page.locator("[data-bars]")).to_be_hidden()
        expect(page.get_by_text("0 repetitions", exact=True)).to_be_visible()
    data = found("highlights", video)
    data["highlights"] = data["highlights"][:1]
    high = {"params": {**analyses.PARAMS["highlights"], "min_score": 0.9}}
    page = open_result(open_page, backstage, "highlights", video, data=data, fields=high)
    said = page.locator("[data-short]")
    expect(said).to_contain_text("1 of 58 segments reaches the minimum score of 0.90.")
    assert axe_findings(page) == []
    longer = run_by(page, said.get_by_role("button", name="Make a longer reel"))
    assert longer["params"]["min_score"] < 0.9
    assert longer["params"]["segment_length"] == analyses.PARAMS["highlights"]["segment_length"]
    assert longer["source"]["video_id"] == video["id"]


@pytest.mark.services
def test_a_reel_is_edited_and_cut_again(open_page: OpenPage, backstage: Backstage, video: dict[str, Any]) -> None:
    data = found("highlights", None)
    first, second = [
        data["highlights"][n] | {"start_time": start, "end_time": start + 2.0, "segment": 0}
        for n, start in enumerate((2.0, 6.0))
    ]
    data |= {"highlights": [first, second], "duration": video["duration_exact"]}
    session, _ = make(backstage, "completed", fields={"data": data, "video_id": video["id"]})
    page = open_page(f"/analysis/{session}")
    page.get_by_role("link", name="Edit reel").click()
    rows = page.get_by_role("list", name="Moments in the reel").get_by_role("listitem")
    start_time, end_time = page.get_by_label("Start time of moment 1"), page.get_by_label("End time of moment 1")
    total = page.locator("[data-totals]")
    expect(rows).to_have_count(2)
    expect(total).to_have_text("2 moments, 4 s")
    expect_fine(page)

    # The chart and the list show the same numbers, whether an edge is moved by keys, by dragging or at the playhead.
    end = page.get_by_role("slider", name="End of moment 1")
    end.press("Shift+ArrowLeft")
    expect(end).to_have_attribute("aria-valuetext", "0:03.000")
    expect(end_time).to_have_value("0:03.000")
    expect(page.get_by_role("button", name="1: moment, 0:02.000 to 0:03.000")).to_be_visible()
    box: Any = end.bounding_box()
    page.mouse.move(box["x"] + 4, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 2000, box["y"] + 40)
    page.mouse.up()
    expect(end).to_have_attribute("aria-valuetext", "0:06.000")  # where the next moment begins
    film = page.locator("[data-film=source]")
    film.evaluate("(film) => { film.currentTime = 4 }")
    wait_at(film, 4.0)
    page.get_by_role("heading", level=1).press("o")
    expect(end).to_have_attribute("aria-valuetext", "0:04.000")
    page.get_by_role("button", name="Undo").click()
    expect(end_time).to_have_value("0:06.000")
    page.get_by_role("button", name="Redo").click()
    expect(end_time).to_have_value("0:04.000")

    # A moment is moved by keys, and back by dragging. The draft is still there after a reload.
    rows.nth(0).get_by_role("button", name="Move moment 1", exact=True).press("ArrowDown")
    expect(rows.nth(0)).to_contain_text("0:06.000")
    hold = rows.nth(1).get_by_role("button", name="Move moment 2", exact=True)
    expect(hold).to_be_focused()
    from_, to = hold.bounding_box(), rows.nth(0).bounding_box()
    assert from_ is not None
    assert to is not None
    page.mouse.move(from_["x"] + 8, from_["y"] + 8)
    page.mouse.down()
    page.mouse.move(from_["x"] + 8, to["y"] + 2, steps=3)
    page.mouse.up()
    expect(start_time).to_have_value("0:02.000")
    rows.nth(0).get_by_role("button", name="Move moment 1", exact=True).press("ArrowDown")
    rows.nth(0).get_by_label("Title card before moment 1").fill("Last round")
    rows.nth(1).get_by_role("button", name="Cut before moment 2").click()
    expect(total).to_contain_text("2 moments, 6.5 s with 1 title card")
    page.reload()
    expect(page.locator("[data-totals]")).to_contain_text("Draft saved")
    # Another tab edits the same draft.
    other = page.context.new_page()
    other.goto(page.url)
    there, here = [one.get_by_label("Title card before moment 2") for one in (other, page)]
    there.fill("Overtime")
    expect(here).to_have_value("Overtime")
    page.get_by_role("button", name="Undo").click()
    expect(there).to_have_value("")
    other.close()

    # The preview shows the title card, and leaves out what lies between the moments.
    page.get_by_role("button", name="Preview of the reel").click()
    card = page.locator("[data-card]")
    expect(card).to_have_text("Last round")
    expect(card).to_be_visible()
    page.locator("[data-act=toggle]").click()
    expect(card).to_be_hidden()
    page.wait_for_function("(film) => film.currentTime >= 2 && film.currentTime < 4", arg=film.element_handle())

    page.get_by_role("button", name="Make reel").click()
    expect(page.get_by_text("The reel has 1 title card.")).to_be_visible(timeout=shelf.TAKEN_IN)
    expect(page.locator("[data-said]")).to_have_text("The new reel is ready.")
    expect(parts(page)).to_have_count(2)
    made = json.loads(page.evaluate(f"() => fetch('{API}/results/{session}').then((answer) => answer.text())"))["data"]
    found_moments = [(one["start_time"], one["title"], one["transition"]) for one in made["highlights"]]
    assert found_moments == [
        (pytest.approx(6.0, abs=0.02), "Last round", "cut"), (pytest.approx(2.0, abs=0.02), "", "fade"),
    ]  # fmt: skip
    reel = page.locator("[data-film=reel]").element_handle()
    page.wait_for_function("(film) => Math.abs(film.duration - 6.5) < 0.1", arg=reel)
    page.get_by_role("link", name="Edit reel").click()
    expect(rows.nth(0).get_by_label("Title card before moment 1")).to_have_value("Last round")
    expect(page.locator("[data-totals]")).not_to_contain_text("Draft saved")
    rows.nth(0).get_by_role("button", name="Remove moment 1").click()
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="Reset to detected moments").click()
    expect(start_time).to_have_value("0:02.000")


def open_editor(open_page: OpenPage, backstage: Backstage, video: dict[str, Any], **how: Any) -> Page:
    """Open the reel editor with moments at 2 s and 6 s of 2 s each, and four segments of 2.5 s."""
    data = found("highlights", None)
    moments = [
        data["highlights"][n] | {"start_time": start, "end_time": start + 2.0, "segment": 0}
        for n, start in enumerate((2.0, 6.0))
    ]
    segments = [
        data["segments"][n] | {"start_time": 2.5 * n, "end_time": 2.5 * (n + 1), "score": score}
        for n, score in enumerate((0.1, 0.8, 0.9, 0.4))
    ]
    data |= {"highlights": moments, "segments": segments, "duration": video["duration_exact"]}
    session, _ = make(backstage, "completed", fields={"data": data, "video_id": video["id"]})
    page = open_page(f"/analysis/{session}/reel", **how)
    expect(page.get_by_role("slider", name="End of moment 1")).to_be_visible()
    return page


def press_middle(page: Page, element: Locator, top: float = 40) -> tuple[float, float]:
    """Press the mouse in the middle of an element, ``top`` pixels below its upper edge. Return the place."""
    element.scroll_into_view_if_needed()
    box: Any = element.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + top
    page.mouse.move(x, y)
    page.mouse.down()
    return x, y


def test_a_drag_in_the_reel_editor_is_one_change_and_escape_cancels_it(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    page = open_editor(open_page, backstage, video)
    end = page.get_by_role("slider", name="End of moment 1")
    rows = page.get_by_role("list", name="Moments in the reel").get_by_role("listitem")

    # A click that moves by two pixels selects a moment and changes nothing.
    x, y = press_middle(page, page.get_by_role("button", name="1: moment,"), 60)
    page.mouse.move(x + 2, y)
    page.mouse.up()
    expect(page.locator("[data-totals]")).to_have_text("2 moments, 4 s")

    # Dragging with a pause is undone as one change.
    x, y = press_middle(page, end)
    page.mouse.move(x + 20, y)
    page.evaluate("() => { const now = Date.now; Date.now = () => now() + 5000; }")
    page.mouse.move(x + 60, y)
    page.mouse.up()
    expect(end).not_to_have_attribute("aria-valuetext", "0:04.000")
    page.get_by_role("heading", level=1).press("Control+z")
    expect(end).to_have_attribute("aria-valuetext", "0:04.000")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    page.get_by_role("heading", level=1).press("Control+Shift+Z")
    expect(end).not_to_have_attribute("aria-valuetext", "0:04.000")
    moved = end.get_attribute("aria-valuetext")
    assert moved
    page.get_by_role("button", name="Undo").click()

    x, y = press_middle(page, end)
    page.mouse.move(x + 80, y)
    expect(end).not_to_have_attribute("aria-valuetext", "0:04.000")
    page.keyboard.press("Escape")
    page.mouse.move(x + 90, y)
    page.mouse.up()
    expect(end).to_have_attribute("aria-valuetext", "0:04.000")
    # Redo applies the earlier drag, not the cancelled one.
    page.get_by_role("heading", level=1).press("Control+Shift+Z")
    expect(end).to_have_attribute("aria-valuetext", moved)
    page.get_by_role("button", name="Undo").click()

    # Escape also cancels dragging a row. Nothing stays of a row whose moment is removed while it is dragged.
    hold = page.get_by_role("button", name="Move moment 1", exact=True)
    x, y = press_middle(page, hold, 10)
    page.mouse.move(x, y + 100, steps=3)
    expect(page.locator("[data-dragged]")).to_have_count(1)
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.locator("[data-dragged], [data-drop], [data-drop-after]")).to_have_count(0)
    expect(page.get_by_label("Start time of moment 1")).to_have_value("0:02.000")
    x, y = press_middle(page, hold, 10)
    page.mouse.move(x, y + 100, steps=3)
    page.get_by_role("button", name="Remove moment 1").evaluate("(button) => button.click()")
    page.mouse.move(x, y + 150, steps=3)
    page.mouse.up()
    expect(rows).to_have_count(1)
    expect(page.locator("[data-dragged], [data-drop], [data-drop-after]")).to_have_count(0)

    # If undo removes the selected moment, another moment is selected.
    page.get_by_role("button", name="Add best segment").click()
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("slider", name="Start of moment 1")).to_be_visible()


@pytest.mark.parametrize("size", [DESK, PHONE, (844, 390)], ids=["desk", "phone", "landscape"])
def test_times_are_typed_and_segments_above_the_minimum_score_are_added(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any], size: tuple[int, int]
) -> None:
    page = open_editor(open_page, backstage, video, size=size)
    expect_above(page, "[data-moments]", "[data-chart]")
    end, alert = page.get_by_label("End time of moment 1"), page.get_by_role("alert")
    for typed, problem in (
        ("soon", "Enter a time such as 0:38.600 or 38.6."),
        ("2.1", "A moment lasts at least 0.5 s: the earliest end is 0:02.500."),
        ("7", "Moments cannot overlap: moment 2 is at 0:06.000–0:08.000."),
    ):
        end.fill(typed)
        end.press("Enter")
        expect(alert).to_have_text(problem)
        expect(end).to_have_value(typed)
        expect(end).to_have_attribute("aria-describedby", "wrong-time")
        expect(page.locator("[data-totals]")).to_have_text("2 moments, 4 s")
    expect_fine(page)
    end.fill("0:03,25")
    end.press("Enter")
    expect(alert).to_have_count(0)
    expect(end).to_have_value("0:03.250")
    expect(page.get_by_role("slider", name="End of moment 1")).to_have_attribute("aria-valuetext", "0:03.250")

    minimum, offers = page.get_by_label("Minimum score"), page.get_by_role("button", name=re.compile("^Add .*, score"))
    expect(offers).to_have_count(0)
    minimum.fill("0.4")
    expect(offers).to_have_count(1)
    offers.press("Enter")
    expect(page.locator("[data-totals]")).to_contain_text("3 moments")

    for number in range(3, 0, -1):
        page.get_by_role("button", name=f"Remove moment {number}").click()
    expect(page.get_by_text("The reel has no moments.")).to_be_visible()
    expect(page.get_by_role("button", name="Preview of the reel")).to_be_disabled()
    expect(page.get_by_role("button", name="Set in")).to_be_disabled()
    expect_fine(page)


@pytest.mark.services
def test_data_is_saved_and_a_failed_cut_said(open_page: OpenPage, backstage: Backstage, video: dict[str, Any]) -> None:
    data = found("highlights", None)
    data |= {"highlights": [data["highlights"][0] | {"start_time": 2.0, "end_time": 4.0}]}
    data |= {"duration": video["duration_exact"]}
    _, reel_job = make(backstage, "processing")
    fields = {"data": data, "video_id": video["id"], "name": "Match 2041: overtime.mp4", "reel_job_id": reel_job}
    session, _ = make(backstage, "completed", fields=fields)
    page = open_page(f"/analysis/{session}", size=PHONE)
    texts = []
    for item, name in (
        ("Download highlights as CSV", r"highlights.*\.csv"),
        ("Download segments as CSV", r"segments.*\.csv"),
        ("Download all data as JSON", r"Match 2041 overtime highlights\.json"),
    ):
        if not page.get_by_role("menu").count():
            page.get_by_role("button", name="Data").click()
        with page.expect_download() as saved:
            page.get_by_role("menuitem", name=item).click()
        assert re.fullmatch(name, saved.value.suggested_filename)
        texts.append(Path(saved.value.path()).read_text())
    assert [len(text.splitlines()) for text in texts[:2]] == [2, 1 + len(data["segments"])]
    assert json.loads(texts[2])["data"]["summary"] == data["summary"]
    page.keyboard.press("Escape")

    ended = {"id": "x", "status": "failed", "progress": 0, "message": "", "error": {"message": "The disk is full."}}
    page.route(f"**/api/v1/jobs/{reel_job}", lambda route: route.fulfill(json=ended))
    page.reload()
    expect(page.get_by_role("alert")).to_have_text("The reel was not changed. The disk is full.")
    ended |= {"status": "cancelled", "error": None}
    page.reload()
    expect(page.get_by_role("alert")).to_have_text("The reel was not changed. The job was cancelled.")
    expect(page.locator(".note.bad")).to_have_count(0)
    page.get_by_role("link", name="Edit reel").click()
    expect(page.get_by_role("slider", name="End of moment 1")).to_be_visible()
    expect_fine(page)

    # A draft that has changed since a cut was started is kept when the cut ends.
    title = page.get_by_label("Title card before moment 1")
    title.fill("Overtime")
    ended |= {"status": "completed", "error": None}
    page.unroute(f"**/api/v1/jobs/{reel_job}")
    page.route(f"**/api/v1/jobs/{reel_job}", lambda route: route.fulfill(json=ended), times=1)
    page.goto(f"/analysis/{session}")
    expect(page.locator("[data-said]")).to_have_text("The new reel is ready.")
    page.get_by_role("link", name="Edit reel").click()
    expect(title).to_have_value("Overtime")


@pytest.mark.services
def test_repetitions_are_counted_and_reached(open_page: OpenPage, backstage: Backstage, video: dict[str, Any]) -> None:
    page = open_result(open_page, backstage, "workout", video)
    lines = page.locator("[data-exercises] > li")
    expect(lines).to_have_count(3)
    for number, words in enumerate((
        ("12", "Squats", "0.94 high"), ("Push-ups", "0.81 fair"), ("Unclear", "The person leaves the frame."),
    )):  # fmt: skip
        for one in words:
            expect(lines.nth(number)).to_contain_text(one)
    expect(page.locator("[data-slow]")).to_have_text(
        "Repetitions that took at least a quarter longer than usual: squats 11, 12."
    )
    expect(page.locator(".bars button")).to_have_count(21)
    expect(page.locator(".chart .peak")).to_have_count(21)
    preview, lanes = page.locator("[data-film=preview]"), lanes_of(page)
    times = found("workout", video)["exercises"][0]["rep_times"]
    page.get_by_role("button", name="Squat 8 of 12").click()
    wait_at(preview, times[7]["start"])
    expect(page.locator("[data-count-words]")).to_have_text("Squat 8 of 12")
    lanes.press("ArrowRight")
    wait_at(preview, times[8]["start"])
    expect(lanes).to_have_attribute("aria-valuetext", re.compile("Squat 9 of 12"))
    press_chart(page, 0.95)
    expect(lanes).to_have_attribute("aria-valuetext", re.compile("not counted"))


@pytest.mark.services
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_no_state_of_these_pages_has_a_finding_or_what_does_not_fit(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any], size: tuple[int, int]
) -> None:
    name = "a_very_long_name_" * 14
    for word in STATUSES:
        last, _ = make(backstage, word.lower(), error=ERROR, progress=30, fields={"name": name})

    def expect_large_enough(pressed: str) -> None:
        if size == PHONE:
            assert page.evaluate(shelf.TOO_SMALL, pressed) == []

    page = open_page("/analysis", size=size)
    expect(page.locator("[data-session]")).to_have_count(len(STATUSES))
    expect_fine(page)
    page.get_by_role("button", name="New analysis").click()
    expect_fine(page)
    expect_large_enough("dialog button, dialog a.btn, dialog select, dialog input.in")
    page.get_by_role("button", name="My library").click()
    expect(page.get_by_role("radio", name="Round 7")).to_be_visible()
    page.get_by_role("button", name="Workout", exact=True).click()
    expect_fine(page)
    going, _ = make(backstage, "processing", progress=30, fields={"name": name})
    page.goto(f"/analysis/{going}")
    expect(page.get_by_role("region", name="Progress")).to_be_visible()
    expect_fine(page)
    page.goto(f"/analysis/{last}")
    expect(page.get_by_role("heading", name="Analysis cancelled")).to_be_visible()
    expect_fine(page)
    for kind in ("highlights", "workout"):
        page = open_result(open_page, backstage, kind, video, size=size)
        expect_fine(page)
        expect_large_enough("main button, main a.btn, main select")
        if size == PHONE:
            expect_above(page, "[data-screen]", "[data-screen] + .panel", "[data-acts]", "[data-chart]")
