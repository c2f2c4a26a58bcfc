"""A phone on a bad line: sends clips, has them merged and makes a challenge of them, by contract section 5 alone.

Of its requests every third is dropped: before it is sent, in the middle of it, or once it has been answered.
"""

import hashlib
import itertools
import json
import random
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.support.faults import reset
from tests.support.waiting import PATIENCE

MERGES, UPLOADS, CHALLENGES = "/api/v1/challenge-videos", "/api/v1/challenge-videos/upload", "/api/v1/challenges"
CHUNK_BYTES = 64 * 1024
EVERY = 3
AT_ONCE = 4
ANSWER_SECONDS = 30
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5  # seconds before it tries again, doubled each time
GIVES_UP_SECONDS = 120.0  # after which it takes the server for lost
UNSENT, HALF, UNHEARD = "unsent", "half", "unheard"
ENDS = ("completed", "failed", "cancelled", "expired")


class Dropped(OSError):
    """The line broke."""


class Refused(Exception):
    """The server does not do it: its status and its body."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass(slots=True)
class Phone:
    """address: where the server is now, empty while there is none. key: of its owner. every: which request is dropped.

    kept: numbers of the chunks that have been answered for, by upload. dropped: how often the line broke in which way.
    asked: how many requests it has tried to make. tries: how often each clip's chunks are sent.
    headers: said with each request.
    """

    address: Callable[[], str]
    key: str
    seed: int
    every: int = EVERY
    chunk_size: int = CHUNK_BYTES
    kept: dict[str, set[int]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    headers: Mapping[str, str] = field(default_factory=dict)
    _numbers: Any = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pause: threading.Event = field(default_factory=threading.Event)

    def close(self) -> None:
        """Switch it off: what it has under way tries no longer."""
        self._pause.set()

    # The line

    def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"",
    ) -> Answer:  # fmt: skip
        """Ask until there is an answer that is not "later". Raises :class:`Refused`."""
        pause, until = FIRST_PAUSE, time.monotonic() + GIVES_UP_SECONDS * PATIENCE
        while True:
            with suppress(OSError, HTTPException):
                answer = self._once(method, path, headers or {}, body)
                later = answer.headers.get("Retry-After")
                if answer.status < 400:
                    return answer
                if later is None:
                    raise Refused(answer.status, answer.json())
                pause = max(pause, min(float(later), LONGEST_PAUSE))
            if self._pause.is_set():
                raise AssertionError("it was switched off")
            if time.monotonic() > until:
                raise AssertionError(f"{method} {path} was not answered for {GIVES_UP_SECONDS * PATIENCE:g} s")
            self._pause.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def ask_json(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The same, in JSON both ways."""
        content = b"" if body is None else json.dumps(body).encode()
        return self.ask(method, path, headers={"Content-Type": "application/json", **headers}, body=content).json()

    def _once(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """One request on a connection of its own, that may be dropped. Raises OSError, ``HTTPException``."""
        place = urlsplit(self.address())
        fate = self._fate()
        if fate == UNSENT or not place.port:
            raise Dropped
        head = {
            "Host": place.netloc, "Connection": "close", "Content-Length": str(len(body)),
            "Authorization": f"Token {self.key}", **self.headers, **headers,
        }  # fmt: skip
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        said = f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body
        with socket.create_connection(("127.0.0.1", place.port), ANSWER_SECONDS) as line:
            if fate == HALF:
                line.sendall(said[: len(said) // 2])
                raise _reset(line)
            line.sendall(said)
            if fate == UNHEARD:
                # It has been done once there is an answer, of which nothing arrives.
                line.recv(1)
                raise _reset(line)
            response = HTTPResponse(line, method=method)
            response.begin()
            return Answer(response.status, response.headers, response.read())

    def _fate(self) -> str:
        """What becomes of the next request; each kind of break in its turn."""
        with self._lock:
            number = next(self._numbers)
            if not self.every or number % self.every != self.every - 1:
                return ""
            found = (UNHEARD, HALF, UNSENT)[number // self.every % 3]
            self.dropped[found] += 1
            return found

    # Clips

    def initiate(self, clips: Sequence[Path], durations: Sequence[float], **more: Any) -> dict[str, Any]:
        """Begin a merge; asked again by the same key it is the same one."""
        body = {
            "video_count": len(clips), "video_filenames": [clip.name for clip in clips],
            "video_file_sizes": [clip.stat().st_size for clip in clips], "video_durations": list(durations),
            "video_mime_types": ["video/mp4"] * len(clips), "chunk_size": self.chunk_size, **more,
        }  # fmt: skip
        found: dict[str, Any] = self.ask_json(
            "POST", f"{MERGES}/upload-for-merge/initiate", body, **{"Idempotency-Key": secrets.token_hex(8)}
        )
        return found

    def send(self, begun: Mapping[str, Any], clips: Sequence[Path], *, times: int = 2) -> None:
        """Send every chunk of every clip, ``times`` over, in any order, several at once; then what is still missing."""
        sessions = {one["session_id"]: clips[one["video_index"]] for one in begun["upload_sessions"]}
        queue = [
            (one["session_id"], number)
            for one in begun["upload_sessions"]
            for number in list(range(one["total_chunks"])) * times
        ]
        random.Random(self.seed).shuffle(queue)
        while queue:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(lambda item: self._send_chunk(*item, sessions[item[0]]), queue))
            queue = [(session, number) for session in sessions for number in self.resume(session)["remaining_chunks"]]

    def _send_chunk(self, session: str, number: int, clip: Path) -> None:
        with clip.open("rb") as file:
            file.seek(number * self.chunk_size)
            data = file.read(self.chunk_size)
        fields = {"chunk_number": str(number), "checksum": hashlib.sha256(data).hexdigest()}
        kind, body = form(fields, data)
        answer = self.ask("POST", f"{UPLOADS}/{session}/chunk", headers={"Content-Type": kind}, body=body).json()
        assert number in answer["uploaded_chunks"], answer
        with self._lock:
            self.kept.setdefault(session, set()).add(number)

    def resume(self, session: str) -> dict[str, Any]:
        """Which chunks are there and which are not; none that was answered for is lost."""
        kept = set(self.kept.get(session, ()))
        found: dict[str, Any] = self.ask_json("POST", f"{UPLOADS}/{session}/resume")
        assert kept <= set(found["uploaded_chunks"]), (kept, found)
        return found

    def complete(self, begun: Mapping[str, Any]) -> list[str]:
        """Say of each clip that it is there, all at once; the ids by which statements name them."""
        ids = [one["session_id"] for one in begun["upload_sessions"]]
        with ThreadPoolExecutor(len(ids)) as pool:
            answers = list(pool.map(lambda session: self.ask_json("POST", f"{UPLOADS}/{session}/complete"), ids))
        return [str(answer["media_file_id"]) for answer in answers]

    # The merge and what is made of it

    def status(self, merge: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask_json("GET", f"{MERGES}/merge-session/{merge}/status")
        return found

    def ended(self, merge: str) -> dict[str, Any] | None:
        """The merge's status once it has come to an end."""
        found = self.status(merge)
        return found if found["overall_status"] in ENDS else None

    def challenge(self, ids: Sequence[str], merged: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Make a challenge of a merged video; asked again by the same key it is the same one."""
        body = {
            "title": "Two truths", "lie_statement_index": 1, "is_merged_video": True,
            "statements": [
                {"media_file_id": one, "duration_seconds": segment["duration"]}
                for one, segment in zip(ids, merged["segments"], strict=True)
            ],
            "merged_video_metadata": {
                name: merged[name] for name in ("video_file_id", "total_duration", "segments", "compression_applied")
            },
            **more,
        }  # fmt: skip
        found: dict[str, Any] = self.ask_json("POST", CHALLENGES, body, **{"Idempotency-Key": secrets.token_hex(8)})
        return found

    def segments(self, challenge: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask_json("GET", f"{CHALLENGES}/{challenge}/segments")
        return found

    def optimized(self, video: str) -> dict[str, Any]:
        """How a phone is to play a video."""
        query = urlencode({"device_type": "mobile", "prefer_signed": "true"})
        found: dict[str, Any] = self.ask_json("GET", f"/api/v1/media/optimized/{video}?{query}")
        return found

    def fetch(self, url: str, path: Path, *, piece: int = CHUNK_BYTES) -> Path:
        """Write what is at ``url`` to ``path``, read range by range, in any order."""
        whole = bytearray(_size(self.ask("GET", url, headers={"Range": "bytes=0-0"})))
        starts = list(range(0, len(whole), piece))
        random.Random(self.seed).shuffle(starts)
        for start in starts:
            end = min(start + piece, len(whole)) - 1
            answer = self.ask("GET", url, headers={"Range": f"bytes={start}-{end}"})
            assert (answer.status, _size(answer)) == (206, len(whole))
            whole[start : end + 1] = answer.content
        path.write_bytes(whole)
        return path


def _size(answer: Answer) -> int:
    """Bytes of the whole of which a range has come."""
    return int(answer.headers["Content-Range"].rpartition("/")[2])


def _reset(line: socket.socket) -> Dropped:
    """End a connection as a phone in a tunnel does, what was under way forgotten."""
    reset(line)
    return Dropped()


def form(fields: Mapping[str, str], chunk: bytes) -> tuple[str, bytes]:
    """The type and the body of a form with text fields and a chunk."""
    boundary = secrets.token_hex(12)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="chunk"; filename="blob"\r\n'
    body = b"".join([*parts, f"{head}Content-Type: application/octet-stream\r\n\r\n".encode(), chunk, b"\r\n"])
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()
