"""Which version and commit the program says it is, by each way in which it is delivered."""

import subprocess
from pathlib import Path

import pytest

from tests.support.program import PROJECT_ROOT, manage
from vodplatform import version


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "First")
    return folder


def git(folder: Path, *words: str) -> str:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *author, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit_in(folder: Path, monkeypatch: pytest.MonkeyPatch, note: str = "$Format:%H$") -> str:
    """Return the commit that a program in ``folder`` says it has. note: what its commit.txt holds."""
    package = folder / "vodplatform"
    package.mkdir(exist_ok=True)
    (package / "commit.txt").write_text(note + "\n")
    monkeypatch.setattr(version, "PACKAGE", package)
    return version.commit.__wrapped__()


@pytest.mark.pure
class TestCommit:
    def test_a_checkout_names_its_head(self, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        head = git(checkout, "rev-parse", "HEAD")
        assert commit_in(checkout, monkeypatch) == head[:12]
        git(checkout, "pack-refs", "--all")
        assert commit_in(checkout, monkeypatch) == head[:12]
        git(checkout, "checkout", "--quiet", "--detach")
        assert commit_in(checkout, monkeypatch) == head[:12]

    def test_a_worktree_names_its_own(self, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        git(checkout, "worktree", "add", "--quiet", "-b", "other", "../other")
        other = checkout.parent / "other"
        git(other, "commit", "--quiet", "--allow-empty", "--message", "Second")
        head = git(other, "rev-parse", "HEAD")
        assert head != git(checkout, "rev-parse", "HEAD")
        assert commit_in(other, monkeypatch) == head[:12]

    def test_a_note_of_the_build_comes_first(self, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert commit_in(checkout, monkeypatch, "0123456789abcdef" * 2) == "0123456789ab"

    def test_unknown_and_nothing_fails(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(version, "PACKAGE", tmp_path)
        assert version.commit.__wrapped__() == ""
        assert commit_in(tmp_path, monkeypatch) == ""
        (tmp_path / ".git").mkdir()
        for head in (b"ref: refs/heads/none", b"nonsense", b"\xff"):
            (tmp_path / ".git" / "HEAD").write_bytes(head)
            assert commit_in(tmp_path, monkeypatch) == "", head

    def test_an_archive_knows_its_commit(self, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        commit_in(checkout, monkeypatch)
        (checkout / ".gitattributes").write_text((PROJECT_ROOT / ".gitattributes").read_text())
        git(checkout, "add", ".")
        git(checkout, "commit", "--quiet", "--message", "Second")
        unpacked = checkout.parent / "unpacked"
        unpacked.mkdir()
        git(checkout, "archive", "--output", "../archive.tar", "HEAD")
        subprocess.run(["tar", "xf", "../archive.tar"], cwd=unpacked, check=True)
        note = (unpacked / "vodplatform" / "commit.txt").read_text().strip()
        assert note == git(checkout, "rev-parse", "HEAD")


@pytest.mark.pure
def test_a_release_is_told_with_and_without_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "commit", lambda: "0123456789ab")
    assert version.release() == f"{version.VERSION}+0123456789ab"
    assert version.version_text() == f"VOD Sync {version.VERSION} (commit 0123456789ab)"
    monkeypatch.setattr(version, "commit", lambda: "")
    assert version.release() == version.VERSION
    assert version.version_text() == f"VOD Sync {version.VERSION}"


@pytest.mark.parametrize("words", [["--version"], ["version"], ["up", "--version"]])
def test_every_way_to_ask_names_the_project_and_not_django(words: list[str], tmp_path: Path) -> None:
    done = manage(*words, environment={"VOD_DATA_DIR": str(tmp_path)})
    assert (done.returncode, done.stdout) == (0, version.version_text() + "\n"), done.stderr
