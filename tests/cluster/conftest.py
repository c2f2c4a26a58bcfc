"""What judges for several modules says what it found, as a test does."""

import pytest

pytest.register_assert_rewrite("tests.support.merges")
