"""What every management command of the program shares: ``--data-dir`` in its help, and a polite end."""

from __future__ import annotations

import contextlib
import signal
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any, NoReturn

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Base of our commands. ``--data-dir`` is consumed by manage.py before the settings are read."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data-dir", help="where database and made files are; default VOD_DATA_DIR or data/")


@contextlib.contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """SIGTERM and SIGHUP end as Ctrl-C does: the child goes, and what it made."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: Any) -> NoReturn:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
