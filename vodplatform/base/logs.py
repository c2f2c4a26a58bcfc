"""JSON lines with the request, the user and the job they belong to; no configuration of its own."""

import logging
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter as BaseJsonFormatter

request_id: ContextVar[str] = ContextVar("request_id", default="")
user_id: ContextVar[str] = ContextVar("user_id", default="")
job_id: ContextVar[str] = ContextVar("job_id", default="")


class ContextFilter(logging.Filter):
    """Puts request_id, user and job on every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        record.user = user_id.get()
        record.job = job_id.get()
        return True


class JsonFormatter(BaseJsonFormatter):
    """One JSON object a line: when, level, logger, event, ids, and ``data`` where given."""

    def __init__(self) -> None:
        super().__init__(
            "{asctime}{levelname}{name}{message}{request_id}{user}{job}",
            style="{",
            rename_fields={"asctime": "at", "levelname": "level", "name": "logger", "message": "event"},
        )


def event(name: str, **data: object) -> None:
    """Log one named event with its data."""
    logging.getLogger("vodplatform.event").info(name, extra={"data": data})
