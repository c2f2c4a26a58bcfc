"""What the doors share: bodies that stop, that wait to be asked for, that nobody wants; faults of threads."""

import asyncio
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from media_app.uploads import asgi
from media_app.uploads.asgi import BodyTimeout, Exchange, LockRequested, SinkWriter
from media_app.uploads.writers import LockLost
from vodplatform.core.errors import DomainError
from vodplatform.core.web.bodies import Scope

Message = dict[str, Any]


class Caller:
    """A caller who says these pieces, then nothing."""

    def __init__(self, *pieces: bytes, headers: list[tuple[bytes, bytes]] | None = None, ends: bool = False) -> None:
        self.pieces, self.ends = list(pieces), ends
        self.asked = 0
        self.sent: list[Message] = []
        self.scope: Scope = {"type": "http", "method": "PATCH", "headers": headers or []}

    async def receive(self) -> Message:
        self.asked += 1
        if not self.pieces:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": self.pieces.pop(0), "more_body": bool(self.pieces) or not self.ends}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    def exchange(self) -> Exchange:
        return Exchange(self.scope, self.receive, self.send, "a/route")

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IDLE_SECONDS", "LINGER_SECONDS", "SHORT_SECONDS"):
        monkeypatch.setattr(asgi, name, 0.1)


class TestAnswering:
    async def test_what_has_been_read_to_its_end_keeps_the_connection(self) -> None:
        caller = Caller(b"bytes", headers=[(b"content-length", b"5")], ends=True)
        await caller.exchange().answer(200, content={"a": 1})
        assert (caller.sent[0]["status"], b"connection" in caller.headers) == (200, False)
        assert [message.get("body") for message in caller.sent[1:]] == [b'{"a": 1}']

    async def test_what_nobody_wants_is_read_for_a_while_behind_the_answer(self) -> None:
        caller = Caller(*[b"x" * 1000] * 50, headers=[(b"content-length", b"999999999")])
        await caller.exchange().answer(409)
        assert caller.headers[b"connection"] == b"close"
        assert caller.pieces == []
        assert [message["more_body"] for message in caller.sent[1:-1]] == [True]

    async def test_who_waits_to_be_asked_for_the_body_is_not_asked(self) -> None:
        headers = [(b"content-length", b"999999999"), (b"expect", b"100-continue")]
        caller = Caller(b"x", headers=headers)
        await caller.exchange().answer(409)
        assert (caller.asked, caller.headers[b"connection"]) == (0, b"close")
        assert len(caller.sent) == 2

    async def test_a_request_without_a_body_has_none_to_be_read(self) -> None:
        caller = Caller(b"", ends=True)
        await caller.exchange().answer(204)
        assert b"connection" not in caller.headers
        assert b"content-length" not in caller.headers

    async def test_a_header_that_comes_twice_is_joined(self) -> None:
        caller = Caller(headers=[(b"upload-offset", b"1"), (b"Upload-Offset", b"2")])
        assert caller.exchange().headers["upload-offset"] == "1, 2"

    @pytest.mark.parametrize("length", [b"-1", b"ten", b"", b"1_0", "٣".encode()])
    async def test_a_length_that_is_no_number_is_not_believed(self, length: bytes) -> None:
        assert Caller(headers=[(b"content-length", length)]).exchange().body.announced is None

    async def test_who_says_nothing_is_not_waited_for(self) -> None:
        with pytest.raises(BodyTimeout):
            await Caller().exchange().body.next()


class TestFaults:
    @pytest.mark.parametrize(("fault", "type"), [
        (LockLost(), "upload_locked"), (LockRequested(), "upload_locked"), (BodyTimeout(), "bad_request"),
        (RuntimeError("x"), "server_error"), (DomainError("too_large"), "too_large"),
    ])  # fmt: skip
    async def test_each_becomes_an_error_of_ours(self, fault: Exception, type: str) -> None:
        caller = Caller(b"", ends=True)
        await asgi.serve(caller.exchange(), AsyncMock(side_effect=fault))
        assert f'"type": "{type}"'.encode() in caller.sent[1]["body"]

    async def test_after_the_answer_has_begun_it_breaks_the_connection(self) -> None:
        async def work(exchange: Exchange) -> None:
            await exchange.answer(200)
            raise RuntimeError("too late")

        with pytest.raises(RuntimeError, match="too late"):
            await asgi.serve(Caller(b"", ends=True).exchange(), work)


def writer(**values: Any) -> Mock:
    """An upload's writer that has room and nothing due, and whose lock nobody else wants, but for these values."""
    usual = {"must_wait.return_value": False, "is_due.return_value": False, "lock.is_wanted": False}
    return Mock(**{**usual, **values})


class TestKeeper:
    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(asgi, "RENEW_SECONDS", 0.02)

    @pytest.mark.parametrize(("values", "error"), [
        ({"lock.renew.side_effect": LockLost}, LockLost), ({"lock.is_wanted": True}, LockRequested),
        ({"flush_due.side_effect": DomainError("disk_full"), "is_due.return_value": True}, DomainError),
    ], ids=["a lock that is lost", "somebody who wants the lock", "a disk that breaks"])  # fmt: skip
    async def test_what_ends_the_reading(self, values: dict[str, Any], error: type[Exception]) -> None:
        async with SinkWriter(writer(**values)) as keeper:
            with pytest.raises(error):
                await keeper.run(asyncio.Event().wait())

    async def test_what_reading_raises_is_raised(self) -> None:
        async with SinkWriter(writer()) as keeper:
            with pytest.raises(ZeroDivisionError):
                await keeper.run(AsyncMock(side_effect=ZeroDivisionError)())

    async def test_nothing_is_written_until_there_is_room(self) -> None:
        sink, rounds = writer(**{"must_wait.side_effect": [True, True, False]}), []
        sink.flush_due.side_effect = lambda: rounds.append(sink.write.called)
        async with SinkWriter(sink) as keeper:
            await keeper.run(keeper.write(b"bytes"))
        sink.write.assert_called_once_with(b"bytes")
        assert rounds[0] is False


async def test_what_has_to_be_done_is_done_when_nobody_waits() -> None:
    done, loop = asyncio.Event(), asyncio.get_running_loop()
    task = asyncio.create_task(asgi.run_shielded(lambda: loop.call_soon_threadsafe(done.set)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait_for(done.wait(), 5)
