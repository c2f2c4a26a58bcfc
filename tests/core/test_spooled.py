"""Large answers are sent from the disk."""

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

from vodplatform.core.files import spooled
from vodplatform.core.files.spooled import Outbox, SpooledFile, pieces_of


async def whole(pieces: Any) -> bytes:
    return b"".join([piece async for piece in pieces])


def test_an_answer_is_sent_in_pieces_and_leaves_nothing(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    content = bytes(range(256)) * 1000
    outbox = Outbox()
    assert asyncio.run(whole(outbox.put(SpooledFile([content])))) == content
    assert not outbox._files
    assert not list((tmp_path / "tmp").iterdir())
    file = SpooledFile([content[:7], content[7:]])
    assert (file.size, file.read(5, 4), asyncio.run(whole(pieces_of(file)))) == (256_000, content[5:9], content)


def test_an_answer_that_is_never_sent_leaves_nothing() -> None:
    outbox = Outbox()
    outbox.put(SpooledFile([b"1"]))
    gc.collect()
    assert not outbox._files


def test_the_oldest_answers_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooled, "MAX_BYTES", 250_000)
    outbox = Outbox()

    async def send_three() -> tuple[bytes, bytes]:
        first = outbox.put(SpooledFile([b"1" * 100_000]))
        assert await anext(first) == b"1" * spooled.PIECE_BYTES
        second, third = (outbox.put(SpooledFile([sign * 100_000])) for sign in (b"2", b"3"))
        with pytest.raises(ConnectionAbortedError):
            await anext(first)
        return await whole(second), await whole(third)

    assert asyncio.run(send_three()) == (b"2" * 100_000, b"3" * 100_000)
    assert not outbox._files
