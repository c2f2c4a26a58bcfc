"""The tests' own job kinds in a lane of their own, and the worker's lease keeper on a quick clock."""

from collections.abc import Iterator
from typing import Any

import pytest

from jobs_app.kinds import registry
from tests.jobs import kinds as test_kinds
from tests.support.engine import keeping


@pytest.fixture
def kinds(settings: Any) -> Iterator[None]:
    """The kinds of tests/jobs/kinds.py beside the program's own."""
    settings.JOB_KINDS = [*settings.JOB_KINDS, *(f"tests.jobs.kinds.{name}" for name in test_kinds.NAMES)]
    settings.JOB_LANES = {**settings.JOB_LANES, "test": 2}
    registry.cache_clear()
    test_kinds.started.clear()
    test_kinds.go_on.clear()
    yield
    test_kinds.go_on.set()
    registry.cache_clear()


@pytest.fixture
def one_place(kinds: None, settings: Any) -> None:
    """The lane ``test`` runs one job at a time."""
    settings.JOB_LANES = {**settings.JOB_LANES, "test": 1}


@pytest.fixture
def running_keeper(settings: Any) -> Iterator[None]:
    """The thread that keeps leases, looking about twenty times a second."""
    settings.JOB_CONTROL_SECONDS = 0.05
    settings.JOB_RENEW_SECONDS = 0.1
    settings.JOB_SWEEP_SECONDS = 0.1
    with keeping():
        yield
