"""The list of jobs in the browser: live, by keys, and when network, session or server fail."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest
from playwright.sync_api import Locator, Page, Route, WebSocketRoute, expect

from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, PASSWORD, PHONE, OpenPage
from tests.support.program import Program
from tests.support.waiting import wait_until

WORDS = ("Queued", "Processing", "Waiting", "Paused", "Completed", "Failed", "Cancelled", "Expired")


def row(page: Page, job: str) -> Locator:
    return page.locator(f"#job-{job}")


def status(page: Page, job: str) -> Locator:
    return row(page, job).locator(".job-state")


def bar(page: Page, job: str) -> float:
    return float(row(page, job).locator("progress").evaluate("(bar) => bar.value"))


def is_live(page: Page) -> None:
    expect(page.locator("[data-live-word]")).to_be_visible()


def rows(page: Page) -> Locator:
    return page.locator("[data-job]")


# What it shows


def test_every_status_has_its_icon_and_its_word(open_page: OpenPage, backstage: Backstage) -> None:
    jobs = {word: backstage.make(owner=ACCOUNT, status=word.lower(), name=f"A {word} one") for word in WORDS}
    page = open_page("/jobs")
    for word, job in jobs.items():
        expect(status(page, job)).to_have_text(word)
        expect(status(page, job).locator("svg")).to_be_visible()
    icons = page.locator(".job-state use")
    assert icons.evaluate_all("(all) => new Set(all.map((u) => u.getAttribute('href'))).size") >= 7


def test_without_a_job_it_says_what_they_are_and_the_first_one_comes_by_itself(
    open_page: OpenPage, backstage: Backstage
) -> None:
    page = open_page("/jobs")
    expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()
    is_live(page)
    job = backstage.make(owner=ACCOUNT, status="queued", name="The first")
    expect(row(page, job)).to_contain_text("Align The first")


def test_filters_narrow_the_list_and_an_empty_one_leads_back(open_page: OpenPage, backstage: Backstage) -> None:
    failed = backstage.make(owner=ACCOUNT, status="failed", error={"type": "timeout", "message": "It took too long."})
    queued = backstage.make(owner=ACCOUNT, status="queued")
    page = open_page("/jobs")
    expect(rows(page)).to_have_count(2)
    page.get_by_role("link", name="Failed 1").click()
    expect(rows(page)).to_have_count(1)
    expect(row(page, failed)).to_contain_text("It took too long.")
    page.get_by_role("link", name="Finished 0").click()
    expect(page.get_by_role("heading", name="No job here")).to_be_visible()
    page.get_by_role("link", name="Show all jobs").click()
    expect(row(page, queued)).to_be_visible()
    page.wait_for_load_state()  # with the script that goes where the choice leads
    page.get_by_label("Kind").select_option("Alignment")
    page.wait_for_url(re.compile(r"kind=comparison\.align"))
    expect(row(page, queued)).to_be_visible()


def test_older_jobs_are_on_the_next_page(open_page: OpenPage, backstage: Backstage) -> None:
    for number in range(51):
        backstage.make(owner=ACCOUNT, status="completed", minutes=number)
    page = open_page("/jobs")
    expect(page.get_by_text("1–50 of 51")).to_be_visible()
    page.get_by_role("link", name="Older").click()
    expect(rows(page)).to_have_count(1)
    page.get_by_role("link", name="Newer").click()
    expect(rows(page)).to_have_count(50)


# Live


def test_progress_arrives_and_the_bar_never_goes_back(open_page: OpenPage, backstage: Backstage) -> None:
    job = backstage.make(owner=ACCOUNT, status="processing", progress=10)
    page = open_page("/jobs")
    is_live(page)
    backstage.progress(job=job, percent=40, message="Reading the timer")
    expect(row(page, job)).to_contain_text("Reading the timer")
    assert bar(page, job) == 40
    backstage.change(job=job, progress=20, message="Going back")
    expect(row(page, job)).to_contain_text("Going back")
    assert bar(page, job) == 40


def test_the_time_of_a_running_job_goes_on_and_that_of_a_paused_one_stands(
    open_page: OpenPage, backstage: Backstage
) -> None:
    running = backstage.make(owner=ACCOUNT, status="processing", minutes=2)
    paused = backstage.make(owner=ACCOUNT, status="paused")
    page = open_page("/jobs")
    clock = row(page, running).locator("[data-elapsed]")
    expect(clock).to_have_text(re.compile(r"2:[0-5]\d"))
    before = clock.inner_text()
    expect(clock).not_to_have_text(before)
    expect(row(page, paused).locator("[data-elapsed]")).to_have_text("–")


def test_an_end_is_shown_and_said_once_with_the_counts_and_the_pill(open_page: OpenPage, backstage: Backstage) -> None:
    job = backstage.make(owner=ACCOUNT, status="processing", name="Match 2041")
    page = open_page("/jobs")
    is_live(page)
    expect(page.locator("[data-part=running]")).to_have_text("1 running")
    backstage.complete(job=job)
    expect(status(page, job)).to_have_text("Completed")
    expect(page.locator("[data-said]")).to_have_text("Align Match 2041: completed.")
    expect(page.get_by_role("link", name="Finished 1")).to_be_visible()
    expect(page.locator("[data-part=running]")).to_be_hidden()
    expect(page.get_by_text("0 of your 2 places are taken")).to_be_visible()


def test_a_failure_comes_with_its_reason_and_what_to_do(open_page: OpenPage, backstage: Backstage) -> None:
    job = backstage.make(owner=ACCOUNT, status="processing", name="Match 2041")
    page = open_page("/jobs")
    is_live(page)
    backstage.fail(job=job, type="out_of_memory", message="The reader needed 3 GB.")
    expect(row(page, job)).to_contain_text("The reader needed 3 GB.")
    expect(row(page, job)).to_contain_text("Try a smaller video.")
    expect(row(page, job).get_by_role("link", name="Open it")).to_have_attribute("href", re.compile("/compare/comp-"))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    row(page, job).get_by_role("button", name="Copy for support").click()
    expect(row(page, job).get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == f"job {job}, out_of_memory"


def test_new_jobs_are_offered_instead_of_pushing_the_others_down(open_page: OpenPage, backstage: Backstage) -> None:
    old = backstage.make(owner=ACCOUNT, status="completed", minutes=5)
    page = open_page("/jobs")
    is_live(page)
    place = row(page, old).bounding_box()
    backstage.make(owner=ACCOUNT, status="queued")
    newest = backstage.make(owner=ACCOUNT, status="queued")
    news = page.get_by_role("button", name="2 new")
    expect(news).to_be_visible()
    expect(rows(page)).to_have_count(1)
    assert row(page, old).bounding_box() == place
    news.press("Enter")
    expect(rows(page)).to_have_count(3)
    expect(row(page, newest)).to_be_focused()
    expect(news).to_be_hidden()


def test_a_new_job_is_not_offered_where_the_filter_leaves_it_out(open_page: OpenPage, backstage: Backstage) -> None:
    failed = backstage.make(owner=ACCOUNT, status="failed", minutes=5)
    page = open_page("/jobs?show=failed")
    is_live(page)
    backstage.make(owner=ACCOUNT, status="queued")
    backstage.change(job=failed, attempt=2)
    expect(row(page, failed)).to_contain_text("attempt 2")
    expect(page.locator("[data-news]")).to_be_hidden()


def test_a_job_deleted_elsewhere_goes(open_page: OpenPage, backstage: Backstage) -> None:
    gone, stays = (backstage.make(owner=ACCOUNT, status="failed") for _ in range(2))
    page = open_page("/jobs")
    is_live(page)
    backstage.delete(job=gone)
    expect(row(page, gone)).to_have_count(0)
    expect(row(page, stays)).to_be_visible()


# What is done there


def test_cancelled_by_keys_the_row_keeps_the_focus_and_offers_a_retry(
    open_page: OpenPage, backstage: Backstage
) -> None:
    job = backstage.make(owner=ACCOUNT, status="processing", progress=30)
    page = open_page("/jobs")
    row(page, job).get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Enter")
    expect(status(page, job)).to_have_text("Cancelled")
    assert backstage.status(job=job) == "cancelled"
    expect(row(page, job).get_by_role("button", name="Retry")).to_be_focused()


def test_resume_asks_the_server_and_shows_what_comes_of_it(open_page: OpenPage, backstage: Backstage) -> None:
    job = backstage.make(owner=ACCOUNT, status="paused", progress=48)
    page = open_page("/jobs")
    asked: list[str] = []

    def resume(route: Route) -> None:
        asked.append(route.request.method)
        backstage.change(job=job, status="queued", message="")
        route.fulfill(status=200, content_type="application/json", body="{}")

    page.route(f"**/api/v1/jobs/{job}/resume", resume)
    row(page, job).get_by_role("button", name="Resume").click()
    expect(status(page, job)).to_have_text("Queued")
    assert asked == ["POST"]


def test_a_refusal_stands_in_the_row_with_its_reason(open_page: OpenPage, backstage: Backstage) -> None:
    job = backstage.make(owner=ACCOUNT, status="cancelled")
    page = open_page("/jobs", quiet=False)
    row(page, job).get_by_role("button", name="Retry").click()
    note = row(page, job).get_by_role("alert")
    expect(note).to_contain_text("It was not tried again.")
    expect(note).to_contain_text("Only failed and cancelled jobs whose inputs still exist can run again.")
    expect(row(page, job).get_by_role("button", name="Retry")).not_to_have_attribute("aria-disabled", "true")


def test_deleting_is_confirmed_first(open_page: OpenPage, backstage: Backstage) -> None:
    job, other = (backstage.make(owner=ACCOUNT, status="failed") for _ in range(2))
    page = open_page("/jobs")
    row(page, job).get_by_role("button", name="Delete").press("Enter")
    dialog = page.get_by_role("alertdialog")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(row(page, job).get_by_role("button", name="Delete")).to_be_focused()
    assert backstage.status(job=job) == "failed"
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Delete").click()
    expect(row(page, job)).to_have_count(0)
    assert backstage.status(job=job) is None
    expect(row(page, other)).to_be_visible()


def throttle_once(page: Page, pattern: str, seconds: int) -> list[float]:
    """Refuse the first of these calls; returns when each was made."""
    calls: list[float] = []

    def handle(route: Route) -> None:
        calls.append(time.monotonic())
        if len(calls) > 1:
            return route.fallback()
        body = '{"ok": false, "error": "Too many requests.", "code": 429, "type": "throttled", "request_id": "7f3a"}'
        route.fulfill(status=429, content_type="application/json", body=body, headers={"Retry-After": str(seconds)})

    page.route(pattern, handle)
    return calls


def test_asked_too_often_it_is_sent_by_itself_when_the_time_is_over(open_page: OpenPage, backstage: Backstage) -> None:
    job = backstage.make(owner=ACCOUNT, status="processing")
    page = open_page("/jobs", quiet=False)
    calls = throttle_once(page, "**/cancel", 2)
    row(page, job).get_by_role("button", name="Cancel").click()
    expect(row(page, job)).to_contain_text("This one will be sent automatically in 2 s.")
    expect(status(page, job)).to_have_text("Cancelled")
    assert calls[1] - calls[0] >= 1.9


def test_what_waits_to_be_sent_can_be_taken_back(open_page: OpenPage, backstage: Backstage) -> None:
    job = backstage.make(owner=ACCOUNT, status="processing")
    page = open_page("/jobs", quiet=False)
    calls = throttle_once(page, "**/cancel", 6)
    row(page, job).get_by_role("button", name="Cancel").click()
    row(page, job).get_by_role("button", name="Do not send").click()
    expect(row(page, job)).not_to_contain_text("Too many requests")
    page.wait_for_function("(until) => performance.now() > until", arg=page.evaluate("performance.now()") + 7000)
    assert len(calls) == 1


# When something fails


# Sends the page's socket to an address that the server lets in and closes at once, as it does without a broker.
CLOSED_AT_ONCE = """
    const Plain = WebSocket;
    window.WebSocket = class extends Plain {
      constructor(url) { super(url.replace("/ws/jobs/", "/ws/nowhere/")); }
    };
"""


@pytest.mark.parametrize("refused", [True, False], ids=["refused", "closed at once"])
def test_without_a_socket_the_list_is_asked_for_and_says_so(
    open_page: OpenPage, backstage: Backstage, refused: bool
) -> None:
    job = backstage.make(owner=ACCOUNT, status="processing", progress=5)
    page = open_page("/compare", quiet=False)
    if refused:
        page.route_web_socket("**/ws/jobs/", lambda socket: socket.close(code=1011))
    else:
        page.add_init_script(CLOSED_AT_ONCE)
    page.goto("/jobs")
    expect(page.locator("[data-live-state]")).to_contain_text("asking every 5 s", timeout=60_000)
    expect(page.locator("[data-live-word]")).to_be_hidden()
    backstage.progress(job=job, percent=60, message="Asked for")
    expect(row(page, job)).to_contain_text("Asked for", timeout=60_000)
    backstage.complete(job=job)
    expect(status(page, job)).to_have_text("Completed", timeout=60_000)
    new = backstage.make(owner=ACCOUNT, status="queued")
    expect(page.get_by_role("button", name="1 new")).to_be_visible(timeout=60_000)
    assert row(page, new).count() == 0


def test_a_lost_socket_is_opened_again_after_longer_and_longer_pauses(
    open_page: OpenPage, backstage: Backstage
) -> None:
    opened: list[float] = []
    page = open_page("/compare", quiet=False)
    page.add_init_script(CLOSED_AT_ONCE)
    page.on("websocket", lambda socket: opened.append(time.monotonic()))
    page.goto("/jobs")
    wait_until(lambda: page.evaluate("1") and len(opened) >= 5, 30, "five connections")
    pauses = [after - before for before, after in pairwise(opened)]
    # Half a second, doubled each time, a third more or less.
    assert pauses[2] > 1.3
    assert pauses[3] > 2.7


def test_what_happened_while_the_socket_was_away_is_there_when_it_is_back(
    open_page: OpenPage, backstage: Backstage
) -> None:
    job, gone = (backstage.make(owner=ACCOUNT, status="processing", name=f"Match {n}") for n in range(2))
    deleted = backstage.make(owner=ACCOUNT, status="failed")
    sockets: list[WebSocketRoute] = []

    def pass_on(socket: WebSocketRoute) -> None:
        if len(sockets) == 1:
            # The second connection comes when all has happened.
            backstage.complete(job=job)
            backstage.fail(job=gone, type="timeout", message="It took too long.")
            backstage.delete(job=deleted)
        socket.connect_to_server()
        sockets.append(socket)

    page = open_page("/compare", quiet=False)
    page.route_web_socket("**/ws/jobs/", pass_on)
    page.goto("/jobs")
    is_live(page)
    sockets[0].close(code=1012)
    expect(status(page, job)).to_have_text("Completed")
    expect(row(page, gone)).to_contain_text("It took too long.")
    expect(row(page, deleted)).to_have_count(0)


def test_without_a_network_a_banner_says_so_and_the_list_stays(open_page: OpenPage, backstage: Backstage) -> None:
    job = backstage.make(owner=ACCOUNT, status="processing")
    page = open_page("/jobs", quiet=False)
    is_live(page)
    page.context.set_offline(True)
    expect(page.locator("[data-offline]")).to_be_visible()
    row(page, job).get_by_role("button", name="Cancel").click()
    expect(row(page, job).get_by_role("alert")).to_contain_text("The server cannot be reached. Check the network")
    page.context.set_offline(False)
    expect(page.locator("[data-offline]")).to_be_hidden()
    row(page, job).get_by_role("button", name="Cancel").click()
    expect(status(page, job)).to_have_text("Cancelled")


def test_a_session_that_ended_is_begun_again_on_the_page_and_nothing_is_lost(
    open_page: OpenPage, backstage: Backstage
) -> None:
    job = backstage.make(owner=ACCOUNT, status="processing")
    page = open_page("/jobs", quiet=False)
    is_live(page)
    page.evaluate("window.stays = true")
    page.context.clear_cookies(name="sessionid")
    row(page, job).get_by_role("button", name="Cancel").click()
    banner = page.locator("[data-signed-out]")
    expect(banner).to_contain_text("Your session ended.")
    expect(status(page, job)).to_have_text("Processing")
    banner.get_by_role("button", name="Sign in").click()
    dialog = page.get_by_role("dialog", name="Sign in again to go on")
    expect(dialog.get_by_label("User name")).to_have_value(ACCOUNT)
    dialog.get_by_label("Password").fill("wrong")
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Wrong user name or password.")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_have_count(0)
    expect(banner).to_be_hidden()
    row(page, job).get_by_role("button", name="Cancel").click()
    expect(status(page, job)).to_have_text("Cancelled")
    assert page.evaluate("window.stays") is True


def test_a_socket_closed_for_want_of_a_session_comes_back_with_it(
    open_page: OpenPage, backstage: Backstage, program: Program
) -> None:
    job = backstage.make(owner=ACCOUNT, status="processing")
    opened: list[WebSocketRoute] = []

    def refuse_first(socket: WebSocketRoute) -> None:
        opened.append(socket)
        if len(opened) == 1:
            socket.close(code=4401)
        else:
            socket.connect_to_server()

    page = open_page("/compare", quiet=False)
    page.route_web_socket("**/ws/jobs/", refuse_first)
    page.goto("/jobs")
    page.locator("[data-signed-out]").get_by_role("button", name="Sign in").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("dialog").get_by_role("button", name="Sign in").click()
    is_live(page)
    backstage.complete(job=job)
    expect(status(page, job)).to_have_text("Completed")
    assert len(opened) == 2


def test_a_list_that_cannot_be_loaded_anew_stays_and_can_be_tried_again(
    open_page: OpenPage, backstage: Backstage
) -> None:
    old = backstage.make(owner=ACCOUNT, status="completed", minutes=5)
    page = open_page("/jobs", quiet=False)
    is_live(page)
    new = backstage.make(owner=ACCOUNT, status="queued")
    body = '{"ok": false, "error": "Something broke.", "code": 500, "type": "server_error", "request_id": "7f3a"}'
    broken = "**/jobs?part=list*"
    page.route(broken, lambda route: route.fulfill(status=500, content_type="application/json", body=body))
    page.get_by_role("button", name="1 new").click()
    note = page.locator("[data-list-error]").get_by_role("alert")
    expect(note).to_contain_text("The list could not be loaded.")
    expect(note).to_contain_text("request 7f3a")
    expect(row(page, old)).to_be_visible()
    page.unroute(broken)
    note.get_by_role("button", name="Try again").click()
    expect(row(page, new)).to_be_visible()
    expect(note).to_have_count(0)


# On a phone


def test_on_a_phone_what_is_pressed_is_large_enough(open_page: OpenPage, backstage: Backstage) -> None:
    for word in WORDS:
        backstage.make(owner=ACCOUNT, status=word.lower(), error={"type": "timeout", "message": "x" * 200})
    page = open_page("/jobs", size=PHONE)
    small = page.evaluate(
        """() => [...document.querySelectorAll('button, a.btn, a.pill, summary, select, .segmented > a')]
            .filter((e) => e.offsetParent).map((e) => [e.outerHTML.slice(0, 90), e.getBoundingClientRect()])
            .filter(([, r]) => r.width && (r.height < 36 || r.width < 36)).map(([html]) => html)"""
    )
    assert small == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
