"""Migrations while hosts of the release before still run, and two that begin at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from django.db import connection, models
from django.db.migrations import AddField, AlterField, DeleteModel, Migration, RemoveField, RenameField, RenameModel
from django.db.migrations.loader import MigrationLoader

from tests.support.places import database_url, on_server
from tests.support.program import PROJECT_ROOT, clean_environment, manage
from vodplatform.base.records.database import connect_apart
from vodplatform.management.commands import migrate

AT_ONCE = 3
# As they were when the rule came; no host has run without them since.
LAST_BEFORE = {
    "accounts": 2, "analysis": 1, "base": 2, "catalog": 9, "comparison": 2, "editorial": 2, "jobs": 4, "merging": 1,
    "prosync": 1, "uploads": 1,
}  # fmt: skip

TAKES_AWAY = (RemoveField, RenameField, DeleteModel, RenameModel)
# Migrations that do, and since which release nothing asks for what they take.
UNUSED_SINCE: dict[str, str] = {}


def own_migrations() -> list[Migration]:
    """The program's migrations that came after the rule."""
    found = MigrationLoader(None).disk_migrations
    assert set(LAST_BEFORE) <= {app for app, _ in found}
    return [
        one for (app, name), one in sorted(found.items()) if app in LAST_BEFORE and int(name[:4]) > LAST_BEFORE[app]
    ]


def breaks_inserts(field: models.Field) -> bool:  # type: ignore[type-arg]
    """Whether who does not know the column cannot insert a row: Django drops a Python default once it is added."""
    return not (field.null or field.many_to_many or field.has_db_default() or getattr(field, "generated", False))


@pytest.mark.parametrize("migration", own_migrations(), ids=str)
def test_the_release_before_can_go_on(migration: Migration) -> None:
    """A column that is new, or that may not be null any more, has a ``db_default``; nothing that it reads is gone."""
    before = MigrationLoader(None).project_state((migration.app_label, migration.name), at_end=False)
    for operation in migration.operations:
        assert not isinstance(operation, TAKES_AWAY) or str(migration) in UNUSED_SINCE, operation.describe()
        if isinstance(operation, AddField | AlterField) and breaks_inserts(operation.field):
            model = before.models[migration.app_label, operation.model_name_lower]
            old = model.fields.get(operation.name)
            assert old and breaks_inserts(old), f"{migration}: {operation.model_name}.{operation.name}"


def test_the_rule_knows_what_breaks_inserts() -> None:
    assert breaks_inserts(models.IntegerField(default=0))
    assert not breaks_inserts(models.IntegerField(db_default=0))
    assert not breaks_inserts(models.IntegerField(null=True))


def together(environment: dict[str, str]) -> list[tuple[int, str]]:
    """Exit codes and what several ``migrate`` that begin at once say when they fail."""
    argv = [sys.executable, str(PROJECT_ROOT / "manage.py"), "migrate", "--verbosity", "0"]
    variables = clean_environment(environment)
    running = [
        subprocess.Popen(argv, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(AT_ONCE)
    ]
    told = [process.communicate(timeout=300)[1] for process in running]
    codes = [process.returncode for process in running]
    return [(code, text if code else "") for code, text in zip(codes, told, strict=True)]


@pytest.mark.full
def test_several_that_begin_at_once_migrate_once(tmp_path: Path) -> None:
    environment = {"VOD_DATA_DIR": str(tmp_path)}
    assert together(environment) == [(0, "")] * AT_ONCE
    assert manage("migrate", "--check", environment=environment).returncode == 0


@pytest.mark.full
@pytest.mark.postgresql
def test_several_hosts_that_begin_at_once_migrate_once(tmp_path: Path) -> None:
    name = f"vod_migrate_{os.getpid()}"
    on_server(f"CREATE DATABASE {name}")
    try:
        environment = {"DATABASE_URL": database_url(name), "VOD_DATA_DIR": str(tmp_path)}
        assert together(environment) == [(0, "")] * AT_ONCE
        assert manage("migrate", "--check", environment=environment).returncode == 0
    finally:
        on_server(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_who_stands_still_in_a_transaction_is_ended_but_not_who_keeps_others_from_migrating(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with connect_apart(connection) as found:
        assert found.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("15s",)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(migrate, "LONGEST_IDLE", "100ms")
            migrate.set_limits(connection)
        with migrate.alone(connection), connect_apart(connection) as idle:
            idle.execute("SELECT 1")
            time.sleep(0.5)
            with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
                idle.execute("SELECT 1")
            with connect_apart(connection) as other:
                held = other.execute("SELECT NOT pg_try_advisory_xact_lock(%s)", [migrate.LOCK]).fetchone()
    finally:
        migrate.set_limits(connection)
    assert held == (True,)
