"""`manage.py highlights` and `workout`: results as sentences and as JSON, files kept whole, an end at Ctrl-C."""

import contextlib
import io
import json
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from pytest_check import check

from sessions_app.analysis.management import analysing
from sessions_app.analysis.management.commands import highlights, workout
from tests.support.clips import render_clip, write_sound
from tests.support.footage import convert, write_pictures
from tests.support.interrupts import interrupt
from tests.support.vision_server import running_vision_server


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command as manage.py does, in this process: starting another one takes longer than most of the work."""
    out, err = io.StringIO(), io.StringIO()
    command = {"highlights": highlights, "workout": workout}[str(words[0])]
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            command.Command().run_from_argv(["manage.py", *map(str, words)])
        except SystemExit as exc:
            code = int(exc.code or 0)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def length(path: str | Path) -> float:
    """Seconds of a video that can be played."""
    with av.open(str(path)) as container:
        assert container.streams.video
        return float(container.duration or 0) / av.time_base


@pytest.fixture(scope="module")
def eventful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of an even picture and a low noise, loud from 30 s to 36 s."""
    return convert(
        None, tmp_path_factory.mktemp("eventful") / "eventful.mp4",
        "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=60",
        "-f", "lavfi", "-i", "anoisesrc=duration=60:seed=1,volume='if(between(t,30,36),1,0.02)':eval=frame",
        "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "50", "-c:a", "aac",
    )  # fmt: skip


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a picture that moves evenly."""
    return render_clip(tmp_path_factory.mktemp("brief") / "brief.mp4")


@pytest.fixture(scope="module")
def rising(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bright square that goes up and down ten times, two seconds each, between two seconds in which it rests."""
    pictures = []
    for number in range(240):
        time = min(max(number / 10 - 2, 0.0), 20.0)
        top = round(20 + 50 * (1 - np.cos(np.pi * time)))
        picture = np.full((180, 320, 3), 40, np.uint8)
        picture[top : top + 40, 130:190] = 220
        pictures.append(picture)
    return write_pictures(tmp_path_factory.mktemp("rising") / "rising.mp4", pictures)


@pytest.mark.full
class TestHighlights:
    def test_json_has_results_and_paths(self, eventful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        reel, pictures, temporary = tmp_path / "reel.mp4", tmp_path / "pictures", tmp_path / "tmp"
        pictures.mkdir()
        temporary.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(temporary))
        words = ["--json", "-o", reel, "--thumbnails", pictures, "--target-duration", "8", "--max-highlights", "1"]
        done = run("highlights", eventful, *words)
        assert done.returncode == 0, done.stderr
        data = json.loads(done.stdout)
        (found,) = data["highlights"]
        assert found["start_time"] < 31 < 35 < found["end_time"] <= found["start_time"] + 8.5
        assert data["segments"][3]["score"] == max(one["score"] for one in data["segments"])
        assert data["method"] == "signals"
        assert data["reel_path"] == str(reel)
        assert length(reel) == pytest.approx(found["end_time"] - found["start_time"], abs=0.5)
        assert data["thumbnail_paths"] == [str(pictures / "eventful-1.jpg")]
        assert (pictures / "eventful-1.jpg").read_bytes().startswith(b"\xff\xd8")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["pictures", "reel.mp4", "tmp"]
        assert list(temporary.iterdir()) == []
        assert "100 %" in done.stderr

    def test_without_json_it_is_sentences_and_a_table(self, eventful: Path, tmp_path: Path) -> None:
        reel = tmp_path / "reel.mp4"
        reel.write_bytes(b"an older one")
        done = run("highlights", eventful, "-o", reel)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert lines[0].endswith(".")
        assert lines[2].split() == ["When", "Score", "What"]
        assert any(line.startswith("0:") and "louder than usual" in line for line in lines[3:])
        assert lines[-1] == f"The reel was saved as {reel}"
        assert length(reel) > 1

    def test_options_are_parameters_and_no_highlights_are_no_reel(self, eventful: Path, tmp_path: Path) -> None:
        done = run("highlights", eventful, "--json", "--segment-length", "20", "--min-score", "1")
        data = json.loads(done.stdout)
        assert len(data["segments"]) == 3
        assert (data["highlights"], data["reel_path"], data["thumbnail_paths"]) == ([], None, [])
        done = run("highlights", eventful, "--min-score", "1", "-o", tmp_path / "reel.mp4")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "No reel was created. The summary and the notes above say why."
        assert list(tmp_path.iterdir()) == []

    def test_the_model_of_the_settings_is_asked(self, eventful: Path, settings: Any) -> None:
        with running_vision_server() as server:
            settings.VISION = server.config(model="m")
            done = run("highlights", eventful, "--json")
        data = json.loads(done.stdout)
        assert data["method"] == "vision"
        assert "A player scores." in {found["description"] for found in data["highlights"]}
        assert {asked.body["model"] for asked in server.asked} == {"m"}
        assert all(picture.startswith("data:image/jpeg;base64,/9j/") for picture in server.asked[0].pictures)

    @pytest.mark.services
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_an_interrupt_leaves_nothing(self, number: signal.Signals, eventful: Path, tmp_path: Path) -> None:
        words = ("highlights", str(eventful), "-o", str(tmp_path / "reel.mp4"))

        def look() -> None:
            assert list(tmp_path.glob("vod-analysis-*"))

        interrupt(*words, module="sessions_app.analysis.pipelines", number=number, look=look, TMPDIR=str(tmp_path))
        assert list(tmp_path.glob("*reel*")) == list(tmp_path.glob("vod-analysis-*")) == []


@pytest.mark.full
class TestWorkout:
    def test_json_holds_what_was_counted_and_where_the_preview_is(self, rising: Path, tmp_path: Path) -> None:
        preview = tmp_path / "preview.mp4"
        done = run("workout", rising, "--json", "-o", preview)
        assert done.returncode == 0, done.stderr
        data = json.loads(done.stdout)
        assert 9 <= data["total_repetitions"] <= 10
        assert data["total_repetitions"] == sum(one["repetitions"] for one in data["exercises"])
        assert data["preview_path"] == str(preview)
        assert length(preview) == pytest.approx(24, abs=0.5)

    def test_without_json_it_is_sentences_and_a_table(self, rising: Path, brief: Path) -> None:
        done = run("workout", rising)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert lines[0].endswith(".")
        assert lines[2].split() == ["When", "Exercise", "Repetitions", "Tempo", "Confidence"]
        assert "s each" in lines[3]
        # Where nothing repeats, nothing is counted.
        done = run("workout", brief, "--min-repetitions", "50")
        assert done.returncode == 0, done.stderr
        assert "Repetitions" not in done.stdout
        assert done.stdout.splitlines()[0].endswith(".")


@pytest.mark.full
@pytest.mark.parametrize("command", ["highlights", "workout"])
def test_what_is_no_video_is_refused(command: str, brief: Path, tmp_path: Path) -> None:
    write_sound(tmp_path / "sound.m4a")
    (tmp_path / "text.mp4").write_text("Not a video at all.\n" * 99)
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:2,\n{brief}\n#EXT-X-ENDLIST\n")
    for path, words in (("sound.m4a", "contains no video"), ("text.mp4", "CommandError: "), ("list.m3u8", "")):
        done = run(command, tmp_path / path)
        assert (done.returncode, done.stdout) == (3, "")
        assert words in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr


def test_wrong_words_are_answered_by_a_sentence_and_exit_2() -> None:
    for sentence, *words in (
        ("The file /no/such.mp4 does not exist.", "highlights", "/no/such.mp4"),
        ("The file / does not exist.", "workout", "/"),
        ("the following arguments are required: FILE", "highlights"),
        ("Must be from 0 to 1.", "highlights", __file__, "--min-score", "2"),
        ("Must be a number.", "highlights", __file__, "--min-score", "nan"),
        ("Must be from 2 to 60.", "highlights", __file__, "--segment-length", "0"),
        ("'long' is not a number", "highlights", __file__, "--target-duration", "long"),
        ("Must be a whole number.", "highlights", __file__, "--max-highlights", "1.5"),
        ("name a file in a folder that exists", "highlights", __file__, "-o", "/no/such/reel.mp4"),
        ("name a file in a folder that exists", "highlights", __file__, "-o", "/"),
        ("The output file is also an input.", "highlights", __file__, "-o", __file__),
        ("The folder /no/such does not exist.", "highlights", __file__, "--thumbnails", "/no/such"),
        ("invalid choice", "workout", __file__, "--exercise", "chess"),
        ("Must be from 2 to 50.", "workout", __file__, "--min-repetitions", "1"),
    ):  # fmt: skip
        with check(" ".join(words)):
            done = run(*words)
            assert (done.returncode, done.stdout) == (2, "")
            assert sentence in done.stderr
            assert "Traceback" not in done.stderr


def test_a_file_is_put_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made").write_bytes(b"new")
    (tmp_path / "kept").write_bytes(b"old")

    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"ha")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(analysing.shutil, "copyfile", full)
        analysing.copy_atomically(tmp_path / "made", tmp_path / "kept")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "made"]
    assert (tmp_path / "kept").read_bytes() == b"old"
    analysing.copy_atomically(tmp_path / "made", tmp_path / "kept")
    assert (tmp_path / "kept").read_bytes() == b"new"
