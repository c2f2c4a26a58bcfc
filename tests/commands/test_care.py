"""`doctor` and `expire`: they name what is wrong, and remove only what has had its time."""

import os
import time

import pytest
from django.core.management import call_command
from django.db import connection

from tests.support.factories import make_user, make_video


def doctor(capsys) -> tuple[int, str]:
    try:
        call_command("doctor")
        code = 0
    except SystemExit as exc:
        code = int(exc.code or 0)
    return code, capsys.readouterr().out


def test_doctor_is_content_with_a_fresh_program(db, capsys):
    code, output = doctor(capsys)
    assert code == 0, output
    assert "BAD" not in output


def test_doctor_names_a_folder_that_is_gone_and_a_video_without_its_file(db, capsys, settings, tmp_path):
    settings.LIBRARY_ROOTS = [(tmp_path / "gone", frozenset())]
    make_video(make_user(), location="/nowhere/at-all.mp4")
    code, output = doctor(capsys)
    assert code == 1
    assert str(tmp_path / "gone") in output
    assert "/nowhere/at-all.mp4" in output


@pytest.mark.django_db(transaction=True)
def test_doctor_finds_an_append_only_table_that_lost_its_trigger(capsys):
    suffix = " ON jobs_event" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'jobs_event_append_only'")
        else:
            cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'jobs_event_append_only'")
        definition = cursor.fetchone()[0]
        cursor.execute(f"DROP TRIGGER jobs_event_append_only{suffix}")
    try:
        code, output = doctor(capsys)
        assert code == 1
        assert "jobs_event" in output
    finally:
        with connection.cursor() as cursor:
            cursor.execute(definition)


def test_expire_removes_old_previews_and_keeps_fresh_ones(db, settings, tmp_path, capsys):
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.DATA_DIR = tmp_path
    old, fresh = settings.MEDIA_ROOT / "previews/comp-old", settings.MEDIA_ROOT / "previews/comp-fresh"
    scratch = tmp_path / "tmp/job-left-over"
    for folder in (old, fresh, scratch):
        folder.mkdir(parents=True)
        (folder / "file").write_text("x")
    for folder in (old, scratch):
        long_ago = time.time() - 3 * 86_400
        os.utime(folder, (long_ago, long_ago))
    call_command("expire")
    assert not old.exists()
    assert not scratch.exists()
    assert fresh.exists()
    assert "2 old folders" in capsys.readouterr().out
