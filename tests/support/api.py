"""API client that checks every response by the general rules of the contract (section 0)."""

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client

from vodplatform.core.errors import ERROR_TYPES

BASE = "/api/sessions/multi-vod"
NOT_NUMBERS = ["true", "false", "null", '"abc"', '"1"', '""', "[]", "[1]", "{}"]
NOT_FINITE = ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 400]
# Request bodies that every endpoint must reject, by description.
BAD_BODIES = {
    "not JSON": b"{", "two values": b"{} {}", "not UTF-8": b'{"name": "\xff"}',
    "UTF-16": '{"timestamp": 1}'.encode("utf-16"), "a list": b"[]", "a number": b"7", "a text": b'"text"',
    "null": b"null", "NaN": b'{"timestamp": NaN}', "infinite": b'{"timestamp": 1e999}', "NUL": b'{"name": "a\\u0000b"}',
    "NUL in a key": b'{"a\\u0000": 1}', "half a surrogate pair": b'{"name": "\\ud800"}',
    "deep lists": b"[" * 8_000 + b"]" * 8_000, "deep objects": b'{"a":' * 70 + b"1" + b"}" * 70,
    "a long number": b'{"timestamp": ' + b"9" * 5000 + b"}",
}  # fmt: skip


class Api:
    """Client of one user (``key``: an API token) or of an anonymous visitor. CSRF and cookies work as in a browser."""

    def __init__(self, key: str = "") -> None:
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        self.headers = {"Authorization": f"Token {key}"} if key else {}

    def send(
        self, method: str, path: str, body: Any = None, *, raw: bytes | str | None = None,
        content_type: str = "application/json", headers: dict[str, str] | None = None, fails: bool = False,
    ) -> HttpResponse:  # fmt: skip
        """Send a request with ``body`` as JSON, or ``raw`` unchanged. A 5xx fails the test unless ``fails`` is set."""
        data: bytes | str = b"" if raw is None else raw
        if raw is None and body is not None:
            data = json.dumps(body)
        response = self.client.generic(
            method, path, data, content_type=content_type, headers={**self.headers, **(headers or {})}
        )
        if not fails:
            assert response.status_code < 500, response.content
        check_answer(response)
        return response

    def get(self, path: str, **options: Any) -> HttpResponse:
        return self.send("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> HttpResponse:
        return self.send("POST", path, body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> HttpResponse:
        return self.send("PUT", path, body, **options)

    def patch(self, path: str, body: Any = None, **options: Any) -> HttpResponse:
        return self.send("PATCH", path, body, **options)

    def delete(self, path: str, **options: Any) -> HttpResponse:
        return self.send("DELETE", path, **options)


def check_answer(response: HttpResponse) -> None:
    """Check that a response has a request id and, if it is an error, the standard body with a registered type."""
    assert response["X-Request-ID"]
    assert response["X-Content-Type-Options"] == "nosniff"
    if response.status_code >= 400:
        body = error_of(response)
        assert body["request_id"] == response["X-Request-ID"]
        assert response.status_code != 401 or response["WWW-Authenticate"]


def error_of(response: HttpResponse) -> dict[str, Any]:
    """Return the error body, checked against contract section 0 and the registered error types."""
    assert response["Content-Type"].startswith("application/json"), response["Content-Type"]
    body = json.loads(response.content)
    assert body["ok"] is False
    assert isinstance(body["error"], str)
    assert len(body["error"]) > 3
    assert body["code"] == response.status_code
    assert ERROR_TYPES[body["type"]].status == response.status_code
    assert body["type"] != "invalid" or body["errors"]
    return body  # type: ignore[no-any-return]


def refused(response: HttpResponse, status: int, type: str) -> dict[str, Any]:
    """Assert that a response is this error; return its body."""
    body = error_of(response)
    assert (body["code"], body["type"]) == (status, type), body
    return body


def session_of(response: HttpResponse, status: int = 200) -> dict[str, Any]:
    """Assert that a response has this status; return its session."""
    assert response.status_code == status, response.content
    body = response.json()
    assert body["ok"] is True
    return body["session"]  # type: ignore[no-any-return]


def vod_of(session: dict[str, Any], vod_id: str) -> dict[str, Any]:
    """Return one VOD of a session from a response."""
    return next(vod for vod in session["vods"] if vod["vod_id"] == vod_id)
