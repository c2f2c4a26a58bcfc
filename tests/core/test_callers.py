"""A limit on one caller's running requests delays no other caller."""

import asyncio

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


def running(callers: Callers, requests: list[HttpRequest]) -> int:
    """Begin these requests, and return how many run before the first of them ends."""

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


@pytest.mark.parametrize("key", ["", "unknown {}"], ids=["without a token", "with unknown tokens"])
def test_a_network_has_few_and_others_do_not_wait(key: str) -> None:
    many = [request_of(key=key.format(number)) for number in range(20)]
    assert running(Callers(), many) == AT_ONCE
    assert running(Callers(), [*many, request_of(address="192.0.2.9")]) == AT_ONCE + 1
    assert running(Callers(), [request_of("/health/live", key=key.format(number)) for number in range(20)]) == 20


@pytest.mark.parametrize("kind", ["key", "session"])
def test_an_account_has_few_with_all_its_tokens_and_does_not_delay_its_network(kind: str) -> None:
    callers, user = Callers(), User(username="coach")
    requests = [request_of(**{kind: str(number)}) for number in range(10)]
    for request in requests:
        request.user = user
    assert running(callers, requests) == AT_ONCE  # of their network, until the accounts are known
    assert running(callers, [*requests, request_of(key="other")]) == AT_ONCE + 1
