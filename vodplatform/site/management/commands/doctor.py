from __future__ import annotations

import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import redis
from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from jobs_app.maintenance import unclaimable_jobs
from media_app.storage.files import StoreUnavailable, is_local, presigned
from media_app.streaming import cdn
from media_app.uploads import scan
from media_app.videos import consistency
from vodplatform.core.files import installation
from vodplatform.core.formatting import size
from vodplatform.core.processes.commands import Command as BaseCommand
from vodplatform.core.processes.process import Access, ChildError, run_child
from vodplatform.core.records.append_only import protect_again, unprotected_tables
from vodplatform.core.records.database import connect_outside_pool
from vodplatform.core.redis_pool import connect, describe_error
from vodplatform.core.redis_server import NoRedisServer, find_redis_server
from vodplatform.core.web.health import ask_storage
from vodplatform.settings.environment import PRIVATE_FILES, is_accessible_to_others
from vodplatform.site.management.commands.up import check_database, check_disk_space, library_folders
from vodplatform.version import version_text

# The check of the CORS rules sends preflights for an object with the key NAMELESS, which need not exist. CORS_SECONDS
# is the timeout of a preflight and the lifetime of its URL.
NAMELESS, CORS_SECONDS = "doctor", 10
CLOCK_SECONDS = 5.0  # maximum seconds between the clocks of host and database


class Command(BaseCommand):
    help = (
        "Check database, broker, storage, library folders, timer reader and helper processes. Exits with 1 if a "
        "check fails."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--fix", action="store_true",
            help=(
                "before the checks, repair: mark database rows whose files are lost, delete stored files that no row "
                "has used for a day, and create missing triggers of append-only tables"
            ),
        )  # fmt: skip
        parser.add_argument("--yes", action="store_true", help="with --fix: continue even if many files are missing")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["fix"]:
            self._mend(is_sure=options["yes"])
        self.stdout.write(f"     {version_text()}")
        broker_problem, broker_program = broker()
        checks: list[tuple[str, Callable[[], str | None]]] = [
            ("data folder", data_folder),
            ("database", database),
            ("transactions", idle_limit),
            ("clock", clock),
            ("installation", check_installation),
            ("append-only tables", append_only),
            ("room", check_disk_space),
            ("broker", lambda: broker_problem),
            ("storage", storage),
            ("bucket CORS rules", pages_at_the_bucket),
            ("library folders", library_folders),
            ("helper processes", helper),
            ("video converter", converter),
            ("confinement", confinement),
            ("timer reader", reader),
            ("virus scanner", scanner),
            ("jobs", jobs),
            ("video files", files),
            ("stored files", leftovers),
        ]
        wrong = 0
        unusable = database()
        for name, check in checks:
            if unusable and check in DATABASE_CHECKS:
                self.stdout.write(f"?    {name}: not checked")
                continue
            problem = unusable if check is database else check()
            wrong += problem is not None
            said = problem or (broker_program if name == "broker" else "")
            self.stdout.write(f"{'ok  ' if problem is None else 'BAD '} {name}{': ' + said if said else ''}")
        if wrong:
            sys.exit(1)

    def _mend(self, *, is_sure: bool) -> None:
        if problem := database():
            raise CommandError(problem)
        try:
            installation.check()
            if not is_sure and (found := consistency.describe_mass_loss()):
                raise CommandError(
                    f"{found} have no file in this store; nothing was changed. If this is the right store and the "
                    "files are really lost, run `doctor --fix --yes`."
                )
            protected = protect_again()
            lost, back = consistency.mark_lost()
            lost_renditions, found_renditions = consistency.mark_lost_renditions()
            removed = consistency.remove_leftovers()
        except (installation.WrongInstallation, StoreUnavailable) as exc:
            raise CommandError(str(exc)) from exc
        for table in protected:
            self.stdout.write(f"protected {table}: its rows cannot be changed")
        for video in lost:
            self.stdout.write(f"failed   {video.title}: {video.location} no longer exists")
        for video in back:
            self.stdout.write(f"ready    {video.title}: {video.location} exists again")
        for rendition in lost_renditions:
            self.stdout.write(f"lost     {rendition.video.title}: {rendition}")
        for rendition in found_renditions:
            self.stdout.write(f"back     {rendition.video.title}: {rendition}")
        for file in removed.files:
            self.stdout.write(f"removed  {file.key}, {size(file.size)}")
        for item in removed.unfinished:
            self.stdout.write(f"removed  unfinished upload of {item.key}")


def data_folder() -> str | None:
    found = [
        path
        for path in (settings.DATA_DIR, *(settings.DATA_DIR / name for name in PRIVATE_FILES))
        if is_accessible_to_others(path)
    ]
    if not found:
        return None
    return f"other users can access {', '.join(map(str, found))}; run `chmod go-rwx` on them as their owner."


def database() -> str | None:
    try:
        check_database()
    except CommandError as exc:
        return str(exc)
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return "migrations are missing; run `manage.py migrate` or start `manage.py up`."
    return None


def idle_limit() -> str | None:
    if connection.vendor != "postgresql":
        return None
    with connect_outside_pool(connection) as fresh:
        if fresh.execute("SHOW idle_in_transaction_session_timeout").fetchone() != ("0",):
            return None
    return (
        "a process that stops in the middle of a transaction keeps its locks forever; run `manage.py migrate` as the "
        "role that runs the program, or set that role's idle_in_transaction_session_timeout to 15s."
    )


def clock() -> str | None:
    """Return a problem if this host's clock differs from the database's by more than ``CLOCK_SECONDS``.

    The expiry of signed URLs depends on the clock of the host.
    """
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [there] = cursor.fetchone()
    ahead = (timezone.now() - there).total_seconds()
    if abs(ahead) <= CLOCK_SECONDS:
        return None
    return (
        f"this machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the database's; "
        "synchronise both clocks with NTP."
    )


def check_installation() -> str | None:
    try:
        installation.register_process()
    except (installation.WrongInstallation, StoreUnavailable) as exc:
        return str(exc)
    return None


def append_only() -> str | None:
    tables = ", ".join(unprotected_tables())
    return (
        f"{tables}: the trigger that prevents changes is missing; run `doctor --fix` to create it." if tables else None
    )


def broker() -> tuple[str | None, str]:
    try:
        if settings.REDIS_IS_PRIVATE:
            return None, f"up starts {find_redis_server()}"
        with connect(settings.REDIS_URL, 2) as client:
            told = client.info("server")
    except NoRedisServer as exc:
        return str(exc), ""
    except redis.RedisError as exc:
        return f"Redis at REDIS_URL does not answer ({describe_error(exc)}); start Redis, or unset REDIS_URL.", ""
    name = "Valkey" if "valkey_version" in told else "Redis"
    return None, f"{name} {told.get('valkey_version') or told['redis_version']} at REDIS_URL"


def converter(path: str = "") -> str | None:
    code = (
        "import sys, json\nfrom media_app.av.ffmpeg import Ffmpeg, ProgramMissing\n"
        "try:\n    print(json.dumps({'lacks': Ffmpeg.default(sys.argv[1]).missing_features()}))\n"
        "except ProgramMissing as exc:\n    print(json.dumps({'problem': exc.strerror}))"
    )
    try:
        [said] = run_child([sys.executable, "-c", code, path]).messages
    except (ChildError, ValueError) as exc:
        return f"ffmpeg's features could not be read ({exc}); reinstall the requirements."
    if problem := said.get("problem"):
        return f"{problem}; reinstall imageio-ffmpeg. Until then videos cannot be processed."
    if lacks := said["lacks"]:
        return f"ffmpeg lacks {', '.join(lacks)}; use another build, such as imageio-ffmpeg's."
    return None


def helper() -> str | None:
    try:
        run_child([sys.executable, "-c", "import av, cv2, numpy, onnxruntime"])
    except ChildError as exc:
        return f"a helper process does not start ({exc}); run `make install` again. {exc.stderr[-200:]}"
    return None


def confinement() -> str | None:
    code = (
        "import json, socket, sys\ncan = []\n"
        "for what, act in (('read', lambda: open(sys.argv[1])), ('network', lambda: socket.socket(socket.AF_INET))):\n"
        "    try:\n        act().close()\n        can.append(what)\n    except OSError:\n        pass\n"
        "print(json.dumps({'can': can}))"
    )
    with tempfile.NamedTemporaryFile(prefix="doctor-", dir=settings.DATA_DIR) as secret:
        try:
            [said] = run_child([sys.executable, "-c", code, secret.name], access=Access()).messages
        except (ChildError, ValueError) as exc:
            return f"a sandboxed helper process could not be started ({exc}); run `make install` again."
    words = {
        "read": "helper processes can read all files of the program's user, because the kernel has no Landlock or "
        "Landlock is off (Linux 5.13 and later have it; see /sys/kernel/security/lsm).",
        "network": "helper processes can use the network, because the kernel refuses seccomp.",
    }
    return " ".join(words[name] for name in said["can"]) or None


def reader() -> str | None:
    code = (
        "import sys, json, pathlib\nfrom sessions_app.comparison.alignment.child.reader import ReaderUnavailable\n"
        "from sessions_app.comparison.alignment.child.readers import load_reader\n"
        "try:\n    load_reader(sys.argv[1], models=pathlib.Path(sys.argv[2]) if sys.argv[2] else None)\n"
        "except ReaderUnavailable as exc:\n    print(json.dumps({'problem': str(exc)}))"
    )
    models = settings.EASYOCR_MODELS
    access = Access(reads=[models] if models else [])
    command = [sys.executable, "-c", code, settings.TIMER_READER, str(models or "")]
    try:
        messages = run_child(command, access=access).messages
    except ChildError as exc:
        return f"the timer reader {settings.TIMER_READER} failed: {exc.stderr[-200:] or exc}"
    return str(messages[0]["problem"]) if messages else None


def scanner() -> str | None:
    if not scan.is_configured():
        return None
    try:
        scan.ping()
        if scan.passes_oversized_files():
            return "clamd reports files over its size limit as clean; set `AlertExceedsMax yes` in clamd.conf."
    except scan.ScannerDown as exc:
        return f"{exc} Start clamd, or unset VOD_CLAMD. Until then, uploads wait."
    return None


def jobs() -> str | None:
    if not (found := unclaimable_jobs()):
        return None
    return (
        f"queued jobs that this release cannot run: {', '.join(found)}; start the release that can, or cancel them "
        "with `manage.py jobs --cancel ID`."
    )


def storage() -> str | None:
    try:
        ask_storage()
    except Exception as exc:
        where = "check AWS_STORAGE_BUCKET_NAME and the other S3 settings" if not is_local() else "check VOD_DATA_DIR"
        return f"files cannot be stored ({exc}); {where}."
    return None


def pages_at_the_bucket() -> str | None:
    if not settings.S3_CORS:
        return None
    if not settings.PUBLIC_URL:
        return (
            "AWS_S3_CORS is 1, but VOD_PUBLIC_URL is not set, so the bucket's CORS rules cannot be checked; "
            "set VOD_PUBLIC_URL."
        )
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(settings.PUBLIC_URL))
    for method, header in (("PUT", "content-type"), ("GET", "range")):
        asking = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": header}
        try:
            # Send the preflight to the server that pages use: the bucket for PUT; for GET, the CDN if there is one.
            address = presigned(NAMELESS, CORS_SECONDS)
            if method == "GET" and cdn.is_set():
                # Sign the CDN's URL: CloudFront refuses unsigned requests, even preflights.
                address = cdn.signed_url(NAMELESS, int(time.time()) + CORS_SECONDS)
            answer = httpx.options(address, headers=asking, timeout=CORS_SECONDS)
        except (httpx.HTTPError, StoreUnavailable) as exc:
            return f"the bucket's CORS rules could not be checked ({exc}); check AWS_S3_PUBLIC_ENDPOINT_URL."
        origins, methods, headers = (
            answer.headers.get(f"access-control-allow-{name}", "") for name in ("origin", "methods", "headers")
        )
        if not (_has(origins, origin) and _has(methods, method) and _has(headers, header)):
            return (
                f"the bucket's CORS rules do not let pages of {origin} use {method} with the header {header}; allow "
                "this in the rules, or set AWS_S3_CORS=0."
            )
    return None


def _has(listed: str, wanted: str) -> bool:
    return bool({"*", wanted.lower()} & {part.strip().lower() for part in listed.split(",")})


def files() -> str | None:
    try:
        lost = consistency.lost_videos()
        made = consistency.lost_renditions()
    except StoreUnavailable as exc:
        return str(exc)
    gone = [video.location for video in lost if not consistency.is_away(video)]
    away = [video.location for video in lost if consistency.is_away(video)]
    if gone:
        return f"videos without a file: {len(gone)} (first: {gone[0]}); run `doctor --fix` to mark them as failed."
    if away:
        return f"videos in unavailable library folders: {len(away)} (first: {away[0]}); mount the disk."
    if made:
        return f"renditions without a file: {len(made)} (first: {made[0].folder}); run `doctor --fix` to repair them."
    return None


def leftovers() -> str | None:
    try:
        found = consistency.leftovers()
    except StoreUnavailable as exc:
        return str(exc)
    old = consistency.old_leftovers(found)
    if not found:
        return None
    names = [file.key for file in found.files] + [item.key for item in found.unfinished]
    return (
        f"{len(names)} files ({size(found.size)}) are not in use (first: {names[0]}); `doctor --fix` deletes those "
        f"that have not been in use for {settings.UNREFERENCED_HOURS:g} hours, currently {old.count}."
    )


# Checks that need a migrated database; skipped without one.
DATABASE_CHECKS = (idle_limit, clock, check_installation, append_only, jobs, files, leftovers)
