"""The exporting child: makes one video of a comparison's videos; knows nothing of sessions and keys.

``python -m sessions_app.comparison.export`` reads one request from standard input: ``{"videos": [{"path", "offset",
"drift_ppm", "drift_anchor", "duration"}, …], "panes": [numbers of videos], "sounds": [numbers], "layout", "start",
"end", "fps": [n, d], "height", "captions": [{"pane", "begin", "end", "text", "strokes", "is_name", "is_notice"}],
"has_clock", "target": path, "folder": path for what is made on the way, "threads": n}``; all times are seconds. Videos
that are neither shown nor heard need no path. It writes JSON lines: ``{"progress": 0 to 100, "message"}``; at last
``{"result": {"width", "height", "duration"}}`` or ``{"error": {"type", "message"}}``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from media_app.av.container import MediaError
from media_app.av.cut import cut
from media_app.av.ffmpeg import ConversionFailed, Ffmpeg
from media_app.av.source import Source
from sessions_app.comparison.export.captions import write_captions
from sessions_app.comparison.export.graph import Export, Pane, copied_part, facts_of, make
from sessions_app.comparison.export.layouts import Arrangement, arrange
from sessions_app.comparison.export.plan import Caption, Clock
from sessions_app.comparison.timeline import Placement
from vodplatform.base.processes.child import BadRequest, Reports, answer

FONT_PIXELS = 20  # of a font that can be scaled


def serve(request: Any, reports: Reports) -> dict[str, Any]:
    """Raises :class:`BadRequest`, :class:`MediaError`, :class:`ConversionFailed` and OSError."""
    reports.progress(0, "Reading the videos")
    try:
        clock = Clock.between(float(request["start"]), float(request["end"]), Fraction(*request["fps"]))
        numbers = {*request["panes"], *request["sounds"]}
        panes = {number: _pane(request["videos"][number], clock) for number in numbers}
        shown = [panes[number] for number in request["panes"]]
        sounds = [pane for number in request["sounds"] if (pane := panes[number]).source.sound is not None]
        shapes = [(pane.source.facts.width, pane.source.facts.height) for pane in shown]
        arrangement = arrange(request["layout"], shapes, int(request["height"]))
        captions = [_caption(one, clock) for one in request["captions"]]
        target, folder = Path(request["target"]).absolute(), Path(request["folder"]).absolute()
        threads = int(request.get("threads") or os.environ.get("VOD_CHILD_THREADS") or 2)
    except (KeyError, TypeError, ValueError, IndexError) as exc:
        raise BadRequest(f"The request lacks or garbles {exc}.") from exc
    export = Export(
        layout=request["layout"],
        arrangement=arrangement,
        clock=clock,
        panes=shown,
        sounds=sounds,
        captions=_written(folder / "captions.mov", arrangement, shown, captions, clock),
        clock_font=_font(folder / "clock.ttf") if request.get("has_clock") else None,
    )
    program = Ffmpeg.default(request.get("ffmpeg"), threads)

    def tell(share: float) -> None:
        reports.progress(100 * share, "Making the video")

    if (part := copied_part(export)) is not None:
        cut(target, export.panes[0].source, [part], program, tell)
    else:
        make(target, export, program, tell)
    reports.progress(100, "Done")
    return dict(facts_of(target))


def _pane(video: Mapping[str, Any], clock: Clock) -> Pane:
    placement = Placement(float(video["offset"]), float(video["drift_ppm"]), float(video["drift_anchor"]))
    return Pane(Source.open(Path(video["path"])), clock.span_of(placement, float(video["duration"])))


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


def _written(
    path: Path, arrangement: Arrangement, shown: Sequence[Pane], captions: Sequence[Caption], clock: Clock
) -> Path | None:
    """The video of all that is written and drawn; None where nothing is."""
    seen = [one for one in captions if one.stop > one.first]
    if not seen:
        return None
    frames = [
        box.fitted((pane.source.facts.width, pane.source.facts.height))
        for pane, box in zip(shown, arrangement.boxes, strict=True)
    ]
    write_captions(path, arrangement, frames, seen, clock)
    return path


def _font(path: Path) -> Path:
    """A font for the clock's digits, of the library's own: the machine may have none."""
    from PIL import ImageFont

    font = ImageFont.load_default(FONT_PIXELS)
    assert isinstance(font, ImageFont.FreeTypeFont)
    path.write_bytes(font.font_bytes)
    return path


def _fault(exc: Exception) -> dict[str, Any] | None:
    if isinstance(exc, MediaError):
        return {"type": exc.code, "message": exc.message}
    return {"type": "vod_unreadable", "message": str(exc)} if isinstance(exc, ConversionFailed) else None


if __name__ == "__main__":
    answer(serve, _fault)
