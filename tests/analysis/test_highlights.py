"""The whole analysis of small videos: what it finds, what it says where there is nothing, and how it goes on."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from media_app.av.probe import probe
from sessions_app.analysis.pipelines import highlights, pass_state, vision
from sessions_app.analysis.pipelines.highlights import find_highlights
from sessions_app.analysis.pipelines.shots import Edge, EdgeKind
from sessions_app.analysis.pipelines.task import AnalysisFailed, Result, Task
from tests.support.footage import convert, cut_short, noise, write_pictures
from vodplatform.core.formatting import clock, duration, hundredths, tenths

pytestmark = [pytest.mark.full, pytest.mark.pure]
WIDTH, HEIGHT, RATE, SECONDS = 160, 90, 10, 60
LOUD, FAST = (20.0, 25.0), (40.0, 45.0)  # seconds: what happens in the recording
PARAMS = {"segment_length": 10.0, "target_duration": 14.0, "max_highlights": 10, "min_score": 0.2}


def recording(path: Path, *, fast: bool = True, rate: int = RATE) -> Path:
    """A quiet scene with a small thing that moves; from 40 to 45 s everything moves."""
    grounds = [noise(seed, WIDTH, HEIGHT) for seed in range(3)]
    pictures = []
    for number in range(SECONDS * rate):
        time = number / rate
        picture = grounds[0].copy()
        cv2.circle(picture, (20 + number % 100, 40), 6, (0, 0, 255), -1)
        if fast and FAST[0] <= time < FAST[1]:
            picture = np.roll(grounds[1 + number % 2], 13 * number, axis=1)
        pictures.append(picture)
    return write_pictures(path, pictures, fps=Fraction(rate), gop=3 * rate)


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recording(tmp_path_factory.mktemp("recording") / "silent.mp4")


@pytest.fixture(scope="module")
def loud(silent: Path) -> Path:
    """The same with a low noise, and a tone from 20 to 25 s."""
    sound = (
        f"aevalsrc='0.01*(random(0)-0.5)+if(between(t,{LOUD[0]},{LOUD[1]}),0.4*sin(2*PI*900*t),0)':s=32000:d={SECONDS}"
    )
    return convert(
        silent, silent.with_name("loud.mp4"), "-f", "lavfi", "-i", sound, "-map", "0:v", "-map", "1:a", "-c:v", "copy",
        "-c:a", "aac",
    )  # fmt: skip


def analysed(path: Path, folder: Path, **changes: Any) -> Result:
    folder.mkdir(exist_ok=True)
    params = PARAMS | {name: changes.pop(name) for name in list(changes) if name in PARAMS}
    return find_highlights(Task(path=path, folder=folder, params=params, threads=1, **changes))


@dataclass(frozen=True)
class Found:
    """The result, folder, progress and checkpoints of one analysis of the loud recording."""

    result: Result
    folder: Path
    told: list[tuple[float, str]]
    checkpoints: list[dict[str, Any]]


@pytest.fixture(scope="module")
def found(loud: Path) -> Found:
    folder, told, checkpoints = loud.with_name("found"), [], []
    result = analysed(loud, folder, progress=lambda *said: told.append(said), checkpoint=checkpoints.append)
    return Found(result, folder, told, checkpoints)


def spans(result: Result) -> list[tuple[float, float]]:
    return [(one["start_time"], one["end_time"]) for one in result.data["highlights"]]


def test_what_is_loud_and_what_is_fast_is_found_said_and_pictured(found: Found) -> None:
    data = found.result.data
    json.dumps(data, allow_nan=False)
    first, second = spans(found.result)
    for (start, end), (begins, ends) in zip((first, second), (LOUD, FAST), strict=True):
        assert min(end, ends) - max(start, begins) > 4
        assert end - start < 8
    by_sound, by_motion = data["highlights"]
    assert by_sound["description"].startswith("Much louder than usual")
    assert "motion" not in by_sound["description"]
    assert by_motion["description"].startswith("Much more motion than usual")
    assert (by_sound["segment"], by_motion["segment"]) == (2, 4)
    seconds = sum(one["end_time"] - one["start_time"] for one in data["highlights"])
    assert data["summary"].startswith(f"2 highlights, {tenths(seconds)}")
    assert data["below_minimum"] == []
    assert all(one["score"] == data["segments"][one["segment"]]["score"] for one in data["highlights"])
    assert (data["duration"], data["method"], data["warnings"]) == (pytest.approx(SECONDS, abs=0.1), "signals", [])
    assert data["duration"] == round(data["duration"], 3)
    assert data["curves"]["step"] == 0.5
    assert {len(data["curves"][name]) for name in ("score", "sound", "motion")} == {120}
    assert int(np.argmax(data["curves"]["sound"])) * 0.5 == pytest.approx(20, abs=1)
    names = [found.result.files[f"thumb-{number}"] for number in range(2)]
    assert sorted(os.listdir(found.folder)) == sorted([*names, found.result.files["reel"]])
    for name in names:
        assert cv2.imread(str(found.folder / name)).shape == (HEIGHT, WIDTH, 3)


def test_progress_never_goes_back(found: Found) -> None:
    percents = [percent for percent, _ in found.told]
    assert percents == sorted(percents)
    assert (percents[0], percents[-1]) == (0, 100)
    texts = list(dict.fromkeys(text for _, text in found.told))
    assert texts[:2] == ["Reading the video", "Analyzing segment 1/6"]
    assert "Analyzing segment 6/6" in texts
    assert "Cutting the reel" in texts


def test_segments_are_a_fixed_grid_with_named_signals(loud: Path, tmp_path: Path) -> None:
    segments = analysed(loud, tmp_path / "out", segment_length=8.0).data["segments"]
    assert [(one["index"], one["start_time"]) for one in segments] == [(n, 8.0 * n) for n in range(8)]
    assert segments[-1]["end_time"] == pytest.approx(SECONDS, abs=0.1)
    assert all(0 <= value <= 1 for one in segments for value in (one["score"], *one["signals"].values()))
    assert all(set(one["signals"]) == {"sound", "motion", "cuts"} for one in segments)
    assert segments[2]["signals"]["sound"] > 0.5 > segments[1]["signals"]["sound"]
    assert segments[5]["signals"]["motion"] > 0.5 > segments[1]["signals"]["motion"]
    assert segments[1]["description"] == "Sound as usual, motion as usual."


def test_the_reel_holds_the_highlights_within_the_budget(loud: Path, tmp_path: Path) -> None:
    result = analysed(loud, tmp_path / "out", target_duration=7.0)
    facts = probe(tmp_path / "out" / result.files["reel"])
    assert 5.5 < facts.duration < 7.05
    assert (facts.codec, len(facts.audio_tracks)) == ("h264", 1)
    at = 0.0
    for one in result.data["highlights"]:
        assert one["reel_start"] == pytest.approx(at, abs=0.001)
        assert one["reel_end"] - one["reel_start"] == pytest.approx(one["end_time"] - one["start_time"], abs=0.002)
        at = one["reel_end"]
    assert at <= 7.001


def test_without_sound_the_motion_alone_decides_and_that_is_said(silent: Path, tmp_path: Path) -> None:
    result = analysed(silent, tmp_path / "out")
    [(start, end)] = spans(result)
    assert min(end, FAST[1]) - max(start, FAST[0]) > 4
    assert result.data["warnings"] == ["The video has no sound, so highlights were chosen by motion only."]
    assert probe(tmp_path / "out" / result.files["reel"]).audio_tracks == ()


def test_where_nothing_stands_out_there_are_no_highlights(tmp_path: Path) -> None:
    path = recording(tmp_path / "calm.mp4", fast=False)
    result = analysed(path, tmp_path / "out")
    assert (result.data["highlights"], result.files) == ([], {})
    assert result.data["summary"] == "No highlights found: no motion in this video of 60 s stands out."
    assert len(result.data["segments"]) == 6


def test_where_nothing_reaches_the_minimum_the_best_there_is_is_offered(loud: Path, tmp_path: Path) -> None:
    result = analysed(loud, tmp_path / "out", min_score=1.0)
    assert (result.data["highlights"], result.files) == ([], {})
    below = result.data["below_minimum"]
    assert any(one["start_time"] < LOUD[1] and LOUD[0] < one["end_time"] for one in below)
    assert [one["score"] for one in below] == sorted((one["score"] for one in below), reverse=True)
    start, end, score = clock(below[0]["start_time"]), clock(below[0]["end_time"]), hundredths(below[0]["score"])
    assert result.data["summary"] == (
        "Nothing in this video of 60 s reaches the minimum score of 1.00. "
        f"The best moment, from {start} to {end}, has a score of {score}."
    )


@pytest.mark.parametrize("count", [1, 2, 9])
def test_a_few_frames_are_a_video_too(tmp_path: Path, count: int) -> None:
    path = write_pictures(tmp_path / "short.mp4", [noise(n, WIDTH, HEIGHT) for n in range(count)])
    data = analysed(path, tmp_path / "out", segment_length=60.0).data
    assert len(data["segments"]) == 1
    assert 0 < data["duration"] <= 1
    json.dumps(data, allow_nan=False)


def test_what_is_no_video_is_refused(loud: Path, tmp_path: Path) -> None:
    sound = convert(loud, tmp_path / "sound.m4a", "-vn", "-c:a", "copy")
    text = tmp_path / "text.mp4"
    text.write_bytes(b"no video at all" * 100)
    for path, kind in ((sound, "no_video"), (text, "vod_unreadable")):
        with pytest.raises(AnalysisFailed) as failed:
            analysed(path, tmp_path / "out")
        assert failed.value.type == kind


@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_a_file_that_breaks_off_is_analysed_as_far_as_it_goes(loud: Path, tmp_path: Path, suffix: str) -> None:
    broken = convert(loud, tmp_path / f"broken.{suffix}", "-c", "copy", "-movflags", "+faststart")
    data = analysed(cut_short(broken, 0.45), tmp_path / "out").data
    assert 10 < data["duration"] < 50
    assert data["segments"][-1]["end_time"] == data["duration"]
    if suffix != "ts":  # which announces nothing
        ends = duration(data["duration"])
        told = f"The file is incomplete: it contains only {ends} of 1:00. This part was analysed."
        assert data["warnings"][0] == told


def test_turned_and_variable_rates_are_analysed(clips: Path, tmp_path: Path) -> None:
    for name in ("rotated.mp4", "vfr.mp4", "vp9.webm"):
        data = analysed(clips / name, tmp_path / name.replace(".", "-")).data
        assert data["duration"] == pytest.approx(probe(clips / name).duration, abs=0.2)


def test_a_retry_does_not_read_again(loud: Path, found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = json.loads(json.dumps(found.checkpoints[-1]))
    assert len(json.dumps(saved)) < 100_000
    monkeypatch.setattr(highlights, "survey", lambda *args: pytest.fail("read again"))
    second = analysed(loud, tmp_path / "second", saved=saved)
    for name in ("highlights", "summary"):
        assert second.data[name] == found.result.data[name]
    assert second.files == found.result.files


@pytest.mark.parametrize("saved", [{"version": 0}, {"version": pass_state.VERSION, "signals": []}])
def test_what_was_saved_otherwise_is_not_used(loud: Path, tmp_path: Path, saved: dict[str, Any]) -> None:
    assert len(analysed(loud, tmp_path / "out", saved=saved).data["highlights"]) == 2


def test_the_reel_begins_and_ends_where_shots_do(silent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[tuple[float, float]] = []

    def edges(path: Path, start: float, end: float, threads: int) -> list[Edge]:
        looked.append((start, end))
        return [Edge(EdgeKind.CUT, moment, moment) for moment in FAST if start <= moment <= end]

    monkeypatch.setattr(highlights, "find_edges", edges)
    result = analysed(silent, tmp_path / "out")
    assert spans(result) == [(pytest.approx(FAST[0]), pytest.approx(FAST[1], abs=0.11))]
    assert [(one["kind"], one["start"]) for one in result.data["edges"]] == [("cut", moment) for moment in FAST]
    assert all(end - start < 6 for start, end in looked)


class StandIn:
    """A judge that gives its scores in order. seen: the windows that it was asked about."""

    def __init__(self, scores: Sequence[float | None], notes: Sequence[str]) -> None:
        self.scores = list(scores)
        self.seen: list[Any] = []
        self.notes = list(notes)

    @property
    def is_spent(self) -> bool:
        return not self.scores

    def judge(self, window: Any) -> Any:
        self.seen.append(window)
        score = self.scores.pop(0)
        return vision.Verdict(score, "" if score is None else f"Said with {score}.")


def judged(
    loud: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, scores: Sequence[float | None],
    notes: Sequence[str] = ("The model was slow.",),
) -> tuple[Any, Any]:  # fmt: skip
    judge = StandIn(scores, notes)
    monkeypatch.setattr(vision, "Judge", lambda config: judge)
    return analysed(loud, folder, vision={"url": "http://model"}, target_duration=6.0), judge


def test_a_budget_that_runs_out_is_reported(loud: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, judge = judged(loud, tmp_path / "out", monkeypatch, [0.5], notes=())
    assert len(judge.seen) == 1
    assert result.data["warnings"] == [
        "The limit for using the AI model has been reached. The remaining highlights were chosen by sound and "
        "motion only."
    ]


def test_a_model_scores_the_best_windows(loud: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, judge = judged(loud, tmp_path / "out", monkeypatch, [0.0, 1.0])
    assert len(judge.seen) == 2
    for window in judge.seen:
        assert len(window.pictures) == 4
        assert all(picture.startswith(b"\xff\xd8") for picture in window.pictures)
        assert window.facts.startswith("From 0:")
    best = max(result.data["highlights"], key=lambda one: one["score"])
    assert best["description"] == "Said with 1.0."
    assert best["start_time"] == pytest.approx(judge.seen[1].start, abs=1.5)
    assert (result.data["method"], result.data["warnings"]) == ("vision", ["The model was slow."])


def test_an_unsure_model_is_ignored(loud: Path, found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = judged(loud, tmp_path / "out", monkeypatch, [None])
    plain = analysed(loud, tmp_path / "plain", target_duration=6.0, saved=found.checkpoints[-1])
    assert result.data["method"] == "signals"
    assert result.data["highlights"] == plain.data["highlights"]


def test_a_reel_that_cannot_be_cut_is_reported(loud: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise highlights.ConversionFailed("The video data is damaged.")

    monkeypatch.setattr(highlights, "cut_reel", refuse)
    result = analysed(loud, tmp_path / "out")
    assert len(result.data["highlights"]) == 2
    assert {one["reel_start"] for one in result.data["highlights"]} == {None}
    assert result.data["warnings"] == ["The reel could not be cut. The video data is damaged."]
    assert "reel" not in result.files


@pytest.mark.exhaustive
def test_three_hours_take_little_memory(tmp_path: Path) -> None:
    """In a process of its own, whose largest size tells."""
    minute = recording(tmp_path / "minute.mp4", rate=2)  # what is kept grows with the time, not with the pictures
    (tmp_path / "list.txt").write_text(f"file '{minute}'\n" * 180)
    many = ("-f", "concat", "-safe", "0", "-i", str(tmp_path / "list.txt"))
    path = convert(None, tmp_path / "long.mp4", *many, "-c", "copy")
    with av.open(str(path)) as container:
        assert container.duration > 10_700 * 1_000_000
    code = (
        "import json, sys, pathlib\n"
        "from sessions_app.analysis.pipelines.highlights import find_highlights\n"
        "from sessions_app.analysis.pipelines.task import Task\n"
        f"result = find_highlights(Task(pathlib.Path({str(path)!r}), pathlib.Path({str(tmp_path)!r}), {PARAMS!r}, 1))\n"
        "print(json.dumps([len(result.data['segments']), len(result.data['curves']['score']),\n"
        # Not ru_maxrss: that begins with what the process was forked from.
        "      int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])]))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=1800)
    segments, points, kilobytes = json.loads(run.stdout.splitlines()[-1])
    assert segments == 1080
    assert points <= 1200
    assert kilobytes < 500_000


def test_a_scene_that_moves_on_has_no_cuts(tmp_path: Path) -> None:
    """Its keyframes show other things, but nothing is cut."""
    ground = noise(1, 40 * WIDTH, HEIGHT)
    pictures = [ground[:, 12 * number :][:, :WIDTH] for number in range(30 * RATE)]
    path = write_pictures(tmp_path / "pan.mp4", pictures, fps=Fraction(RATE), gop=2 * RATE)
    found = analysed(path, tmp_path / "out")
    assert [one["signals"]["cuts"] for one in found.data["segments"]] == [0, 0, 0]
    assert not any("cut" in one["description"] for one in found.data["segments"] + found.data["highlights"])
    assert found.data["edges"] == []
