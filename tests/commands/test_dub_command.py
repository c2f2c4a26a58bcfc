"""`manage.py dub`: other speech in parts of a video; what was done to each as a table and as JSON; what it refuses."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.av.statements import RATE, heard, lag
from tests.commands.conftest import Run
from tests.prosync.conftest import make_footage
from tests.prosync.test_local_job import pictures_of
from tests.support.footage import convert

COMMAND = "dub"


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_footage(tmp_path_factory.mktemp("dub"))


def test_sounds_are_heard_in_their_parts_and_all_else_is_as_it_was(run: Run, footage: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    same_name = tmp_path / "other" / "line.wav"
    same_name.write_bytes((footage / "note.flac").read_bytes())
    path = tmp_path / "out.mp4"
    code, out, err = run(
        footage / "talk.mp4", f"4-5={same_name}", f"1-2.5={footage / 'line.wav'}@0.5-2", "-o", path, "--sound-only"
    )
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].split() == ["Sound", "From", "To", "Gain", "Mouth"]
    assert [line.split()[:5] for line in lines[1:3]] == [
        ["line.wav", "1.000", "s", "2.500", "s"], ["line.wav", "4.000", "s", "5.000", "s"]
    ]  # fmt: skip
    assert lines[-1] == f"The video was saved as {path}"
    before, after = heard(footage / "talk.mp4"), heard(path)
    wanted = heard(footage / "line.wav")[RATE // 2 :]
    assert abs(lag(after, 1, wanted)) < 0.001
    assert abs(lag(after, 4, heard(footage / "note.flac"))) < 0.001
    assert np.array_equal(after[: round(0.8 * RATE)], before[: round(0.8 * RATE)])
    assert pictures_of(path) == pictures_of(footage / "talk.mp4")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["other", "out.mp4"]


def test_json_is_what_the_child_answers(run: Run, footage: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    code, out, err = run(footage / "talk.mp4", f"1-3={footage / 'line.wav'}", "-o", path, "--json", "--mode", "loop")
    assert code == 0, err
    told = json.loads(out)
    assert (told["path"], told["sound"]) == (str(path), "spliced")
    assert [one["mode"] for one in told["segments"]] == ["loop"]


def test_where_there_is_no_text_nothing_is_written(run: Run, tmp_path: Path) -> None:
    convert(None, tmp_path / "plain.mp4", "-f", "lavfi", "-i", "color=teal:s=320x180:r=25:d=2", "-c:v", "libx264")
    code, _, err = run(tmp_path / "plain.mp4", "--remove-text", "-o", tmp_path / "out.mp4")
    assert (code, "No text was found" in err) == (3, True), err
    assert [one.name for one in tmp_path.iterdir()] == ["plain.mp4"]


@pytest.mark.parametrize(("words", "exit_code", "sentence"), [
    (["talk.mp4", "-o", "out.mp4"], 2, "Specify at least one START-END=SOUND, or --remove-text."),
    (["talk.mp4", "one", "-o", "out.mp4"], 2, "'one' is not of the form START-END=SOUND, with times in seconds"),
    (["talk.mp4", "-1-3=line.wav", "-o", "out.mp4"], 2, "usage:"),
    (["gone.mp4", "1-3=line.wav", "-o", "out.mp4"], 2, "File not found: gone.mp4"),
    (["talk.mp4", "1-3=gone.wav", "-o", "out.mp4"], 2, "File not found: gone.wav"),
    (["talk.mp4", "1-3=line.wav", "-o", "line.wav", "--force"], 2, "The output file is also an input"),
    (["talk.mp4", "1-3=line.wav", "-o", "there.mp4"], 2, "--force"),
    (["talk.mp4", "1-6.01=line.wav", "-o", "out.mp4"], 2, "1-6.01=line.wav: The segment's end is 6.01 s, but the "
        "video is only 6.000 s long."),
    (["talk.mp4", "1-3=line.wav@1-2.5", "-o", "out.mp4"], 2, "2.000 s"),
    (["talk.mp4", "1-3=line.wav", "2-4=line.wav", "-o", "out.mp4"], 2, "before segment 1 ends"),
    (["line.wav", "1-1.5=line.wav", "-o", "out.mp4"], 3, ""),
    (["talk.mp4", "1-3=words.wav", "-o", "out.mp4"], 3, "words.wav: "),
    (["words.wav", "1-3=line.wav", "-o", "out.mp4"], 3, "not a video. "),
])  # fmt: skip
def test_what_cannot_be_done_is_answered_by_a_sentence(
    run: Run, footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: Sequence[str], exit_code: int,
    sentence: str,
) -> None:  # fmt: skip
    for name in ("talk.mp4", "line.wav"):
        (tmp_path / name).write_bytes((footage / name).read_bytes())
    (tmp_path / "words.wav").write_text("bread, milk" * 500)
    (tmp_path / "there.mp4").write_text("an older one")
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*words)
    assert (code, out) == (exit_code, ""), err
    assert sentence in err
    assert sorted(one.name for one in tmp_path.iterdir()) == ["line.wav", "talk.mp4", "there.mp4", "words.wav"]
    assert (tmp_path / "there.mp4").read_text() == "an older one"
