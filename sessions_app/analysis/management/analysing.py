"""What the commands ``highlights`` and ``workout`` share: run the child, show how far it is, keep what it made."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from media_app.catalog.taking_in import limits
from sessions_app.analysis.handlers import PIPELINE, THUMBNAIL, vision
from sessions_app.analysis.params import PARAMS, Choice, Number
from sessions_app.analysis.pipelines.words import clock
from vodplatform.base.commands import Command as BaseCommand
from vodplatform.base.process import ChildError, run_child

USAGE_EXIT = 2  # as for a wrong option
REFUSED_EXIT = 3  # nothing can be said of this file
STOPPED_EXIT = 130
# Whoever looks at the bar decides how long is too long.
DAY_SECONDS = 24 * 3600.0
REFUSALS = frozenset({"no_video", "vod_unreadable", "vod_codec_unsupported"})
STOPPED = "Stopped."


class AnalysisCommand(BaseCommand):
    """Base of both commands. analysis_type: what is asked for. role: which of the files it makes ``--output`` keeps."""

    requires_system_checks: list[str] = []
    analysis_type = ""
    role = ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE")
        for name, kind in PARAMS[self.analysis_type].items():
            option = f"--{name.replace('_', '-')}"
            if isinstance(kind, Choice):
                parser.add_argument(option, choices=kind.values, default=kind.default, help=f"default {kind.default}")
            else:
                told = f"from {kind.least:g} to {kind.most:g}, default {kind.default:g}"
                parser.add_argument(option, type=_number(kind), default=kind.of(kind.default), metavar="N", help=told)
        parser.add_argument(
            "-o",
            "--output",
            metavar="MP4",
            type=Path,
            help=f"keep the {self.role} as this file; replaces one that is there",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        source = Path(options["file"])
        if not source.is_file():
            raise CommandError(f"There is no file {source}.", returncode=USAGE_EXIT)
        self.before(source, options)
        params = {name: options[name] for name in PARAMS[self.analysis_type]}
        try:
            with _ended_politely(), tempfile.TemporaryDirectory(prefix="vod-analysis-") as folder:
                result = self._run(source, Path(folder), params, options)
                paths = self.keep(Path(folder), result["files"], options)
        except KeyboardInterrupt:
            self.stderr.write(STOPPED)
            sys.exit(STOPPED_EXIT)
        except OSError as exc:
            raise CommandError(f"What was made could not be written: {exc.strerror or exc}.") from exc
        if options["json"]:
            self.stdout.write(json.dumps({**result["data"], **paths}))
            return
        for line in self.lines(result["data"]):
            self.stdout.write(line)
        for warning in result["data"].get("warnings") or []:
            self.stdout.write(f"Note: {warning}")
        if options["output"]:
            self.stdout.write(self.kept_line(paths))

    def before(self, source: Path, options: dict[str, Any]) -> None:
        """Whether what is to be kept can be, before an hour is spent. Raises :class:`CommandError`."""
        output: Path | None = options["output"]
        if output is None:
            return
        if output.is_dir() or not output.parent.is_dir():
            raise CommandError(
                f"{output} cannot be written: name a file in a folder that exists.", returncode=USAGE_EXIT
            )
        if output.exists() and output.samefile(source):
            raise CommandError("The output would replace the video itself.", returncode=USAGE_EXIT)
        if not os.access(output.parent, os.W_OK):
            raise CommandError(f"{output.parent} cannot be written to.", returncode=USAGE_EXIT)

    def keep(self, folder: Path, files: dict[str, str], options: dict[str, Any]) -> dict[str, Any]:
        """Put what was asked for where it was asked for; what JSON says of it: paths, None for what was not made."""
        output: Path | None = options["output"]
        made = files.get(self.role)
        if output is not None and made:
            put(folder / made, output)
        return {f"{self.role}_path": str(output) if output is not None and made else None}

    def kept_line(self, paths: dict[str, Any]) -> str:
        """What to say of ``--output``."""
        path = paths[f"{self.role}_path"]
        return f"The {self.role} is {path}" if path else f"There is nothing to show: no {self.role} was made."

    def lines(self, data: dict[str, Any]) -> Iterator[str]:
        """What is said of the results on a terminal."""
        raise NotImplementedError

    def _run(self, source: Path, folder: Path, params: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
        """What the pipeline answers: ``{"data", "files"}``."""
        request = {
            "op": self.analysis_type, "path": str(source.resolve()), "folder": str(folder), "params": params,
            "threads": settings.CHILD_THREADS, "vision": vision(), "saved": None,
        }  # fmt: skip
        columns = (
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(), TimeRemainingColumn(),
        )  # fmt: skip
        last: dict[str, Any] = {}
        with Progress(*columns, console=Console(stderr=True)) as progress:
            bar = progress.add_task("Starting", total=100)

            def hear(message: dict[str, Any]) -> None:
                if "progress" in message:
                    progress.update(bar, completed=message["progress"], description=message.get("message", ""))
                elif "checkpoint" not in message:
                    last.update(message)

            try:
                run_child(
                    PIPELINE, stdin=json.dumps(request).encode(), limits=limits(DAY_SECONDS), on_message=hear,
                    keep_messages=False,
                )  # fmt: skip
            except ChildError as exc:
                said = f"\n{exc.stderr}" if exc.stderr and options["verbosity"] > 1 else " See why with -v 2."
                raise CommandError(f"The analysis broke. {exc}{said if exc.stderr else ''}") from exc
        if error := last.get("error"):
            raise CommandError(error["message"], returncode=REFUSED_EXIT if error["type"] in REFUSALS else 1)
        if "result" not in last:
            raise CommandError("The analysis ended without a result.")
        result: dict[str, Any] = last["result"]
        return result


def put(made: Path, output: Path) -> None:
    """Copy a file to where it is wanted, whole or not at all. Raises OSError."""
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(made, part)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def thumbnails(files: dict[str, str]) -> list[str]:
    """The names of the pictures, in the order of what they show."""
    numbered = [(int(role.removeprefix(THUMBNAIL)), name) for role, name in files.items() if role.startswith(THUMBNAIL)]
    return [name for _, name in sorted(numbered)]


def span(found: dict[str, Any]) -> str:
    """``0:52–1:01``."""
    return f"{clock(found['start_time'])}–{clock(found['end_time'])}"


def table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Rows as lines with their cells below each other; the first row names them."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _number(kind: Number) -> Callable[[str], float | int]:
    def parse(text: str) -> float | int:
        try:
            value = float(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is no number") from None
        try:
            return kind.of(value)
        except ValueError as exc:
            raise ArgumentTypeError(str(exc)) from None

    return parse


@contextlib.contextmanager
def _ended_politely() -> Iterator[None]:
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
