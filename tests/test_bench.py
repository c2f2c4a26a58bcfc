"""The benchmarks can be begun: what they measure they say themselves."""

import importlib

import pytest
from pytest_check import check

from bench.__main__ import GOALS

pytestmark = pytest.mark.pure


def test_each_goal_has_something_that_measures_it() -> None:
    for name, goal in GOALS.items():
        with check(name):
            assert callable(importlib.import_module(goal.module).measure)
