"""A disk that is full: a file is kept that is given up then, so that one can sign in and delete."""

from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vodplatform.core.files import disk

MIB = 1024**2
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Callable[[int], None]:
    """Says how many bytes are left on the disk with the data folder."""
    settings.DATA_DIR = tmp_path

    def say(count: int) -> None:
        monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: Usage(1 << 40, 0, count))

    return say


def test_a_file_is_given_up_while_the_disk_is_full(left: Callable[[int], None], tmp_path: Path, settings: Any) -> None:
    reserve = tmp_path / disk.NAME
    left(settings.DISK_RESERVE_BYTES + 1)
    disk.manage_reserve_file()
    assert reserve.stat().st_mode & 0o077 == 0
    assert (reserve.stat().st_size, reserve.stat().st_blocks * 512) == (disk.RESERVED_BYTES, disk.RESERVED_BYTES)
    for count, is_there in ((disk.LAST_BYTES, True), (disk.LAST_BYTES - 1, False), (100 * MIB, False)):
        left(count)
        disk.manage_reserve_file()
        assert reserve.exists() is is_there
    left(settings.DISK_RESERVE_BYTES + 1)
    disk.manage_reserve_file()
    assert reserve.exists()
