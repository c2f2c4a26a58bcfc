"""A wrong setting stops the start with one sentence that names it; tests/base/test_environment.py has the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.program import manage
from tests.support.sentences import one_sentence

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres://nobody:nothing@127.0.0.1:1/vod"),
        ("REDIS_URL", "redis://127.0.0.1:1/0"),
        ("VOD_TIMER_READER", "foo"),
    ],
)
def test_it_names_the_wrong_setting(tmp_path: Path, name: str, value: str) -> None:
    ended = manage("up", "--port", "0", "--data-dir", str(tmp_path / "data"), environment={name: value})
    assert ended.returncode != 0
    assert name in one_sentence(ended.stderr)
    assert ended.stdout == ""


def test_it_says_when_the_data_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ended = manage("up", "--port", "0", "--data-dir", str(tmp_path / "file" / "data"), environment={})
    assert ended.returncode != 0
    assert "VOD_DATA_DIR" in one_sentence(ended.stderr)
