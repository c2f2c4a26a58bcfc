"""The timer box and what it reads."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import shelf
from tests.browser.comparison.test_in_step import HALF_FRAMES
from tests.browser.conftest import OpenPage, Recording, make_comparison, session_of
from tests.browser.expecting import drag, press
from tests.support.program import Program
from tests.support.soundscapes import Take, scene, write
from tests.support.waiting import wait_until

pytestmark = pytest.mark.services


def box_of(page: Page) -> dict[str, float]:
    """The box as it is drawn, in fractions of the picture."""
    found: dict[str, float] = page.evaluate(
        """() => { const s = document.querySelector('.roi-box').style, v = (n) => Number(s.getPropertyValue(n));
            return {x: v('--x'), y: v('--y'), width: v('--w1'), height: v('--h1')}; }"""
    )
    return found


def list_alignments(program: Program) -> set[str]:
    jobs = program.call("GET", "/api/v1/jobs?limit=100")["jobs"]
    return {job["id"] for job in jobs if job["kind"] == "comparison.align"}


def test_a_box_is_drawn_and_moved_by_keys(open_page: OpenPage, program: Program, recordings: list[Recording]) -> None:
    comparison = make_comparison(program, [recording.path for recording in recordings])
    earlier_jobs = list_alignments(program)
    page = open_page(f"/compare/{comparison['session_id']}?setup", quiet=False)  # a busy server refuses previews
    # The alignment starts automatically, once.
    page.reload()
    again, proposal = page.get_by_role("button", name="Align again"), page.get_by_role("region", name="Proposal for B")
    expect(proposal).to_be_visible(timeout=shelf.TAKEN_IN)
    expect(page.get_by_text("The whole picture is searched")).to_be_visible()
    assert len(list_alignments(program) - earlier_jobs) == 1
    again.press("Enter")
    expect(proposal).to_be_hidden()
    expect(proposal).to_be_visible(timeout=shelf.TAKEN_IN)
    # The focus is on the answer, so that the keyboard continues there.
    expect(page.locator("[data-align] > [tabindex='-1']")).to_be_focused()

    before = box_of(page)
    page.locator(".roi-box").focus()
    press(page, "ArrowRight", "ArrowDown", "Shift+ArrowRight", "Shift+ArrowDown", "Control+ArrowLeft")
    after = box_of(page)
    moved = {name: round(after[name] - before[name], 4) for name in before}
    assert moved == {"x": 0.004, "y": 0.005, "width": 0.005, "height": 0.005}
    expect(page.locator("[data-saved]")).to_have_text("Saved")
    roi = session_of(program, comparison["session_id"])["ui_state"]["roi"]
    assert {name: round(roi[name], 4) for name in after} == {name: round(value, 4) for name, value in after.items()}
    expect(page.locator("[data-readings] figure")).to_have_count(15, timeout=shelf.TAKEN_IN)
    expect(page.locator("[data-readings] img").first).to_have_js_property("complete", True)
    expect(page.locator("[data-readings] [data-letter=A] figcaption b").first).to_have_text(re.compile(r"^\d:\d\d$"))
    page.get_by_label("Name of the comparison").fill("Round 7, Ascent")
    wait_until(lambda: session_of(program, comparison["session_id"])["name"] == "Round 7, Ascent")
    expect(page.locator("[data-saved]")).to_have_text("Saved")
    page.reload()
    assert box_of(page) == after

    area: Any = page.locator(".roi-area").bounding_box()
    corners = ((0.65, 0.17), (0.5, 0.06), (0.4, 0.01))
    drag(page, *((area["x"] + x * area["width"], area["y"] + y * area["height"]) for x, y in corners))
    assert box_of(page) == pytest.approx({"x": 0.4, "y": 0.01, "width": 0.25, "height": 0.16}, abs=0.005)
    apply = page.get_by_role("button", name="Apply to B and C and open")
    expect(page.get_by_text("The whole picture is searched")).to_have_count(0)
    again.click()
    expect(apply).to_be_hidden()
    apply.click(timeout=shelf.TAKEN_IN)
    page.wait_for_url(re.compile(r"/compare/comp-\w+$"))
    for vod, recording in zip(session_of(program, comparison["session_id"])["vods"], recordings, strict=True):
        assert abs(vod["offset"] - recording.offset_to_first) <= HALF_FRAMES


def test_a_missing_timer_is_refused(open_page: OpenPage, program: Program, recordings: list[Recording]) -> None:
    first = recordings[0].path
    session = make_comparison(program, [first, first.with_name("delta.mp4")])
    page = open_page(f"/compare/{session['session_id']}?setup")
    refusal = page.get_by_role("region", name="No offset proposed for B")
    expect(refusal).to_contain_text("Refused", timeout=shelf.TAKEN_IN)
    expect(page.get_by_role("button", name=re.compile("Apply"))).to_have_count(0)
    refusal.get_by_role("button", name="Draw the timer box on B").click()
    expect(page.locator("[data-draw-on] [value=B]")).to_have_attribute("aria-pressed", "true")
    # No step is done by that, and there is another way.
    expect(page.locator("[data-step=align]")).not_to_have_class(re.compile("done"))
    refusal.get_by_role("button", name="Align B by hand").click()
    expect(page.get_by_text("B now plays separately")).to_be_visible()


def test_by_sound_both_can_be_seen_and_heard(open_page: OpenPage, program: Program, tmp_path: Path) -> None:
    game, takes = scene(12, 60), {"one": Take(0, 35), "two": Take(12.5, 35, voice=0.5, noise_seed=2)}
    # Uploaded, not put into the library folder, which other tests list.
    videos = [shelf.taken_in(program, write(take, game, tmp_path / name, picture=True)) for name, take in takes.items()]
    vods = [{"vod_id": f"vod-{n}", "name": video["title"], "video_id": video["id"]} for n, video in enumerate(videos)]
    session = program.call("POST", "/api/sessions/multi-vod", {"name": "By sound", "vods": vods})["session"]
    page = open_page(f"/compare/{session['session_id']}?setup")
    proposal = page.get_by_role("region", name="Proposal for B")
    expect(proposal).to_contain_text("+12.500", timeout=shelf.TAKEN_IN)
    page.get_by_role("button", name="Sound", exact=True).click()
    expect(page.get_by_role("button", name="Sound", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("The whole picture is searched")).to_have_count(0)
    page.wait_for_function("() => document.querySelector('.heard img').naturalWidth > 0")
    page.evaluate("() => document.querySelector('.heard audio').play()")
    page.wait_for_function("() => document.querySelector('.heard audio').currentTime > 0.2")
    page.get_by_role("button", name="Apply to B").click()
    expect(page).to_have_url(re.compile(r"/compare/[^?]+$"))
    changed = session_of(program, session["session_id"])["vods"][1]
    assert (changed["offset_source"], round(changed["offset"], 2)) == ("audio", 12.5)
