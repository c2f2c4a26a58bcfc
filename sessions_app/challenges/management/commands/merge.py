from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from sessions_app.challenges.management.merging import MAX_CLIPS, MIN_CLIPS, check, lines, merge
from vodplatform.core.processes.cli_progress import writing_output
from vodplatform.core.processes.commands import Command as BaseCommand


class Command(BaseCommand):
    help = (
        f"Join {MIN_CLIPS} to {MAX_CLIPS} videos into one MP4 file, re-encoding only where needed. "
        "Exits with 3 if one of the videos cannot be used."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("files", metavar="FILE", nargs="+", type=Path)
        parser.add_argument(
            "-o", "--output", metavar="MP4", type=Path, required=True, help="save the merged video to this file"
        )
        parser.add_argument("--level", action="store_true", help="make all clips equally loud")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--force", action="store_true", help="replace an existing output file")

    def handle(self, *args: Any, **options: Any) -> None:
        clips: list[Path] = options["files"]
        output: Path = options["output"]
        check(clips, output, force=options["force"])
        with writing_output(self.stderr):
            result = merge(clips, output, level=options["level"], verbosity=options["verbosity"])
        if options["json"]:
            self.stdout.write(json.dumps({**result, "path": str(output)}))
            return
        for line in lines(clips, output, result):
            self.stdout.write(line)
