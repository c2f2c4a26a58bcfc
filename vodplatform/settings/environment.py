"""Every environment variable of the program, read in one place and checked at start; free of Django.

``VARIABLES`` is the list that the README's table is tested against.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import dj_database_url

T = TypeVar("T")
PROJECT_ROOT = Path(__file__).resolve().parents[2]


class SettingsError(Exception):
    """A setting is wrong; the message is a sentence that names it and says what is accepted."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its name, its default as printed in the README, and what it does."""

    name: str
    default: str
    help: str


VARIABLES: list[Variable] = [
    Variable("SECRET_KEY", "made once in the data folder", "Signs cookies and URLs; required in production."),
    Variable("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]", "Host names that the program answers to."),
    Variable("DATABASE_URL", "SQLite in the data folder", "`postgres://user:password@host:port/name`."),
    Variable("REDIS_URL", "a private Redis started by `up`", "Broker and realtime, `redis://host:port/number`."),
    Variable("VOD_DATA_DIR", "`data/` in the project", "Database, sockets, logs and made files."),
    Variable(
        "VOD_LIBRARY_ROOTS",
        "none",
        "Folders whose videos may be compared by path, separated by `:`; each `PATH` for staff or "
        "`PATH=group+group` for those Django groups (and admins).",
    ),
    Variable("VOD_MULTI_VOD_ENABLED", "1", "0 switches comparison sessions off (404 `feature_disabled`)."),
    Variable("VOD_MULTI_VOD_MAX_SESSIONS_CACHED", "20", "Sessions whose shown form is kept in memory per process."),
    Variable("VOD_MULTI_VOD_AUTO_SAVE_INTERVAL_SECONDS", "5.0", "How often a playing position is persisted."),
    Variable("VOD_TIMER_READER", "rapidocr", "What reads timers: `rapidocr`, or `easyocr` (an extra)."),
    Variable("VOD_ALIGN_CONCURRENCY", "2", "Alignments that run at once."),
    Variable("VOD_CHILD_MEMORY_MB", "2048", "Memory of one helper process."),
    Variable("VOD_CHILD_THREADS", "2", "Threads of one helper process."),
    Variable("VOD_CHILD_SECONDS", "300", "Wall clock of one helper process; jobs that must run longer say so."),
    Variable("VOD_SIGNED_URL_SECONDS", "7200", "How long a signed media URL lives, 60 to 86400."),
    Variable("VOD_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR."),
    Variable("VOD_DEMO_ACCOUNT", "none", "Set by `make demo`: whose newest comparison `/` opens. Loopback only."),
]  # fmt: skip


class Environment:
    """Typed access to one mapping of variables; each wrong value raises :class:`SettingsError`."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self.values = os.environ if values is None else values

    def get(self, name: str, default: T, convert: Callable[[str], T], wants: str) -> T:
        """The variable through ``convert``, or ``default`` when it is unset or empty."""
        if name not in {variable.name for variable in VARIABLES}:
            raise SettingsError(f"{name} is not a known setting.")
        raw = self.values.get(name, "").strip()
        if not raw:
            return default
        try:
            return convert(raw)
        except (ValueError, TypeError) as exc:
            raise SettingsError(f"{name} is {raw!r}; it must be {wants}.") from exc

    def text(self, name: str, default: str = "") -> str:
        return self.get(name, default, str, "text")

    def flag(self, name: str, default: bool) -> bool:
        known = {
            "1": True,
            "true": True,
            "on": True,
            "yes": True,
            "0": False,
            "false": False,
            "off": False,
            "no": False,
        }

        def convert(raw: str) -> bool:
            if raw.lower() not in known:
                raise ValueError(raw)
            return known[raw.lower()]

        return self.get(name, default, convert, "1 or 0")

    def number(self, name: str, default: float, low: float, high: float) -> float:
        def convert(raw: str) -> float:
            value = float(raw)
            if not low <= value <= high:
                raise ValueError(raw)
            return value

        return self.get(name, default, convert, f"a number from {low:g} to {high:g}")

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        def convert(raw: str) -> int:
            value = int(raw)
            if not low <= value <= high:
                raise ValueError(raw)
            return value

        return self.get(name, default, convert, f"a whole number from {low} to {high}")

    def choice(self, name: str, default: str, options: tuple[str, ...]) -> str:
        def convert(raw: str) -> str:
            if raw not in options:
                raise ValueError(raw)
            return raw

        return self.get(name, default, convert, "one of " + ", ".join(options))

    def names(self, name: str, default: list[str]) -> list[str]:
        return self.get(name, default, lambda raw: [part.strip() for part in raw.split(",") if part.strip()], "names")

    def data_dir(self) -> Path:
        """The data folder, made when it is missing, readable by its owner alone."""
        path = self.get("VOD_DATA_DIR", PROJECT_ROOT / "data", Path, "a folder").expanduser().resolve()
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as exc:
            raise SettingsError(f"VOD_DATA_DIR is {str(path)!r}, which cannot be made: {exc.strerror}.") from exc
        if not os.access(path, os.W_OK):
            raise SettingsError(f"VOD_DATA_DIR is {str(path)!r}, which cannot be written to.")
        return path

    def secret_key(self, data_dir: Path) -> str:
        """SECRET_KEY, or a key made once in the data folder."""
        given = self.text("SECRET_KEY")
        if given:
            if len(given) < 32:
                raise SettingsError("SECRET_KEY is shorter than 32 characters; use a longer random one.")
            return given
        path = data_dir / "secret.key"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text(encoding="ascii").strip()
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        return path.read_text(encoding="ascii").strip()

    def database(self, data_dir: Path) -> dict[str, Any]:
        """Django's settings of the one database: PostgreSQL by URL, else SQLite in the data folder."""
        url = self.text("DATABASE_URL")
        if not url:
            return sqlite_database(data_dir / "vodplatform.sqlite3")
        try:
            parsed: dict[str, Any] = dict(dj_database_url.parse(url))
        except Exception as exc:  # the parser raises several kinds; each is the user's URL
            raise SettingsError(f"DATABASE_URL cannot be understood: {exc}.") from exc
        if parsed["ENGINE"] == "django.db.backends.sqlite3":
            return sqlite_database(Path(parsed["NAME"]))
        if parsed["ENGINE"] != "django.db.backends.postgresql":
            raise SettingsError("DATABASE_URL must begin with postgres:// or sqlite:///.")
        parsed["OPTIONS"] = {"pool": {"min_size": 0, "max_size": 16, "timeout": 20}, **parsed.get("OPTIONS", {})}
        parsed["CONN_MAX_AGE"] = 0
        # The pool hands out no connection that a restarted server has closed.
        parsed["CONN_HEALTH_CHECKS"] = True
        return parsed

    def redis_url(self, data_dir: Path) -> str:
        """REDIS_URL, or the socket of the private Redis that `up` starts."""
        given = self.text("REDIS_URL")
        if given and not given.startswith(("redis://", "rediss://", "unix://")):
            raise SettingsError("REDIS_URL must begin with redis://, rediss:// or unix://.")
        return given or f"unix://{private_redis_socket(data_dir)}"

    def library_roots(self) -> list[tuple[Path, frozenset[str]]]:
        """(folder with symlinks resolved, group names) pairs; no group means staff only."""
        roots = []
        for part in filter(None, self.text("VOD_LIBRARY_ROOTS").split(":")):
            folder, _, groups = part.partition("=")
            path = Path(folder).expanduser()
            if not path.is_absolute():
                raise SettingsError(f"VOD_LIBRARY_ROOTS names {folder!r}; each folder must be an absolute path.")
            resolved = path.resolve()
            if resolved == Path("/"):
                raise SettingsError("VOD_LIBRARY_ROOTS names the whole file system; name the folders with videos.")
            roots.append((resolved, frozenset(filter(None, groups.split("+")))))
        return roots


def private_redis_socket(data_dir: Path) -> Path:
    """Where the private Redis listens: in the data folder, or in /tmp where the kernel's 107 bytes would not do."""
    path = data_dir / "run" / "redis.sock"
    if len(os.fsencode(path)) < 100:
        return path
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(f"/tmp/vod-{os.getuid()}-{digest}/redis.sock")


def sqlite_database(path: Path) -> dict[str, Any]:
    """SQLite that stands several writers: WAL, BEGIN IMMEDIATE, and a busy timeout in seconds."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
        },
    }
