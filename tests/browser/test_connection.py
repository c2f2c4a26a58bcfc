"""What is said and done when network, server or a video fail."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.browser.conftest import OpenPage
from tests.support.waiting import wait_until


def ready(page: Page) -> None:
    expect(page.locator("[data-sync-word]")).to_have_text("on the frame")


def test_without_a_network_a_banner_says_so_and_goes_when_it_is_back(
    open_page: OpenPage, comparison: dict[str, Any]
) -> None:
    page = open_page(f"/compare/{comparison['session_id']}", quiet=False)
    ready(page)
    page.context.set_offline(True)
    expect(page.locator("[data-offline]")).to_be_visible()
    page.keyboard.press("g")
    expect(page.locator("[data-stage]")).to_have_attribute("data-layout", "row")
    page.context.set_offline(False)
    expect(page.locator("[data-offline]")).to_be_hidden()


def test_without_a_socket_the_page_asks_instead_and_says_so(open_page: OpenPage, comparison: dict[str, Any]) -> None:
    page = open_page("/compare", quiet=False)
    page.route_web_socket("**/ws/sessions/**", lambda socket: socket.close(code=1011))
    page.goto(f"/compare/{comparison['session_id']}")
    expect(page.locator("[data-live-state]")).to_contain_text("asking every 5 s", timeout=60_000)


def test_a_session_that_has_ended_is_said_once_and_not_asked_for_again(
    open_page: OpenPage, comparison: dict[str, Any]
) -> None:
    opened = []

    def refuse(socket: WebSocketRoute) -> None:
        opened.append(socket)
        socket.close(code=4401)

    page = open_page("/compare", quiet=False)
    page.route_web_socket("**/ws/sessions/**", refuse)
    page.goto(f"/compare/{comparison['session_id']}")
    expect(page.locator("[data-live-state]")).to_contain_text("Your session has ended")
    page.wait_for_function("() => performance.now() > 4000")
    assert len(opened) == 1


def test_a_change_that_fails_is_said_with_the_next_step(open_page: OpenPage, comparison: dict[str, Any]) -> None:
    page = open_page(f"/compare/{comparison['session_id']}", quiet=False)
    ready(page)

    def fail(route: Route) -> None:
        body = '{"ok": false, "error": "Something broke.", "code": 500, "type": "server_error", "request_id": "7f3a"}'
        route.fulfill(status=500, content_type="application/json", body=body)

    page.route("**/global-seek", fail)
    page.locator("[data-lanes]").press("ArrowRight")
    toasts = page.locator("[data-toasts]")
    expect(toasts).to_contain_text("Something broke. The fault is ours and has been noted (request 7f3a)")


def test_a_video_that_cannot_be_loaded_is_named_and_can_be_tried_again(
    open_page: OpenPage, comparison: dict[str, Any]
) -> None:
    page = open_page("/compare", quiet=False)
    gone = comparison["vods"][1]["stream_url"].split("?")[0]
    refused: list[str] = []

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=404, body="")

    page.route(f"**{gone}*", refuse)
    page.goto(f"/compare/{comparison['session_id']}")
    note = page.locator("[data-pane=B] [data-note]")
    # The page tries once by itself, with a fresh address.
    wait_until(lambda: page.evaluate("true") and len(refused) > 1, 20, "the page's own second try")
    expect(note).to_contain_text("B cannot be played")
    expect(page.locator("[data-sync-word]")).to_have_text("on the frame")
    page.unroute(f"**{gone}*")
    note.get_by_role("button", name="Try again").click()
    expect(note).not_to_contain_text("cannot be played")
    expect(page.locator("[data-sync-word]")).to_have_text("on the frame")


def test_the_list_of_recordings_that_fails_can_be_asked_for_again(open_page: OpenPage) -> None:
    page = open_page("/compare", quiet=False)
    page.route("**/library-files*", lambda route: route.abort())
    page.goto("/compare?new&from=folders")
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached. Check the network")
    page.unroute("**/library-files*")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("[data-grid] li")).to_have_count(6)
