"""What the tests of accounts share."""

from collections.abc import Iterator
from typing import Any

import pytest

from vodplatform.core.web import throttles


@pytest.fixture
def throttled(settings: Any) -> Iterator[None]:
    """Throttles are on, and nothing is counted yet."""
    settings.THROTTLES_ON = True
    throttles.reset_counters()
    yield
    throttles.reset_counters()
