"""The lists of jobs in the browser: live, by keys, and when network, session or server fail; and the admin's."""

import re
import time

import pytest
from playwright.sync_api import Locator, Page, Route, WebSocketRoute, expect

from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, DESK, PASSWORD, PHONE, OpenPage
from tests.browser.expecting import BROKEN, expect_fine, expect_texts
from tests.browser.test_accessibility import axe_findings
from tests.support.waiting import wait_until

WORDS = ("Queued", "Processing", "Waiting", "Paused", "Completed", "Failed", "Cancelled", "Expired")


def row(page: Page, job: str) -> Locator:
    return page.locator(f"#job-{job}")


def status(page: Page, job: str) -> Locator:
    return row(page, job).locator(".job-state")


def rows(page: Page) -> Locator:
    return page.locator("[data-job]")


def wait_live(page: Page) -> None:
    expect(page.locator("[data-live-word]")).to_be_visible()


def expect_bar(page: Page, job: str, percent: float) -> None:
    assert row(page, job).locator("progress").evaluate("(bar) => bar.value") == percent


def test_jobs_come_move_end_and_are_deleted_while_one_watches(open_page: OpenPage, backstage: Backstage) -> None:
    page = open_page("/jobs")
    expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()
    wait_live(page)
    first = backstage.make(owner=ACCOUNT, status="processing", name="Match 2041", progress=10)
    expect(row(page, first)).to_contain_text("Align Match 2041")
    page.reload()
    wait_live(page)
    expect(page.locator("[data-part=running]")).to_have_text("1 running")
    backstage.progress(job=first, percent=40, message="Reading the timer")
    expect(row(page, first)).to_contain_text("Reading the timer")
    expect_bar(page, first, 40)
    backstage.change(job=first, progress=20, message="Going back")
    expect(row(page, first)).to_contain_text("Going back")
    expect_bar(page, first, 40)
    backstage.complete(job=first)
    expect(status(page, first)).to_have_text("Completed")
    expect(page.locator("[data-said]")).to_have_text("Align Match 2041: completed.")
    expect(page.get_by_role("link", name="Finished 1")).to_be_visible()
    expect(page.locator("[data-part=running]")).to_be_hidden()
    expect(page.get_by_text("Running jobs: 0 (limit: 2)")).to_be_visible()

    # New jobs are offered instead of pushing the others down.
    place = row(page, first).bounding_box()
    failed = backstage.make(owner=ACCOUNT, status="failed")
    newest = backstage.make(owner=ACCOUNT, status="processing", progress=30)
    news = page.get_by_role("button", name="2 new")
    expect(news).to_be_visible()
    expect(rows(page)).to_have_count(1)
    assert row(page, first).bounding_box() == place
    news.press("Enter")
    expect(rows(page)).to_have_count(3)
    expect(row(page, newest)).to_be_focused()
    expect(news).to_be_hidden()

    row(page, newest).get_by_role("button", name="Cancel").press("Enter")
    expect(status(page, newest)).to_have_text("Cancelled")
    assert backstage.status(job=newest) == "cancelled"
    expect(row(page, newest).get_by_role("button", name="Retry")).to_be_focused()
    row(page, failed).get_by_role("button", name=re.compile("^Delete")).press("Enter")
    dialog = page.get_by_role("alertdialog")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(row(page, failed).get_by_role("button", name=re.compile("^Delete"))).to_be_focused()
    assert backstage.status(job=failed) == "failed"
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Delete").click()
    expect(row(page, failed)).to_have_count(0)
    assert backstage.status(job=failed) is None
    backstage.delete(job=newest)
    expect(row(page, newest)).to_have_count(0)
    page.reload()
    expect(rows(page)).to_have_count(1)


@pytest.mark.services
def test_each_status_has_icon_word_and_time_and_filters_narrow(open_page: OpenPage, backstage: Backstage) -> None:
    jobs = {word: backstage.make(owner=ACCOUNT, status=word.lower(), name=f"A {word} one", minutes=2) for word in WORDS}
    page = open_page("/jobs")
    for word, job in jobs.items():
        expect(status(page, job)).to_have_text(word)
        expect(status(page, job).locator("svg")).to_be_visible()
    icons = page.locator(".job-state use")
    assert icons.evaluate_all("(all) => new Set(all.map((u) => u.getAttribute('href'))).size") >= 7
    clock = row(page, jobs["Processing"]).locator("[data-elapsed]")
    expect(clock).to_have_text(re.compile(r"2:[0-5]\d"))
    expect(clock).not_to_have_text(clock.inner_text())
    expect(row(page, jobs["Paused"]).locator("[data-elapsed]")).to_have_text("–")
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert row(page, jobs["Completed"]).evaluate("(one) => one.offsetHeight") < 90
    expect_fine(page)
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})

    page.get_by_role("link", name=re.compile("^Failed ")).click()
    expect(row(page, jobs["Queued"])).to_have_count(0)
    wait_live(page)
    shown = rows(page).count()
    backstage.make(owner=ACCOUNT, status="queued")
    backstage.change(job=jobs["Failed"], attempt=2)
    expect(row(page, jobs["Failed"])).to_contain_text("attempt 2")
    expect(page.locator("[data-news]")).to_be_hidden()
    assert rows(page).count() == shown
    page.goto("/jobs?show=failed&kind=ingest")
    expect(page.get_by_role("heading", name="No matching jobs")).to_be_visible()
    page.get_by_role("link", name="Show all jobs").click()
    expect(row(page, jobs["Queued"])).to_be_visible()
    page.wait_for_load_state()  # with the script that goes where the choice leads
    page.get_by_label("Kind").select_option("Alignment")
    page.wait_for_url(re.compile(r"kind=comparison\.align"))
    expect(row(page, jobs["Queued"])).to_be_visible()


def test_finished_jobs_are_cleared_and_come_back(open_page: OpenPage, backstage: Backstage) -> None:
    page = open_page("/jobs")
    clear = page.get_by_role("button", name="Clear finished")
    expect(clear).to_be_hidden()
    done = backstage.make(owner=ACCOUNT, status="completed", name="Match 2041")
    running = backstage.make(owner=ACCOUNT, status="processing", name="Match 2042")
    page.reload()
    wait_live(page)
    clear.click()
    expect(row(page, done)).to_have_count(0)
    expect(row(page, running)).to_be_visible()
    expect(clear).to_be_hidden()
    expect(page.get_by_role("link", name="Finished 0")).to_be_visible()
    expect(page.locator("[data-news]")).to_be_hidden()
    page.get_by_role("link", name="Show cleared jobs").click()
    expect(row(page, done)).to_be_visible()
    expect(row(page, running)).to_have_count(0)

    page.goto("/jobs")
    wait_live(page)
    backstage.complete(job=running)
    expect(status(page, running)).to_have_text("Completed")
    clear.click()
    expect(page.get_by_role("heading", name="No jobs to show")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(row(page, running)).to_be_visible()
    expect(row(page, done)).to_have_count(0)
    expect(clear).to_be_visible()


def test_the_bell_lists_what_ended_meanwhile_until_it_was_opened(open_page: OpenPage, backstage: Backstage) -> None:
    for number in range(2):
        backstage.make(owner=ACCOUNT, status="completed", name=f"Match {number}")
    page = open_page("/compare")
    bell = page.get_by_role("button", name="Results: 2 jobs ended")
    expect(bell).to_have_text("2")
    bell.focus()
    page.keyboard.press("Enter")
    menu = page.get_by_role("menu", name="Results")
    expect(menu.get_by_role("menuitem")).to_have_text(
        [re.compile("Align Match 1.*Completed"), re.compile("0"), "All jobs"]
    )
    expect(menu.get_by_role("menuitem").first).to_be_focused()
    assert axe_findings(page) == []
    page.keyboard.press("Escape")
    bell = page.locator("[data-bell]")
    expect(bell).to_be_focused()
    expect(bell).to_have_accessible_name("Results")
    page.reload()
    bell.click()
    expect(menu.get_by_role("menuitem")).to_have_text(["No new results. Show all jobs"])
    menu.get_by_role("menuitem").click()
    page.wait_for_url("**/jobs")


def refuse_once(page: Page, pattern: str, seconds: int) -> list[float]:
    """Answer the first of these calls with 429; return when each was made."""
    calls: list[float] = []

    def handle(route: Route) -> None:
        calls.append(time.monotonic())
        if len(calls) > 1:
            return route.fallback()
        answer = {"ok": False, "error": "Too many requests.", "code": 429, "type": "throttled", "request_id": "7f3a"}
        route.fulfill(status=429, json=answer, headers={"Retry-After": str(seconds)})

    page.route(pattern, handle)
    return calls


@pytest.mark.services
def test_refusals_say_why_and_throttled_calls_are_sent_later(open_page: OpenPage, backstage: Backstage) -> None:
    jobs = [
        backstage.make(owner=ACCOUNT, status=status)
        for status in ("processing", "processing", "cancelled", "paused", "processing")
    ]
    later, taken_back, refused, paused, failing = jobs
    page = open_page("/jobs", quiet=False)
    wait_live(page)
    calls = refuse_once(page, f"**/jobs/{taken_back}/cancel", 4)
    row(page, taken_back).get_by_role("button", name="Cancel").click()
    row(page, taken_back).get_by_role("button", name="Do not resend the request").click()
    expect(row(page, taken_back)).not_to_contain_text("Too many requests")
    over = page.evaluate("performance.now()") + 5000

    sent = refuse_once(page, f"**/jobs/{later}/cancel", 2)
    row(page, later).get_by_role("button", name="Cancel").click()
    expect(row(page, later)).to_contain_text("Your request will be sent again automatically in 2 s.")
    expect(status(page, later)).to_have_text("Cancelled")
    assert sent[1] - sent[0] >= 1.9

    retry = row(page, refused).get_by_role("button", name="Retry")
    retry.click()
    note = row(page, refused).get_by_role("alert")
    expect(note).to_contain_text("The job could not be retried.")
    expect(note).to_contain_text("Only failed and cancelled jobs whose inputs still exist can be retried.")
    expect(retry).not_to_have_attribute("aria-disabled", "true")

    def resume(route: Route) -> None:
        assert route.request.method == "POST"
        backstage.change(job=paused, status="queued", message="")
        route.fulfill(json={})

    page.route(f"**/api/v1/jobs/{paused}/resume", resume)
    row(page, paused).get_by_role("button", name="Resume").click()
    expect(status(page, paused)).to_have_text("Queued")

    backstage.fail(job=failing, type="out_of_memory", message="The reader needed 3 GB.")
    expect_texts(row(page, failing), "The reader needed 3 GB.", "Try a shorter video or a lower resolution.")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    row(page, failing).get_by_role("button", name="Copy details for support").click()
    expect(row(page, failing).get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == f"job {failing}, out_of_memory"
    page.wait_for_function("(until) => performance.now() > until", arg=over)
    assert len(calls) == 1


@pytest.mark.services
def test_a_lost_connection_is_made_up_for_and_its_lack_said(open_page: OpenPage, backstage: Backstage) -> None:
    job, gone, stays = (backstage.make(owner=ACCOUNT, status="processing", name=f"Match {n}") for n in range(3))
    deleted = backstage.make(owner=ACCOUNT, status="failed")
    sockets: list[WebSocketRoute] = []

    def pass_on(socket: WebSocketRoute) -> None:
        if len(sockets) == 1:
            backstage.complete(job=job)
            backstage.fail(job=gone, type="timeout", message="It took too long.")
            backstage.delete(job=deleted)
        socket.connect_to_server()
        sockets.append(socket)

    page = open_page("/compare", quiet=False)
    page.route_web_socket("**/ws/jobs/", pass_on)
    page.goto("/jobs")
    wait_live(page)
    sockets[0].close(code=1012)
    expect(status(page, job)).to_have_text("Completed")
    expect(row(page, gone)).to_contain_text("It took too long.")
    expect(row(page, deleted)).to_have_count(0)

    page.context.set_offline(True)
    expect(page.locator("[data-offline]")).to_be_visible()
    row(page, stays).get_by_role("button", name="Cancel").click()
    expect(row(page, stays).get_by_role("alert")).to_contain_text("The server cannot be reached. Check the network")
    page.context.set_offline(False)
    expect(page.locator("[data-offline]")).to_be_hidden()
    row(page, stays).get_by_role("button", name="Cancel").click()
    expect(status(page, stays)).to_have_text("Cancelled")

    wait_live(page)
    new = backstage.make(owner=ACCOUNT, status="queued")
    page.route("**/jobs?part=list*", lambda route: route.fulfill(status=500, json=BROKEN), times=1)
    page.get_by_role("button", name="1 new").click()
    note = page.locator("[data-list-error]").get_by_role("alert")
    expect_texts(note, "The list could not be loaded.", "request 7f3a")
    expect(row(page, stays)).to_be_visible()
    note.get_by_role("button", name="Try again").click()
    expect(row(page, new)).to_be_visible()
    expect(note).to_have_count(0)


@pytest.mark.services
def test_an_ended_session_is_renewed_on_the_page(open_page: OpenPage, backstage: Backstage) -> None:
    job = backstage.make(owner=ACCOUNT, status="processing")
    page = open_page("/jobs", quiet=False)
    wait_live(page)
    banner = page.locator("[data-signed-out]")
    dialog = page.get_by_role("dialog", name="Sign in again to continue")
    page.evaluate("window.stays = true")
    page.context.clear_cookies(name="sessionid")
    row(page, job).get_by_role("button", name="Cancel").click()
    expect(banner).to_contain_text("Your session has ended.")
    expect(status(page, job)).to_have_text("Processing")
    banner.get_by_role("button", name="Sign in").click()
    expect(dialog.get_by_label("User name")).to_have_value(ACCOUNT)
    assert axe_findings(page) == []
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


@pytest.mark.services
def test_the_list_of_the_admin_moves_by_itself(open_page: OpenPage, backstage: Backstage) -> None:
    job = backstage.make(owner=ACCOUNT, status="processing", progress=10)
    page = open_page("/admin/jobs/job/", session=backstage.admin_session())

    def part(name: str) -> Locator:
        return page.locator(f'[data-job="{job}"][data-part="{name}"]')

    expect(part("status")).to_have_text("processing")
    # The socket may open after this page is there; the change is sent again until it is received.
    wait_until(
        lambda: (
            backstage.progress(job=job, percent=60, message="Reading the timer")
            and part("progress").evaluate("(bar) => bar.value") == 60
        ),
        20,
    )
    expect(part("message")).to_have_text("Reading the timer")
    backstage.complete(job=job)
    expect(part("status")).to_have_text("completed")
