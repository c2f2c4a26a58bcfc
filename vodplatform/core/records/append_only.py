"""Tables whose rows are never changed, and the triggers that enforce this.

On SQLite, a migration that alters such a table drops the trigger. End that migration with :func:`protect`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection

APPEND_ONLY = ["jobs_event", "comparison_offset_change", "audit_entry", "crdt_operations"]


def protect(table: str) -> Callable[[Any, Any], None]:
    """Return a migration function that makes every UPDATE of ``table`` fail."""

    def forwards(apps: Any, schema_editor: Any) -> None:
        unprotect(table)(apps, schema_editor)
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(
                "CREATE OR REPLACE FUNCTION vod_refuse_update() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME; END $$",
                params=None,
            )
            schema_editor.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION vod_refuse_update()",
                params=None,
            )
        else:
            schema_editor.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are never changed'); END",
                params=None,
            )

    return forwards


def unprotect(table: str) -> Callable[[Any, Any], None]:
    def backwards(apps: Any, schema_editor: Any) -> None:
        suffix = f" ON {table}" if schema_editor.connection.vendor == "postgresql" else ""
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_append_only{suffix}", params=None)

    return backwards


def unprotected_tables() -> list[str]:
    query = (
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
        if connection.vendor == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        found = {row[0] for row in cursor.fetchall()}
    return [table for table in APPEND_ONLY if f"{table}_append_only" not in found]


def protect_again() -> list[str]:
    tables = unprotected_tables()
    for table in tables:
        protect(table)(None, connection.schema_editor())
    return tables
