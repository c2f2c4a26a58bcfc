"""What scripts/test runs, where, and how it ends; a script that notes what it is asked stands for Python here."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "test"
INTERPRETER = """#!/bin/sh
case "$2" in
compileall) exit 0 ;;
tests.support.services) [ -e no_services ] || echo "DATABASE_URL=there REDIS_URL=here"; exit 0 ;;
esac
echo "$DATABASE_URL $REDIS_URL: $*" >>asked
echo "1 passed"
[ ! -e "fails${DATABASE_URL:-sqlite}" ]
"""

pytestmark = pytest.mark.pure


class Suite:
    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "scripts").mkdir()
        shutil.copy(SCRIPT, folder / "scripts" / "test")
        interpreter = folder / ".venv" / "bin" / "python"
        interpreter.parent.mkdir(parents=True)
        interpreter.write_text(INTERPRETER)
        interpreter.chmod(0o755)

    def run(self, *words: str, **variables: str) -> tuple[int, list[str]]:
        """The exit code, and what each run was asked: its variables, and the words of its command."""
        environment = {"PATH": "/usr/bin:/bin", "DATABASE_URL": "left over", **variables}
        ended = subprocess.run(
            [self.folder / "scripts" / "test", *words], check=False, capture_output=True, text=True, env=environment
        )
        self.said = ended.stdout
        return ended.returncode, (self.folder / "asked").read_text().splitlines()


@pytest.fixture
def suite(tmp_path):
    return Suite(tmp_path)


def test_everything_on_sqlite_and_what_can_differ_on_postgresql(suite):
    code, (first, second) = suite.run()
    assert code == 0
    assert first.startswith(" : -m pytest")
    assert "-m not postgresql and not cluster" in first
    assert second.startswith("there here: -m pytest")
    assert "-m both or postgresql" in second


def test_all_of_it_on_both_where_that_is_asked_for(suite):
    code, (_, second) = suite.run(ALL="1")
    assert code == 0
    assert "-m not pure and not cluster or both or postgresql" in second


@pytest.mark.parametrize("where", ["sqlite", "there"])
def test_one_run_that_fails_is_enough_and_keeps_no_other_from_running(suite, where):
    (suite.folder / f"fails{where}").touch()
    code, asked = suite.run()
    assert (code, len(asked)) == (1, 2)


def test_without_services_that_is_said(suite):
    (suite.folder / "no_services").touch()
    code, asked = suite.run()
    assert (code, len(asked)) == (0, 1)
    assert "nothing was run on them" in suite.said


def test_words_and_the_number_of_workers_are_handed_on(suite):
    _, asked = suite.run("--app", "challenges", WORKERS="7")
    assert [line.split(" -n ")[1].split()[0] for line in asked] == ["7", "4"]
    assert all(line.endswith("--app challenges") for line in asked)
