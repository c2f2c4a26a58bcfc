"""Helpers of commands in which a child process makes a file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import CommandError, OutputWrapper
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from vodplatform.core.processes.commands import sigterm_as_interrupt
from vodplatform.core.processes.process import Access, ChildError, Limits, run_child

USAGE_EXIT = 2
REFUSED_EXIT = 3  # exit code if an input file cannot be used
STOPPED_EXIT = 130
DAY_SECONDS = 24 * 3600.0  # maximum run time of a child process; long, because users can stop a command


def usage_error(message: str) -> NoReturn:
    raise CommandError(message, returncode=USAGE_EXIT)


def check_output(output: Path, sources: Sequence[Path], *, force: bool) -> None:
    if output.is_dir() or not output.parent.is_dir():
        usage_error(f"{output} cannot be written: name a file in a folder that exists.")
    if output.exists():
        if any(output.samefile(source) for source in sources):
            usage_error("The output file is also an input. Choose another output file.")
        if not force:
            usage_error(f"{output} already exists; use --force to replace it.")
    if not os.access(output.parent, os.W_OK):
        usage_error(f"The folder {output.parent} is not writable.")


@contextmanager
def writing_output(errors: OutputWrapper, what: str = "The video") -> Iterator[None]:
    """Raise ``SystemExit`` if a signal ends the block, and :class:`CommandError` if a write fails.

    ``what`` names the output file in the error message.
    """
    try:
        with sigterm_as_interrupt():
            yield
    except KeyboardInterrupt:
        errors.write("Stopped.")
        sys.exit(STOPPED_EXIT)
    except OSError as exc:
        raise CommandError(f"{what} could not be written: {exc.strerror or exc}.") from exc


def run_with_progress(
    argv: Sequence[str], request: dict[str, Any], *, limits: Limits, access: Access, name: str,
    refusals: Collection[str], verbosity: int,
) -> dict[str, Any]:  # fmt: skip
    """Run a child process with a progress bar; return its result. Raises :class:`CommandError`.

    ``name`` names the work, such as ``The merge``. ``refusals`` are the error types of unusable input files. With a
    ``verbosity`` of 2 or more, a failed process's standard error is shown.
    """
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn(),
        TimeRemainingColumn(),
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
                argv, stdin=json.dumps(request).encode(), limits=limits, on_message=hear, keeps=lambda message: False,
                access=access,
            )  # fmt: skip
        except ChildError as exc:
            said = f"\n{exc.stderr}" if exc.stderr and verbosity > 1 else " Use -v 2 for details."
            raise CommandError(f"{name} failed. {exc}{said if exc.stderr else ''}") from exc
    if error := last.get("error"):
        code = {"bad_request": USAGE_EXIT}.get(error["type"], REFUSED_EXIT if error["type"] in refusals else 1)
        raise CommandError(error["message"], returncode=code)
    if "result" not in last:
        raise CommandError(f"{name} ended without a result.")
    result: dict[str, Any] = last["result"]
    return result


def table(rows: Sequence[Sequence[str]], *, numbers_from: int | None = None) -> list[str]:
    """Return a table as aligned lines of text. Columns from the index ``numbers_from`` on are right-aligned."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def cell(text: str, column: int) -> str:
        is_number = numbers_from is not None and column >= numbers_from
        return text.rjust(widths[column]) if is_number else text.ljust(widths[column])

    return ["  ".join(cell(text, column) for column, text in enumerate(row)).rstrip() for row in rows]
