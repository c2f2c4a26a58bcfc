"""The modules of static/js that need no browser: each file of tests/node/*.test.mjs, run by node's own test runner."""

import json
import os
import random
import re
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from sessions_app.comparison import timeline
from sessions_app.comparison.events import grouping
from tests.support.node import FOLDER, PROJECT_ROOT, modules, program

pytestmark = pytest.mark.pure
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.test.mjs"))
SECONDS = 120
EXPORT = re.compile(r"^export (?:async )?(?:function|class|const|let) (\w+)", re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages' modules and the tests of them, as node loads both."""
    return modules(tmp_path_factory.mktemp("node"), "near.mjs", "random.mjs", "formats.json", *SCRIPTS)


@pytest.fixture(scope="module")
def timeline_cases(folder: Path) -> Path:
    """A file of what the server computes by the formula of the timeline."""
    rng = random.Random(7)
    cases = []
    for _ in range(500):
        time, offset, drift = rng.uniform(0, 9000), rng.uniform(-4000, 4000), rng.choice((0, rng.uniform(-1000, 1000)))
        placed = offset, drift, rng.uniform(0, 9000)
        cases.append({"given": (time, *placed), "expected": timeline.Placement(*placed).time_at(time)})
    path = folder / "timeline_cases.json"
    path.write_text(json.dumps(cases))
    return path


@pytest.fixture(scope="module")
def joining_cases(folder: Path) -> Path:
    """A file of which events the server shows as one: crowded ones, of three videos and of none."""
    rng = random.Random(11)
    cases = []
    for _ in range(200):
        marks = [
            grouping.Mark(
                key=str(number),
                number=number,
                kind=rng.choice(("kill", "round")),
                vod_id=rng.choice(("a", "b", "c", None)),
                global_time=round(rng.uniform(0, 3), 3),
                frame=rng.choice((0.0, 1 / 60, 0.5)),
                is_alone=rng.random() < 0.1,
                label=rng.choice(("", "", "Ace", "Clutch")),
            )
            for number in range(rng.randrange(14))
        ]
        shown = [
            {"keys": [mark.key for mark in one.marks], "at": one.global_time} for one in grouping.group_marks(marks)
        ]
        cases.append({"given": [asdict(mark) for mark in marks], "expected": shown})
    path = folder / "joining_cases.json"
    path.write_text(json.dumps(cases))
    return path


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_file_of_node_passes(folder: Path, timeline_cases: Path, joining_cases: Path, script: str) -> None:
    done = subprocess.run(
        [program("node"), "--test", "--test-reporter=spec", script], cwd=folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", timeout=SECONDS, check=False,
        env=os.environ | {"TIMELINE_CASES": str(timeline_cases), "JOINING_CASES": str(joining_cases)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    # Node counts a file without a case as a case that passed, of the file's name.
    assert [line for line in done.stdout.splitlines() if "✔" in line and script not in line], done.stdout
    assert "ℹ skipped 0" in done.stdout, done.stdout
    assert "ℹ todo 0" in done.stdout, done.stdout


def test_every_export_is_used_elsewhere() -> None:
    """By another module of the pages, or by a test that drives it."""
    modules_of = PROJECT_ROOT / "static" / "js"
    tests = [path for path in (PROJECT_ROOT / "tests").rglob("*.*") if path.suffix in {".js", ".mjs", ".py"}]
    texts = {path: path.read_text() for path in (*modules_of.rglob("*.js"), *tests)}
    for path, text in texts.items():
        for name in EXPORT.findall(text) if path.is_relative_to(modules_of) else ():
            used = re.compile(rf"\b{name}\b")
            assert any(used.search(other) for at, other in texts.items() if at != path), f"{path.name} exports {name}"
