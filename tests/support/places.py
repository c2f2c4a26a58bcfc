"""Fixtures for tests that start programs: two recordings, migrated databases, places and programs.

A place is a data folder with a database and an account. It is copied from a template, which is made once.
"""

import hashlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis
from django.conf import settings

from sessions_app.comparison.samples.rendering.clips import render_pair, timer_pairs
from tests.support.kept import kept
from tests.support.program import PROJECT_ROOT, Place, Program, Truth, manage, redis_database

ACCOUNT, PASSWORD = "crash", "a-password-for-programs"
ON_POSTGRESQL = os.environ.get("DATABASE_URL", "").startswith("postgres")
SHARED_REDIS = os.environ.get("REDIS_URL", "")
# Database number of the started programs: the number after the one that this process uses.
REDIS_DATABASE = int(SHARED_REDIS.rpartition("/")[2]) + 1 if SHARED_REDIS else 0


@pytest.fixture(scope="session")
def truth() -> Truth:
    """Return two recordings of one match with a timer and sound, in a folder without other files."""
    silent = timer_pairs(9100)[0]
    a, b = (replace(clip, spec=replace(clip.spec, audio=True)) for clip in (silent.a, silent.b))
    pair = replace(silent, a=a, b=b)
    folder = kept("truth", lambda folder: render_pair(pair, folder))
    first, second = (folder / f"{clip.spec.name}.mp4" for clip in (a, b))
    assert pair.offset is not None
    return Truth(first, second, pair.offset, float(1 / pair.a.spec.fps + 1 / pair.b.spec.fps) / 2)


def on_server(statement: str) -> None:
    """Run a statement on the PostgreSQL server of DATABASE_URL."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(urlunsplit(parts._replace(path="/postgres", query="")), autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


@contextmanager
def new_database(template: str = "template1") -> Iterator[str]:
    """Create a database, yield its URL, and drop it after the block. template: URL or name of the database to copy."""
    name = f"vod_{secrets.token_hex(4)}"
    on_server(f"CREATE DATABASE {name} TEMPLATE {urlsplit(template).path.lstrip('/')}")
    try:
        yield urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
    finally:
        on_server(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def prepare(data_dir: Path, environment: dict[str, str], account: str, password: str, tree: Path = PROJECT_ROOT) -> str:
    """Migrate a program's database, and create an account and a group of the same name; return its API token."""
    variables = environment | {"VOD_DATA_DIR": str(data_dir)}
    answers = [
        manage(*words.split(), environment=variables, stdin=password, tree=tree)
        for words in (
            "migrate --verbosity 0", f"create_account {account} --group {account} --password-stdin",
            f"create_token {account}",
        )
    ]  # fmt: skip
    for answer in answers:
        assert answer.returncode == 0, answer.stderr
    return answers[-1].stdout.strip()


def prepared_by() -> str:
    """Return a digest of the code that prepares a data folder: migrations, code that they import, account commands."""
    migrations = {*PROJECT_ROOT.glob("vodplatform/**/migrations/*.py"), *PROJECT_ROOT.glob("*_app/**/migrations/*.py")}
    texts = "\n".join(path.read_text() for path in migrations)
    called = set(re.findall(r"^from ((?:vodplatform|\w+_app)\.[\w.]+) import", texts, re.MULTILINE))
    sources = {
        PROJECT_ROOT / "requirements" / "base.txt", *PROJECT_ROOT.glob("vodplatform/accounts/**/*.py"), *migrations,
        *(PROJECT_ROOT / f"{name.replace('.', '/')}.py" for name in called),
    }  # fmt: skip
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources))).hexdigest()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """On SQLite, start with a copy of a migrated database, which is made once on this machine."""

    def make(folder: Path) -> None:
        answer = manage("migrate", "--verbosity", "0", environment={"VOD_DATA_DIR": str(folder)})
        assert answer.returncode == 0, answer.stderr

    if not ON_POSTGRESQL:
        migrated = kept("migrated", make, prepared_by()) / "vodplatform.sqlite3"
        shutil.copyfile(migrated, settings.DATABASES["default"]["TEST"]["NAME"])


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Return whether the tests' database exists already, as it does on SQLite. `migrate` still runs on it."""
    return not ON_POSTGRESQL


@contextmanager
def prepared(account: str, library: Path, password: str = PASSWORD) -> Iterator[Place]:
    """Yield a template: a place with a migrated database and an account that may use ``library``.

    On SQLite, the template is made once on this machine. On PostgreSQL, its database is dropped after the block.
    """
    environment = {"VOD_LIBRARY_ROOTS": f"{library}={account}", "VOD_UNREFERENCED_HOURS": "0"}

    def make(folder: Path) -> None:
        (folder / "key").write_text(prepare(folder / "data", environment, account, password))

    if SHARED_REDIS:
        environment["REDIS_URL"] = redis_database(SHARED_REDIS, REDIS_DATABASE)
    if not ON_POSTGRESQL:
        folder = kept(f"place-{account}", make, prepared_by(), password)
        yield Place(folder / "data", environment, (folder / "key").read_text())
        return
    with new_database() as environment["DATABASE_URL"], tempfile.TemporaryDirectory(prefix="vod-test-") as folder:
        data_dir = Path(folder) / "data"
        yield Place(data_dir, environment, prepare(data_dir, environment, account, password))


@pytest.fixture(scope="session")
def template(truth: Truth) -> Iterator[Place]:
    """Provide the template of the places of the session's tests."""
    with prepared(ACCOUNT, truth.a.parent) as place:
        yield place


@contextmanager
def places(template: Place, folder: Path) -> Iterator[Callable[[], Place]]:
    """Yield a function that copies the template to a new place below ``folder``. Its database is dropped afterwards."""
    with ExitStack() as stack:

        def make() -> Place:
            data_dir = folder / f"d{secrets.token_hex(2)}"
            shutil.copytree(template.data_dir, data_dir)
            environment = dict(template.environment)
            if ON_POSTGRESQL:
                environment["DATABASE_URL"] = stack.enter_context(new_database(environment["DATABASE_URL"]))
            if SHARED_REDIS:
                redis.Redis.from_url(environment["REDIS_URL"]).flushdb()
            return Place(data_dir, environment, template.key)

        yield make


@contextmanager
def programs() -> Iterator[Callable[[Place], Program]]:
    """Yield a function that creates a program without starting it. All programs are killed after the block."""
    made: list[Program] = []

    def make(place: Place) -> Program:
        made.append(Program(place))
        return made[-1]

    try:
        yield make
    finally:
        for program in made:
            program.end()


@pytest.fixture
def new_place(template: Place, tmp_path: Path) -> Iterator[Callable[[], Place]]:
    """Provide a function that creates a place for the test."""
    with places(template, tmp_path) as make:
        yield make


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    """Provide the place of the test's program."""
    return new_place()


@pytest.fixture
def new_program(place: Place) -> Iterator[Callable[..., Program]]:
    """Provide a function that creates a program, not yet started, at the test's place or another place."""
    with programs() as make:
        yield lambda at=None: make(at or place)


@pytest.fixture
def program(new_program: Callable[..., Program]) -> Program:
    """Provide a running program."""
    return new_program().start()
