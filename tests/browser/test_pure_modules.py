"""The modules that know no page, run where they will run: in the browser."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from playwright.sync_api import Page

from sessions_app.comparison import timeline
from tests.browser.conftest import OpenPage, evaluate_module


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page("/login", anonymous=True)


# The formula


@pytest.mark.parametrize(
    ("T", "offset", "duration", "expected"),
    [(150, -50, 600, 200), (150, 37, 600, 113), (10, 37, 600, 0), (900, 37, 600, 600), (0, 0, 600, 0)],
)
def test_the_formula_gives_the_contracts_examples(
    page: Page, T: float, offset: float, duration: float, expected: float
) -> None:
    assert evaluate_module(page, "timeline.js", "m.vodTime(...x)", [T, offset, duration]) == expected


def test_page_and_server_agree_on_the_formula(page: Page) -> None:
    rng = random.Random(7)
    cases = [(rng.uniform(0, 9000), rng.uniform(-4000, 4000), rng.uniform(0.04, 8000)) for _ in range(500)]
    here = [timeline.vod_time(T, offset, duration) for T, offset, duration in cases]
    assert evaluate_module(page, "timeline.js", "x.map((c) => m.vodTime(...c))", cases) == pytest.approx(here, abs=1e-9)


def test_a_video_runs_from_its_offset_to_its_end(page: Page) -> None:
    body = "x.map((T) => m.isRunning(T, {offset: 2, duration: 3}))"
    assert evaluate_module(page, "timeline.js", body, [1.999, 2, 4.999, 5]) == [False, True, True, False]


def test_the_ruler_has_round_marks_and_not_too_many(page: Page) -> None:
    for end in (3, 42.5, 600, 4360, 90_000):
        marks = evaluate_module(page, "timeline.js", "m.ticks(0, x, 12)", end)
        assert marks[0] == 0
        assert 3 <= len(marks) <= 13


# Frames


@pytest.mark.parametrize("fps", [60, 30000 / 1001, 25, 24000 / 1001])
def test_a_step_lands_in_the_middle_of_the_next_frame(page: Page, fps: float) -> None:
    body = "Array.from({length: 40}, (_, n) => m.step(m.midFrame(n, x), 1, x, 10))"
    found = evaluate_module(page, "sync/frames.js", body, fps)
    assert found == pytest.approx([(n + 1.5) / fps for n in range(40)])


def test_steps_stop_at_the_first_and_at_the_last_frame(page: Page) -> None:
    assert evaluate_module(page, "sync/frames.js", "m.step(0, -1, 30, 2)") == pytest.approx(0.5 / 30)
    assert evaluate_module(page, "sync/frames.js", "m.step(2, 5, 30, 2)") == pytest.approx(59.5 / 30)
    assert evaluate_module(page, "sync/frames.js", "m.snap(2, 30, 2)") == pytest.approx(59.5 / 30)


def test_the_frame_of_a_timestamp_survives_the_containers_rounding(page: Page) -> None:
    times = [math.floor(n * 1001 / 30000 * 1000) / 1000 for n in range(2000)]
    assert evaluate_module(page, "sync/frames.js", "x.map((t) => m.frameOf(t, 30000/1001))", times) == list(range(2000))


# What is done about drift


def correct(page: Page, error: float, *, may_seek: bool = True, correcting: bool = False) -> Any:
    state = {"maySeek": may_seek, "correcting": correcting}
    return evaluate_module(page, "sync/policy.js", "m.correction(x.error, x.state)", {"error": error, "state": state})


def test_small_drift_is_left_alone_but_a_correction_goes_on_to_its_end(page: Page) -> None:
    assert correct(page, 0.0039) == {"do": "rate", "factor": 1}
    assert correct(page, 0.0039, correcting=True)["factor"] < 1
    assert correct(page, 0.0009, correcting=True) == {"do": "rate", "factor": 1}


@pytest.mark.parametrize(
    ("error", "factor"), [(0.008, 0.99), (-0.008, 1.01), (0.045, 0.95), (0.06, 0.926), (0.2, 0.9), (-0.29, 1.1)]
)
def test_drift_is_made_up_by_speed_within_its_limits(page: Page, error: float, factor: float) -> None:
    assert correct(page, error) == {"do": "rate", "factor": pytest.approx(factor, abs=0.0011)}


def test_a_seek_is_for_large_drift_only_and_not_twice_in_a_row(page: Page) -> None:
    assert correct(page, 0.31) == {"do": "seek"}
    assert correct(page, -0.31, may_seek=False) == {"do": "rate", "factor": pytest.approx(1.1)}


def test_the_lead_of_a_seek_is_learned(page: Page) -> None:
    body = "x.reduce((lead, late) => m.learnLead(lead, lead - late), m.FIRST_LEAD)"
    assert evaluate_module(page, "sync/policy.js", body, [0.4] * 12) == pytest.approx(0.4, abs=0.005)


def test_a_follower_moves_gently_and_seeks_when_far_off(page: Page) -> None:
    body = "x.map((e) => m.followCorrection(e))"
    assert evaluate_module(page, "sync/policy.js", body, [0.03, 0.5, -0.5, 1.2]) == [
        {"do": "rate", "factor": 1},
        {"do": "rate", "factor": pytest.approx(0.98)},
        {"do": "rate", "factor": pytest.approx(1.02)},
        {"do": "seek"},
    ]


def test_the_clock_runs_straight_through_changes_of_speed(page: Page) -> None:
    body = """(() => { const c = new m.GroupClock(); c.set(10, 0); c.start(1000);
        const a = c.at(2000); c.setRate(2, 2000);
        const b = c.at(3000); c.stop(3000); return [a, b, c.at(9000)]; })()"""
    assert evaluate_module(page, "sync/clock.js", body) == [11, 13, 13]


def test_the_servers_clock_is_told_by_the_message_that_was_least_delayed(page: Page) -> None:
    body = "(() => { const c = new m.ServerClock(); for (const [s, n] of x) c.note(s, n); return c.now(10_000); })()"
    delays = [[104.0, 4_300], [105.0, 5_020], [106.0, 6_900]]
    assert evaluate_module(page, "live.js", body, delays) == pytest.approx(109.98)


# What people read and type


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("+1.5 s", 1.5), ("−1,5", -1.5), ("-0.033s", -0.033), ("1:02.5", 62.5), ("1:00:00", 3600), (" 12 ", 12)],
)
def test_an_offset_is_understood_as_people_type_it(page: Page, text: str, seconds: float) -> None:
    assert evaluate_module(page, "format.js", "m.parseOffset(x)", text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "abc", "1.2.3", "--1", "1:2:3:4", "1e9", "NaN"])
def test_what_is_no_offset_is_not_taken_for_one(page: Page, text: str) -> None:
    assert evaluate_module(page, "format.js", "m.parseOffset(x)", text) is None


def test_numbers_are_shown_without_surprises(page: Page) -> None:
    assert evaluate_module(page, "format.js", "m.position(59.9996)") == "00:01:00.000"
    assert evaluate_module(page, "format.js", "m.offset(-1.5334)") == "−1.533 s"
    assert evaluate_module(page, "format.js", "m.offset(-0.0001)") == "+0.000 s"
    assert evaluate_module(page, "format.js", "m.confidence(0.8999).word") == "fair"
    assert evaluate_module(page, "format.js", "m.confidence(0.8999).number") == "0.89"


# The box


def test_a_box_stays_inside_the_frame_whichever_way_it_is_drawn(page: Page) -> None:
    body = "m.between({x: 0.9, y: 1.4}, {x: 0.6, y: 0.8})"
    assert evaluate_module(page, "roi.js", body) == {
        "x": pytest.approx(0.6), "y": pytest.approx(0.8), "width": pytest.approx(0.3), "height": pytest.approx(0.2),
    }  # fmt: skip
    assert evaluate_module(page, "roi.js", "m.contain({x: 0.95, y: -1, width: 0.2, height: 0})") == {
        "x": pytest.approx(0.8), "y": 0, "width": pytest.approx(0.2), "height": pytest.approx(0.01),
    }  # fmt: skip


def test_the_box_keeps_to_the_picture_where_it_does_not_fill_its_frame(page: Page) -> None:
    found = evaluate_module(page, "roi.js", "m.fitted(16/9, 4/3)")
    assert found == {"left": pytest.approx(0.125), "top": 0, "width": pytest.approx(0.75), "height": 1}


def test_the_preview_reads_the_moment_that_is_shown(page: Page) -> None:
    vods = [{"vod_id": "A", "duration": 100}, {"vod_id": "B", "duration": 50}]
    body = "m.moments(x, {vod_id: 'A', time: 47.3})"
    assert evaluate_module(page, "readings.js", body, vods) == {"A": [10, 30, 47.3, 70, 90], "B": [5, 15, 25, 35, 45]}
