from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from media_app.av.container import MediaError
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
from sessions_app.comparison.alignment.child.sound.align import (
    JUMP_SECONDS,
    SoundMatch,
    SoundRefusal,
    Window,
    align_sounds,
    play_time,
)
from sessions_app.comparison.alignment.child.sound.confidence import confidence_of
from sessions_app.comparison.alignment.child.sound.evidence import (
    LISTEN_SECONDS,
    SHOWN_SECONDS,
    draw_outlines,
    write_listening_sample,
)
from sessions_app.comparison.alignment.child.sound.recording import Recording
from sessions_app.comparison.alignment.child.sound.track import NoSound
from sessions_app.comparison.timeline import Placement

METHOD = "audio"
READINGS_SHOWN = 12
REFUSE_BELOW = 0.5
SURE_DRIFT = 3.0  # minimum ratio of a drift to its standard error; a smaller drift is taken as 0
LEAST_DRIFT_PPM = 1.0
ADVICE = "Align by the timer instead, or set the offset by hand."


def align_by_sound(
    paths: Sequence[tuple[str, str | os.PathLike[str]]],
    *,
    evidence_dir: str | os.PathLike[str] | None = None,
    on_progress: OnProgress | None = None,
    threads: int = 2,
) -> AlignmentResult:
    """Align videos by their sound. The first video with sound is the reference, with offset 0."""
    progress = Progress(on_progress)
    folder = Path(evidence_dir) if evidence_dir else None
    refused: dict[str, Refusal] = {}
    proposals: dict[str, Proposal] = {}
    with ExitStack() as stack:
        recordings: dict[str, Recording] = {}
        with ThreadPoolExecutor(max(1, min(threads, len(paths)))) as pool:
            hearing = [
                (vod_id, pool.submit(_open_recording, vod_id, path, progress, len(paths), is_reference=number == 0))
                for number, (vod_id, path) in enumerate(paths)
            ]
        for vod_id, future in hearing:
            try:
                recording = stack.enter_context(future.result())
                if not recordings:
                    recording.read_all()
                recordings[vod_id] = recording
            except (MediaError, NoSound) as exc:
                refused[vod_id] = _unheard(vod_id, exc)
        reference = next(iter(recordings), None)
        for number, (vod_id, recording) in enumerate(list(recordings.items())[1:]):
            progress.update("pair", number / len(recordings), f"Comparing the sound of {vod_id}", (60, 98, 1))
            # If the reference gives no sure offset, compare the video with videos that are already aligned.
            for via in [str(reference), *proposals]:
                try:
                    answer = align_sounds(recordings[via], recording)
                except (MediaError, NoSound) as exc:
                    refused[vod_id] = _unheard(vod_id, exc)
                    break
                if isinstance(answer, SoundMatch) and confidence_of(answer) >= REFUSE_BELOW:
                    base = proposals.get(via)
                    proposals[vod_id] = _propose(recordings[via], recording, answer, base, folder)
                    refused.pop(vod_id, None)
                    break
                refused.setdefault(vod_id, _refuse(vod_id, answer))
        _check_third_side(recordings, proposals, refused)
    order = [vod_id for vod_id, _ in paths]
    return AlignmentResult(
        reference,
        tuple(proposals[v] for v in order if v in proposals),
        tuple(refused[v] for v in order if v in refused),
    )


def _check_third_side(
    recordings: dict[str, Recording], proposals: dict[str, Proposal], refused: dict[str, Refusal]
) -> None:
    sides = third_side(proposals)
    if sides is None:
        return
    b, c = sides
    first, second = recordings[b.vod_id], recordings[c.vod_id]
    expected = b.placement.inverse().then(c.placement)
    common = min(first.duration, expected.global_time(second.duration)) - max(0.0, expected.global_time(0.0))
    if common < THIRD_SIDE_SECONDS:
        return
    found = align_sounds(first, second)
    gap, bound = None, 0.0
    if isinstance(found, SoundMatch) and confidence_of(found) >= REFUSE_BELOW:
        gap, bound = expected.time_at(found.anchor) - (found.anchor - found.offset), found.error_bound
    check_third_side(proposals, refused, gap, b.error_bound + c.error_bound + bound + JUMP_SECONDS)


def _open_recording(
    vod_id: str, path: str | os.PathLike[str], progress: Progress, parts: int, *, is_reference: bool
) -> Recording:
    def report(share: float) -> None:
        progress.update(vod_id, share, f"Listening to {vod_id}", (0, 60, parts))

    report(0.0)
    with ExitStack() as stack:
        recording = stack.enter_context(Recording(vod_id, path))
        if is_reference:
            recording.read_all(report)
        else:
            recording.read_probes()
        stack.pop_all()
    report(1.0)
    return recording


def _unheard(vod_id: str, exc: MediaError | NoSound) -> Refusal:
    if isinstance(exc, MediaError):
        return Refusal(vod_id, exc.code, f"{vod_id} cannot be read: {exc.message}")
    return Refusal(vod_id, "no_sound", f"{vod_id} cannot be aligned by its sound. {exc} {ADVICE}")


def _refuse(vod_id: str, answer: SoundMatch | SoundRefusal) -> Refusal:
    readings = _readings(answer.windows)
    if isinstance(answer, SoundRefusal):
        return Refusal(vod_id, answer.reason, f"{vod_id}: {answer.message}", readings)
    message = (
        f"{vod_id}: the sound has an offset of {answer.offset:+.3f} s in {answer.agreeing} of {answer.samples} places, "
        "which is not reliable enough."
    )
    return Refusal(vod_id, "sound_uncertain", f"{message} {ADVICE}", readings)


def _propose(a: Recording, b: Recording, found: SoundMatch, base: Proposal | None, folder: Path | None) -> Proposal:
    confidence, bound = confidence_of(found), found.error_bound
    notes = [
        f"For {r.vod_id}, sound track {r.track.number} of {r.track.count} was used."
        for r in (a, b)
        if r.track.count > 1
    ]
    # Invert the drift's sign: a fast recording has a positive `Placement.drift_ppm`, but a falling offset.
    drift = -found.drift_ppm
    if abs(drift) < max(SURE_DRIFT * found.drift_error_ppm, LEAST_DRIFT_PPM):
        drift = 0.0
    if drift:
        notes.append(f"The recordings drift apart by {abs(drift) * 0.6:.0f} ms in 10 minutes ({abs(drift):.0f} ppm).")
    placement = Placement(found.offset, drift, found.anchor)
    if base is not None:
        placement = base.placement.then(placement)
        confidence = round(confidence * base.confidence, 4)
        bound += base.error_bound
        notes.insert(0, f"{INDIRECT_NOTE_PREFIX} {a.vod_id}, because a direct match with the reference is not certain.")
    return Proposal(
        vod_id=b.vod_id,
        offset=placement.offset,
        confidence=confidence,
        error_bound=bound,
        agreeing=found.agreeing,
        samples=found.samples,
        note=" ".join(notes),
        method=METHOD,
        drift_ppm=round(placement.drift_ppm, 2),
        drift_anchor=placement.anchor,
        readings=_readings(found.windows),
        evidence=_evidence(a, b, found, folder),
    )


def _readings(windows: Sequence[Window]) -> tuple[ShownReading, ...]:
    return tuple(
        ShownReading(
            round(w.time, 3), f"{w.offset:+.3f} s" if w.is_measured else "", w.offset if w.is_measured else None,
            round(w.certainty, 4),
        )
        for w in spread_out(windows, READINGS_SHOWN)
    )  # fmt: skip


def _evidence(a: Recording, b: Recording, found: SoundMatch, folder: Path | None) -> tuple[Evidence, ...]:
    if folder is None:
        return ()
    folder.mkdir(parents=True, exist_ok=True)
    best = max(found.windows, key=lambda window: window.sharpness)
    name = safe_name(b.vod_id)
    items = []
    for kind, ending, seconds, write in (
        ("outline", "png", SHOWN_SECONDS, draw_outlines),
        ("sample", "wav", LISTEN_SECONDS, write_listening_sample),
    ):
        first_common = max(0.0, best.offset)
        last_common = min(a.duration, b.duration + best.offset) - seconds
        start = max(first_common, min(best.time - seconds / 2, last_common))
        first, second = a.samples(start, seconds)[0], b.samples(start - best.offset, seconds)[0]
        write(first, second, folder / f"{name}-{kind}.{ending}")
        items.append(
            Evidence(f"{name}-{kind}.{ending}", b.vod_id, round(start - best.offset, 6), play_time(start), kind)
        )
    return tuple(items)
