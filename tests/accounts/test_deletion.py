"""An account is deleted with all that it owns, after its data was downloaded, and nothing of others goes with it."""

import asyncio
import contextlib
import io
import json
import zipfile
from datetime import timedelta
from typing import Any, cast

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.models.functions import Now
from django.http import StreamingHttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from media_app.videos.models import Video, VideoScope
from sessions_app.comparison.models import ComparisonSession, EventReply, SessionShare
from tests.support import factories
from tests.support.api import Api
from tests.support.factories import PASSWORD, make_key, make_user
from tests.support.pages import html_of
from vodplatform.accounts.models import ApiToken, User
from vodplatform.accounts.services import request_deletion
from vodplatform.core.errors import DomainError
from vodplatform.core.files import spooled
from vodplatform.site import account_data, account_deletion
from vodplatform.site.account_deletion import delete_requested

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def browser(owner: User) -> Client:
    client = Client(headers={"Accept": "text/html"})
    client.force_login(owner)
    return client


@pytest.fixture
def of_other(owner: User, other: User) -> ComparisonSession:
    """Another's comparison, of a video of each of the two, with a comment and a reply by the owner."""
    videos = [factories.make_video(user, title=f"{user.username}.mp4") for user in (owner, other)]
    session = factories.make_session(other, videos=videos, name="Of another")
    reply = factories.make_reply(session)
    EventReply.objects.filter(pk=reply.pk).update(created_by=owner, created_by_name="owner")
    factories.make_share(session, owner)
    return session


@pytest.fixture
def key(owner: User) -> str:
    """A token of the owner, and one thing of each kind that an account can own."""
    factories.make_session(owner, name="Grand final")
    factories.make_reply(factories.make_session(owner))
    factories.make_video(owner, place=VideoScope.CATALOGUE)
    factories.make_text_track(factories.make_video(owner))
    factories.make_analysis(owner, status="completed")
    factories.make_analysis(owner)
    factories.make_pro_job(owner, status="completed")
    factories.make_merge(owner)
    factories.make_challenge(owner, is_published=True)
    factories.make_job(owner, "processing")
    return make_key(owner)


def test_all_goes_but_what_others_have(
    browser: Client, owner: User, other: User, key: str, of_other: ComparisonSession
) -> None:
    videos = {str(video.pk) for video in Video.objects.filter(owner=owner)}
    assert videos & set(default_storage.listdir("videos")[0])
    answer = browser.post("/account/delete", {"password": "wrong"})
    assert "The password is wrong." in html_of(answer)
    assert Api(key).get("/api/v1/me").status_code == 200
    assert "You are signed out." in html_of(browser.post("/account/delete", {"password": PASSWORD}))
    assert Api(key).get("/api/v1/me", fails=True).status_code == 401
    assert browser.get("/account").status_code == 302
    call_command("expire")
    assert not User.objects.filter(pk=owner.pk).exists()
    for name, rows in account_data.rows_of(owner):
        assert not rows.exists(), name
    for folder in ("videos", "sounds", "renditions"):
        assert not videos & set(default_storage.listdir(folder)[0])
    # The video is a gap now, and the owner's reply is still there.
    assert of_other.vods.count() == 2
    assert EventReply.objects.get().created_by_name == "owner"
    assert Video.objects.filter(owner=other).exists()


def test_an_operator_deletes_at_once_and_one_that_is_enabled_again_stays(
    browser: Client, owner: User, key: str
) -> None:
    browser.post("/account/delete", {"password": PASSWORD})
    call_command("account", "enable", "owner")
    assert delete_requested() == 0
    call_command("account", "delete", "owner", "--yes")
    assert not User.objects.exists()


def test_the_only_administrator_stays(owner: User, browser: Client) -> None:
    User.objects.filter(pk=owner.pk).update(role="admin")
    assert "only administrator" in html_of(browser.post("/account/delete", {"password": PASSWORD}))
    with pytest.raises(DomainError, match="only administrator"):
        request_deletion(User.objects.get(), by=None)
    assert User.objects.get().is_active


def test_an_account_that_cannot_be_deleted_does_not_keep_others(
    owner: User, other: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    enabled = make_user("enabled")
    for user in (owner, other, enabled):
        request_deletion(user, by=None)
    User.objects.filter(pk=enabled.pk).update(deletion_requested_at=Now() + timedelta(hours=1))
    delete = account_deletion.delete_account

    def fail(user: User) -> None:
        if user == owner:
            User.objects.filter(username="enabled").update(is_active=True, deletion_requested_at=None)
            raise OperationalError("database is locked")
        delete(user)

    monkeypatch.setattr(account_deletion, "delete_account", fail)
    assert delete_requested() == 1
    assert set(User.objects.all()) == {owner, enabled}


def test_a_long_download_of_another_account_does_not_refuse_this_one(browser: Client, other: User) -> None:
    with account_data._place(other) as is_free:
        assert is_free
        assert browser.get("/account/data").status_code == 200
        more = [make_user(f"account{number}") for number in range(account_data.WRITERS - 1)]
        with contextlib.ExitStack() as places:
            assert all(places.enter_context(account_data._place(user)) for user in more)
            assert browser.get("/account/data").status_code == 429
    assert account_data._writers == set()


async def _content_of(answer: StreamingHttpResponse) -> bytes:
    return b"".join([piece async for piece in answer])


def test_a_full_disk_refuses_the_download_also_while_the_file_is_written(
    browser: Client, of_other: ComparisonSession, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_data, "ROWS_AT_ONCE", 1)
    answers = iter([True])
    monkeypatch.setattr(account_data.disk, "has_room", lambda: next(answers, False))
    assert browser.get("/account/data").json()["type"] == "disk_full"
    assert next(answers, None) is None
    monkeypatch.undo()
    settings.DISK_RESERVE_BYTES = 1 << 60
    assert browser.get("/account/data").json()["type"] == "disk_full"


def test_downloads_count_to_the_limit_of_stored_answers(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooled, "MAX_BYTES", 1)
    first, second = (cast(StreamingHttpResponse, browser.get("/account/data")) for _ in range(2))
    assert asyncio.run(_content_of(second))
    with pytest.raises(ConnectionAbortedError):
        asyncio.run(_content_of(first))


def test_the_data_is_that_of_the_account_without_secrets(
    browser: Client, owner: User, key: str, of_other: ComparisonSession
) -> None:
    assert Client(headers={"Accept": "text/html"}).get("/account/data")["Location"].startswith("/login")
    answer = cast(StreamingHttpResponse, browser.get("/account/data"))
    assert answer.is_async  # otherwise, Django would read the complete file into memory
    content = asyncio.run(_content_of(answer))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        found = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {row["name"] for row in json.loads(found["comparisons.json"])} >= {"Grand final"}
    assert "owner" in [row["created_by_name"] for row in json.loads(found["comparison_replies.json"])]
    assert json.loads(found["account.json"])[0]["username"] == "owner"
    together = "".join(found.values())
    # SQLite would sort complete rows in memory, which can take gigabytes.
    with CaptureQueriesContext(connection) as queries:
        account_data.write(owner, io.BytesIO())
    assert not [query for query in queries if "ORDER BY" in query["sql"]]
    assert browser.get("/account/data", headers={"Sec-Fetch-Site": "cross-site"})["Location"] == "/account"
    assert browser.head("/account/data").status_code == 405
    with account_data._place(owner):
        assert browser.get("/account/data").status_code == 429
    assert browser.get("/account/data").status_code == 200
    # Others may change an event after its writer has lost access.
    SessionShare.objects.all().delete()
    assert not dict(account_data.rows_of(owner))["comparison_replies"].filter(event__session=of_other).exists()
    for secret in (owner.password, ApiToken.objects.get().digest, "Of another", "other.mp4"):
        assert secret not in together
