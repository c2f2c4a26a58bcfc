from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from media_app.av.container import MediaError
from media_app.av.frames import Box, Picture
from sessions_app.comparison.alignment.child.answer import (
    INDIRECT_NOTE_PREFIX,
    THIRD_SIDE_SECONDS,
    AlignmentResult,
    Evidence,
    OnProgress,
    Progress,
    Proposal,
    Refusal,
    ShownReading,
    check_third_side,
    safe_name,
    spread_out,
    third_side,
)
from sessions_app.comparison.alignment.child.compare import MIN_VALUES, Disagreement, TimerTrack, Verdict, compare
from sessions_app.comparison.alignment.child.fit import Sample, fit_segments
from sessions_app.comparison.alignment.child.locate import Candidate, Locator, ranked
from sessions_app.comparison.alignment.child.reader import TextFinder, TimerReader
from sessions_app.comparison.alignment.child.refine import refine
from sessions_app.comparison.alignment.child.sample import Source
from sessions_app.comparison.alignment.child.timer_text import PROFILES, format_timer

METHOD = "timer_ocr"
FIRST_LOOK = 3
SECOND_LOOK = 10
CANDIDATES = 4
TRIAL_SAMPLES = 8
# minimum share of readings that fit an evenly running or paused timer; below it, more readings are made
MIN_EXPLAINED_SHARE = 0.5
MIN_READABLE_SHARE = 0.4  # minimum share of readings that look like a time; below it, no timer was found
EVIDENCE_PAIRS = 3
EVIDENCE_WIDTH = 960
EVIDENCE_SHARE = 0.25  # minimum width and height of a picture that shows the timer to users, as a share of the frame
EVIDENCE_ROOM = 2.0  # minimum size of a picture that shows the timer to users, as a multiple of the timer's size
READINGS_SHOWN = 12
ADVICE = "Draw the box tightly around the match timer while it is running, or set the offset by hand."


@dataclass(frozen=True, slots=True)
class Roi:
    """The box that the user drew around the timer."""

    vod_id: str
    time: float
    box: Box


def align_by_timer(
    paths: Sequence[tuple[str, str | os.PathLike[str]]],
    roi: Roi | None,
    game: str,
    reader: TimerReader,
    *,
    evidence_dir: str | os.PathLike[str] | None = None,
    on_progress: OnProgress | None = None,
    threads: int = 2,
) -> AlignmentResult:
    """Align videos by their timers. The first video with a readable timer is the reference, with offset 0.

    on_progress: called with the percentage and a sentence, by several threads.
    """
    aligner = _Aligner(paths, roi, game, reader, Progress(on_progress))
    aligner.threads = max(1, min(threads, len(paths)))
    aligner.evidence_dir = Path(evidence_dir) if evidence_dir else None
    return aligner.run()


@dataclass(slots=True)
class TimerSearch:
    clock: TimerTrack
    best: list[Sample] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def note(self, samples: list[Sample]) -> None:
        self.texts += [s.reading.text for s in samples]
        if not self.best or _share_usable(samples) > _share_usable(self.best):
            self.best = samples


class _Aligner:
    def __init__(
        self,
        paths: Sequence[tuple[str, str | os.PathLike[str]]],
        roi: Roi | None,
        game: str,
        reader: TimerReader,
        progress: Progress,
    ) -> None:
        self._paths = paths
        self._roi = roi
        self._profile = PROFILES[game]
        self._reader = reader
        self._finder = TextFinder()
        self._progress = progress
        self.evidence_dir: Path | None = None
        self.threads = 2

    def run(self) -> AlignmentResult:
        cv2.setNumThreads(1)
        refused: dict[str, Refusal] = {}
        proposals: dict[str, Proposal] = {}
        with ExitStack() as stack, ThreadPoolExecutor(self.threads) as pool:
            sources: dict[str, Source] = {}
            for vod_id, path in self._paths:
                try:
                    sources[vod_id] = stack.enter_context(Source(vod_id, path, self._reader, self._profile))
                except MediaError as exc:
                    refused[vod_id] = Refusal(vod_id, exc.code, f"{vod_id} cannot be read: {exc.message}")
            looks = list(pool.map(self._find_timer, sources.values()))
            clocks = {look.clock.vod_id: look.clock for look in looks if look.clock.runs}
            refused |= {look.clock.vod_id: _no_timer(look) for look in looks if not look.clock.runs}
            reference = next(iter(clocks), None)
            for number, vod_id in enumerate(list(clocks)[1:]):
                self._progress.update("pair", number / len(clocks), f"Comparing {vod_id}", (80, 98, 1))
                # If the reference gives no offset, compare the video with videos that are already aligned.
                for via in [str(reference), *proposals]:
                    answer = compare(clocks[via], clocks[vod_id], pool)
                    if isinstance(answer, Verdict):
                        base = proposals.get(via)
                        proposals[vod_id] = self._propose(sources[via], sources[vod_id], clocks, answer, base)
                        refused.pop(vod_id, None)
                        break
                    refused.setdefault(vod_id, self._disagree(clocks[vod_id], answer))
            self._check_third_side(clocks, proposals, refused, pool)
        order = [vod_id for vod_id, _ in self._paths]
        return AlignmentResult(
            reference,
            tuple(proposals[v] for v in order if v in proposals),
            tuple(refused[v] for v in order if v in refused),
        )

    def _check_third_side(
        self,
        clocks: Mapping[str, TimerTrack],
        proposals: dict[str, Proposal],
        refused: dict[str, Refusal],
        pool: Executor,
    ) -> None:
        sides = third_side(proposals)
        if sides is None:
            return
        b, c = sides
        first, second, apart = clocks[b.vod_id], clocks[c.vod_id], c.offset - b.offset
        begin = max(first.segments[0].start, second.segments[0].start + apart)
        end = min(first.segments[-1].end, second.segments[-1].end + apart)
        if end - begin < THIRD_SIDE_SECONDS:
            return
        found = compare(first, second, pool)
        gap, bound = None, 0.0
        if isinstance(found, Verdict):
            gap, bound = found.offset - apart, found.error_bound
        frame = max(first.frame, second.frame)
        check_third_side(proposals, refused, gap, b.error_bound + c.error_bound + bound + frame)

    def _find_timer(self, source: Source) -> TimerSearch:
        name, parts = source.vod_id, len(self._paths)
        clock = TimerTrack(
            name,
            source.frame,
            lambda: source.samples,
            source.sample_gaps,
            lambda segment, wanted: refine(source, segment, wanted),
            self._profile.slopes,
        )

        def report(done: int, of: int) -> None:
            message = f"Reading the timer in {name}: {done} of {of}"
            self._progress.update(name, done / max(1, of), message, (10, 80, parts))

        self._progress.update(name, 0.1, f"Looking for the timer in {name}", (0, 10, parts))
        locator = Locator(self._finder, self._reader, self._profile)
        look = TimerSearch(clock)
        tried: list[Candidate] = []
        bare: list[Candidate] = []

        def runs(candidate: Candidate) -> bool:
            if any(other.holds(candidate.box) for other in tried):
                return False
            tried.append(candidate)
            source.set_box(candidate.box)
            source.sample_trial(TRIAL_SAMPLES)
            if len({choice.value for s in source.samples for choice in s.possible_readings}) >= MIN_VALUES:
                source.sample_near(source.even_times(), report)
                clock.fit()
                if clock.explained_share < MIN_EXPLAINED_SHARE:
                    source.sample_gaps(report)
                    clock.fit()
            if candidate.is_separated and not clock.runs:
                look.note(source.samples)
            return clock.runs

        for candidate in self._candidates(source, locator):
            if not candidate.is_separated:
                bare.append(candidate)
            elif len(tried) >= CANDIDATES or runs(candidate):
                break
        # A number without a colon or point is usually health, money or a score, so try such numbers last.
        for candidate in ranked(bare)[:CANDIDATES]:
            if clock.runs or runs(candidate):
                break
        report(1, 1)
        look.texts += locator.seen
        return look

    def _candidates(self, source: Source, locator: Locator) -> Iterator[Candidate]:
        if self._roi is not None:
            looks = source.looks(FIRST_LOOK)
            if self._roi.vod_id == source.vod_id:
                looks = [*source.pictures(source.nearest([self._roi.time])), *looks]
                yield from locator.near(self._roi.box, looks)
                looks = source.looks(SECOND_LOOK)
            yield from locator.near(self._roi.box, looks)
        # Search one picture first: a search takes long, and the first picture usually shows the timer.
        first = next(iter(source.pictures(source.spread(FIRST_LOOK))), None)
        if first is not None:
            yield from locator.find_at_edges(first)
        pictures = source.looks(FIRST_LOOK)
        for fine in (False, True):
            for picture in pictures:
                yield from locator.find_anywhere(picture, fine)

    def _disagree(self, clock: TimerTrack, answer: Disagreement) -> Refusal:
        message = f"{answer.message} Check that both videos show the same match. {ADVICE}"
        return Refusal(clock.vod_id, answer.reason, message, _shown(clock.samples(), 5))

    def _propose(
        self, a: Source, b: Source, clocks: Mapping[str, TimerTrack], answer: Verdict, base: Proposal | None
    ) -> Proposal:
        offset, confidence, bound, note = answer.offset, answer.confidence, answer.error_bound, answer.note
        if base is not None:
            offset, confidence = offset + base.offset, round(confidence * base.confidence, 4)
            bound += base.error_bound
            indirect = f"{INDIRECT_NOTE_PREFIX} {a.vod_id}, because a direct match with the reference is not certain."
            note = f"{indirect} {note}".strip()
        return Proposal(
            vod_id=b.vod_id,
            offset=offset,
            confidence=confidence,
            error_bound=bound,
            agreeing=answer.agreeing,
            samples=answer.samples,
            note=note,
            method=METHOD,
            readings=_shown(b.samples, READINGS_SHOWN),
            evidence=self._evidence(a, b, _evidence_times(clocks, a, b, answer.offset), answer.offset),
        )

    def _evidence(self, a: Source, b: Source, times: Sequence[float], offset: float) -> tuple[Evidence, ...]:
        if self.evidence_dir is None:
            return ()
        self.evidence_dir.mkdir(parents=True, exist_ok=True)
        found: list[Evidence] = []
        for number, time in enumerate(times):
            for source, letter, at in ((a, "a", time), (b, "b", time - offset)):
                picture = source.file.frame_at(at + 1e-3)
                if picture is None:
                    continue
                text = source.read_crops([picture.time], [source.crop(picture)])[0].reading.text
                name = f"{safe_name(b.vod_id)}-{number}-{letter}.jpg"
                save_picture(self.evidence_dir / name, picture, source.box)
                found.append(Evidence(name, source.vod_id, round(picture.time, 6), text))
        return tuple(found)


def _share_usable(samples: Sequence[Sample]) -> float:
    return sum(s.usable for s in samples) / max(1, len(samples))


def _no_timer(look: TimerSearch) -> Refusal:
    name, taken, seen = look.clock.vod_id, look.best, [t for t in look.texts if t.strip()]
    usable = [s for s in taken if s.usable]
    texts = sorted(set(seen), key=lambda t: (-seen.count(t), t))[:4]
    saw = f" Text found there: {', '.join(texts)}." if texts else " No text was found there."
    if not taken:
        reason, what = "timer_not_found", f"Nothing in {name} looks like a timer."
    elif len(usable) < max(2.0, MIN_READABLE_SHARE * len(taken)):
        reason = "timer_not_found"
        what = f"No timer could be read in {name}: only {len(usable)} of {len(taken)} readings look like a time."
    elif len({s.value for s in usable}) == 1:
        reason, saw = "timer_frozen", ""
        what = (
            f"The timer in {name} shows {format_timer(usable[0].value)} in all {len(usable)} readings, so it is not "
            "running."
        )
    elif backwards := _runs_the_other_way(look):
        what = (
            f"The timer in {name} counts {backwards}, but timers of the chosen game do not. Choose another "
            "game, or “Detect automatically”."
        )
        return Refusal(name, "timer_direction", what, _shown(taken, 5))
    else:
        reason = "timer_unreadable"
        what = (
            f"{len(usable)} of {len(taken)} readings in {name} look like a time, but they do not form a running timer."
        )
    return Refusal(name, reason, f"{what}{saw} {ADVICE}", _shown(taken, 5))


def _runs_the_other_way(look: TimerSearch) -> str:
    others = [slope for slope in (-1, 1) if slope not in look.clock.slopes]
    return next(("up" if s.slope > 0 else "down" for s in fit_segments(look.best, others) if s.runs), "")


def save_picture(path: Path, picture: Picture, box: Box | None) -> None:
    image = picture.scaled(EVIDENCE_WIDTH) if box is None else picture.crop(surroundings(box))
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])
    if done:
        path.write_bytes(data.tobytes())


def surroundings(box: Box) -> Box:
    share = min(1.0, max(EVIDENCE_SHARE, EVIDENCE_ROOM * max(box.width, box.height)))
    x = min(max(box.x + box.width / 2 - share / 2, 0.0), 1.0 - share)
    y = min(max(box.y + box.height / 2 - share / 2, 0.0), 1.0 - share)
    return Box(x, y, share, share)


def _evidence_times(clocks: Mapping[str, TimerTrack], a: Source, b: Source, offset: float) -> list[float]:
    runs = [s for s in clocks[b.vod_id].segments if s.runs]
    times = [sample.time for s in clocks[a.vod_id].segments if s.runs for sample in s.samples]
    times = [t for t in times if any(run.covers(t - offset) for run in runs)]
    if not times:
        return []
    keyframes = b.file.keyframes

    def cost(time: float) -> float:
        place = int(np.searchsorted(keyframes, time - offset, "right")) - 1
        return time - offset - float(keyframes[max(0, place)])

    parts = np.array_split(np.array(sorted(times)), min(EVIDENCE_PAIRS, len(times)))
    return [min((float(t) for t in part), key=cost) for part in parts]


def _shown(samples: Sequence[Sample], count: int) -> tuple[ShownReading, ...]:
    return tuple(
        ShownReading(round(s.time, 6), s.reading.text, s.reading.value, round(s.reading.confidence, 4))
        for s in spread_out(samples, count)
    )
