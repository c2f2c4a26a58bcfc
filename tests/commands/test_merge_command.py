"""`manage.py merge`: one video of several, where each begins as a table and as JSON, sentences for what is wrong."""

import json
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from media_app.av.probe import probe
from tests.av.statements import statement
from tests.commands.conftest import Run
from tests.support.interrupts import interrupt

COMMAND = "merge"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_table_says_where_each_clip_stands(run: Run, tmp_path: Path) -> None:
    clips = [statement(tmp_path, n).path for n in (1, 2)]
    code, out, err = run(*clips, "-o", tmp_path / "out.mp4")
    assert code == 0, err
    lines = out.splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["Clip", "From", "To"], ["clip-1.mp4", "0.000", "s", "1.003", "s"], ["clip-2.mp4", "1.003", "s", "2.003", "s"]
    ]  # fmt: skip
    assert lines[4] == "224×126, 25 fps; picture copied, sound copied."
    assert lines[5] == f"The video was saved as {tmp_path / 'out.mp4'}"
    assert probe(tmp_path / "out.mp4").duration == pytest.approx(2.003, abs=0.01)
    assert "100 %" in err
    assert names(tmp_path) == ["clip-1.mp4", "clip-2.mp4", "out.mp4"]


def test_json_is_what_the_child_answers_and_why_it_encoded(run: Run, tmp_path: Path) -> None:
    clips = [statement(tmp_path, 1).path, statement(tmp_path, 2, fps=30, sound=None).path]
    code, out, err = run(*clips, "-o", tmp_path / "out.mp4", "--json", "--level")
    assert code == 0, err
    answer = json.loads(out)
    assert (answer["picture"], answer["sound"], answer["path"]) == ("encoded", "encoded", str(tmp_path / "out.mp4"))
    assert [one["start"] for one in answer["segments"]] == [0, pytest.approx(1.0)]
    assert "Clip 2" in answer["why"]


def test_a_clip_that_cannot_be_used_is_named_and_exits_with_3(run: Run, tmp_path: Path) -> None:
    clip = statement(tmp_path, 1).path
    (tmp_path / "list.mp4").write_text("milk, bread")
    (tmp_path / "out.mp4").write_text("an older one")
    code, out, err = run(clip, tmp_path / "list.mp4", "-o", tmp_path / "out.mp4", "--force")
    assert code == 3
    assert "Clip 2 (“list.mp4”) cannot be read" in err
    assert out == ""
    assert (tmp_path / "out.mp4").read_text() == "an older one"
    assert names(tmp_path) == ["clip-1.mp4", "list.mp4", "out.mp4"]


def test_an_output_that_is_there_is_replaced_only_by_force(run: Run, tmp_path: Path) -> None:
    clips = [statement(tmp_path, n).path for n in (1, 2)]
    output = tmp_path / "out.mp4"
    output.write_text("an older one")
    code, _, err = run(*clips, "-o", output)
    assert (code, "--force" in err) == (2, True)
    assert output.read_text() == "an older one"
    assert run(*clips, "-o", output, "--force")[0] == 0
    assert probe(output).duration > 1


@pytest.mark.parametrize(("words", "sentence"), [
    (["clip-1.mp4", "-o", "out.mp4"], "Specify 2 to 10 videos."),
    (["clip-1.mp4"] * 11 + ["-o", "out.mp4"], "Specify 2 to 10 videos."),
    (["clip-1.mp4", "gone.mp4", "-o", "out.mp4"], "The file gone.mp4 does not exist."),
    (["clip-1.mp4", "clip-1.mp4", "-o", "nowhere/out.mp4"], "name a file in a folder that exists"),
    (["clip-1.mp4", "clip-1.mp4", "-o", "."], "name a file in a folder that exists"),
    (["clip-1.mp4", "clip-1.mp4", "-o", "clip-1.mp4", "--force"], "The output file is also an input"),
    (["clip-1.mp4", "clip-1.mp4"], "required: -o/--output"),
])  # fmt: skip
def test_wrong_words_are_answered_by_a_sentence(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: Sequence[str], sentence: str
) -> None:
    (tmp_path / "clip-1.mp4").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*words)
    assert code == 2
    assert sentence in err
    assert names(tmp_path) == ["clip-1.mp4"]


def test_an_interrupt_ends_the_child_and_leaves_nothing(tmp_path: Path) -> None:
    clips = [statement(tmp_path, 1).path, statement(tmp_path, 2, fps=30).path]
    before = names(tmp_path)
    words = ("merge", *map(str, clips), "-o", str(tmp_path / "out.mp4"))
    interrupt(*words, module="media_app.av.merge", number=signal.SIGTERM)
    assert names(tmp_path) == before
