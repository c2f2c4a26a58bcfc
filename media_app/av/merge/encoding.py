"""Encoding of a clip to a merge's common format, without sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from media_app.av.ffmpeg import DEINTERLACE, WITHOUT_TAGS, Ffmpeg, Filter, Track
from media_app.av.ladder import HDR_TRANSFERS, TO_SDR, round_down_even
from media_app.av.merge.plan import Clip, Shape
from media_app.av.merge.survey import UNSPECIFIED
from media_app.av.source import Progress, Source

CRF, PRESET = 23, "medium"
GOP_SECONDS = 2
MAX_ERRORS = 0.1  # share of undecodable packets above which ffmpeg fails
BT709 = (("color_primaries", "bt709"), ("color_trc", "bt709"), ("colorspace", "bt709"), ("range", "tv"))
MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}


def encode(target: Path, clip: Clip, source: Source, *, shape: Shape, program: Ffmpeg, on_progress: Progress) -> None:
    """Encode a clip's pictures as an MP4 that begins with a keyframe and has :func:`count_of` pictures.

    Raises :class:`media_app.av.ffmpeg.ConversionFailed`, :class:`media_app.av.ffmpeg.ProgramMissing`, OSError.
    """
    options: dict[str, Any] = {
        "c:v": "libx264", "preset": PRESET, "crf": CRF, "profile:v": "high", "threads": program.threads,
        "g": max(1, round(shape.fps * GOP_SECONDS)), "fps_mode": "passthrough", "frames:v": count_of(clip, shape.fps),
        "an": None, "f": "mp4", **WITHOUT_TAGS,
    }  # fmt: skip
    reading = {"max_error_rate": MAX_ERRORS}
    program.make(target, source, [picture_of(clip, source, shape)], options, on_progress=on_progress, reading=reading)


def count_of(clip: Clip, fps: Fraction) -> int:
    survey = clip.survey
    behind = (survey.shown[-1] - survey.shown[0]) * survey.base
    return max(round(behind * fps) + 1, round(survey.seconds * fps))


def picture_of(clip: Clip, source: Source, shape: Shape) -> Track:
    facts, colours = source.facts, clip.survey.colours
    scale = min(Fraction(shape.width, facts.width), Fraction(shape.height, facts.height))
    size = tuple(
        min(most, round_down_even(round(side * scale) + 1))
        for side, most in ((facts.width, shape.width), (facts.height, shape.height))
    )
    steps: list[Filter] = []
    if facts.is_interlaced:
        steps.append(DEINTERLACE)
    held = clip.survey.held_first
    steps.append(Filter("setpts", (f"PTS-STARTPTS+{float(held):.6f}/TB",) if held else ("PTS-STARTPTS",)))
    timed = (("fps", str(shape.fps)), ("eof_action", "pass"))
    steps.append(Filter("fps", (), (*timed, ("start_time", 0)) if held else timed))
    if clip.survey.held_last:
        more = round(clip.survey.held_last * shape.fps) + 1
        steps.append(Filter("tpad", (), (("stop_mode", "clone"), ("stop", more))))
    if facts.color_transfer in HDR_TRANSFERS:
        steps += [Filter("scale", size, (("flags", "bicubic"),)), *TO_SDR]
    else:
        # Treat an unspecified colour matrix as BT.709, as players do.
        matrix = MATRICES.get(colours.matrix, "bt709" if colours.matrix == UNSPECIFIED else "auto")
        steps.append(
            Filter("scale", size, (
                ("flags", "bicubic"), ("in_color_matrix", matrix), ("out_color_matrix", "bt709"), ("out_range", "tv"),
            ))
        )  # fmt: skip
    steps.append(Filter("format", ("yuv420p",)))
    if size != (shape.width, shape.height):
        steps.append(Filter("pad", (shape.width, shape.height, "(ow-iw)/2", "(oh-ih)/2")))
    steps += [Filter("setsar", (1,)), Filter("setparams", (), BT709)]
    return Track(source.track, tuple(steps))
