"""A plain client that sends files to a running program, one request a call, by tus and in chunks; and files to send."""

import hashlib
import random
import socket
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.support.clips import render_clip

TUS = "/api/v1/uploads/tus/"
CHUNKED = "/api/v1/challenge-videos/upload"
PIECE_BYTES = 1024**2
BOX_BYTES = 8
# After a kill the lock of who was killed has to run out first.
ANSWER_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Sender:
    """Whoever has the token ``key``. address: of the program, without a slash at its end.

    certificate: a file that vouches for it, where it is not an authority's. headers: said with each request.
    """

    address: str
    key: str
    certificate: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **body: Any
    ) -> httpx.Response:  # fmt: skip
        """One request over a connection of its own. Raises ``httpx.TransportError``."""
        given = {"Authorization": f"Token {self.key}", **self.headers, **(headers or {})}
        return httpx.request(
            method, self.address + path, headers=given, timeout=ANSWER_SECONDS, trust_env=False, verify=self.trusted,
            **body,
        )  # fmt: skip

    @property
    def trusted(self) -> ssl.SSLContext | bool:
        """What httpx takes as ``verify``."""
        return ssl.create_default_context(cafile=str(self.certificate)) if self.certificate else True

    def begin_tus(self, size: int, name: str = "match.mp4") -> str:
        """The path of a new upload by tus."""
        words = f"filename {b64encode(name.encode()).decode()}"
        answer = self.ask("POST", TUS, {**SPEAKS, "Upload-Length": str(size), "Upload-Metadata": words})
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    def offset(self, upload: str) -> int:
        """How far an upload by tus is."""
        answer = self.ask("HEAD", upload, SPEAKS)
        assert answer.status_code == 200, answer.headers
        return int(answer.headers["upload-offset"])

    def patch(self, upload: str, offset: int, data: bytes) -> httpx.Response:
        """Bytes at the offset of an upload by tus."""
        return self.ask("PATCH", upload, patch_headers(offset), content=data)

    def begin_chunks(self, size: int, chunk_size: int, name: str = "match.mp4") -> str:
        """The id of a new upload in chunks."""
        body = {"filename": name, "size": size, "chunk_size": chunk_size}
        answer = self.ask("POST", "/api/v1/uploads", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["session_id"])

    def send_chunk(self, upload: str, number: int, data: bytes) -> httpx.Response:
        """One chunk, with its checksum."""
        form = {"chunk_number": str(number), "checksum": hashlib.sha256(data).hexdigest()}
        return self.ask("POST", f"{CHUNKED}/{upload}/chunk", data=form, files={"chunk": ("blob", data)})

    def status(self, upload: str) -> dict[str, Any]:
        """The status body of an upload in chunks."""
        answer = self.ask("GET", f"{CHUNKED}/{upload}/status")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def fetch(self, address: str) -> bytes:
        """Return what a signed address gives to anybody at this host."""
        answer = httpx.get(self.address + address, follow_redirects=True, trust_env=False, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.content

    def complete(self, upload: str) -> httpx.Response:
        """Say that all chunks have been sent."""
        return self.ask("POST", f"{CHUNKED}/{upload}/complete")


SPEAKS = {"Tus-Resumable": "1.0.0"}


def patch_headers(offset: int) -> dict[str, str]:
    """What a PATCH says of its bytes."""
    return {**SPEAKS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}


def stalled(sender: Sender, upload: str, offset: int, data: bytes, length: int) -> socket.socket:
    """A PATCH of ``length`` bytes that stops after ``data``."""
    place = urlsplit(sender.address)
    words = {
        "Host": place.netloc, "Authorization": f"Token {sender.key}", "Content-Length": str(length),
        **patch_headers(offset),
    }  # fmt: skip
    head = "".join(f"{name}: {value}\r\n" for name, value in words.items())
    line = socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=30)
    line.sendall(f"PATCH {upload} HTTP/1.1\r\n{head}\r\n".encode() + data)
    return line


def long_video(path: Path, size: int, seed: int = 0) -> Path:
    """A short clip that plays, followed by noise in a box that players skip, ``size`` bytes in all (below 4 GiB)."""
    render_clip(path, seconds=2)
    left = size - path.stat().st_size
    noise = random.Random(seed)
    with path.open("ab") as file:
        file.write(left.to_bytes(4) + b"free")
        left -= BOX_BYTES
        while left:
            left -= file.write(noise.randbytes(min(left, PIECE_BYTES)))
    return path


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
