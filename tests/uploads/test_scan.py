"""Scanning by the real clamd, over both kinds of sockets; and by servers that are not well."""

import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from media_app.uploads import scan
from tests.support.clamav import EICAR, FILE_BYTES, FINDING, STREAM_BYTES, Clamd, infect


@pytest.fixture(params=["unix", "tcp"])
def either(clamd: Clamd, settings: Any, request: pytest.FixtureRequest) -> str:
    if request.param == "tcp":
        settings.CLAMD = ("127.0.0.1", clamd.port)
    return str(request.param)


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], Path]:
    def make(content: bytes) -> Path:
        path = tmp_path / "file.mp4"
        path.write_bytes(content)
        return path

    return make


@pytest.mark.services
class TestFinding:
    def test_what_carries_the_test_string_is_named(self, either: str, file: Any) -> None:
        assert scan.scan(file(EICAR)) == FINDING

    def test_a_clean_or_empty_file_is_clean(self, either: str, file: Any) -> None:
        for content in (os.urandom(100_000), b""):
            assert scan.scan(file(content)) is None

    def test_it_is_found_at_the_very_end_of_many_chunks(self, either: str, file: Any) -> None:
        head = os.urandom(STREAM_BYTES - len(EICAR))
        assert scan.scan(file(head + EICAR)) == FINDING

    def test_it_is_found_in_a_video(self, either: str, file: Any, clips: Path) -> None:
        path = file((clips / "plain.mp4").read_bytes())
        assert scan.scan(path) is None
        assert scan.scan(infect(path)) == FINDING

    def test_only_its_owner_may_read_the_file(self, clamd: Clamd, file: Any) -> None:
        """The descriptor is what clamd gets: its own user needs no permission."""
        path = file(EICAR)
        path.chmod(0o600)
        assert scan.scan(path) == FINDING

    def test_a_missing_file_is_no_fault_of_clamd(self, either: str, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            scan.scan(tmp_path / "none.mp4")


@pytest.mark.services
class TestLimits:
    def test_over_a_unix_socket_the_limit_of_streams_does_not_bind(self, clamd: Clamd, file: Any) -> None:
        assert scan.scan(file(os.urandom(2 * STREAM_BYTES) + EICAR)) == FINDING

    @pytest.mark.parametrize("over", [1, STREAM_BYTES, 40 * STREAM_BYTES])
    def test_over_tcp_a_longer_file_is_never_clean(self, clamd: Clamd, settings: Any, file: Any, over: int) -> None:
        settings.CLAMD = ("127.0.0.1", clamd.port)
        with pytest.raises(scan.NotScanned, match="StreamMaxLength"):
            scan.scan(file(b"\0" * (STREAM_BYTES + over)))

    def test_what_clamd_says_is_beyond_its_limits_is_not_a_finding(self, clamd: Clamd, file: Any) -> None:
        with pytest.raises(scan.NotScanned, match="MaxFileSize"):
            scan.scan(file(os.urandom(FILE_BYTES + 1)))

    def test_two_gibibytes_are_never_clean(self, clamd: Clamd, file: Any) -> None:
        clamd.stop()
        clamd.start(AlertExceedsMax="no", MaxFileSize="0", MaxScanSize="0")
        path = file(b"")
        os.truncate(path, 2**31)
        with pytest.raises(scan.NotScanned, match="2 GiB"):
            scan.scan(path)

    def test_a_clamd_that_lets_large_files_pass_unread_is_known(self, clamd: Clamd) -> None:
        assert not scan.passes_oversized_files()
        clamd.stop()
        clamd.start(AlertExceedsMax="no")
        assert scan.passes_oversized_files()


@pytest.mark.services
class TestDown:
    def test_ping_is_content_with_one_that_answers(self, either: str) -> None:
        assert scan.is_configured()
        scan.ping()

    def test_one_that_has_ended_is_down_and_heals(self, clamd: Clamd, either: str, file: Any) -> None:
        path = file(EICAR)
        clamd.stop()
        with pytest.raises(scan.ScannerDown):
            scan.scan(path)
        with pytest.raises(scan.ScannerDown):
            scan.ping()
        clamd.start()
        assert scan.scan(path) == FINDING

    def test_none_is_set_by_default(self, settings: Any, file: Any) -> None:
        settings.CLAMD = None
        assert not scan.is_configured()
        with pytest.raises(scan.ScannerDown):
            scan.scan(file(b"x"))


class Server:
    """Something on loopback that is not clamd: reads up to ``accepts`` bytes, says ``says``, and hangs up or stays."""

    def __init__(self, says: bytes = b"", *, takes: int = 1 << 40, stays: bool = False) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = ("127.0.0.1", self.listening.getsockname()[1])
        self.says, self.accepts, self.stays = says, takes, stays
        self.over = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                with connection:
                    taken = b""
                    while len(taken) < self.accepts and not taken.endswith(struct.pack("!I", 0)):
                        part = connection.recv(min(65536, self.accepts - len(taken)))
                        if not part:
                            break
                        taken += part
                    connection.sendall(self.says)
                    if self.stays:
                        self.over.wait(30)

    def close(self) -> None:
        self.over.set()
        self.listening.close()


@pytest.fixture
def server(settings: Any) -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def start(*words: Any, **options: Any) -> Server:
        made.append(Server(*words, **options))
        settings.CLAMD = made[-1].address
        return made[-1]

    yield start
    for found in made:
        found.close()


class TestNotWell:
    @pytest.mark.parametrize(("takes", "size"), [(1 << 40, 1000), (0, 30_000_000)])
    def test_silence_ends(self, server: Any, file: Any, monkeypatch: pytest.MonkeyPatch, takes: int, size: int) -> None:
        monkeypatch.setattr(scan, "ANSWER_SECONDS", 0.3)
        server(takes=takes, stays=True)
        begun = time.monotonic()
        with pytest.raises(scan.ScannerDown):
            scan.scan(file(b"x" * size))
        assert time.monotonic() - begun < 5

    @pytest.mark.parametrize(
        "says",
        [b"", b"\0", b"OK\0", b"stream: ", b"stream: FOUND\0", b"stream: Can't allocate memory ERROR\0",
         b"HTTP/1.1 400\r\n\r\n", b"COMMAND READ TIMED OUT\0", b"\xff\xfe\0", b"x" * 200_000],
    )  # fmt: skip
    def test_only_its_own_words_make_a_file_clean(self, server: Any, file: Any, says: bytes) -> None:
        server(says)
        with pytest.raises(scan.ScannerDown):
            scan.scan(file(b"x" * 1000))

    def test_hanging_up_in_the_middle_is_not_clean(self, server: Any, file: Any) -> None:
        server(takes=100_000)
        with pytest.raises(scan.ScannerDown):
            scan.scan(file(b"x" * 30_000_000))

    def test_an_answer_in_pieces_is_whole(self, server: Any, file: Any) -> None:
        server(b"stream: Some.Name-1 FOUND\0")
        assert scan.scan(file(b"x")) == "Some.Name-1"
