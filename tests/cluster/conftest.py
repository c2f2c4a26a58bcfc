"""What judges for several modules says what it found, as a test does."""

import logging

import pytest

pytest.register_assert_rewrite("tests.support.merges")
# Only what the tests print is shown.
logging.getLogger("httpx").setLevel(logging.WARNING)
