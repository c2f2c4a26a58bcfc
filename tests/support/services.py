"""Print ``DATABASE_URL=… REDIS_URL=…`` on one line if PostgreSQL and Redis both answer, else nothing.

``scripts/test`` runs this program to decide whether to run the tests again on these services. Free of Django.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis

POSTGRES = "postgres://postgres@127.0.0.1:5432/vodplatform_suite"
# Database 8 is the first of eight: each of four workers uses two (workers.py).
REDIS = "redis://127.0.0.1:6379/8"
# To create the test database, Django connects to one of these databases.
MAINTENANCE_DATABASES = ("test", "postgres")
ANSWER_SECONDS = 2


def environment(variables: Mapping[str, str] = os.environ) -> str:
    """Return the environment variables of the second run, or an empty text."""
    database = variables.get("TEST_DATABASE_URL") or POSTGRES
    broker = variables.get("TEST_REDIS_URL") or REDIS
    return f"DATABASE_URL={database} REDIS_URL={broker}" if postgres_answers(database) and redis_answers(broker) else ""


def postgres_answers(url: str) -> bool:
    """Return whether the server at ``url`` accepts the user and lets the user create databases."""
    parts = urlsplit(url)
    for name in MAINTENANCE_DATABASES:
        try:
            with psycopg.connect(
                urlunsplit(parts._replace(path=f"/{name}")), connect_timeout=ANSWER_SECONDS
            ) as connection:
                row = connection.execute(
                    "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
                ).fetchone()
        except psycopg.Error:
            continue
        return bool(row and row[0])
    return False


@contextmanager
def fresh_database(name: str, url: str = POSTGRES) -> Iterator[str | None]:
    """Create an empty PostgreSQL database, yield its URL, and drop it after the block. Yield None without a server."""
    if not postgres_answers(url):
        yield None
        return
    parts = urlsplit(url)
    maintenance = urlunsplit(parts._replace(path="/postgres"))

    def run(statement: str) -> None:
        with psycopg.connect(maintenance, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    run(f"CREATE DATABASE {name}")
    try:
        yield urlunsplit(parts._replace(path=f"/{name}"))
    finally:
        run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def redis_answers(url: str) -> bool:
    """Return whether a Redis server answers at ``url``."""
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=ANSWER_SECONDS, socket_timeout=ANSWER_SECONDS) as client:
            return bool(client.ping())
    except (redis.RedisError, ValueError):
        return False


if __name__ == "__main__":
    if line := environment():
        print(line)
