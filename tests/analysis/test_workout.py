"""Workouts: what repeats is counted, told apart and timed; what does not is left out, and said to be."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from media_app.av.container import MediaError
from media_app.av.frames import VideoFile
from media_app.av.probe import probe
from sessions_app.analysis.pipelines import pose_sampling, workout
from sessions_app.analysis.pipelines.pose_sampling import RATE, SMALL, rate_for, unpacked
from sessions_app.analysis.pipelines.poses import Poses, PosesUnavailable
from sessions_app.analysis.pipelines.preview import count_at
from sessions_app.analysis.pipelines.repetitions import picture_signals
from sessions_app.analysis.pipelines.task import AnalysisFailed, Result, Task
from sessions_app.analysis.pipelines.workout import build_results, count_workout
from tests.support.bodies import Floats, bends, curling, seen, squatting
from tests.support.clips import render_clip
from tests.support.footage import convert, cut_short, noise, write_pictures
from vodplatform.core.formatting import duration

pytestmark = pytest.mark.pure
SQUAT = Path(__file__).parents[1] / "av" / "rx_squat.mp4"
PARAMS = {"exercise": "auto", "min_repetitions": 2}


def described(joints: Floats, params: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return build_results(seen(joints, **more), {**PARAMS, **(params or {})}, [])


def nobody(seconds: float) -> Floats:
    return np.full((round(seconds * 15), 33, 4), np.nan)


def resting(seconds: float) -> Floats:
    return squatting(np.zeros(round(seconds * 15)))


@pytest.mark.parametrize("count", [2, 5])
def test_a_set_is_counted_named_and_timed(count: int) -> None:
    data = described(squatting(bends(count)))
    [one] = data["exercises"]
    assert (one["name"], one["repetitions"], data["total_repetitions"]) == ("squat", count, count)
    turns = [rep["turn"] for rep in one["rep_times"]]
    assert turns == pytest.approx([2.0 + 2.4 * number for number in range(count)], abs=0.2)
    assert all(rep["start"] < rep["turn"] < rep["end"] for rep in one["rep_times"])
    assert all(before["end"] <= after["start"] for before, after in pairwise(one["rep_times"]))
    assert one["start_time"] == one["rep_times"][0]["start"]
    assert one["end_time"] == one["rep_times"][-1]["end"]
    assert one["tempo"]["seconds"] == pytest.approx(2.0, abs=0.4)
    assert 0.5 <= one["confidence"] <= 1
    assert data["method"] == "poses"
    assert data["summary"] == f"{count} squats."
    curve = one["curve"]
    assert 0 <= min(curve["values"]) < 0.2 < 0.8 < max(curve["values"]) <= 1
    assert len(curve["values"]) <= 1200
    assert curve["start"] == one["start_time"]
    assert (len(curve["values"]) - 1) * curve["step"] == pytest.approx(one["end_time"] - one["start_time"], abs=0.11)


def test_two_exercises_are_told_apart_and_a_long_pause_ends_a_set() -> None:
    joints = np.concatenate([squatting(bends(4)), resting(3), curling(bends(6, length=1.6))])
    data = described(joints)
    assert [(one["name"], one["repetitions"]) for one in data["exercises"]] == [("squat", 4), ("biceps curl", 6)]
    assert data["summary"] == "10 repetitions: 4 squats and 6 biceps curls."
    assert all(one["end_time"] <= two["start_time"] for one, two in pairwise(data["exercises"]))
    short = described(np.concatenate([squatting(bends(3)), resting(0.5), squatting(bends(3))]))
    [one] = short["exercises"]
    assert one["repetitions"] == 6
    [pause] = one["tempo"]["pauses"]
    assert pause["end"] - pause["start"] == pytest.approx(2.9, abs=0.6)
    long = described(np.concatenate([squatting(bends(3)), resting(9), squatting(bends(4))]))
    assert [one["repetitions"] for one in long["exercises"]] == [3, 4]
    assert long["summary"] == "7 squats in two sets."


@pytest.mark.parametrize("seed", range(2))
def test_who_moves_without_repeating_is_not_counted(seed: int) -> None:
    random = np.random.default_rng(seed)
    steps = np.convolve(np.cumsum(random.normal(0, 0.2, 420)), np.ones(9) / 9, "same")
    wander = (steps - steps.min()) / np.ptp(steps)
    other = np.roll(wander[::-1], 60)
    joints = squatting(wander)
    joints[:, [13, 14, 15, 16]] = curling(other)[:, [13, 14, 15, 16]]
    data = described(joints)
    # A random walk may go up and down twice alike: that is never said with confidence.
    assert all(one["confidence"] < 0.9 for one in data["exercises"])
    assert data["total_repetitions"] <= 2


def test_who_walks_away_is_not_counted_and_who_leaves_the_picture_is_told_to_film_from_further_away() -> None:
    curve = bends(8, length=1.0, rest=0.0)
    joints = squatting(0.6 * curve)
    joints[:, :, 0] += np.linspace(0, 900, len(curve))[:, None]
    assert described(joints)["exercises"] == []
    walls = np.random.default_rng(1).integers(0, 255, (1000, SMALL, SMALL)).astype(np.uint8)
    joints = np.concatenate([squatting(bends(5)), nobody(12)])
    data = described(joints, pictures=walls[: len(joints)])
    assert data["total_repetitions"] == 5
    [part] = data["not_counted"]
    assert part["end_time"] == pytest.approx(len(joints) / 15, abs=0.2)
    assert "Film the whole body" in part["reason"] or "further away" in part["reason"]
    assert data["summary"].startswith("5 squats. Repetitions could not be counted in 1")
    assert data["summary"].endswith("s of the video.")


def test_without_movement_or_with_too_few_pictures_it_says_so() -> None:
    data = described(resting(20), noise=0.2)
    assert data["exercises"] == []
    assert data["total_repetitions"] == 0
    assert data["summary"] == "No movement repeats clearly enough to be counted."
    for length in (0, 1, 5):
        data = described(squatting(np.zeros(length)))
        assert data["exercises"] == []
        assert data["summary"] == "The video is too short to contain repetitions."


def test_fewer_than_were_asked_for_are_mentioned_and_a_named_exercise_is_the_only_one_counted() -> None:
    data = described(squatting(bends(3)), {"min_repetitions": 4})
    assert data["exercises"] == []
    assert data["total_repetitions"] == 0
    [part] = data["not_counted"]
    assert part["reason"] == "Only 3 repetitions in a row. At least 4 are needed."
    joints = np.concatenate([squatting(bends(4)), resting(3), curling(bends(5))])
    [one] = described(joints, {"exercise": "biceps curl"})["exercises"]
    assert (one["name"], one["repetitions"]) == ("biceps curl", 5)
    [one] = described(joints, {"exercise": "squat"})["exercises"]
    assert (one["name"], one["repetitions"]) == ("squat", 4)


def test_a_clock_in_the_picture_is_no_exercise_and_a_still_picture_is_said_to_be_still() -> None:
    """Digits change as regularly as anything does; they are small."""
    pictures = np.full((600, SMALL, SMALL), 90, np.uint8)
    for number in range(len(pictures)):
        pictures[number, 20, 18:22] = 90 + 60 * (np.array([number, number // 3, number // 8, number // 15]) % 2)
    data = described(nobody(40), pictures=pictures)
    assert data["exercises"] == []
    assert data["total_repetitions"] == 0
    data = described(nobody(10), pictures=np.full((150, SMALL, SMALL), 90, np.uint8))
    assert data["summary"] == "Hardly anything moves in this video, so there is nothing to count."
    assert data["not_counted"] == []
    assert picture_signals(np.full((150, SMALL, SMALL), 90, np.uint8)) == {}


def test_depth_slowing_down_and_one_side_that_bends_less_are_told() -> None:
    steady = described(squatting(bends(7)))["exercises"][0]["feedback"]
    assert len(steady) == 1
    assert steady[0].startswith("Steady pace: the durations of the repetitions vary by ")
    shallow = described(squatting(bends(7, depths=[1, 1, 1, 1, 1, 0.65, 1])))["exercises"][0]
    assert shallow["repetitions"] == 7
    assert any(said.startswith("Repetition 6 reaches ") for said in shallow["feedback"])
    slow = np.concatenate([bends(5)[:-15], bends(2, length=3.4)[15:]])
    assert any(
        "last two repetitions are slower" in said for said in described(squatting(slow))["exercises"][0]["feedback"]
    )
    curve = bends(5)
    joints = curling(curve)
    joints[:, [11, 13, 15]] = curling(0.55 * curve)[:, [11, 13, 15]]
    [one] = described(joints)["exercises"]
    assert one["repetitions"] == 5
    if "elbow" in one["signal"]:
        assert any("the left elbow moves through " in said for said in one["feedback"])
    joints[:, [11, 13, 15], 3] = 0.4
    [one] = described(joints)["exercises"]
    assert not any("left elbow" in said for said in one["feedback"])


def test_joints_survive_being_packed_and_three_hours_of_them_are_less_than_a_megabyte() -> None:
    joints = seen(np.concatenate([squatting(bends(5)), nobody(2), curling(bends(2))])).joints
    again = unpacked(pose_sampling.packed(joints))
    assert again.shape == joints.shape
    there = ~np.isnan(joints[:, 0, 0])
    assert np.array_equal(there, ~np.isnan(again[:, 0, 0]))
    difference = (again - joints)[there][:, list(pose_sampling.KEPT), :2]
    assert np.abs(difference).max() <= 0.126
    hours = np.tile(squatting(bends(20)), (80, 1, 1))[:54_000]
    saved = pose_sampling.packed(seen(hours, noise=1.0).joints)
    assert len(saved["joints"]) <= pose_sampling.MAX_SAVED
    assert len(unpacked(saved)) == 54_000


@pytest.mark.parametrize("saved", [None, {}, {"version": 0}, {"version": 1, "looks": 3, "step": 1, "joints": "?"}])
def test_a_checkpoint_that_cannot_be_read_counts_for_nothing(saved: dict[str, Any] | None) -> None:
    assert len(unpacked(saved)) == 0


def test_a_long_video_is_looked_at_less_often_and_the_counter_counts_what_is_done() -> None:
    assert rate_for(0) == rate_for(600) == RATE
    assert rate_for(3600) == pose_sampling.MAX_LOOKS / 3600
    assert rate_for(3 * 3600) == pose_sampling.MIN_RATE
    labels = [(1.0, 5.0, "Squat", [3.0, 5.0]), (20.0, 24.0, "Movement", [22.0, 24.0])]
    assert [count_at(labels, at) for at in (0.5, 1.5, 3.0, 5.5, 10.0, 23.0)] == [
        "", "Squat 0 of 2", "Squat 1 of 2", "Squat 2 of 2", "", "Movement 1 of 2",
    ]  # fmt: skip
    assert [duration(seconds) for seconds in (0, 65.4, 3725)] == ["0:00", "1:05", "1:02:05"]


def run(path: Path, folder: Path, **more: Any) -> Result:
    folder.mkdir(exist_ok=True)
    return count_workout(Task(path=path, folder=folder, params=PARAMS, threads=1, **more))


@pytest.mark.full
def test_a_real_squat_is_counted_drawn_and_not_looked_at_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[float, str]] = []
    saved: list[dict[str, Any]] = []
    result = run(SQUAT, tmp_path / "one", progress=lambda *said: told.append(said), checkpoint=saved.append)
    [one] = result.data["exercises"]
    assert (one["name"], one["repetitions"]) == ("squat", 2)
    assert [rep["turn"] for rep in one["rep_times"]] == pytest.approx([3.0, 9.7], abs=0.5)
    assert result.files == {"preview": "preview.mp4"}
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["preview.mp4"]
    facts = probe(tmp_path / "one" / "preview.mp4")
    assert (facts.codec, facts.pixel_format) == ("h264", "yuv420p")
    assert facts.duration == pytest.approx(12.0, abs=0.1)
    content = (tmp_path / "one" / "preview.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    percents = [percent for percent, _ in told]
    assert percents == sorted(percents)
    assert "Analyzing segment 2/3" in [message for _, message in told]

    # An attempt that died after this goes on from there.
    monkeypatch.setattr(Poses, "find", lambda *_: pytest.fail("looked for poses again"))
    again = run(SQUAT, tmp_path / "two", saved=saved[-1])
    assert [one["repetitions"] for one in again.data["exercises"]] == [2]
    assert again.data["exercises"][0]["rep_times"][0]["turn"] == pytest.approx(one["rep_times"][0]["turn"], abs=0.2)


@pytest.mark.full
def test_it_goes_by_the_times_of_frames_not_by_their_number(tmp_path: Path) -> None:
    path = render_clip(tmp_path / "vfr.mp4", frame_steps=(1, 1, 2, 1, 9), seconds=6.0, sound=False)
    with VideoFile(path) as video:
        times = [picture.time for picture in pose_sampling.sample_frames(video, RATE)]
    assert max(np.diff(times)) == pytest.approx(0.3, abs=0.01)
    assert min(np.diff(times)) >= 0.5 / RATE - 1e-6
    assert 5.5 < times[-1] < 6.0


@pytest.mark.full
def test_the_sound_goes_into_the_preview_and_a_turned_video_stands_upright(tmp_path: Path) -> None:
    """Stored lying down, with a note to turn it; beside it a tone."""
    tone = ("-f", "lavfi", "-i", "sine=d=12:r=48000")
    lying = convert(SQUAT, tmp_path / "lying.mp4", *tone, "-vf", "transpose=2", "-shortest", "-preset", "ultrafast")
    turned = convert(None, tmp_path / "turned.mp4", "-display_rotation", "-90", "-i", str(lying), "-c", "copy")
    assert probe(turned).rotation == 90
    result = run(turned, tmp_path / "out")
    assert [one["repetitions"] for one in result.data["exercises"]] == [2]
    facts = probe(tmp_path / "out" / "preview.mp4")
    assert (facts.width, facts.height, facts.rotation) == (226, 400, 0)
    assert [track.codec for track in facts.audio_tracks] == ["aac"]


@pytest.mark.full
def test_a_file_that_breaks_off_is_analysed_as_far_as_it_goes(tmp_path: Path) -> None:
    part = convert(SQUAT, tmp_path / "part.mp4", "-c", "copy", "-movflags", "+faststart")
    result = run(cut_short(part, 0.6), tmp_path / "out")
    [warning] = [one for one in result.data["warnings"] if "incomplete" in one]
    assert warning.startswith("The video track is incomplete: it contains only 0:0")
    assert result.data["duration"] < 11.0


@pytest.mark.full
def test_what_has_no_picture_nobody_or_a_single_frame_is_said(tmp_path: Path) -> None:
    path = convert(None, tmp_path / "a.m4a", "-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac")
    with pytest.raises(AnalysisFailed) as caught:
        run(path, tmp_path / "out")
    assert caught.value.type == "no_video"
    (tmp_path / "text.mp4").write_text("a shopping list")
    with pytest.raises(MediaError):
        run(tmp_path / "text.mp4", tmp_path / "out")
    result = run(write_pictures(tmp_path / "v.mp4", [noise(4)]), tmp_path / "out")
    assert result.data["summary"] == "The video is too short to contain repetitions."
    assert result.files == {}
    result = run(render_clip(tmp_path / "nobody.mp4", seconds=3.0), tmp_path / "out")
    assert (result.data["exercises"], result.files) == ([], {})
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.full
def test_without_the_model_movement_alone_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Poses:
        raise PosesUnavailable("The pose model is not installed: `make install` does it.")

    monkeypatch.setattr(workout, "Poses", missing)
    pictures = [np.full((96, 96, 3), 90, np.uint8) for _ in bends(5)]
    for picture, place in zip(pictures, bends(5), strict=True):
        at = int(8 + 60 * place)
        picture[at : at + 16, 24:72] = 200
    path = write_pictures(tmp_path / "v.mp4", pictures, fps=Fraction(15))
    result = run(path, tmp_path / "out")
    [one] = result.data["exercises"]
    assert (one["name"], one["repetitions"], one["signal"]) == ("movement", 5, "the picture's movement")
    assert (one["name_confidence"], one["confidence"] < 0.9, result.data["method"]) == (0, True, "movement")
    assert any("make install" in one for one in result.data["warnings"])
