"""``python -m bench.sender``: send a file to a running program as fast as loopback allows, by tus or in chunks.

Reads JSON from standard input: {port, key, path, way: "tus" | "chunks", piece: bytes per request, 0 for all}. Prints
JSON: {video: id, ended: ``time.perf_counter`` at the last answer, wall: total seconds, last: seconds from the last byte
to its answer, bare: seconds of a read-only request just before}.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from typing import Any

BOUNDARY = "between-the-parts-of-the-form"
FORM = (
    '--{0}\r\nContent-Disposition: form-data; name="chunk_number"\r\n\r\n{1}\r\n'
    '--{0}\r\nContent-Disposition: form-data; name="chunk"; filename="blob"\r\n\r\n'
)
END = f"\r\n--{BOUNDARY}--\r\n".encode()
Answer = tuple[int, dict[str, str], bytes]


class Line:
    """A persistent HTTP connection. sent_at: time at which the latest request's last byte was sent."""

    def __init__(self, port: int, key: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers = self.socket.makefile("rb")
        self.always = f"Host: 127.0.0.1:{port}\r\nAuthorization: Token {key}\r\nTus-Resumable: 1.0.0\r\n"
        self.sent_at = 0.0

    def ask(
        self, method: str, path: str, headers: dict[str, Any], before: bytes = b"", after: bytes = b"",
        file: tuple[int, int, int] | None = None,
    ) -> Answer:  # fmt: skip
        start, count = file[1:] if file else (0, 0)
        given = {"Content-Length": len(before) + count + len(after), **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self.socket.sendall(f"{method} {path} HTTP/1.1\r\n{self.always}{lines}\r\n".encode() + before)
        while count:
            sent = os.sendfile(self.socket.fileno(), file[0] if file else -1, start, count)
            start, count = start + sent, count - sent
        self.socket.sendall(after)
        self.sent_at = time.perf_counter()
        return self._answer()

    def _answer(self) -> Answer:
        status = int(self.answers.readline().split()[1])
        headers = {}
        while (line := self.answers.readline().decode().strip()) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = self.answers.read(int(headers.get("content-length", 0)))
        if status >= 300:
            raise RuntimeError(f"{status}: {body.decode()}")
        return status, headers, body


def by_tus(line: Line, file: int, size: int, piece: int) -> str:
    _, headers, _ = line.ask("POST", "/api/v1/uploads/tus/", {"Upload-Length": size})
    upload = headers["location"]
    for start in range(0, size, piece):
        given = {"Upload-Offset": start, "Content-Type": "application/offset+octet-stream"}
        _, headers, _ = line.ask("PATCH", upload, given, file=(file, start, min(piece, size - start)))
    return headers["x-resource-id"]


def by_chunks(line: Line, file: int, size: int, piece: int) -> str:
    wanted = json.dumps({"filename": "match.mp4", "size": size, "chunk_size": piece}).encode()
    _, _, body = line.ask("POST", "/api/v1/uploads", {"Content-Type": "application/json"}, wanted)
    upload = json.loads(body)["session_id"]
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    for number, start in enumerate(range(0, size, piece)):
        part = (file, start, min(piece, size - start))
        line.ask("POST", f"/api/v1/uploads/{upload}/chunk", kind, FORM.format(BOUNDARY, number).encode(), END, part)
    _, headers, _ = line.ask("POST", f"/api/v1/uploads/{upload}/complete", {})
    return headers["x-resource-id"]


def main() -> None:
    wanted = json.load(sys.stdin)
    line = Line(wanted["port"], wanted["key"])
    with open(wanted["path"], "rb") as file:
        size = os.fstat(file.fileno()).st_size
        asked = time.perf_counter()
        line.ask("GET", "/api/v1/uploads?limit=1", {})
        began = time.perf_counter()
        send = {"tus": by_tus, "chunks": by_chunks}[wanted["way"]]
        video = send(line, file.fileno(), size, wanted["piece"] or size)
    ended = time.perf_counter()
    waits = {"wall": ended - began, "last": ended - line.sent_at, "bare": began - asked}
    print(json.dumps({"video": video, "ended": ended, **waits}))


if __name__ == "__main__":
    main()
