"""`backup` and `restore`: what comes back is what was there, and nothing bad gets in."""

import contextlib
import errno
import io
import json
import os
import shutil
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock

import pytest
from django.contrib.auth.models import Group
from django.core import serializers
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from jobs_app import scratch
from media_app.videos.models import Video
from sessions_app.comparison import services
from sessions_app.comparison.models import ComparisonSession, OffsetChange
from tests.support.factories import make_alignment, make_session, make_user, make_video
from tests.support.program import manage
from vodplatform.accounts.models import ApiToken, Tier, User
from vodplatform.core.files.installation import adopt
from vodplatform.site import backup as archive
from vodplatform.site.backup import kept_models, write_archive


@pytest.fixture
def filled(transactional_db, tmp_path) -> Path:
    """An archive of a database with something of everything, and of one stored file."""
    user = make_user("keeper", tier=Tier.PRO)
    user.groups.add(Group.objects.create(name="crew"))
    ApiToken.issue(user)
    session = make_session(user)
    make_alignment(session)
    services.set_offsets(session, user, {"vod-2": 3.5}, "manual", None)
    default_storage.save("jobs/kept/evidence.jpg", ContentFile(b"a picture"))
    target = tmp_path / "all.tar"
    call_command("backup", str(target))
    return target


def test_when_it_was_made_is_noted_and_one_that_broke_is_not(transactional_db, tmp_path):
    installation = adopt()
    with pytest.raises(CommandError, match="could not be written"):
        call_command("backup", str(tmp_path / "nowhere" / "all.tar"))
    installation.refresh_from_db()
    assert installation.backed_up_at is None
    call_command("backup", str(tmp_path / "all.tar"))
    installation.refresh_from_db()
    assert installation.backed_up_at is not None


@pytest.mark.both
def test_a_restored_program_has_the_same_rows_and_files(filled, tmp_path, settings):
    assert filled.stat().st_mode & 0o077 == 0
    assert settings.SECRET_KEY.encode() not in filled.read_bytes()
    elsewhere = tmp_path / "elsewhere"
    restored = manage("restore", str(filled), environment={"VOD_DATA_DIR": str(elsewhere)})
    assert restored.returncode == 0, restored.stderr
    assert (elsewhere / "media/jobs/kept/evidence.jpg").read_bytes() == b"a picture"
    again = tmp_path / "again.tar"
    manage("backup", str(again), environment={"VOD_DATA_DIR": str(elsewhere)})
    assert rows_of(again) == rows_of(filled)
    assert OffsetChange.objects.count() == 1
    with pytest.raises(CommandError, match="already has rows"):
        call_command("restore", str(filled))


def rows_of(archive: Path) -> list[str]:
    """The rows in an order and a spelling that do not depend on the database."""
    with tarfile.open(archive) as tar:
        lines = tar.extractfile("rows.jsonl").read().decode().splitlines()
    return sorted(json.dumps(json.loads(line), sort_keys=True) for line in lines)


@pytest.mark.both
def test_rows_of_an_older_archive_name_people_by_their_names(transactional_db):
    """Such as are in the archive themselves, just before the rows that name them."""
    user = make_user("keeper")
    user.groups.add(Group.objects.create(name="crew"))
    video = make_video(user)
    rows = [Group.objects.get(), user, video]
    lines = serializers.serialize("jsonl", rows, use_natural_foreign_keys=True)
    assert lines.count('"crew"') == lines.count('["keeper"]') + 1 == 2
    for model in (Video, User, Group):
        model._base_manager.all().delete()
    archive._read_rows(io.BytesIO(lines.encode()))
    assert (Video.objects.get().owner, User.objects.get().groups.get().name) == (user, "crew")


def test_every_model_is_in_an_archive_or_left_out_by_name():
    labels = {model._meta.label_lower for model in kept_models()}
    assert {"accounts.user", "jobs.job", "jobs.jobevent", "comparison.offsetchange", "catalog.video"} <= labels
    assert not labels & {"sessions.session", "contenttypes.contenttype"}


@pytest.fixture
def deleted_meanwhile(transactional_db, monkeypatch) -> str:
    """A stored file that the program deletes while a backup reads the rows."""
    name = default_storage.save("videos/kept/former.mp4", ContentFile(b"former"))
    write_rows = archive._write_rows

    def meanwhile(rows):
        default_storage.delete(name)
        return write_rows(rows)

    monkeypatch.setattr(archive, "_write_rows", meanwhile)
    return name


def test_what_is_deleted_while_a_backup_runs_is_in_it(deleted_meanwhile, tmp_path):
    call_command("backup", str(tmp_path / "all.tar"))
    with tarfile.open(tmp_path / "all.tar") as tar:
        assert tar.extractfile(f"media/{deleted_meanwhile}").read() == b"former"
    assert list(scratch.scratch_root().glob("backup-*")) == []


def test_where_files_have_no_hard_links_they_are_read_themselves(deleted_meanwhile, tmp_path, monkeypatch):
    stays = default_storage.save("videos/kept/stays.mp4", ContentFile(b"stays"))
    monkeypatch.setattr(os, "link", Mock(side_effect=OSError(errno.EPERM, "Operation not permitted")))
    call_command("backup", str(tmp_path / "all.tar"))
    with tarfile.open(tmp_path / "all.tar") as tar:
        names = tar.getnames()
    assert (f"media/{stays}" in names, f"media/{deleted_meanwhile}" in names) == (True, False)


def test_links_of_a_backup_that_was_killed_go_and_those_of_one_that_runs_stay(transactional_db, tmp_path):
    for name in ("backup-dead", "backup-runs"):
        (scratch.scratch_root() / name / "videos").mkdir(parents=True)
    with archive._locked(scratch.scratch_root() / "backup-runs") as is_ours:
        assert is_ours
        call_command("backup", str(tmp_path / "all.tar"))
        assert [path.name for path in scratch.scratch_root().glob("backup-*")] == ["backup-runs"]
    shutil.rmtree(scratch.scratch_root() / "backup-runs")


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("name", ["media/../../escaped.txt", "/media/escaped.txt", "media/a/../../../escaped.txt"])
def test_an_archive_cannot_write_outside_of_the_media_folder(transactional_db, tmp_path, settings, name):
    settings.DATA_DIR = tmp_path / "data"
    settings.MEDIA_ROOT = tmp_path / "data" / "media"
    settings.MEDIA_ROOT.mkdir(parents=True)
    honest, evil = tmp_path / "honest.tar", tmp_path / "evil.tar"
    write_archive(honest)
    with tarfile.open(honest) as source, tarfile.open(evil, "w") as target:
        for member in source:
            target.addfile(member, source.extractfile(member) if member.isfile() else None)
        add(target, name, b"from outside")
    with contextlib.suppress(CommandError):
        call_command("restore", str(evil))
    assert not list(tmp_path.rglob("escaped.txt")) or (settings.MEDIA_ROOT / "escaped.txt").exists()
    assert not (tmp_path / "escaped.txt").exists()
    assert not User.objects.exists()
    assert not ComparisonSession.objects.exists()


def test_a_link_in_the_target_s_folder_is_not_followed(transactional_db, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    target = tmp_path / "all.tar"
    target.symlink_to(victim)
    (tmp_path / ".all.tar.partial").symlink_to(victim)
    write_archive(target)
    assert victim.read_text() == "untouched"
    assert not target.is_symlink()


def test_a_file_that_goes_while_it_is_archived_is_left_out(filled, tmp_path, monkeypatch):
    real_walk = os.walk

    def walk_and_delete(root):
        for folder, names, files in real_walk(root):
            for name in files:
                Path(folder, name).unlink()
            yield folder, names, files

    monkeypatch.setattr("vodplatform.site.backup.os.walk", walk_and_delete)
    target = tmp_path / "later.tar"
    write_archive(target)
    with tarfile.open(target) as tar:
        assert [name for name in tar.getnames() if name.startswith("media/")] == []


def archive_with(manifest: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        add(tar, "manifest.json", manifest.encode())
    return made.getvalue()


UNREADABLE = "cannot be read as an archive"
LATER = '{"format": 1, "migrations": [["base", "9999_later"]], "counts": {}}'


@pytest.mark.parametrize(("content", "reason"), [
    (b"", UNREADABLE), (b"not a tar", UNREADABLE), (b"\x1f\x8b", UNREADABLE),
    *((archive_with(text), "") for text in ("[]", "7", "null", '{"format": 1}')),
    (archive_with('{"format": 1, "migrations": [7], "counts": {}}'), ""),
    (archive_with(LATER), "newer version (migration 9999_later"),
])  # fmt: skip
def test_what_cannot_be_used_is_one_sentence(transactional_db, tmp_path, settings, content, reason):
    settings.DATA_DIR = tmp_path
    (tmp_path / "bad.tar").write_bytes(content)
    with pytest.raises(CommandError) as said:
        call_command("restore", str(tmp_path / "bad.tar"))
    assert reason in str(said.value)


@pytest.mark.postgresql
def test_files_may_take_as_long_as_they_take_to_be_restored(filled, monkeypatch):
    with tarfile.open(filled) as tar:
        counts = json.load(tar.extractfile("manifest.json"))["counts"]
    limits = []

    def look(_):
        with connection.cursor() as cursor:
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            limits.append(cursor.fetchone()[0])

    monkeypatch.setattr(archive, "_refuse_unless_empty", lambda: None)
    monkeypatch.setattr(archive, "_read_rows", lambda _: counts)
    monkeypatch.setattr(archive, "_extract_media", look)
    with connection.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = '15s'")  # as a role has it after `migrate`
        archive.read_archive(filled)
        look(None)
        cursor.execute("RESET idle_in_transaction_session_timeout")
    assert limits == ["0", "15s"]


@pytest.mark.both
def test_an_instant_keeps_its_microseconds(transactional_db, tmp_path):
    video = make_video(make_user())
    exact = datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)
    Video.objects.filter(pk=video.pk).update(created_at=exact)
    call_command("backup", str(tmp_path / "all.tar"))
    assert any("2026-01-02T03:04:05.123456" in row for row in rows_of(tmp_path / "all.tar"))


def test_files_that_were_restored_before_a_fault_are_deleted(tmp_path, monkeypatch, settings):
    settings.MEDIA_ROOT = tmp_path / "restored"
    (tmp_path / "file").write_bytes(b"content")
    with tarfile.open(tmp_path / "all.tar", "w") as tar:
        tar.add(tmp_path / "file", "media/first")
        tar.add(tmp_path / "file", "media/second")
    extract = tarfile.TarFile.extractfile

    def fill_the_disk(self, member):
        if member.name == "media/second":
            raise OSError("No space left on device")
        return extract(self, member)

    monkeypatch.setattr(tarfile.TarFile, "extractfile", fill_the_disk)
    with tarfile.open(tmp_path / "all.tar") as tar, pytest.raises(OSError, match="No space"):
        archive._extract_media(tar)
    assert list(settings.MEDIA_ROOT.iterdir()) == []
