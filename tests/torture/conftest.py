"""A place whose program knows the synthetic kind and has quick leases."""

from collections.abc import Callable

import pytest

from tests.support.program import Place
from tests.support.shared import Prepare

SETTINGS = "tests.torture.settings"


@pytest.fixture(scope="module")
def prepare() -> Prepare:
    """Gives a place the settings of this folder."""
    return lambda place: place.environment.update(DJANGO_SETTINGS_MODULE=SETTINGS)


@pytest.fixture
def place(new_place: Callable[[], Place], prepare: Prepare) -> Place:
    """As the crash tests have it, with the settings of this folder."""
    made = new_place()
    prepare(made)
    return made
