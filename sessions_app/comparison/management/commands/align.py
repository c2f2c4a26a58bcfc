from __future__ import annotations

import json
import math
import sys
import tempfile
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from jobs_app.context import default_limits
from media_app.videos.local import readable_path
from sessions_app.comparison.alignment.services import refuse_interrupted, run_aligner
from sessions_app.comparison.models import MAX_VODS, MIN_VODS
from vodplatform.core.errors import DomainError
from vodplatform.core.processes.commands import Command as BaseCommand
from vodplatform.core.processes.process import ChildError, run_child

REFUSED_EXIT = 3
METHODS = {"timer_ocr": "by the timer", "audio": "by the sound"}


def box(text: str) -> dict[str, Any]:
    """Parse a timer box ``x,y,w,h[@t]``: fractions of the first video's frame at second t."""
    numbers, _, moment = text.partition("@")
    try:
        x, y, width, height = (float(part) for part in numbers.split(","))
        time = float(moment or 0)
    except ValueError as exc:
        raise ArgumentTypeError("give the box as x,y,w,h or x,y,w,h@seconds, in fractions of the frame") from exc
    inside = x >= 0 and y >= 0 and width > 0 and height > 0 and x + width <= 1 and y + height <= 1 and time >= 0
    if not inside or not math.isfinite(time):
        raise ArgumentTypeError("the box must lie inside the frame: fractions from 0 to 1")
    return {"time": time, "x": x, "y": y, "width": width, "height": height}


class Command(BaseCommand):
    help = (
        "Find the offsets of 2 or 3 recordings of one event by timer and sound. "
        "Exits with 3 if a recording cannot be aligned."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("videos", nargs="+", metavar="VIDEO")
        parser.add_argument("--roi", type=box, metavar="x,y,w,h[@t]", help="the timer's box on the first video")
        parser.add_argument("--method", choices=["auto", "audio", "timer_ocr"], default="auto")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        names: list[str] = options["videos"]
        if not MIN_VODS <= len(names) <= MAX_VODS:
            raise CommandError(f"Specify 2 or 3 videos, not {len(names)}.")
        for name in names:
            if not Path(name).is_file():
                raise CommandError(f"The file {name} does not exist.")
        with tempfile.TemporaryDirectory(prefix="vod-align-") as folder:
            result = self._align([Path(name).resolve() for name in names], Path(folder), options)
        answer = {
            "proposals": [
                {
                    "video": names[int(found["vod_id"])],
                    "offset": found["offset"],
                    "confidence": found["confidence"],
                    "drift_ppm": found["drift_ppm"],
                    "drift_anchor": found["drift_anchor"],
                    "method": found["method"],
                    "findings": found["findings"],
                }
                for found in result["proposals"]
            ],
            "refused": [
                {
                    "video": names[int(item["vod_id"])],
                    "reason": item["reason"],
                    "message": item["message"],
                    "findings": item["findings"],
                }
                for item in result.get("refused") or []
            ]
            or None,
        }
        if options["json"]:
            self.stdout.write(json.dumps(answer))
        else:
            self._print(answer, names, result.get("reference"))
        if answer["refused"]:
            sys.exit(REFUSED_EXIT)

    def _align(self, paths: list[Path], folder: Path, options: dict[str, Any]) -> dict[str, Any]:
        try:
            found = [readable_path(path, folder / str(index)) for index, path in enumerate(paths)]
        except ChildError as exc:
            raise CommandError(str(exc)) from exc
        request = {
            "op": "align", "method": options["method"],
            "videos": [{"vod_id": str(index), "path": str(path)} for index, (path, _) in enumerate(found)],
            "roi": {"vod_id": "0", **options["roi"]} if options["roi"] else None, "game": "auto",
            "reader": settings.TIMER_READER, "evidence_dir": None,
        }  # fmt: skip
        result = self._run(request)
        refuse_interrupted(result, {str(index): video for index, (_, video) in enumerate(found)})
        return result

    def _run(self, request: dict[str, Any]) -> dict[str, Any]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("Aligning", total=100)

            def show(message: dict[str, Any]) -> None:
                if "progress" in message:
                    progress.update(task, completed=message["progress"], description=message.get("message", ""))

            try:
                return run_aligner(
                    request,
                    lambda argv, **more: run_child(argv, limits=default_limits(), on_message=show, **more).messages,
                )
            except (ChildError, DomainError) as exc:
                raise CommandError(str(exc)) from exc

    def _print(self, answer: dict[str, Any], names: list[str], reference: str | None) -> None:
        if reference is not None:
            self.stdout.write(f"{names[int(reference)]}: reference")
        for found in answer["proposals"]:
            drift = f", drift {found['drift_ppm']:+.1f} ppm" if found["drift_ppm"] else ""
            self.stdout.write(
                f"{found['video']}: {found['offset']:+.3f} s, confidence {found['confidence']:.2f}{drift}"
            )
            self._print_findings(found["findings"])
        for item in answer["refused"] or []:
            self.stdout.write(f"{item['video']}: no proposal. {item['message']}")
            self._print_findings(item["findings"])

    def _print_findings(self, findings: list[dict[str, Any]]) -> None:
        for found in findings:
            says = "nothing"
            if found["offset"] is not None:
                says = f"{found['offset']:+.4f} s ± {found['error_bound'] * 1000:.1f} ms, {found['confidence']:.2f}"
            self.stdout.write(f"  {METHODS[found['method']]}: {says}")
