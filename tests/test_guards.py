"""The list of guards: each still stands where it says, names a test that is there, and is shown in the design."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.guards import GUARDS, PROJECT_ROOT, Guard, table

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_it_stands_where_the_list_says(guard: Guard) -> None:
    source = (PROJECT_ROOT / guard.file).read_text()
    assert source.count(guard.text) == 1
    assert guard.without != guard.text
    if guard.file.endswith(".py"):
        compile(source.replace(guard.text, guard.without), guard.file, "exec")


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_its_test_is_there(guard: Guard) -> None:
    file, *names = guard.test.split("::")
    body: list[ast.stmt] = ast.parse(Path(PROJECT_ROOT / file).read_text()).body
    for name in names:
        node = next(part for part in body if getattr(part, "name", "") == name)
        marks = map(ast.unparse, getattr(node, "decorator_list", []))
        # One that runs on PostgreSQL alone is tried there.
        assert guard.postgresql or "pytest.mark.postgresql" not in marks
        body = getattr(node, "body", [])
    assert names


def test_the_design_shows_the_list() -> None:
    assert (PROJECT_ROOT / "docs/design/0008-guards.md").read_text() == table()
