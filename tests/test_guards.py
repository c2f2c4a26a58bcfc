"""The list of guards: each text is still in its file, each test exists, and the design document shows the list."""

import ast
from pathlib import Path

import pytest
from pytest_check import check

from tests.support.guards import GUARDS, PROJECT_ROOT, Guard, table

pytestmark = pytest.mark.pure


def expect_in_its_file(guard: Guard) -> None:
    """Expect the guard's text once in its file, and a file that still compiles without it."""
    source = (PROJECT_ROOT / guard.file).read_text()
    assert source.count(guard.text) == 1
    assert guard.without != guard.text
    if guard.file.endswith(".py"):
        compile(source.replace(guard.text, guard.without), guard.file, "exec")


def expect_its_test(guard: Guard) -> None:
    """Expect the test that the guard names, on a database on which `make guards` runs it."""
    file, *names = guard.test.split("::")
    assert names
    body: list[ast.stmt] = ast.parse(Path(PROJECT_ROOT / file).read_text()).body
    for name in names:
        node = next(part for part in body if getattr(part, "name", "") == name)
        marks = map(ast.unparse, getattr(node, "decorator_list", []))
        assert guard.postgresql or "pytest.mark.postgresql" not in marks
        body = getattr(node, "body", [])


def test_each_guard_is_in_its_file_and_has_its_test() -> None:
    for guard in GUARDS:
        with check(guard.name):
            expect_in_its_file(guard)
            expect_its_test(guard)


def test_the_design_document_shows_the_list() -> None:
    assert (PROJECT_ROOT / "docs/design/0008-guards.md").read_text() == table()
