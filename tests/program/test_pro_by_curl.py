"""Every example of docs/guides/pro-segments.md, run with curl against the running program in the order of the page."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.prosync.conftest import make_footage
from tests.support.pro_jobs import new_key
from tests.support.program import PROJECT_ROOT, Program, clean_environment
from tests.support.waiting import wait_until

pytestmark = pytest.mark.services
PAGE = PROJECT_ROOT / "docs" / "guides" / "pro-segments.md"
ANYTHING = "…"
ENDS_SECONDS = 120
EXAMPLE = re.compile(r"^(curl .*?)\n# (\d{3}) (\{.*?\})$", re.DOTALL | re.MULTILINE)


def examples() -> list[tuple[str, int, str]]:
    """(command, status, answer) of each example."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [(command, int(status), answer) for block in blocks for command, status, answer in EXAMPLE.findall(block)]


def fits(expected: Any, found: Any) -> bool:
    """Whether what the page shows is there; what it leaves out may be anything."""
    if expected == ANYTHING:
        return True
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(fits(part, found.get(name)) for name, part in expected.items())
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(fits, expected, found))
    return bool(expected == found)


def pro_jobs(program: Program) -> int:
    return int(program.place.query("SELECT COUNT(*) FROM video_jobs WHERE is_pro_job")[0][0])


def test_the_page_tells_the_truth(program: Program, tmp_path: Path) -> None:
    folder = make_footage(tmp_path)
    told, before = examples(), pro_jobs(program)
    assert len(told) == PAGE.read_text().count("\ncurl ") >= 15
    variables = {
        **{tier.upper(): new_key(program.place, tier) for tier in ("free", "pro", "enterprise")},
        "VOD": program.address, "JOB": "",
    }  # fmt: skip
    finished = ""
    for command, status, answer in told:
        script = 'curl() { command curl -sS -w "\\n%{http_code}" "$@"; }\n' + command
        done = subprocess.run(
            ["bash", "-euc", script], capture_output=True, text=True, timeout=120, check=True, cwd=folder,
            env=clean_environment(variables) | {"PATH": os.environ["PATH"]},
        )  # fmt: skip
        text, _, code = done.stdout.rpartition("\n")
        body = json.loads(text)
        expected = json.loads(answer.replace("$JOB", variables["JOB"]))
        assert (int(code), fits(expected, body)) == (status, True), (command, text)
        if status == 202:
            variables["JOB"] = body["job_id"]
            finished = finished or body["job_id"]
    wait_until(
        lambda: program.place.job(finished)["status"] in ("completed", "failed"), ENDS_SECONDS, "the end of the job"
    )
    assert program.place.job(finished)["status"] == "completed"
    assert pro_jobs(program) - before == 2
