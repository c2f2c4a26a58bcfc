"""Simple client that uploads files to a running program by tus or in chunks, and files to upload."""

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
ANSWER_SECONDS = 30  # timeout; after a kill, a request waits until the killed process's lock expires


@dataclass(frozen=True, slots=True)
class Sender:
    """Client with the API token ``key``.

    address: URL of the program, without trailing slash. certificate: file with a certificate to trust, if the server's
    is not from a public authority. headers: headers of every request.
    """

    address: str
    key: str
    certificate: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **body: Any
    ) -> httpx.Response:  # fmt: skip
        """Send a request over a new connection. Raises ``httpx.TransportError``."""
        given = {"Authorization": f"Token {self.key}", **self.headers, **(headers or {})}
        return httpx.request(
            method, self.address + path, headers=given, timeout=ANSWER_SECONDS, trust_env=False, verify=self.trusted,
            **body,
        )  # fmt: skip

    @property
    def trusted(self) -> ssl.SSLContext | bool:
        """Value of the httpx option ``verify``."""
        return ssl.create_default_context(cafile=str(self.certificate)) if self.certificate else True

    def begin_tus(self, size: int, name: str = "match.mp4") -> str:
        """Start an upload by tus; return its path."""
        words = f"filename {b64encode(name.encode()).decode()}"
        answer = self.ask("POST", TUS, {**SPEAKS, "Upload-Length": str(size), "Upload-Metadata": words})
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    def offset(self, upload: str) -> int:
        """Return the offset of an upload by tus."""
        answer = self.ask("HEAD", upload, SPEAKS)
        assert answer.status_code == 200, answer.headers
        return int(answer.headers["upload-offset"])

    def patch(self, upload: str, offset: int, data: bytes) -> httpx.Response:
        """Send bytes for an offset of an upload by tus."""
        return self.ask("PATCH", upload, patch_headers(offset), content=data)

    def begin_chunks(self, size: int, chunk_size: int, name: str = "match.mp4") -> str:
        """Start an upload in chunks; return its id."""
        body = {"filename": name, "size": size, "chunk_size": chunk_size}
        answer = self.ask("POST", "/api/v1/uploads", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["session_id"])

    def send_chunk(self, upload: str, number: int, data: bytes) -> httpx.Response:
        """Send a chunk with its checksum."""
        form = {"chunk_number": str(number), "checksum": hashlib.sha256(data).hexdigest()}
        return self.ask("POST", f"{CHUNKED}/{upload}/chunk", data=form, files={"chunk": ("blob", data)})

    def status(self, upload: str) -> dict[str, Any]:
        """Return the status of an upload in chunks."""
        answer = self.ask("GET", f"{CHUNKED}/{upload}/status")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def fetch(self, address: str) -> bytes:
        """Download a signed URL's path without the token."""
        answer = httpx.get(self.address + address, follow_redirects=True, trust_env=False, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.content

    def complete(self, upload: str) -> httpx.Response:
        """Complete an upload in chunks."""
        return self.ask("POST", f"{CHUNKED}/{upload}/complete")


SPEAKS = {"Tus-Resumable": "1.0.0"}


def patch_headers(offset: int) -> dict[str, str]:
    """Return the headers of a PATCH request."""
    return {**SPEAKS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}


def stalled(sender: Sender, upload: str, offset: int, data: bytes, length: int) -> socket.socket:
    """Start a PATCH that announces ``length`` bytes but stops after ``data``; return its open connection."""
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
    """Write a playable file of ``size`` bytes (below 4 GiB): a short clip, then noise in a box that players skip."""
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
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
