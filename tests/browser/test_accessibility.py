"""Every page through axe-core, in both themes and at both widths; nothing may reach beyond the window.

A page is loaded once: it is judged on a desk, with text of twice the size, and with the width and touch of a phone.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pytest_check import check

from jobs_app.models import JobStatus
from tests.browser import shelf
from tests.browser.backstage import Backstage
from tests.browser.conftest import ACCOUNT, PHONE, OpenPage, Recording
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
    "error types": ("/api/docs/errors", True),
    "help": ("/help", True),
    "catalogue": ("/catalogue", False),
    "analyses": ("/analysis", False),
}
# Pages that `make test` checks; `make test-services` checks the others.
FEW = ("sign-in", "home", "jobs", "comparison")
# Pages whose targets are measured here, with their least width in CSS pixels on a phone.
LEAST_WIDTHS = {"jobs": 36, "comparison": 24}
TOO_SMALL = """(width) => [...document.querySelectorAll(
        'button, a.btn, a.pill, summary, select, .segmented > a, input:not([type=range]):not([type=checkbox])')]
    .filter((e) => e.offsetParent && getComputedStyle(e).visibility !== 'hidden')
    .map((e) => [e.outerHTML.slice(0, 90), e.getBoundingClientRect()])
    .filter(([, r]) => r.width && (r.height < 36 || r.width < width)).map(([html]) => html)"""
ERROR = {"type": "timeout", "message": "It took too long."}


@pytest.fixture(scope="module")
def video(program: Program, recordings: list[Recording]) -> Iterator[str]:
    """The id of a video with all that ingest makes of one."""
    found = shelf.taken_in(program, recordings[0].path, title="Round 7", tags='["ascent"]')["id"]
    yield found
    program.call("DELETE", f"{shelf.LIBRARY}/{found}")


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


def unlisted_keys(page: Page) -> list[str]:
    """The letters and digits that the page handles although its list of shortcuts has none of them."""
    return list(
        page.evaluate("""() => {
        const data = document.querySelector('#shortcuts')?.textContent ?? '[]';
        const listed = JSON.parse(data).flatMap(({ presses }) => presses);
        const isHandled = (key) =>
            !document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
        return [...'abcdefghijklmnopqrstuvwxyz0123456789'].filter((key) => !listed.includes(key) && isHandled(key));
    }""")
    )


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FEW else pytest.mark.services) for name in PAGES]
)
def test_no_page_has_a_finding_or_is_wider_than_the_window(
    open_page: OpenPage, backstage: Backstage, comparison: dict[str, Any], video: str, name: str
) -> None:
    address, anonymous = PAGES[name]
    long, failed = "a_very_long_name_" * 10, ""
    if name in ("library", "failed video"):
        backstage.no_videos(keep=video)
        job = backstage.make(owner=ACCOUNT, status="processing", kind="ingest", progress=30)
        backstage.video(owner=ACCOUNT, title=long, status="processing", job=job, tags=["a tag " * 8])
        reason = {"error_type": "vod_unreadable", "error_message": "No picture could be read."}
        failed = backstage.video(owner=ACCOUNT, title="תחילת המשחק", status="failed", **reason)
    if name == "jobs":
        for status in JobStatus.values:
            backstage.make(owner=ACCOUNT, status=status, name=long, error=ERROR, progress=30)
    if name == "account":
        for ends_in in (-3, 3, 300, None):
            backstage.token(owner=ACCOUNT, name="a_very_long_name_" * 5, ends_in=ends_in)
    address = address.format(id=comparison["session_id"], video=video, failed=failed)
    page = open_page(address, anonymous=anonymous, quiet=name != "not found")
    if name == "jobs":
        expect(page.locator("[data-live-word]")).to_be_visible()
    if name == "challenges":
        # Then its button is the first thing no more, and has another colour.
        expect(page.get_by_role("heading", name="No challenges yet")).to_be_visible()
    if name == "comparison":
        expect(page.locator("[data-sync-word]")).to_have_text("paused, in sync")
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
    judge(page, "desk")
    with check("keys"):
        assert unlisted_keys(page) == []
    with check("text of twice the size (WCAG 2.2, 1.4.4)"):
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert wider_than_the_window(page) == []
    page.evaluate("document.documentElement.style.fontSize = ''")
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 5})
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.wait_for_function("(width) => innerWidth === width && matchMedia('(pointer: coarse)').matches", arg=PHONE[0])
    judge(page, "phone")
    if name in LEAST_WIDTHS:
        assert page.evaluate(TOO_SMALL, LEAST_WIDTHS[name]) == []


def judge(page: Page, where: str) -> None:
    with check(f"{where}: axe"):
        assert axe_findings(page) == []
    with check(f"{where}: width"):
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


@pytest.mark.services
def test_nothing_moves_for_people_who_want_that(open_page: OpenPage, backstage: Backstage) -> None:
    moving = (
        "[...document.querySelectorAll('a, button, [x-transition]')]"
        ".some((one) => getComputedStyle(one).transitionDuration.split(', ').some((time) => parseFloat(time) > 0.01))"
    )
    for address in ("/admin/", "/"):
        page = open_page(address, session=backstage.admin_session())
        page.emulate_media(reduced_motion="no-preference")
        assert page.evaluate(moving), address
        page.emulate_media(reduced_motion="reduce")
        assert not page.evaluate(moving), address
