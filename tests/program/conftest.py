"""Tests that ask a running program from outside and kill nothing: those of one module share it."""

from collections.abc import Iterator

import pytest

from tests.support.places import places, programs
from tests.support.program import Place, Program

pytest.register_assert_rewrite("tests.support.merges")


@pytest.fixture(scope="module")
def place(template: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Where the module's program lives, with the rows and files of every test before."""
    with places(template, tmp_path_factory.mktemp("place")) as make:
        yield make()


@pytest.fixture(scope="module")
def program(place: Place) -> Iterator[Program]:
    with programs() as make:
        yield make(place).start()
