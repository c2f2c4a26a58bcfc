"""Fake of sync.so's v2 API on loopback, written from its public description, that simulates faults on request.

Where the description says nothing, the fake is strict: it answers 409 if an idempotency key is reused with another
body, it cancels only pending generations, and its lists omit ``outputFileName``.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import hmac
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from tests.support.http_servers import serving

KEY = "sk-of-the-test"
SECRET = "whsec_of-the-test"
MODELS = ("lipsync-2", "lipsync-2-pro", "lipsync-1.9.0-beta", "react-1", "sync-3")
MODES = ("bounce", "loop", "cut_off", "silence", "remap")
HANG_SECONDS = 30.0
STALL_SECONDS = 300.0
HTML = "<!DOCTYPE html><html><head><title>Just a moment…</title></head><body>sync</body></html>"
# A tiny file that is recognised as MP4 by its first bytes.
TINY = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\0\x08mdat" + bytes(600)
BLOCK = bytes(64 * 1024)
ROUTES = (
    ("create", "POST", re.compile(r"/v2/generate")),
    ("get", "GET", re.compile(r"/v2/generate/([^/]+)")),
    ("cancel", "POST", re.compile(r"/v2/generate/([^/]+)/cancel")),
    ("list", "GET", re.compile(r"/v2/generations")),
    ("output", "GET", re.compile(r"/outputs/([^/]+)/[^/]+\.mp4")),
)
# ``polls``: number of requests that find a generation unfinished; None if it ends only by :meth:`Provider.finish`.
# ``outcome``: status in which it ends. ``result``: path of the resulting video, by default TINY.
SETTINGS: dict[str, Any] = {
    "polls": 1, "outcome": "COMPLETED", "error": "", "result": None, "result_type": "video/mp4", "honours_keys": True,
    "knows_cancel": True,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the next request to the route ``on`` ("" for any route).

    Kinds that replace the answer:

    - ``status``: an error with ``status``, ``code`` and ``headers``.
    - ``says``: ``body`` unchanged.
    - ``redirect``: a redirect to ``body``.
    - ``endless``: a video that never ends.
    - ``stalls``: a video that stops after its first bytes.

    Kinds that reset the connection before the request is processed: ``cut`` at once, ``hang`` after a wait.

    Kinds that process the request:

    - ``cut_after``, ``hang_after``: reset the connection instead of answering, at once or after a wait.
    - ``changes``: answer with the fields ``changes`` replaced.
    - ``half``: send half of the answer, but announce its full length.
    - ``ends``: send half of the answer without a length.
    """

    kind: str
    on: str = ""
    status: int = 200
    code: str = ""
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)


def page(on: str = "", status: int = 200) -> Fault:
    """Return a fault that answers with an HTML page."""
    return Fault("says", on, status, body=HTML, content_type="text/html; charset=utf-8")


class Provider(ThreadingHTTPServer):
    """Fake provider, served from a thread of this process. settings: values that replace those in :data:`SETTINGS`."""

    daemon_threads = True

    def __init__(self, **settings: Any) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.lock = threading.RLock()
        self.is_over = threading.Event()
        self.settings = dict(SETTINGS)
        self.set(**settings)
        self.forget()

    def forget(self) -> None:
        """Forget all generations, keys, requests and faults."""
        with self.lock:
            self.made: list[dict[str, Any]] = []
            self.keys: dict[str, dict[str, str]] = {}
            self.requests: list[dict[str, Any]] = []
            self.faults: list[Fault] = []

    @property
    def generations(self) -> list[dict[str, Any]]:
        """Return all generations that were ordered, oldest first."""
        with self.lock:
            return copy.deepcopy(self.made)

    def asked(self, route: str = "") -> list[dict[str, Any]]:
        """Return the received requests (route, method, path, headers) to one route, or to all routes."""
        with self.lock:
            return [asked for asked in self.requests if route in ("", asked["route"])]

    def fails(self, *faults: Fault) -> None:
        """Add faults, each for one request, in this order."""
        with self.lock:
            self.faults += faults

    def set(self, **settings: Any) -> None:
        """Change settings."""
        assert settings.keys() <= SETTINGS.keys()
        with self.lock:
            self.settings |= settings

    def generation(self, generation_id: str) -> dict[str, Any]:
        """Return a generation. Raises :class:`Refusal`."""
        for generation in self.made:
            if generation["id"] == generation_id:
                return generation
        raise Refusal(404, "Generation not found")

    def finish(self, generation_id: str, status: str = "COMPLETED", error: str = "", error_code: str = "") -> None:
        """End a pending or running generation."""
        with self.lock:
            generation = self.generation(generation_id)
            if generation["status"] not in ("PENDING", "PROCESSING"):
                return
            generation["status"] = status
            if status == "COMPLETED":
                path = f"{generation_id}/{generation.get('outputFileName') or 'output'}.mp4"
                generation["outputUrl"] = f"{self.url}/outputs/{path}?signature=of-the-storage"
                generation["outputDuration"] = 1.0
            elif error or error_code:
                generation |= {"error": error, "errorCode": error_code}

    def handle_error(self, *_: Any) -> None:
        """Print no traceback: in these tests, clients often disconnect during an answer."""


def signed(body: bytes, secret: str = SECRET, at: float | None = None) -> str:
    """Return the header ``Sync-Signature`` of a body. at: seconds since 1970; by default now."""
    stamp = int(time.time() if at is None else at)
    return f"t={stamp},v1={hmac.new(secret.encode(), f'{stamp}.'.encode() + body, hashlib.sha256).hexdigest()}"


def shown(generation: dict[str, Any]) -> dict[str, Any]:
    """Return a generation as the API shows it, without internal fields."""
    return {name: value for name, value in generation.items() if name not in ("outputFileName", "looks")}


class Refusal(Exception):
    """An error response of the API."""

    def __init__(self, status: int, message: Any, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = {"statusCode": status, "message": message} | ({"errorCode": code} if code else {})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Provider

    def log_message(self, *_: Any) -> None:
        """Log nothing: tests read the requests from :meth:`Provider.asked`."""

    def _serve(self) -> None:
        self.content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        routes = ((route, pattern.fullmatch(path)) for route, method, pattern in ROUTES if method == self.command)
        route, match = next(((route, match) for route, match in routes if match), ("", None))
        if match is None:
            self._reply(404, json.dumps({"statusCode": 404, "message": f"Cannot {self.command} {path}"}).encode())
            return
        with contextlib.suppress(ConnectionError):
            self._meet(route, match.groups(), self._note(route))

    do_GET = do_POST = _serve

    def _note(self, route: str) -> Fault | None:
        """Record the request; return its fault, if any."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.server.lock:
            self.server.requests.append({"route": route, "method": self.command, "path": self.path, "headers": headers})
            fault = next((one for one in self.server.faults if one.on in ("", route)), None)
            if fault:
                self.server.faults.remove(fault)
            return fault

    def _meet(self, route: str, groups: tuple[str, ...], fault: Fault | None) -> None:
        kind = fault.kind if fault else ""
        if kind == "hang":
            self.server.is_over.wait(HANG_SECONDS)
        if kind in ("cut", "hang"):
            self._reset()
            return
        if fault and kind in ("status", "says", "redirect", "endless", "stalls"):
            self._instead(fault)
            return
        try:
            if route != "output" and self.headers.get("x-api-key") != KEY:
                raise Refusal(401, "Unauthorized")
            with self.server.lock:
                status, body, content_type = getattr(self, f"_{route}")(*groups)
        except Refusal as exc:
            status, body, content_type = exc.status, json.dumps(exc.body).encode(), "application/json"
        if kind == "hang_after":
            self.server.is_over.wait(HANG_SECONDS)
        if kind in ("cut_after", "hang_after"):
            self._reset()
            return
        if fault and kind == "changes":
            body = json.dumps(json.loads(body) | fault.changes).encode()
        if kind == "ends":
            self._begin_video()
            self.wfile.write(body[: len(body) // 2])
            return
        self._reply(status, body, content_type, sent=len(body) // 2 if kind == "half" else None)

    def _instead(self, fault: Fault) -> None:
        """Send the fault instead of the normal answer."""
        if fault.kind == "status":
            body = {"statusCode": fault.status, "message": fault.body or "It is broken.", "errorCode": fault.code}
            self._reply(fault.status, json.dumps(body).encode(), headers=fault.headers)
        elif fault.kind == "says":
            self._reply(fault.status, fault.body.encode(), fault.content_type, headers=fault.headers)
        elif fault.kind == "redirect":
            self._reply(302, b"", headers={"Location": fault.body})
        elif fault.kind == "stalls":
            self._begin_video()
            self.wfile.write(TINY)
            self.server.is_over.wait(STALL_SECONDS)
        else:
            self._begin_video()
            self.wfile.write(TINY)
            while not self.server.is_over.is_set():
                self.wfile.write(BLOCK)

    def _begin_video(self) -> None:
        """Send the headers of a video without Content-Length; the video ends when the connection is closed."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "video/mp4")
        self.end_headers()

    def _reply(
        self, status: int, body: bytes, content_type: str = "application/json", *,
        headers: dict[str, str] | None = None, sent: int | None = None,
    ) -> None:  # fmt: skip
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:sent])
        self.close_connection = self.close_connection or sent is not None

    def _reset(self) -> None:
        """Close the connection with a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close_connection = True

    def _create(self) -> tuple[int, bytes, str]:
        request = json.loads(self.content)
        _check(request)
        key = self.headers.get("Idempotency-Key")
        if key is not None and not re.fullmatch(r"[A-Za-z0-9._~-]{1,128}", key):
            raise Refusal(400, "The Idempotency-Key is not well-formed.", "INVALID_IDEMPOTENCY_KEY")
        digest = hashlib.sha256(self.content).hexdigest()
        known = self.server.keys.get(key or "") if self.server.settings["honours_keys"] else None
        if known is not None and known["digest"] != digest:
            raise Refusal(409, "This key was used with another payload.", "IDEMPOTENCY_PAYLOAD_MISMATCH")
        if known is not None:
            return _json(shown(self.server.generation(known["id"])), 201)
        made: dict[str, Any] = {
            "id": str(uuid4()),
            "createdAt": datetime.now(UTC).isoformat(),
            "status": "PENDING",
            "looks": 0,
        }
        made |= {"webhookUrl": None, "outputUrl": None, "outputDuration": None, "error": None, **request}
        self.server.made.append(made)
        if key is not None:
            self.server.keys[key] = {"id": made["id"], "digest": digest}
        return _json(shown(made), 201)

    def _get(self, generation_id: str) -> tuple[int, bytes, str]:
        found, settings = self.server.generation(generation_id), self.server.settings
        if found["status"] == "PENDING":
            found["status"] = "PROCESSING"
        found["looks"] += 1
        if settings["polls"] is not None and found["looks"] > settings["polls"]:
            self.server.finish(generation_id, settings["outcome"], settings["error"])
        return _json(shown(found))

    def _cancel(self, generation_id: str) -> tuple[int, bytes, str]:
        if not self.server.settings["knows_cancel"]:
            raise Refusal(404, f"Cannot POST {self.path}")
        found = self.server.generation(generation_id)
        if found["status"] != "PENDING":
            raise Refusal(400, "Only a pending generation can be cancelled.")
        found["status"] = "CANCELED"
        return _json(shown(found))

    def _list(self) -> tuple[int, bytes, str]:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        found = list(self.server.made)
        if "status" in query:
            found = [each for each in found if each["status"] in query["status"].split(",")]
        if "limit" in query:
            limit = int(query["limit"])
            if not 1 <= limit <= 100:
                raise Refusal(400, ["limit must not be greater than 100"])
            found.reverse()
            if "cursor" in query:
                found = found[[each["id"] for each in found].index(query["cursor"]) + 1 :]
            found = found[:limit]
        return _json([shown(each) for each in found])

    def _output(self, generation_id: str) -> tuple[int, bytes, str]:
        result = self.server.settings["result"]
        return 200, Path(result).read_bytes() if result else TINY, self.server.settings["result_type"]


def _json(value: Any, status: int = 200) -> tuple[int, bytes, str]:
    return status, json.dumps(value).encode(), "application/json"


def _check(request: dict[str, Any]) -> None:
    """Check a request by the rules of the API's description. Raises :class:`Refusal`."""
    inputs = request.get("input", [])
    refs = [part.get("refId") for part in inputs if part["type"] == "audio"]
    wrong: list[str] = []
    if request.get("model") not in MODELS:
        wrong.append("model must be one of the following values: " + ", ".join(MODELS))
    if sorted(part["type"] for part in inputs)[-1:] != ["video"] or not refs or len(set(refs)) != len(refs):
        wrong.append("input must hold one video and sounds with refIds of their own")
    if request.get("options", {}).get("sync_mode", "bounce") not in MODES:
        wrong.append("sync_mode must be one of the following values: " + ", ".join(MODES))
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,255}", request.get("outputFileName", "")):
        wrong.append("outputFileName may hold letters, digits, underscores and hyphens")
    for segment in request.get("segments", []):
        sound = segment["audioInput"]
        if sound["refId"] not in refs or ("startTime" in sound) != ("endTime" in sound):
            wrong.append("segments: refId has to be known, and a crop has both ends")
        if not 0 <= segment["startTime"] < segment["endTime"]:
            wrong.append("segments: endTime must be greater than startTime")
    if wrong:
        raise Refusal(400, wrong)


@contextmanager
def running_provider(**settings: Any) -> Iterator[Provider]:
    """Run a provider during the block."""
    provider = Provider(**settings)
    with serving(provider):
        try:
            yield provider
        finally:
            provider.is_over.set()
