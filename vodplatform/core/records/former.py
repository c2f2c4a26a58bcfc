"""Databases and backups made by versions before 1.0.0."""

from collections.abc import Iterable

# Migration that every database of a development version has. No release may reuse its name.
FORMER_MIGRATION = ("base", "0002_protect_audit")
REFUSAL = (
    "This database was made by a version before 1.0.0 and cannot be upgraded in place: make a backup with that "
    "version, install this one with an empty data folder and database, and restore the backup there."
)


def is_former(migrations: Iterable[tuple[str, str]]) -> bool:
    return FORMER_MIGRATION in migrations
