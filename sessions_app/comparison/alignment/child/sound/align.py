from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sessions_app.comparison.alignment.child.sound.delay import measure_delay
from sessions_app.comparison.alignment.child.sound.flux import HOP_SECONDS, is_silent
from sessions_app.comparison.alignment.child.sound.line import Line, fit_line
from sessions_app.comparison.alignment.child.sound.recording import Recording
from sessions_app.comparison.alignment.child.sound.search import KnownFlux, Peak, find_peaks, find_stretch

CANDIDATES = 12
SCAN_WINDOWS = 4  # number of windows (short pieces of sound) by which candidate lags are first compared
MAX_MEASURED_PLACES = 3  # maximum number of candidate lags that are measured again, with more windows
# If the correlation peaks at another lag are at least this share as high as at the best lag, the sound counts as
# repetitive.
RIVAL_SHARE = 0.6
# Ratios of the best lag's score to the second-best lag's score. Below REPEATED_RATIO, the sound counts as repetitive.
# Below CLEAR_RATIO, the second recording is read completely. Below PLAIN_RATIO, all candidate lags are measured, not
# only the best lag.
REPEATED_RATIO = 1.25
CLEAR_RATIO = 1.5
CLEAR_SCORE = 9.0
PLAIN_RATIO = 3.0
LEAST_SCORE = 6.0
STRETCHED_SCORE = 12.0
# An alignment is refused with `speed_differs` only if the best score at a changed speed is at least this multiple of
# the best score at equal speed.
STRETCHED_RATIO = 1.3
STRETCH_SECONDS = 20.0

# usual and minimum length of a window, seconds
WINDOW_SECONDS, LEAST_WINDOW_SECONDS = 4.0, 1.0
FEWEST_WINDOWS, WINDOWS = 8, 16
LONG_SECONDS = 1800.0  # overlap of the recordings in seconds above which the number of windows grows with the overlap
MOST_WINDOWS = 48
SEARCH_SECONDS = 0.5  # seconds searched before and after the expected offset of a window
SHARP = 7.0  # minimum sharpness of a window, in standard deviations; below it, the window's offset is not used
MIN_AGREEING = 3
MIN_SHARE = 0.5  # minimum share of windows that must agree on a proposed offset
JUMP_SECONDS = 0.01
# An offset is refused if a run of consecutive windows disagrees with it: at least LEAST_APART windows, and at
# least the share PART_APART of all windows.
LEAST_APART, PART_APART = 4, 0.25
LEAST_BOUND = 2e-4


@dataclass(frozen=True, slots=True)
class Window:
    """The offset measured in one window, which is a short piece of both recordings."""

    time: float
    offset: float
    sharpness: float

    @property
    def is_measured(self) -> bool:
        return self.sharpness >= SHARP

    @property
    def certainty(self) -> float:
        return max(0.0, 1.0 - (SHARP / self.sharpness) ** 2) if self.sharpness > 0 else 0.0


@dataclass(frozen=True, slots=True)
class SoundMatch:
    """An offset found by sound: ``first_time = second_time + offset``, seconds.

    anchor: time in the first recording at which the offset is exact. drift_ppm: growth of the offset with time.
    ratio: best lag's score divided by the second-best lag's score.
    """

    offset: float
    anchor: float
    error_bound: float
    drift_ppm: float
    drift_error_ppm: float
    overlap: float
    agreeing: int
    samples: int
    ratio: float
    score: float
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class SoundRefusal:
    """A refusal to state an offset. doubted: unreliable offset that was measured, or None."""

    reason: str
    message: str
    windows: tuple[Window, ...] = ()
    doubted: SoundMatch | None = None


@dataclass(slots=True)
class _Place:
    peak: Peak
    windows: list[Window]
    line: Line | None = None
    on: list[Window] = field(default_factory=list)

    @property
    def share(self) -> float:
        return len(self.on) / max(1, len(self.windows))

    @property
    def weight(self) -> float:
        return float(sum(window.sharpness for window in self.on))

    @property
    def sharpness(self) -> float:
        return float(np.median([window.sharpness for window in self.on])) if self.on else 0.0


@dataclass(slots=True)
class _Pair:
    first: Recording
    second: Recording
    whole: KnownFlux
    heard: KnownFlux

    def overlap(self, lag: float) -> tuple[float, float]:
        return max(0.0, lag), min(self.first.duration, self.second.duration + lag)


def align_sounds(first: Recording, second: Recording) -> SoundMatch | SoundRefusal:
    """Return the offset of ``second`` relative to ``first``, or a refusal.

    Raises :class:`sessions_app.comparison.alignment.child.sound.track.NoSound` for a silent recording.
    """
    pair = _Pair(first, second, first.read_all(), second.read_probes())
    peaks = find_peaks(pair.whole, pair.heard, CANDIDATES)
    if not _is_clear(peaks):
        pair.heard = second.read_all()
        peaks = find_peaks(pair.whole, pair.heard, CANDIDATES)
    if not peaks or peaks[0].score < LEAST_SCORE:
        return _unrelated(pair)
    glances = [_measure_place(pair, peaks[0], SCAN_WINDOWS)]
    if len(glances[0].on) < SCAN_WINDOWS or _ratio(peaks) < PLAIN_RATIO:
        glances += [_measure_place(pair, peak, SCAN_WINDOWS) for peak in peaks[1:]]
    glances.sort(key=lambda place: place.weight, reverse=True)
    count = max(2, sum(len(place.on) > 1 for place in glances[:MAX_MEASURED_PLACES]))
    places = [_measure_place(pair, place.peak, WINDOWS) for place in glances[:count]]
    return _judge(pair, peaks, places, glances)


def _ratio(peaks: Sequence[Peak]) -> float:
    return peaks[0].score / peaks[1].score if len(peaks) > 1 else (math.inf if peaks else 0.0)


def _is_clear(peaks: Sequence[Peak]) -> bool:
    return bool(peaks) and peaks[0].score >= CLEAR_SCORE and _ratio(peaks) >= CLEAR_RATIO


def _measure_place(pair: _Pair, peak: Peak, windows: int, within: tuple[float, float] = (0.0, math.inf)) -> _Place:
    begin, end = pair.overlap(peak.lag)
    begin, end = max(begin, within[0]), min(end, within[1])
    place = _Place(peak, [])
    length = end - begin
    seconds = min(WINDOW_SECONDS, max(LEAST_WINDOW_SECONDS, length / FEWEST_WINDOWS))
    count = windows if length <= LONG_SECONDS else min(MOST_WINDOWS, round(windows * length / LONG_SECONDS))
    count = min(count, int(length / seconds))
    starts = [_busiest(pair.whole, begin + length * n / count, length / count, seconds) for n in range(count)]
    # Measure the middle windows first: their offsets show the drift, needed for the outer windows.
    middle = begin + length / 2
    for start in sorted(starts, key=lambda start: abs(start - middle)):
        expected = place.line.at(start) if place.line is not None and len(place.line.on) > 2 else peak.lag
        window = _measure(pair, start, seconds, expected)
        if window is None:
            continue
        place.windows.append(window)
        measured = [w for w in place.windows if w.is_measured]
        place.line = fit_line([w.time for w in measured], [w.offset for w in measured])
        place.on = [measured[n] for n in place.line.on] if place.line is not None else []
    place.windows.sort(key=lambda window: window.time)
    place.on.sort(key=lambda window: window.time)
    return place


def _busiest(whole: KnownFlux, begin: float, length: float, seconds: float) -> float:
    first, last = round(begin / HOP_SECONDS), round((begin + length) / HOP_SECONDS)
    activity = np.maximum(whole.flux[:, first:last], 0.0).sum(axis=0, dtype=np.float64)
    width = round(seconds / HOP_SECONDS)
    if len(activity) <= width:
        return begin
    total = np.concatenate([[0.0], np.cumsum(activity)])
    return begin + int(np.argmax(total[width:] - total[:-width])) * HOP_SECONDS


def _measure(pair: _Pair, start: float, seconds: float, expected: float) -> Window | None:
    piece, share = pair.second.samples(start - expected, seconds)
    if share < 0.5 or is_silent(piece):
        return None
    around, share = pair.first.samples(start - SEARCH_SECONDS, seconds + 2 * SEARCH_SECONDS)
    if share < 0.5 or is_silent(around):
        return None
    delay = measure_delay(around, piece)
    return Window(start + seconds / 2, expected - SEARCH_SECONDS + delay.seconds, delay.sharpness)


def _judge(
    pair: _Pair, peaks: Sequence[Peak], places: Sequence[_Place], glances: Sequence[_Place]
) -> SoundMatch | SoundRefusal:
    best = max(places, key=lambda place: place.weight)
    windows = tuple(best.windows)
    jump = _find_jump([*places, *_find_other_places(pair, best)])
    if jump is not None:
        before, after, at = jump
        return SoundRefusal(
            "not_one_recording",
            f"Part of one recording is missing: the offset is {before:.3f} s until {play_time(at)} of the first "
            f"recording, and {after:.3f} s after that. Cut the recordings at this moment and align the parts "
            "separately.",
            windows,
        )
    if best.line is None or len(best.on) < MIN_AGREEING:
        return _unrelated(pair)
    match = _match(pair, best, best.line, _ratio(peaks))
    apart = _longest_run_apart(best)
    if best.share < MIN_SHARE or len(apart) >= max(LEAST_APART, PART_APART * len(best.windows)):
        begin, end = play_time(best.on[0].time), play_time(best.on[-1].time)
        return SoundRefusal(
            "sound_agrees_in_part",
            f"The sounds match in only {len(best.on)} of {len(best.windows)} places, all between {begin} and {end} of "
            "the first recording. Perhaps the recordings share only background music. Align by the timer, or set the "
            "offset by hand.",
            windows,
            match,
        )
    rival = next((place.peak for place in glances if _is_rival(place, best)), None)
    if rival is None and _ratio(peaks) < REPEATED_RATIO:
        rival = next(peak for peak in peaks if peak is not best.peak)
    if rival is not None:
        return SoundRefusal(
            "sound_repeats",
            f"The sound repeats: offsets of {best.peak.lag:.1f} s and {rival.lag:.1f} s fit about equally well. "
            "Align by the timer, or set the offset by hand.",
            windows,
            match,
        )
    return match


def _longest_run_apart(place: _Place) -> list[Window]:
    longest: list[Window] = []
    run: list[Window] = []
    for window in place.windows:
        run = [] if window in place.on else [*run, window]
        longest = max(longest, run, key=len)
    return longest


def _find_other_places(pair: _Pair, place: _Place) -> list[_Place]:
    apart = _longest_run_apart(place)
    if len(apart) < 2 or place.line is None:
        return []
    begin, end = apart[0].time - WINDOW_SECONDS / 2, apart[-1].time + WINDOW_SECONDS / 2
    lag = place.line.at(begin)
    pair.heard = pair.second.read_all()
    found = []
    for peak in find_peaks(pair.whole, pair.heard.part(max(0.0, begin - lag), end - begin), SCAN_WINDOWS):
        if peak.score >= LEAST_SCORE:
            within = begin - lag + peak.lag, end - lag + peak.lag
            found.append(_measure_place(pair, peak, WINDOWS, within))
    return found


def _is_rival(place: _Place, best: _Place) -> bool:
    is_other = abs(place.peak.lag - best.peak.lag) > 2 * SEARCH_SECONDS
    return is_other and len(place.on) >= MIN_AGREEING and place.sharpness >= RIVAL_SHARE * best.sharpness


def _match(pair: _Pair, place: _Place, line: Line, ratio: float) -> SoundMatch:
    begin, end = pair.overlap(line.offset)
    middle = (begin + end) / 2
    rests = [abs(w.offset - line.at(w.time)) for w in place.on]
    return SoundMatch(
        offset=line.at(middle),
        anchor=middle,
        error_bound=max(3 * line.error, LEAST_BOUND, 2 * float(np.median(rests))),
        drift_ppm=line.drift_ppm,
        drift_error_ppm=line.drift_error_ppm,
        overlap=end - begin,
        agreeing=len(place.on),
        samples=len(place.windows),
        ratio=ratio,
        score=place.peak.score,
        windows=tuple(place.windows),
    )


def _find_jump(places: Sequence[_Place]) -> tuple[float, float, float] | None:
    sides: list[list[Window]] = []
    for place in places:
        if place.line is None or len(place.on) < 2:
            continue
        sides.append(place.on)
        rest = [w for w in place.windows if w.is_measured and w not in place.on]
        line = fit_line([w.time for w in rest], [w.offset for w in rest])
        if line is not None and len(line.on) >= 2:
            sides.append([rest[n] for n in line.on])
    for one in sides:
        for other in sides:
            if one is other or one[-1].time >= other[0].time:
                continue
            if abs(one[-1].offset - other[0].offset) < JUMP_SECONDS or min(len(one), len(other)) < 2:
                continue
            if len(one) + len(other) < MIN_SHARE * len(places[0].windows):
                continue
            return one[-1].offset, other[0].offset, (one[-1].time + other[0].time) / 2
    return None


def _unrelated(pair: _Pair) -> SoundRefusal:
    whole, heard = pair.whole, pair.heard
    length = len(heard.mask) * HOP_SECONDS
    if heard.seconds > STRETCH_SECONDS:
        start = max(0.0, length / 2 - STRETCH_SECONDS / 2)
        stretch, peak = find_stretch(whole, heard, start, STRETCH_SECONDS)
        plain = max((one.score for one in find_peaks(whole, heard.part(start, STRETCH_SECONDS), 1)), default=0.0)
        if peak.score >= max(STRETCHED_SCORE, STRETCHED_RATIO * plain):
            return SoundRefusal(
                "speed_differs",
                f"One recording plays {abs(stretch - 1) * 100:.1f} % faster than the other. Convert both to the "
                "same speed first.",
            )
    return SoundRefusal(
        "sound_unrelated",
        "The sounds do not match anywhere. Check that both videos show the same event, or align by the timer.",
    )


def play_time(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:04.1f}"
