from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from sessions_app.comparison.alignment.child import by_sound, by_timer
from sessions_app.comparison.alignment.child.answer import (
    AlignmentResult,
    Evidence,
    Finding,
    OnProgress,
    Proposal,
    Refusal,
    ShownReading,
)
from sessions_app.comparison.alignment.child.by_sound import align_by_sound
from sessions_app.comparison.alignment.child.by_timer import Roi, align_by_timer
from sessions_app.comparison.alignment.child.confidence import ONE_CLOCK_CAP
from sessions_app.comparison.alignment.child.reader import TimerReader
from sessions_app.comparison.timeline import Placement
from vodplatform.core.formatting import hundredths

# maximum seconds between agreeing offsets by timer and by sound; recorders may delay sound and picture differently
AGREE_SECONDS = 0.25
ALONE_CAP = 0.95  # maximum confidence of an offset by timer or by sound if the other method finds no offset
# maximum confidence of one method's offset if the other method contradicts it or makes it doubtful
DOUBTED_CAP = 0.85
# If timer and sound give different offsets, the likelier offset is used if its probability is at least this. Otherwise,
# both are refused if they differ by more than `AGREE_SECONDS`.
MIN_WINNER_PROBABILITY = 0.8
MOST = 0.999
# If the alignment by sound is refused for one of these reasons, the timer's offset is also refused.
BROKEN = {"not_one_recording", "speed_differs"}
# If the alignment by sound is refused for one of these reasons, the timer's offset is doubtful. It is refused if its
# confidence is at most `ONE_CLOCK_CAP`.
UNLIKE = {"sound_unrelated", "sound_agrees_in_part", "sound_repeats"}
# If the alignment by timer is refused for one of these reasons, the sound's offset is doubtful.
READ = {"no_common_clock", "no_overlap", "ambiguous_rounds", "timers_disagree"}


def align_by_both(
    paths: Sequence[tuple[str, str | os.PathLike[str]]],
    roi: Roi | None,
    game: str,
    reader: TimerReader,
    *,
    evidence_dir: str | os.PathLike[str] | None = None,
    on_progress: OnProgress | None = None,
    threads: int = 2,
) -> AlignmentResult:
    """Align videos by timer and sound, both at once if ``threads`` is at least 2."""
    progress = _SharedProgress(on_progress)
    with ThreadPoolExecutor(1) as pool:
        hearing = pool.submit(
            align_by_sound, paths, evidence_dir=evidence_dir, on_progress=progress.part("sound"), threads=threads
        )
        if threads < 2:
            hearing.exception()  # wait for the alignment by sound; `hearing.result` below raises its error
        timer = align_by_timer(
            paths,
            roi,
            game,
            reader,
            evidence_dir=evidence_dir,
            on_progress=progress.part("timer"),
            threads=threads,
        )
        return combine_results([vod_id for vod_id, _ in paths], timer, hearing.result())


class _SharedProgress:
    def __init__(self, report: OnProgress | None) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._percents = {"timer": 0.0, "sound": 0.0}

    def part(self, name: str) -> OnProgress | None:
        report = self._report
        if report is None:
            return None

        def update(percent: float, message: str) -> None:
            with self._lock:
                self._percents[name] = percent
                report(sum(self._percents.values()) / len(self._percents), message)

        return update


def combine_results(order: Sequence[str], timer: AlignmentResult, sound: AlignmentResult) -> AlignmentResult:
    placed = [vod_id for vod_id in order if vod_id in _members(timer) or vod_id in _members(sound)]
    reference = placed[0] if placed else sound.reference or timer.reference
    read = _proposals_relative_to(reference, order, timer, sound)
    heard = _proposals_relative_to(reference, order, sound, timer)
    proposals: list[Proposal] = []
    refused: list[Refusal] = []
    for vod_id in order:
        if vod_id == reference:
            continue
        reasons = _reason(vod_id, reference, timer), _reason(vod_id, reference, sound)
        answer = _weigh_one(vod_id, read.get(vod_id), heard.get(vod_id), *reasons)
        if isinstance(answer, Proposal):
            proposals.append(answer)
        else:
            refused.append(answer)
    return AlignmentResult(reference, tuple(proposals), tuple(refused))


def _members(result: AlignmentResult) -> dict[str, Placement]:
    if not result.proposals:
        return {}
    return {str(result.reference): Placement(), **{item.vod_id: item.placement for item in result.proposals}}


def _proposals_relative_to(
    reference: str | None, order: Sequence[str], result: AlignmentResult, other: AlignmentResult
) -> dict[str, Proposal]:
    own, proposals = _members(result), {item.vod_id: item for item in result.proposals}
    if not own or reference in own:
        return proposals
    base = next(vod_id for vod_id in order if vod_id in own and vod_id in _members(other))
    through = next(item for item in other.proposals if item.vod_id == base)
    found = {}
    for vod_id, placement in own.items():
        if vod_id == base:
            continue
        source = proposals.get(vod_id) or proposals[base]
        moved = source.placed(through.placement.then(own[base].inverse().then(placement)))
        found[vod_id] = dataclasses.replace(
            moved,
            vod_id=vod_id,
            confidence=round(source.confidence * through.confidence, 4),
            error_bound=source.error_bound + through.error_bound,
            note=f"Aligned through {base}. {source.note}".strip(),
        )
    return found


def _reason(vod_id: str, reference: str | None, result: AlignmentResult) -> Refusal:
    refused = {item.vod_id: item for item in result.refused}
    found = refused.get(vod_id) or refused.get(str(reference)) or next(iter(refused.values()), None)
    return found or Refusal(vod_id, "nothing_to_compare", "No other video could be compared with this one.")


def _weigh_one(
    vod_id: str, read: Proposal | None, heard: Proposal | None, unread: Refusal, unheard: Refusal
) -> Proposal | Refusal:
    findings = (
        read.finding if read else Finding(by_timer.METHOD, reason=unread.reason, message=unread.message),
        heard.finding if heard else Finding(by_sound.METHOD, reason=unheard.reason, message=unheard.message),
    )
    if read and heard:
        answer = _both(read, heard)
    elif read:
        answer = _timer_alone(read, unheard)
    elif heard:
        answer = _sound_alone(heard, unread)
    else:
        answer = _neither(vod_id, unread, unheard)
    return dataclasses.replace(answer, findings=findings)


def _both(read: Proposal, heard: Proposal) -> Proposal | Refusal:
    gap = heard.offset - read.offset
    # The sound's offset is exact at `drift_anchor`. Until time 0, drift changes it by this many seconds.
    drifted = abs(heard.drift_ppm or 0.0) * 1e-6 * heard.drift_anchor
    # Users compare pictures, which contain the timer. So use the timer's offset if it is the more exact one.
    seen = read.placed(Placement(read.offset, heard.drift_ppm or 0.0, heard.drift_anchor))
    if abs(gap) <= read.error_bound + heard.error_bound + drifted:
        best = heard if heard.error_bound <= read.error_bound else seen
        confidence = min(MOST, 1 - (1 - read.confidence) * (1 - heard.confidence))
        return _with_both(best, read, heard, confidence, "Timer and sound agree.")
    if abs(gap) <= AGREE_SECONDS + drifted:
        return _combine_close_offsets(seen, heard, gap)
    sound_stands = probability_against(heard.confidence, read.confidence)
    timer_stands = probability_against(read.confidence, heard.confidence)
    if max(sound_stands, timer_stands) < MIN_WINNER_PROBABILITY:
        return Refusal(
            read.vod_id,
            "contradiction",
            f"{read.vod_id}: timer and sound disagree. The timer gives {read.offset:+.3f} s, the sound "
            f"{heard.offset:+.3f} s. Check the evidence of both, then align by the method that you trust.",
            read.readings + heard.readings,
            read.evidence + heard.evidence,
        )
    if sound_stands > timer_stands:
        note = (
            f"Aligned by sound. The timer gives {read.offset:+.3f} s with lower confidence "
            f"({hundredths(read.confidence)})."
        )
        return _with_both(heard, read, heard, min(DOUBTED_CAP, sound_stands), note)
    note = (
        f"Aligned by timer. The sound gives {heard.offset:+.3f} s with lower confidence "
        f"({hundredths(heard.confidence)})."
    )
    return _with_both(read, read, heard, min(DOUBTED_CAP, timer_stands), note)


def probability_against(confidence: float, other: float) -> float:
    """Return the probability that an answer is right although another, independent answer contradicts it."""
    return confidence * (1 - other) / (1 - confidence * other)


def _combine_close_offsets(read: Proposal, heard: Proposal, gap: float) -> Proposal:
    # ONE_CLOCK_CAP lowers the confidence, because timers of different matches can agree by chance. Here, the sound
    # shows that both recordings are of the same match, so restore the confidence.
    sure = min(MOST, read.confidence / ONE_CLOCK_CAP if read.confidence <= ONE_CLOCK_CAP else read.confidence)
    if probability_against(heard.confidence, sure) >= MIN_WINNER_PROBABILITY:
        side = "earlier" if gap > 0 else "later"
        sure_of = hundredths(read.confidence)
        note = (
            f"Aligned by sound. By the timer, the video would start {abs(gap) * 1000:.0f} ms {side}, with lower "
            f"confidence ({sure_of})."
        )
        return _with_both(heard, read, heard, heard.confidence, note)
    side = "later" if gap > 0 else "earlier"
    note = f"Aligned by timer. By sound, the video would start {abs(gap) * 1000:.0f} ms {side}."
    if probability_against(sure, heard.confidence) < MIN_WINNER_PROBABILITY:
        read = dataclasses.replace(read, error_bound=abs(gap) + heard.error_bound)
    return _with_both(read, read, heard, read.confidence, note)


def _with_both(best: Proposal, read: Proposal, heard: Proposal, confidence: float, note: str) -> Proposal:
    return dataclasses.replace(
        best,
        confidence=round(confidence, 4),
        agreeing=read.agreeing + heard.agreeing,
        samples=read.samples + heard.samples,
        note=_joined(note, best.note),
        readings=read.readings + heard.readings,
        evidence=read.evidence + heard.evidence,
    )


def _timer_alone(read: Proposal, unheard: Refusal) -> Proposal | Refusal:
    says = f"The timer alone gives {read.offset:+.3f} s, confidence {hundredths(read.confidence)}."
    doubtful = read.confidence <= ONE_CLOCK_CAP
    if unheard.reason in BROKEN or (unheard.reason in UNLIKE and doubtful):
        why = " Timers of different matches can show the same times." if unheard.reason in UNLIKE else ""
        return Refusal(read.vod_id, unheard.reason, f"{unheard.message} {says}{why}", read.readings, read.evidence)
    cap = DOUBTED_CAP if unheard.reason in UNLIKE else ALONE_CAP
    return dataclasses.replace(
        read,
        confidence=min(cap, read.confidence),
        note=_joined("Aligned by timer alone.", read.note, unheard.message.removesuffix(by_sound.ADVICE)),
    )


def _sound_alone(heard: Proposal, unread: Refusal) -> Proposal:
    cap = DOUBTED_CAP if unread.reason in READ else ALONE_CAP
    return dataclasses.replace(
        heard,
        confidence=min(cap, heard.confidence),
        note=_joined("Aligned by sound alone.", heard.note, unread.message),
    )


def _neither(vod_id: str, unread: Refusal, unheard: Refusal) -> Refusal:
    main, other = (unread, unheard) if unheard.reason == "no_sound" else (unheard, unread)
    message = " ".join(dict.fromkeys((main.message, other.message)))
    readings: tuple[ShownReading, ...] = main.readings + other.readings
    evidence: tuple[Evidence, ...] = main.evidence + other.evidence
    return Refusal(vod_id, main.reason, message, readings, evidence)


def _joined(*sentences: str) -> str:
    return " ".join(sentence.strip() for sentence in sentences if sentence)
