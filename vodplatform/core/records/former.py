"""Databases and backups made by versions before 1.0.0."""

from collections.abc import Iterable

# Migration of all databases made before version 1.0.0. No release may reuse its name.
FORMER_MIGRATION = ("base", "0002_protect_audit")
REFUSAL = (
    "This database was made by a version before 1.0.0 and cannot be upgraded in place. Make a backup with the old "
    "version, install this version with an empty data folder and database, and restore the backup."
)


def is_former(migrations: Iterable[tuple[str, str]]) -> bool:
    return FORMER_MIGRATION in migrations
