"""What scripts/test runs, where, and how it ends; a script that notes what it is asked stands for Python here."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.workers import own_environment

SCRIPT = Path(__file__).parents[2] / "scripts" / "test"
INTERPRETER = """#!/bin/sh
[ "$1" != scripts/bundle ] || exit 1
case "$2" in
compileall) exit 0 ;;
tests.support.services) [ -e no_services ] || echo "DATABASE_URL=there REDIS_URL=here"; exit 0 ;;
esac
echo "$DATABASE_URL $REDIS_URL: $*" >>asked
echo "1 passed"
[ ! -e "fails${DATABASE_URL:-sqlite}" ] || exit "$(cat "fails${DATABASE_URL:-sqlite}")"
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


def test_no_run_uses_the_data_folder_of_the_shell():
    shell = {"VOD_DATA_DIR": "/srv/vod", "VOD_LIBRARY_ROOTS": "/srv/vods=crew", "REDIS_URL": "redis://127.0.0.1/8"}
    for worker, redis in (("", None), ("gw3", "redis://127.0.0.1/14")):
        found = own_environment(worker, shell)
        assert Path(found["VOD_DATA_DIR"]).name.startswith("vod-test-")
        assert (found["VOD_LIBRARY_ROOTS"], found.get("REDIS_URL")) == ("", redis)
        Path(found["VOD_DATA_DIR"]).rmdir()


@pytest.fixture
def suite(tmp_path):
    return Suite(tmp_path)


def test_each_part_selects_its_cases_and_its_databases(suite):
    code, [only] = suite.run("behaviour")
    assert code == 0
    assert only.startswith(" : -m pytest")
    assert only.endswith("-m not services and not exhaustive and not postgresql and not cluster")
    for part, mark in (("services", "services and not exhaustive"), ("exhaustive", "exhaustive")):
        (suite.folder / "asked").unlink()
        code, (first, second) = suite.run(part)
        assert code == 0
        assert first.startswith(" : -m pytest")
        assert f"-m {mark} and not postgresql" in first
        assert second.startswith("there here: -m pytest")
        assert "(both or postgresql)" in second
    assert suite.run("everything")[0] == 2


def test_what_can_differ_runs_on_sqlite_where_there_is_no_server(suite):
    (suite.folder / "no_services").touch()
    code, [only] = suite.run("services")
    assert code == 0
    assert "not both" not in only
    assert "postgresql: not run" in suite.said


@pytest.mark.parametrize("where", ["sqlite", "there"])
def test_one_run_that_fails_is_enough_and_keeps_no_other_from_running(suite, where):
    (suite.folder / f"fails{where}").write_text("1")
    code, asked = suite.run("services")
    assert (code, len(asked)) == (1, 2)


def test_a_slice_may_have_no_case_in_a_part_but_a_whole_part_has_some(suite):
    (suite.folder / "failssqlite").write_text("5")
    assert suite.run("behaviour", "--app", "challenges")[0] == 0
    assert suite.run("behaviour")[0] == 1


def test_words_and_the_number_of_workers_are_handed_on(suite):
    _, asked = suite.run("services", "--app", "challenges", WORKERS="7")
    assert [line.split(" -n ")[1].split()[0] for line in asked] == ["7", "4"]
    assert all(line.endswith("--app challenges") for line in asked)
