"""What every management command of the program shares: ``--data-dir`` in its help, and a polite end."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any, NoReturn

from django.core.management.base import BaseCommand

from vodplatform.settings.variables import PROJECT_ROOT
from vodplatform.version import sentence


class Command(BaseCommand):
    """Base of our commands. ``--data-dir`` is consumed by manage.py before the settings are read."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data-dir", help="where database and made files are; default VOD_DATA_DIR or data/")

    def get_version(self) -> str:
        """Return the program's version for ``COMMAND --version``, not Django's."""
        return sentence()


def manage_argv(*words: str) -> list[str]:
    """Return the command line of ``manage.py WORDS`` for a child process; after `pip install` there is no manage.py."""
    script = PROJECT_ROOT / "manage.py"
    program = [str(script)] if script.exists() else ["-P", "-m", "vodplatform"]
    return [sys.executable, *program, *words]


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
