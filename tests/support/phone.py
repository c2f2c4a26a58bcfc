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
from tests.uploads.forms import FORM, form_of

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
    headers: said with each request.
    """

    address: Callable[[], str]
    key: str
    seed: int
    every: int = EVERY
    kept: dict[str, set[int]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    headers: Mapping[str, str] = field(default_factory=dict)
    _numbers: Any = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # The line

    def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"",
    ) -> Answer:  # fmt: skip
        """Ask until there is an answer that is not "later". Raises AssertionError for any other refusal."""
        pause, until = FIRST_PAUSE, time.monotonic() + GIVES_UP_SECONDS * PATIENCE
        while True:
            with suppress(OSError, HTTPException):
                answer = self._once(method, path, headers or {}, body)
                later = answer.headers.get("Retry-After")
                if answer.status < 400:
                    return answer
                assert later is not None, f"{method} {path}: {answer.status} {answer.content!r}"
                pause = max(pause, min(float(later), LONGEST_PAUSE))
            assert time.monotonic() < until, f"{method} {path} was not answered for {GIVES_UP_SECONDS * PATIENCE:g} s"
            time.sleep(pause)
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
            "video_mime_types": ["video/mp4"] * len(clips), "chunk_size": CHUNK_BYTES, **more,
        }  # fmt: skip
        found: dict[str, Any] = self.ask_json(
            "POST", f"{MERGES}/upload-for-merge/initiate", body, **{"Idempotency-Key": secrets.token_hex(8)}
        )
        return found

    def send(self, begun: Mapping[str, Any], clips: Sequence[Path]) -> None:
        """Send every chunk of every clip twice, in any order, several at once; then what is still missing."""
        sessions = {one["session_id"]: clips[one["video_index"]] for one in begun["upload_sessions"]}
        queue = [
            (one["session_id"], number)
            for one in begun["upload_sessions"]
            for number in [*range(one["total_chunks"])] * 2
        ]
        random.Random(self.seed).shuffle(queue)
        while queue:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(lambda item: self._send_chunk(*item, sessions[item[0]]), queue))
            queue = [(session, number) for session in sessions for number in self.resume(session)["remaining_chunks"]]

    def _send_chunk(self, session: str, number: int, clip: Path) -> None:
        with clip.open("rb") as file:
            file.seek(number * CHUNK_BYTES)
            data = file.read(CHUNK_BYTES)
        digest = hashlib.sha256(data).hexdigest()
        body = form_of([("chunk_number", str(number)), ("checksum", digest), ("chunk", data, "blob")])
        answer = self.ask("POST", f"{UPLOADS}/{session}/chunk", headers=FORM, body=body).json()
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

    def fetch(self, url: str, path: Path) -> Path:
        """Write what is at ``url`` to ``path``, read range by range, in any order."""
        whole = bytearray(_size(self.ask("GET", url, headers={"Range": "bytes=0-0"})))
        starts = list(range(0, len(whole), CHUNK_BYTES))
        random.Random(self.seed).shuffle(starts)
        for start in starts:
            end = min(start + CHUNK_BYTES, len(whole)) - 1
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
