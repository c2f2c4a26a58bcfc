"""The comparison page: offsets, sound, layouts, keys."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage, session_of
from tests.browser.pixels import wait_until_standing
from tests.support.program import Program
from tests.support.waiting import wait_until


@pytest.fixture
def page(open_page: OpenPage, comparison: dict[str, Any]) -> Page:
    page = open_page(f"/compare/{comparison['session_id']}")
    expect(page.locator("[data-sync-word]")).to_have_text("on the frame")
    return page


def pane(page: Page, letter: str) -> Locator:
    return page.locator(f"[data-pane={letter}]")


def offset_of(program: Program, comparison: dict[str, Any], letter: str) -> float:
    """The offset as the server has it, seconds."""
    vods = session_of(program, comparison["session_id"])["vods"]
    found: float = next(vod["offset"] for vod in vods if vod["vod_id"] == letter)
    return found


def test_a_nudge_moves_the_offset_by_one_frame_of_that_video_and_is_in_the_history(
    page: Page, program: Program, comparison: dict[str, Any]
) -> None:
    before = offset_of(program, comparison, "B")
    frame = 1001 / 30000
    page.get_by_role("button", name="B one frame later").click()
    wait_until(lambda: offset_of(program, comparison, "B") == pytest.approx(before + frame, abs=1e-5))
    page.keyboard.press("{")
    wait_until(lambda: offset_of(program, comparison, "B") == pytest.approx(before - 9 * frame, abs=1e-5))
    page.get_by_role("tab", name="History").click()
    expect(page.locator("[data-history] li").first).to_contain_text("by hand")
    expect(page.locator("[data-history] li").first).to_contain_text("watcher")


def test_several_quick_nudges_are_one_change(page: Page, program: Program, comparison: dict[str, Any]) -> None:
    before = session_of(program, comparison["session_id"])
    later = page.get_by_role("button", name="C one frame later")
    later.evaluate("(button) => { for (let n = 0; n < 5; n += 1) button.click(); }")
    after = pytest.approx(before["vods"][2]["offset"] + 5 / 30, abs=1e-5)
    wait_until(lambda: offset_of(program, comparison, "C") == after)
    history = session_of(program, comparison["session_id"])["vods"][2]["offset_history"]
    assert len(history) <= len(before["vods"][2]["offset_history"]) + 2


def test_an_offset_can_be_typed_and_nonsense_is_marked_and_not_sent(
    page: Page, program: Program, comparison: dict[str, Any]
) -> None:
    field = page.get_by_label("Offset of C in seconds")
    field.fill("one second")
    field.press("Enter")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("−1,25")
    field.press("Enter")
    expect(field).to_have_value("−1.250 s")
    wait_until(lambda: offset_of(program, comparison, "C") == -1.25)


def test_somebody_elses_change_leaves_what_is_being_typed(
    page: Page, program: Program, comparison: dict[str, Any]
) -> None:
    field, other = page.get_by_label("Offset of C in seconds"), page.get_by_label("Offset of B in seconds")
    for typed in ("12.", "nonsense"):
        field.fill(typed)
        if typed == "nonsense":
            field.press("Enter")
        wanted = round(offset_of(program, comparison, "B") + 0.5, 3)
        program.call(
            "PUT",
            f"/api/sessions/multi-vod/{comparison['session_id']}/offsets",
            {"offsets": {"B": wanted}, "source": "manual"},
        )
        expect(other).to_have_value(re.compile(re.escape(f"{abs(wanted):.3f}")))
        expect(field).to_have_value(typed)
    expect(field).to_have_attribute("aria-invalid", "true")


def test_an_offset_that_the_server_refuses_is_put_back_and_said(
    open_page: OpenPage, program: Program, comparison: dict[str, Any]
) -> None:
    page = open_page(f"/compare/{comparison['session_id']}", quiet=False)
    field = page.get_by_label("Offset of C in seconds")
    before = field.input_value()
    field.fill("90000")
    field.press("Enter")
    expect(page.locator("[data-toasts]")).to_contain_text("longer than the longest")
    expect(field).to_have_value(before)


def test_this_moment_is_that_moment(page: Page, program: Program, comparison: dict[str, Any]) -> None:
    page.locator("[data-lanes]").press("Shift+ArrowRight")
    wait_until_standing(page)
    pane(page, "B").get_by_role("button", name="Move B alone").click()
    before = pane(page, "A").locator("[data-frame]").inner_text()
    for _ in range(3):
        frame = pane(page, "B").locator("[data-frame]").inner_text()
        pane(page, "B").get_by_role("button", name="B one frame forward").click()
        expect(pane(page, "B").locator("[data-frame]")).not_to_have_text(frame)
    assert pane(page, "A").locator("[data-frame]").inner_text() == before
    old = offset_of(program, comparison, "B")
    pane(page, "B").get_by_role("button", name="Align here").click()
    wait_until(lambda: abs(offset_of(program, comparison, "B") - (old - 3 * 1001 / 30000)) <= 0.5 * 1001 / 30000)
    expect(pane(page, "B").locator("[data-free]")).to_be_hidden()


def test_one_video_is_heard_and_the_keys_choose_which(page: Page) -> None:
    muted = "[...document.querySelectorAll('[data-pane] video')].map((v) => v.muted)"
    assert page.evaluate(muted) == [False, True, True]
    page.keyboard.press("2")
    assert page.evaluate(muted) == [True, False, True]
    page.keyboard.press("0")
    assert page.evaluate(muted) == [True, True, True]
    page.get_by_role("button", name="Sound on").click()
    assert page.evaluate(muted) == [True, False, True]


def test_layouts_and_modes_change_by_button_and_key_and_are_kept(
    page: Page, program: Program, comparison: dict[str, Any]
) -> None:
    stage = page.locator("[data-stage]")
    page.get_by_role("button", name="In a row").click()
    expect(stage).to_have_attribute("data-layout", "row")
    for key, mode in (("w", "wipe"), ("b", "overlay"), ("d", "difference"), ("d", "grid")):
        page.keyboard.press(key)
        expect(stage).to_have_attribute("data-mode", mode)
    page.get_by_role("button", name="Make C the large one").click()
    wait_until(lambda: session_of(program, comparison["session_id"])["ui_state"].get("main") == "C")
    page.reload()
    expect(stage).to_have_attribute("data-layout", "row")
    expect(page.locator(".vod.is-main")).to_have_attribute("data-pane", "C")


def test_keys_are_off_while_typing_and_can_be_switched_off(page: Page) -> None:
    page.get_by_label("Offset of A in seconds").press("w")
    expect(page.locator("[data-stage]")).to_have_attribute("data-mode", "grid")
    page.get_by_label("Offset of A in seconds").press("Escape")
    page.get_by_role("button", name="Keys and help").click()
    expect(page.get_by_role("dialog")).to_contain_text("Wipe, overlay, difference")
    page.get_by_label("Single keys work on this device").uncheck()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("button", name="Keys and help")).to_be_focused()
    page.keyboard.press("w")
    expect(page.locator("[data-stage]")).to_have_attribute("data-mode", "grid")
    page.keyboard.press("?")
    page.get_by_label("Single keys work on this device").check()
    page.keyboard.press("Escape")
    page.keyboard.press("w")
    expect(page.locator("[data-stage]")).to_have_attribute("data-mode", "wipe")


def test_every_key_in_the_help_is_in_the_name_of_a_button_or_field(page: Page) -> None:
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


def test_a_loop_turns_back_at_its_end(page: Page) -> None:
    page.locator("[data-lanes]").press("Shift+ArrowRight")
    page.keyboard.press("i")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("o")
    expect(page.locator("[data-sync-word]")).to_have_text("on the frame")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("k")
    page.wait_for_function(
        """() => { const T = Number(document.querySelector('[data-lanes]').ariaValueNow); const was = window.__top ?? 0;
            window.__top = Math.max(was, T); return was > 5.9 && T < 5.6; }"""
    )
    assert page.evaluate("window.__top") < 6.5
    page.get_by_role("button", name="No loop").click()
    expect(page.locator("[data-loop]")).to_be_hidden()


def test_frames_are_saved_as_pictures_at_the_videos_own_size(page: Page) -> None:
    names = []
    page.on("download", lambda download: names.append(download.suggested_filename))
    page.keyboard.press("s")
    expect(page.locator("[data-toasts]")).to_contain_text("3 pictures saved.")
    wait_until(lambda: page.evaluate("1") and len(names) == 3)
    assert sorted(name.split("_")[-3] for name in names) == ["A", "B", "C"]


def test_the_slider_says_where_it_is_and_obeys_the_keys(page: Page) -> None:
    slider = page.get_by_role("slider", name="Position of all videos")
    slider.press("Home")
    slider.press("PageUp")
    expect(slider).to_have_attribute("aria-valuetext", "00:00:10.000")
    slider.press("Control+ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "00:00:09.900")
    slider.press("End")
    expect(slider).to_have_attribute("aria-valuenow", slider.get_attribute("aria-valuemax") or "")


def test_a_video_that_has_not_begun_waits_for_its_moment(page: Page) -> None:
    page.locator("[data-lanes]").press("Home")
    expect(pane(page, "B").locator("[data-note]")).to_contain_text("B begins in")
    page.locator("[data-lanes]").press("End")
    expect(pane(page, "A").locator("[data-note]")).to_contain_text("A has ended")
