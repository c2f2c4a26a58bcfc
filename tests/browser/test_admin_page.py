"""The job list of the admin in the browser: it moves by itself, and admins act on what it shows."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT
from tests.support.program import Program
from tests.support.waiting import wait_until

pytestmark = pytest.mark.services


@pytest.fixture
def admin_page(chromium: Browser, program: Program, backstage: Backstage) -> Iterator[Page]:
    """A page of somebody signed in as an admin. It may leave no error in its console."""
    context = chromium.new_context(base_url=program.address)
    context.add_cookies([{"name": "sessionid", "value": backstage.admin_session(), "url": program.address}])
    page = context.new_page()
    errors: list[str] = []
    page.on(
        "console",
        lambda message: errors.append(f"{message.text} {message.location}") if message.type == "error" else None,
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def part(page: Page, job: str, name: str) -> Locator:
    return page.locator(f'[data-job="{job}"][data-part="{name}"]')


def test_the_list_moves_and_actions_change_rows(admin_page: Page, backstage: Backstage, program: Program) -> None:
    job, queued, first, other = (
        backstage.make(owner=ACCOUNT, status=status, progress=10 if status == "processing" else 0)
        for status in ("processing", "queued", "queued", "queued")
    )
    admin_page.goto("/admin/jobs/job/")
    expect(part(admin_page, job, "status")).to_have_text("processing")
    # The socket may open after this page is there; the change is sent again until it is received.
    wait_until(
        lambda: (
            backstage.progress(job=job, percent=60, message="Reading the timer")
            and part(admin_page, job, "progress").evaluate("(bar) => bar.value") == 60
        ),
        20,
    )
    expect(part(admin_page, job, "message")).to_have_text("Reading the timer")
    backstage.complete(job=job)
    expect(part(admin_page, job, "status")).to_have_text("completed")

    for action, ticked in (("cancel_jobs", queued), ("put_first", first)):
        admin_page.goto("/admin/jobs/job/")
        admin_page.locator(f'input[name="_selected_action"][value="{ticked}"]').check()
        admin_page.locator('select[name="action"]').select_option(action)
        admin_page.get_by_role("button", name="Run").click()
        expect(admin_page.get_by_text("1 job ")).to_be_visible()
    found = [program.call("GET", f"/api/v1/jobs/{number}") for number in (queued, first, other)]
    assert [(row["status"], row["priority"]) for row in found] == [("cancelled", 0), ("queued", 10), ("queued", 0)]


def test_nothing_moves_for_people_who_want_that(admin_page: Page) -> None:
    moving = (
        "[...document.querySelectorAll('a, button, [x-transition]')]"
        ".some((one) => getComputedStyle(one).transitionDuration.split(', ').some((time) => parseFloat(time) > 0.01))"
    )
    for address in ("/admin/", "/"):
        admin_page.emulate_media(reduced_motion="no-preference")
        admin_page.goto(address)
        assert admin_page.evaluate(moving), address
        admin_page.emulate_media(reduced_motion="reduce")
        assert not admin_page.evaluate(moving), address
