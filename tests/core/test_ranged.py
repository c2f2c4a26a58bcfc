"""Files that a child reads in parts through its parent."""

import os
import random
import socket
import threading
from collections.abc import Iterator

import pytest

from vodplatform.core.processes import ranged
from vodplatform.core.processes.ranged import ANSWER, ASK, BLOCK_BYTES, FAILED, KEPT_BLOCKS, RangedFile, RangeServer

pytestmark = pytest.mark.pure
CONTENT = [random.Random(seed).randbytes(size) for seed, size in enumerate((3 * BLOCK_BYTES + 77, 10))]


class Source:
    """Where the parent has the bytes from. asked: (file, first, after the last) in order."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []
        self.error: Exception | None = None

    def read(self, index: int, start: int, stop: int) -> bytes:
        self.asked.append((index, start, stop))
        if self.error:
            raise self.error
        return CONTENT[index][start:stop]


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def server(source: Source) -> Iterator[RangeServer]:
    with RangeServer([len(content) for content in CONTENT], source.read) as found:
        yield found


def test_any_part_is_what_lies_there(server: RangeServer) -> None:
    rng = random.Random(5)
    for path, content in zip(server.paths, CONTENT, strict=True):
        file = RangedFile(path)
        for _ in range(200):
            start, count = rng.randrange(len(content) + 10), rng.choice([1, 100, BLOCK_BYTES, 2 * BLOCK_BYTES])
            assert file.seek(start) == start == file.tell()
            found = b""
            while len(found) < count and (piece := file.read(count - len(found))):
                found += piece
            assert found == content[start : start + count]
        assert file.seek(-3, 2) == len(content) - 3
        assert file.readall() == content[-3:]
        assert file.seek(-1, 1) == len(content) - 1


def test_a_block_is_asked_for_once_and_who_reads_on_is_given_more(server: RangeServer, source: Source) -> None:
    file = RangedFile(server.paths[0])
    assert file.readall() == CONTENT[0]
    file.seek(0)
    assert file.read(10) == CONTENT[0][:10]
    last = len(CONTENT[0])
    assert source.asked == [(0, 0, BLOCK_BYTES), (0, BLOCK_BYTES, 3 * BLOCK_BYTES), (0, 3 * BLOCK_BYTES, last)]
    assert server.count == last


def test_of_a_long_file_the_blocks_read_last_are_kept(monkeypatch: pytest.MonkeyPatch, server: RangeServer) -> None:
    monkeypatch.setattr(ranged, "KEPT_BLOCKS", 2)
    file = RangedFile(server.paths[0])
    file.readall()
    assert len(file._blocks) == 2


def test_why_nothing_came_is_kept_for_whoever_waits_for_the_child(server: RangeServer, source: Source) -> None:
    source.error = TimeoutError("away")
    with pytest.raises(OSError, match="could not be read"):
        RangedFile(server.paths[0]).read(1)
    assert server.error is source.error


def ask(server: RangeServer, index: int, start: int, length: int) -> int:
    """What a child is answered that asks by itself: how many bytes, or :data:`FAILED`."""
    with socket.socket(fileno=server._theirs.dup().detach()) as line:
        line.sendall(ASK.pack(index, start, length))
        with line.makefile("rb") as answers:
            (count,) = ANSWER.unpack(answers.read(ANSWER.size))
            answers.read(max(0, count))
            return int(count)


@pytest.mark.parametrize(("index", "length"), [(2, 10), (1 << 31, 10), (0, 1 << 31)])
def test_what_was_not_given_is_refused(server: RangeServer, source: Source, index: int, length: int) -> None:
    assert ask(server, index, 0, length) == FAILED
    assert source.asked == []
    assert server.error is None  # the child's fault, not the storage's


def test_beyond_the_end_there_is_nothing(server: RangeServer, source: Source) -> None:
    assert ask(server, 1, 10, 5) == 0
    assert ask(server, 1, (1 << 64) - 1, 5) == 0
    assert ask(server, 1, 8, 5) == 2
    assert source.asked == [(1, 8, 10)]


def test_who_reads_in_circles_is_stopped(server: RangeServer) -> None:
    times = 4 * sum(map(len, CONTENT)) // BLOCK_BYTES + KEPT_BLOCKS
    answers = [ask(server, 0, 0, BLOCK_BYTES) for _ in range(times + 3)]
    assert set(answers[: times - 1]) == {BLOCK_BYTES}
    assert answers[-1] == FAILED
    assert server.error is None


def test_a_child_whose_parent_has_gone_is_told(source: Source) -> None:
    with RangeServer([10], source.read) as server:
        file = RangedFile(server.paths[0])
        server._ours.shutdown(socket.SHUT_RDWR)
        with pytest.raises(OSError):
            file.read(1)


def test_a_child_that_does_not_read_its_answer_is_no_error(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    sizes = [len(content) for content in CONTENT]
    with RangeServer(sizes, source.read) as server, socket.socket(fileno=os.dup(server.descriptor)) as child:
        child.sendall(ASK.pack(0, 0, BLOCK_BYTES))
        assert child.recv(1, socket.MSG_PEEK)
    assert not seen
