"""What a child leaves where its parent looks: plain files are taken, and no link leads the parent anywhere else."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vodplatform.core.files import untrusted_files

pytestmark = pytest.mark.pure


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the child may write to, beside it what it may not see."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("secret")
    path = tmp_path / "out"
    path.mkdir()
    return path


def test_a_file_is_moved_out_of_its_reach(folder: Path) -> None:
    (folder / "poster").mkdir()
    (folder / "poster" / "poster.jpg").write_text("made")
    path = untrusted_files.move_out(folder, "poster", "poster.jpg")
    assert (path.read_text(), path.name, path.is_relative_to(folder)) == ("made", "poster.jpg", False)
    assert path.is_relative_to(folder.parent)
    assert not (folder / "poster" / "poster.jpg").exists()


def test_two_of_one_name_are_two(folder: Path) -> None:
    paths = []
    for content in ("a", "b"):
        (folder / "x").write_text(content)
        paths.append(untrusted_files.move_out(folder, "x"))
    assert [path.read_text() for path in paths] == ["a", "b"]


TRICKS: dict[str, Callable[[Path], tuple[str, ...]]] = {
    "a link": lambda folder: ((folder / "x").symlink_to(folder.parent / "secret" / "key"), ("x",))[1],
    "a folder that is a link": lambda folder: ((folder / "in").symlink_to(folder.parent / "secret"), ("in", "key"))[1],
    "a hard link": lambda folder: (os.link(folder.parent / "secret" / "key", folder / "x"), ("x",))[1],
    "a folder": lambda folder: ((folder / "x").mkdir(), ("x",))[1],
    "a pipe": lambda folder: (os.mkfifo(folder / "x"), ("x",))[1],
    "a way up": lambda folder: ("..", "secret", "key"),
    "a path": lambda folder: ("../secret/key",),
    "an absolute path": lambda folder: (str(folder.parent / "secret" / "key"),),
    "nothing": lambda folder: ("x",),
    "no name": lambda folder: (),
    "half a name": lambda folder: ("a\0b",),
}


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("act", [untrusted_files.move_out, untrusted_files.read])
def test_whatever_else_is_there_is_not_taken(folder: Path, trick: str, act: Callable[..., object]) -> None:
    with pytest.raises(FileNotFoundError):
        act(folder, *TRICKS[trick](folder))
    assert (folder.parent / "secret" / "key").read_text() == "secret"


def test_one_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "x").write_bytes(b"made")
    assert untrusted_files.read(folder, "x") == b"made"
    monkeypatch.setattr(untrusted_files, "MAX_BYTES", 3)
    with pytest.raises(FileNotFoundError):
        untrusted_files.read(folder, "x")
