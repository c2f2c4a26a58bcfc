"""The pages of analyses in the browser: the list, a new one, the work as it goes on, and what was found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from tests.browser import analyses, shelf
from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, DESK, PHONE, OpenPage, Recording
from tests.browser.recordings import SECONDS
from tests.browser.test_accessibility import axe_findings
from tests.support.program import Program

API = "/api/v1/video"
STATUSES = ("Queued", "Processing", "Waiting", "Paused", "Completed", "Failed", "Cancelled")
ERROR = {"type": "no_video", "message": "There is no picture in this file."}
# A second of what was found lasts so long here: the video is shorter than what the words tell of.
UNIT = {"highlights": SECONDS / 580, "workout": SECONDS / 130}
NOW = "(video) => video.currentTime"


@pytest.fixture(scope="module")
def video(program: Program, recordings: list[Recording]) -> Iterator[dict[str, Any]]:
    """A video of the library; the reel and the preview here are its own file, too."""
    found = shelf.taken_in(program, recordings[0].path, title="Round 7")
    yield found
    program.call("DELETE", f"{shelf.LIBRARY}/{found['id']}")


def make(backstage: Backstage, status: str, kind: str = "highlights", **given: Any) -> tuple[str, str]:
    """An analysis and its job."""
    fields = {"params": analyses.PARAMS[kind], **given.pop("fields", {})}
    session, job = backstage.analysis(owner=ACCOUNT, status=status, kind=kind, fields=fields, **given)
    return session, job


def found(kind: str, video: dict[str, Any] | None) -> dict[str, Any]:
    """What an analysis found in ``video``; None where nothing can be played."""
    address = video["video_url"] if video else None
    if kind == "workout":
        return analyses.workout(UNIT[kind]) | {"preview_url": address}
    return analyses.highlights(UNIT[kind]) | {"highlight_video_url": address}


def answer(page: Page, kind: str, data: dict[str, Any]) -> None:
    """Let the server answer with what was found."""
    body = {"sessionId": "x", "status": "completed", "analysis_type": kind, "name": "Match 2041", "data": data}
    page.route(re.compile(f"{API}/results/[^.]*$"), lambda route: route.fulfill(json=body))


def open_result(
    open_page: OpenPage, backstage: Backstage, kind: str, video: dict[str, Any], *, data: dict[str, Any] | None = None,
    own: bool = True, **how: Any,
) -> Page:  # fmt: skip
    """The page of a finished analysis of ``video``. own: the source can be seen too, for it is the library's."""
    session, _ = make(backstage, "completed", kind, fields={"video_id": video["id"]} if own else {})
    page = open_page("/account", **how)
    answer(page, kind, data if data is not None else found(kind, video))
    page.goto(f"/analysis/{session}")
    expect(page.locator("[data-result]")).to_be_visible()
    return page


def row(page: Page, session: str) -> Locator:
    return page.locator(f"[data-session='{session}']")


def parts(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Parts of the reel").get_by_role("button")


def is_at(film: Locator, time: float, near: float = 0.25) -> None:
    """Wait until a film is there, and has a picture of it."""
    film.page.wait_for_function(
        "([film, time, near]) => !film.seeking && film.readyState >= 2 && Math.abs(film.currentTime - time) <= near",
        arg=[film.element_handle(), time, near],
    )


# The list


def test_without_an_analysis_it_says_what_they_are_and_one_button_leads_on(
    open_page: OpenPage, backstage: Backstage
) -> None:
    page = open_page("/analysis")
    expect(page.get_by_role("heading", name="No analyses yet")).to_be_visible()
    assert page.locator("main .btn.primary").count() == 1
    page.locator(".empty").get_by_role("button", name="New analysis").click()
    expect(page.get_by_role("dialog", name="New analysis")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".empty").get_by_role("button", name="New analysis")).to_be_focused()


def test_every_status_has_its_icon_its_word_and_what_can_be_done(open_page: OpenPage, backstage: Backstage) -> None:
    made = {word: make(backstage, word.lower(), error=ERROR, progress=30)[0] for word in STATUSES}
    made["Expired"] = make(backstage, "completed", hours=-1)[0]
    page = open_page("/analysis")
    for word, session in made.items():
        status = row(page, session).locator(".job-state")
        expect(status).to_have_text(word)
        expect(status.locator("svg")).to_be_visible()
    expect(row(page, made["Processing"])).to_contain_text("30 %")
    expect(row(page, made["Failed"])).to_contain_text("There is no picture in this file. Choose a file with a picture")
    expect(row(page, made["Completed"])).to_contain_text("24 h")
    expect(row(page, made["Paused"]).get_by_role("button", name="Resume")).to_be_visible()
    expect(row(page, made["Completed"]).get_by_role("link", name="Open")).to_be_visible()
    expect(row(page, made["Expired"])).to_contain_text("has been deleted")


def test_progress_comes_without_reload_and_says_how_long_it_will_take(
    open_page: OpenPage, backstage: Backstage
) -> None:
    session, job = make(backstage, "processing", progress=20, minutes=1)
    page = open_page("/analysis")
    expect(row(page, session)).to_contain_text("min left")
    backstage.progress(job=job, percent=50, message="Analyzing segment 13/20")
    expect(row(page, session)).to_contain_text("Analyzing segment 13/20 · 50 %")
    expect(row(page, session)).to_contain_text(re.compile(r"\d+ s left"))
    backstage.end_analysis(session=session, data=found("highlights", None))
    expect(row(page, session).locator(".job-state")).to_have_text("Completed")
    expect(page.locator("[data-said]")).to_have_text("Match 2041: completed.")


def test_cancel_and_delete_are_a_press_away_and_deleting_is_asked_first(
    open_page: OpenPage, backstage: Backstage
) -> None:
    other, _ = make(backstage, "cancelled")
    session, job = make(backstage, "queued")
    page = open_page("/analysis")
    row(page, session).get_by_role("button", name="Cancel").click()
    expect(row(page, session).locator(".job-state")).to_have_text("Cancelled")
    assert backstage.status(job=job) == "cancelled"
    row(page, session).get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("alertdialog", name="Delete the analysis “Match 2041”?")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    dialog.get_by_role("button", name="Delete").click()
    expect(row(page, session)).to_have_count(0)
    expect(row(page, other)).to_be_focused()
    row(page, other).get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="No analyses yet")).to_be_visible()
    expect(page.locator("[data-new]")).to_be_focused()
    assert backstage.status(job=job) is None


def test_kinds_narrow_the_list_and_the_address_keeps_it(open_page: OpenPage, backstage: Backstage) -> None:
    make(backstage, "completed")
    workout, _ = make(backstage, "completed", "workout")
    page = open_page("/analysis")
    expect(page.locator("[data-session]")).to_have_count(2)
    page.get_by_role("navigation", name="Kind").get_by_role("link", name="Workout").click()
    expect(page.locator("[data-session]")).to_have_count(1)
    expect(row(page, workout)).to_be_visible()
    page.reload()
    expect(page.get_by_role("link", name="Workout", exact=True)).to_have_attribute("aria-current", "true")
    expect(page.locator("[data-session]")).to_have_count(1)
    page.go_back()
    expect(page.locator("[data-session]")).to_have_count(2)


def test_one_that_comes_from_elsewhere_is_offered_and_moves_nothing(open_page: OpenPage, backstage: Backstage) -> None:
    first, _ = make(backstage, "completed")
    page = open_page("/analysis")
    expect(row(page, first)).to_be_visible()
    second, _ = make(backstage, "queued")
    news = page.get_by_role("button", name="1 new")
    expect(news).to_be_visible()
    expect(row(page, second)).to_have_count(0)
    news.click()
    expect(row(page, second)).to_be_focused()


def test_a_list_that_cannot_be_had_says_so_and_can_be_tried_again(open_page: OpenPage, backstage: Backstage) -> None:
    session, _ = make(backstage, "completed")
    page = open_page("/account", quiet=False)
    body = {"ok": False, "error": "Something broke.", "code": 500, "type": "server_error", "request_id": "7f3a"}
    page.route(f"**{API}/sessions*", lambda route: route.fulfill(status=500, json=body), times=1)
    page.goto("/analysis")
    note = page.get_by_role("alert")
    expect(note).to_contain_text("Your analyses could not be listed.")
    expect(note).to_contain_text("request 7f3a")
    note.get_by_role("button", name="Try again").click()
    expect(row(page, session)).to_be_visible()
    expect(note).to_have_count(0)


def test_without_a_network_a_banner_says_so_and_what_is_pressed_says_why_it_did_not_work(
    open_page: OpenPage, backstage: Backstage
) -> None:
    session, _ = make(backstage, "processing")
    page = open_page("/analysis", quiet=False)
    expect(row(page, session)).to_be_visible()
    page.context.set_offline(True)
    expect(page.locator("[data-offline]")).to_be_visible()
    row(page, session).get_by_role("button", name="Cancel").click()
    note = row(page, session).get_by_role("alert")
    expect(note).to_contain_text("It was not cancelled.")
    expect(note).to_contain_text("The server cannot be reached. Check the network")
    page.context.set_offline(False)
    row(page, session).get_by_role("button", name="Cancel").click()
    expect(row(page, session).locator(".job-state")).to_have_text("Cancelled")


# A new one


def test_a_file_is_sent_in_pieces_and_becomes_an_analysis_with_what_was_asked(
    open_page: OpenPage, backstage: Backstage, program: Program, recordings: list[Recording]
) -> None:
    # Deleted from outside, while a question may be on its way: the browser notes that as an error.
    page = open_page("/analysis", quiet=False)
    page.get_by_role("button", name="New analysis").first.click()
    dialog = page.get_by_role("dialog", name="New analysis")
    dialog.locator("#new-files").set_input_files(str(recordings[1].path))
    expect(dialog).to_contain_text("bravo.mp4")
    dialog.get_by_label("Length of the reel").fill("12")
    dialog.get_by_role("button", name="Find highlights").click()
    expect(dialog).to_have_count(0)
    line = page.locator("[data-session]")
    expect(line).to_have_count(1)
    expect(line).to_contain_text("bravo")
    session = line.get_attribute("data-session")
    state = program.call("GET", f"{API}/status/{session}")
    assert state["analysis_type"] == "highlights"
    assert state["params"]["target_duration"] == 12
    program.call("DELETE", f"{API}/cleanup/{session}")
    expect(line).to_have_count(0)


def test_a_video_of_the_library_is_found_and_analysed_as_a_workout(
    open_page: OpenPage, backstage: Backstage, program: Program, video: dict[str, Any]
) -> None:
    page = open_page("/analysis?new=workout", quiet=False)  # as above
    dialog = page.get_by_role("dialog", name="New analysis")
    dialog.get_by_role("button", name="My library").click()
    dialog.get_by_label("Search your videos").fill("round")
    dialog.get_by_role("radio", name="Round 7").check()
    expect(dialog.get_by_role("status").filter(has_text="work")).to_have_text(
        "Less than a minute of work, once it begins."
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
    expect(page.get_by_role("heading", name="This analysis is not here any more")).to_be_visible()


def test_what_is_out_of_range_or_missing_is_said_beside_the_field(open_page: OpenPage, backstage: Backstage) -> None:
    page = open_page("/analysis?new")
    dialog = page.get_by_role("dialog", name="New analysis")
    dialog.get_by_label("Length of a segment").fill("1e9")
    dialog.get_by_role("button", name="Find highlights").click()
    expect(dialog.get_by_text("Choose a video first.")).to_be_visible()
    expect(dialog.get_by_text("Length of a segment: a number from 2 to 60.")).to_be_visible()
    expect(dialog.get_by_label("Length of a segment")).to_have_attribute("aria-invalid", "true")
    # What was typed for one kind is there when one comes back to it.
    dialog.get_by_role("button", name="Workout").click()
    dialog.get_by_role("button", name="Highlights").click()
    expect(dialog.get_by_label("Length of a segment")).to_have_value("1e9")


def test_a_file_that_is_too_large_is_refused_before_anything_is_sent(
    open_page: OpenPage, backstage: Backstage, recordings: list[Recording]
) -> None:
    sent: list[str] = []
    # A page that is answered in its place has no live channel: Chromium takes its address for a foreign one.
    page = open_page("/account", quiet=False)
    page.on("request", lambda request: sent.append(request.method) if "/tus/" in request.url else None)

    def with_limit(route: Route) -> None:
        response = route.fetch()
        body = re.sub(r'"max_upload_bytes": \d+', '"max_upload_bytes": 1000', response.text())
        route.fulfill(response=response, body=body)

    page.route("**/analysis", with_limit)
    page.goto("/analysis")
    page.get_by_role("button", name="New analysis").first.click()
    page.locator("#new-files").set_input_files(str(recordings[1].path))
    page.get_by_role("button", name="Find highlights").click()
    line = page.locator("[data-uploads-list] li")
    expect(line).to_contain_text("Too large, nothing was sent")
    line.get_by_role("button", name="Remove").click()
    expect(line).to_have_count(0)
    assert sent == []


def test_an_upload_can_be_paused_gone_on_with_and_stopped(
    open_page: OpenPage, backstage: Backstage, recordings: list[Recording], tmp_path: Path
) -> None:
    large = shelf.padded(recordings[1].path, tmp_path / "large.mp4", 24 * 2**20)
    page = open_page("/analysis?new", quiet=False)
    shelf.throttle(page, 2**19)  # so that it is still under way at the last click, on a busy machine too
    page.locator("#new-files").set_input_files(str(large))
    page.get_by_role("button", name="Find highlights").click()
    page.get_by_role("button", name="Pause large.mp4").click()
    page.get_by_role("button", name="Resume, large.mp4").click()
    shelf.is_sending(page, "large.mp4")
    page.get_by_role("button", name="Cancel large.mp4").click()
    page.get_by_role("button", name="Stop and delete").click()
    expect(page.locator("[data-uploads]")).to_be_hidden()
    expect(page.get_by_role("heading", name="No analyses yet")).to_be_visible()


# The work on one


def test_work_is_paused_and_gone_on_with(open_page: OpenPage, backstage: Backstage) -> None:
    session, job = make(backstage, "queued")
    page = open_page(f"/analysis/{session}")
    work = page.get_by_role("region", name="Progress")
    work.get_by_role("button", name="Pause").click()
    expect(page.locator("[data-status]")).to_have_text("Paused")
    expect(page.locator("[data-said]")).to_have_text("Paused.")
    assert backstage.status(job=job) == "paused"
    # What was pressed is gone: the focus is on what stands in its place.
    expect(work.get_by_role("button", name="Resume")).to_be_focused()
    work.get_by_role("button", name="Resume").click()
    expect(page.locator("[data-status]")).to_have_text("Queued")
    expect(work.get_by_role("button", name="Pause")).to_be_visible()


def test_the_work_is_followed_and_the_result_comes_by_itself(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    session, job = make(backstage, "processing", progress=20, minutes=1, fields={"video_id": video["id"]})
    page = open_page("/account")
    answer(page, "highlights", found("highlights", video))
    page.goto(f"/analysis/{session}")
    page.evaluate("window.stays = true")
    work = page.get_by_role("region", name="Progress")
    expect(work).to_contain_text("4 min left")
    backstage.progress(job=job, percent=50, message="Analyzing segment 13/20")
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


def test_cancelling_ends_it_and_says_what_is_left(open_page: OpenPage, backstage: Backstage) -> None:
    session, job = make(backstage, "queued")
    page = open_page(f"/analysis/{session}")
    page.get_by_role("region", name="Progress").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="It was cancelled")).to_be_visible()
    expect(page.get_by_text("The file that was sent for it has been deleted.")).to_be_visible()
    assert backstage.status(job=job) == "cancelled"
    page.get_by_role("link", name="New analysis").click()
    expect(page.get_by_role("dialog", name="New analysis")).to_be_visible()


def test_one_that_failed_says_why_and_what_to_do(open_page: OpenPage, backstage: Backstage) -> None:
    session, job = make(backstage, "processing")
    page = open_page(f"/analysis/{session}")
    expect(page.locator("[data-status]")).to_have_text("Processing")
    backstage.fail(job=job, **ERROR)
    note = page.get_by_role("alert")
    expect(note).to_contain_text("There is no picture in this file.")
    expect(note).to_contain_text("Choose a file with a picture in it.")
    expect(note).to_contain_text(f"job {job}")
    expect(page.get_by_role("button", name="Run again")).to_have_count(0)


def test_one_that_has_expired_says_so_and_one_that_is_deleted_too(open_page: OpenPage, backstage: Backstage) -> None:
    expired, _ = make(backstage, "completed", hours=-1)
    page = open_page(f"/analysis/{expired}")
    expect(page.get_by_role("heading", name="This analysis has expired")).to_be_visible()
    expect(page.locator("[data-kept]")).to_be_hidden()
    going, _ = make(backstage, "processing")
    page.goto(f"/analysis/{going}")
    expect(page.get_by_role("region", name="Progress")).to_be_visible()
    backstage.delete_analysis(session=going)
    expect(page.get_by_role("heading", name="This analysis is not here any more")).to_be_visible()


def test_what_is_not_there_or_not_yours_is_not_found(open_page: OpenPage, backstage: Backstage) -> None:
    session, _ = make(backstage, "completed")
    stranger = backstage.person_session(name="stranger")
    for path, whose in ((f"/analysis/{session}", stranger), (f"/analysis/{analyses.SESSION}", "")):
        page = open_page(path, session=whose, quiet=False)
        expect(page.get_by_role("heading", name="Page not found")).to_be_visible()


def test_a_result_that_cannot_be_loaded_can_be_tried_again(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    session, _ = make(backstage, "completed")
    page = open_page("/account", quiet=False)
    answer(page, "highlights", found("highlights", video))
    page.route(
        f"**{API}/results/*", lambda route: route.fulfill(status=500, json={"error": "Something broke."}), times=1
    )
    page.goto(f"/analysis/{session}")
    expect(page.get_by_role("alert")).to_contain_text("The result could not be loaded.")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Scores over time")).to_be_visible()


# Highlights


def test_one_button_a_highlight_plays_its_part_of_the_reel(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    page = open_result(open_page, backstage, "highlights", video)
    data = found("highlights", video)
    expect(parts(page)).to_have_count(6)
    reel = page.locator("[data-film=reel]")
    reel.evaluate("(film) => { film.playbackRate = 0.1; }")  # the part is over within a second
    parts(page).nth(2).click()
    page.wait_for_function("(film) => !film.paused", arg=reel.element_handle())
    expect(parts(page).nth(2)).to_have_attribute("aria-current", "true")
    expect(page.locator("[data-where]")).to_contain_text("3 of 6")
    assert reel.evaluate(NOW) >= data["highlights"][2]["reel_start"] - 0.1
    expect(page.locator("[data-segments] tr[aria-current]")).to_contain_text("The loudest part of the file")


def test_the_switch_shows_the_same_moment_of_the_source(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    page = open_result(open_page, backstage, "highlights", video)
    third = found("highlights", video)["highlights"][2]
    page.locator(".chart .lanes").focus()
    page.keyboard.press("3")
    page.keyboard.press("k")
    reel, source = page.locator("[data-film=reel]"), page.locator("[data-film=source]")
    page.wait_for_function("(film) => film.paused && film.currentTime > 0", arg=reel.element_handle())
    moment = third["start_time"] + reel.evaluate(NOW) - third["reel_start"]
    page.get_by_role("button", name="Source", exact=True).click()
    expect(source).to_be_visible()
    expect(reel).to_be_hidden()
    is_at(source, moment)
    page.get_by_role("button", name="Reel", exact=True).click()
    expect(reel).to_be_visible()
    is_at(reel, third["reel_start"] + moment - third["start_time"])


def test_a_press_on_the_timeline_goes_there_in_the_reel_or_else_in_the_source(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    page = open_result(open_page, backstage, "highlights", video)
    lanes = page.get_by_role("slider", name="Position in the video, over its scores")
    box: Any = lanes.bounding_box()
    fourth = found("highlights", video)["highlights"][3]
    middle = (fourth["start_time"] + fourth["end_time"]) / 2
    lanes.click(position={"x": box["width"] * middle / SECONDS, "y": 60})
    is_at(page.locator("[data-film=reel]"), (fourth["reel_start"] + fourth["reel_end"]) / 2)
    expect(lanes).to_have_attribute("aria-valuetext", re.compile("highlight 4"))
    lanes.click(position={"x": box["width"] * 0.5, "y": 60})
    expect(page.locator("[data-film=source]")).to_be_visible()
    is_at(page.locator("[data-film=source]"), SECONDS / 2)
    expect(lanes).to_have_attribute("aria-valuetext", re.compile(r"^0:\d\d, segment (29|30) of 58, score"))


def test_arrow_keys_go_from_segment_to_segment(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    page = open_result(open_page, backstage, "highlights", video)
    lanes = page.get_by_role("slider", name="Position in the video")
    lanes.focus()
    page.keyboard.press("Home")
    expect(lanes).to_have_attribute("aria-valuetext", re.compile("segment 1 of 58"))
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(lanes).to_have_attribute("aria-valuetext", re.compile("segment 3 of 58"))
    page.keyboard.press("ArrowLeft")
    expect(lanes).to_have_attribute("aria-valuetext", re.compile("segment 2 of 58"))
    page.keyboard.press("End")
    expect(lanes).to_have_attribute("aria-valuetext", re.compile("segment 58 of 58"))
    # The page's own keys do the same without the focus.
    page.locator("h1").focus()
    page.keyboard.press("ArrowLeft")
    expect(lanes).to_have_attribute("aria-valuetext", re.compile("segment 5[78] of 58"))


def test_the_table_has_the_reel_or_all_by_time_or_by_score(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    page = open_result(open_page, backstage, "highlights", video)
    lines = page.locator("[data-segments] tbody tr")
    expect(lines).to_have_count(6)
    page.get_by_label("Order").select_option("By score")
    expect(lines.first).to_contain_text("0.94")
    page.get_by_role("button", name="All 58").click()
    expect(lines).to_have_count(58)
    expect(lines.first).to_contain_text("0.94")
    page.get_by_label("Order").select_option("By time")
    numbers = page.get_by_role("region", name="Numbers of the segments")
    expect(numbers).to_be_hidden()
    page.get_by_text("Numbers", exact=True).click()
    expect(numbers.get_by_role("row")).to_have_count(59)
    expect(numbers.get_by_role("row").nth(1)).to_contain_text(re.compile(r"0:00–0:0\d"))
    lines.nth(10).get_by_role("button").press("Enter")
    is_at(page.locator("[data-film=source]"), 100 * UNIT["highlights"], near=2)


def test_reel_tables_and_json_can_be_saved(open_page: OpenPage, backstage: Backstage, video: dict[str, Any]) -> None:
    data = found("highlights", None)
    session, _ = make(backstage, "completed", fields={"data": data, "name": "Match 2041: overtime.mp4"})
    page = open_page(f"/analysis/{session}")
    page.get_by_role("button", name="Data").click()
    names = {
        "Highlights as CSV": r"highlights.*\.csv",
        "Segments as CSV": r"segments.*\.csv",
        "Everything as JSON": r"Match 2041 overtime highlights\.json",
    }
    for item, name in names.items():
        if not page.get_by_role("menu").count():
            page.get_by_role("button", name="Data").click()
        with page.expect_download() as saved:
            page.get_by_role("menuitem", name=item).click()
        assert re.fullmatch(name, saved.value.suggested_filename)
        text = Path(saved.value.path()).read_text()
        if "CSV" in item:
            assert len(text.splitlines()) == 1 + len(data["segments" if "Segments" in item else "highlights"])
        else:
            assert json.loads(text)["data"]["summary"] == data["summary"]


def test_the_reel_is_downloaded_under_the_name_of_the_analysis(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    page = open_result(open_page, backstage, "highlights", video)
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download reel").click()
    assert saved.value.suggested_filename == "Match 2041 reel.mp4"


def test_where_nothing_stands_out_it_says_so_and_shows_the_source(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    data = found("highlights", video) | {
        "highlights": [],
        "highlight_video_url": None,
        "summary": "Nothing stands out.",
    }
    page = open_result(open_page, backstage, "highlights", video, data=data)
    expect(page.get_by_text("Nothing stands out.", exact=True)).to_be_visible()
    expect(page.locator("[data-film=source]")).to_be_visible()
    expect(page.get_by_role("link", name="Download reel")).to_have_count(0)
    expect(page.locator("[data-segments] tbody tr")).to_have_count(58)
    page.get_by_role("button", name="In the reel 0").click()
    expect(page.get_by_text("Nothing stood out enough for a reel.")).to_be_visible()


def test_warnings_are_shown_with_what_was_found(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    words = "The file ends at 4:10; 5:00 were announced. What is there was analysed."
    page = open_result(
        open_page, backstage, "highlights", video, data=found("highlights", video) | {"warnings": [words]}
    )
    expect(page.get_by_text(words)).to_be_visible()


def test_run_again_takes_the_same_video_and_other_parameters(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    page = open_result(open_page, backstage, "highlights", video)
    asked: list[Request] = []

    def start(route: Route) -> None:
        asked.append(route.request)
        route.fulfill(status=202, json={"sessionId": analyses.SESSION, "status": "queued", "warnings": []})

    page.route(f"**{API}/upload", start)
    page.get_by_role("button", name="Run again").click()
    dialog = page.get_by_role("dialog", name="Run again")
    expect(dialog).to_contain_text("Round 7")
    expect(dialog.get_by_label("Minimum score")).to_have_value(str(analyses.LEAST))
    dialog.get_by_label("Minimum score").fill("0,3")
    page.route(f"**/analysis/{analyses.SESSION}", lambda route: route.fulfill(body="<p>The new one</p>"))
    dialog.get_by_role("button", name="Find highlights").click()
    page.wait_for_url(f"**/analysis/{analyses.SESSION}")
    sent = asked[0].post_data or ""
    assert video["id"] in sent
    assert '"min_score":0.3' in sent


def test_a_short_reel_says_why_and_a_longer_one_is_a_press_away(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    data = found("highlights", video)
    data["highlights"] = data["highlights"][:1]
    session, _ = make(backstage, "completed", fields={
        "video_id": video["id"], "params": {**analyses.PARAMS["highlights"], "min_score": 0.9},
    })  # fmt: skip
    page = open_page("/account")
    answer(page, "highlights", data)
    page.goto(f"/analysis/{session}")
    said = page.locator("[data-short]")
    expect(said).to_contain_text("1 of 58 segments reaches the minimum score of 0.90.")
    assert axe_findings(page) == []
    said.get_by_role("button", name="Make a longer reel").click()
    page.wait_for_url(lambda address: session not in address)
    longer = page.request.get(page.url.replace("/analysis/", f"{API}/status/")).json()
    assert longer["params"]["min_score"] < 0.9
    assert longer["params"]["segment_length"] == analyses.PARAMS["highlights"]["segment_length"]
    assert longer["source"]["video_id"] == video["id"]


def test_moments_are_added_and_taken_away_and_the_reel_is_cut_anew(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    data = found("highlights", None)
    first, second = [
        data["highlights"][n] | {"start_time": start, "end_time": start + 2.0, "segment": 0}
        for n, start in enumerate((2.0, 6.0))
    ]
    data |= {"highlights": [first, second], "duration": video["duration_exact"]}
    session, _ = make(backstage, "completed", fields={"data": data, "video_id": video["id"]})
    page = open_page(f"/analysis/{session}")
    page.get_by_role("button", name="Edit reel").click()
    editor = page.get_by_role("region", name="Edit the reel")
    rows = editor.get_by_role("listitem")
    expect(rows).to_have_count(2)
    expect(editor.get_by_role("status")).to_have_text("2 moments, 4 s")
    is_fine(page)

    # What is wrong is said beside its field, and nothing is sent.
    editor.get_by_label("Start of moment 2").fill("soon")
    editor.get_by_label("Start of moment 2").press("Tab")
    expect(rows.nth(1)).to_contain_text("Write a time such as 1:23.5.")
    editor.get_by_label("Start of moment 2").fill("3.5")
    editor.get_by_label("Start of moment 2").press("Tab")
    expect(rows.nth(1)).to_contain_text("It begins before moment 1 ends.")
    editor.get_by_role("button", name="Cut the reel").click()
    expect(editor.get_by_label("Start of moment 2")).to_be_focused()
    editor.get_by_label("Start of moment 2").fill("0:07")
    editor.get_by_label("Start of moment 2").press("Tab")
    expect(editor.get_by_role("status")).to_have_text("2 moments, 3 s")
    expect(editor.get_by_label("End of moment 2")).to_be_focused()

    editor.get_by_role("button", name="Remove moment 1").click()
    expect(rows).to_have_count(1)
    lanes = page.get_by_role("slider", name="Position in the video")
    lanes.focus()
    page.keyboard.press("End")
    at = editor.get_by_role("button", name="Add around")
    expect(at).to_be_enabled()
    at.click()
    expect(rows).to_have_count(2)
    expect(at).to_be_disabled()  # that moment is in the reel now
    expect(page.locator(".chart .band")).to_have_count(2)
    editor.get_by_role("button", name="Cut the reel").click()
    expect(page.get_by_text("chosen by hand")).to_be_visible(timeout=shelf.TAKEN_IN)
    expect(page.locator("[data-said]")).to_have_text("The reel is cut.")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(parts(page)).to_have_count(2)
    made = json.loads(page.evaluate(f"() => fetch('{API}/results/{session}').then((answer) => answer.text())"))["data"]
    assert [one["origin"] for one in made["highlights"]] == ["manual", "manual"]
    assert made["highlights"][0]["start_time"] == pytest.approx(7.0, abs=0.02)
    assert [one["start_time"] for one in made["found"]] == [2.0, 6.0]
    # What is played is the new one.
    reel = page.locator("[data-film=reel]").element_handle()
    page.wait_for_function(
        "([film, end]) => Math.abs(film.duration - end) < 0.1", arg=[reel, made["highlights"][-1]["reel_end"]]
    )

    page.get_by_role("button", name="Edit reel").click()
    editor.get_by_role("button", name="As found").click()
    expect(editor.get_by_label("Start of moment 1")).to_have_value("0:02.000")


def test_a_reel_that_cannot_be_cut_says_so_and_keeps_what_was_chosen(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    data = found("highlights", None)
    data |= {"highlights": [data["highlights"][0] | {"start_time": 2.0, "end_time": 4.0}]}
    data |= {"duration": video["duration_exact"]}
    session, _ = make(backstage, "completed", fields={"data": data, "video_id": video["id"]})
    page = open_page(f"/analysis/{session}", size=PHONE)
    ended = {"id": "x", "status": "failed", "progress": 0, "message": "", "error": {"message": "The disk is full."}}
    page.route(re.compile("/api/v1/jobs/[^?]*$"), lambda route: route.fulfill(json=ended))
    page.route(f"**{API}/reel/*", lambda route: route.fulfill(status=202, json={"job_id": "x"}))
    page.get_by_role("button", name="Edit reel").click()
    editor = page.get_by_role("region", name="Edit the reel")
    is_fine(page)
    editor.get_by_label("End of moment 1").fill("5")
    editor.get_by_label("End of moment 1").press("Tab")
    editor.get_by_role("button", name="Cut the reel").click()
    expect(page.get_by_role("alert")).to_have_text("The reel is as it was. The disk is full.")
    expect(editor.get_by_label("End of moment 1")).to_have_value("0:05.000")


def test_the_list_shows_a_picture_of_each_and_a_short_video_has_short_segments(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    session, _ = make(backstage, "completed", fields={"video_id": video["id"]})
    page = open_page("/analysis")
    expect(row(page, session).locator(".kind img")).to_be_visible()
    page.get_by_role("button", name="New analysis").click()
    dialog = page.get_by_role("dialog", name="New analysis")
    expect(dialog.get_by_label("Length of a segment")).to_have_value("10")
    dialog.get_by_role("button", name="My library").click()
    dialog.get_by_role("radio", name="Round 7").check()
    expect(dialog.get_by_label("Length of a segment")).to_have_value("2")


def test_a_result_is_kept_as_long_as_its_video_by_one_press(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    page = open_result(open_page, backstage, "highlights", video)
    kept = page.locator("[data-kept]")
    expect(kept).to_contain_text("kept 2")  # 24 hours, or nearly
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(kept).to_have_text("kept with its video")
    expect(page.get_by_role("button", name="Kept")).to_be_focused()
    page.reload()
    expect(page.get_by_role("button", name="Kept")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Kept").click()
    expect(kept).to_contain_text("kept 2")


def test_run_again_is_left_out_where_the_file_went_with_the_analysis(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    page = open_result(open_page, backstage, "highlights", video, own=False)
    expect(page.get_by_role("link", name="Download reel")).to_be_visible()
    expect(page.get_by_role("button", name="Keep", exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Run again")).to_have_count(0)
    expect(page.get_by_role("button", name="Source", exact=True)).to_have_count(0)


# Workout


def test_a_workout_has_counts_confidence_and_what_could_not_be_counted(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    page = open_result(open_page, backstage, "workout", video)
    lines = page.locator("[data-exercises] > li")
    expect(lines).to_have_count(3)
    expect(lines.nth(0)).to_contain_text("12")
    expect(lines.nth(0)).to_contain_text("Squats")
    expect(lines.nth(0)).to_contain_text("0.94 high")
    expect(lines.nth(1)).to_contain_text("Push-ups")
    expect(lines.nth(1)).to_contain_text("0.81 fair")
    expect(lines.nth(2)).to_contain_text("Cannot tell")
    expect(lines.nth(2)).to_contain_text("The person leaves the picture.")
    expect(page.locator("[data-slow]")).to_have_text("A quarter longer than usual: 11, 12 of the squats.")
    expect(page.locator(".bars button")).to_have_count(21)
    expect(page.locator(".chart .peak")).to_have_count(21)


def test_a_repetition_is_reached_by_its_bar_by_keys_and_on_the_chart(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    page = open_result(open_page, backstage, "workout", video)
    preview = page.locator("[data-film=preview]")
    times = found("workout", video)["exercises"][0]["rep_times"]
    page.get_by_role("button", name="Squat 8 of 12").click()
    is_at(preview, times[7]["start"])
    expect(page.locator("[data-count-words]")).to_have_text("Squat 8 of 12")
    lanes = page.get_by_role("slider", name="Position in the video, over the movement")
    lanes.focus()
    page.keyboard.press("ArrowRight")
    is_at(preview, times[8]["start"])
    expect(lanes).to_have_attribute("aria-valuetext", re.compile("Squat 9 of 12"))
    box: Any = lanes.bounding_box()
    lanes.click(position={"x": box["width"] * 0.95, "y": 60})
    expect(lanes).to_have_attribute("aria-valuetext", re.compile("not counted"))


def test_where_nothing_repeats_it_says_so(open_page: OpenPage, backstage: Backstage, video: dict[str, Any]) -> None:
    nothing = {"exercises": [], "total_repetitions": 0, "not_counted": [], "summary": "Nothing repeats itself."}
    page = open_result(open_page, backstage, "workout", video, data=found("workout", video) | nothing)
    expect(page.get_by_text("Nothing in it repeats itself, so nothing was counted.")).to_be_visible()
    expect(page.locator("[data-bars]")).to_be_hidden()
    expect(page.get_by_text("0 repetitions", exact=True)).to_be_visible()


# Keys, other eyes, small screens


def test_single_keys_play_and_the_dialog_tells_of_them(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    page = open_result(open_page, backstage, "highlights", video)
    reel = page.locator("[data-film=reel]")
    page.locator("h1").focus()
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Pause (Space)")).to_be_visible()
    page.wait_for_function("(film) => film.currentTime > 0.2", arg=reel.element_handle())
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Play (Space)")).to_be_visible()
    page.keyboard.press("s")
    expect(page.locator("[data-film=source]")).to_be_visible()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("To the segment before, to the next")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_no_state_of_these_pages_has_a_finding_or_is_wider_than_the_window(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any], size: tuple[int, int]
) -> None:
    name = "a_very_long_name_" * 14
    for word in STATUSES:
        last, _ = make(backstage, word.lower(), error=ERROR, progress=30, fields={"name": name})
    page = open_page("/analysis", size=size)
    expect(page.locator("[data-session]")).to_have_count(len(STATUSES))
    is_fine(page)
    page.get_by_role("button", name="New analysis").click()
    is_fine(page)
    page.get_by_role("button", name="My library").click()
    expect(page.get_by_role("radio", name="Round 7")).to_be_visible()
    page.get_by_role("button", name="Workout", exact=True).click()
    is_fine(page)
    going, _ = make(backstage, "processing", progress=30, fields={"name": name})
    page.goto(f"/analysis/{going}")
    expect(page.get_by_role("region", name="Progress")).to_be_visible()
    is_fine(page)
    page.goto(f"/analysis/{last}")
    expect(page.get_by_role("heading", name="It was cancelled")).to_be_visible()
    is_fine(page)
    for kind in ("highlights", "workout"):
        result = open_result(open_page, backstage, kind, video, size=size)
        is_fine(result)


def is_fine(page: Page) -> None:
    assert axe_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("kind", ["highlights", "workout"])
def test_on_a_phone_what_is_pressed_is_large_enough(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any], kind: str
) -> None:
    page = open_result(open_page, backstage, kind, video, size=PHONE)
    assert page.evaluate(shelf.TOO_SMALL, "main button, main a.btn, main select") == []
    page.goto("/analysis?new")
    expect(page.get_by_role("dialog", name="New analysis")).to_be_visible()
    assert page.evaluate(shelf.TOO_SMALL, "dialog button, dialog a.btn, dialog select, dialog input.in") == []


def test_from_right_to_left_times_and_charts_stay(
    open_page: OpenPage, backstage: Backstage, video: dict[str, Any]
) -> None:
    page = open_result(open_page, backstage, "highlights", video)
    page.evaluate("document.documentElement.dir = 'rtl'")
    box: Any = page.locator(".chart .lanes").bounding_box()
    page.locator(".chart .lanes").click(position={"x": box["width"] * 0.25, "y": 60})
    is_at(page.locator("[data-film=source]"), SECONDS / 4)
    assert page.locator(".reel").evaluate("(e) => getComputedStyle(e).direction") == "ltr"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
