"""The dubbing child: what it answers, whom it blames, and what it leaves behind."""

import json
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from media_app.av.source import Source
from sessions_app.prosync.engine.audio.__main__ import serve
from tests.prosync.engine.test_audio_sound import clip, given, voice
from tests.support.footage import FFMPEG
from vodplatform.core.processes.child import BadRequest, Reports
from vodplatform.core.processes.process import run_child

pytestmark = [pytest.mark.full, pytest.mark.pure]
NOBODY = cast("Reports", None)  # is told nothing before a request is understood
CHILD = [sys.executable, "-m", "sessions_app.prosync.engine.audio"]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("video") / "video.mp4", voice(1, 3.0), seconds=3.0)


def request(video: Path, folder: Path, *lines: dict[str, Any]) -> dict[str, Any]:
    return {
        "source": str(video), "target": str(folder / "dubbed.mp4"), "folder": str(folder), "lines": list(lines),
        "threads": 1, "ffmpeg": FFMPEG,
    }  # fmt: skip


def line(sound: Path, start: float = 1.0, end: float = 2.0, **more: Any) -> dict[str, Any]:
    return {"start": start, "end": end, "sound": str(sound), **more}


def asked(request: Any) -> list[dict[str, Any]]:
    return run_child(CHILD, stdin=json.dumps(request).encode()).messages


def test_a_dub_is_answered_with_what_was_done(video: Path, tmp_path: Path) -> None:
    sound = given(tmp_path, 5, 2.0)
    lines = asked(
        request(video, tmp_path, line(sound, 2.0, 2.5, mode="loop", **{"from": 0.5, "to": 0.75}), line(sound))
    )  # fmt: skip
    result = lines[-1]["result"]
    assert [segment["mode"] for segment in result["segments"]] == ["loop", "cut_off"]
    assert (result["segments"][0]["used"], result["segments"][0]["repeats"]) == (0.25, 2.0)
    assert (result["sound"], result["picture"]) == ("spliced", "copied")
    percents = [one["progress"] for one in lines[:-1]]
    assert percents == sorted(percents)
    assert (percents[0], percents[-1]) == (0, 100)
    assert {path.name for path in tmp_path.iterdir()} == {"dubbed.mp4", "given-5.wav"}
    assert Source.open(tmp_path / "dubbed.mp4").facts.duration == pytest.approx(3.0, abs=0.03)


def test_who_or_what_is_at_fault_is_named(video: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_text("bread, milk" * 500)
    sound = given(tmp_path, 5, 1.0)
    error = asked(request(video, tmp_path, line(sound), line(tmp_path / "bad.wav", 2.0, 2.5)))[-1]["error"]
    assert (error["type"], error["line"]) == ("sound_unsupported", 1)
    assert "/" not in error["message"]
    assert {path.name for path in tmp_path.iterdir()} == {"bad.wav", "given-5.wav"}
    error = asked(request(sound, tmp_path, line(sound)))[-1]["error"]
    assert (error["type"], error.get("line")) == ("vod_unreadable", None)
    assert asked([])[-1]["error"]["type"] == "bad_request"
    assert run_child(CHILD, stdin=b"{").messages[-1]["error"]["type"] == "bad_request"


@pytest.mark.parametrize("lines", [
    [], [{"start": 1}], ["a"], [{"start": "nan", "end": 2, "sound": "a"}], [{"start": 2, "end": 1, "sound": "a"}],
    [{"start": -1, "end": 1, "sound": "a"}], [{"start": 0, "end": 1, "sound": "a", "mode": "reverse"}],
    [{"start": 0, "end": 1, "sound": "a", "from": 2, "to": 1}], [{"start": 0, "end": 1, "sound": "a", "from": 2}],
    [{"start": 0, "end": 1, "sound": "a"}, {"start": 0.5, "end": 2, "sound": "a"}],
])  # fmt: skip
def test_a_bad_request_is_said(video: Path, tmp_path: Path, lines: Any) -> None:
    with pytest.raises(BadRequest):
        serve({**request(video, tmp_path), "lines": lines}, NOBODY)


def test_a_full_disk_and_a_missing_folder_are_no_fault_of_the_sound(video: Path, tmp_path: Path) -> None:
    body = json.dumps(request(video, tmp_path, line(given(tmp_path, 5, 1.0)))).encode()
    lines = run_child(["bash", "-c", f"ulimit -f 20; exec {' '.join(CHILD)}"], stdin=body).messages
    assert lines[-1]["error"]["type"] == "disk_full"
    assert {path.name for path in tmp_path.iterdir()} == {"given-5.wav"}
    body = request(video, tmp_path / "nowhere", line(given(tmp_path, 5, 1.0)))
    assert asked(body)[-1]["error"]["type"] == "unavailable"
