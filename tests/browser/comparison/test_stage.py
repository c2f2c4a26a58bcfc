"""The stage of the comparison: how much of the window the videos have, zoom and wipe on the pictures."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import DESK, PHONE, OpenPage, session_of
from tests.browser.expecting import drag, press
from tests.browser.pixels import wait_until_standing
from tests.support.program import Program
from tests.support.waiting import wait_until

pytestmark = pytest.mark.services
SIDEWAYS = (844, 390)


def picture(page: Page, letter: str) -> dict[str, float]:
    box: Any = page.locator(f"[data-pane={letter}] [data-pic]").bounding_box()
    return dict(box)


def stage_value(page: Page, name: str) -> float:
    return float(page.locator("[data-stage]").evaluate("(e, name) => e.style.getPropertyValue(`--${name}`)", name))


def test_the_pictures_have_most_of_the_window_and_the_side_panel_stays_as_it_was_left(page: Page) -> None:
    expect(page.locator("[data-pane=A] h2 [data-position]")).to_be_visible()
    covered = page.locator("[data-pic]").evaluate_all(
        "(pics) => pics.flatMap((pic) => [...pic.children].filter((e) => e.tagName !== 'VIDEO' && e.checkVisibility()))"
        ".map((e) => e.className)"
    )
    assert [name for name in covered if name not in ("drawing", "on-frame", "pane-note")] == []
    page.get_by_role("button", name="Side by side").click()
    stage: Any = page.locator("[data-stage]").bounding_box()
    for letter in "ABC":
        card: Any = page.locator(f"[data-pane={letter}]").bounding_box()
        assert card["height"] > 0.95 * (stage["height"] - 16)
    page.get_by_role("button", name="One large, others small").click()
    page.set_viewport_size({"width": 1280, "height": 700})
    timeline: Any = page.locator("[data-timeline]").bounding_box()
    assert timeline["y"] + timeline["height"] <= 700
    expect(page.get_by_role("button", name="Play")).to_be_in_viewport()
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})

    before = picture(page, "A")["width"]
    page.get_by_role("button", name="Side panel").click()
    expect(page.locator(".side")).to_be_hidden()
    assert picture(page, "A")["width"] > 1.1 * before
    page.reload()
    expect(page.locator(".side")).to_be_hidden()
    page.keyboard.press("t")
    expect(page.locator(".side")).to_be_visible()
    page.keyboard.press("t")
    page.get_by_role("button", name="Draw box around timer of A").click()
    expect(page.locator(".side")).to_be_visible()

    page.get_by_role("button", name="Full screen").click()
    expect(page.locator("body")).to_have_attribute("data-immersive", "")
    expect(page.locator(".side")).to_be_hidden()
    size: Any = page.evaluate("[innerWidth, innerHeight]")
    assert picture(page, "A")["height"] > 0.6 * size[1]
    page.keyboard.press("k")
    expect(page.locator("body")).to_have_attribute("data-idle", "", timeout=20_000)
    expect(page.locator(".transport")).to_have_css("opacity", "0")
    page.mouse.move(300, 300)
    expect(page.locator(".transport")).to_have_css("opacity", "1")
    press(page, "k", "f")
    expect(page.locator("body")).not_to_have_attribute("data-immersive", "")
    expect(page.locator(".side")).to_be_visible()


def test_a_phone_held_sideways_shows_large_pictures(open_page: OpenPage, comparison: dict[str, Any]) -> None:
    page = open_page(f"/compare/{comparison['session_id']}", size=SIDEWAYS)
    wait_until_standing(page)
    box = picture(page, "A")
    assert box["height"] >= 0.75 * SIDEWAYS[1]
    assert page.evaluate("document.documentElement.scrollHeight") <= SIDEWAYS[1]
    strip: Any = page.locator(".transport").bounding_box()
    for letter in "ABC":
        assert picture(page, letter)["y"] + picture(page, letter)["height"] <= strip["y"] + 1
    expect(page.locator(".top")).to_be_hidden()
    expect(page.get_by_role("button", name="Make B the main video")).to_be_hidden()
    more = page.get_by_role("button", name="More controls")
    more.tap()
    page.get_by_role("button", name="Side panel").click()
    expect(page.get_by_role("tab", name="History")).to_be_visible()
    page.keyboard.press("t")
    expect(page.locator(".side")).to_be_hidden()
    for shown in ("1", "0", "1"):  # the first tap closes the other controls
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(page.locator(".transport")).to_have_css("opacity", shown, timeout=10_000)

    more.tap()
    expect(page.get_by_role("link", name="All comparisons")).to_have_attribute("href", "/compare")
    page.locator(".top .menu > summary").tap()
    page.get_by_role("button", name="Sign out").scroll_into_view_if_needed()
    page.get_by_role("button", name="Sign out").tap(trial=True)
    page.locator(".top .menu > summary").tap()
    page.get_by_role("button", name="Mark this moment").tap()
    page.get_by_role("button", name="Save", exact=True).tap(trial=True)
    form = page.get_by_role("form", name="New event")
    form.get_by_role("button", name="Close").tap()
    expect(form).to_be_hidden()
    page.get_by_role("button", name="Close", exact=True).tap()
    expect(page.locator(".side")).to_be_hidden()
    page.get_by_role("button", name="Draw on the frame").tap()
    tools = page.get_by_role("toolbar", name="Drawing on A")
    for name in ("Pen", "Red", "Save"):
        tools.get_by_role("button", name=name, exact=True).tap(trial=True)
    tools.get_by_role("button", name="Close").tap()
    expect(tools).to_have_count(0)
    page.get_by_role("button", name="Make B the main video").tap()
    page.get_by_role("button", name="Overlay").tap()
    page.get_by_role("group", name="Video on top").get_by_role("button", name="C").last.tap()
    expect(page.locator("[data-pane=C]")).to_have_class(re.compile(r"\bover\b"))


def test_a_finger_scrolls_the_alignment_page_over_its_picture(open_page: OpenPage, comparison: dict[str, Any]) -> None:
    page = open_page(f"/compare/{comparison['session_id']}?setup", size=SIDEWAYS)
    box = page.locator(".roi-box")
    expect(box).to_be_visible()
    before = box.get_attribute("style")
    page.evaluate("document.querySelector('.roi-area').scrollIntoView({block: 'start'})")
    session, top = page.context.new_cdp_session(page), page.evaluate("scrollY")
    for y, dx, dy in ((200, 0, -12), (100, 14, 6)):
        session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": 200, "y": y}]})
        for step in range(1, 9):
            point = {"x": 200 + dx * step, "y": y + dy * step}
            session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        if not dx:
            wait_until(lambda: page.evaluate("scrollY") > top, 10, "a page that has scrolled")
            assert box.get_attribute("style") == before
    expect(box).not_to_have_attribute("style", str(before))
    expect(box).not_to_have_attribute("data-suggested", "")


def test_a_phone_held_upright_shows_all_pictures(open_page: OpenPage, comparison: dict[str, Any]) -> None:
    page = open_page(f"/compare/{comparison['session_id']}", size=PHONE, quiet=False)  # a reload ends requests
    wait_until_standing(page)
    bar: Any = page.locator(".transport").bounding_box()
    for letter in "ABC":
        box = picture(page, letter)
        assert box["y"] + box["height"] <= bar["y"]
    for name in ("Comment on this moment", "Draw on the frame", "Show the list of events"):
        button: Any = page.get_by_role("button", name=name).bounding_box()
        assert button["y"] > PHONE[1] - 60
        assert button["height"] >= 44
        assert button["x"] + button["width"] <= PHONE[0]
    page.get_by_role("button", name="Show the list of events").tap()
    expect(page.get_by_role("tab", name="Events")).to_be_in_viewport()
    earlier = page.get_by_role("button", name="B one frame earlier")
    expect(earlier).to_be_hidden()
    page.get_by_role("tab", name="Calibrate").click()
    expect(earlier).to_be_visible()

    def add_peaks(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace('data-wave=""', 'data-wave="/peaks"', 1))

    page.route("**/compare/comp-*", add_peaks)
    page.route("**/peaks", lambda route: route.fulfill(json={"bits": 8, "data": [-128, 127, 0, 0]}))
    page.reload()
    wave: Any = page.locator("[data-lane=A] .waveform").bounding_box()
    clip: Any = page.locator("[data-lane=A] .clip").bounding_box()
    assert wave["width"] == pytest.approx(clip["width"], abs=3)


def test_pictures_are_wiped_and_zoomed(page: Page, program: Program, comparison: dict[str, Any]) -> None:
    page.keyboard.press("w")
    box = picture(page, "A")
    middle = box["y"] + box["height"] / 2
    drag(page, *((box["x"] + share * box["width"], middle) for share in (0.5, 0.8)), steps=3)
    assert stage_value(page, "blend") == pytest.approx(0.8, abs=0.01)
    wait_until(lambda: session_of(program, comparison["session_id"])["ui_state"].get("blend", 0) > 0.7)
    page.keyboard.press("w")
    expect(page.locator("[data-stage]")).to_have_attribute("data-mode", "grid")

    box = picture(page, "A")
    at = (box["x"] + 0.25 * box["width"], box["y"] + 0.25 * box["height"])
    page.mouse.move(*at)
    page.mouse.wheel(0, -400)
    wait_until(lambda: stage_value(page, "zoom") > 1.5)
    scale = stage_value(page, "zoom")
    # A quarter of the picture is still where the pointer is, in each of them.
    for letter in "ABC":
        pane, video = picture(page, letter), page.locator(f"[data-pane={letter}] video").bounding_box()
        assert video is not None
        assert video["width"] == pytest.approx(scale * pane["width"], rel=0.02)
        assert (pane["x"] + 0.25 * pane["width"] - video["x"]) / video["width"] == pytest.approx(0.25, abs=0.01)
    drag(page, at, (at[0] + 40, at[1]))
    page.mouse.wheel(0, 4000)
    wait_until(lambda: stage_value(page, "zoom") == 1)
    expect(page.locator("[data-pane=A] [data-zoom=fit]")).to_have_attribute("aria-pressed", "true")

    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    session = page.context.new_cdp_session(page)

    def touch(kind: str, apart: float) -> None:
        points = [{"x": middle[0] + side * apart, "y": middle[1], "id": n} for n, side in enumerate((-1, 1))]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points if apart else []})

    touch("touchStart", 40)
    for apart in (60, 80, 100, 120):
        touch("touchMove", apart)
    touch("touchEnd", 0)
    assert stage_value(page, "zoom") == pytest.approx(3, rel=0.1)
    page.keyboard.press("=")
    assert stage_value(page, "zoom") == 1
