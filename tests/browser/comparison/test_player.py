"""The comparison page: offsets, sound, layouts, keys, and going back."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage, session_of
from tests.browser.expecting import expect_texts, fill, press
from tests.browser.pixels import frames_on_screen, wait_until_standing
from tests.browser.test_accessibility import axe_findings
from tests.support.program import BASE, Program
from tests.support.waiting import wait_until

FRAME = 1001 / 30000  # seconds of one frame of B


def pane(page: Page, letter: str) -> Locator:
    return page.locator(f"[data-pane={letter}]")


class Offsets:
    """The offsets of a comparison in seconds, as the server has them."""

    def __init__(self, program: Program, comparison: dict[str, Any]) -> None:
        self._program, self._session = program, comparison["session_id"]

    def vod(self, letter: str) -> dict[str, Any]:
        vods = session_of(self._program, self._session)["vods"]
        return next(vod for vod in vods if vod["vod_id"] == letter)

    def of(self, letter: str) -> float:
        return float(self.vod(letter)["offset"])

    def set(self, letter: str, seconds: float) -> None:
        body = {"offsets": {letter: seconds}, "source": "manual"}
        self._program.call("PUT", f"{BASE}/{self._session}/offsets", body)

    def wait_for(self, letter: str, seconds: float, within: float = 1e-5) -> None:
        wait_until(lambda: self.of(letter) == pytest.approx(seconds, abs=within))


@pytest.fixture
def offsets(program: Program, comparison: dict[str, Any]) -> Offsets:
    return Offsets(program, comparison)


def test_offsets_layout_stay(page: Page, offsets: Offsets, program: Program, comparison: dict[str, Any]) -> None:
    before = offsets.of("B")
    page.get_by_role("button", name="B one frame later").click()
    offsets.wait_for("B", before + FRAME)
    page.keyboard.press("{")
    offsets.wait_for("B", before - 9 * FRAME)
    page.get_by_role("tab", name="History").click()
    expect_texts(page.locator("[data-history] li").first, "manual", "watcher")
    page.keyboard.press("Control+z")
    offsets.wait_for("B", before + FRAME)
    field = page.get_by_label("Offset of C in seconds")
    fill(field, "one second")
    expect(field).to_have_attribute("aria-invalid", "true")
    fill(field, "−1,25")
    expect(field).to_have_value("−1.250 s")
    offsets.wait_for("C", -1.25)

    stage = page.locator("[data-stage]")
    page.get_by_role("button", name="Side by side").click()
    expect(stage).to_have_attribute("data-layout", "row")
    for key, mode in (("w", "wipe"), ("b", "overlay"), ("d", "difference"), ("d", "grid")):
        page.keyboard.press(key)
        expect(stage).to_have_attribute("data-mode", mode)
    page.get_by_role("button", name="Make C the main video").click()
    wait_until(lambda: session_of(program, comparison["session_id"])["ui_state"].get("main") == "C")
    page.reload()
    expect(stage).to_have_attribute("data-layout", "row")
    expect(page.locator(".vod.is-main")).to_have_attribute("data-pane", "C")
    expect(field).to_have_value("−1.250 s")


@pytest.mark.services
def test_what_is_typed_stays_or_is_refused(open_page: OpenPage, comparison: dict[str, Any], offsets: Offsets) -> None:
    page = open_page(f"/compare/{comparison['session_id']}", quiet=False)
    wait_until_standing(page)
    field, other = page.get_by_label("Offset of C in seconds"), page.get_by_label("Offset of B in seconds")
    before = field.input_value()
    fill(field, "90000")
    expect(page.locator("[data-toasts]")).to_contain_text("exceeds the duration of the longest")
    expect(field).to_have_value(before)
    for typed in ("12.", "nonsense"):
        field.fill(typed)
        if typed == "nonsense":
            field.press("Enter")
        wanted = round(offsets.of("B") + 0.5, 3)
        offsets.set("B", wanted)
        expect(other).to_have_value(re.compile(re.escape(f"{abs(wanted):.3f}")))
        expect(field).to_have_value(typed)
    expect(field).to_have_attribute("aria-invalid", "true")


@pytest.mark.services
def test_a_moved_video_can_go_back(page: Page, offsets: Offsets, program: Program, comparison: dict[str, Any]) -> None:
    page.locator("[data-lanes]").press("Shift+ArrowRight")
    wait_until_standing(page)
    pane(page, "B").get_by_role("button", name="Unlink B").click()
    before = pane(page, "A").locator("[data-frame]").inner_text()
    for _ in range(3):
        frame = pane(page, "B").locator("[data-frame]").inner_text()
        pane(page, "B").get_by_role("button", name="B one frame forward").click()
        expect(pane(page, "B").locator("[data-frame]")).not_to_have_text(frame)
    assert pane(page, "A").locator("[data-frame]").inner_text() == before
    old = offsets.of("B")
    pane(page, "B").get_by_role("button", name="Align here").click()
    offsets.wait_for("B", old - 3 * FRAME, 0.5 * FRAME)
    expect(pane(page, "B").locator("[data-free]")).to_be_hidden()

    program.call("PUT", f"{BASE}/{comparison['session_id']}/global-seek", {"timestamp": 20})
    page.goto(f"/compare/{comparison['session_id']}?alone=B")
    expect(page.locator("[data-sync-word]")).to_have_text("1 video separated")
    expect(page.get_by_text("B now plays separately")).to_be_visible()
    old, frames = offsets.of("B"), frames_on_screen(page)
    page.get_by_role("button", name="B one frame forward").click()
    wait_until(lambda: frames_on_screen(page)["B"] == frames["B"] + 1)
    page.get_by_role("button", name="Align here").click()
    offsets.wait_for("B", old - FRAME, 0.018)

    placed = offsets.of("B")
    later = page.get_by_role("button", name="B one frame later")
    later.evaluate("(button) => { for (let n = 0; n < 3; n += 1) button.click(); }")
    page.keyboard.press("Control+z")
    expect(page.locator("[data-toasts]")).to_contain_text("Undone: moved B.")
    assert offsets.of("B") == pytest.approx(placed, abs=1e-6)
    shown = re.compile(re.escape(f"{placed:.3f}".lstrip("-")))
    expect(page.get_by_label("Offset of B in seconds")).to_have_value(shown)
    page.get_by_role("button", name="Redo").click()
    offsets.wait_for("B", placed + 3 * FRAME)
    page.get_by_role("button", name="Undo").click()
    offsets.wait_for("B", placed, 1e-6)

    history, begun = offsets.vod("C")["offset_history"], offsets.of("C")
    many = page.get_by_role("button", name="C one frame later")
    many.evaluate("(button) => { for (let n = 0; n < 5; n += 1) button.click(); }")
    offsets.wait_for("C", begun + 5 / 30)
    assert len(offsets.vod("C")["offset_history"]) <= len(history) + 2
    field = page.get_by_label("Offset of C in seconds")
    for seconds in (12, 14):
        fill(field, str(seconds))
        offsets.wait_for("C", seconds)
    page.get_by_role("tab", name="History").click()
    rows = page.locator("[data-history] li")
    expect(rows.first).to_contain_text("+14.000")
    expect(rows.first.get_by_role("button")).to_have_count(0)
    rows.nth(1).get_by_role("button", name="Restore +12.000").click()
    offsets.wait_for("C", 12)
    expect(rows.first).to_contain_text("+12.000")
    page.keyboard.press("Control+z")
    offsets.wait_for("C", 14)


@pytest.mark.services
def test_keys_are_in_the_help_and_the_names_of_buttons_and_can_be_switched_off(page: Page) -> None:
    stage = page.locator("[data-stage]")
    page.get_by_label("Offset of A in seconds").press("w")
    expect(stage).to_have_attribute("data-mode", "grid")
    page.get_by_label("Offset of A in seconds").press("Escape")
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(page.get_by_role("dialog")).to_contain_text("Wipe, overlay, difference")
    assert axe_findings(page) == []
    page.get_by_label("Use single-key shortcuts on this device").uncheck()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("button", name="Keyboard shortcuts")).to_be_focused()
    page.keyboard.press("w")
    expect(stage).to_have_attribute("data-mode", "grid")
    page.keyboard.press("?")
    page.get_by_label("Use single-key shortcuts on this device").check()
    page.keyboard.press("Escape")
    for key, mode in (("w", "wipe"), ("d", "difference")):
        page.keyboard.press(key)
        expect(stage).to_have_attribute("data-mode", mode)
        assert axe_findings(page) == []

    shown = page.evaluate("[...document.querySelectorAll('[data-keys] kbd')].map((k) => k.textContent)")
    assert set("KJLMCENP,.[]IO\\0123GWBDFS?") | {"Space", "Home", "End", "Ctrl", "Z"} <= set(shown)
    named = page.evaluate(
        """() => [...document.querySelectorAll('[data-key]')]
            .map((b) => [b.dataset.key, [b.title, b.ariaLabel ?? b.title].filter(Boolean)])"""
    )
    for key, names in named:
        assert names, key
        assert all(name.endswith(f"({key})") for name in names), names
    keys = {key for key, _ in named}
    assert set(shown) <= keys | {part for key in keys for part in key.replace(",", " ").split()}


@pytest.mark.services
def test_sound_position_loop_and_pictures_obey_keys_and_buttons(page: Page) -> None:
    muted = "[...document.querySelectorAll('[data-pane] video')].map((v) => v.muted)"
    assert page.evaluate(muted) == [False, True, True]
    for key, expected in (("2", [True, False, True]), ("0", [True, True, True])):
        page.keyboard.press(key)
        assert page.evaluate(muted) == expected
    page.get_by_role("button", name="Unmute").click()
    assert page.evaluate(muted) == [True, False, True]

    slider = page.get_by_role("slider", name="Position of all videos")
    slider.press("Home")
    expect(pane(page, "B").locator("[data-note]")).to_contain_text("B starts in")
    slider.press("PageUp")
    expect(slider).to_have_attribute("aria-valuetext", "00:00:10.000")
    slider.press("Control+ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "00:00:09.900")
    slider.press("End")
    expect(slider).to_have_attribute("aria-valuenow", slider.get_attribute("aria-valuemax") or "")
    expect(pane(page, "A").locator("[data-note]")).to_contain_text("A has ended")

    slider.press("Home")
    slider.press("Shift+ArrowRight")
    press(page, "i", "ArrowRight", "o")
    wait_until_standing(page)
    names: list[str] = []
    page.on("download", lambda download: names.append(download.suggested_filename))
    page.keyboard.press("s")
    expect(page.locator("[data-toasts]")).to_contain_text("3 pictures saved.")
    wait_until(lambda: page.evaluate("1") and len(names) == 3)
    assert sorted(name.split("_")[-3] for name in names) == ["A", "B", "C"]
    press(page, "ArrowLeft", "k")
    page.wait_for_function(
        """() => { const T = Number(document.querySelector('[data-lanes]').ariaValueNow); const was = window.__top ?? 0;
            window.__top = Math.max(was, T); return was > 5.9 && T < 5.6; }"""
    )
    assert page.evaluate("window.__top") < 6.5
    page.get_by_role("button", name="Clear loop").click()
    expect(page.locator("[data-loop]")).to_be_hidden()
