"""The walk through library folders. It must be cheap, since each list of files walks through all of them."""

import os
from pathlib import Path
from typing import Any

import pytest

from media_app.videos.library_roots import MAX_DEPTH, MAX_FILES_WALKED, video_files

pytestmark = pytest.mark.pure


def test_files_are_listed_by_name_without_looking_at_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.mp4", "a.MKV", "notes.txt", ".hidden.mp4", "z/c.mp4", ".trash/d.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    looked_at = []
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **more: looked_at.append(path) or real(path, **more))
    assert list(video_files([tmp_path])) == [str(tmp_path / name) for name in ("a.MKV", "b.mp4", "z/c.mp4")]
    assert looked_at == []


def test_links_lead_to_files_inside_alone_and_folders_that_are_links_are_not_entered(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root, outside):
        folder.mkdir()
        (folder / "a.mp4").touch()
    (root / "in.mp4").symlink_to(root / "a.mp4")
    (root / "out.mp4").symlink_to(outside / "a.mp4")
    (root / "folder").symlink_to(outside)
    assert [Path(path).name for path in video_files([root])] == ["a.mp4", "in.mp4"]


def test_the_walk_ends_after_so_many_files_and_levels(tmp_path: Path, monkeypatch: Any) -> None:
    folder = tmp_path
    for _ in range(MAX_DEPTH + 1):
        (folder / "a.mp4").touch()
        folder = folder / "deeper"
        folder.mkdir()
    (folder / "too deep.mp4").touch()
    assert len(list(video_files([tmp_path]))) == MAX_DEPTH + 1
    monkeypatch.setattr("media_app.videos.library_roots.MAX_FILES_WALKED", 3)
    assert len(list(video_files([tmp_path]))) == 3 < MAX_FILES_WALKED
