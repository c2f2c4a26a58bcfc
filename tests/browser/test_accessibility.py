"""Every page through axe-core, in both themes and at both widths; nothing may reach beyond the window.

A page is loaded once for each width, since a phone has other pointers too, and shows both themes in that load.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from jobs_app.models import JobStatus
from tests.browser import shelf
from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, DESK, PHONE, OpenPage, Recording
from tests.support.program import Program

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
PAGES = {
    "landing": ("/", True),
    "sign-in": ("/login", True),
    "sign-up": ("/signup", True),
    "not found": ("/nowhere", True),
    "home": ("/", False),
    "account": ("/account", False),
    "password": ("/account/password", False),
    "jobs": ("/jobs", False),
    "no jobs": ("/jobs", False),
    "library": ("/library", False),
    "upload": ("/upload", False),
    "watching": ("/watch/{video}", False),
    "failed video": ("/watch/{failed}", False),
    "challenges": ("/challenges", False),
    "a new challenge": ("/challenges/new", False),
    "pro, not in the plan": ("/pro", False),
    "list": ("/compare", False),
    "choosing": ("/compare?new&from=folders", False),
    "setting up": ("/compare/{id}?setup", False),
    "printing": ("/compare/{id}?print", False),
    "comparison": ("/compare/{id}", False),
    "documentation": ("/api/docs", True),
    "catalogue": ("/catalogue", False),
    "analyses": ("/analysis", False),
}
STATUSES = JobStatus.values
ERROR = {"type": "timeout", "message": "It took too long."}


@pytest.fixture(scope="module")
def video(program: Program, recordings: list[Recording]) -> Iterator[str]:
    """The id of a video with all that ingest makes of one."""
    found = shelf.taken_in(program, recordings[0].path, title="Round 7", tags='["ascent"]')["id"]
    yield found
    program.call("DELETE", f"{shelf.LIBRARY}/{found}")


def fill_library(backstage: Backstage, video: str) -> str:
    """A library with a video of every status, ``video`` being the ready one; returns the failed one's id."""
    backstage.no_videos(keep=video)
    job = backstage.make(owner=ACCOUNT, status="processing", kind="ingest", progress=30)
    backstage.video(owner=ACCOUNT, title="a_very_long_name_" * 10, status="processing", job=job, tags=["a tag " * 8])
    reason = {"error_type": "vod_unreadable", "error_message": "No picture could be read."}
    failed: str = backstage.video(owner=ACCOUNT, title="תחילת המשחק", status="failed", **reason)
    return failed


# What fades or grows is brought to its end before anything is judged; Chromium does not keep every promise of
# Animation.finished, so waiting for those could last for ever.
JUDGE = """async ([theme, rules]) => {
    document.documentElement.dataset.theme = theme;
    for (const one of document.getAnimations())
        if (one.effect.getComputedTiming().endTime < Infinity) one.finish();
    return axe.run(document, {resultTypes: ["violations"], ...(rules ? {runOnly: rules} : {})});
}"""


def axe_findings(page: Page) -> list[str]:
    """What axe finds, of whatever weight, in either theme, one line each with the elements.

    The themes differ in their colours alone, so that is all that is judged in the second one.
    """
    page.evaluate(f"() => {{ if (!window.axe) {{ {AXE} }} }}")
    found = []
    for theme, rules in (("light", ["color-contrast"]), ("dark", None)):
        for violation in page.evaluate(JUDGE, [theme, rules])["violations"]:
            found.append(f"{theme}: {violation['id']}: {[node['html'][:160] for node in violation['nodes']]}")
    return found


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_a_finding_or_is_wider_than_the_window(
    open_page: OpenPage, backstage: Backstage, comparison: dict[str, Any], video: str, name: str, size: tuple[int, int],
) -> None:  # fmt: skip
    address, anonymous = PAGES[name]
    failed = fill_library(backstage, video) if name in ("library", "failed video") else ""
    if name == "jobs":
        for status in STATUSES:
            backstage.make(owner=ACCOUNT, status=status, name="a_very_long_name_" * 10, error=ERROR, progress=30)
    if name == "account":
        for ends_in in (-3, 3, 300, None):
            backstage.token(owner=ACCOUNT, name="a_very_long_name_" * 5, ends_in=ends_in)
    # A page that is not there is an error in the console too.
    address = address.format(id=comparison["session_id"], video=video, failed=failed)
    page = open_page(address, size=size, anonymous=anonymous, quiet=name != "not found")
    if name == "jobs":
        expect(page.locator("[data-live-word]")).to_be_visible()
    if name == "challenges":
        # Then its button is the first thing no more, and has another colour.
        expect(page.get_by_role("heading", name="No challenges yet")).to_be_visible()
    if name == "comparison":
        expect(page.locator("[data-sync-word]")).to_have_text("on the frame")
    if name == "choosing":
        expect(page.locator("[data-grid] li")).to_have_count(6)
    if name == "library":
        page.get_by_role("checkbox", name="Select Round 7").check()
    if name == "documentation":
        expect(page.get_by_role("main").get_by_role("heading", name="Signing in")).to_be_visible()
    if name == "watching":
        expect(page.get_by_role("navigation", name="Jump to a time").get_by_role("link")).to_have_count(10)
    if name == "failed video":
        expect(page.get_by_role("alert")).to_be_visible()
    assert axe_findings(page) == []
    assert wider_than_the_window(page) == []
    if size == DESK:
        # Text of twice the size (WCAG 2.2, 1.4.4).
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert wider_than_the_window(page) == []


def wider_than_the_window(page: Page) -> list[str]:
    """What makes a page scroll sideways."""
    return list(
        page.evaluate("""() => {
        if (document.documentElement.scrollWidth <= innerWidth) return [];
        return [...document.querySelectorAll('body *')]
            .filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5 && e.checkVisibility())
            .map((e) => e.outerHTML.slice(0, 120));
    }""")
    )


@pytest.mark.parametrize("key", ["?", "w", "d"])
def test_dialogs_and_modes_have_no_finding(open_page: OpenPage, comparison: dict[str, Any], key: str) -> None:
    page = open_page(f"/compare/{comparison['session_id']}")
    expect(page.locator("[data-sync-word]")).to_have_text("on the frame")
    page.keyboard.press(key)
    assert axe_findings(page) == []


def test_what_opens_in_the_library_and_beside_the_player_has_no_finding(
    open_page: OpenPage, backstage: Backstage, video: str
) -> None:
    backstage.no_videos(keep=video)
    page = open_page("/library")
    page.get_by_role("button", name="More for Round 7").click()
    assert axe_findings(page) == []
    page.get_by_role("menuitem", name="Rename").click()
    assert axe_findings(page) == []
    page.keyboard.press("Escape")
    page.get_by_label("Search your videos").fill("nothing like it")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    assert axe_findings(page) == []
    page.goto(f"/watch/{video}")
    page.locator("[data-act=qualities]").click()
    assert axe_findings(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert axe_findings(page) == []


def test_uploads_in_every_state_have_no_finding(
    open_page: OpenPage, backstage: Backstage, recordings: list[Recording], tmp_path: Path
) -> None:
    notes, large = tmp_path / "notes.mp4", shelf.padded(recordings[1].path, tmp_path / "large.mp4", 2**24)
    notes.write_text("No video.")
    page = open_page("/upload", quiet=False)
    shelf.throttle(page, 2**20)
    page.locator("#files").set_input_files([str(notes), str(recordings[0].path), str(large)])
    for state in ("refused", "sending"):
        page.locator(f".file[data-state={state}]").first.wait_for()
    page.get_by_role("button", name="Pause large").click()
    page.locator(".file[data-state=ready]").wait_for(timeout=shelf.TAKEN_IN)
    assert axe_findings(page) == []
    page.get_by_role("button", name="Cancel large").click()
    assert axe_findings(page) == []
    page.get_by_role("button", name="Stop and delete").click()
    # What another test has left unfinished may be in the list too.
    expect(page.locator(".file", has_text="large")).to_have_count(0)
    for name in ("notes", "alpha"):
        expect(page.locator(".file", has_text=name).first).to_be_visible()


def test_what_opens_on_the_account_page_has_no_finding(open_page: OpenPage, backstage: Backstage) -> None:
    page = open_page("/account")
    page.get_by_role("button", name="New token").click()
    assert axe_findings(page) == []
    page.locator("#token-name").fill("obs-uploader")
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_label("The new token")).to_be_visible()
    assert axe_findings(page) == []
    page.get_by_role("button", name="Revoke obs-uploader").click()
    assert axe_findings(page) == []


def test_signing_in_again_has_no_finding(open_page: OpenPage, backstage: Backstage) -> None:
    page = open_page("/jobs")
    page.evaluate("window.dispatchEvent(new Event('signedout'))")
    page.locator("[data-signed-out]").get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Password")).to_be_focused()
    assert axe_findings(page) == []


def test_the_transport_is_on_screen_on_a_small_laptop(open_page: OpenPage, comparison: dict[str, Any]) -> None:
    page = open_page(f"/compare/{comparison['session_id']}", size=(1280, 700))
    box: Any = page.locator("[data-timeline]").bounding_box()
    assert box["y"] + box["height"] <= 700
    expect(page.get_by_role("button", name="Play")).to_be_in_viewport()


def test_on_a_phone_what_is_pressed_is_large_enough(open_page: OpenPage, comparison: dict[str, Any]) -> None:
    page = open_page(f"/compare/{comparison['session_id']}", size=PHONE)
    small = page.evaluate(
        """() => [...document.querySelectorAll('button, a.btn, summary, input:not([type=range]):not([type=checkbox])')]
            .filter((e) => e.offsetParent && getComputedStyle(e).visibility !== 'hidden')
            .map((e) => [e.outerHTML.slice(0, 90), e.getBoundingClientRect()])
            .filter(([, r]) => r.width && (r.height < 36 || r.width < 24)).map(([html]) => html)"""
    )
    assert small == []
