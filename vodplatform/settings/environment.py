"""Every environment variable of the program, read in one place and checked at start; free of Django.

``VARIABLES`` is the list that docs/settings.md is made from.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import dj_database_url

T = TypeVar("T")
PROJECT_ROOT = Path(__file__).resolve().parents[2]
# Seconds for one attempt at S3, and attempts: what asks gets its answer, or the failure, within half a minute.
S3_CONNECT_SECONDS = 3
S3_READ_SECONDS = 10
S3_ATTEMPTS = 2
MAIL_PORTS = {"smtp": 25, "smtps": 465, "submission": 587}


class SettingsError(Exception):
    """A setting is wrong; the message is a sentence that names it and says what is accepted."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its name, its default in words, and what it does."""

    name: str
    default: str
    help: str


VARIABLES: list[Variable] = [
    Variable("SECRET_KEY", "made once in the data folder", "Signs cookies and URLs; required in production."),
    Variable(
        "SECRET_KEY_FALLBACKS",
        "none",
        "Former values of SECRET_KEY, separated by commas: what was signed with them stays valid until it expires.",
    ),
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
    Variable("VOD_ANALYSIS_CONCURRENCY", "2", "Analyses that run at once."),
    Variable("VOD_SESSION_TTL_HOURS", "24", "Hours after which an analysis and its files are deleted."),
    Variable(
        "VOD_VISION_URL",
        "none",
        "An OpenAI-compatible endpoint whose model describes highlights, `http://host:port/v1`; with VOD_VISION_MODEL.",
    ),
    Variable("VOD_VISION_MODEL", "none", "The model's name there, as `SmolVLM2-2.2B-Instruct`."),
    Variable("VOD_VISION_KEY", "none", "The key that the endpoint asks for."),
    Variable("VOD_VISION_SECONDS", "60", "Seconds for one answer of the model."),
    Variable("VOD_VISION_CALLS", "40", "Calls of the model for one analysis."),
    Variable("VOD_VISION_ALLOW_PRIVATE", "0", "1: the endpoint may be on this machine or a private network."),
    Variable("VOD_INGEST_CONCURRENCY", "2", "Uploaded videos that are taken in at once."),
    Variable("VOD_MERGE_CONCURRENCY", "4", "Merges of clips that run at once."),
    Variable("VOD_PROSYNC_ENGINE", "local", "What replaces speech: `local`, this machine, or `syncso`, sync.so."),
    Variable("SYNCSO_API_KEY", "none", "The key of the account at sync.so; the engine `syncso` needs it."),
    Variable("SYNCSO_WEBHOOK_SECRET", "none", "What its webhooks are signed with; without it the program only asks."),
    Variable("VOD_SYNCSO_URL", "https://api.sync.so", "Where its API is."),
    Variable("VOD_SYNCSO_ALLOW_PRIVATE", "0", "1: it and its results may be on this machine or a private network."),
    Variable("VOD_PUBLIC_URL", "none", "Where others reach this program, `https://host`; `syncso` fetches from there."),
    Variable("VOD_PROSYNC_CONCURRENCY", "2", "Pro jobs that run at once."),
    Variable("VOD_PROSYNC_MAX_AUDIO_SIZE", "104857600", "Bytes of one sound of a pro job."),
    Variable("VOD_RENDER_CONCURRENCY", "1", "Renditions that are encoded at once."),
    Variable(
        "VOD_HLS_RUNGS",
        "720,480",
        "Lines of the smaller HLS renditions, never more than the source; `none` for none.",
    ),
    Variable("VOD_MAX_VIDEO_HOURS", "12", "Longer uploads are refused."),
    Variable("VOD_PUBLIC_CATALOG", "1", "1: whoever is not signed in may read the catalogue; 0: he may not."),
    Variable("VOD_MAX_VIDEO_SIZE", "52428800", "Bytes of a video that the catalogue's own upload door takes."),
    Variable("VOD_MAX_THUMBNAIL_SIZE", "5242880", "Bytes of a thumbnail."),
    Variable("VOD_UPLOAD_TTL_HOURS", "24", "Hours after which an unfinished upload expires."),
    Variable("VOD_DISK_RESERVE_MB", "512", "Room on the disk that uploads and jobs leave free."),
    Variable(
        "VOD_UNREFERENCED_HOURS",
        "24",
        "Hours for which nothing must point at a stored file before it is deleted.",
    ),
    Variable("VOD_AUDIT_RETENTION_DAYS", "365", "Days after which an entry of the audit log is deleted."),
    Variable("VOD_JOB_RETENTION_DAYS", "30", "Days after which a finished job that nothing shows is deleted."),
    Variable("VOD_CHILD_MEMORY_MB", "2048", "Memory of one helper process."),
    Variable("VOD_CHILD_THREADS", "2", "Threads of one helper process."),
    Variable("VOD_CHILD_SECONDS", "300", "Wall clock of one helper process; jobs that must run longer say so."),
    Variable("VOD_SIGNED_URL_SECONDS", "7200", "How long a signed media URL lives, 60 to 86400."),
    Variable(
        "VOD_X_ACCEL_PREFIX",
        "none",
        "nginx sends local files itself: where its internal locations begin, `/_media/` in `deploy/nginx.conf`.",
    ),
    Variable(
        "VOD_CLAMD",
        "none",
        "Scans uploads: the Unix socket of ClamAV's clamd, or `host:port`. Set and not answering, uploads wait.",
    ),
    Variable("AWS_STORAGE_BUCKET_NAME", "none", "Keeps files in this S3 bucket instead of the data folder."),
    Variable("AWS_S3_ENDPOINT_URL", "Amazon's", "Another S3 server, `https://host:port`; its buckets go by path."),
    Variable("AWS_S3_REGION_NAME", "us-east-1", "The bucket's region."),
    Variable("AWS_ACCESS_KEY_ID", "what boto3 finds", "S3 credentials; without them the host's role is used."),
    Variable("AWS_SECRET_ACCESS_KEY", "what boto3 finds", "The other half of the S3 credentials."),
    Variable("CDN_BASE_URL", "none", "Where CloudFront serves the bucket, `https://host`; needs the two below."),
    Variable("CDN_KEY_PAIR_ID", "none", "The public key's id at CloudFront."),
    Variable("CDN_PRIVATE_KEY_PATH", "none", "The file with its RSA private key, PEM; signs the CDN's URLs."),
    Variable("VOD_SIGNUP", "1", "0 lets nobody sign up; accounts are then made by `create_account` and admins."),
    Variable("VOD_SOCKETS_AT_ONCE", "100", "WebSockets of one account, or one network, in a web process."),
    Variable("VOD_SIGNUP_CONFIRM", "0", "1: an account is made once its e-mail address is confirmed by a link."),
    Variable(
        "VOD_EMAIL_URL",
        "none",
        "The mail server: `smtp://host`, `smtps://…` (TLS) or `submission://user:password@host:port` (STARTTLS).",
    ),
    Variable("VOD_EMAIL_FROM", "none", "The sender of e-mails; VOD_SIGNUP_CONFIRM needs both and VOD_PUBLIC_URL."),
    Variable("VOD_JWT_ACCESS_MINUTES", "15", "How long a JWT signs in, 1 to 1440."),
    Variable("VOD_JWT_REFRESH_DAYS", "7", "How long a JWT can be renewed, 1 to 365."),
    Variable("VOD_SIGNUPS_PER_HOUR", "5", "How many accounts may be made from one address in an hour."),
    Variable("VOD_THROTTLES", "on", "`off` lifts the limits on how often one may sign in and ask; for tests."),
    Variable("VOD_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR."),
    Variable("VOD_METRICS_TOKEN", "none", "Lets a scraper read `/metrics` as `Bearer`; 16 characters or more."),
    Variable("SENTRY_DSN", "none", "Reports faults to Sentry; needs `requirements/production.txt`."),
    Variable("VOD_DEMO_ACCOUNT", "none", "Set by `make demo`: whose newest comparison `/` opens. Loopback only."),
]  # fmt: skip


# Beside the folder: a copy of it is made with the modes that its files have.
PRIVATE_FILES = ("vodplatform.sqlite3", "vodplatform.sqlite3-wal", "vodplatform.sqlite3-shm", "secret.key")


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

    def numbers(self, name: str, default: list[int]) -> list[int]:
        """Whole numbers above 0, separated by commas; `none` for none."""

        def convert(raw: str) -> list[int]:
            found = [] if raw.lower() == "none" else [int(part) for part in raw.split(",")]
            if any(not 0 < number < 1 << 15 for number in found):
                raise ValueError(raw)
            return found

        return self.get(name, default, convert, "whole numbers separated by commas, or none")

    def data_dir(self) -> Path:
        """The data folder, made when it is missing, readable by its owner alone."""
        path = self.get("VOD_DATA_DIR", PROJECT_ROOT / "data", Path, "a folder").expanduser().resolve()
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as exc:
            raise SettingsError(f"VOD_DATA_DIR is {str(path)!r}, which cannot be made: {exc.strerror}.") from exc
        if not os.access(path, os.W_OK):
            raise SettingsError(f"VOD_DATA_DIR is {str(path)!r}, which cannot be written to.")
        keep_private(path)
        for name in PRIVATE_FILES:
            keep_private(path / name)
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

    def former_keys(self) -> list[str]:
        """SECRET_KEY_FALLBACKS, each as long as a key has to be."""
        keys = self.names("SECRET_KEY_FALLBACKS", [])
        if any(len(key) < 32 for key in keys):
            raise SettingsError("SECRET_KEY_FALLBACKS has a key that is shorter than 32 characters; name former keys.")
        return keys

    def location_prefix(self, name: str) -> str:
        """A path of this site that begins and ends with a slash; nothing when unset."""

        def convert(raw: str) -> str:
            if not re.fullmatch(r"/([A-Za-z0-9_-]+/)+", raw):
                raise ValueError(raw)
            return raw

        return self.get(name, "", convert, "a path such as /_media/")

    def secret(self, name: str) -> str:
        """A secret that somebody has to guess: nothing, or ASCII that is long enough."""
        given = self.text(name)
        if given and (len(given) < 16 or not (given.isascii() and given.isprintable()) or " " in given):
            raise SettingsError(f"{name} must be 16 or more ASCII characters without spaces.")
        return given

    def sentry_dsn(self) -> str:
        """SENTRY_DSN, once it is known that it can be used."""
        given = self.text("SENTRY_DSN")
        if not given:
            return ""
        try:
            from sentry_sdk.utils import BadDsn, Dsn
        except ImportError as exc:
            raise SettingsError(
                "SENTRY_DSN is set, but sentry-sdk is missing; install requirements/production.txt."
            ) from exc
        try:
            Dsn(given)
        except (BadDsn, ValueError) as exc:
            raise SettingsError("SENTRY_DSN must be an address such as https://key@host/number.") from exc
        return given

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
        parsed["OPTIONS"] = {
            "pool": {"min_size": 0, "max_size": 16, "timeout": 20},
            # A process that was stopped in the middle of a transaction holds its locks no longer than this.
            "options": "-c idle_in_transaction_session_timeout=15s",
            # A server that is cut off is noticed within about 20 s, not after hours.
            "keepalives_idle": 5, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000,
            **parsed.get("OPTIONS", {}),
        }  # fmt: skip
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

    def clamd(self) -> str | tuple[str, int] | None:
        """Where clamd listens: the path of a Unix socket, or host and port."""

        def convert(raw: str) -> str | tuple[str, int]:
            if raw.startswith("/"):
                return raw
            host, colon, port = raw.rpartition(":")
            host = host.removeprefix("[").removesuffix("]")
            if not (colon and host and "/" not in raw and 0 < int(port) < 65536):
                raise ValueError(raw)
            return host, int(port)

        wanted = "the absolute path of a Unix socket, or host:port"
        return self.get("VOD_CLAMD", None, convert, wanted)

    def s3(self) -> dict[str, Any] | None:
        """Options of django-storages' S3Storage; None where files stay in the data folder."""
        bucket = self.get("AWS_STORAGE_BUCKET_NAME", "", _bucket_name, "a bucket's name")
        endpoint = self.get("AWS_S3_ENDPOINT_URL", "", _web_address, "an address such as https://host:port")
        region = self.text("AWS_S3_REGION_NAME", "us-east-1")
        key, secret = self.text("AWS_ACCESS_KEY_ID"), self.text("AWS_SECRET_ACCESS_KEY")
        if not bucket:
            return None
        if bool(key) != bool(secret):
            raise SettingsError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set together or not at all.")
        # Here, not above: it costs 0.1 s that an installation without S3 does not have to pay at each start.
        from botocore.config import Config

        return {
            "bucket_name": bucket,
            "endpoint_url": endpoint or None,
            "region_name": region,
            "access_key": key or None,
            "secret_key": secret or None,
            "querystring_auth": True,
            "default_acl": None,
            # Every key is used once; asking first whether it is free would cost a call each.
            "file_overwrite": True,
            "client_config": Config(
                signature_version="s3v4",
                s3={"addressing_style": "path" if endpoint else "auto"},
                connect_timeout=S3_CONNECT_SECONDS,
                read_timeout=S3_READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": S3_ATTEMPTS},
                max_pool_connections=32,
                # Other servers than Amazon's may not know the checksums that it has taken since 2025.
                request_checksum_calculation="when_required" if endpoint else "when_supported",
                response_checksum_validation="when_required" if endpoint else "when_supported",
            ),
        }

    def email(self) -> dict[str, Any]:
        """The mail server's address in parts, the ``sender`` of e-mails, and whether sign-ups ``confirm`` theirs."""
        try:
            parts = urlsplit(self.text("VOD_EMAIL_URL"))
            port = parts.port or MAIL_PORTS.get(parts.scheme, 0)
        except ValueError:
            parts, port = urlsplit("wrong:"), 0
        confirm, sender = self.flag("VOD_SIGNUP_CONFIRM", False), self.text("VOD_EMAIL_FROM")
        if parts.geturl() and not (parts.scheme in MAIL_PORTS and parts.hostname):
            raise SettingsError("VOD_EMAIL_URL must be an address such as submission://user:password@host:587.")
        if sender and not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", sender):
            raise SettingsError(f"VOD_EMAIL_FROM is {sender!r}; it must be an e-mail address.")
        # Not what a request says: whoever signs up would choose where the link of the e-mail leads.
        if confirm and not (parts.hostname and sender and self.text("VOD_PUBLIC_URL")):
            raise SettingsError("VOD_SIGNUP_CONFIRM needs VOD_EMAIL_URL, VOD_EMAIL_FROM and VOD_PUBLIC_URL.")
        return {
            "scheme": parts.scheme, "host": parts.hostname or "", "port": port, "sender": sender, "confirm": confirm,
            "user": unquote(parts.username or ""), "password": unquote(parts.password or ""),
        }  # fmt: skip

    def media_origins(self) -> list[str]:
        """Where players may be sent for files: the bucket's origins and the CDN's."""
        bucket, endpoint = self.text("AWS_STORAGE_BUCKET_NAME"), self.text("AWS_S3_ENDPOINT_URL")
        region = self.text("AWS_S3_REGION_NAME", "us-east-1")
        origins = []
        if bucket and endpoint:
            origins.append(_origin(endpoint))
        elif bucket:
            # A name with a dot in it has no certificate of its own and goes by path.
            hosts = ["s3.amazonaws.com", f"s3.{region}.amazonaws.com"]
            origins += [f"https://{host}" if "." in bucket else f"https://{bucket}.{host}" for host in hosts]
        if cdn := self.text("CDN_BASE_URL"):
            origins.append(_origin(cdn))
        return origins

    def syncso(self, engine: str) -> dict[str, Any]:
        """How sync.so is asked: ``key``, ``webhook_secret``, ``url``, ``allow_private``."""
        key = self.text("SYNCSO_API_KEY")
        if engine == "syncso" and not key:
            raise SettingsError("VOD_PROSYNC_ENGINE is 'syncso', which needs SYNCSO_API_KEY, the key of the account.")
        if engine == "syncso" and not self.public_url():
            raise SettingsError("VOD_PROSYNC_ENGINE is 'syncso', which fetches from here and needs VOD_PUBLIC_URL.")
        default, wanted = "https://api.sync.so", "an address such as https://host"
        return {
            "key": key,
            "webhook_secret": self.text("SYNCSO_WEBHOOK_SECRET"),
            "url": self.get("VOD_SYNCSO_URL", default, _web_address, wanted).rstrip("/"),
            "allow_private": self.flag("VOD_SYNCSO_ALLOW_PRIVATE", False),
        }

    def public_url(self) -> str:
        """Where others reach this program, without a slash at its end; "" where that is not said."""
        return self.get("VOD_PUBLIC_URL", "", _web_address, "an address such as https://host").rstrip("/")

    def cdn(self) -> dict[str, str] | None:
        """CloudFront: ``base_url`` without a slash at its end, ``key_pair_id``, ``private_key`` (PEM); None without."""
        names = ("CDN_BASE_URL", "CDN_KEY_PAIR_ID", "CDN_PRIVATE_KEY_PATH")
        missing = [name for name in names if not self.text(name)]
        if len(missing) == len(names):
            return None
        if missing:
            raise SettingsError(f"{' and '.join(missing)} must be set, too: {', '.join(names)} go together.")
        return {
            "base_url": self.get("CDN_BASE_URL", "", _web_address, "an address such as https://host"),
            "key_pair_id": self.text("CDN_KEY_PAIR_ID"),
            "private_key": self.get("CDN_PRIVATE_KEY_PATH", "", _rsa_key, "a readable file with an RSA key in PEM"),
        }

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


def is_open(path: Path) -> bool:
    """Whether others than its owner, and whom an access control list names, may do anything with it."""
    try:
        return bool(stat.S_IMODE(path.stat().st_mode) & _refused(path))
    except FileNotFoundError:
        return False


def keep_private(path: Path) -> None:
    """Take from all others what they may do with a file or folder of ours, whatever it was made with."""
    with contextlib.suppress(FileNotFoundError, PermissionError):  # somebody else's: `doctor` says so
        if is_open(path) and not path.stat().st_mode & stat.S_ISVTX:  # not one for everybody, such as /tmp
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_refused(path))


def _refused(path: Path) -> int:
    """The bits that others must not have. Where a list names somebody, such as nginx, the group's are its mask."""
    has_list = "system.posix_acl_access" in os.listxattr(path)
    return stat.S_IRWXO if has_list else stat.S_IRWXG | stat.S_IRWXO


def _bucket_name(raw: str) -> str:
    """S3's own rule; a name that breaks it is often an address or a path."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]", raw):
        raise ValueError(raw)
    return raw


def _web_address(raw: str) -> str:
    """``http(s)://host[:port][/path]`` without a slash at its end."""
    parts = urlsplit(raw)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(raw)
    _ = parts.port  # raises ValueError
    return raw.rstrip("/")


def _origin(address: str) -> str:
    """Scheme, host and port of an address, as a content security policy names them."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _rsa_key(raw: str) -> str:
    """The text of a PEM file, once it is known to hold an RSA key that can sign without a passphrase."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        pem = Path(raw).expanduser().read_bytes()
        key = load_pem_private_key(pem, password=None)
    except (OSError, UnsupportedAlgorithm) as exc:
        raise ValueError(raw) from exc
    if not isinstance(key, RSAPrivateKey):
        raise TypeError(raw)
    return pem.decode("ascii")


def private_redis_socket(data_dir: Path) -> Path:
    """Where the private Redis listens: in the data folder, or in /tmp where the kernel's 107 bytes would not do."""
    path = data_dir / "run" / "redis.sock"
    if len(os.fsencode(path)) < 100:
        return path
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(f"/tmp/vod-{os.getuid()}-{digest}/redis.sock")


def message_prefix(secret_key: str, redis_url: str, database: str) -> str:
    """What the names of Redis' messages begin with, which know no database number.

    It keeps installations on one server apart, also one that was restored from another's backup: that has its key and
    its ids. database: its name.
    """
    number = urlsplit(redis_url).path or "/0"
    return f"vod-{hashlib.sha256(chr(0).join((secret_key, number, database)).encode()).hexdigest()[:12]}"


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
