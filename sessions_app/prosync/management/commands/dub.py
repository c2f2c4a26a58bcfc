from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from sessions_app.prosync.management.dubbing import LineRequest, check, dub, lines_of
from sessions_app.prosync.segments import MODES, USUAL_MODE
from vodplatform.core.processes.cli_progress import check_output, usage_error, writing_output
from vodplatform.core.processes.commands import Command as BaseCommand


def line(text: str) -> LineRequest:
    try:
        return LineRequest.parse(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not of the form START-END=SOUND, with times in seconds") from None


class Command(BaseCommand):
    help = (
        "Replace the sound in parts of a video, with lip-sync if a face can be tracked. "
        "Exits with 3 if a file cannot be used."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("video", metavar="VIDEO", type=Path)
        parser.add_argument(
            "lines", metavar="START-END=SOUND[@FROM-TO]", nargs="*", type=line,
            help="replace the video's sound between START and END (seconds) with the file SOUND, or only with its part "
            "between FROM and TO (seconds)",
        )  # fmt: skip
        parser.add_argument("-o", "--output", metavar="MP4", type=Path, required=True, help="output file")
        parser.add_argument(
            "--mode", choices=MODES, default=USUAL_MODE,
            help=f"what to do with a sound that is shorter or longer than its part; default {USUAL_MODE}",
        )  # fmt: skip
        parser.add_argument("--sound-only", action="store_true", help="do not change the picture")
        parser.add_argument("--remove-text", action="store_true", help="remove text from the picture")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--force", action="store_true", help="overwrite an existing output file")

    def handle(self, *args: Any, **options: Any) -> None:
        video: Path = options["video"]
        output: Path = options["output"]
        lines: list[LineRequest] = options["lines"]
        if not lines and not options["remove_text"]:
            usage_error("Specify at least one START-END=SOUND, or --remove-text.")
        check(video, lines)
        check_output(output, [video, *(one.sound for one in lines)], force=options["force"])
        with writing_output(self.stderr):
            segments, result = dub(
                video, lines, output, mode=options["mode"], mouths=not options["sound_only"],
                remove_text=options["remove_text"], verbosity=options["verbosity"],
            )  # fmt: skip
        if options["json"]:
            self.stdout.write(json.dumps({**result, "path": str(output)}))
            return
        for line in lines_of(segments, output, result):
            self.stdout.write(line)
