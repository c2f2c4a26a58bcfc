from __future__ import annotations

import json
import os
import shutil
import tempfile
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from media_app.videos.ingest import limits
from media_app.videos.local import readable_path
from sessions_app.analysis.actors import THUMBNAIL
from sessions_app.analysis.params import PARAMS, Choice, Number
from sessions_app.analysis.pipeline_runner import PIPELINE, child_access, vision_config
from vodplatform.core.formatting import clock
from vodplatform.core.processes.cli_progress import (
    DAY_SECONDS,
    USAGE_EXIT,
    check_output,
    run_with_progress,
    writing_output,
)
from vodplatform.core.processes.commands import Command as BaseCommand

REFUSALS = frozenset({"no_video", "vod_unreadable", "vod_codec_unsupported"})


class AnalysisCommand(BaseCommand):
    """A command that analyses one file in a child process.

    role: ``reel`` or ``preview``, the generated file that ``--output`` saves.
    """

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
                help_text = f"from {kind.least:g} to {kind.most:g}, default {kind.default:g}"
                default = kind.of(kind.default)
                parser.add_argument(option, type=_number(kind), default=default, metavar="N", help=help_text)
        parser.add_argument(
            "-o",
            "--output",
            metavar="MP4",
            type=Path,
            help=f"save the {self.role} to this file; an existing file is replaced",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        source = Path(options["file"])
        if not source.is_file():
            raise CommandError(f"The file {source} does not exist.", returncode=USAGE_EXIT)
        self.before(source, options)
        params = {name: options[name] for name in PARAMS[self.analysis_type]}
        with (
            writing_output(self.stderr, "The results"),
            tempfile.TemporaryDirectory(prefix="vod-analysis-") as folder,
        ):
            path, _ = readable_path(source.resolve(), Path(folder, "copy"))
            result = self._run(path, Path(folder), params, options)
            paths = self.keep(Path(folder), result["files"], options)
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
        """Raise :class:`CommandError` if an output cannot be written."""
        output: Path | None = options["output"]
        if output is not None:
            check_output(output, [source], force=True)

    def keep(self, folder: Path, files: dict[str, str], options: dict[str, Any]) -> dict[str, Any]:
        """Copy the generated files to the requested paths; return the paths for the JSON output."""
        output: Path | None = options["output"]
        made = files.get(self.role)
        if output is not None and made:
            copy_atomically(folder / made, output)
        return {f"{self.role}_path": str(output) if output is not None and made else None}

    def kept_line(self, paths: dict[str, Any]) -> str:
        path = paths[f"{self.role}_path"]
        if not path:
            return f"No {self.role} was created. The summary and the notes above say why."
        return f"The {self.role} was saved as {path}"

    def lines(self, data: dict[str, Any]) -> Iterator[str]:
        raise NotImplementedError

    def _run(self, source: Path, folder: Path, params: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
        request = {
            "op": self.analysis_type, "path": str(source.resolve()), "folder": str(folder), "params": params,
            "threads": settings.CHILD_THREADS, "vision": vision_config(), "saved": None,
        }  # fmt: skip
        return run_with_progress(
            PIPELINE, request, limits=limits(DAY_SECONDS), access=child_access(source.resolve(), folder),
            name="The analysis", refusals=REFUSALS, verbosity=options["verbosity"],
        )  # fmt: skip


def copy_atomically(made: Path, output: Path) -> None:
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(made, part)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def thumbnails(files: dict[str, str]) -> list[str]:
    numbered = [(int(role.removeprefix(THUMBNAIL)), name) for role, name in files.items() if role.startswith(THUMBNAIL)]
    return [name for _, name in sorted(numbered)]


def time_range(found: dict[str, Any]) -> str:
    return f"{clock(found['start_time'])}–{clock(found['end_time'])}"


def _number(kind: Number) -> Callable[[str], float | int]:
    def parse(text: str) -> float | int:
        try:
            value = float(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is not a number") from None
        try:
            return kind.of(value)
        except ValueError as exc:
            raise ArgumentTypeError(str(exc)) from None

    return parse
