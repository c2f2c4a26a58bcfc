"""A limit on one caller's running requests delays no other caller."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from vodplatform.core.errors import DomainError
from vodplatform.core.web.callers import AT_ONCE, Callers


def scope_of(path: str = "/compare", key: str = "", address: str = "192.0.2.1", session: str = "") -> dict[str, Any]:
    headers = [(b"authorization", key.encode())] if key else []
    if session:
        headers.append((b"cookie", f"sessionid={session}".encode()))
    return {"path": path, "client": (address, 1), "headers": headers}


def running(callers: Callers, scopes: list[dict[str, Any]], max_waiting: int | None = None) -> tuple[int, int]:
    """Begin these requests; return how many run before the first of them ends, and how many are refused."""

    async def run() -> tuple[int, int]:
        count, refused, end = 0, 0, asyncio.Event()

        async def one(scope: dict[str, Any]) -> None:
            nonlocal count, refused
            try:
                async with callers.place(scope, max_waiting):
                    count += 1
                    await end.wait()
            except DomainError:
                refused += 1

        tasks = [asyncio.create_task(one(scope)) for scope in scopes]
        await asyncio.sleep(0.05)
        found = count
        end.set()
        await asyncio.gather(*tasks)
        assert count + refused == len(scopes)
        return found, refused

    found: tuple[int, int] = async_to_sync(run)()
    return found


@pytest.mark.parametrize("key", ["", "Token unknown-{}"], ids=["without a token", "with unknown tokens"])
def test_a_network_has_few_and_others_do_not_wait(key: str) -> None:
    many = [scope_of(key=key.format(number)) for number in range(20)]
    assert running(Callers(), many) == (AT_ONCE, 0)
    assert running(Callers(), [*many, scope_of(address="192.0.2.9")]) == (AT_ONCE + 1, 0)
    assert running(Callers(), many, max_waiting=10) == (AT_ONCE, len(many) - AT_ONCE - 10)


def test_load_balancers_do_not_wait_and_nobody_passes_for_one() -> None:
    assert running(Callers(), [scope_of("/health/live")] * 20) == (20, 0)
    for path in ("/health", "/healthXYZ", "/health/live/x"):
        assert running(Callers(), [scope_of(path)] * 20) == (AT_ONCE, 0)


@pytest.mark.parametrize("kind", ["key", "session"])
def test_an_account_has_few_with_all_its_tokens_and_does_not_delay_its_network(kind: str) -> None:
    callers, shown = Callers(), "Token {}" if kind == "key" else "{}"
    scopes = [scope_of(**{kind: shown.format(number)}) for number in range(10)]
    for scope in scopes:
        callers.note(scope, "coach")
    assert running(callers, [*scopes, scope_of(key="Token other")]) == (AT_ONCE + 1, 0)
    # A revoked token occupies no place of its former owner, but one of its network.
    callers.note(scopes[0], "")
    assert running(callers, [scopes[0]] * 10 + [scopes[1]]) == (AT_ONCE + 1, 0)


def test_a_header_that_signs_nobody_in_does_not_hide_the_session() -> None:
    callers, session = Callers(), scope_of(session="one")
    callers.note(session, "coach")
    hidden = [scope_of(session="one", key=f"X {number}") for number in range(10)]
    assert running(callers, [*hidden, scope_of()]) == (AT_ONCE + 1, 0)
