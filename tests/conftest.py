"""Setup for all tests: marks by folder, users with API clients, and library folders with small real clips."""

import functools
import gc
import itertools
import os
import re
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import pytest
import redis
from _pytest.mark.expression import Expression
from _pytest.nodeid import coerce_node_id
from django.conf import settings as django_settings
from django.contrib.auth.models import Group
from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.backends.postgresql.base import DatabaseOperations as PostgresOperations
from django.db.backends.sqlite3.base import DatabaseOperations as SqliteOperations
from whitenoise.middleware import WhiteNoiseMiddleware

from tests.support.api import Api
from tests.support.clips import render_all
from tests.support.factories import make_key, make_user
from tests.support.kept import kept
from tests.support.waiting import wait_until
from vodplatform.accounts.models import Role, User
from vodplatform.core.files import storage
from vodplatform.core.files.installation import MARK
from vodplatform.core.processes import process
from vodplatform.core.web import health

# By default, Hypothesis tries the same examples in every run, so that a new failure is due to a change of the code.
# With HYPOTHESIS_PROFILE=search, it tries different examples in each run.
hypothesis.settings.register_profile("repeat", derandomize=True, deadline=None)
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))

pytest_plugins = [
    "tests.support.durations", "tests.support.places", "tests.support.engine", "tests.support.clamav",
    "tests.support.s3", "tests.support.swift", "tests.support.shared",
]  # fmt: skip
TESTS = Path(__file__).parent
MARKS_BY_PLACE = {
    "av/test_frames.py": ["pure"],
    "av/test_probe.py": ["pure"],
    "comparison/alignment": ["pure"],
    "comparison/rendering": ["pure"],
    "browser": ["browser"],
    "program": ["program", "services"],
    "crash": ["crash", "services"],
    "torture": ["crash", "services"],
    "cluster": ["cluster"],
    "contract": ["full"],
    "test_javascript.py": ["node"],
    "catalogue/test_crdt_in_javascript.py": ["node"],
    "storage": ["full"],  # needs an S3 server
    "commands": ["full"],  # starts programs
    "streaming/test_s3.py": ["full", "services"],
    "catalogue/test_roles.py": ["full"],
    "catalogue/test_sync_storm.py": ["full", "node"],
    "core/test_environment.py": ["full"],
    "videos/test_replacing.py": ["full"],
    "av/test_ingest.py": ["full"],
    "av/test_hls.py": ["full"],
    "comparison/alignment/test_vote.py": ["full"],
    "comparison/alignment/test_by_sound.py": ["full"],
    "comparison/export/test_making.py": ["full"],
    "comparison/test_samples.py": ["full"],
    "prosync/test_provider_job.py": ["full"],  # waits for its provider
    "prosync/test_process.py": ["full"],
    # Each of the following files takes five seconds or more.
    "core/test_health.py": ["full"],
    "core/test_process.py": ["full"],
    "core/test_protocol.py": ["full"],
    "videos/test_ingest_faults.py": ["full"],
    "streaming/test_nginx.py": ["full", "services"],
    "catalogue/test_ready.py": ["full"],
    "catalogue/test_sockets.py": ["full"],
    "catalogue/test_thumbnail.py": ["full"],
    "jobs/test_outputs_faults.py": ["full"],
    "jobs/test_running.py": ["full"],
    "jobs/test_turns.py": ["full"],
    "av/test_proxy.py": ["full"],
    "av/test_thumbnail.py": ["full"],
    "challenges/test_lie.py": ["full"],
}
WAITING = ("crash", "browser", "program")
BEGUN_BY = 0.8
OTHER_NAMES = {
    "accounts": ("account",), "analysis": ("analys", "highlights", "workout"),
    "challenges": ("merge", "challenge"), "comparison": ("align",),
    "streaming": ("player", "stream_clock"), "jobs": ("torture", "bad_days", "lane_limit", "job"),
    "prosync": ("pro_", "dub"), "uploads": ("upload",), "videos": ("ingest",),
}  # fmt: skip
# Fixtures that start a server that pip does not install. Tests that use these fixtures run in `make test-services`.
SERVERS = {"one_clamd", "swift_server"}
USES_SERVER = re.compile(r"\b(clamd|swift)\b")
MARKED = re.compile(r"\bmark\.(\w+)")
# Programs that pip does not install, by mark: names of the executable, and a line printed after a run without it.
PROGRAMS = {
    "browser": (("chromium-headless-shell", "chromium"), "The browser tests were not run: Chromium is not installed."),
    "node": (("node",), "The tests of the JavaScript modules were not run: node is not installed."),
}
GROUP = "crew"
FILLED_ONCE = frozenset({"django_content_type", "auth_permission"})  # tables that migrations fill from the models


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--app", metavar="NAME", help="run only the tests of one app: of its code, pages and programs")


def is_about(item: pytest.Item, app: str) -> bool:
    """Return whether a case tests an app, by its folder, or by its file's name (see :data:`OTHER_NAMES`)."""
    place = item.path.relative_to(TESTS)
    names = (app, *OTHER_NAMES.get(app, ()), "javascript")
    return app in place.parts or any(name in place.stem for name in names)


def missing_programs() -> set[str]:
    """Return the marks whose program is not installed on this machine."""
    return {mark for mark, (names, _) in PROGRAMS.items() if not any(map(shutil.which, names))}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    give_own_ids(items)
    for item in items:
        for mark in marks_of_place(item.path):
            item.add_marker(mark)
        if SERVERS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("services")
    unavailable = missing_programs()
    if os.environ.get("REDIS_URL"):
        unavailable.add("private_redis")
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        unavailable.add("postgresql")
    left_out = [item for item in items if any(item.get_closest_marker(mark) for mark in unavailable)]
    if app := config.getoption("--app"):
        left_out += [item for item in items if not is_about(item, app)]
    config.hook.pytest_deselected(items=left_out)
    gone = set(left_out)
    items[:] = spread([item for item in items if item not in gone])


def give_own_ids(items: Iterable[pytest.Item]) -> None:
    """Give each case an id of its own, because xdist runs only one of the cases with the same id.

    With pytest 9.2, schemathesis names all cases of a function like the function.
    """
    seen = set()
    for item in items:
        if item.parent and not item.nodeid.endswith(item.name):
            item._id = coerce_node_id(f"{item.parent.nodeid}::{item.name}")  # type: ignore[attr-defined]
        if item.nodeid in seen:
            raise pytest.UsageError(f"Two cases have the id {item.nodeid}, so xdist would run only one of them.")
        seen.add(item.nodeid)


@functools.cache
def marks_of_place(path: Path) -> list[str]:
    """Return the marks that :data:`MARKS_BY_PLACE` gives to a file or to its folders."""
    places = {TESTS / place: marks for place, marks in MARKS_BY_PLACE.items()}
    return [mark for place in (path, *path.parents) for mark in places.get(place, [])]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip a test file if the expression of ``-m`` cannot select any of its cases, so that the file is not imported.

    All cases of a file have its :func:`marks_of_place`. Each case may also have any of the marks in the file's text.
    """
    expression = config.option.markexpr
    if not collection_path.name.startswith("test_") or not expression:
        return None
    certain = set(marks_of_place(collection_path))
    text = collection_path.read_text()
    named = set(MARKED.findall(text)) | ({"services"} if USES_SERVER.search(text) else set())
    possible = (named & set(re.findall(r"\w+", expression))) - certain
    selects = Expression.compile(expression).evaluate
    choices = itertools.product((False, True), repeat=len(possible))
    marks = (certain.union(itertools.compress(possible, chosen)) for chosen in choices)
    # Marks with parameters in the expression, such as django_db(transaction=True), count as absent.
    if any(selects(lambda name, /, **given: name in found and not given) for found in marks):  # noqa: B023
        return None
    return True


def spread(items: list[pytest.Item]) -> list[pytest.Item]:
    """Sort the cases by file, and place files that mostly wait between files that mostly compute.

    This keeps all cores busy.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    tiers: list[list[Path]] = [[] for _ in WAITING]
    full, rest = [], []
    for path, cases in files.items():
        marks = {mark.name for case in cases for mark in case.iter_markers()}
        waits = next((number for number, mark in enumerate(WAITING) if mark in marks), None)
        (tiers[waits] if waits is not None else full if "full" in marks else rest).append(path)
    waiting, computing = [path for tier in tiers for path in tier], full + rest
    apart = BEGUN_BY * len(computing) / max(1, len(waiting))
    places = [*((number * apart, path) for number, path in enumerate(waiting)), *enumerate(computing)]
    return [case for _, path in sorted(places, key=lambda place: place[0]) for case in files[path]]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print why cases were rerun (pytest omits this if the rerun passes), and which tests were not run at all."""
    reports = terminalreporter.getreports("rerun")
    if reports:
        terminalreporter.section("why tests were rerun")
    for report in reports:
        terminalreporter.line(report.nodeid)
        crash = getattr(report.longrepr, "reprcrash", None)
        for line in f"{crash.path}:{crash.lineno}: {crash.message}".splitlines()[:8] if crash else ("cause unknown",):
            terminalreporter.line(f"    {line[:400]}")
    for mark in sorted(missing_programs()):
        terminalreporter.line(f"{PROGRAMS[mark][1]} `make tools` installs it.")


def pytest_collection_finish() -> None:
    """Exclude the objects that exist now from garbage collection: they live until the run ends."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    process.NICENESS = 0  # the tests use all cores, so children with a low priority would wait for them


def pytest_unconfigure() -> None:
    """Remove the data folder that the test settings made for this run."""
    if django_settings.configured and django_settings.DATA_DIR.name.startswith("vod-test-"):
        shutil.rmtree(django_settings.DATA_DIR, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _own_redis() -> Iterator[None]:
    """If the tests use a shared Redis, empty their database before and after the run; refuse to empty database 0."""
    if django_settings.REDIS_IS_PRIVATE:
        yield
        return
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        number = client.connection_pool.connection_kwargs.get("db", 0)
        assert number not in (None, 0), "REDIS_URL must name a database that only the tests use, not 0"
        client.flushdb()
        yield
        client.flushdb()


@pytest.fixture(scope="session", autouse=True)
def _quick_emptying() -> Iterator[None]:
    """Empty the tables between tests by DELETE, except tables that migrations fill and that no test changes.

    On PostgreSQL, TRUNCATE would take a second per test, because it creates and syncs a file for each table. Creating
    all permissions again would take longer than most tests. The order of the tables does not matter: foreign keys are
    checked at the end of the transaction.
    """

    def delete_rows(
        operations: BaseDatabaseOperations, style: object, tables: list[str], **options: object
    ) -> list[str]:
        return [f"DELETE FROM {operations.quote_name(table)}" for table in tables if table not in FILLED_ONCE]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PostgresOperations, "sql_flush", delete_rows)
        patch.setattr(SqliteOperations, "sql_flush", delete_rows)
        patch.setattr("django.core.management.commands.flush.emit_post_migrate_signal", lambda *given, **named: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_listed_once() -> Iterator[None]:
    """List the static files once per run: otherwise WhiteNoise's middleware would list them for every test client."""
    listed: dict[tuple[str, bool], dict[str, object]] = {}
    look = WhiteNoiseMiddleware.add_files_from_finders

    def add_files_from_finders(middleware: WhiteNoiseMiddleware) -> None:
        key = middleware.static_prefix, middleware.autorefresh
        if key not in listed:
            look(middleware)
            listed[key] = dict(middleware.files)
        middleware.files.update(listed[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", add_files_from_finders)
        yield


@pytest.fixture(autouse=True)
def _one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the throttles' clock during a test: when a new minute begins, throttles would allow further requests."""
    moment = time.time()
    monkeypatch.setattr("limits.storage.memory.time", SimpleNamespace(time=lambda: moment))


@pytest.fixture(autouse=True)
def _views_are_written() -> Iterator[None]:
    """Wait until the background thread has recorded all views: its rows would disturb the emptying of the tables."""
    yield
    if counting := sys.modules.get("media_app.streaming.view_recorder"):
        wait_until(lambda: counting._waiting == 0, 30)


@pytest.fixture(autouse=True)
def _no_mark() -> Iterator[None]:
    """Delete the installation's mark in the shared file store after each test, as its database row is deleted too."""
    mark = Path(django_settings.MEDIA_ROOT, MARK)
    yield
    mark.unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def _no_outage() -> Iterator[None]:
    """Reset the memory of storage outages after each test."""
    yield
    if found := sys.modules.get("jobs_app.outage"):
        found.outage.forget()
    storage.circuit_breaker.until = 0.0


@pytest.fixture(autouse=True)
def _a_new_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a new heartbeat writer with a short timeout.

    ``/health`` checks whether the database accepts writes. On SQLite, a test in a transaction holds the write lock.
    """
    monkeypatch.setattr(health, "heart", health.HeartbeatWriter())
    monkeypatch.setattr(health, "WRITE_SECONDS", 0.05)


@pytest.fixture(scope="session")
def clips() -> Path:
    """Return a folder with every clip of tests/support/clips.py. Tests must not change it."""
    return kept("clips", render_all)


@dataclass(frozen=True, slots=True)
class Library:
    """Folders with clips.

    crew: library folder of the group ``crew``. staff: library folder for staff. outside: not a library folder.
    """

    crew: Path
    staff: Path
    outside: Path


@pytest.fixture
def library(clips: Path, tmp_path: Path, settings: object) -> Library:
    """Return library folders with copies of the clips, which the test may change."""
    found = Library(tmp_path / "crew", tmp_path / "staff", tmp_path / "outside")
    for folder in (found.crew, found.staff, found.outside):
        folder.mkdir()
    for clip in clips.iterdir():
        shutil.copyfile(clip, found.crew / clip.name)
    for folder in (found.staff, found.outside):
        shutil.copyfile(clips / "plain.mp4", folder / "plain.mp4")
        shutil.copyfile(clips / "other.mp4", folder / "other.mp4")
    settings.LIBRARY_ROOTS = [(found.staff, frozenset()), (found.crew, frozenset({GROUP}))]  # type: ignore[attr-defined]
    return found


@pytest.fixture
def owner(db: None) -> User:
    """Return the main user of the tests, a member of the library folder's group."""
    user = make_user("owner")
    user.groups.add(Group.objects.get_or_create(name=GROUP)[0])
    return user


@pytest.fixture
def other(db: None) -> User:
    """Return a second account without access to the owner's data."""
    return make_user("other")


@pytest.fixture
def moderator(db: None) -> User:
    return make_user("moderator", role=Role.MODERATOR)


@pytest.fixture
def admin_person(db: None) -> User:
    return make_user("admin", role=Role.ADMIN)


@pytest.fixture
def anonymous() -> Api:
    return Api()


@pytest.fixture
def key(owner: User) -> str:
    """Return an API token of the owner."""
    return make_key(owner)


@pytest.fixture
def api(owner: User) -> Api:
    """Return the owner's API client."""
    return Api(make_key(owner))


@pytest.fixture
def other_api(other: User) -> Api:
    return Api(make_key(other))


@pytest.fixture
def moderator_api(moderator: User) -> Api:
    return Api(make_key(moderator))


@pytest.fixture
def admin_api(admin_person: User) -> Api:
    return Api(make_key(admin_person))
