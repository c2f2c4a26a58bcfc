"""Bodies are limited before anything keeps them, announced or not."""

import asyncio
import json
import tracemalloc
from unittest.mock import AsyncMock

import pytest

from vodplatform.core.web import bodies
from vodplatform.core.web.bodies import with_body_limit

OWN, OTHER = "192.0.2.1", "192.0.2.2"


async def call(app, chunks, *, announced=None, headers=()):
    """Run ``app`` on a request with these body chunks; returns (status, body, chunks it was given, headers)."""
    headers = [*headers, *([] if announced is None else [(b"content-length", announced)])]
    pending = [
        {"type": "http.request", "body": chunk, "more_body": number + 1 < len(chunks)}
        for number, chunk in enumerate(chunks)
    ]
    given = []
    sent = []

    async def receive():
        given.append(pending.pop(0) if pending else {"type": "http.disconnect"})
        return given[-1]

    async def send(message):
        sent.append(message)

    await app({"type": "http", "headers": headers}, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], body, given, dict(sent[0]["headers"])


async def reads_all(scope, receive, send):
    """An app that takes the whole body and says how long it was."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


async def test_a_longer_one_that_says_so_is_refused_unread():
    status, body, *_ = await call(with_body_limit(reads_all, 10), [b"12345", b"67890"], announced=b"10")
    assert (status, body) == (200, b"10")
    status, body, given, _ = await call(with_body_limit(reads_all, 10), [b"x" * 11], announced=b"11")
    assert (status, given) == (413, [])
    assert json.loads(body)["type"] == "too_large"
    assert json.loads(body)["limit"] == 10


async def test_a_longer_one_in_chunks_is_refused_as_soon_as_it_is_too_long():
    chunks = [b"x" * 6] * 1000
    status, _, given, _ = await call(with_body_limit(reads_all, 10), chunks)
    assert status == 413
    assert len(given) == 2


@pytest.mark.parametrize("chunks", [[b"12345", b"", b"67890"], [b"1234567890"]], ids=["several", "one"])
async def test_one_that_comes_without_its_length_gets_it(chunks):
    async def says_what_it_was_told(scope, receive, send):
        given = dict(scope["headers"])[b"content-length"]
        body = b""
        more = True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": given + b" " + body})

    assert (await call(with_body_limit(says_what_it_was_told, 10), chunks))[1] == b"10 1234567890"


async def test_one_without_its_length_is_not_kept_in_memory():
    pieces, most, send = 60, 0, AsyncMock()

    async def receive():
        nonlocal pieces, most
        pieces -= 1
        most = max(most, tracemalloc.get_traced_memory()[0])
        return {"type": "http.request", "body": bytes(64 * 1024), "more_body": pieces > 0}

    tracemalloc.start()
    try:
        await with_body_limit(reads_all)({"type": "http", "headers": []}, receive, send)
    finally:
        tracemalloc.stop()
    assert send.await_args.args[0]["body"] == str(60 * 64 * 1024).encode()
    assert most < 1024 * 1024


async def test_whose_client_has_gone_is_told_so():
    receive = AsyncMock(
        side_effect=[{"type": "http.request", "body": b"12345", "more_body": True}, {"type": "http.disconnect"}]
    )
    given = []

    async def notes(scope, receive, send):
        given.extend([dict(scope["headers"]), await receive(), await receive()])

    await with_body_limit(notes)({"type": "http", "headers": []}, receive, None)
    assert given == [{}, {"type": "http.disconnect"}, {"type": "http.disconnect"}]


async def test_a_request_without_a_body_is_not_given_a_length():
    async def counts_headers(scope, receive, send):
        await send({"type": "http.response.start", "status": 200 + len(scope["headers"]), "headers": []})
        await send({"type": "http.response.body", "body": b""})

    assert (await call(with_body_limit(counts_headers, 10), [b""]))[0] == 200


async def test_a_refusal_has_the_headers_of_every_answer():
    named = [(b"x-request-id", b"number-7")]
    _, body, _, headers = await call(with_body_limit(reads_all, 10), [], announced=b"11", headers=named)
    assert headers[b"x-request-id"].decode() == json.loads(body)["request_id"] == "number-7"
    for name in (b"content-security-policy", b"referrer-policy", b"x-frame-options", b"x-content-type-options"):
        assert headers[name]


async def test_a_length_that_is_no_number_is_not_believed():
    for announced in (b"", b"-1", b"abc", b"9" * 5000, b"1e9"):
        status, *_ = await call(with_body_limit(reads_all, 10), [b"x" * 11], announced=announced)
        assert status == 413


@pytest.mark.parametrize(
    ("name", "statuses"),
    [("CALLER_BODIES_BYTES", {OWN: 429, OTHER: 200}), ("ALL_BODIES_BYTES", {OWN: 503, OTHER: 503})],
)
async def test_unfinished_ones_are_limited_together_until_they_end(monkeypatch, name, statuses):
    """By network, and in all: what is begun and never completed would fill the disk."""
    monkeypatch.setattr(bodies, name, 25)
    monkeypatch.setattr(bodies, "SMALL_BODY_BYTES", 5)
    app, waits = with_body_limit(reads_all), asyncio.Event()

    async def never_ends():
        if not first:
            await waits.wait()
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": first.pop(), "more_body": True}

    async def answer(address, size=10):
        send = AsyncMock()
        body = AsyncMock(side_effect=[{"type": "http.request", "body": b"x" * size, "more_body": False}])
        await app({"type": "http", "client": (address, 1), "headers": [(b"content-length", b"10")]}, body, send)
        begun = send.await_args_list[0].args[0]
        assert (b"retry-after" in dict(begun["headers"])) == (begun["status"] != 200)
        return begun["status"]

    first = [b"x" * 20]
    scope = {"type": "http", "client": (OWN, 1), "headers": [(b"content-length", b"30")]}
    unfinished = asyncio.create_task(app(scope, never_ends, AsyncMock()))
    await asyncio.sleep(0)
    assert {address: await answer(address) for address in statuses} == statuses
    assert await answer(OWN, 5) == 200  # a small one, such as a sign-in
    waits.set()
    await unfinished
    assert await answer(OWN) == 200


async def test_one_has_to_arrive_in_time(monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.01)

    async def never():
        await asyncio.Event().wait()

    send = AsyncMock()
    scope = {"type": "http", "headers": [(b"content-length", b"10")]}
    await with_body_limit(reads_all)(scope, never, send)
    assert send.await_args_list[0].args[0]["status"] == 408
