"""Every way into a web process waits for a place of its caller before it looks into the database."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.factories import make_key
from tests.support.sockets import ask as ask_rows
from tests.support.sockets import connected
from tests.support.streams import ask
from vodplatform.accounts.models import User
from vodplatform.core.web.callers import Callers, Scope

pytestmark = pytest.mark.django_db(transaction=True)
UNKNOWN = uuid.UUID(int=7)
TUS = {"Tus-Resumable": "1.0.0"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the requests that were given a place."""
    found: list[str] = []
    place = Callers.place

    @asynccontextmanager
    async def noting(self: Callers, scope: Scope | None, max_waiting: int | None = None) -> AsyncIterator[None]:
        async with place(self, scope, max_waiting):
            if scope:
                found.append(scope["path"])
            yield

    monkeypatch.setattr(Callers, "place", noting)
    return found


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/api/v1/me"), ("GET", f"/api/v1/media/stream/{UNKNOWN}"),
    ("HEAD", f"/api/v1/uploads/tus/{UNKNOWN}"), ("POST", f"/api/v1/uploads/{UNKNOWN}/chunk"),
])  # fmt: skip
async def test_a_request_does(asked: list[str], owner: User, method: str, path: str) -> None:
    await ask(method, path, TUS, key=await ask_rows(make_key, owner))
    assert path in asked


async def test_a_socket_does_until_it_is_open(asked: list[str], owner: User) -> None:
    async with connected("/ws/jobs/", key=await ask_rows(make_key, owner)):
        await asyncio.sleep(0)
    assert set(asked) == {"/ws/jobs/"}
