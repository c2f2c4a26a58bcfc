"""What the tests of the byte doors ask of an answer."""

import httpx

from vodplatform.core.errors import ERROR_TYPES


def refused(response: httpx.Response, status: int, type: str) -> None:
    """Fail unless the answer is this refusal, in the one body."""
    assert response.status_code == status, response.text
    body = response.json()
    assert (body["ok"], body["code"], body["type"]) == (False, status, type)
    assert ERROR_TYPES[type].status == status
    assert body["request_id"] == response.headers["x-request-id"]


def harmless(response: httpx.Response) -> None:
    """Fail unless a browser could not take the answer for a page of this site."""
    headers = response.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "same-origin"
    assert "html" not in headers.get("content-type", "")
