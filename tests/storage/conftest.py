"""The store in both of its forms: a folder, and a bucket behind a proxy that makes faults, of two S3 servers."""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.s3 import Bucket


@pytest.fixture(params=["media", *(pytest.param(name, marks=pytest.mark.services) for name in ("s3_storage", "swift"))])
def place(request: pytest.FixtureRequest) -> Path | Bucket:
    """Both forms of the store, one after the other: the folder, or the bucket of moto's server or of Swift."""
    found: Path | Bucket = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def new_file(tmp_path: Path) -> Callable[..., Path]:
    """Makes a file outside the store, as a job has it when it is done."""

    def make(content: bytes = b"0123456789" * 100, name: str = "made.mp4") -> Path:
        path = tmp_path / "made" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    return make


DISK_BYTES = 1024**2


@pytest.fixture
def small_disk(media: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The store on a file system of 1 MiB.

    Where this process may not mount one (it is not root, or in a container that forbids it), the system calls that
    write into that folder fail as they would; that shows what the store makes of it, and not that the disk says it.
    """
    mount = ["mount", "--types", "tmpfs", "--options", f"size={DISK_BYTES}", "tmpfs", media]
    if subprocess.run(mount, check=False).returncode == 0:
        yield media
        subprocess.run(["umount", "--lazy", media], check=True)
        return

    def expect_room(size: int) -> None:
        used = sum(path.stat().st_size for path in media.rglob("*") if path.is_file())
        if used + size > DISK_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    sendfile, write_bytes, rename = os.sendfile, Path.write_bytes, Path.rename

    def copy(target: int, source: int, offset: Any, count: int) -> int:
        left = os.fstat(source).st_size - os.lseek(source, 0, os.SEEK_CUR)
        expect_room(min(count, left))
        return sendfile(target, source, offset, count)

    def write(path: Path, content: bytes) -> int:
        if path.is_relative_to(media):
            path.touch()
            expect_room(len(content))
        return write_bytes(path, content)

    def move(path: Path, target: Any) -> Path:
        if path.is_relative_to(media) != Path(target).is_relative_to(media):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return rename(path, target)

    monkeypatch.setattr(os, "sendfile", copy)
    monkeypatch.setattr(Path, "write_bytes", write)
    monkeypatch.setattr(Path, "rename", move)
    yield media
