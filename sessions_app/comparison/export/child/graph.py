from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg  # type: ignore[import-untyped]

from media_app.av.container import MediaError, demux, first_video, open_media
from media_app.av.ffmpeg import INPUT_OPTIONS, WITHOUT_TAGS, ConversionFailed, Ffmpeg, Track, run
from media_app.av.ladder import SOUND_BITS, SOUND_RATE, picture_of
from media_app.av.source import Progress, Source
from sessions_app.comparison.export.child.layouts import (
    DIFFERENCE,
    OVERLAY,
    SHARED_BOX_LAYOUTS,
    SINGLE,
    WIPE,
    Arrangement,
    Box,
)
from sessions_app.comparison.export.child.plan import Clock, Span

ENCODING = {"c:v": "libx264", "preset": "veryfast", "crf": 20, "profile:v": "high", "pix_fmt": "yuv420p"}
SOUND = {"c:a": "aac", "b:a": SOUND_BITS, "ar": SOUND_RATE}
PCM_BYTES_PER_SECOND = 4 * SOUND_RATE  # sound of a reel's parts: stereo, 16 bits per sample
QUIET = ("-nostdin", "-hide_banner", "-loglevel", "error", "-nostats", "-progress", "pipe:1")
GOP_SECONDS = 2
MICROSECONDS = 1_000_000
SEEK_BEFORE = 1.0  # seconds subtracted from a seek's time to reach an earlier keyframe
SEEKABLE = frozenset({"mov", "matroska"})  # FFmpeg's names of container formats with a keyframe index
# sample rates in Hz from which `rates_of` chooses
RATES = range(SOUND_RATE, 8 * SOUND_RATE)
# maximum duration of an export, and maximum timing error of its sound at the end, both in seconds
LONGEST_SECONDS, LATE_SECONDS = 14_400.0, 2e-4
# number of packets whose timestamps are checked for rounding errors, and tolerance of this check in seconds
ROUNDING_PACKETS, EXACT_SECONDS = 120, 2e-5
# maximum seconds between an export's start and a source frame; above it, the source is encoded, not copied
NEAR_FRAME = 5e-4
CLOCK_LETTERS = 1 / 22  # height of the clock's text, as a share of the picture's height


@dataclass(frozen=True, slots=True)
class Pane:
    source: Source
    span: Span | None


@dataclass(frozen=True, slots=True)
class Export:
    """An export to render.

    sounds: audible videos. captions: transparent video to overlay. clock_font: font file of the clock.
    """

    layout: str
    arrangement: Arrangement
    clock: Clock
    panes: Sequence[Pane]
    sounds: Sequence[Pane]
    captions: Path | None = None
    clock_font: Path | None = None


def render_export(
    target: Path, export: Export, program: Ffmpeg, on_progress: Progress | None = None, *,
    sound: Mapping[str, Any] = SOUND,
) -> None:  # fmt: skip
    """Render ``target``, an MP4. Raises the errors of :meth:`media_app.av.ffmpeg.Ffmpeg.make`."""
    inputs = _Inputs(program.threads)
    outputs = [_picture(export, inputs)]
    if export.sounds:
        outputs.append(_sound(export, inputs))
    fps = export.clock.fps
    options = {
        **ENCODING, "g": round(GOP_SECONDS * fps), "threads": program.threads, "movflags": "+faststart",
        **WITHOUT_TAGS, **(sound if export.sounds else {}),
    }  # fmt: skip
    node = ffmpeg.output(*outputs, target.name, **options)
    words: list[str] = ffmpeg.compile(node, cmd="ffmpeg", overwrite_output=True)
    count = str(program.threads)
    argv = [
        program.path, *QUIET, "-copyts", "-filter_threads", count, "-filter_complex_threads", count, *words[1:],
    ]  # fmt: skip
    run(argv, folder=target.parent, seconds=export.clock.seconds, on_progress=on_progress)


def make_reel(target: Path, parts: Sequence[Export], program: Ffmpeg, on_progress: Progress) -> None:
    """Render several parts and join them in one MP4. Raises the errors of :func:`render_export`.

    The parts have PCM sound, because AAC sound would start late in each part.
    """
    seconds = [part.clock.seconds for part in parts]
    lines = ["ffconcat version 1.0"]
    for number, part in enumerate(parts):
        path = target.with_name(f"part-{number}.mov")
        done = sum(seconds[:number])

        def tell(share: float, done: float = done, length: float = seconds[number]) -> None:
            on_progress((done + share * length) / sum(seconds))

        render_export(path, part, program, tell, sound={"c:a": "pcm_s16le", "ar": SOUND_RATE})
        lines += [f"file {path.name}", f"duration {seconds[number]:.6f}"]
    listed = target.with_name("parts.ffconcat")
    listed.write_text("\n".join(lines))
    options = {"c:v": "copy", "movflags": "+faststart", **WITHOUT_TAGS, **(SOUND if parts[0].sounds else {})}
    node = ffmpeg.output(ffmpeg.input(listed.name, f="concat"), target.name, **options)
    words: list[str] = ffmpeg.compile(node, cmd="ffmpeg", overwrite_output=True)
    run([program.path, *QUIET, *words[1:]], folder=target.parent, seconds=sum(seconds))


def copied_part(export: Export) -> tuple[float, float] | None:
    """Return (start, end) in seconds of the part of the source to copy; None if the export must be encoded."""
    pane, clock = export.panes[0], export.clock
    facts, span = pane.source.facts, pane.span
    if export.layout != SINGLE or span is None or export.captions is not None or export.clock_font is not None:
        return None
    is_whole = (span.first, span.stop, span.rate) == (0, clock.frames, 1.0)
    is_as_it_is = facts.height == export.arrangement.height and facts.fps == clock.fps and not facts.is_vfr
    if not (is_whole and is_as_it_is) or (list(export.sounds) != [pane]) != (pane.source.sound is None):
        return None
    first = round(span.time * clock.fps)
    if abs(first / clock.fps - span.time) > NEAR_FRAME:
        return None
    return float(first / clock.fps), float((first + clock.frames) / clock.fps)


def indexed(source: Source, path: Path, program: Ffmpeg) -> Source:
    """Return ``source`` if it has a keyframe index; otherwise, copy it to ``path`` with an index and return the copy.

    Without an index, each part of a reel would read the source from its start.
    """
    if _is_seekable(source):
        return source
    tracks = [Track(source.track), *([Track(source.sound.track)] if source.sound else [])]
    try:
        program.make(path, source, tracks, {"c": "copy", **WITHOUT_TAGS})
        return Source.open(path)
    except (ConversionFailed, MediaError):
        return source


def _is_seekable(source: Source) -> bool:
    return not SEEKABLE.isdisjoint(source.facts.container.split(","))


class _Inputs:
    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._nodes: dict[tuple[Path, float], Any] = {}

    def of(self, source: Source, time: float) -> Any:
        key = (source.path, time)
        if key not in self._nodes:
            reading: dict[str, Any] = {"threads": self._threads, **INPUT_OPTIONS}
            if _is_seekable(source) and time > SEEK_BEFORE:
                # Keep frames from before the seek's time: one of them may be visible at `time`.
                reading |= {"noaccurate_seek": None, "ss": f"{time - SEEK_BEFORE:.6f}"}
            self._nodes[key] = ffmpeg.input(f"file:{source.path}", **reading)
        return self._nodes[key]


def _picture(export: Export, inputs: _Inputs) -> Any:
    arrangement, clock = export.arrangement, export.clock
    shown = [_pane(pane, box, export, inputs) for pane, box in zip(export.panes, arrangement.boxes, strict=True)]
    picture = _together(export, shown) if export.layout in SHARED_BOX_LAYOUTS else _apart(arrangement, shown)
    if export.captions is not None:
        lying = ffmpeg.input(f"file:{export.captions}", **INPUT_OPTIONS)
        picture = ffmpeg.overlay(picture, lying.video, alpha="premultiplied", eof_action="repeat")
    if export.clock_font is not None:
        size = max(14, round(arrangement.height * CLOCK_LETTERS))
        picture = picture.filter(
            "drawtext", fontfile=str(export.clock_font), text=f"%{{pts:hms:{clock.start:.6f}}}", fontcolor="white",
            fontsize=size, x="(w-text_w)/2", y=size // 2, box=1, boxcolor="black@0.6", boxborderw=size // 3,
        )  # fmt: skip
    return picture.filter("format", "yuv420p").filter("setsar", 1)


def _pane(pane: Pane, box: Box, export: Export, inputs: _Inputs) -> Any:
    clock, span = export.clock, pane.span
    if span is None:
        return ffmpeg.input(
            f"color=black:s={box.width}x{box.height}:r={clock.fps}:d={clock.seconds + 1:.3f}", f="lavfi"
        ).video.filter("trim", end_frame=clock.frames).filter("format", "yuv420p")  # fmt: skip
    source, place = pane.source, box.fitted((pane.source.facts.width, pane.source.facts.height))
    steps = picture_of(source, place.size).filters
    node = inputs.of(source, span.time)[str(source.track)]
    is_interlaced = source.facts.is_interlaced
    for step in steps[:is_interlaced]:
        node = node.filter(step.name, *step.values, **dict(step.options))
    node = _timed(node, source, span, clock.fps)
    for step in steps[is_interlaced:]:
        node = node.filter(step.name, *step.values, **dict(step.options))
    if place.size != box.size:
        node = node.filter("pad", box.width, box.height, place.x - box.x, place.y - box.y, color="black")
    if (span.first, span.stop) != (0, clock.frames):
        node = node.filter("tpad", start=span.first, stop=clock.frames - span.stop, color="black")
    return node


def _timed(node: Any, source: Source, span: Span, fps: Fraction) -> Any:
    """Select, for each frame of the export, the source frame that is visible at that time."""
    near = 1.0 + MICROSECONDS * _uncertainty(source)
    zero = (float(source.origin) + span.time) * MICROSECONDS
    return (
        node.filter("settb", "AVTB")
        .filter("setpts", f"(PTS-({zero:.3f}))/{span.rate!r}-{near:.3f}")
        .filter("fps", fps=str(fps), round="up", start_time=0)
        .filter("tpad", stop=-1, stop_mode="clone")
        .filter("trim", end_frame=span.stop - span.first)
    )


def _uncertainty(source: Source) -> float:
    """Return the maximum rounding error of a source's timestamps in seconds.

    It is 0 or half a tick of the time base, or more if the timestamps were once rounded to milliseconds.
    """
    fps = source.facts.fps
    with open_media(source.path) as container:
        video = first_video(container)
        tick = video.time_base or Fraction(0)
        stamps = [packet.pts for packet, _ in zip(demux(container, video), range(ROUNDING_PACKETS), strict=False)]
    if not tick:
        return 0.0
    half = min(1e-3, float(tick)) / 2 if source.facts.is_vfr or (1 / fps / tick).denominator != 1 else 0.0
    if source.facts.is_vfr:
        return half
    first = min((stamp for stamp in stamps if stamp is not None), default=0)
    places = [(stamp - first) * tick * fps for stamp in stamps if stamp is not None]
    off = max((abs(float(place - round(place)) / float(fps)) for place in places), default=0.0)
    return half if off <= half + EXACT_SECONDS else min(1e-3, 1 / (4 * float(fps)))


def _apart(arrangement: Arrangement, shown: Sequence[Any]) -> Any:
    if len(shown) == 1:
        return shown[0]
    places = "|".join(f"{box.x}_{box.y}" for box in arrangement.boxes)
    return ffmpeg.filter(list(shown), "xstack", inputs=len(shown), layout=places, fill="black")


def _together(export: Export, shown: Sequence[Any]) -> Any:
    first, second = shown
    if export.layout == WIPE:
        half = export.arrangement.width // 4 * 2
        rest = export.arrangement.width - half
        left = first.filter("crop", half, "ih", 0, 0)
        return ffmpeg.filter([left, second.filter("crop", rest, "ih", half, 0)], "hstack", inputs=2)
    mode = {OVERLAY: "average", DIFFERENCE: "difference"}[export.layout]
    in_colours = [node.filter("format", "gbrp") for node in (first, second)]
    return ffmpeg.filter(in_colours, "blend", all_mode=mode)


def _sound(export: Export, inputs: _Inputs) -> Any:
    heard = [_heard(pane, pane.span, export.clock, inputs) for pane in export.sounds if pane.span is not None]
    if not heard:
        length = f"{export.clock.seconds:.6f}"
        return ffmpeg.input(f"anullsrc=r={SOUND_RATE}:cl=stereo:d={length}", f="lavfi").audio
    return heard[0] if len(heard) == 1 else ffmpeg.filter(heard, "amix", inputs=len(heard), duration="longest")


def _heard(pane: Pane, span: Span, clock: Clock, inputs: _Inputs) -> Any:
    assert pane.source.sound is not None
    zero = float(pane.source.origin) + span.time
    begins, ends, all_samples = (
        round(frame / clock.fps * SOUND_RATE) for frame in (span.first, span.stop, clock.frames)
    )
    node = (
        inputs.of(pane.source, span.time)[str(pane.source.sound.track)]
        .filter("asetpts", f"PTS-({zero:.9f})/TB")
        .filter("atrim", start=0)
        .filter("aresample", SOUND_RATE, **{"async": 1, "first_pts": 0})
    )
    for slow, fast in rates_of(span.rate):
        node = node.filter("aresample", slow).filter("asetrate", fast).filter("aresample", SOUND_RATE)
    node = node.filter("aformat", channel_layouts="stereo").filter("asetpts", "N")
    node = node.filter("atrim", end_sample=ends - begins)
    if begins:
        node = node.filter("adelay", f"{begins}S", all=1)
    return node.filter("apad").filter("atrim", end_sample=all_samples)


def rates_of(rate: float) -> list[tuple[int, int]]:
    """Return pairs of sample rates (slow, fast) in Hz that together make a sound play ``rate`` times as fast.

    For each pair in turn, the sound is resampled to ``slow`` and played at ``fast``. The list has two pairs if
    ``rate`` is so near 1 that one pair is not exact enough.
    """
    if rate == 1.0:
        return []
    slow, fast = _pair(rate)
    if abs(fast / slow - rate) * LONGEST_SECONDS < LATE_SECONDS:
        return [(slow, fast)]
    first = (SOUND_RATE, SOUND_RATE + 1)
    return [first, _pair(rate * first[0] / first[1])]


def _pair(rate: float) -> tuple[int, int]:
    slow = min(RATES, key=lambda one: abs(round(one * rate) / one - rate))
    return slow, round(slow * rate)


def facts_of(target: Path) -> Mapping[str, Any]:
    facts = Source.open(target).facts
    return {"width": facts.width, "height": facts.height, "duration": round(facts.duration, 6)}
