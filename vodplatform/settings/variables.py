"""All environment variables: default, accepted values and purpose. Independent of Django.

docs/reference/settings.md is generated from :data:`VARIABLES`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PROJECT_ROOT = Path(__file__).resolve().parents[2]
# Templates and static files after `pip install` (see setup.py).
_SHARE = PROJECT_ROOT / "vodplatform" / "share"
IS_INSTALLED = _SHARE.is_dir()
RESOURCES = _SHARE if IS_INSTALLED else PROJECT_ROOT
DATA_DIR = Path("~/.local/share/vodplatform") if IS_INSTALLED else PROJECT_ROOT / "data"
CACHE_DIR = Path("~/.cache/vodplatform").expanduser() if IS_INSTALLED else PROJECT_ROOT / ".cache"


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable.

    default: value if unset or empty. convert: raises ValueError or TypeError for a wrong text. accepts: completes the
    sentence "it must be". shown: default in words, if the value does not explain itself.
    """

    name: str
    default: Any
    convert: Callable[[str], Any]
    accepts: str
    help: str
    shown: str = ""


def _text(name: str, help: str, default: str = "", *, shown: str = "") -> Variable:
    return Variable(name, default, str, "text", help, shown or default or "none")


def _flag(name: str, default: bool, help: str, *, on: str = "1", off: str = "0") -> Variable:
    known = {"1": True, "true": True, "on": True, "yes": True, "0": False, "false": False, "off": False, "no": False}

    def convert(raw: str) -> bool:
        if raw.lower() not in known:
            raise ValueError(raw)
        return known[raw.lower()]

    return Variable(name, default, convert, f"{on} or {off}", help, on if default else off)


def _number(name: str, default: float, low: float, high: float, help: str) -> Variable:
    def convert(raw: str) -> float:
        value = float(raw)
        if not low <= value <= high:
            raise ValueError(raw)
        return value

    return Variable(name, float(default), convert, f"a number from {low:g} to {high:g}", help, f"{default:g}")


def _integer(name: str, default: int, low: int, high: int, help: str) -> Variable:
    def convert(raw: str) -> int:
        value = int(raw)
        if not low <= value <= high:
            raise ValueError(raw)
        return value

    return Variable(name, default, convert, f"a whole number from {low} to {high}", help, str(default))


def _choice(name: str, options: tuple[str, ...], default: str, help: str) -> Variable:
    def convert(raw: str) -> str:
        if raw not in options:
            raise ValueError(raw)
        return raw

    return Variable(name, default, convert, "one of " + ", ".join(options), help, default)


def _names(name: str, default: tuple[str, ...], help: str) -> Variable:
    def convert(raw: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in raw.split(",") if part.strip())

    return Variable(name, default, convert, "names separated by commas", help, ",".join(default) or "none")


def _address(name: str, help: str, default: str = "", *, shown: str = "", accepts: str = "https://host") -> Variable:
    return Variable(name, default, web_address, f"an address such as {accepts}", help, shown or default or "none")


def web_address(raw: str) -> str:
    """Return ``http(s)://host[:port][/path]`` without a trailing slash, or raise ``ValueError``."""
    parts = urlsplit(raw)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(raw)
    _ = parts.port  # raises ValueError
    return raw.rstrip("/")


def _line_counts(raw: str) -> tuple[int, ...]:
    found = () if raw.lower() == "none" else tuple(int(part) for part in raw.split(","))
    if any(not 0 < number < 1 << 15 for number in found):
        raise ValueError(raw)
    return found


def _absolute_path(raw: str) -> Path:
    path = Path(raw).expanduser()
    if not path.is_absolute():
        raise ValueError(raw)
    return path


def _location_prefix(raw: str) -> str:
    if not re.fullmatch(r"/([A-Za-z0-9_-]+/)+", raw):
        raise ValueError(raw)
    return raw


def _socket_or_host(raw: str) -> str | tuple[str, int]:
    return raw if raw.startswith("/") else _host_and_port(raw)


def _host_and_port(raw: str) -> tuple[str, int]:
    host, colon, port = raw.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and "/" not in raw and 0 < int(port) < 65536):
        raise ValueError(raw)
    return host, int(port)


def _bucket_name(raw: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]", raw):
        raise ValueError(raw)
    return raw


def _rsa_key(raw: str) -> str:
    """Return the text of a PEM file with an unencrypted RSA private key."""
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


VARIABLES: list[Variable] = [
    _text("SECRET_KEY", "Signs cookies and URLs; required in production.", shown="made once in the data folder"),
    _names(
        "SECRET_KEY_FALLBACKS", (),
        "Former values of SECRET_KEY: what was signed with them stays valid until it expires.",
    ),
    _names("ALLOWED_HOSTS", ("127.0.0.1", "localhost", "[::1]"), "Host names that the program answers to."),
    _text("DATABASE_URL", "`postgres://user:password@host:port/name`.", shown="SQLite in the data folder"),
    _text(
        "REDIS_URL",
        "Broker and realtime: `redis://host:port/number`, or its sentinels, "
        "`redis+sentinel://:password@host:port,host:port/service/number`.",
        shown="a private Redis started by `up`",
    ),
    Variable(
        "VOD_DATA_DIR", DATA_DIR, Path, "a folder",
        "Database, sockets, logs and made files.",
        "`data/` in the project; after `pip install`, `~/.local/share/vodplatform`",
    ),
    _text(
        "VOD_LIBRARY_ROOTS",
        "Folders whose videos may be compared by path, separated by `:`; each `PATH` for staff or "
        "`PATH=group+group` for those Django groups (and admins).",
    ),
    _flag("VOD_MULTI_VOD_ENABLED", True, "0 switches comparison sessions off (404 `feature_disabled`)."),
    _integer("VOD_MULTI_VOD_MAX_SESSIONS_CACHED", 20, 0, 100_000, "Sessions whose VODs each process keeps in memory."),
    _integer(
        "VOD_MULTI_VOD_MAX_EVENTS_MB", 32, 1, 1024,
        "Size of the events of one comparison, with drawings and replies; it counts towards the owner's storage.",
    ),
    _number("VOD_MULTI_VOD_AUTO_SAVE_INTERVAL_SECONDS", 5.0, 0.1, 3600, "How often a playing position is persisted."),
    _choice(
        "VOD_TIMER_READER", ("rapidocr", "easyocr"), "rapidocr",
        "What reads timers: `rapidocr`, or `easyocr` after `make easyocr`.",
    ),
    Variable(
        "VOD_EASYOCR_MODELS", None, _absolute_path, "the absolute path of a folder",
        "The folder with EasyOCR's weights, `english_g2.pth`; `easyocr` needs it.", "none",
    ),
    _integer("VOD_ALIGN_CONCURRENCY", 2, 1, 1000, "Alignments that run at once, times the number of hosts."),
    _integer("VOD_ANALYSIS_CONCURRENCY", 2, 1, 1000, "Analyses that run at once, times the number of hosts."),
    _number("VOD_SESSION_TTL_HOURS", 24, 0.001, 24 * 365, "Hours after which an analysis and its files are deleted."),
    _text(
        "VOD_VISION_URL",
        "An OpenAI-compatible endpoint whose model describes highlights, `http://host:port/v1`; with VOD_VISION_MODEL.",
    ),
    _text("VOD_VISION_MODEL", "The model's name there, as `SmolVLM2-2.2B-Instruct`."),
    _text("VOD_VISION_KEY", "The key that the endpoint asks for."),
    _number("VOD_VISION_SECONDS", 60, 1, 3600, "Seconds for one answer of the model."),
    _integer("VOD_VISION_CALLS", 40, 1, 10_000, "Calls of the model for one analysis."),
    _flag("VOD_VISION_ALLOW_PRIVATE", False, "1: the endpoint may be on this machine or a private network."),
    _integer("VOD_INGEST_CONCURRENCY", 2, 1, 1000, "Videos that are taken in at once, times the number of hosts."),
    _integer("VOD_MERGE_CONCURRENCY", 4, 1, 1000, "Merges of clips that run at once, times the number of hosts."),
    _choice(
        "VOD_PROSYNC_ENGINE", ("local", "syncso"), "local",
        "What replaces speech: `local`, this machine, or `syncso`, sync.so.",
    ),
    _text("SYNCSO_API_KEY", "The key of the account at sync.so; the engine `syncso` needs it."),
    _text("SYNCSO_WEBHOOK_SECRET", "What its webhooks are signed with; without it the program only asks."),
    _address("VOD_SYNCSO_URL", "Where its API is.", "https://api.sync.so"),
    _flag("VOD_SYNCSO_ALLOW_PRIVATE", False, "1: it and its results may be on this machine or a private network."),
    _address("VOD_PUBLIC_URL", "Where others reach this program; `syncso` fetches from there."),
    _integer("VOD_PROSYNC_CONCURRENCY", 2, 1, 1000, "Pro jobs that run at once, times the number of hosts."),
    _integer("VOD_PROSYNC_MAX_AUDIO_SIZE", 104_857_600, 1, 1 << 32, "Bytes of one sound of a pro job."),
    _integer("VOD_RENDER_CONCURRENCY", 1, 1, 1000, "Renditions that are encoded at once, times the number of hosts."),
    Variable(
        "VOD_HLS_RUNGS", (720, 480), _line_counts, "whole numbers separated by commas, or none",
        "Lines of the smaller HLS renditions, never more than the source.", "720,480",
    ),
    _number("VOD_MAX_VIDEO_HOURS", 12, 0.01, 1000, "Longer uploads are refused."),
    _flag("VOD_PUBLIC_CATALOG", True, "Whether people who are not signed in may read the catalogue."),
    _integer(
        "VOD_MAX_VIDEO_SIZE", 52_428_800, 1, 1 << 40,
        "Bytes of a video that the catalogue's own upload door takes.",
    ),
    _integer("VOD_MAX_THUMBNAIL_SIZE", 5_242_880, 1, 1 << 30, "Bytes of a thumbnail."),
    _number(
        "VOD_BIN_DAYS", 14, 0, 3650, "Days after which a video in the bin is deleted for good; 0 disables the bin."
    ),
    _number("VOD_EXPORT_TTL_HOURS", 168, 0.001, 24 * 365, "Hours after which an exported video is deleted."),
    _number("VOD_UPLOAD_TTL_HOURS", 24, 0.01, 24 * 365, "Hours after which an unfinished upload expires."),
    _integer("VOD_DISK_RESERVE_MB", 512, 0, 1 << 20, "Room on the disk that uploads and jobs leave free."),
    _number(
        "VOD_UNREFERENCED_HOURS", 24, 0, 24 * 365,
        "Hours for which nothing must point at a stored file before it is deleted.",
    ),
    _number("VOD_AUDIT_RETENTION_DAYS", 365, 1, 36_500, "Days after which an entry of the audit log is deleted."),
    _number("VOD_JOB_RETENTION_DAYS", 30, 1, 36_500, "Days after which a finished job that nothing shows is deleted."),
    _number("VOD_JOB_STALL_SECONDS", 120, 1, 86_400, "Seconds without any progress after which a running job fails."),
    _integer("VOD_CHILD_MEMORY_MB", 2048, 128, 1 << 20, "Memory of one helper process."),
    _integer("VOD_CHILD_THREADS", 2, 1, 256, "Threads of one helper process."),
    _number("VOD_CHILD_SECONDS", 300, 1, 86_400, "Wall clock of one helper process; jobs that must run longer say so."),
    _integer("VOD_SIGNED_URL_SECONDS", 7200, 60, 86_400, "How long a signed media URL lives."),
    Variable(
        "VOD_X_ACCEL_PREFIX", "", _location_prefix, "a path such as /_media/",
        "nginx sends local files itself: where its internal locations begin, `/_media/` in `deploy/nginx.conf`.",
        "none",
    ),
    Variable(
        "VOD_CLAMD", None, _socket_or_host, "the absolute path of a Unix socket, or host:port",
        "Scans uploads: where ClamAV's clamd listens. Set and not answering, uploads wait.", "none",
    ),
    Variable(
        "AWS_STORAGE_BUCKET_NAME", "", _bucket_name, "a bucket's name",
        "Keeps files in this S3 bucket instead of the data folder.", "none",
    ),
    _address(
        "AWS_S3_ENDPOINT_URL",
        "Another S3 server; its buckets go by path.", shown="Amazon's", accepts="https://host:port",
    ),
    _address(
        "AWS_S3_PUBLIC_ENDPOINT_URL",
        "Where players reach that server, if not at the address before.", shown="that one", accepts="https://host:port",
    ),
    _flag("AWS_S3_CORS", False, "1: the bucket lets this site's pages in (CORS); uploads and HLS go straight to it."),
    _text("AWS_S3_REGION_NAME", "The bucket's region.", "us-east-1"),
    _text("AWS_ACCESS_KEY_ID", "S3 credentials; without them the host's role is used.", shown="what boto3 finds"),
    _text("AWS_SECRET_ACCESS_KEY", "The other half of the S3 credentials.", shown="what boto3 finds"),
    _address("CDN_BASE_URL", "Where CloudFront serves the bucket; needs the two below."),
    _text("CDN_KEY_PAIR_ID", "The public key's id at CloudFront."),
    Variable(
        "CDN_PRIVATE_KEY_PATH", "", _rsa_key, "a readable file with an RSA key in PEM",
        "The file with its private key, without a passphrase; signs the CDN's URLs.", "none",
    ),
    _flag("VOD_SIGNUP", True, "0 lets nobody sign up; accounts are then made by `create_account` and admins."),
    _integer("VOD_SOCKETS_AT_ONCE", 100, 1, 100_000, "WebSockets of one account, or one network, in a web process."),
    _flag("VOD_SIGNUP_CONFIRM", False, "1: an account is made once its e-mail address is confirmed by a link."),
    _text(
        "VOD_EMAIL_URL",
        "The mail server: `smtp://host`, `smtps://…` (TLS) or `submission://user:password@host:port` (STARTTLS).",
    ),
    _text("VOD_EMAIL_FROM", "Sender of e-mails; VOD_SIGNUP_CONFIRM and new passwords need both and VOD_PUBLIC_URL."),
    _integer("VOD_JWT_ACCESS_MINUTES", 15, 1, 1440, "How long a JWT signs in."),
    _integer("VOD_JWT_REFRESH_DAYS", 7, 1, 365, "How long a JWT can be renewed."),
    _integer("VOD_SIGNUPS_PER_HOUR", 5, 1, 100_000, "How many accounts may be made from one address in an hour."),
    _flag(
        "VOD_THROTTLES", True,
        "`off` lifts the limits on how often one may sign in and ask; for tests.", on="on", off="off",
    ),
    _choice(
        "VOD_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO",
        "The least severe messages that are logged.",
    ),
    Variable(
        "VOD_METRICS_ADDRESS", None, _host_and_port, "host:port",
        "Where one process of a host that has no web process answers `/metrics`, to anybody who can reach it.", "none",
    ),
    _number(
        "VOD_DRAIN_SECONDS", 0, 0, 600,
        "How long a web process that is to end goes on serving while `/health/ready` says that it is not ready.",
    ),
    _text("VOD_METRICS_TOKEN", "Lets a scraper read `/metrics` as `Bearer`; 16 characters or more, without spaces."),
    _text("SENTRY_DSN", "Reports faults to Sentry; needs `requirements/production.txt`."),
    _text("VOD_DEMO_ACCOUNT", "Set by `make demo`: whose newest comparison `/` opens. Loopback only."),
]  # fmt: skip

BY_NAME = {variable.name: variable for variable in VARIABLES}
