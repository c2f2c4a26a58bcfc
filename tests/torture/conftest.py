"""A place whose program knows the synthetic kind and has quick leases."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.program import Place

SETTINGS = "tests.torture.settings"


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    """As the crash tests have it, with the settings of this folder."""
    made = new_place()
    made.environment["DJANGO_SETTINGS_MODULE"] = SETTINGS
    return made
