"""One caller has few running requests in a process; others do not wait for it."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest
from django.test import RequestFactory

from vodplatform.accounts.models import User
from vodplatform.core.web.callers import AT_ONCE, Callers


def request_of(path: str = "/compare", key: str = "", address: str = "192.0.2.1", session: str = "") -> HttpRequest:
    request = RequestFactory().get(path, REMOTE_ADDR=address)
    if key:
        request.META["HTTP_AUTHORIZATION"] = f"Token {key}"
    if session:
        request.COOKIES["sessionid"] = session
    return request


def running(callers: Callers, requests: list[HttpRequest], then: Any = lambda: None) -> int:
    """How many of these requests run at once, while none of them ends."""

    async def run() -> int:
        count, end = 0, asyncio.Event()

        async def one(request: HttpRequest) -> None:
            nonlocal count
            async with callers.place(request):
                count += 1
                await end.wait()

        tasks = [asyncio.create_task(one(request)) for request in requests]
        await asyncio.sleep(0.05)
        found = count
        end.set()
        await asyncio.gather(*tasks)
        assert count == len(requests)
        return found

    return int(async_to_sync(run)())


@pytest.mark.parametrize("caller", [
    {"key": "one"}, {"session": "one"}, {"address": "192.0.2.7"}
], ids=["token", "browser", "network"])  # fmt: skip
def test_a_caller_has_few_and_others_do_not_wait(caller: dict[str, str]) -> None:
    many = [request_of(**caller) for _ in range(20)]
    assert running(Callers(), many) == AT_ONCE
    assert running(Callers(), [*many, request_of(key="two"), request_of(address="192.0.2.9")]) == AT_ONCE + 2
    assert running(Callers(), [request_of("/health/live", **caller) for _ in range(20)]) == 20


def test_all_tokens_of_an_account_count_together_once_they_are_known() -> None:
    callers, user = Callers(), User(username="coach")
    requests = [request_of(key=str(number)) for number in range(10)]
    for request in requests:
        request.user = user
    assert running(callers, requests) == 10
    assert running(callers, [*requests, request_of(key="other")]) == AT_ONCE + 1
