"""Pages whose network, server or video fails: the message and the way to continue."""

from typing import Any

import pytest
from playwright.sync_api import Route, WebSocketRoute, expect

from tests.browser.conftest import OpenPage
from tests.browser.expecting import BROKEN
from tests.browser.pixels import wait_until_standing
from tests.support.waiting import wait_until

pytestmark = pytest.mark.services


def test_a_lost_network_video_or_socket_is_named_and_overcome(open_page: OpenPage, comparison: dict[str, Any]) -> None:
    page = open_page(f"/compare/{comparison['session_id']}", quiet=False)
    wait_until_standing(page)
    page.context.set_offline(True)
    expect(page.locator("[data-offline]")).to_be_visible()
    page.keyboard.press("g")
    expect(page.locator("[data-stage]")).to_have_attribute("data-layout", "row")
    page.context.set_offline(False)
    expect(page.locator("[data-offline]")).to_be_hidden()
    page.route("**/global-seek", lambda route: route.fulfill(status=500, json=BROKEN), times=1)
    page.locator("[data-lanes]").press("ArrowRight")
    toasts = page.locator("[data-toasts]")
    expect(toasts).to_contain_text(
        "Something broke. The server reported an internal error, which has been logged (request 7f3a)"
    )

    gone = comparison["vods"][1]["stream_url"].split("?")[0]
    refused: list[str] = []

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=404, body="")

    page.route(f"**{gone}*", refuse)
    page.reload()
    note = page.locator("[data-pane=B] [data-note]")
    # The page retries once, with a fresh address.
    wait_until(lambda: page.evaluate("true") and len(refused) > 1, 20, "the page's own second try")
    expect(note).to_contain_text("B cannot be played")
    expect(page.locator("[data-sync-word]")).to_have_text("1 video failed")
    page.unroute(f"**{gone}*")
    note.get_by_role("button", name="Retry").click()
    expect(note).not_to_contain_text("cannot be played")
    wait_until_standing(page)

    page.route("**/library-files*", lambda route: route.abort(), times=1)
    page.goto("/compare?new&from=folders")
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached. Check the network")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("[data-grid] li")).to_have_count(6)

    code, opened = 1011, []

    def refuse_socket(socket: WebSocketRoute) -> None:
        opened.append(socket)
        socket.close(code=code)

    page.route_web_socket("**/ws/sessions/**", refuse_socket)
    page.goto(f"/compare/{comparison['session_id']}")
    expect(page.locator("[data-live-state]")).to_contain_text("The page checks for changes every 5 s", timeout=60_000)
    code = 4401
    opened.clear()
    page.reload()
    expect(page.locator("[data-live-state]")).to_contain_text("Your session has ended")
    page.wait_for_function("() => performance.now() > 4000")
    assert len(opened) == 1
