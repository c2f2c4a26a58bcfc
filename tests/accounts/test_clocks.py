"""Nothing that decides who may do what, or which job runs, asks the clock of the host: it may be an hour off."""

import ast

import pytest

from tests.support.sources import ROOT, SOURCES

pytestmark = pytest.mark.pure
PARTS = ("vodplatform/accounts", "jobs_app")
# A duration is measured by the monotonic clock; an instant comes from the database.
HOST_CLOCKS = {
    ("time", "time"), ("time", "time_ns"), ("time", "gmtime"), ("time", "localtime"), ("timezone", "now"),
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
}  # fmt: skip
MODEL_CLOCKS = {"auto_now", "auto_now_add"}


def host_clocks(source: str) -> list[int]:
    """Lines that read the host's clock, or let a model do it. How old a file of the host is, its clock may tell."""
    found = []
    files = {number for number, line in enumerate(source.splitlines(), 1) if ".st_mtime" in line}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            left = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if (left, node.attr) in HOST_CLOCKS:
                found.append(node.lineno)
        elif isinstance(node, ast.keyword) and node.arg in MODEL_CLOCKS:
            found.append(node.value.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module in ("time", "django.utils.timezone"):
            found += [node.lineno for name in node.names if name.name in ("time", "time_ns", "now")]
    return [line for line in found if line not in files]


FILES = [path for path in SOURCES if str(path.relative_to(ROOT)).startswith(PARTS)]


def test_no_file_asks_the_clock_of_the_host() -> None:
    assert len(FILES) > 20
    found = {str(path.relative_to(ROOT)): host_clocks(path.read_text(encoding="utf-8")) for path in FILES}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    ["timezone.now()", "x = datetime.now(UTC)", "datetime.datetime.utcnow()", "time.time()", "default=timezone.now",
     "DateTimeField(auto_now_add=True)", "from time import time", "from django.utils.timezone import now"],
)  # fmt: skip
def test_the_search_finds_what_it_looks_for(line: str) -> None:
    source = f"f({line})" if line.startswith("default") else line
    assert host_clocks(source) == [1]
