"""On drawn recordings: the timer is found, its flips are found to the frame, and the child keeps its protocol."""

import json
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av import VideoFrame
from hypothesis import given
from hypothesis import strategies as st

from media_app.av.frames import Box, Picture
from sessions_app.comparison.alignment.child.answer import AlignmentResult, safe_name
from sessions_app.comparison.alignment.child.by_timer import EVIDENCE_SHARE, Roi, align_by_timer, surroundings
from sessions_app.comparison.alignment.child.locate import Locator
from sessions_app.comparison.alignment.child.reader import RapidReader, TextFinder
from sessions_app.comparison.alignment.child.sample import Source
from sessions_app.comparison.alignment.child.timer_text import PROFILES
from tests.comparison.alignment.draw import Look, draw_clip, minutes

pytestmark = [pytest.mark.pure, pytest.mark.full]
NTSC = Fraction(30_000, 1001)
RIGHT = Look(x=0.72, y=0.82, digits=14, colour=(40, 220, 250), panel=(20, 20, 20))
HINT = Box(0.40, 0.02, 0.24, 0.16)


@pytest.fixture(scope="module")
def rapid() -> RapidReader:
    return RapidReader()


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Clips of one countdown from 9:00 (a starts at match second 20.31, b at 29.77) and some that are none."""
    folder = tmp_path_factory.mktemp("clips")

    def clip(name: str, text: Callable[[float], str], seconds: float = 32, **kwargs: Any) -> Path:
        return draw_clip(folder / f"{name}.mp4", text, seconds, **kwargs)

    return {
        "a": clip("a", lambda t: minutes(540 - 20.31 - t)),
        "b": clip("b", lambda t: minutes(540 - 29.77 - t), fps=NTSC, size=(426, 240), look=RIGHT, seed=2),
        "c": clip("c", lambda t: minutes(540 - 53.0 - t), seed=3),
        "blank": clip("blank", lambda t: "", 20),
        "frozen": clip("frozen", lambda t: "4:07", 20),
        "late": clip("late", lambda t: minutes(540 - 29.77 - late(t)), 24, gop=9999),
        "up": clip("up", lambda t: minutes(100.4 + t), 20),
        "bare": clip("bare", lambda t: "130", 20),
        "hidden": clip("hidden", lambda t: minutes(540 - 20.31 - t) if t > 12 else "", 32),
    }


def late(time: float) -> float:
    """The moment that a frame shows whose encoder leaves old digits standing in four of seven seconds."""
    begun = np.floor(time - 0.23)
    return float(time if time - 0.23 - begun >= (0.0, 0.7, 0.4, 0.0, 0.9, 0.0, 0.2)[int(begun) % 7] else begun + 0.22)


@pytest.mark.parametrize(("across", "down", "scale"), [(-0.06, 0.0, 1.0), (0.06, 0.03, 1.6), (0.0, 0.04, 1.6)])
def test_loose_box_works(clips: dict[str, Path], rapid: RapidReader, across: float, down: float, scale: float) -> None:
    hint = Box(HINT.x + across, max(0, HINT.y + down), HINT.width * scale, HINT.height * scale)
    with Source("a", clips["a"], rapid, PROFILES["auto"]) as source:
        locator = Locator(TextFinder(), rapid, PROFILES["auto"])
        best = locator.near(hint, list(source.pictures(source.spread(3))))[0]
        assert abs(best.box.x + best.box.width / 2 - 0.5) < 0.08
        assert best.box.y < 0.1


def test_the_timer_is_found_without_a_hint_and_in_a_larger_picture(clips: dict[str, Path], rapid: RapidReader) -> None:
    locator = Locator(TextFinder(), rapid, PROFILES["auto"])
    with Source("b", clips["b"], rapid, PROFILES["auto"]) as source:
        (picture,) = source.pictures(source.spread(1))
        assert any(c.box.x > 0.6 and c.box.y > 0.7 for c in locator.find_anywhere(picture, fine=False))
        small = picture.scaled(640)
    image = np.zeros((720, 1280, 3), np.uint8)
    image[-small.shape[0] :, -small.shape[1] :] = small
    larger = Picture(VideoFrame.from_ndarray(image, format="bgr24"), picture.time, Fraction(1), 0)
    assert any(0.8 < c.box.x < 1 and 0.85 < c.box.y < 1 for c in locator.find_anywhere(larger, fine=True))


def aligned(
    clips: dict[str, Path], names: str, rapid: RapidReader, *, roi: Roi | None = None, game: str = "auto", **more: Any
) -> AlignmentResult:
    return align_by_timer([(name, clips[name]) for name in names.split()], roi, game, rapid, **more)


def test_two_recordings_are_aligned_with_evidence(clips: dict[str, Path], rapid: RapidReader, tmp_path: Path) -> None:
    heard: list[float] = []
    result = aligned(
        clips, "a b", rapid, roi=Roi("a", 5.0, HINT), evidence_dir=tmp_path,
        on_progress=lambda percent, message: heard.append(percent),
    )  # fmt: skip
    assert result.reference == "a"
    (proposal,) = result.proposals
    # b starts 9.46 s later in the match: the same moment is 9.46 s earlier in its own time.
    assert abs(proposal.offset - (29.77 - 20.31)) <= 0.5 / 30 + 0.5 / NTSC + 1e-4
    assert proposal.confidence < 0.9
    assert "uninterrupted run" in proposal.note
    assert {e.file for e in proposal.evidence} == {f"b-{n}-{v}.jpg" for n in range(3) for v in "ab"}
    for first, second in zip(proposal.evidence[::2], proposal.evidence[1::2], strict=True):
        assert first.text == second.text
        assert first.time - second.time == pytest.approx(proposal.offset, abs=1 / 29)
        assert (tmp_path / first.file).stat().st_size > 2000
    assert heard == sorted(heard)
    assert len(heard) > 3


@pytest.mark.parametrize("names", ["a late", "hidden b"], ids=["one keyframe and late digits", "a timer from 12 s on"])
def test_flips_that_are_hard_to_see_are_found(clips: dict[str, Path], rapid: RapidReader, names: str) -> None:
    (proposal,) = aligned(clips, names, rapid).proposals
    assert proposal.offset == pytest.approx(9.46, abs=1 / 30)
    assert abs(proposal.offset - 9.46) <= proposal.error_bound


@pytest.mark.parametrize(("names", "given", "reason", "says"), [
    ("a up", {"game": "csgo"}, "timer_direction", "counts up"),
    ("a bare", {}, "timer_not_found", ""),  # a number without a colon is no timer
    ("a frozen", {"roi": Roi("a", 3, HINT)}, "timer_frozen", "4:07"),
])  # fmt: skip
def test_a_timer_of_no_use_is_refused_with_what_it_shows(
    clips: dict[str, Path], rapid: RapidReader, names: str, given: dict[str, Any], reason: str, says: str
) -> None:
    (refusal,) = aligned(clips, names, rapid, **given).refused
    assert refusal.reason == reason
    assert says in refusal.message


def test_a_third_without_common_time_is_placed_through_the_second(clips: dict[str, Path], rapid: RapidReader) -> None:
    second, third = aligned(clips, "a b c", rapid).proposals
    assert second.offset == pytest.approx(9.46, abs=0.04)
    assert third.offset == pytest.approx(53.0 - 20.31, abs=1.5 / 30 + 1e-3)
    assert third.confidence < second.confidence
    assert "through b" in third.note


def test_one_unusable_video_is_refused_alone(clips: dict[str, Path], rapid: RapidReader, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    for path, reason in ((clips["blank"], "timer_not_found"), (bad, "vod_unreadable")):
        result = aligned({**clips, "x": path}, "x a b", rapid)
        assert result.reference == "a"
        assert [(r.vod_id, r.reason) for r in result.refused] == [("x", reason)]
        assert [p.vod_id for p in result.proposals] == ["b"]


@given(st.floats(0.01, 1), st.floats(0.01, 1), st.floats(0, 1), st.floats(0, 1))
def test_evidence_shows_the_whole_timer_and_lies_inside_the_frame(
    width: float, height: float, across: float, down: float
) -> None:
    """It is large enough to be read, with the game around it."""
    box = Box((1 - width) * across, (1 - height) * down, width, height)
    around = surroundings(box)
    assert around.width == around.height >= EVIDENCE_SHARE
    for start, length, inner, inner_length in (
        (around.x, around.width, box.x, box.width), (around.y, around.height, box.y, box.height),
    ):  # fmt: skip
        places = [0, start, inner, inner + inner_length, start + length, 1]
        assert places == pytest.approx(sorted(places), abs=1e-9)


def test_ids_never_leave_the_evidence_folder() -> None:
    assert safe_name("b") == "b"
    assert "/" not in safe_name("../../etc/x") and not safe_name("..").startswith(".")
    assert safe_name("a.b") != safe_name("a_b")


def child(request: Any) -> list[dict[str, Any]]:
    argv = [sys.executable, "-m", "sessions_app.comparison.alignment.child"]
    done = subprocess.run(argv, input=json.dumps(request), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(("request_", "kind"), [
    ([1], "bad_request"),
    ({"op": "dance", "videos": []}, "bad_request"),
    ({"op": "align", "videos": [], "roi": {"x": "wide"}}, "bad_request"),
    ({"op": "align", "videos": [], "reader": "easyocr"}, "reader_unavailable"),
])  # fmt: skip
def test_the_child_answers_bad_requests_with_an_error(request_: Any, kind: str) -> None:
    (answer,) = child(request_)
    assert answer["error"]["type"] == kind
    assert answer["error"]["message"]


def test_the_child_previews_exact_frames(clips: dict[str, Path], tmp_path: Path) -> None:
    exact = {"vod_id": "a", "path": str(clips["a"]), "times": [1.0, 10.5, 20.25]}
    videos = [exact, {"vod_id": "b", "path": str(clips["b"]), "times": None}]
    roi = {"vod_id": "a", "time": 5.0, **HINT.as_json()}
    request = {"op": "preview", "videos": videos, "roi": roi, "reader": "rapidocr", "crop_dir": str(tmp_path)}
    (answer,) = child(request)
    readings = answer["result"]["readings"]
    mine = [r for r in readings if r["vod_id"] == "a"]
    assert [r["text"] for r in mine] == [minutes(540 - 20.31 - t) for t in (1.0, 10.5, 20.25)]
    assert [r["crop"] for r in mine] == ["a-0.jpg", "a-1.jpg", "a-2.jpg"]
    others = [r for r in readings if r["vod_id"] == "b"]
    assert len(others) == 8
    # The timer of b is elsewhere: it is looked for.
    assert sum(r["value"] == float(np.floor(540 - 29.77 - r["time"])) for r in others) >= 6
    assert all((tmp_path / r["crop"]).is_file() for r in readings)
