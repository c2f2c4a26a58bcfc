"""What scripts/test says of the suite's parts: each by the exit code its pytest gave, whatever else has become of it.

The script runs here with an interpreter in the place of the real one that does as ``plan`` says for each part.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "test"
INTERPRETER = """#!/bin/sh
case "$2" in
compileall) exit 0 ;;
tests.support.services) [ -e no_services ] || echo "A=1 B=2"; exit 0 ;;
esac
# -m pytest -q -rfER -m MARKS PATHS…
case "$6:$7" in
"crash:tests"*) name=sqlite-crash ;;
"not crash and not browser:"*) name=sqlite ;;
"not pure"*) name=postgresql ;;
"crash and not pure"*) name=postgresql-crash ;;
*"test_a*"*) name=browser-a ;;
*) name=browser-c ;;
esac
echo "begin $name" >>order
[ ! -e "plan/$name" ] || . "plan/$name"
echo "end $name" >>order
echo "1 passed in $name"
"""
# In a process namespace of its own the kernel may be told which number is next: here the same to all that follow, once
# the other parts have ended and only the script itself begins processes.
APART = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc")
GIVEN_OUT_AGAIN = f"""
sleep 4
{sys.executable} -c '
import time
number = int(open("ended").read())
for _ in range(2000):
    open("/proc/sys/kernel/ns_last_pid", "w").write(str(number - 1))
    time.sleep(0.002)
'
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
        (folder / "plan").mkdir()

    def plan(self, part: str, does: str) -> None:
        (self.folder / "plan" / part).write_text(does)

    def run(self, *around: str) -> tuple[int, str]:
        ended = subprocess.run(
            [*around, self.folder / "scripts" / "test"], check=False, capture_output=True, text=True, timeout=120
        )
        return ended.returncode, ended.stdout

    @property
    def order(self) -> list[str]:
        return (self.folder / "order").read_text().splitlines()


@pytest.fixture
def suite(tmp_path):
    return Suite(tmp_path)


def test_all_parts_pass(suite):
    code, said = suite.run()
    assert code == 0
    assert said.count("1 passed in") == 6
    assert "failed" not in said


def test_one_part_fails_and_is_shown_last(suite):
    suite.plan("sqlite", "echo 'FAILED tests/a.py::b'; exit 1")
    code, said = suite.run()
    assert code == 1
    assert said.splitlines()[-3:] == ["== sqlite", "FAILED tests/a.py::b", "== sqlite failed, exit code 1"]


def test_a_part_that_exits_badly_after_its_closing_line_has_failed(suite):
    suite.plan("browser-c", "echo '12 passed in 1.00s'; kill -SEGV $$")
    code, said = suite.run()
    assert code == 1
    assert said.splitlines()[-1] == "== sqlite-browser-c failed, exit code 139"


def test_a_part_whose_shell_was_killed_has_failed_and_nobody_waits_for_it(suite):
    suite.plan("sqlite-crash", "kill -9 $PPID; exit 0")
    code, said = suite.run()
    assert code == 1
    assert said.splitlines()[-1] == "== sqlite-crash failed, exit code unknown: it was killed"
    assert "end postgresql-crash" in suite.order
    assert "end browser-a" in suite.order


def test_a_number_given_out_again_takes_nothing_from_a_part_that_passed(suite):
    """Where the kernel lets us have a namespace; elsewhere this is ``test_all_parts_pass`` again."""
    around = APART if subprocess.run([*APART, "true"], check=False, capture_output=True).returncode == 0 else ()
    if around:
        suite.plan("sqlite-crash", "echo $PPID >ended")
        suite.plan("browser-a", GIVEN_OUT_AGAIN)
    code, said = suite.run(*around)
    assert code == 0
    assert said.count("1 passed in") == 6


def test_one_begins_where_another_has_ended(suite):
    suite.plan("sqlite", "sleep 1")
    suite.plan("sqlite-crash", "sleep 2")
    suite.run()
    order = suite.order
    for first, then in (
        ("sqlite-crash", "postgresql-crash"),
        ("postgresql-crash", "browser-a"),
        ("postgresql", "browser-c"),
    ):
        assert order.index(f"end {first}") < order.index(f"begin {then}")


def test_without_services_their_parts_are_named_as_not_run(suite):
    (suite.folder / "no_services").touch()
    code, said = suite.run()
    assert code == 0
    assert said.count("1 passed in") == 4
    assert "their part of the suite was not run" in said
