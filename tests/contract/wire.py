"""Requests as bytes, through the whole ASGI application, and what section 0 says of every answer to one."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from asgiref.sync import async_to_sync

from vodplatform.asgi import application
from vodplatform.core.errors import ERROR_TYPES
from vodplatform.core.web.middleware import REQUEST_ID

Headers = Sequence[tuple[bytes, bytes]]
PROTECTIVE = ("x-content-type-options", "referrer-policy", "x-frame-options", "content-security-policy")
# The header that an answer of this status must have.
NEEDED = {401: "www-authenticate", 405: "allow", 429: "retry-after", 503: "retry-after"}


@dataclass(frozen=True, slots=True)
class Answer:
    """Header names in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def type(self) -> str:
        """The error's name, or nothing."""
        return str(json.loads(self.body).get("type", "")) if self.status >= 400 and self.body else ""


def ask(
    method: str, address: bytes | str, headers: Headers = (), body: bytes | Sequence[bytes] = b"", host: bytes = b"a.b"
) -> Answer:
    """The answer to one request; the application gets what the server would make of these bytes.

    A body in pieces comes chunked, without its length. Of HEAD's answer the server cuts the body off.
    """
    address = address if isinstance(address, bytes) else address.encode()
    path, _, query = address.partition(b"?")
    told = any(name == b"content-length" for name, _ in headers) or not isinstance(body, bytes)
    length = [] if told else [(b"content-length", str(len(body)).encode())]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote(path.decode("latin-1")), "raw_path": path, "query_string": query, "root_path": "",
        "headers": [(b"host", host), *length, *headers], "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    pieces = [body] if isinstance(body, bytes) else list(body)
    pending = [
        {"type": "http.request", "body": piece, "more_body": number + 1 < len(pieces)}
        for number, piece in enumerate(pieces)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return pending.pop(0) if pending else await asyncio.Event().wait()  # the caller does not hang up

    async def send(message: Any) -> None:
        sent.append(message)

    async_to_sync(application)(scope, receive, send)
    found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    content = b"" if method == "HEAD" else b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], found, content)


FILES = ("csv", "vtt")


def checked(answer: Answer) -> Answer:
    """Fail unless the answer is one that an API path may give, whatever it was asked."""
    assert answer.status < 500, answer
    for name in PROTECTIVE:
        assert answer.headers.get(name), (name, answer)
    assert REQUEST_ID.fullmatch(answer.headers["x-request-id"])
    assert NEEDED.get(answer.status, "x-request-id") in answer.headers, answer
    if not answer.body:
        return answer
    if answer.status == 200 and answer.headers["content-type"] in (f"text/{kind}; charset=utf-8" for kind in FILES):
        return answer  # a file, which says its name
    assert answer.headers["content-type"] == "application/json", answer
    body = json.loads(answer.body)
    if answer.status >= 400:
        assert (body["ok"], body["code"]) == (False, answer.status)
        assert ERROR_TYPES[body["type"]].status == answer.status
        assert body["request_id"] == answer.headers["x-request-id"]
        assert ("errors" in body) is (body["type"] == "invalid")
    return answer
