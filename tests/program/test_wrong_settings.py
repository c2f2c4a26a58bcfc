"""A wrong setting stops the start with one sentence that names it, and no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.program import manage
from tests.support.sentences import one_sentence

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VOD_LIBRARY_ROOTS", "videos=staff"),
        ("VOD_LIBRARY_ROOTS", "/"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "mysql://root@127.0.0.1/vod"),
        ("DATABASE_URL", "postgres://nobody:nothing@127.0.0.1:1/vod"),
        ("REDIS_URL", "127.0.0.1:6379"),
        ("REDIS_URL", "redis://127.0.0.1:1/0"),
        ("VOD_TIMER_READER", "foo"),
        ("SECRET_KEY", "short"),
        ("VOD_SIGNED_URL_SECONDS", "forever"),
        ("VOD_CLAMD", "here"),
        ("AWS_STORAGE_BUCKET_NAME", "videos/all"),
        ("CDN_KEY_PAIR_ID", "K2JCJMDEHXQW5F"),
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
