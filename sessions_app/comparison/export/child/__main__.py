"""The child process that renders an export of a comparison.

``python -m sessions_app.comparison.export.child`` reads a JSON request, with times in seconds, from standard input::

    {"videos": [{"path", "offset", "drift_ppm", "drift_anchor", "duration"}, …],
     "panes": [indices of the shown videos], "sounds": [indices of the audible videos],
     "layout", "height", "fps": [numerator, denominator], "start", "end", "parts": [[start, end], …],
     "captions": [{"pane", "begin", "end", "text", "strokes", "is_name", "is_notice"}, …], "has_clock",
     "target": output path, "max_bytes", "folder": path for temporary files, "threads": number}

Only a reel has ``parts``. The export fails with ``storage_full`` as soon as it is larger than ``max_bytes``. Videos
that are neither shown nor audible need no path. The process writes JSON lines: ``{"progress": 0 to 100, "message"}``,
then ``{"result": {"width", "height", "duration"}}`` or ``{"error": {"type", "message"}}``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from media_app.av.container import MediaError
from media_app.av.ffmpeg import ConversionFailed, Ffmpeg
from media_app.av.smart_cut import cut_parts
from media_app.av.source import Progress, Source
from sessions_app.comparison.export.child.captions import TooManyStrokes, write_captions
from sessions_app.comparison.export.child.graph import (
    PCM_BYTES_PER_SECOND,
    Export,
    Pane,
    copied_part,
    facts_of,
    indexed,
    make_reel,
    render_export,
)
from sessions_app.comparison.export.child.layouts import Arrangement, arrange
from sessions_app.comparison.export.child.plan import Caption, Clock
from sessions_app.comparison.timeline import Placement
from vodplatform.core.processes.child import BadRequest, Reports, serve_request

INDEXED, WRITTEN = 5.0, 15.0  # job progress in percent after indexing the videos, and after writing the captions
ROUNDED_SECONDS = 0.05  # maximum error of the export's duration in seconds, in addition to one frame
FONT_PIXELS = 20


class TooLarge(Exception):
    """Error: the export does not fit into its owner's storage."""


def serve(request: Any, reports: Reports) -> dict[str, Any]:
    """Render one request. Raises :class:`BadRequest`, :class:`MediaError`, :class:`ConversionFailed`, OSError."""
    reports.progress(0, "Reading the videos")
    try:
        fps = Fraction(*request["fps"])
        spans = request.get("parts") or [(request["start"], request["end"])]
        clocks = [Clock.between(float(start), float(end), fps) for start, end in spans]
        numbers = {*request["panes"], *request["sounds"]}
        sources = {number: Source.open(Path(request["videos"][number]["path"])) for number in numbers}
        target, folder = Path(request["target"]).absolute(), Path(request["folder"]).absolute()
        threads = int(request.get("threads") or os.environ.get("VOD_CHILD_THREADS") or 2)
        program = Ffmpeg.default(request.get("ffmpeg"), threads)
        if len(clocks) > 1:
            for place, (number, source) in enumerate(list(sources.items())):
                reports.progress(INDEXED * place / len(sources), "Indexing the videos")
                sources[number] = indexed(source, folder / f"whole-{number}.mov", program)
        facts = [sources[number].facts for number in request["panes"]]
        shapes = [(one.width, one.height) for one in facts]
        arrangement = arrange(request["layout"], shapes, int(request["height"]))
        parts = [_part(request, clock, sources, arrangement) for clock in clocks]
        captions = [_captions(request, clock) for clock in clocks]
    except (KeyError, TypeError, ValueError, IndexError) as exc:
        raise BadRequest(f"The request has a missing or invalid value: {exc}.") from exc
    font = _font(folder / "clock.ttf") if request.get("has_clock") else None
    begun = INDEXED if len(clocks) > 1 else 0.0
    written = WRITTEN if any(captions) else begun

    def draw(number: int) -> Path | None:
        def tell_drawn(share: float) -> None:
            reports.progress(begun + (written - begun) * (number + share) / len(parts), "Drawing the captions")

        return _written(folder / f"captions-{number}.mov", parts[number], captions[number], tell_drawn)

    exports = [replace(part, captions=draw(number), clock_font=font) for number, part in enumerate(parts)]

    max_bytes = request["max_bytes"]
    if len(exports) > 1:
        max_bytes += PCM_BYTES_PER_SECOND * sum(one.clock.seconds for one in exports)

    def tell(share: float) -> None:
        if sum(path.stat().st_size for path in (target, *folder.glob("part-*.mov")) if path.exists()) > max_bytes:
            raise TooLarge
        reports.progress(written + (100 - written) * share, "Rendering the video")

    tell(0)

    if len(exports) > 1:
        make_reel(target, exports, program, tell)
    elif (part := copied_part(exports[0])) is None or not _is_copied(target, exports[0], part, program, tell):
        render_export(target, exports[0], program, tell)
    made = dict(facts_of(target))
    wanted = sum(one.clock.seconds for one in exports)
    if abs(made["duration"] - wanted) > ROUNDED_SECONDS + 1 / float(exports[0].clock.fps):
        raise ConversionFailed(f"The exported video is {made['duration']:.2f} s long instead of {wanted:.2f} s.")
    reports.progress(100, "Done")
    return made


def _is_copied(target: Path, export: Export, part: tuple[float, float], program: Ffmpeg, tell: Progress) -> bool:
    frame = 1 / float(export.clock.fps)
    try:
        placed = cut_parts(target, export.panes[0].source, [part], program, tell)
    except ConversionFailed:
        return False
    late = abs(placed[0].source_start - part[0])
    missing = abs(placed[0].end - placed[0].start - (part[1] - part[0]))
    if late < frame / 2 and missing < 1.5 * frame:
        return True
    target.unlink(missing_ok=True)
    return False


def _part(request: Mapping[str, Any], clock: Clock, sources: Mapping[int, Source], arrangement: Arrangement) -> Export:
    panes = {number: _pane(sources[number], request["videos"][number], clock) for number in sources}
    return Export(
        layout=request["layout"],
        arrangement=arrangement,
        clock=clock,
        panes=[panes[number] for number in request["panes"]],
        sounds=[panes[number] for number in request["sounds"] if sources[number].sound is not None],
    )


def _pane(source: Source, video: Mapping[str, Any], clock: Clock) -> Pane:
    placement = Placement(float(video["offset"]), float(video["drift_ppm"]), float(video["drift_anchor"]))
    return Pane(source, clock.span_of(placement, float(video["duration"])))


def _captions(request: Mapping[str, Any], clock: Clock) -> list[Caption]:
    end = clock.start + clock.seconds
    return [_caption(one, clock) for one in request["captions"] if one["end"] > clock.start and one["begin"] < end]


def _caption(one: Mapping[str, Any], clock: Clock) -> Caption:
    return Caption(
        pane=int(one["pane"]),
        first=clock.frame_at(one["begin"]),
        stop=clock.frame_at(one["end"]),
        text=one.get("text", ""),
        strokes=tuple(one.get("strokes") or ()),
        is_name=bool(one.get("is_name")),
        is_notice=bool(one.get("is_notice")),
    )


def _written(path: Path, part: Export, captions: Sequence[Caption], tell: Progress) -> Path | None:
    seen = [one for one in captions if one.stop > one.first]
    if not seen:
        return None
    frames = [
        box.fitted((pane.source.facts.width, pane.source.facts.height))
        for pane, box in zip(part.panes, part.arrangement.boxes, strict=True)
    ]
    write_captions(path, part.arrangement, frames, seen, part.clock, on_progress=tell)
    return path


def _font(path: Path) -> Path:
    """Write Pillow's font to ``path``, because the machine may have no fonts."""
    from PIL import ImageFont

    font = ImageFont.load_default(FONT_PIXELS)
    assert isinstance(font, ImageFont.FreeTypeFont)
    path.write_bytes(font.font_bytes)
    return path


def _fault(exc: Exception) -> dict[str, Any] | None:
    if isinstance(exc, MediaError):
        return {"type": exc.code, "message": exc.message}
    if isinstance(exc, TooLarge):
        return {
            "type": "storage_full",
            "message": "The export does not fit into your storage. Delete files that you no longer need, or export a "
            "shorter part.",
        }
    if isinstance(exc, TooManyStrokes):
        return {"type": "timeout", "message": str(exc)}
    return {"type": "vod_unreadable", "message": str(exc)} if isinstance(exc, ConversionFailed) else None


if __name__ == "__main__":
    serve_request(serve, _fault)
