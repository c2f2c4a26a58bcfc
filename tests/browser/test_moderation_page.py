"""The moderation queue in the browser: worked through by keys, on a desk and on a phone."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, PHONE, OpenPage
from tests.browser.expecting import expect_visible
from tests.support.program import Program
from tests.support.waiting import wait_until


@pytest.fixture
def videos(backstage: Backstage, program: Program) -> dict[str, str]:
    backstage.no_videos()
    found = {}
    for title, minutes in (("LAN final", 60), ("Best clutches", 30)):
        video = backstage.catalogue_video(by=ACCOUNT, title=title, minutes=minutes)
        program.call("POST", f"/api/v1/videos/{video}/reports", {"reason": "copyright", "text": f"{title} is ours."})
        found[title] = video
    return found


def moderation(open_page: OpenPage, backstage: Backstage, **options: Any) -> Page:
    session = backstage.person_session(name="ruth", role="moderator")
    # Rows that stand for videos have no file: the player's request fails, and the console says so.
    return open_page("/moderation", session=session, quiet=False, **options)


def is_hidden(backstage: Backstage, video: str) -> bool:
    return bool(backstage.catalogue_row(video=video)["is_hidden"])


def test_the_queue_is_worked_through_by_keys(open_page: OpenPage, backstage: Backstage, videos: dict[str, str]) -> None:
    page = moderation(open_page, backstage)
    heading = page.locator("#case-title")
    expect(heading).to_have_text("LAN final")
    expect(page.get_by_text("“LAN final is ours.”")).to_be_visible()
    page.keyboard.press("j")
    expect(heading).to_have_text("Best clutches")
    page.wait_for_load_state()  # keys work once the page's modules have run
    page.keyboard.press("k")
    expect(heading).to_have_text("LAN final")
    page.wait_for_load_state()
    page.keyboard.press("x")
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("Not theirs to publish")
    page.keyboard.press("Enter")  # the decision that the reason is for, and not the first button of the form
    expect(page.get_by_text("Taken down: “LAN final”.")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Taken down")).to_be_focused()
    expect(heading).to_have_text("Best clutches")
    page.keyboard.press("d")
    expect_visible(page.get_by_text("Dismissed: “Best clutches”."), page.get_by_role("heading", name="No open reports"))
    assert [is_hidden(backstage, video) for video in videos.values()] == [True, False]
    page.get_by_role("link", name="Closed").click()
    page.get_by_role("link", name="LAN final").click()
    expect(page.get_by_text("Taken down: Not theirs to publish (closed by ruth)")).to_be_visible()
    case, reason = page.url, page.get_by_label("Reason")
    reason.fill("It was theirs after all")
    page.route("**/moderation**", lambda route: route.fulfill(status=503, body="later"), times=1)
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_text("later")).to_be_visible()
    page.goto(case)
    expect(reason).to_have_value("It was theirs after all")  # the server has not answered
    page.get_by_role("button", name="Restore").click()
    wait_until(lambda: not is_hidden(backstage, videos["LAN final"]))
    expect(page.locator("[data-outcome]")).to_be_visible()
    assert page.evaluate("Object.keys(localStorage).filter((name) => name.startsWith('vod-draft/'))") == []


@pytest.mark.services
def test_a_phone_shows_one_case_at_a_time(open_page: OpenPage, backstage: Backstage, videos: dict[str, str]) -> None:
    page = moderation(open_page, backstage, size=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    expect(page.locator("#case-title")).to_be_hidden()
    page.get_by_role("link", name="Best clutches").click()
    expect(page.locator("#case-title")).to_have_text("Best clutches")
    page.get_by_role("link", name="Back to the list").click()
    expect(page.locator("[data-queue] li")).to_have_count(len(videos))
    page.get_by_role("link", name="LAN final").click()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_text("Dismissed: “LAN final”.")).to_be_visible()
