"""Sessions of browsers, with the CSRF token. tests/contract/test_roles.py tries every operation without it."""

import pytest

from tests.conftest import Library
from tests.contract.places import with_session
from tests.support.api import BASE, Api, refused
from tests.support.factories import make_session
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(owner: User) -> Api:
    return with_session(csrf=True)(owner)


def test_it_writes_with_its_own_token_alone(browser: Api, owner: User) -> None:
    session = make_session(owner)
    path = f"{BASE}/{session.session_id}"
    refused(browser.patch(path, {"name": "x"}, headers={"X-CSRFToken": "a" * 32}), 403, "csrf_failed")
    session.refresh_from_db()
    assert session.revision == 1
    assert browser.patch(path, {"name": "New"}).json()["session"]["name"] == "New"


def test_it_may_send_a_key_along(browser: Api, library: Library) -> None:
    headers = {"Idempotency-Key": "from-a-page"}
    vods = [{"vod_id": name, "path": str(library.crew / f"{name}.mp4")} for name in ("plain", "other")]
    first, second = (browser.post(BASE, {"vods": vods}, headers=headers) for _ in range(2))
    assert (first.status_code, second.json()) == (201, first.json())
    refused(browser.post(BASE, {"vods": vods[:1]}, headers=headers), 409, "idempotency_mismatch")
