"""A wrong setting stops the start with one sentence that names it; tests/core/test_environment.py has the others."""

from pathlib import Path

import pytest

from tests.support.program import manage
from tests.support.sentences import one_sentence

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(("name", "value"), [
    ("DATABASE_URL", "postgres://nobody:nothing@127.0.0.1:1/vod"),
    ("REDIS_URL", "redis://127.0.0.1:1/0"),
])  # fmt: skip
def test_it_names_the_wrong_setting(tmp_path: Path, name: str, value: str) -> None:
    ended = manage("up", "--port", "0", environment={"VOD_DATA_DIR": str(tmp_path / "data"), name: value})
    assert ended.returncode != 0
    assert name in one_sentence(ended.stderr)
    assert ended.stdout == ""
