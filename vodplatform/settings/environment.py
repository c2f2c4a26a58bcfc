"""Typed and checked access to the environment variables of variables.py. This module does not import Django."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import dj_database_url

from .variables import BY_NAME

# With these limits, a call to S3 that gets no answer fails within half a minute.
S3_CONNECT_SECONDS = 3
S3_READ_SECONDS = 10
S3_ATTEMPTS = 2
_SENTINEL = r"(?:\[[0-9a-fA-F:]+\]|[^,:/@\[\]]+):\d+"
SENTINEL_URL = re.compile(
    r"redis(?P<tls>s?)\+sentinel://(?:(?P<username>[^:@/]*):(?P<password>[^@/]*)@)?"
    rf"(?P<hosts>{_SENTINEL}(?:,{_SENTINEL})*)/(?P<service>[^/?]+)(?:/(?P<number>\d+))?"
)
MAIL_PORTS = {"smtp": 25, "smtps": 465, "submission": 587}


class SettingsError(Exception):
    """Error: a setting is wrong. The message names the setting and the accepted values."""


# Files in the data folder. Each start of the program removes other users' rights to these files. The private folder
# alone would not protect the files, because other users may be able to read a copy of the folder.
PRIVATE_FILES = ("vodplatform.sqlite3", "vodplatform.sqlite3-wal", "vodplatform.sqlite3-shm", "secret.key")


class Environment:
    """Typed access to environment variables. Wrong values raise :class:`SettingsError`."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self.values = os.environ if values is None else values

    def value(self, name: str) -> Any:
        variable = BY_NAME.get(name)
        if variable is None:
            raise SettingsError(f"{name} is not a known setting.")
        raw = self.values.get(name, "").strip()
        if not raw:
            return variable.default
        try:
            return variable.convert(raw)
        except (ValueError, TypeError) as exc:
            raise SettingsError(f"{name} is {raw!r}; it must be {variable.accepts}.") from exc

    def text(self, name: str) -> str:
        return cast("str", self.value(name))

    def flag(self, name: str) -> bool:
        return cast("bool", self.value(name))

    def number(self, name: str) -> float:
        return cast("float", self.value(name))

    def integer(self, name: str) -> int:
        return cast("int", self.value(name))

    def names(self, name: str) -> list[str]:
        return list(self.value(name))

    def data_dir(self) -> Path:
        path = cast("Path", self.value("VOD_DATA_DIR")).expanduser().resolve()
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as exc:
            raise SettingsError(f"VOD_DATA_DIR is {str(path)!r}, which cannot be created: {exc.strerror}.") from exc
        if not os.access(path, os.W_OK):
            raise SettingsError(f"VOD_DATA_DIR is {str(path)!r}, which cannot be written to.")
        make_private(path)
        for name in PRIVATE_FILES:
            make_private(path / name)
        return path

    def secret_key(self, data_dir: Path) -> str:
        given = self.text("SECRET_KEY")
        if given:
            if len(given) < 32:
                raise SettingsError("SECRET_KEY is shorter than 32 characters; use a longer random one.")
            return given
        path = data_dir / "secret.key"
        if not path.exists():
            # Other processes may read the file at any moment, so it must appear complete.
            with tempfile.NamedTemporaryFile("w", dir=data_dir, prefix=".secret-") as file:
                file.write(secrets.token_urlsafe(48))
                file.flush()
                os.fsync(file.fileno())
                with contextlib.suppress(FileExistsError):
                    os.link(file.name, path)
        return path.read_text(encoding="ascii").strip()

    def former_keys(self) -> list[str]:
        keys = self.names("SECRET_KEY_FALLBACKS")
        if any(len(key) < 32 for key in keys):
            raise SettingsError(
                "SECRET_KEY_FALLBACKS has a key shorter than 32 characters. List only former values of SECRET_KEY."
            )
        return keys

    def secret(self, name: str) -> str:
        given = self.text(name)
        if given and (len(given) < 16 or not (given.isascii() and given.isprintable()) or " " in given):
            raise SettingsError(f"{name} must be 16 or more ASCII characters without spaces.")
        return given

    def sentry_dsn(self) -> str:
        given = self.text("SENTRY_DSN")
        if not given:
            return ""
        try:
            from sentry_sdk.utils import BadDsn, Dsn
        except ImportError as exc:
            raise SettingsError(
                "SENTRY_DSN is set, but sentry-sdk is not installed; install requirements/production.txt."
            ) from exc
        try:
            Dsn(given)
        except (BadDsn, ValueError) as exc:
            raise SettingsError("SENTRY_DSN must be an address such as https://key@host/project-id.") from exc
        return given

    def database(self, data_dir: Path) -> dict[str, Any]:
        url = self.text("DATABASE_URL")
        if not url:
            return sqlite_database(data_dir / "vodplatform.sqlite3")
        try:
            parsed: dict[str, Any] = dict(dj_database_url.parse(url))
        except Exception as exc:  # dj_database_url raises exceptions of several types for a wrong URL
            raise SettingsError(
                f"DATABASE_URL is invalid: {exc}. Use postgres://user:password@host:port/name."
            ) from exc
        if parsed["ENGINE"] == "django.db.backends.sqlite3":
            return sqlite_database(Path(parsed["NAME"]))
        if parsed["ENGINE"] != "django.db.backends.postgresql":
            raise SettingsError("DATABASE_URL must begin with postgres:// or sqlite:///.")
        parsed["OPTIONS"] = {
            "pool": {"min_size": 0, "max_size": 16, "timeout": 20},
            # These options detect a lost connection within 20 s instead of hours.
            "keepalives_idle": 5, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000,
            **parsed.get("OPTIONS", {}),
        }  # fmt: skip
        parsed["CONN_MAX_AGE"] = 0
        parsed["CONN_HEALTH_CHECKS"] = True
        return parsed

    def redis_url(self, data_dir: Path) -> str:
        given = self.text("REDIS_URL")
        if given and not given.startswith(("redis://", "rediss://", "unix://")) and not parse_sentinel_url(given):
            raise SettingsError(
                "REDIS_URL must begin with redis://, rediss:// or unix://, "
                "or be redis+sentinel://host:port,host:port/service/db."
            )
        return given or f"unix://{private_redis_socket(data_dir)}"

    def s3(self) -> dict[str, Any] | None:
        bucket, endpoint = self.text("AWS_STORAGE_BUCKET_NAME"), self.text("AWS_S3_ENDPOINT_URL")
        region = self.text("AWS_S3_REGION_NAME")
        key, secret = self.text("AWS_ACCESS_KEY_ID"), self.text("AWS_SECRET_ACCESS_KEY")
        if not bucket:
            return None
        if bool(key) != bool(secret):
            raise SettingsError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set together or not at all.")
        # Import here: the import takes 0.1 s and is needed only for S3.
        from botocore.config import Config

        return {
            "bucket_name": bucket,
            "endpoint_url": endpoint or None,
            "public_endpoint_url": self.text("AWS_S3_PUBLIC_ENDPOINT_URL") or None,
            "region_name": region,
            "access_key": key or None,
            "secret_key": secret or None,
            "querystring_auth": True,
            "default_acl": None,
            # Allow overwriting: each key is used only once, and a check for a free key would cost a call.
            "file_overwrite": True,
            "client_config": Config(
                signature_version="s3v4",
                s3={"addressing_style": "path" if endpoint else "auto"},
                connect_timeout=S3_CONNECT_SECONDS,
                read_timeout=S3_READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": S3_ATTEMPTS},
                max_pool_connections=32,
                # Other vendors' S3 servers may not support the checksums that boto3 sends since 2025.
                request_checksum_calculation="when_required" if endpoint else "when_supported",
                response_checksum_validation="when_required" if endpoint else "when_supported",
            ),
        }

    def email(self) -> dict[str, Any]:
        try:
            parts = urlsplit(self.text("VOD_EMAIL_URL"))
            port = parts.port or MAIL_PORTS.get(parts.scheme, 0)
        except ValueError:
            parts, port = urlsplit("wrong:"), 0
        confirm, sender = self.flag("VOD_SIGNUP_CONFIRM"), self.text("VOD_EMAIL_FROM")
        if parts.geturl() and not (parts.scheme in MAIL_PORTS and parts.hostname):
            raise SettingsError("VOD_EMAIL_URL must be an address such as submission://user:password@host:587.")
        if sender and not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", sender):
            raise SettingsError(f"VOD_EMAIL_FROM is {sender!r}; it must be an e-mail address.")
        # A request's Host header may be forged, so links need a configured address.
        if confirm and not (parts.hostname and sender and self.text("VOD_PUBLIC_URL")):
            raise SettingsError("VOD_SIGNUP_CONFIRM needs VOD_EMAIL_URL, VOD_EMAIL_FROM and VOD_PUBLIC_URL.")
        return {
            "scheme": parts.scheme, "host": parts.hostname or "", "port": port, "sender": sender, "confirm": confirm,
            "user": unquote(parts.username or ""), "password": unquote(parts.password or ""),
        }  # fmt: skip

    def media_origins(self) -> list[str]:
        """Return the origins of the bucket and the CDN, to which video players are redirected."""
        bucket = self.text("AWS_STORAGE_BUCKET_NAME")
        endpoint = self.text("AWS_S3_PUBLIC_ENDPOINT_URL") or self.text("AWS_S3_ENDPOINT_URL")
        region = self.text("AWS_S3_REGION_NAME")
        origins = []
        if bucket and endpoint:
            origins.append(_origin(endpoint))
        elif bucket:
            # A bucket name with a dot must be in the path: in the host name, it does not match the TLS certificate.
            hosts = ["s3.amazonaws.com", f"s3.{region}.amazonaws.com"]
            origins += [f"https://{host}" if "." in bucket else f"https://{bucket}.{host}" for host in hosts]
        if cdn := self.text("CDN_BASE_URL"):
            origins.append(_origin(cdn))
        return origins

    def syncso(self, engine: str) -> dict[str, Any]:
        key = self.text("SYNCSO_API_KEY")
        if engine == "syncso" and not key:
            raise SettingsError(
                "VOD_PROSYNC_ENGINE is 'syncso', which requires SYNCSO_API_KEY, the key of your sync.so account."
            )
        if engine == "syncso" and not self.text("VOD_PUBLIC_URL"):
            raise SettingsError(
                "VOD_PUBLIC_URL must be set if VOD_PROSYNC_ENGINE is 'syncso': sync.so downloads files from this URL."
            )
        return {
            "key": key,
            "webhook_secret": self.text("SYNCSO_WEBHOOK_SECRET"),
            "url": self.text("VOD_SYNCSO_URL"),
            "allow_private": self.flag("VOD_SYNCSO_ALLOW_PRIVATE"),
        }

    def cdn(self) -> dict[str, str] | None:
        names = ("CDN_BASE_URL", "CDN_KEY_PAIR_ID", "CDN_PRIVATE_KEY_PATH")
        missing = [name for name in names if not self.values.get(name, "").strip()]
        if len(missing) == len(names):
            return None
        if missing:
            raise SettingsError(f"{', '.join(names)} must be set together. Set {' and '.join(missing)} too.")
        return {
            "base_url": self.text("CDN_BASE_URL"),
            "key_pair_id": self.text("CDN_KEY_PAIR_ID"),
            "private_key": self.text("CDN_PRIVATE_KEY_PATH"),
        }

    def library_roots(self) -> list[tuple[Path, frozenset[str]]]:
        """Return a list of (resolved library folder, group names). A folder without groups is for staff."""
        roots = []
        for part in filter(None, self.text("VOD_LIBRARY_ROOTS").split(":")):
            folder, _, groups = part.partition("=")
            path = Path(folder).expanduser()
            if not path.is_absolute():
                raise SettingsError(f"VOD_LIBRARY_ROOTS names {folder!r}; each folder must be an absolute path.")
            resolved = path.resolve()
            if resolved == Path("/"):
                raise SettingsError(
                    "VOD_LIBRARY_ROOTS contains / (the whole file system). List only folders with videos."
                )
            roots.append((resolved, frozenset(filter(None, groups.split("+")))))
        return roots


def is_accessible_to_others(path: Path) -> bool:
    try:
        return bool(stat.S_IMODE(path.stat().st_mode) & _refused(path))
    except FileNotFoundError:
        return False


def make_private(path: Path) -> None:
    # Ignore files that belong to another user; `doctor` reports them.
    with contextlib.suppress(FileNotFoundError, PermissionError):
        if is_accessible_to_others(path) and not path.stat().st_mode & stat.S_ISVTX:
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_refused(path))


def _refused(path: Path) -> int:
    """Return the mode bits that give rights to other users.

    If the file has an access control list, its group bits are the list's mask and give no rights, so leave them out.
    """
    has_list = "system.posix_acl_access" in os.listxattr(path)
    return stat.S_IRWXO if has_list else stat.S_IRWXG | stat.S_IRWXO


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def private_redis_socket(data_dir: Path) -> Path:
    """Return the path of the private Redis's socket; in /tmp if the usual path nears the kernel's 107-byte limit."""
    path = data_dir / "run" / "redis.sock"
    if len(os.fsencode(path)) < 100:
        return path
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(f"/tmp/vod-{os.getuid()}-{digest}/redis.sock")


def parse_sentinel_url(redis_url: str) -> dict[str, Any] | None:
    """Return the client arguments for a Redis Sentinel URL, or None for other URLs.

    Format: ``redis[s]+sentinel://[[user]:password@]host:port[,host:port…]/service[/number]``. Redis and the sentinels
    share the password.
    """
    found = SENTINEL_URL.fullmatch(redis_url)
    if not found:
        return None
    addresses = [one.rpartition(":") for one in found["hosts"].split(",")]
    login: dict[str, Any] = {name: unquote(found[name]) for name in ("username", "password") if found[name]}
    encryption = {"ssl": True} if found["tls"] else {}
    return {
        "sentinels": [(host.strip("[]"), int(port)) for host, _, port in addresses],
        "master_name": unquote(found["service"]),
        "sentinel_kwargs": {**login, **encryption},
        "db": int(found["number"] or 0),
        **login,
        **encryption,
    }


def channel_prefix(secret_key: str, redis_url: str, database: str) -> str:
    """Return a prefix for Redis channels that differs between installations on the same Redis server.

    - redis_url: its database number becomes part of the prefix, because a server's databases share their channels.
    - database: name of the SQL database, which distinguishes a restored backup with the same secret key.
    """
    found = parse_sentinel_url(redis_url)
    number = f"/{found['db']}" if found else urlsplit(redis_url).path or "/0"
    return f"vod-{hashlib.sha256(chr(0).join((secret_key, number, database)).encode()).hexdigest()[:12]}"


def sqlite_database(path: Path) -> dict[str, Any]:
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
