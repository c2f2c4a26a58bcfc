"""Bytes a little at a time: a hundred readers that stand still take next to no memory, a slow disk stops nobody."""

import asyncio
import errno
import os
import socket
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from media_app.streaming import file_response, resolve
from media_app.streaming.ranges import ByteRange
from media_app.streaming.resolve import OpenFile, StoredObject
from media_app.videos.media_urls import stream_url
from media_app.videos.models import Video
from tests.conftest import Library
from tests.support import nginx
from tests.support.factories import make_video
from tests.support.waiting import wait_until
from tests.uploads.conftest import until
from vodplatform.accounts.models import User
from vodplatform.asgi import application

MIB = 1024**2
READERS = 100


@pytest.fixture
def file(tmp_path: Path) -> Iterator[OpenFile]:
    path = tmp_path / "bytes"
    path.write_bytes(os.urandom(3 * MIB))
    descriptor = os.open(path, os.O_RDONLY)
    found = os.fstat(descriptor)
    yield OpenFile(descriptor, found.st_size, found.st_mtime_ns, can_read_nonblocking=True)
    os.close(descriptor)


async def never() -> dict[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError


class Received:
    def __init__(self) -> None:
        self.content = b""

    async def __call__(self, message: Any) -> None:
        self.content += message.get("body", b"")


@pytest.mark.django_db(transaction=True)
class TestSlowReaders:
    @pytest.fixture
    def video(self, owner: User, library: Library) -> Video:
        path = library.crew / "large.mp4"
        path.write_bytes(b"")
        os.truncate(path, 1024 * MIB)
        return make_video(owner, location=str(path))

    def test_a_hundred_take_next_to_nothing(self, video: Video) -> None:
        request = f"GET {stream_url(video)} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
        crowd: list[socket.socket] = []
        with nginx.served(application) as port:
            tracemalloc.start()
            try:
                before = tracemalloc.get_traced_memory()[0]
                for _ in range(READERS):
                    crowd.append(socket.create_connection(("127.0.0.1", port), timeout=20))
                    crowd[-1].sendall(request)
                    assert crowd[-1].recv(1000)
                wait_until(lambda: file_response._waiting >= READERS)
                taken = tracemalloc.get_traced_memory()[0] - before
            finally:
                tracemalloc.stop()
                for reader in crowd:
                    reader.close()
            wait_until(lambda: file_response._waiting == 0)
        assert taken < 8 * MIB

    def test_one_who_goes_on_gets_all(self, video: Video, library: Library) -> None:
        path = Path(video.location)
        path.write_bytes(os.urandom(20 * MIB))
        request = f"GET {stream_url(video)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
        with nginx.served(application) as port, socket.create_connection(("127.0.0.1", port), timeout=20) as reader:
            reader.sendall(request)
            wait_until(lambda: file_response._waiting == 1)
            content = b"".join(iter(lambda: reader.recv(MIB), b"")).partition(b"\r\n\r\n")[2]
        assert content == path.read_bytes()


class TestPieces:
    def test_they_become_smaller_the_more_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sizes = []
        for waiting in range(2000):
            monkeypatch.setattr(file_response, "_waiting", waiting)
            sizes.append(file_response.piece_bytes())
        assert sizes == sorted(sizes, reverse=True)
        assert (sizes[0], sizes[-1]) == (file_response.MAX_BYTES, file_response.MIN_BYTES)
        assert sum(sizes[:READERS]) < 6 * MIB

    async def test_nobody_is_counted_as_waiting_who_has_gone(self, file: OpenFile) -> None:
        async def send(message: Any) -> None:
            if message.get("body"):
                raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            await file_response.send_file(file, ByteRange(0, file.size), never, send)
        assert file_response._waiting == 0


class TestSlowDisks:
    async def test_what_is_on_disk_is_read_in_a_thread(self, file: OpenFile, monkeypatch: pytest.MonkeyPatch) -> None:
        """A disk that takes its time, as it does for a file that nobody has read for long."""
        real, gate = os.pread, asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(descriptor: int, length: int, position: int) -> bytes:
            asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(10)
            return real(descriptor, length, position)

        monkeypatch.setattr(file_response, "_read_cached", lambda *where: b"")
        monkeypatch.setattr(os, "pread", slow)
        received = Received()
        sent = asyncio.ensure_future(file_response.send_file(file, ByteRange(0, 1000), never, received))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not sent.done()
        gate.set()
        await asyncio.wait_for(sent, 10)
        assert received.content == real(file.descriptor, 1000, 0)

    async def test_what_is_in_memory_is_read_at_once(self, file: OpenFile, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "pread", Mock(side_effect=AssertionError("asked the disk")))
        received = Received()
        await file_response.send_file(file, ByteRange(0, file.size), never, received)
        assert len(received.content) == file.size

    async def test_a_half_in_memory_is_sent_at_once(self, file: OpenFile, monkeypatch: pytest.MonkeyPatch) -> None:
        real = os.preadv

        def half(descriptor: int, buffers: list[bytearray], position: int, flags: int) -> int:
            return real(descriptor, [memoryview(buffers[0])[: len(buffers[0]) // 2]], position, flags)

        monkeypatch.setattr(os, "preadv", half)
        received = Received()
        await file_response.send_file(file, ByteRange(5, file.size), never, received)
        assert received.content == os.pread(file.descriptor, file.size, 5)

    @pytest.mark.parametrize("number", [errno.EAGAIN, errno.EOPNOTSUPP])
    async def test_blocking_reads_work(self, file: OpenFile, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        """What cannot be read without waiting is read all the same."""
        monkeypatch.setattr(os, "preadv", Mock(side_effect=OSError(number, os.strerror(number))))
        assert file_response._read_cached(file.descriptor, 10, 0) == b""
        assert await file_response._read(file, 10, 5) == os.pread(file.descriptor, 10, 5)

    @pytest.mark.parametrize(("number", "tells"), [(0, True), (errno.EAGAIN, True), (errno.EOPNOTSUPP, False)])
    def test_nowait_support(self, file: OpenFile, monkeypatch: pytest.MonkeyPatch, number: int, tells: bool) -> None:
        monkeypatch.setattr(os, "preadv", Mock(side_effect=[OSError(number, os.strerror(number)) if number else 1]))
        assert resolve._supports_nonblocking_reads(file.descriptor) is tells


class TestStalledReadersOfABucket:
    async def test_one_holds_no_more_than_the_piece_that_it_was_given(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is read for somebody who does not take it would be memory that nobody counts."""
        read, drained = 0, asyncio.Event()

        class Reader:
            async def next_chunk(self) -> bytes:
                nonlocal read
                read += 1
                return bytes(1000)

        async def send(message: Any) -> None:
            if not message.get("body") and read:
                await drained.wait()

        sent = asyncio.ensure_future(file_response.send_object(Reader(), ByteRange(0, 5000), never, send))  # type: ignore[arg-type]
        await until(lambda: file_response._waiting and read)
        for _ in range(20):
            await asyncio.sleep(0)
        assert (read, file_response._waiting) == (1, 1)
        drained.set()
        await asyncio.wait_for(sent, 10)
        assert (read, file_response._waiting) == (5, 0)

    async def test_the_more_wait_the_smaller_its_pieces(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[int] = []

        def read(key: str, start: int, stop: int, *, piece: int) -> Iterator[bytes]:
            asked.append(piece)
            return iter([b""])

        monkeypatch.setattr(file_response.store, "read_chunks", read)
        for waiting in (0, 10, 1000):
            monkeypatch.setattr(file_response, "_waiting", waiting)
            file_response.ObjectReader(StoredObject("a", 5, '"a"', 0.0), ByteRange(0, 5))
        assert asked == sorted(asked, reverse=True)
        assert (asked[0], asked[-1]) == (file_response.MAX_BYTES, file_response.MIN_BYTES)
