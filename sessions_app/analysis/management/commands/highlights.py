from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from sessions_app.analysis.management.analysing import AnalysisCommand, copy_atomically, thumbnails, time_range
from sessions_app.analysis.models import AnalysisType
from vodplatform.core.processes.cli_progress import USAGE_EXIT, table


class Command(AnalysisCommand):
    help = "Find the highlights of a video and cut them into a reel. Exits with 3 if the file is not a video."
    analysis_type = str(AnalysisType.HIGHLIGHTS)
    role = "reel"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--thumbnails", metavar="DIR", type=Path, help="save a picture of each highlight to this folder"
        )

    def before(self, source: Path, options: dict[str, Any]) -> None:
        super().before(source, options)
        folder: Path | None = options["thumbnails"]
        if folder is not None and not folder.is_dir():
            raise CommandError(f"The folder {folder} does not exist.", returncode=USAGE_EXIT)

    def keep(self, folder: Path, files: dict[str, str], options: dict[str, Any]) -> dict[str, Any]:
        kept: list[str] = []
        if options["thumbnails"] is not None:
            for number, name in enumerate(thumbnails(files), 1):
                path = options["thumbnails"] / f"{Path(options['file']).stem}-{number}.jpg"
                copy_atomically(folder / name, path)
                kept.append(str(path))
        return {**super().keep(folder, files, options), "thumbnail_paths": kept}

    def lines(self, data: dict[str, Any]) -> Iterator[str]:
        yield data["summary"]
        if data["highlights"]:
            found = [(time_range(one), f"{one['score']:.2f}", one["description"]) for one in data["highlights"]]
            yield ""
            yield from table([("When", "Score", "What"), *found])
            yield ""
