"""The ASGI handler: a request's middleware and view share one thread, and the answer is the one Django's own gives."""

import asyncio
import gc
import threading
import weakref
from typing import Any
from unittest.mock import patch

import pytest
from asgiref.sync import async_to_sync
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from django.utils.decorators import sync_and_async_middleware
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.support.waiting import wait_until
from vodplatform.core.files.spooled import PIECE_BYTES
from vodplatform.core.processes.child_pool import caller_gone
from vodplatform.core.web import handlers
from vodplatform.core.web.handlers import MAX_IN_MEMORY, OneThreadHandler

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
threads: list[int] = []
waited: list[bool] = []
bodies: list[weakref.ref[Request]] = []
begun = threading.Event()


@sync_and_async_middleware
def watcher(get_response: Any) -> Any:
    """Notes its thread, in whichever way it is asked."""
    if asyncio.iscoroutinefunction(get_response):

        async def noting_async(request: HttpRequest) -> Any:
            threads.append(threading.get_ident())
            return await get_response(request)

        return noting_async

    def noting(request: HttpRequest) -> Any:
        threads.append(threading.get_ident())
        return get_response(request)

    return noting


def plain(request: HttpRequest) -> HttpResponse:
    threads.append(threading.get_ident())
    return HttpResponse("plain")


async def coroutine(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0)
    return HttpResponse("plain")


def streamed(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> Any:
        yield b"pla"
        yield b"in"

    return StreamingHttpResponse(parts())


def large(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(b"x" * (2 * MAX_IN_MEMORY), headers={"X-Own": "1"}, status=201)
    response.set_cookie("own", "1")
    return response


def broken(request: HttpRequest) -> HttpResponse:
    raise ValueError("broken")


def waits(request: HttpRequest) -> HttpResponse:
    gone = caller_gone.get()
    assert gone is not None
    begun.set()
    waited.append(gone.wait(10))
    return HttpResponse("nobody reads it")


class Echo(APIView):
    authentication_classes, permission_classes, throttle_classes = (), (), ()

    def get(self, request: Request) -> Response:
        bodies.append(weakref.ref(request))
        return Response({"length": 1})


urlpatterns = [path(view.__name__, view) for view in (plain, coroutine, streamed, large, broken, waits)]
urlpatterns.append(path("echo", Echo.as_view()))


@pytest.fixture(autouse=True)
def _watched(settings: Any) -> None:
    middle = len(settings.MIDDLEWARE) // 2
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:middle], f"{__name__}.watcher", *settings.MIDDLEWARE[middle:]]
    settings.DEBUG_PROPAGATE_EXCEPTIONS = False
    threads.clear()
    begun.clear()


async def put_through(handler: ASGIHandler, name: str, sent: list[Any]) -> None:
    """Ask for a view, and add what is sent to ``sent``. The client hangs up once ``begun`` is set."""
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        if messages:
            return messages.pop()
        while not begun.is_set():
            await asyncio.sleep(0.01)
        return {"type": "http.disconnect"}

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": f"/{name}", "raw_path": f"/{name}".encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", b"a.b")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await handler(scope, receive, send)


def ask(handler: ASGIHandler, name: str) -> tuple[int, bytes, int]:
    """Status, body, and how often another thread called the event loop's."""
    sent: list[Any] = []

    async def run() -> int:
        loop = asyncio.get_running_loop()
        with patch.object(loop, "call_soon_threadsafe", wraps=loop.call_soon_threadsafe) as call:
            await put_through(handler, name, sent)
        return call.call_count

    calls = async_to_sync(run)()
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]), calls


def test_middleware_and_view_run_in_one_thread() -> None:
    assert ask(OneThreadHandler(), "plain")[:2] == (200, b"plain")
    assert len(threads) == 2
    assert len(set(threads)) == 1


def test_a_request_of_the_api_is_freed_without_garbage_collection() -> None:
    gc.collect()
    gc.disable()
    try:
        assert ask(OneThreadHandler(), "echo")[:2] == (200, b'{"length":1}')
        assert [body() for body in bodies] == [None]
    finally:
        gc.enable()


def test_it_changes_threads_less_than_half_as_often_as_djangos() -> None:
    djangos, ours = (ask(handler(), "plain")[2] for handler in (ASGIHandler, OneThreadHandler))
    assert 0 < ours < djangos / 2


def test_every_kind_of_view_answers_also_after_one_that_broke() -> None:
    assert ask(OneThreadHandler(), "broken")[0] == 500
    for name in ("plain", "coroutine", "streamed"):
        assert ask(OneThreadHandler(), name)[:2] == (200, b"plain")


def test_a_large_answer_is_the_same_from_the_disk() -> None:
    messages: list[Any] = []
    async_to_sync(put_through)(OneThreadHandler(), "large", messages)
    headers = dict(messages[0]["headers"])
    assert messages[0]["status"] == 201
    assert (headers[b"X-Own"], headers[b"Content-Length"]) == (b"1", b"%d" % (2 * MAX_IN_MEMORY))
    assert headers[b"Set-Cookie"].startswith(b"own=1")
    bodies = [message.get("body", b"") for message in messages[1:]]
    assert b"".join(bodies) == b"x" * (2 * MAX_IN_MEMORY)
    assert max(map(len, bodies)) <= PIECE_BYTES


def test_a_view_is_told_that_its_client_has_gone() -> None:
    async_to_sync(put_through)(OneThreadHandler(), "waits", [])
    wait_until(lambda: waited == [True])


@pytest.mark.django_db(transaction=True)
def test_the_database_is_free_before_the_answer_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    monkeypatch.setattr(handlers, "release_connection", lambda: done.append("released"))
    async_to_sync(put_through)(OneThreadHandler(), "plain", done)
    assert done[0] == "released"
