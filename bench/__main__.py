"""``python -m bench [P1 …] [--seed N] [--write]``: run measurements; compare the results with their goals."""

from __future__ import annotations

import argparse
import importlib
import secrets
import sys
from dataclasses import dataclass

from rich.console import Console
from rich.markdown import Markdown

from bench import report
from bench.recordings import kept_seed


@dataclass(frozen=True, slots=True)
class Goal:
    """A measurement that this command can run. module: name of the module whose ``measure(seed)`` returns the tables.

    always: whether the measurement runs by default. renders_long: whether rendering the videos takes minutes, so that
    later runs reuse the seed and the videos by default.
    """

    module: str
    heading: str
    always: bool = True
    renders_long: bool = False


GOALS = {
    "P1": Goal("bench.p1_timer_alignment", "timer alignment of two VODs of 600 s", renders_long=True),
    "P1pairs": Goal("bench.p1_pairs", "timer alignment of many pairs, and what its confidence is worth (A4)", False),
    "A4real": Goal("bench.a4_real_recordings", "alignment of real clips and of outdated digits (A4)", False),
    "P2": Goal("bench.p2_sound_alignment", "sound alignment of recordings of 600 s and of 3 h", False),
    "P3": Goal("bench.p3_in_step", "three synchronised videos for half an hour, one drifting by 80 ppm", False),
    "P3b": Goal("bench.p3b_scrubbing", "the exact frame and scrubbing, originals and quick copies", False),
    "sound": Goal("bench.sound_alignment", "alignment by sound of pairs of every kind, related and misleading", False),
    "readers": Goal("bench.timer_readers", "both timer readers on drawn timers, and EasyOCR's calibration", False),
    "P4": Goal("bench.p4_upload", "bytes in, against cp and sha256sum"),
    "past": Goal("bench.bytes_past", "bytes that bypass the web process, with files in a bucket", False),
    "ranged": Goal("bench.ranged_alignment", "alignment of recordings of a bucket, read in parts", False, True),
    "P5": Goal("bench.p5_bytes_out", "bytes out, against nginx"),
    "P6": Goal("bench.p6_ingest", "ingest of 580 s 1080p that needs no transcode", renders_long=True),
    "P6b": Goal("bench.p6b_catalogue", "lists of the catalogue, 100 000 videos against 1 000"),
    "P8": Goal("bench.p8_status", "the status of an analysis under load, and waiting for one (P10b)"),
    "P7": Goal("bench.p7_highlights", "highlights of 580 s of 1080p, against ContentDetector alone", False),
    "P9": Goal("bench.p9_merge", "merging three clips that agree, and three that do not", False),
    "P11": Goal("bench.p11_dub", "dubbing five segments of 60 s of 1080p", False),
    "P12": Goal("bench.p12_text", "text removal, against detection on every frame and Telea over the boxes", False),
    "P13": Goal("bench.p13_pages", "pages until they can be used, on a slow network", False),
    "P16": Goal("bench.p16_processes", "more web and worker processes, and a queue of a million jobs", False),
    "P10": Goal("bench.p10_wake_up", "an idle queue, from POST to the first line of work"),
    "export": Goal("bench.export_cost", "an export of three videos, against one bare ffmpeg", False),
    "queue": Goal("bench.render_queue", "short exports behind a long one", False),
    "R5": Goal("bench.r5_mixed_users", "50 people for ten minutes and 1 000 idle sockets, over two web hosts", False),
    "R6": Goal("bench.r6_outages", "outages: answers, reports by /health, and recovery times", False),
    "R8": Goal("bench.r8_small_requests", "small requests that cause much work, found by a walk over all", False),
    "A3": Goal("bench.a3_repetitions", "repetitions of real clips, and what their confidence is worth", False),
    "A1": Goal("bench.a1_shots", "shot edges on edits of real clips", False),
    "A2": Goal("bench.a2_highlights", "planted highlights in bland recordings", False),
    "merge": Goal("bench.merge_cost", "merging the catalogue's operations: 10, 1 000, 100 000"),
    "sync": Goal("bench.sync_cost", "POST /sync while a video's operations grow"),
    "growth": Goal("bench.growth", "cost of the hourly clean-up of large tables", False),
    "archive": Goal("bench.archive_rows", "a backup and its restore, in rows a second"),
    "sockets": Goal("bench.sockets", "1 000 idle WebSockets, and one change broadcast to 50"),
    "sessions": Goal("bench.session_memory", "memory of the program through 200 analyses", False),
    "memory": Goal("bench.child_memory", "memory of the worker's child, and offset writes (P10b)", renders_long=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "goals", nargs="*", help=f"any of {', '.join(GOALS)}; by default all that are marked as always run"
    )
    parser.add_argument("--seed", type=int, default=None, help="seed of the rendered files; random by default")
    parser.add_argument("--write", action="store_true", help=f"write the tables to {report.DOCUMENT.name}")
    options = parser.parse_args()
    unknown = [name for name in options.goals if name not in GOALS]
    if unknown:
        parser.error(f"there is no goal {unknown[0]!r}; choose from {', '.join(GOALS)}")
    fresh = secrets.randbelow(100_000) if options.seed is None else options.seed
    console = Console()
    is_met = True
    for name in options.goals or [name for name, goal in GOALS.items() if goal.always]:
        goal = GOALS[name]
        seed = kept_seed(options.seed) if goal.renders_long else fresh
        tables = importlib.import_module(goal.module).measure(seed)
        is_met &= all(table.is_met for table in tables)
        text = report.section(name, goal.heading, seed, tables)
        console.print(Markdown(text))
        # Also print the tables as Markdown source, which is easier to copy.
        print(text, file=sys.stderr)
        if options.write:
            report.write(name, text)
    sys.exit(0 if is_met else 1)


if __name__ == "__main__":
    main()
