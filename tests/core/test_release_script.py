"""scripts/release, run in a small repository: its checks, the files it writes, its commit and its tag."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "release"
NOTES = "### Added\n\n- A button.\n"
FILES = {
    "vodplatform/version.py": 'VERSION = "0.9.0"\n',
    "CHANGELOG.md": f"# Changelog\n\n## Unreleased\n\n{NOTES}\n## 0.9.0 (2026-01-02)\n\n- Begun.\n",
    "deploy/kubernetes/migrate.yaml": "name: vodplatform-migrate-0-9-0\nimage: example.org/vodplatform:0.9.0\n",
    "deploy/compose.yaml": "image: vodplatform:0.9.0\nother: postgres:17-alpine\n",
    "docs/guides/containers.md": "podman build -t vodplatform:0.9.0 .\n",
    "Makefile": "lint:\n\t@test ! -e .git/broken\n",
}

pytestmark = pytest.mark.pure


@dataclass(frozen=True, slots=True)
class Repository:
    folder: Path

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self) -> None:
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "Change")

    def release(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.folder / "scripts" / "release", *words], check=False, capture_output=True, text=True
        )


@pytest.fixture(scope="module")
def first_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Repository(tmp_path_factory.mktemp("first"))
    for name, text in FILES.items():
        made.write(name, text)
    (made.folder / "scripts").mkdir()
    shutil.copy(SCRIPT, made.folder / "scripts" / "release")
    made.git("init", "--quiet", "--initial-branch", "main")
    for name, value in {"user.name": "A", "user.email": "a@example.org", "commit.gpgsign": "false"}.items():
        made.git("config", name, value)
    made.commit()
    made.git("tag", "v0.9.0")
    return made.folder


@pytest.fixture
def repository(first_release: Path, tmp_path: Path) -> Repository:
    shutil.copytree(first_release, tmp_path / "copy")
    return Repository(tmp_path / "copy")


def test_it_writes_commits_and_tags(repository: Repository) -> None:
    done = repository.release("1.0.0")
    assert done.returncode == 0, done.stderr
    assert repository.read("vodplatform/version.py") == 'VERSION = "1.0.0"\n'
    changelog = repository.read("CHANGELOG.md")
    assert re.sub(r"\d{4}-\d\d-\d\d(?=\)\n\n###)", "TODAY", changelog) == (
        f"# Changelog\n\n## Unreleased\n\n## 1.0.0 (TODAY)\n\n{NOTES}\n## 0.9.0 (2026-01-02)\n\n- Begun.\n"
    )
    migrate = "name: vodplatform-migrate-1-0-0\nimage: example.org/vodplatform:1.0.0\n"
    assert repository.read("deploy/kubernetes/migrate.yaml") == migrate
    assert repository.read("deploy/compose.yaml") == "image: vodplatform:1.0.0\nother: postgres:17-alpine\n"
    assert repository.read("docs/guides/containers.md") == "podman build -t vodplatform:1.0.0 .\n"
    assert repository.git("status", "--porcelain") == ""
    assert repository.git("log", "-1", "--format=%s", "v1.0.0") == "Release 1.0.0"
    assert repository.git("tag", "--list", "v1.0.0", "--format=%(contents)") == f"VOD Sync 1.0.0\n\n{NOTES}".strip()


def test_a_section_that_is_written_already_gets_its_date(repository: Repository) -> None:
    text = FILES["CHANGELOG.md"].replace("## Unreleased\n", "## Unreleased\n\n## 1.0.0 (2026-01-03)\n")
    repository.write("CHANGELOG.md", text)
    repository.commit()
    assert repository.release("v1.0.0").returncode == 0
    changelog = repository.read("CHANGELOG.md")
    assert changelog.count("## 1.0.0 (") == 1
    assert "2026-01-03" not in changelog
    assert changelog.index("## Unreleased") < changelog.index("## 1.0.0") < changelog.index(NOTES)
    assert repository.release("1.0.0").stderr.startswith("No release: 1.0.0 is not greater than 1.0.0")


def change_changelog(repository: Repository, before: str, after: str) -> None:
    repository.write("CHANGELOG.md", repository.read("CHANGELOG.md").replace(before, after))
    repository.commit()


NOT_READY = {
    "not committed": lambda one: one.write("new", "file"),
    "other, not main": lambda one: one.git("checkout", "--quiet", "-b", "other"),
    "no branch, not main": lambda one: one.git("checkout", "--quiet", "--detach"),
    "make lint fails": lambda one: one.write(".git/broken", ""),
    "no notes": lambda one: change_changelog(one, NOTES, ""),
    'not "## Unreleased"': lambda one: change_changelog(one, "## Unreleased\n", ""),
    "move them into one section": lambda one: change_changelog(one, "## 0.9.0", "## 1.0.0"),
}


@pytest.mark.parametrize(("version", "reason"), [
    ("", "three numbers"), ("1.0", "three numbers"), ("1.0.0rc1", "three numbers"), ("01.0.0", "three numbers"),
    ("0.9.0", "not greater than 0.9.0"), ("0.8.12", "not greater than 0.9.0"),
    *(("1.0.0", reason) for reason in NOT_READY),
])  # fmt: skip
def test_it_refuses_a_wrong_version_and_an_unready_tree(repository: Repository, version: str, reason: str) -> None:
    if version == "1.0.0":
        NOT_READY[reason](repository)
    before = repository.git("status", "--porcelain"), repository.git("rev-parse", "HEAD")
    done = repository.release(*([version] if version else []))
    assert done.returncode == 1
    said = done.stderr.splitlines()[-1]
    assert said.startswith("No release: ")
    assert reason in said
    assert (repository.git("status", "--porcelain"), repository.git("rev-parse", "HEAD")) == before
    assert repository.git("tag", "--list") == "v0.9.0"
