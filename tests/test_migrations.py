"""Migrations while hosts of the previous release run, two that begin at once, and databases of development versions."""

import json
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import psycopg
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, models
from django.db.migrations import AddField, AlterField, DeleteModel, Migration, RemoveField, RenameField, RenameModel
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from tests.commands.test_backup import rows_of
from tests.support.places import new_database
from tests.support.program import PROJECT_ROOT, clean_environment, manage
from tests.support.releases import unpack_release
from tests.support.sources import PACKAGES
from vodplatform.core.records.database import connect_outside_pool
from vodplatform.core.records.former import FORMER_MIGRATION, REFUSAL
from vodplatform.site.management.commands import migrate

AT_ONCE = 3
LAST_DEVELOPMENT_VERSION = "ab27fbc04ea6199e4e2312d1a62fea108933ccf1"
# Run by that version: an account, a comparison with an alignment and a changed offset, and a stored file.
FILL = """
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from sessions_app.comparison import services
from tests.support.factories import make_alignment, make_session, make_user
user = make_user("keeper")
session = make_session(user)
make_alignment(session)
services.set_offsets(session, user, {"vod-2": 3.5}, "manual", None)
default_storage.save("jobs/kept/evidence.jpg", ContentFile(b"a picture"))
"""
TAKES_AWAY = (RemoveField, RenameField, DeleteModel, RenameModel)
# Migrations that remove or rename, and the first release whose code no longer uses the former names.
UNUSED_SINCE: dict[str, str] = {}


def later_migrations() -> list[Migration]:
    """Return the program's migrations that came after the initial ones."""
    loader = MigrationLoader(None)
    own = {config.label for config in apps.get_app_configs() if config.name.startswith(PACKAGES)}
    found = [one for (app, _), one in sorted(loader.disk_migrations.items()) if app in own]
    assert {one.app_label for one in found if one.initial} == {one.app_label for one in found}
    return [one for one in found if not one.initial]


def breaks_inserts(field: models.Field) -> bool:  # type: ignore[type-arg]
    """Return whether code that does not know the column cannot insert a row: Django drops a Python default."""
    return not (field.null or field.many_to_many or field.has_db_default() or getattr(field, "generated", False))


def faults_of(migration: Migration, before: ProjectState) -> list[str]:
    """Return the operations that break the previous release. before: the models before the migration."""
    faults = []
    for operation in migration.operations:
        if isinstance(operation, TAKES_AWAY) and str(migration) not in UNUSED_SINCE:
            faults.append(operation.describe())
        if isinstance(operation, AddField | AlterField) and breaks_inserts(operation.field):
            old = before.models[migration.app_label, operation.model_name_lower].fields.get(operation.name)
            if old is None or not breaks_inserts(old):
                faults.append(operation.describe())
    return faults


def test_the_previous_release_can_run_after_each_migration() -> None:
    """New columns, and columns that may no longer be null, have a ``db_default``; nothing is removed or renamed."""
    for migration in later_migrations():
        before = MigrationLoader(None).project_state((migration.app_label, migration.name), at_end=False)
        assert faults_of(migration, before) == [], migration


@pytest.mark.parametrize(("operation", "is_fault"), [
    (AddField("job", "size", models.IntegerField(default=0)), True),
    (AddField("job", "size", models.IntegerField(db_default=0)), False),
    (AddField("job", "size", models.IntegerField(null=True)), False),
    (AlterField("job", "deadline", models.DateTimeField()), True),
    (AlterField("job", "worker", models.CharField(max_length=200)), False),
    (RemoveField("job", "worker"), True),
    (RenameField("job", "worker", "host"), True),
    (DeleteModel("chore"), True),
], ids=lambda value: value.describe() if isinstance(value, Operation) else str(value))  # fmt: skip
def test_operations_that_break_the_previous_release_are_found(operation: Operation, is_fault: bool) -> None:
    migration = Migration("0002_something", "jobs")
    migration.operations = [operation]
    assert bool(faults_of(migration, MigrationLoader(None).project_state())) is is_fault


@pytest.mark.full
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_several_that_begin_at_once_migrate_once(tmp_path: Path, kind: str) -> None:
    argv = [sys.executable, str(PROJECT_ROOT / "manage.py"), "migrate", "--verbosity", "0"]
    with new_database() if kind == "postgresql" else nullcontext("") as url:
        environment = {"DATABASE_URL": url, "VOD_DATA_DIR": str(tmp_path)}
        variables = clean_environment(environment)
        running = [
            subprocess.Popen(argv, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            for _ in range(AT_ONCE)
        ]
        told = [process.communicate(timeout=300)[1] for process in running]
        assert [process.returncode for process in running] == [0] * AT_ONCE, told
        assert manage("migrate", "--check", environment=environment).returncode == 0


@pytest.mark.django_db
def test_a_locked_database_is_not_taken_for_one_without_json(monkeypatch: pytest.MonkeyPatch) -> None:
    # Django's answer for a locked database.
    monkeypatch.setattr(type(connection.features), "supports_json_field", False)
    monkeypatch.delitem(vars(connection.features), "supports_json_field", raising=False)
    call_command("migrate", "--plan", verbosity=0, skip_checks=False)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_idle_transactions_are_ended_but_not_those_that_block_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    with connect_outside_pool(connection) as found:
        assert found.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("15s",)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(migrate, "IDLE_TRANSACTION_TIMEOUT", "100ms")
            migrate.set_limits(connection)
        with migrate.migration_lock(connection), connect_outside_pool(connection) as idle:
            idle.execute("SELECT 1")
            time.sleep(0.5)
            with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
                idle.execute("SELECT 1")
            with connect_outside_pool(connection) as other:
                held = other.execute("SELECT NOT pg_try_advisory_xact_lock(%s)", [migrate.LOCK]).fetchone()
    finally:
        migrate.set_limits(connection)
    assert held == (True,)


def test_no_migration_has_the_name_that_marks_development_versions() -> None:
    assert FORMER_MIGRATION not in MigrationLoader(None).disk_migrations


def rows_in(archive: Path) -> list[str]:
    """Return the rows of a backup as sorted JSON, without new columns and independent of the order."""
    rows = [json.loads(line) for line in rows_of(archive)]
    added = {
        (f"{migration.app_label}.{operation.model_name_lower}", operation.name)
        for migration in later_migrations()
        for operation in migration.operations
        if isinstance(operation, AddField)
    }
    for row in rows:
        for model, name in added:
            if row.get("model") == model:
                row["fields"].pop(name, None)
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


@pytest.mark.full
@pytest.mark.services
def test_a_development_version_is_not_upgraded_but_its_backup_is_restored(tmp_path: Path) -> None:
    former = unpack_release(LAST_DEVELOPMENT_VERSION, tmp_path / "former")
    old, new = {"VOD_DATA_DIR": str(tmp_path / "old")}, {"VOD_DATA_DIR": str(tmp_path / "new")}
    backup = tmp_path / "backup.tar"
    for words in (["migrate", "--verbosity", "0"], ["shell", "-v", "0", "-c", FILL], ["backup", str(backup)]):
        answer = manage(*words, environment=old, tree=former)
        assert answer.returncode == 0, answer.stderr
    for command in (["migrate"], ["up", "--port", "0"]):
        refused = manage(*command, environment=old)
        assert (refused.returncode, refused.stderr) == (1, f"CommandError: {REFUSAL}\n")
    restored = manage("restore", str(backup), environment=new)
    assert restored.returncode == 0, restored.stderr
    found = manage("doctor", environment=new).stdout.splitlines()
    # The rows name recordings that were never there.
    assert [line.split()[1:3] for line in found if line.startswith("BAD")] == [["video", "files:"]], found
    again = tmp_path / "again.tar"
    assert manage("backup", str(again), environment=new).returncode == 0
    assert rows_in(again) == rows_in(backup)
    assert {"accounts.user", "comparison.offsetchange", "jobs.job"} <= {
        json.loads(row)["model"] for row in rows_in(backup)
    }
    assert (tmp_path / "new" / "media" / "jobs" / "kept" / "evidence.jpg").read_bytes() == b"a picture"
