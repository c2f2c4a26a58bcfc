"""Pages and API calls answer 503 if the database is unavailable or full, and the page needs no database."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import Mock

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpResponse

from sessions_app.comparison.models import ComparisonSession
from tests.contract.places import browser
from tests.support.api import BASE, Api, refused
from tests.support.factories import make_session
from vodplatform.accounts.models import User
from vodplatform.core.files.storage import StoreUnavailable

pytestmark = pytest.mark.django_db


@contextmanager
def database_away() -> Iterator[None]:
    """Make each query fail like a query over a lost connection."""

    with connection.execute_wrapper(Mock(side_effect=OperationalError("server closed the connection unexpectedly"))):
        yield


@pytest.fixture
def full_database() -> Iterator[None]:
    """Limit SQLite's file to its current size. Free pages that other tests left are filled first."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE filler (content BLOB)")
        cursor.execute("SELECT max(0, freelist_count - 4) * page_size FROM pragma_freelist_count, pragma_page_size")
        cursor.execute("INSERT INTO filler VALUES (zeroblob(%s))", cursor.fetchone())
        cursor.execute("PRAGMA max_page_count = 1")  # SQLite raises this to the current number of pages
        yield
        cursor.execute("PRAGMA max_page_count = 4294967294")


def assert_unavailable_page(response: HttpResponse) -> None:
    page = response.content.decode()
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert response["Content-Type"].startswith("text/html")
    assert "The service is temporarily unavailable" in page
    assert 'href="/login">Sign in' not in page  # the server does not know whether the user is signed in


@pytest.mark.parametrize("path", ["/", "/library", "/login", "/none", "/admin/", "/admin/accounts/user/", "/r/none"])
def test_pages_say_so_while_the_database_is_away(owner: User, path: str) -> None:
    client = browser(owner)
    with database_away():
        assert_unavailable_page(client.get(path))
    assert client.get(path).status_code in (200, 302, 404)


def test_programs_get_the_one_body(owner: User) -> None:
    client = browser(owner)
    with database_away():
        response = client.get("/library", headers={"Accept": "*/*"})
        refused(response, 503, "unavailable")
        assert response["Retry-After"] == "5"


@pytest.mark.parametrize("fault", [InterfaceError("connection already closed"), StoreUnavailable()])
def test_so_they_do_for_other_parts(owner: User, monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    monkeypatch.setattr("jobs_app.models.JobQuerySet.visible_to", Mock(side_effect=fault))
    assert_unavailable_page(browser(owner).get("/jobs"))


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_a_full_disk_is_called_so_and_heals(api: Api, owner: User, full_database: None) -> None:
    session = make_session(owner)
    change = {"ui_state": {"text": "x" * 60_000}}
    refused(api.patch(f"{BASE}/{session.session_id}", change, fails=True), 503, "disk_full")
    assert api.get(f"{BASE}/{session.session_id}").status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA max_page_count = 4294967294")
    assert api.patch(f"{BASE}/{session.session_id}", change).status_code == 200
    assert ComparisonSession.objects.get(pk=session.pk).ui_state == change["ui_state"]
