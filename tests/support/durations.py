"""Durations of test cases: a pytest plugin that records them, and ``python -m tests.support.durations``, which reports.

``--record-durations NAME`` writes ``.cache/durations/NAME.jsonl``: a line for each worker (seconds until its first
case), and a line for each phase of each case. ``cpu`` is the CPU time in seconds, including child processes that ended
during the phase. The CPU time of a program that a module shares counts in the phase that ends the program.
"""

import json
import os
import time
from collections import defaultdict
from collections.abc import Generator
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

PROJECT_ROOT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT_ROOT / ".cache" / "durations"
DOCUMENT = PROJECT_ROOT / "docs" / "test-durations.md"
BEGIN, END = "<!-- made by `make durations` -->\n", "<!-- end -->\n"
SLOWEST = 15
PHASES = ("setup", "call", "teardown")
_imported = time.monotonic()
_cpu = sum(os.times()[:4])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-durations", metavar="NAME", help="write how long each case takes into .cache/durations")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Send the seconds that this worker needed to import, collect and choose its cases."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["start_seconds"] = time.monotonic() - _imported


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """Add to the report the CPU time since the previous report."""
    global _cpu
    report = yield
    now = sum(os.times()[:4])
    report.cpu, _cpu = now - _cpu, now
    return report


def pytest_configure(config: pytest.Config) -> None:
    name = config.getoption("--record-durations")
    if name and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(name), "durations-recorder")


class Recorder:
    """Writer of the lines. It runs in the process that starts the workers, or in the only process."""

    def __init__(self, name: str) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        # Flush each line, so that an aborted run loses none.
        self.lines = (FOLDER / f"{name}.jsonl").open("w", buffering=1)

    def write(self, **line: object) -> None:
        self.lines.write(json.dumps(line) + "\n")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when in PHASES and getattr(report, "context", None) is None:  # a subtest is part of its case
            marks = [tier for tier in ("browser", "program", "crash", "pure") if tier in report.keywords]
            self.write(
                case=report.nodeid, phase=report.when, seconds=round(report.duration, 4),
                cpu=round(getattr(report, "cpu", 0.0), 2), outcome=report.outcome,
                worker=getattr(report, "worker_id", "main"), tier=marks[0] if marks else "database",
            )  # fmt: skip

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        output = getattr(node, "workeroutput", {})
        self.write(worker=node.gateway.id, start=round(output.get("start_seconds", 0), 2))

    def pytest_unconfigure(self) -> None:
        self.lines.close()


def table(head: list[str], rows: list[list[object]]) -> str:
    """Return a Markdown table with all columns but the first right-aligned."""
    ruler = ["---", *(["--:"] * (len(head) - 1))]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in (head, ruler, *rows)) + "\n"


def report(path: Path) -> str:
    """Return a recorded run's durations as Markdown tables: by tier, by folder, and of the slowest functions."""
    by: dict[str, dict[str, list[float]]] = {
        kind: defaultdict(lambda: [0.0] * 5) for kind in ("tier", "folder", "function")
    }
    starts = []
    for line in map(json.loads, path.read_text().splitlines()):
        if "start" in line:
            starts.append(line["start"])
            continue
        function = line["case"].partition("[")[0]
        folder = "/".join(Path(function.partition("::")[0]).parts[:2])
        for kind, key in (("tier", line["tier"]), ("folder", folder), ("function", function)):
            by[kind][key][PHASES.index(line["phase"])] += line["seconds"]
            by[kind][key][3] += line["phase"] == "setup"
            by[kind][key][4] += line["cpu"]

    def rows(kind: str, most: int = 100) -> list[list[object]]:
        slowest = sorted(by[kind].items(), key=lambda item: -sum(item[1][:3]))[:most]
        return [[key, *map(round, (found[3], found[0], found[1], sum(found[:3]), found[4]))] for key, found in slowest]

    columns = ["cases", "set-up s", "call s", "all s", "CPU s"]
    total, cpu = (sum(map(seconds, by["tier"].values())) for seconds in (lambda found: sum(found[:3]), itemgetter(4)))
    return (
        f"### {path.stem}\n\nThe tests took {total:.0f} s, added up over all workers, and {cpu:.0f} s of CPU time. "
        f"To import and collect the tests, each of the {len(starts)} workers first needed "
        f"{sum(starts) / max(1, len(starts)):.0f} s on average.\n\n"
        + table(["tier", *columns], rows("tier")) + "\n" + table(["folder", *columns], rows("folder")) + "\n"
        + table(["slowest", *columns], rows("function", SLOWEST))
    )  # fmt: skip


def main() -> None:
    """Print the tables of the recorded runs and write them into the document."""
    found = "\n".join(report(path) for path in sorted(FOLDER.glob("*.jsonl"), reverse=True))
    print(found)
    before, rest = DOCUMENT.read_text().split(BEGIN)
    DOCUMENT.write_text(before + BEGIN + "\n" + found + "\n" + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
