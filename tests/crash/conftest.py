"""Tests of one module share one running program: each finds it whole, however the one before has left it.

Who stops it for good, or needs a place to himself, asks for ``new_place`` and ``new_program`` as everywhere.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.prosync.conftest import make_footage
from tests.support.places import SHARED_REDIS
from tests.support.program import Place, Program
from tests.support.shared import Shared

pytest.register_assert_rewrite("tests.support.merges")

QUICK_LEASES = {"DJANGO_SETTINGS_MODULE": "tests.crash.settings"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files of pro jobs lie."""
    return make_footage(tmp_path_factory.mktemp("pro"))


@pytest.fixture
def program(shared: Shared) -> Program:
    """The module's running program, whole."""
    return shared.whole()


@pytest.fixture
def new_place(shared: Shared, new_place: Callable[[], Place]) -> Callable[[], Place]:
    """Makes places of the test's own. On one Redis for all there is one program at a time: the module's is ended."""
    if SHARED_REDIS:
        shared.end()
    return new_place
