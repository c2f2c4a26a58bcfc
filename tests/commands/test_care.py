"""`doctor` and `expire`: they name what is wrong, and remove only what has had its time."""

import os
import re
import time
import uuid
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.db.models.functions import Now
from django.utils import timezone

from jobs_app.models import JobEvent
from media_app.uploads.models import Upload
from media_app.videos.models import Video
from sessions_app.comparison.alignment.child.easyocr_reader import FOLDER
from tests.streaming.test_cdn import pem_of
from tests.support.factories import make_job, make_user, make_video
from tests.support.http_servers import serving
from tests.support.private_redis import PrivateRedis
from tests.support.program import manage
from tests.support.s3 import storage_of
from vodplatform.core import redis_server
from vodplatform.core.models import Unreferenced
from vodplatform.core.processes.process import Access
from vodplatform.core.records.database import connect_outside_pool
from vodplatform.site.management.commands import doctor as checks
from vodplatform.site.management.commands import up
from vodplatform.site.management.commands.doctor import clock, converter, idle_limit, pages_at_the_bucket, reader


def doctor(capsys, *words: str) -> tuple[int, str]:
    try:
        call_command("doctor", *words)
        code = 0
    except SystemExit as exc:
        code = int(exc.code or 0)
    return code, capsys.readouterr().out


@pytest.mark.both
def test_doctor_is_content_with_a_fresh_program(db, capsys):
    code, output = doctor(capsys)
    assert code == 0, output
    assert "BAD" not in output


def test_doctor_says_that_the_database_is_away_and_looks_at_all_else(tmp_path):
    away = {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing", "VOD_DATA_DIR": str(tmp_path)}
    done = manage("doctor", environment=away)
    said = done.stdout.splitlines()
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    [bad] = [line for line in said if line.startswith("BAD")]
    assert bad.startswith("BAD  database: The database at DATABASE_URL cannot be used")
    assert sum(line.startswith("?") for line in said) == 7
    assert "ok   confinement" in said
    assert manage("doctor", "--fix", environment=away).stderr.startswith("CommandError: The database at DATABASE_URL")


def test_doctor_tries_whether_helper_processes_are_confined(db, capsys, monkeypatch):
    """On a kernel that cannot do it the rules change nothing."""
    monkeypatch.setattr(Access, "rules", lambda self: [])
    code, output = doctor(capsys)
    assert code == 1
    assert "BAD  confinement: helper processes can read all files" in output
    assert "use the network" in output


@pytest.mark.postgresql
@pytest.mark.parametrize(("seconds", "said"), [(3, None), (300, "300 s ahead of"), (-60, "60 s behind")])
def test_doctor_compares_the_clock_with_the_databases(db, monkeypatch, seconds, said):
    moment = timezone.now() + timedelta(seconds=seconds)
    monkeypatch.setattr(timezone, "now", lambda: moment)
    found = clock()
    assert found is None if said is None else said in found


@pytest.mark.postgresql
def test_doctor_asks_whether_transactions_that_stand_still_are_ended(db):
    assert idle_limit() is None
    with connect_outside_pool(connection, autocommit=True) as own:
        [role, name] = own.execute("SELECT current_user, current_database()").fetchone()
        own.execute(f'ALTER ROLE "{role}" IN DATABASE "{name}" RESET idle_in_transaction_session_timeout')
        try:
            assert "run `manage.py migrate` as the role that runs the program" in idle_limit()
        finally:
            own.execute(f'ALTER ROLE "{role}" IN DATABASE "{name}" SET idle_in_transaction_session_timeout = \'15s\'')


@pytest.mark.parametrize("has_folder", [False, True])
def test_doctor_says_what_easyocr_lacks_and_where_to_get_it(settings, tmp_path, has_folder):
    settings.TIMER_READER = "easyocr"
    settings.EASYOCR_MODELS = tmp_path if has_folder else None
    said = reader() or ""
    if not FOLDER.is_dir():
        assert said.startswith("EasyOCR is not installed: run `make easyocr`")
    elif has_folder:
        assert said.startswith(f"{tmp_path} (VOD_EASYOCR_MODELS) does not contain english_g2.pth: download english_g2")
    else:
        assert said.startswith("VOD_EASYOCR_MODELS, the folder with EasyOCR's weights, is not set: download english_g2")


@pytest.mark.parametrize(("allowed", "said"), [
    (["https://vod.example.org"], None),
    (["*"], None),
    (["https://other.example.org"], "do not let pages of https://vod.example.org use PUT"),
])  # fmt: skip
def test_doctor_asks_whether_the_bucket_lets_the_pages_in(settings, allowed, said):
    """The server of the tests lets everybody in; this one answers by rules, as buckets do."""
    with answering_cors(allowed) as address:
        use_bucket(settings, address)
        assert pages_at_the_bucket() is None
        settings.S3_CORS = True
        assert "VOD_PUBLIC_URL is not set" in pages_at_the_bucket()
        settings.PUBLIC_URL = "https://vod.example.org/"
        found = pages_at_the_bucket()
        assert found is None if said is None else said in found
    assert "could not be checked" in pages_at_the_bucket()


def test_doctor_asks_the_cdn_by_a_signed_address(settings):
    """CloudFront refuses the others."""
    with answering_cors(["*"]) as bucket, answering_cors(["*"], wants="Signature=") as edge:
        use_bucket(settings, bucket)
        settings.S3_CORS, settings.PUBLIC_URL = True, "https://vod.example.org"
        key = pem_of(generate_private_key(65_537, 2048))
        settings.CDN = {"base_url": edge, "key_pair_id": "K1", "private_key": key}
        assert pages_at_the_bucket() is None


def use_bucket(settings, address):
    names = {"AWS_STORAGE_BUCKET_NAME": "clips", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    settings.STORAGES = {**settings.STORAGES, "default": storage_of({**names, "AWS_S3_ENDPOINT_URL": address})}


def answering_cors(allowed, wants=""):
    """A server that lets pages of these origins send and fetch, by addresses with these words; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_OPTIONS(self):
            origin = self.headers["Origin"]
            is_in = ("*" in allowed or origin in allowed) and wants in self.path
            self.send_response(200 if is_in else 403)
            if is_in:
                self.send_header("Access-Control-Allow-Origin", origin)
                self.send_header("Access-Control-Allow-Methods", "GET, PUT")
                self.send_header("Access-Control-Allow-Headers", self.headers["Access-Control-Request-Headers"])
            self.send_header("Content-Length", "0")
            self.end_headers()

    return serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler))


def test_doctor_tells_folders_that_are_away_from_files_that_are_gone(db, capsys, settings, tmp_path):
    (tmp_path / "disk").mkdir()
    owner = make_user()
    for folder, location, said, unsaid in (
        ("gone", "/nowhere/at-all.mp4", f"{tmp_path}/gone", "in unavailable library folders"),
        ("disk", f"{tmp_path}/disk/a.mp4", "videos in unavailable library folders: 1 (first:", "without a file"),
        ("x" * 300, f"{tmp_path}/{'x' * 300}/a.mp4", "are missing or cannot be read", "without a file"),
    ):
        settings.LIBRARY_ROOTS = [(tmp_path / folder, frozenset())]
        video = make_video(owner, location=location)
        code, output = doctor(capsys)
        assert code == 1
        assert said in output
        assert unsaid not in output
        assert location in output or folder.startswith("x")
        video.delete()


@pytest.mark.services
def test_doctor_names_a_virus_scanner_that_is_down_or_lets_files_pass_unread(db, capsys, clamd):
    assert doctor(capsys)[0] == 0
    clamd.stop()
    code, output = doctor(capsys)
    assert (code, "BAD  virus scanner" in output, "VOD_CLAMD" in output) == (1, True, True)
    clamd.start(AlertExceedsMax="no")
    code, output = doctor(capsys)
    assert (code, "AlertExceedsMax" in output) == (1, True)


def test_doctor_names_a_converter_that_is_missing_or_can_do_too_little(tmp_path):
    assert converter() is None
    assert "cannot be started" in converter(str(tmp_path / "nowhere"))
    small = tmp_path / "ffmpeg"
    small.write_text("#!/bin/sh\necho ' V....D mpeg4  MPEG-4'; echo ' A....D aac  AAC'; echo ' ... scale  V->V'\n")
    small.chmod(0o755)
    told = converter(str(small))
    assert "lacks libx264, aresample, bwdif, drawtext, fps, overlay, tonemap, tpad, xstack, zscale;" in told


def stored(media, name, age=2 * 3600):
    """A file in the store, last written to so many seconds ago."""
    path = media / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"0123456789")
    os.utime(path, (time.time() - age,) * 2)
    return path


@pytest.mark.both
def test_doctor_fix_marks_videos_without_files_and_deletes_files_without_rows(db, capsys, media):
    owner = make_user()
    kept, gone = (
        make_video(owner, title=name, location=f"videos/{name}/a.mp4", source="stored") for name in ("kept", "gone")
    )
    stored(media, "videos/kept/a.mp4")
    left, young = stored(media, "videos/nobodys/a.mp4"), stored(media, "uploads/nobodys/000001", age=60)
    code, output = doctor(capsys)
    assert code == 1
    assert "videos without a file: 1 (first: videos/gone/a.mp4" in output
    assert "1 files (10 B) are not in use (first: videos/nobodys/a.mp4)" in output
    assert left.exists()
    code, output = doctor(capsys, "--fix")
    assert code == 0, output
    assert "failed   gone: videos/gone/a.mp4" in output
    assert "removed  videos/nobodys/a.mp4, 10 B" in output
    assert (left.exists(), young.exists()) == (False, True)
    kept.refresh_from_db()
    gone.refresh_from_db()
    assert (kept.status, gone.status, gone.error_message) == ("ready", "failed", "The file no longer exists.")


def test_doctor_fix_asks_first_where_many_files_are_out_of_sight(db, capsys, media):
    owner = make_user()
    for name in ("kept", "gone-1", "gone-2"):
        make_video(owner, title=name, location=f"videos/{name}/a.mp4", source="stored")
    kept = stored(media, "videos/kept/a.mp4")
    with pytest.raises(CommandError, match=r"^2 of 3 videos have no file in this store; nothing was changed"):
        doctor(capsys, "--fix")
    assert not Video.objects.filter(status="failed").exists()
    code, output = doctor(capsys, "--fix", "--yes")
    assert (code, output.count("failed   gone-")) == (0, 2)
    # The right store is back.
    for name in ("gone-1", "gone-2"):
        stored(media, f"videos/{name}/a.mp4")
    assert doctor(capsys, "--fix")[1].count("ready    gone-") == 2
    assert (kept.exists(), Video.objects.filter(status="ready").count()) == (True, 3)


def test_doctor_fix_deletes_what_nothing_has_known_for_a_day(db, capsys, media, settings):
    settings.UNREFERENCED_HOURS = 24
    make_video(make_user(), location="videos/kept/a.mp4", source="stored")
    stored(media, "videos/kept/a.mp4")
    left = stored(media, "videos/nobodys/a.mp4")
    for words in ((), ("--fix",)):
        code, output = doctor(capsys, *words)
        assert (code, "deletes those that have not been in use for 24 hours, currently 0" in output) == (1, True)
        assert left.exists()
    Unreferenced.objects.update(since=Now() - timedelta(hours=25))
    assert "currently 1" in doctor(capsys)[1]
    assert doctor(capsys, "--fix")[0] == 0
    assert not left.exists()


@pytest.mark.services
def test_doctor_names_a_storage_that_cannot_be_used(db, capsys, media, s3_storage):
    assert doctor(capsys)[0] == 0
    s3_storage.faults.answer_503()
    code, output = doctor(capsys)
    assert (code, "BAD  storage" in output, "AWS_STORAGE_BUCKET_NAME" in output) == (1, True, True)
    assert "BAD  stored files" in output
    with pytest.raises(CommandError, match="does not answer"):
        doctor(capsys, "--fix")


@pytest.mark.both
@pytest.mark.django_db(transaction=True)
def test_doctor_finds_an_append_only_table_that_lost_its_trigger_and_creates_it(capsys):
    event = JobEvent.objects.create(job=make_job(make_user("anna")), name="queued")
    suffix = " ON jobs_event" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER jobs_event_append_only{suffix}")
    try:
        code, output = doctor(capsys)
        assert code == 1
        assert "jobs_event" in output
    finally:
        _, output = doctor(capsys, "--fix")
    assert "protected jobs_event" in output
    with pytest.raises(DatabaseError, match="never changed"):
        JobEvent.objects.filter(pk=event.pk).update(attempt=7)


def test_expire_removes_old_previews_scratch_folders_and_empty_folders(db, media, settings, tmp_path, capsys):
    settings.DATA_DIR = tmp_path
    old, fresh = stored(media, "previews/comp-old/crop.jpg"), stored(media, "previews/comp-fresh/crop.jpg", age=0)
    scratch, left = stored(tmp_path, "tmp/job-left-over/frame.png").parent, media / "videos/left"
    held, new = stored(media, "videos/held/a.mp4").parent, media / "videos/new"
    left.mkdir()
    new.mkdir()
    for folder in (scratch, left, held):
        os.utime(folder, (time.time() - 3 * 86_400,) * 2)
    call_command("expire")
    assert [path.exists() for path in (old.parent, scratch, left, fresh, held, new)] == [False] * 3 + [True] * 3
    assert "unused files 1, old folders 2" in capsys.readouterr().out


@pytest.mark.both
@pytest.mark.django_db(transaction=True)
def test_expire_ends_uploads_whose_time_is_over_and_sweeps_renditions(capsys, media):
    owner = make_user()
    over, live = (
        Upload.objects.create(
            owner=owner, front="chunks", purpose="library", filename="a.mp4", size=100, chunk_size=10,
            expires_at=Now() + timedelta(hours=hours),
        )
        for hours in (-1, 1)
    )  # fmt: skip
    lost, kept = (stored(media, f"uploads/{upload.pk}/000001") for upload in (over, live))
    swept = stored(media, f"renditions/{uuid.uuid4()}/{uuid.uuid4().hex}/poster/poster.jpg")
    call_command("expire")
    over.refresh_from_db()
    live.refresh_from_db()
    assert (over.status, live.status) == ("expired", "initiated")
    assert (lost.exists(), kept.exists(), swept.exists()) == (False, True, False)
    said = "uploads 1, analyses 0, merges 0, pro jobs 0, videos in bins 0, accounts 0, unused files 1"
    assert said in capsys.readouterr().out


def test_doctor_names_the_server_that_up_starts(settings, monkeypatch):
    settings.REDIS_IS_PRIVATE = True
    problem, program = checks.broker()
    assert (problem, program[:10]) == (None, "up starts ")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(redis_server, "_bundled", lambda: None)
    assert "set REDIS_URL" in checks.broker()[0]
    with pytest.raises(CommandError, match="set REDIS_URL"):
        up.redis_server()


def test_doctor_names_the_server_of_redis_url(settings, tmp_path):
    server = PrivateRedis(tmp_path)
    settings.REDIS_IS_PRIVATE, settings.REDIS_URL = False, server.url
    assert "does not answer" in checks.broker()[0]
    server.start()
    problem, program = checks.broker()
    server.stop()
    assert problem is None
    assert re.fullmatch(r"(Redis|Valkey) \d+\.\d+.* at REDIS_URL", program)
