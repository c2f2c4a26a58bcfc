"""A disk that is full: a file is kept that is given up then, so that one can sign in and delete."""

from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from vodplatform.core.files import disk

Usage = namedtuple("Usage", "total used free")


def test_a_file_is_given_up_while_the_disk_is_full(
    monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    reserve, enough = tmp_path / disk.NAME, settings.DISK_RESERVE_BYTES + 1
    last = disk.LAST_BYTES
    for free, is_there in ((enough, True), (last, True), (last - 1, False), (10**8, False), (enough, True)):
        monkeypatch.setattr(disk.shutil, "disk_usage", lambda path, free=free: Usage(1 << 40, 0, free))
        disk.manage_reserve_file()
        assert reserve.exists() is is_there
    assert reserve.stat().st_mode & 0o077 == 0
    assert (reserve.stat().st_size, reserve.stat().st_blocks * 512) == (disk.RESERVED_BYTES, disk.RESERVED_BYTES)
