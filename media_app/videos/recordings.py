"""Notes that tell users about losses and changes in a recording."""

from __future__ import annotations

from typing import Any

from media_app.videos.models import Video
from vodplatform.core.formatting import clock, counted, duration

NAMES = {"video": "The picture", "audio": "The sound"}
MANY_BREAKS = 10
MIN_TRACK_GAP_SECONDS = 1.0  # a note is shown if picture and sound end more than this many seconds apart


def notes_of(video: Video) -> list[str]:
    recording: dict[str, Any] = video.recording
    notes = [_break(found) for found in recording.get("breaks", ())]
    if len(notes) > MANY_BREAKS:
        more = counted(len(notes) - MANY_BREAKS, "more time")
        notes = [*notes[:MANY_BREAKS], f"The recording was interrupted {more}."]
    if promised := recording.get("claimed_duration"):
        notes.append(
            f"The end of the recording is missing: it ends at {duration(recording['duration'])} instead of "
            f"{duration(promised)}."
        )
    elif "cut" in recording.get("reasons", ()):
        notes.append("The recording ends abruptly. It is shown up to its last complete frame.")
    if outlasting := _outlasting(recording):
        other = "picture" if outlasting == "sound" else "sound"
        notes.append(f"The {other} ends at {duration(recording[f'{other}_end'])}; the {outlasting} continues.")
    if begin := recording.get("clock_start"):
        notes.append(f"The recording's own clock starts at {clock(begin)}; here it starts at 0:00.")
    if len(sizes := recording.get("sizes", ())) > 1:
        width, height = max(sizes, key=lambda size: size[0] * size[1])
        notes.append(f"The resolution changes during the recording. It is always shown at {width}×{height}.")
    return notes


def is_notable(recording: dict[str, Any]) -> bool:
    return bool(recording.get("reasons") or _outlasting(recording))


def _outlasting(recording: dict[str, Any]) -> str:
    picture, sound = recording.get("picture_end"), recording.get("sound_end")
    if (
        not picture
        or not sound
        or not recording.get("is_complete", True)
        or abs(sound - picture) <= MIN_TRACK_GAP_SECONDS
    ):
        return ""
    return "sound" if sound > picture else "picture"


def _break(found: dict[str, Any]) -> str:
    what, at = NAMES.get(found["track"], "The recording"), clock(found["at"])
    if found["jump"] is None:
        return f"{what} was interrupted at {at}, for an unknown time."
    missing = duration(found["jump"])
    return f"{what} was interrupted at {at}. According to the recording's clock, {missing} is missing."
