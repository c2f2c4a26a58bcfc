"""The merging child: what it answers, whom it blames, and what it leaves behind."""

import json
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from media_app.av.probe import probe
from tests.av.statements import statement
from tests.support.footage import FFMPEG, blanked, convert, cut_short, noise, write_pictures
from vodplatform.core.processes.process import run_child

pytestmark = [pytest.mark.full, pytest.mark.pure]


CHILD = [sys.executable, "-m", "media_app.av.merge"]


def request(target: Path, clips: Sequence[Path], folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "clips": [{"path": str(path), "name": path.name} for path in clips], "target": str(target),
        "folder": str(folder), "ffmpeg": FFMPEG, "threads": 1, **more,
    }  # fmt: skip


def child(asked: Any) -> list[dict[str, Any]]:
    return run_child(CHILD, stdin=json.dumps(asked).encode()).messages


def error_of(lines: list[dict[str, Any]]) -> dict[str, Any]:
    return lines[-1]["error"]


def asked(folder: Path, *clips: Path, **more: Any) -> list[dict[str, Any]]:
    return child(request(folder / "merged.mp4", clips, folder, **more))


def test_a_copy_is_answered_with_what_was_written(tmp_path: Path) -> None:
    clips = [statement(tmp_path, n).path for n in (1, 2, 3)]
    lines = asked(tmp_path, *clips)
    result = lines[-1]["result"]
    made = tmp_path / "merged.mp4"
    assert result["size"] == made.stat().st_size
    assert result["duration"] == result["segments"][-1]["end"] == pytest.approx(probe(made).duration, abs=0.002)
    assert result["segments"][0]["start"] == 0
    assert [one["end"] for one in result["segments"][:-1]] == [one["start"] for one in result["segments"][1:]]
    assert (result["picture"], result["sound"], result["why"]) == ("copied", "copied", None)
    assert (result["width"], result["height"], result["fps"]) == (224, 126, [25, 1])
    assert result["clips"] == [
        {"duration": 1.0, "width": 224, "height": 126, "fps": [25, 1], "has_sound": True} for _ in clips
    ]


def test_an_encode_says_why_and_its_progress_never_goes_back(tmp_path: Path) -> None:
    clips = [statement(tmp_path, 1).path, statement(tmp_path, 2, fps=30, sound=None).path]
    lines = asked(tmp_path, *clips)
    result = lines[-1]["result"]
    assert (result["picture"], result["sound"], result["fps"]) == ("encoded", "encoded", [30, 1])
    assert result["why"] == "The encoding of Clip 2 (“clip-2.mp4”) differs from that of the other clips."
    percents = [line["progress"] for line in lines[:-1]]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert {"Reading clip 2", "Encoding clip 1 of 2", "Encoding clip 2 of 2", "Joining", "Done"} <= {
        line["message"] for line in lines[:-1]
    }
    assert {path.name for path in tmp_path.iterdir()} == {"clip-1.mp4", "clip-2.mp4", "merged.mp4"}


def as_vp9(path: Path) -> Path:
    return convert(
        path, path.with_suffix(".webm"), "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "2M",
        "-an",
    )  # fmt: skip


def index_first(path: Path) -> Path:
    return convert(path, path.with_name("first.mp4"), "-c", "copy", "-movflags", "+faststart")


@pytest.mark.parametrize(("damage", "type", "says"), [
    (lambda path: path.with_name("gone.mp4"), "vod_unreadable", "cannot be read"),
    (cut_short, "vod_unreadable", "cannot be read"),
    (lambda path: cut_short(index_first(path)), "vod_unreadable", "its end is missing"),
    (
        lambda path: cut_short(convert(path, path.with_suffix(".mkv"), "-c", "copy")), "vod_unreadable",
        "its end is missing",
    ),
    (lambda path: cut_short(as_vp9(path)), "vod_unreadable", "its end is missing"),
    (lambda path: blanked(index_first(path), 0.35, 0.95), "merge_failed", "cannot be converted"),
    (lambda path: blanked(as_vp9(path), 0.5, 0.95), None, "Clip 2 (“clip-2.webm”)"),
    (lambda path: path.write_text("milk, bread") and path, "vod_unreadable", "not a video"),
    (
        lambda path: convert(None, path.with_suffix(".m4a"), "-f", "lavfi", "-i", "sine=d=1"), "no_video",
        "no video track",
    ),
])  # fmt: skip
def test_a_damaged_clip_is_named(tmp_path: Path, damage: Any, type: str | None, says: str) -> None:
    first, third = statement(tmp_path, 1).path, statement(tmp_path, 3).path
    second = damage(statement(tmp_path, 2, seconds=4.0).path)
    error = error_of(asked(tmp_path, first, second, third))
    assert error["clip"] == 1
    assert error["type"] == type or (type is None and error["type"] in ("merge_failed", "vod_unreadable"))
    assert says in error["message"]
    assert f"Clip 2 (“{second.name}”)" in error["message"]
    assert "/" not in error["message"]
    assert not (tmp_path / "merged.mp4").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".merge")]


@pytest.mark.parametrize("request_", [
    [], {"clips": []}, {"clips": [{"path": "a", "name": "a"}], "target": "b", "folder": "c"},
    {"clips": ["a", "b"], "target": "b", "folder": "c"},
])  # fmt: skip
def test_a_bad_request_is_said(request_: Any) -> None:
    assert error_of(child(request_))["type"] == "bad_request"


@pytest.mark.parametrize("fps", [25, 30])
def test_a_full_disk_is_no_fault_of_the_clips(tmp_path: Path, fps: int) -> None:
    """A limit of the file's size ends both writers as a full disk does, in the middle of their work."""
    pictures = [noise(number, 640, 360) for number in range(25)]
    clips = [
        write_pictures(tmp_path / f"clip-{rate}-{n}.mp4", pictures, fps=Fraction(rate))
        for n, rate in enumerate((25, fps, 25))
    ]
    assert sum(clip.stat().st_size for clip in clips) > 1_000_000
    script = f"ulimit -f 100; exec {' '.join(CHILD)}"
    body = request(tmp_path / "merged.mp4", clips, tmp_path)
    lines = run_child(["bash", "-c", script], stdin=json.dumps(body).encode()).messages
    assert error_of(lines)["type"] == "disk_full"
    assert "clip" not in error_of(lines)
    assert {path.suffix for path in tmp_path.iterdir()} == {".mp4"}
    assert not (tmp_path / "merged.mp4").exists()


def test_a_missing_ffmpeg_is_missed_for_an_encode_alone_and_a_missing_folder_is_said(tmp_path: Path) -> None:
    clips = [statement(tmp_path, 1).path, statement(tmp_path, 2).path]
    assert "result" in asked(tmp_path, *clips, ffmpeg="/nowhere/ffmpeg")[-1]
    other = statement(tmp_path, 3, fps=30).path
    error = error_of(asked(tmp_path, *clips, other, ffmpeg="/nowhere/ffmpeg"))
    assert (error["type"], error.get("clip")) == ("unavailable", None)
    error = error_of(child(request(tmp_path / "nowhere" / "merged.mp4", clips, tmp_path)))
    assert error["type"] == "unavailable"
