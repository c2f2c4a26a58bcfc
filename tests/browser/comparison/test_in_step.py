"""Three videos in step, judged by the frame numbers burnt into the pixels."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Recording, make_comparison, session_of
from tests.browser.expecting import fill, press
from tests.browser.pixels import frames_on_screen, spread, wait_until_standing
from tests.browser.recordings import SPECS
from tests.support.program import BASE, Program
from tests.support.waiting import wait_until, within

# Three videos are decoded without a graphics card, beside whatever else runs: one that is late shows no picture yet.
pytestmark = pytest.mark.flaky(reruns=2)
RATES = {letter: spec.fps for letter, spec in zip("ABC", SPECS, strict=True)}
STARTS = {letter: spec.start for letter, spec in zip("ABC", SPECS, strict=True)}
LOOKS = 6  # screenshots of videos that play; on a busy machine each takes seconds of the 40 that there are
HALF_A_FRAME = 0.5 / 29.97  # seconds, of the slowest video: no closer can pictures tell on a busy machine
HALF_FRAMES = 1 / 120 + 2 / 60  # s: half a frame of each video, the aligner's promise for the three


def look_while_playing(page: Page) -> list[float]:
    """Spreads in seconds over some screenshots; every picture has moved on since the one before."""
    spreads, last = [], {"A": -1, "B": -1, "C": -1}
    for _ in range(LOOKS):
        page.wait_for_function("n => window.__frames === undefined || performance.now() > window.__frames + n", arg=300)
        page.evaluate("window.__frames = performance.now()")
        expect(page.locator("[data-sync-word]")).to_have_text("in sync")

        def moved_on(last: dict[str, int] = last) -> dict[str, int] | None:
            shown = frames_on_screen(page)
            return shown if all(shown[vod_id] > last[vod_id] for vod_id in shown) else None

        # On a machine that is busy with other things a picture may stay for longer than that.
        frames = wait_until(moved_on, 1, "each video to move on")
        spreads.append(spread(frames, RATES, STARTS))
        last = frames
    return sorted(spreads)


def test_videos_show_one_moment_wherever_they_are_put_and_play_in_step(page: Page, comparison: dict[str, Any]) -> None:
    offsets = {vod["vod_id"]: vod["offset"] for vod in comparison["vods"]}
    lanes: Any = page.locator("[data-lanes]").bounding_box()
    for share in (0.21, 0.618, 0.43, 0.777):
        before = page.locator("[data-lanes]").get_attribute("aria-valuenow") or ""
        page.mouse.click(lanes["x"] + share * lanes["width"], lanes["y"] + 10)
        expect(page.locator("[data-lanes]")).not_to_have_attribute("aria-valuenow", before)

        def is_off() -> dict[str, float]:
            """The videos whose picture is not that of T: frames by which each is off."""
            T = float(page.locator("[data-lanes]").get_attribute("aria-valuenow") or 0)
            off = {v: n + 0.5 - (T - offsets[v]) * float(RATES[v]) for v, n in frames_on_screen(page).items()}
            return {v: by for v, by in off.items() if abs(by) > 0.5 + 0.006 * float(RATES[v])}

        # The seek begins a moment after the click, and what is decoded is on screen a moment after that.
        wait_until(lambda off=is_off: not off(), 5)  # type: ignore[misc]
        wait_until_standing(page)
        assert is_off() == {}

    start_playing(page)
    assert look_while_playing(page)[LOOKS // 2] <= within(HALF_A_FRAME)
    press(page, "Home", "Shift+ArrowRight", "j")
    expect(page.locator("[data-sync-word]")).to_have_text("in sync")
    assert look_while_playing(page)[LOOKS // 2] <= within(HALF_A_FRAME)


def start_playing(page: Page) -> None:
    """Play from where all of the videos have begun."""
    page.locator("[data-lanes]").press("Home")
    press(page, "Shift+ArrowRight", "k")
    expect(page.locator("[data-sync-word]")).to_have_text("in sync")


@pytest.mark.services
def test_steps_of_a_frame_and_a_shared_wait(page: Page) -> None:
    """A step moves the focused video by one frame; all wait for one that runs dry."""
    page.locator("[data-lanes]").press("Shift+ArrowRight")
    wait_until_standing(page)
    for letter in "ABC":
        page.locator(f"[data-pane={letter}] [data-act=solo]").focus()
        page.keyboard.press(".")
        wait_until_standing(page)
        shown = frames_on_screen(page)
        for key, by in ((".", 1), (".", 1), (",", -1)):
            page.keyboard.press(key)
            wait_until_standing(page)
            before, shown = shown, wait_for_frame(page, letter, shown[letter] + by)
            assert shown[letter] == before[letter] + by
            assert spread(shown, RATES, STARTS) <= 0.001

    start_playing(page)
    page.evaluate(
        """() => Object.defineProperty(document.querySelector('[data-pane=B] video'), 'readyState',
            {configurable: true, get: () => HTMLMediaElement.HAVE_CURRENT_DATA})"""
    )
    expect(page.locator("[data-pane=B] [data-note]")).to_contain_text("B is buffering")
    assert page.evaluate("[...document.querySelectorAll('[data-pane] video')].every((v) => v.paused)")
    page.evaluate("() => { delete document.querySelector('[data-pane=B] video').readyState; }")
    expect(page.locator("[data-sync-word]")).to_have_text("in sync")
    assert look_while_playing(page)[LOOKS // 2] <= HALF_FRAMES


def wait_for_frame(page: Page, letter: str, frame: int) -> dict[str, int]:
    """The frames on screen once ``letter`` says that it shows ``frame``."""
    label = page.locator(f"[data-pane={letter}] [data-frame]")
    expect(label).to_have_text(f"f {frame}")
    wait_until_standing(page)
    wait_until(lambda: frames_on_screen(page)[letter] == frame, 5)
    return frames_on_screen(page)


@pytest.mark.services
def test_steps_at_variable_rate_skip_none(open_page: OpenPage, program: Program, recordings: list[Recording]) -> None:
    variable = recordings[0].path.with_name("echo.mp4")
    session = make_comparison(program, [variable, recordings[1].path])
    page = open_page(f"/compare/{session['session_id']}")
    wait_until_standing(page)
    page.locator("[data-lanes]").press("Shift+ArrowRight")
    wait_until_standing(page)
    expect(page.locator("[data-pane=A] [data-frame]")).to_have_text("variable rate")
    shown = frames_on_screen(page)["A"]
    position = page.locator("[data-pane=A] [data-position]")
    for key, by in ((".", 1), (".", 1), (".", 1), (".", 1), (",", -1), (",", -1)):
        before = position.inner_text()
        page.keyboard.press(key)
        expect(position).not_to_have_text(before)
        wait_until_standing(page)
        after = frames_on_screen(page)["A"]
        assert after == shown + by
        shown = after


@pytest.mark.services
def test_a_faster_clock_moves_a_video(page: Page, comparison: dict[str, Any], program: Program) -> None:
    page.locator("[data-lanes]").press("Shift+ArrowRight")  # where all of them are on
    wait_until_standing(page)
    page.get_by_role("tab", name="Calibrate").click()
    fill(page.get_by_label("Clock drift of B, in ppm"), "1000")
    session_id = comparison["session_id"]
    wait_until(lambda: session_of(program, session_id)["vods"][1]["drift_ppm"] == 1000, 10, "the drift that was typed")
    drift = {"anchors": {"B": -1000}, "drifts": {"B": 1000}, "source": "manual"}
    program.call("PUT", f"{BASE}/{session_id}/offsets", drift)
    page.wait_for_function(
        """([offset]) => {
            const [a, b] = ['A', 'B'].map((pane) => document.querySelector(`[data-letter=${pane}] video`));
            return Math.abs(b.currentTime - (a.currentTime - offset + 1e-3 * (a.currentTime + 1000))) < 0.04;
        }""",
        arg=[session_of(program, session_id)["vods"][1]["offset"]],
    )
    page.get_by_role("button", name="Play").first.click()
    page.wait_for_function(
        """() => { const [a, b] = ['A', 'B'].map((letter) => document.querySelector(`[data-letter=${letter}] video`));
            return !a.paused && Math.abs(b.playbackRate / a.playbackRate - 1.001) < 1e-6; }"""
    )
