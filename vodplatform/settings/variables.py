"""All environment variables, with default, accepted values and purpose. This module does not import Django.

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
# Folder with templates and static files in an installed package, made by setup.py.
_SHARE = PROJECT_ROOT / "vodplatform" / "share"
IS_INSTALLED = _SHARE.is_dir()
RESOURCES = _SHARE if IS_INSTALLED else PROJECT_ROOT
DATA_DIR = Path("~/.local/share/vodplatform") if IS_INSTALLED else PROJECT_ROOT / "data"
CACHE_DIR = Path("~/.cache/vodplatform").expanduser() if IS_INSTALLED else PROJECT_ROOT / ".cache"


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable.

    - default: value of an unset or empty variable.
    - convert: function that converts a text, or raises ValueError or TypeError.
    - accepts: words after "it must be" in the error message.
    - shown: default in words, if the value does not explain itself.
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
    _ = parts.port
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
    _text("SECRET_KEY", "Signs cookies and URLs; required in production.", shown="generated once in the data folder"),
    _names(
        "SECRET_KEY_FALLBACKS", (),
        "Former values of SECRET_KEY. Cookies and URLs signed with these keys stay valid until they expire.",
    ),
    _names("ALLOWED_HOSTS", ("127.0.0.1", "localhost", "[::1]"), "Host names at which the program answers requests."),
    _text("DATABASE_URL", "Address of the database: `postgres://user:password@host:port/name`.", shown="SQLite in "
        "the data folder"),
    _text(
        "REDIS_URL",
        "Address of Redis: `redis://host:port/db`. With Redis Sentinel: "
        "`redis+sentinel://:password@host:port,host:port/service/db`.",
        shown="a private Redis started by `up`",
    ),
    Variable(
        "VOD_DATA_DIR", DATA_DIR, Path, "a folder",
        "Folder of the database, sockets, logs and stored files.",
        "`data/` in the project; after `pip install`, `~/.local/share/vodplatform`",
    ),
    _text(
        "VOD_LIBRARY_ROOTS",
        "Library folders, separated by `:`. Users can compare the videos in these folders without uploading them. "
        "Write `/folder` for admins and moderators, or `/folder=group+group` for admins and members of these Django "
        "groups.",
    ),
    _flag("VOD_MULTI_VOD_ENABLED", True, "0 disables comparison sessions (404 `feature_disabled`)."),
    _integer(
        "VOD_MULTI_VOD_MAX_SESSIONS_CACHED", 20, 0, 100_000,
        "Maximum number of comparisons for which each process caches the list of VODs in memory.",
    ),
    _integer(
        "VOD_MULTI_VOD_MAX_EVENTS_MB", 32, 1, 1024,
        "Maximum total size of one comparison's events in MB, including drawings and replies. Events count towards "
        "the owner's storage.",
    ),
    _number("VOD_MULTI_VOD_AUTO_SAVE_INTERVAL_SECONDS", 5.0, 0.1, 3600, "Seconds between two "
        "saves of a comparison's position while it plays."),
    _choice(
        "VOD_TIMER_READER", ("rapidocr", "easyocr"), "rapidocr",
        "Library that reads timers: `rapidocr`, or `easyocr`, which `make easyocr` installs.",
    ),
    Variable(
        "VOD_EASYOCR_MODELS", None, _absolute_path, "the absolute path of a folder",
        "Folder with EasyOCR's weights (`english_g2.pth`); required by `easyocr`.", "none",
    ),
    _integer(
        "VOD_ALIGN_CONCURRENCY", 2, 1, 1000,
        "Maximum number of concurrent alignments, per host. All hosts share the sum of these limits, so a "
        "single host may exceed its own limit.",
    ),
    _integer(
        "VOD_ANALYSIS_CONCURRENCY", 2, 1, 1000,
        "Maximum number of concurrent analyses, per host. All hosts share the sum of these limits, so a "
        "single host may exceed its own limit.",
    ),
    _number("VOD_SESSION_TTL_HOURS", 24, 0.001, 24 * 365, "Hours after which an analysis and its files are deleted."),
    _text(
        "VOD_VISION_URL",
        "OpenAI-compatible endpoint of a vision model for highlights, such as `http://host:port/v1`. Requires "
        "VOD_VISION_MODEL.",
    ),
    _text("VOD_VISION_MODEL", "Name of the vision model, such as `SmolVLM2-2.2B-Instruct`."),
    _text("VOD_VISION_KEY", "API key of the vision endpoint."),
    _number("VOD_VISION_SECONDS", 60, 1, 3600, "Timeout of one call to the vision model, in seconds."),
    _integer("VOD_VISION_CALLS", 40, 1, 10_000, "Maximum number of calls to the vision model per analysis."),
    _flag("VOD_VISION_ALLOW_PRIVATE", False, "1 allows a vision endpoint on this machine or in a private network."),
    _integer(
        "VOD_INGEST_CONCURRENCY", 2, 1, 1000,
        "Maximum number of concurrent ingests of videos, per host. All hosts share the sum of these limits, so a "
        "single host may exceed its own limit.",
    ),
    _integer(
        "VOD_MERGE_CONCURRENCY", 4, 1, 1000,
        "Maximum number of concurrent merges of clips, per host. All hosts share the sum of these limits, so a "
        "single host may exceed its own limit.",
    ),
    _choice(
        "VOD_PROSYNC_ENGINE", ("local", "syncso"), "local",
        "Engine that replaces speech: `local` (this machine) or `syncso` (sync.so).",
    ),
    _text("SYNCSO_API_KEY", "API key of your sync.so account, required by the engine `syncso`."),
    _text("SYNCSO_WEBHOOK_SECRET", "Secret that signs sync.so's webhooks. Without this secret, the program polls "
        "sync.so."),
    _address("VOD_SYNCSO_URL", "URL of sync.so's API.", "https://api.sync.so"),
    _flag("VOD_SYNCSO_ALLOW_PRIVATE", False, "1 allows the API and the result files of sync.so to be on "
        "this machine or in a private network."),
    _address("VOD_PUBLIC_URL", "Public URL of this program, for example for links in e-mails and for downloads by "
        "sync.so."),
    _integer(
        "VOD_PROSYNC_CONCURRENCY", 2, 1, 1000,
        "Maximum number of concurrent Pro segments jobs, per host. All hosts share the sum of these limits, so a "
        "single host may exceed its own limit.",
    ),
    _integer(
        "VOD_PROSYNC_MAX_AUDIO_SIZE", 104_857_600, 1, 1 << 32,
        "Maximum size of an uploaded audio file for Pro segments, in bytes.",
    ),
    _integer(
        "VOD_RENDER_CONCURRENCY", 1, 1, 1000,
        "Maximum number of concurrent encodes of renditions, per host. All hosts share the sum of these limits, so a "
        "single host may exceed its own limit.",
    ),
    Variable(
        "VOD_HLS_RUNGS", (720, 480), _line_counts, "whole numbers separated by commas, or none",
        "Heights of the smaller HLS renditions, in pixels. Only heights below the height of the source are used.",
        "720,480",
    ),
    _number("VOD_MAX_VIDEO_HOURS", 12, 0.01, 1000, "Maximum length of an uploaded video, in hours."),
    _flag("VOD_PUBLIC_CATALOG", True, "1 lets people without an account view the catalogue."),
    _integer(
        "VOD_MAX_VIDEO_SIZE", 52_428_800, 1, 1 << 40,
        "Maximum size of a video sent to the catalogue's upload endpoint, in bytes.",
    ),
    _integer("VOD_MAX_THUMBNAIL_SIZE", 5_242_880, 1, 1 << 30, "Maximum size of a thumbnail, in bytes."),
    _number(
        "VOD_BIN_DAYS", 14, 0, 3650, "Days after which a video in the bin is deleted for good; 0 disables the bin."
    ),
    _number("VOD_EXPORT_TTL_HOURS", 168, 0.001, 24 * 365, "Hours after which an exported video is deleted."),
    _number("VOD_UPLOAD_TTL_HOURS", 24, 0.01, 24 * 365, "Hours after which an unfinished upload expires."),
    _integer("VOD_DISK_RESERVE_MB", 512, 0, 1 << 20, "Minimum free disk space in MB. With less, uploads are refused "
        "and jobs wait."),
    _number(
        "VOD_UNREFERENCED_HOURS", 24, 0, 24 * 365,
        "Hours after which a stored file that no database row refers to is deleted.",
    ),
    _number("VOD_AUDIT_RETENTION_DAYS", 365, 1, 36_500, "Days after which an entry of the audit log is deleted."),
    _number("VOD_JOB_RETENTION_DAYS", 30, 1, 36_500, "Days after which a finished job is deleted, unless another "
        "object, such as a comparison, still needs it."),
    _number("VOD_JOB_STALL_SECONDS", 120, 1, 86_400, "Seconds without any progress after which a running job fails."),
    _integer("VOD_CHILD_MEMORY_MB", 2048, 128, 1 << 20, "Maximum memory of one helper process, in MB."),
    _integer("VOD_CHILD_THREADS", 2, 1, 256, "Maximum number of threads of one helper process, such as ffmpeg."),
    _number("VOD_CHILD_SECONDS", 300, 1, 86_400, "Maximum run time of one helper process, in seconds. Long jobs "
        "set their own limit."),
    _integer("VOD_SIGNED_URL_SECONDS", 7200, 60, 86_400, "Seconds for which a signed media URL is valid."),
    Variable(
        "VOD_X_ACCEL_PREFIX", "", _location_prefix, "a path such as /_media/",
        "Prefix of nginx's internal locations. If set, nginx sends local files. `deploy/nginx.conf` uses `/_media/`.",
        "none",
    ),
    Variable(
        "VOD_CLAMD", None, _socket_or_host, "the absolute path of a Unix socket, or host:port",
        "Address of ClamAV's clamd, which scans uploads. If clamd does not answer, uploads wait.", "none",
    ),
    Variable(
        "AWS_STORAGE_BUCKET_NAME", "", _bucket_name, "a bucket's name",
        "S3 bucket that stores the files instead of the data folder.", "none",
    ),
    _address(
        "AWS_S3_ENDPOINT_URL",
        "Address of an S3 server other than Amazon's, without the bucket. The program adds the bucket's name to the "
        "path.",
        shown="Amazon's", accepts="https://host:port",
    ),
    _address(
        "AWS_S3_PUBLIC_ENDPOINT_URL",
        "Address of the S3 server for browsers, if it differs from AWS_S3_ENDPOINT_URL.", shown="AWS_S3_ENDPOINT_URL",
        accepts="https://host:port",
    ),
    _flag("AWS_S3_CORS", False,
        "Set to 1 if the bucket's CORS rules allow this site's pages. Browsers then upload to the bucket and play HLS "
        "from the bucket directly."),
    _text("AWS_S3_REGION_NAME", "The bucket's region.", "us-east-1"),
    _text("AWS_ACCESS_KEY_ID", "S3 access key. If empty, boto3 looks for credentials, such as the role of the host.",
        shown="the credentials that boto3 finds"),
    _text("AWS_SECRET_ACCESS_KEY", "Secret key of AWS_ACCESS_KEY_ID.", shown="the credentials that boto3 finds"),
    _address("CDN_BASE_URL", "URL at which CloudFront serves the bucket; requires CDN_KEY_PAIR_ID and "
        "CDN_PRIVATE_KEY_PATH."),
    _text("CDN_KEY_PAIR_ID", "ID of the public key at CloudFront."),
    Variable(
        "CDN_PRIVATE_KEY_PATH", "", _rsa_key, "a readable file with an RSA key in PEM",
        "File with the private key of CDN_KEY_PAIR_ID, without a passphrase. The key signs the CDN's URLs.", "none",
    ),
    _flag("VOD_SIGNUP", True, "0 disables sign-up. Only `create_account` and admins then create accounts."),
    _integer("VOD_SOCKETS_AT_ONCE", 100, 1, 100_000, "Maximum open WebSockets of one account in each web process. "
        "Clients without an account are counted by network address."),
    _flag("VOD_SIGNUP_CONFIRM", False, "1 creates an account only after its user has confirmed the e-mail address "
        "through a link."),
    _text(
        "VOD_EMAIL_URL",
        "The mail server: `smtp://host`, `smtps://…` (TLS) or `submission://user:password@host:port` (STARTTLS).",
    ),
    _text("VOD_EMAIL_FROM", "Sender address of the e-mails that confirm sign-ups and reset passwords. "
        "E-mails also need VOD_EMAIL_URL and VOD_PUBLIC_URL."),
    _integer("VOD_JWT_ACCESS_MINUTES", 15, 1, 1440, "Minutes for which a JWT is valid."),
    _integer("VOD_JWT_REFRESH_DAYS", 7, 1, 365, "Days for which a JWT can be renewed."),
    _integer("VOD_SIGNUPS_PER_HOUR", 5, 1, 100_000, "Maximum sign-ups per hour from one IP address."),
    _flag(
        "VOD_THROTTLES", True,
        "`off` disables the rate limits of sign-ins and requests. Use it only for tests.", on="on", off="off",
    ),
    _choice(
        "VOD_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO",
        "Lowest level of logged messages.",
    ),
    Variable(
        "VOD_METRICS_ADDRESS", None, _host_and_port, "host:port",
        "Address at which a host without a web process serves `/metrics`, without authentication.", "none",
    ),
    _number(
        "VOD_DRAIN_SECONDS", 0, 0, 600,
        "Seconds for which a web process still serves requests after SIGTERM. Meanwhile, `/health/ready` answers 503.",
    ),
    _text("VOD_METRICS_TOKEN", "Bearer token for reading `/metrics`; at least 16 characters, without spaces."),
    _text("SENTRY_DSN", "Address (DSN) to which the program reports errors in Sentry. Requires the packages of "
        "`requirements/production.txt`."),
    _text(
        "VOD_DEMO_ACCOUNT",
        "Account of the demo, set by `make demo`. The page `/` signs visitors in as this account and opens its "
        "newest comparison. The demo works only on this machine (loopback).",
    ),
]  # fmt: skip

BY_NAME = {variable.name: variable for variable in VARIABLES}
