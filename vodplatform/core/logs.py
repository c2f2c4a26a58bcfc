"""JSON log lines with the ids of request, user and job."""

import logging
import re
import socket
import threading
import time
from contextvars import ContextVar
from datetime import UTC, datetime

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter as BaseJsonFormatter

request_id: ContextVar[str] = ContextVar("request_id", default="")
user_id: ContextVar[str] = ContextVar("user_id", default="")
job_id: ContextVar[str] = ContextVar("job_id", default="")
address: ContextVar[str] = ContextVar("address", default="")
_events = logging.getLogger("vodplatform.event")


class ContextFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        record.user = user_id.get()
        record.job = job_id.get()
        return True


class JsonFormatter(BaseJsonFormatter):
    def __init__(self, version: str = "", commit: str = "") -> None:
        super().__init__(
            "{asctime}{levelname}{name}{message}{request_id}{user}{job}",
            style="{",
            rename_fields={"asctime": "at", "levelname": "level", "name": "logger", "message": "event"},
            # Omit the request, which Django adds: it contains the query string and maybe secrets.
            reserved_attrs=[*RESERVED_ATTRS, "request", "status_code"],
            static_fields={"host": socket.gethostname(), "version": version, "commit": commit},
        )

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


SECRETS = re.compile(
    r"(?P<token>\bvod_)[A-Za-z0-9_-]{20,}"
    r"|(?P<jwt>(?<![A-Za-z0-9_-])eyJ)[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
    r"|(?P<scheme>\b(?:token|bearer|basic) +)[A-Za-z0-9._~+/=-]{16,}"
    r"|(?P<field>\b(?:sig|signature|security-token|grant|ticket|password|sessionid|link-[\w-]{1,64}|csrftoken"
    r"|csrfmiddlewaretoken)=)[^&;\s\"'\\]+"
    r"|(?P<address>/media/(?:hls|renditions)/)[0-9a-f]{1,12}\.[A-Za-z0-9_=-]+"
    # Tokens in paths, for example of sign-up links: Django logs the paths of refused requests.
    r"|(?P<link>/(?:r|signup/confirm|login/new-password/[^/\s]{1,200})/)[A-Za-z0-9_-]{20,}"
    r"|(?P<login>://[^/\s:@\"]*:)[^/\s@\"]+(?=@)",
    re.IGNORECASE,
)
# SECRETS matches only texts with one of these strings, and searching for these is 40 times faster.
HINTS = ("=", "://", "/media/", "/r/", "/signup/", "/login/", "vod_", "eyj", "token ", "bearer ", "basic ")


def without_secrets(text: str) -> str:
    lower = text.lower()
    if not any(hint in lower for hint in HINTS):
        return text
    return SECRETS.sub(lambda found: (found[found.lastgroup] if found.lastgroup else "") + "***", text)


def event(name: str, *, level: int = logging.INFO, **data: object) -> None:
    if _events.isEnabledFor(level):
        # Logger.info() would spend half of its time on finding the calling source line.
        record = logging.LogRecord(_events.name, level, "", 0, name, None, None)
        record.data = data
        _events.handle(record)


class RateLimitedLogger:
    """A logger for frequent faults. It writes at most one line per ``seconds``, with the number of faults."""

    def __init__(self, logger: logging.Logger, event: str, seconds: float = 10.0) -> None:
        self._logger = logger
        self._event = event
        self._seconds = seconds
        self._lock = threading.Lock()
        self._count = 0
        self._next = 0.0

    def warning(self, **data: object) -> None:
        with self._lock:
            self._count += 1
            now = time.monotonic()
            if now < self._next:
                return
            count, self._count, self._next = self._count, 0, now + self._seconds
        self._logger.warning(self._event, extra={"data": {**data, "count": count}})
