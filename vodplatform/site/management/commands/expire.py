from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management import CommandError, call_command

from jobs_app import maintenance, outputs
from media_app.storage import files as store
from media_app.uploads import cleanup
from media_app.videos.consistency import abort_unfinished, restore_files_of_dead_jobs
from media_app.videos.services import empty_bin, sweep_renditions
from sessions_app.analysis import services as analysis
from sessions_app.challenges import merges
from sessions_app.comparison.export import services as exports
from sessions_app.comparison.sharing import links
from sessions_app.prosync import services as prosync
from vodplatform.accounts import services
from vodplatform.core.api import idempotency
from vodplatform.core.files import installation
from vodplatform.core.files.storage import StoreUnavailable
from vodplatform.core.logs import event
from vodplatform.core.processes.commands import Command as BaseCommand
from vodplatform.core.records import audit
from vodplatform.site import account_deletion, host_tasks

PREVIEWS = "previews"
PREVIEW_SECONDS = 3600
EMPTY_SECONDS = 3600  # minimum age in seconds of empty folders to delete; newer ones may be in use


class Command(BaseCommand):
    help = (
        "Delete expired sign-ins, expired unfinished uploads, answers kept for repeated requests, old jobs, old "
        "previews, and files of processes that have ended. `up` does this every hour."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        away = None
        try:
            installation.check()
        except installation.WrongInstallation as exc:
            raise CommandError(str(exc)) from exc
        except StoreUnavailable as exc:
            away = exc
        call_command("clearsessions")
        idempotency.purge()
        audit.purge()
        services.purge()
        links.delete_expired_links()
        if away is not None:  # delete no files: the unchecked store may belong to another installation
            event("cleanup.left", reason=away.reason)
            raise CommandError(away.message) from away
        ended = cleanup.expire_uploads()
        analyses = analysis.expire()
        ended_merges = merges.expire()
        dubs = prosync.delete_expired()
        binned = empty_bin()
        accounts = account_deletion.delete_requested()
        jobs = maintenance.purge()
        removed = host_tasks.delete_unused_scratch()
        restore_files_of_dead_jobs()
        try:
            # Delete stored files last, because the storage may be unavailable.
            files = (
                exports.delete_expired() + outputs.sweep() + sweep_renditions() + sweep_previews() + _abort_unfinished()
            )
        except StoreUnavailable as exc:
            event("cleanup.left", reason=exc.reason)
            raise CommandError(exc.message) from exc
        removed += sum(store.delete_empty_folders(prefix, EMPTY_SECONDS) for prefix in ("videos/", "sounds/"))
        event(
            "cleanup", jobs=jobs, uploads=ended, analyses=analyses, merges=ended_merges, dubs=dubs, binned=binned,
            accounts=accounts, files=files, folders=removed,
        )  # fmt: skip
        self.stdout.write(
            f"Removed: old jobs {jobs}, uploads {ended}, analyses {analyses}, merges {ended_merges}, pro jobs {dubs}, "
            f"videos in bins {binned}, accounts {accounts}, unused files {files}, old folders {removed}"
        )


def _abort_unfinished() -> int:
    try:
        return abort_unfinished()
    except installation.WrongInstallation as exc:
        event("cleanup.left", reason=str(exc))
        return 0


def sweep_previews() -> int:
    over = datetime.now(UTC) - timedelta(seconds=PREVIEW_SECONDS)
    old = [file.key for file in store.files(f"{PREVIEWS}/") if file.modified < over]
    for key in old:
        store.delete(key)
    for folder in {"/".join(key.split("/")[:2]) for key in old}:
        outputs.delete_empty_folders(folder)
    return len(old)
