"""Databases and backups of development versions, made before each app had one initial migration."""

from collections.abc import Iterable

# Every development version has applied it; no release has it, and no later migration may take its name.
FORMER_MIGRATION = ("base", "0002_protect_audit")
REFUSAL = (
    "This database was made by a version before 1.0.0 and cannot be upgraded in place: make a backup with that "
    "version, install this one with an empty data folder and database, and restore the backup there."
)


def is_former(migrations: Iterable[tuple[str, str]]) -> bool:
    """Return whether these applied migrations (app label, name) are a development version's."""
    return FORMER_MIGRATION in migrations
