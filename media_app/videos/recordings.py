"""Notes that tell users about losses and changes in a recording."""

from __future__ import annotations

from typing import Any

from media_app.videos.models import Video
from vodplatform.core.formatting import clock, duration

NAMES = {"video": "The picture", "audio": "The sound"}
MANY_BREAKS = 10
MIN_TRACK_GAP_SECONDS = 1.0  # seconds; if picture and sound end further apart, a note reports it


def notes_of(video: Video) -> list[str]:
    recording: dict[str, Any] = video.recording
    notes = [_break(found) for found in recording.get("breaks", ())]
    if len(notes) > MANY_BREAKS:
        notes = [*notes[:MANY_BREAKS], f"There are {len(notes) - MANY_BREAKS} more interruptions."]
    if promised := recording.get("claimed_duration"):
        notes.append(
            f"The end of the recording is missing: it has {duration(recording['duration'])} of {duration(promised)}."
        )
    elif "cut" in recording.get("reasons", ()):
        notes.append("The recording breaks off. It is shown up to its last complete frame.")
    if outlasting := _outlasting(recording):
        other = "picture" if outlasting == "sound" else "sound"
        notes.append(f"The {other} ends at {duration(recording[f'{other}_end'])}; the {outlasting} continues.")
    if begin := recording.get("clock_start"):
        notes.append(f"The recording's own clock starts at {clock(begin)}; here it starts at 0:00.")
    if len(sizes := recording.get("sizes", ())) > 1:
        width, height = max(sizes, key=lambda size: size[0] * size[1])
        notes.append(f"The picture changes size. It is always shown at {width}×{height}.")
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
    return f"{what} was interrupted at {at}. According to its clock, {duration(found['jump'])} are missing."
