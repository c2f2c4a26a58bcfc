"""What the tests of uploads share: files that begin as videos do, and people who send them."""

import asyncio
import errno
import os
import random
import tracemalloc
from collections.abc import Callable
from inspect import isawaitable
from pathlib import Path
from typing import Any

import pytest

from media_app.uploads import services, writers
from media_app.uploads.models import Upload
from tests.support.factories import make_key
from tests.support.streams import Request
from tests.support.waiting import PATIENCE
from tests.uploads.tus import Client
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

FTYP = (24).to_bytes(4) + b"ftypisom" + (512).to_bytes(4) + b"isomiso2"


def video_of(size: int, seed: int = 0) -> bytes:
    """Bytes that begin as an MP4 does: a ``ftyp`` box, and a box of noise that players skip."""
    rest = size - len(FTYP)
    return FTYP + rest.to_bytes(4) + b"free" + random.Random(seed).randbytes(rest - 8)


@pytest.fixture
def client(key: str) -> Client:
    return Client(key)


@pytest.fixture
def other_key(other: User) -> str:
    return make_key(other)


@pytest.fixture
def small_limits(settings: Any) -> None:
    """The free tier with a file of 1 MiB and a storage of 2 MiB."""
    limits = {**settings.TIER_LIMITS["free"], "max_upload_bytes": 1 << 20, "max_storage_bytes": 2 << 20}
    settings.TIER_LIMITS = {**settings.TIER_LIMITS, "free": limits}


def fill_up(monkeypatch: pytest.MonkeyPatch, room: int) -> Callable[[], bool]:
    """A disk on which each file has room for so many bytes; returns whether it has refused some."""
    pwrite, refused = os.pwrite, []

    def full(descriptor: int, data: Any, offset: int) -> int:
        if offset + len(data) > room:
            fits = max(0, room - offset)
            if fits:
                return pwrite(descriptor, bytes(data)[:fits], offset)
            refused.append(offset)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwrite(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", full)
    return lambda: bool(refused)


async def until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait until ``condition`` returns what is true, or what is true once it is awaited."""
    async with asyncio.timeout(seconds * PATIENCE):
        while not (await found if isawaitable(found := condition()) else found):
            await asyncio.sleep(0.01)


async def end(request: Request, *, is_stopped: bool) -> None:
    """The program stops while it reads the request, or else the connection is cut; nobody is answered."""
    if is_stopped:
        request.task.cancel()
        await asyncio.wait({request.task})
    else:
        await request.gone()
    assert not request.has_answered


async def peak_of(request: Request, piece: bytes, size: int) -> int:
    """The most memory that was taken while so many bytes came in pieces."""
    tracemalloc.start()
    try:
        for _ in range(size // len(piece)):
            await request.give(piece)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def raises(type: str) -> Any:
    """Expect a DomainError of this type."""
    return pytest.raises(DomainError, check=lambda error: error.type.name == type)


def content_of(media: Path, upload: Upload) -> bytes:
    """What lies at an upload's key."""
    return (media / upload.key).read_bytes()


def begin(owner: User, front: str = "tus", **fields: Any) -> Upload:
    """Return a new upload that these fields describe."""
    given = {"purpose": "library", "filename": "a.mp4", "size": 20_000, **fields}
    return services.begin_upload(owner, front=front, **given)


def opened(owner: User, size: int, **values: Any) -> tuple[Upload, Any]:
    """Return a new upload by tus, whose row has these values, and the sink that writes it."""
    upload = begin(owner, size=size)
    if values:
        Upload.objects.update(**values)
        upload.refresh_from_db()
    return upload, sink_of(upload)


def sink_of(upload: Upload) -> Any:
    """Take the upload's lock, which is free, and return the writer's sink."""
    lock = writers.acquire(upload.pk)
    assert lock is not None
    return writers.open_writer(Upload.objects.get(pk=upload.pk), lock)
