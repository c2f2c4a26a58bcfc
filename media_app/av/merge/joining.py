"""Merging of clips into one MP4, copied or encoded."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, partial
from pathlib import Path

import av.error

from media_app.av.container import MediaError
from media_app.av.copy_reasons import CopyReason
from media_app.av.ffmpeg import ConversionFailed, Ffmpeg
from media_app.av.merge import copying
from media_app.av.merge.layout import get_layout
from media_app.av.merge.plan import MAX_FPS, Clip, Plan, display_name, plan_merge
from media_app.av.merge.reading import survey_of, times_of
from media_app.av.merge.segments import ClipFailed, Merged, Segment, measure
from media_app.av.merge.survey import Survey, hold_edge_pictures
from media_app.av.normalize import normalize
from media_app.av.probe import probe
from media_app.av.source import Source

ReportProgress = Callable[[float, str], None]

# Progress of the merge in percent: after reading the clips, before copying, and after encoding.
LOOKED, COPIED_FROM, ENCODED = 2.0, 10.0, 95.0
# A file counts as truncated if its claimed duration exceeds the end of its last packet by more than this many seconds.
BREAK_SECONDS = 1.0
ROUNDED_SECONDS = 0.03  # maximum seconds by which copied sound may change a clip's length in the merged video
NORMALIZED = frozenset({CopyReason.BREAKS, CopyReason.SIZES, CopyReason.LATE, CopyReason.TIMES, CopyReason.ENTRIES})


@dataclass
class Merge:
    """A merge of clips (path, name). folder: folder for temporary files, which the caller removes."""

    clips: Sequence[tuple[Path, str]]
    target: Path
    folder: Path
    ffmpeg: str | None
    threads: int
    level: bool
    tell: ReportProgress
    sources: list[Source] = field(default_factory=list)

    @cached_property
    def program(self) -> Ffmpeg:
        return Ffmpeg.default(self.ffmpeg, self.threads)

    def make(self) -> Merged:
        """Write the complete target, or leave no file on failure.

        Raises :class:`ClipFailed`, OSError.
        """
        try:
            self.sources.clear()
            clips = [self._look(number) for number in range(len(self.clips))]
            return self._write(clips, plan_merge(clips, level=self.level))
        except ConversionFailed as exc:
            raise ClipFailed("merge_failed", str(exc), None) from exc
        except MediaError as exc:
            raise ClipFailed("merge_failed", exc.message, None) from exc
        except av.error.FFmpegError as exc:
            # Convert PyAV's errors here: some are also OSErrors, which the caller would report as faults of the server.
            raise ClipFailed("merge_failed", "The clips are damaged and cannot be merged.") from exc

    def _write(self, clips: list[Clip], planned: Plan) -> Merged:
        surveys, begin = [clip.survey for clip in clips], COPIED_FROM
        own = Path(tempfile.mkdtemp(prefix=".merge-", dir=self.folder))
        try:
            if not planned.copies_picture:
                surveys, begin = self._encode(clips, planned, own), ENCODED
            return self._join(clips, planned, surveys, begin)
        finally:
            shutil.rmtree(own, ignore_errors=True)

    def _join(self, clips: list[Clip], planned: Plan, surveys: Sequence[Survey], begin: float) -> Merged:
        rate = clips[0].source.sound.sample_rate if planned.copies_sound and clips[0].source.sound else None
        layout = get_layout(surveys, rate)
        sound = None
        if rate is not None:
            sound = copying.copied_sound(surveys, layout, rate, planned.channels)
        elif planned.channels:
            from media_app.av.merge.sound import encoded_sound

            sound = encoded_sound(clips, self.sources, layout, planned.channels, level=self.level)
        try:
            copying.join(
                self.target, surveys, layout, sound, lambda share: self.tell(begin + (99 - begin) * share, "Joining")
            )
            segments = measure(times_of(self.target), [len(survey.shown) for survey in surveys])
            _check_lengths(clips, segments)
        except BaseException:
            self.target.unlink(missing_ok=True)
            raise
        return Merged(planned, clips, segments, self.target.stat().st_size)

    def _look(self, number: int) -> Clip:
        path, name = self.clips[number]
        self.tell(LOOKED * number / len(self.clips), f"Reading clip {number + 1}")
        try:
            path = self._on_one_clock(number, path)
            source = Source.open(path)
            survey = hold_edge_pictures(survey_of(path, source.sound.track if source.sound else None))
        except MediaError as exc:
            raise ClipFailed(exc.code, f"{display_name(number, name)} cannot be read: {exc.message}", number) from exc
        except ConversionFailed as exc:
            raise ClipFailed(
                "merge_failed", f"{display_name(number, name)} cannot be converted: {exc}", number
            ) from exc
        self.sources.append(source)
        clip = Clip(number, name, source, survey)
        if source.facts.truncated or _breaks_off(source, survey):
            raise ClipFailed(
                MediaError.UNREADABLE, f"{clip} cannot be read: its end is missing. Upload it again.", number
            )
        return clip

    def _on_one_clock(self, number: int, path: Path) -> Path:
        facts = probe(path)
        if NORMALIZED.isdisjoint(facts.recording.reasons):
            return path
        folder = self.folder / f"normalized-{number}"
        folder.mkdir(exist_ok=True)
        return normalize(path, folder, facts.recording.reasons, duration=facts.duration, program=lambda: self.program)[
            0
        ]

    def _encoded(self, begin: float, part: float, message: str, share: float) -> None:
        self.tell(begin + part * share, message)

    def _encode(self, clips: Sequence[Clip], planned: Plan, folder: Path) -> list[Survey]:
        from media_app.av.merge.encoding import count_of, encode

        total = float(sum(clip.survey.seconds for clip in clips))
        made: list[Survey] = []
        done = Fraction(0)
        for clip in clips:
            begin = LOOKED + (ENCODED - LOOKED) * float(done) / total
            part = (ENCODED - LOOKED) * float(clip.survey.seconds) / total
            message = f"Encoding clip {clip.number + 1} of {len(clips)}"
            self.tell(begin, message)
            file = folder / f"clip-{clip.number}.mp4"
            try:
                encode(
                    file, clip, self.sources[clip.number], shape=planned.shape, program=self.program,
                    on_progress=partial(self._encoded, begin, part, message),
                )  # fmt: skip
                survey = survey_of(file)
            except (ConversionFailed, MediaError) as exc:
                raise ClipFailed("merge_failed", f"{clip} cannot be converted: {exc}", clip.number) from exc
            wanted = count_of(clip, planned.shape.fps)
            if not wanted - 1 <= len(survey.shown) <= wanted:
                raise ClipFailed("merge_failed", f"{clip} cannot be converted: its data ends early.", clip.number)
            if survey.why_not or (made and survey.extradata != made[0].extradata):
                raise ConversionFailed(f"{clip} has a format that cannot be merged with the other clips.")
            made.append(survey)
            done += clip.survey.seconds
        return made


def _check_lengths(clips: Sequence[Clip], segments: Sequence[Segment]) -> None:
    for clip, segment in zip(clips, segments, strict=True):
        wanted, found = float(clip.survey.seconds), segment.end - segment.start
        if abs(found - wanted) > ROUNDED_SECONDS + 1.5 / min(MAX_FPS, float(clip.source.facts.fps)):
            message = f"{clip} is {wanted:.2f} s long, but its part of the merged video is {found:.2f} s long."
            raise ClipFailed("merge_failed", message, clip.number)


def _breaks_off(source: Source, survey: Survey) -> bool:
    end = (survey.shown[-1] + survey.last_length) * survey.base
    if survey.sound is not None:
        end = max(end, survey.sound.end)
    return source.facts.duration - float(end - survey.origin) > BREAK_SECONDS
