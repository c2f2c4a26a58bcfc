"""What the tests of the contract share: requests on the test's own connection, and a kind of job that pauses."""

from collections.abc import Iterator

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from tests.contract.places import with_steps_kind
from vodplatform.accounts.models import User


@pytest.fixture
def people(owner: User, other: User, moderator: User, admin_person: User) -> dict[str, User]:
    return {"owner": owner, "other": other, "moderator": moderator, "admin": admin_person}


@pytest.fixture
def one_connection(db: None) -> Iterator[None]:
    """Requests that come through WSGI or ASGI leave the test's connection open, as Django's own test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def steps_kind() -> Iterator[None]:
    """The kind ``test.steps`` while a test runs."""
    with with_steps_kind():
        yield
