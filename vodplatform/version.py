"""Version and commit of the program. ``scripts/release`` writes ``VERSION``. This module does not import Django."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

VERSION = "1.0.0"
COMMIT_LETTERS = 12
COMMIT = re.compile(r"[0-9a-f]{7,64}")
PACKAGE = Path(__file__).resolve().parent


@cache
def commit() -> str:
    """Return the abbreviated commit, or an empty string if unknown.

    ``git archive``, ``pip install`` and the image's build write ``commit.txt``. In a checkout, git's files are read,
    because the git command refuses a repository of another user.
    """
    try:
        found = (PACKAGE / "commit.txt").read_text().strip()
        if not COMMIT.fullmatch(found):
            found = commit_of_checkout(PACKAGE.parent / ".git")
    except (OSError, ValueError):
        return ""
    return found[:COMMIT_LETTERS] if COMMIT.fullmatch(found) else ""


def commit_of_checkout(git: Path) -> str:
    if git.is_file():  # a worktree's ``.git`` is a file that names the git folder
        git = git.parent / git.read_text().removeprefix("gitdir:").strip()
    head = (git / "HEAD").read_text().strip()
    if not head.startswith("ref: "):
        return head
    name = head.removeprefix("ref: ")
    shared = git / (git / "commondir").read_text().strip() if (git / "commondir").exists() else git
    for folder in (git, shared):
        if (folder / name).is_file():
            return (folder / name).read_text().strip()
    packed = re.search(rf"^([0-9a-f]+) {re.escape(name)}$", (shared / "packed-refs").read_text(), re.MULTILINE)
    return packed[1] if packed else ""


def release() -> str:
    return f"{VERSION}+{commit()}" if commit() else VERSION


def version_text() -> str:
    return f"VOD Sync {VERSION}" + (f" (commit {commit()})" if commit() else "")
