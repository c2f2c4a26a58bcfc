"""A disk that does not answer, such as a network mount that has gone: its own files wait, and nobody else's."""

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import pytest

from media_app.streaming import file_response, io_pools
from media_app.videos.media_urls import hls_url, stream_url
from media_app.videos.models import Video
from tests.conftest import Library
from tests.streaming.answers import refused
from tests.streaming.test_stream import Player, is_open
from tests.support.factories import make_video
from tests.support.sockets import ask
from tests.support.waiting import wait_until
from tests.uploads.conftest import until
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db(transaction=True)
CROWD = 3 * io_pools.THREADS_OF_A_DISK


@pytest.fixture
def gate(library: Library, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The staff's folder is on a disk that answers neither a look nor an opening until this is set."""
    gate = threading.Event()

    def slow(real: Any) -> Any:
        def call(path: Any, *arguments: Any, **options: Any) -> Any:
            if str(path).startswith(str(library.staff)):
                assert gate.wait(20)
            return real(path, *arguments, **options)

        return call

    monkeypatch.setattr(os, "open", slow(os.open))
    monkeypatch.setattr(os.path, "realpath", slow(os.path.realpath))
    yield gate
    gate.set()


@pytest.fixture
def away(admin_person: User, library: Library) -> Video:
    return make_video(admin_person, location=str(library.staff / "plain.mp4"))


@pytest.fixture
def near(owner: User, library: Library) -> Video:
    return make_video(owner, location=str(library.crew / "plain.mp4"))


async def test_it_holds_up_no_other_disk(
    http: httpx.AsyncClient, away: Video, near: Video, clip: Video, gate: threading.Event, library: Library
) -> None:
    crowd = [asyncio.ensure_future(http.get(stream_url(away))) for _ in range(CROWD)]
    await until(io_pools.threads_of(io_pools.place_of(away.location))._work_queue.qsize)
    async with asyncio.timeout(20):
        for address in (stream_url(near), stream_url(clip), hls_url(clip)):
            assert (await http.get(address)).status_code == 200
    assert not any(request.done() for request in crowd)
    gate.set()
    content = (library.staff / "plain.mp4").read_bytes()
    assert {(await request).content for request in crowd} == {content}


async def test_after_a_while_it_is_told(
    http: httpx.AsyncClient, away: Video, gate: threading.Event, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(io_pools, "DISK_SECONDS", 0.05)
    responses = await asyncio.gather(*(http.get(stream_url(away)) for _ in range(CROWD)))
    for response in responses:
        refused(response, 503, "unavailable")
        assert int(response.headers["retry-after"]) >= 1
    gate.set()
    threads = io_pools.threads_of(io_pools.place_of(away.location))
    wait_until(lambda: not threads._work_queue.qsize())
    wait_until(lambda: not is_open(library.staff / "plain.mp4"))
    monkeypatch.undo()
    assert (await http.get(stream_url(away))).status_code == 200


async def test_a_reader_whose_disk_stops_in_the_middle_does_not_stop_the_program(
    http: httpx.AsyncClient, near: Video, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the reading nor the look at the file's times is done where everybody waits for it."""
    path = Path(near.location)
    path.write_bytes(os.urandom(3 * file_response.MAX_BYTES))
    gate, loop_thread, asked = threading.Event(), threading.current_thread(), threading.Event()

    def waits(real: Any) -> Any:
        def call(descriptor: int, *arguments: Any) -> Any:
            if str(Path(f"/proc/self/fd/{descriptor}").readlink()) == str(path):
                assert threading.current_thread() is not loop_thread
                asked.set()
                assert gate.wait(20)
            return real(descriptor, *arguments)

        return call

    def stop_the_disk(chunks: int) -> None:
        if chunks == 1:
            for name in ("pread", "fstat", "close"):
                monkeypatch.setattr(os, name, waits(getattr(os, name)))

    player = Player(await ask(stream_url, near), after_chunk=stop_the_disk)
    monkeypatch.setattr(os, "preadv", Mock(side_effect=OSError(95, "Operation not supported")))
    playing = asyncio.ensure_future(player.play())
    try:
        await until(asked.is_set)
        assert not playing.done()
    finally:
        gate.set()
    await playing
    monkeypatch.undo()
    assert b"".join(message.get("body", b"") for message in player.messages) == path.read_bytes()


class TestPlaces:
    def test_each_library_folder_is_one(self, library: Library) -> None:
        found = [io_pools.place_of(str(folder / "a" / "b.mp4")) for folder in (library.staff, library.crew)]
        assert len(set(found)) == 2
        assert io_pools.place_of("/nowhere/a.mp4") not in found
        assert io_pools.place_of(f"{library.crew}-2/a.mp4") not in found

    async def test_what_a_question_raises_is_raised(self) -> None:
        for error in (FileNotFoundError("a"), TimeoutError("of the file system")):
            with pytest.raises(type(error), match=str(error)):
                await io_pools.run_in_pool_with_timeout(io_pools.MEDIA, Mock(side_effect=error), lambda answer: None)
