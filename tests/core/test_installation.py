"""Which installation database, store and key belong to: a stranger to one of them changes nothing."""

import json
import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now

from tests.support.api import Api
from tests.support.factories import make_user, make_video
from tests.support.s3 import Bucket
from vodplatform.core.files import installation
from vodplatform.core.files.storage import StoreUnavailable
from vodplatform.core.models import AuditEntry, Installation, Unreferenced
from vodplatform.core.records.unreferenced import confirm_unreferenced
from vodplatform.core.web import health

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]
KEY = "another-key-that-is-long-enough-for-a-host"


@pytest.fixture
def row() -> Installation:
    """The installation that the first process has begun."""
    installation.register_process()
    return Installation.objects.get()


@pytest.fixture(autouse=True)
def _nothing_seen() -> Any:
    yield
    installation._refusals.clear()


def copied_database() -> None:
    """What the row says in a database that was copied to another place."""
    Installation.objects.update(database="the original's")


def mark(content: bytes) -> None:
    default_storage.delete(installation.MARK)
    default_storage.save(installation.MARK, ContentFile(content))


raise_unavailable = Mock(side_effect=StoreUnavailable("it hangs"))


@pytest.mark.both
def test_the_first_process_writes_the_row_and_the_mark_and_the_next_finds_them(row: Installation, media: Path) -> None:
    assert json.loads((media / installation.MARK).read_text()) == {"installation": str(row.pk)}
    installation.register_process()
    installation.check()
    assert Installation.objects.get() == row
    # On SQLite a data folder may move with all that is in it.
    assert (row.database == "") is (connection.vendor == "sqlite")


def test_a_process_that_died_before_the_mark_is_gone_on_from(row: Installation, media: Path) -> None:
    (media / installation.MARK).unlink()
    Installation.objects.update(is_marked=False)
    installation.check()
    assert (media / installation.MARK).is_file()


@pytest.mark.parametrize(("wrong", "says"), [
    pytest.param("copy", "is a copy of the database of installation", id="copy"),
    pytest.param("other store", "installation.json is missing from", id="store"),
    pytest.param("other kind of store", "in the S3 bucket shop, but this host uses the data folder", id="kind"),
    pytest.param("another's store", "belongs to installation 5e1f", id="another"),
    pytest.param("a broken mark", "belongs to installation unknown", id="broken"),
])  # fmt: skip
def test_a_wrong_database_or_store(row: Installation, settings: Any, tmp_path: Path, wrong: str, says: str) -> None:
    match wrong:
        case "copy":
            copied_database()
        case "other store":
            other = {**settings.STORAGES["default"], "OPTIONS": {"location": str(tmp_path)}}
            settings.STORAGES = {**settings.STORAGES, "default": other}
        case "other kind of store":
            Installation.objects.update(store="the S3 bucket shop")
        case "another's store":
            mark(b'{"installation": "5e1f"}')
        case _:
            mark(b"[]")
    for ask in (installation.check, installation.register_process):
        with pytest.raises(installation.WrongInstallation, match=says):
            ask()


def test_a_fresh_database_is_refused_beside_a_store_of_others(row: Installation) -> None:
    Installation.objects.all().delete()
    with pytest.raises(installation.WrongInstallation, match="needs its own file storage"):
        installation.register_process()


@pytest.mark.both
def test_another_host_does_not_mark_a_second_store_while_the_first_is_being_marked(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = installation._read_mark

    def marked_meanwhile() -> str | None:
        Installation.objects.update(is_marked=True)
        return read()

    installation._make_row()
    monkeypatch.setattr(installation, "_read_mark", marked_meanwhile)
    with pytest.raises(installation.WrongInstallation, match="is missing from the file storage"):
        installation.register_process()
    assert not default_storage.exists(installation.MARK)


def test_a_host_with_another_key_does_not_begin(row: Installation, settings: Any) -> None:
    former, settings.SECRET_KEY = settings.SECRET_KEY, KEY
    with pytest.raises(installation.WrongInstallation, match="SECRET_KEY differs from the key"):
        installation.register_process()
    settings.SECRET_KEY_FALLBACKS = [former]
    installation.register_process()
    settings.SECRET_KEY_FALLBACKS = []
    installation.register_process()
    settings.SECRET_KEY = former
    with pytest.raises(installation.WrongInstallation):
        installation.register_process()
    row.refresh_from_db()
    assert KEY not in row.key


def test_one_that_is_taken_over_belongs_here_and_to_nobody_else(row: Installation) -> None:
    copied_database()
    installation.adopt()
    installation.register_process()
    found = Installation.objects.get()
    assert found.pk != row.pk
    assert AuditEntry.objects.get(action="installation.adopted").target_id == str(found.pk)
    Installation.objects.all().delete()
    row.save(force_insert=True)
    with pytest.raises(installation.WrongInstallation, match=f"belongs to installation {found.pk}"):
        installation.check()


@pytest.mark.both
@pytest.mark.services
def test_in_a_bucket_the_mark_is_kept_too_and_a_copy_of_the_database_has_another_number(s3_storage: Bucket) -> None:
    installation.register_process()
    installation.check()
    assert default_storage.exists(installation.MARK)
    assert Installation.objects.get().store == f"the S3 bucket {s3_storage.name}"
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            expected = str(os.stat(connection.settings_dict["NAME"]).st_ino)
        else:
            cursor.execute("SELECT oid FROM pg_database WHERE datname = %s", [connection.settings_dict["NAME"]])
            cluster, _ = Installation.objects.get().database.split()
            assert int(cluster) > 0
            expected = f"{cluster} {cursor.fetchone()[0]}"
    assert Installation.objects.get().database == expected


class TestProcesses:
    @pytest.fixture
    def signals(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        sent: list[int] = []
        monkeypatch.setattr(os, "kill", lambda pid, number: sent.append(number))
        return sent

    def test_one_that_is_refused_twice_in_a_row_ends(self, row: Installation, signals: list[int]) -> None:
        right = row.database
        for _ in range(3):
            copied_database()
            installation.check_or_stop()
            Installation.objects.update(database=right)
            installation.check_or_stop()
        copied_database()
        installation.check_or_stop()
        assert signals == []
        installation.check_or_stop()
        assert signals == [signal.SIGTERM]

    def test_the_storage_of_others_is_down_for_health(self, row: Installation, api: Api, signals: list[int]) -> None:
        health.ask_own_storage()
        copied_database()
        installation.check_or_stop()
        with pytest.raises(installation.WrongInstallation):
            health.ask_own_storage()

    @pytest.mark.django_db(transaction=True)
    def test_storage_may_be_away(self, row: Installation, signals: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(installation, "_read_mark", raise_unavailable)
        with pytest.raises(StoreUnavailable):
            installation.check()
        installation.register_or_exit()
        for _ in range(2):
            installation.check_or_stop()
        assert signals == []


class TestCommands:
    @pytest.fixture
    def poster(self, media: Path) -> Path:
        """What `expire` takes for rubbish: a rendition's file of which this database knows nothing."""
        path = media / "renditions/11111111-1111-4111-8111-111111111111/22222222222242228222222222222222/poster/p.jpg"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"a picture")
        os.utime(path, (0, 0))
        return path

    def test_those_that_delete_refuse_in_a_copy(self, row: Installation, poster: Path) -> None:
        make_video(make_user(), source="stored", location="videos/elsewhere/a.mp4")
        copied_database()
        for words in (("expire",), ("doctor", "--fix"), ("doctor", "--fix", "--yes")):
            with pytest.raises(CommandError, match="is a copy"):
                call_command(*words)
        assert poster.exists()

    def test_expire_waits_for_storage(self, row: Installation, poster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(installation, "check", raise_unavailable)
            with pytest.raises(CommandError, match="storage does not answer"):
                call_command("expire")
        assert poster.exists()
        call_command("expire")
        assert not poster.exists()

    def test_installation_and_doctor_say_which_it_is_and_it_takes_over(self, row: Installation, capsys: Any) -> None:
        call_command("installation")
        assert str(row.pk) in capsys.readouterr().out
        copied_database()
        with pytest.raises(CommandError, match="is a copy"):
            call_command("installation")
        with pytest.raises(SystemExit):
            call_command("doctor")
        assert "BAD  installation: This database is a copy" in capsys.readouterr().out
        call_command("installation", "--adopt")
        assert str(Installation.objects.get().pk) in capsys.readouterr().out


class TestUnreferenced:
    def test_what_is_seen_again_a_day_later_may_go(self, settings: Any) -> None:
        settings.UNREFERENCED_HOURS = 24
        assert confirm_unreferenced("x", ["a", "b"]) == set()
        Unreferenced.objects.filter(key="a").update(since=Now() - timedelta(hours=25))
        assert confirm_unreferenced("x", ["a", "b", "c"]) == {"a"}
        confirm_unreferenced("y", ["a"])
        Unreferenced.objects.update(since=Now() - timedelta(hours=25))
        assert confirm_unreferenced("x", []) == set()
        assert confirm_unreferenced("x", ["a"]) == set()
        assert confirm_unreferenced("y", ["a"]) == {"a"}

    def test_expire_leaves_for_a_day_what_is_unreferenced(self, row: Installation, settings: Any, media: Path) -> None:
        settings.UNREFERENCED_HOURS = 24
        keys = (
            "renditions/11111111-1111-4111-8111-111111111111/22222222222242228222222222222222/poster/p.jpg",
            "jobs/11111111-1111-4111-8111-111111111111/22222222222242228222222222222222/frame.jpg",
        )
        for key in keys:
            (media / key).parent.mkdir(parents=True)
            (media / key).write_bytes(b"a picture")
        call_command("expire")
        assert all((media / key).exists() for key in keys)
        Unreferenced.objects.update(since=Now() - timedelta(hours=25))
        call_command("expire")
        assert not any((media / key).exists() for key in keys)
