"""SIGSTOP of a web process in the middle of a PATCH: another one goes on, and the first harms nothing when it wakes."""

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.program import PROJECT_ROOT, Place, Program, clean_environment
from tests.support.senders import Sender, long_video, stalled
from tests.support.waiting import wait_until
from vodplatform.site.management.commands.up import free_port, web_child
from vodplatform.site.supervisor import Supervisor

pytestmark = pytest.mark.services

MIB = 1024**2
SIZE = 40 * MIB + 321
HOST = "127.0.0.1"


@pytest.fixture
def second(program: Program) -> Iterator[Sender]:
    """A second web process on the same data folder."""
    place, port = program.place, free_port(HOST, 0)
    variables = {**place.variables, "PYTHONPATH": str(PROJECT_ROOT)}
    child = web_child(HOST, port)
    with (place.data_dir.parent / "second.log").open("ab") as child.log:
        host = Supervisor([child], clean_environment(variables))
        try:
            host.start()
            yield Sender(f"http://{HOST}:{port}", place.key)
        finally:
            host.stop()


def offset_of(place: Place) -> int:
    """What is durable, by the row: nobody is asked to let go."""
    [(offset,)] = place.query('SELECT "offset" FROM uploads_upload')
    return int(offset)


def test_what_a_stopped_writer_still_holds_goes_nowhere(program: Program, second: Sender, tmp_path: Path) -> None:
    first = Sender(program.address, program.place.key)
    content = long_video(tmp_path / "match.mp4", SIZE).read_bytes()
    other = content[:MIB] + random.Random(9).randbytes(SIZE - MIB)
    upload = first.begin_tus(SIZE)
    web = program.web()
    assert web is not None
    line = stalled(first, upload, 0, content[: 20 * MIB], SIZE)
    try:
        wait_until(lambda: offset_of(program.place) >= 16 * MIB, 20, "what has come to be durable")
        program.place.stop_between_writes(web)
        # These wait in the system for the process to wake up.
        line.settimeout(0.5)
        with pytest.raises(TimeoutError):
            line.sendall(content[20 * MIB :])
        # Until the lease has run out nobody else may.
        offset = second.offset(upload)
        assert MIB <= offset <= 20 * MIB
        whole = content[:offset] + other[offset:]
        answer = second.patch(upload, offset, whole[offset:])
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(SIZE))
        web.resume()
        line.settimeout(30)
        assert is_refused(line)
    finally:
        web.resume()
        line.close()
    [(key, status)] = program.place.query("SELECT key, status FROM uploads_upload")
    assert status == "completed"
    assert (program.place.data_dir / "media" / key).read_bytes() == whole


def is_refused(line: socket.socket) -> bool:
    """Whether the PATCH is told that it lost the lock, or its connection ends without a good answer."""
    try:
        answer = line.recv(4096)
    except ConnectionResetError:
        return True
    return not answer or answer.startswith((b"HTTP/1.1 423", b"HTTP/1.1 409"))
