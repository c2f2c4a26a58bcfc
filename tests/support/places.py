"""Fixtures: two recordings, a migrated place to copy, and programs that are gone when the test is."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis

from tests.support.program import Place, Program, Truth, manage, redis_database
from vodplatform.demo.clips import render_pair, timer_pairs

ACCOUNT = "crash"
ON_POSTGRESQL = os.environ.get("DATABASE_URL", "").startswith("postgres")
SHARED_REDIS = os.environ.get("REDIS_URL", "")
# The programs' own number: not the one that this process takes for itself, nor that of a part of the suite beside it.
_own = SHARED_REDIS.rpartition("/")[2]
REDIS_DATABASE = int(_own) + 2 if _own.isdigit() else 13


@pytest.fixture(scope="session")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """Two recordings of one match with a timer, in a folder of their own."""
    pair = timer_pairs(9100)[0]
    a, b = render_pair(pair, tmp_path_factory.mktemp("library"))
    assert pair.offset is not None
    return Truth(a, b, pair.offset, float(1 / pair.a.spec.fps + 1 / pair.b.spec.fps) / 2)


def on_server(statement: str) -> None:
    """Run one statement on the PostgreSQL server that DATABASE_URL names."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(urlunsplit(parts._replace(path="/postgres", query="")), autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def database_url(name: str) -> str:
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, truth: Truth) -> Iterator[Place]:
    """A migrated, empty program with one account, never started; others are copies of it."""
    environment = {"VOD_LIBRARY_ROOTS": f"{truth.a.parent}={ACCOUNT}"}
    database = f"vod_crash_{secrets.token_hex(4)}"
    if ON_POSTGRESQL:
        on_server(f"CREATE DATABASE {database}")
        environment["DATABASE_URL"] = database_url(database)
    if SHARED_REDIS:
        environment["REDIS_URL"] = redis_database(SHARED_REDIS, REDIS_DATABASE)
    data_dir = tmp_path_factory.mktemp("template") / "data"
    commands = environment | {"VOD_DATA_DIR": str(data_dir)}
    try:
        answers = [
            manage(*words, environment=commands)
            for words in (
                ["migrate", "--verbosity", "0"],
                ["create_account", ACCOUNT, "--group", ACCOUNT],
                ["create_token", ACCOUNT],
            )
        ]
        for answer in answers:
            assert answer.returncode == 0, answer.stderr
        yield Place(data_dir, environment, answers[-1].stdout.strip())
    finally:
        if ON_POSTGRESQL:
            on_server(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


@pytest.fixture
def new_place(template: Place, tmp_path: Path) -> Iterator[Callable[[], Place]]:
    """Makes places of their own, each with a data folder and a database; gone after the test."""
    databases: list[str] = []

    def make() -> Place:
        data_dir = tmp_path / f"d{secrets.token_hex(2)}"
        shutil.copytree(template.data_dir, data_dir)
        environment = dict(template.environment)
        if ON_POSTGRESQL:
            databases.append(f"vod_crash_{secrets.token_hex(4)}")
            source = urlsplit(environment["DATABASE_URL"]).path[1:]
            on_server(f"CREATE DATABASE {databases[-1]} TEMPLATE {source}")
            environment["DATABASE_URL"] = database_url(databases[-1])
        if SHARED_REDIS:
            redis.Redis.from_url(environment["REDIS_URL"]).flushdb()
        return Place(data_dir, environment, template.key)

    yield make
    for name in databases:
        on_server(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    """Where the test's program lives."""
    return new_place()


@pytest.fixture
def new_program(place: Place) -> Iterator[Callable[..., Program]]:
    """Makes programs, not yet started, on the test's place or another; none outlives the test."""
    programs: list[Program] = []

    def make(at: Place | None = None) -> Program:
        programs.append(Program(at or place))
        return programs[-1]

    yield make
    for program in programs:
        program.end()


@pytest.fixture
def program(new_program: Callable[..., Program]) -> Program:
    """The running program."""
    return new_program().start()
