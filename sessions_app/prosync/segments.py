"""Validation of pro job requests, without Django.

All faults are collected, so that a client can fix them together.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

USUAL_MODE = "cut_off"
MODES = (USUAL_MODE, "loop", "bounce", "silence", "remap")
MAX_LABEL, MAX_REF, MAX_MODEL = 200, 64, 64
MAX_REGIONS = 20
MIN_SIDE = 0.005  # minimum width and height of a box, as shares of the picture's width and height
MIN_CROP = 0.0005  # minimum seconds of the used part of a sound
# Seconds by which an end time may exceed the duration, because players round times to milliseconds.
ROUNDING = 0.0005
# Refused characters, which change the direction of all following text.
BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
FIELDS = {"startTime": "start_time", "endTime": "end_time", "audioInput": "audio_input", "refId": "ref_id"}
TIME_NAMES = {"startTime": "segment's start", "endTime": "segment's end"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A validation error. index: the segment's position in the request, or None."""

    index: int | None
    field: str
    type: str
    message: str

    def as_json(self) -> dict[str, Any]:
        return {"segment_index": self.index, "field": self.field, "type": self.type, "message": self.message}


@dataclass(frozen=True, slots=True)
class Segment:
    """A validated segment. index: position in the request. start, end: seconds of the video.

    crop: start and end of the used part of the sound in seconds, or None for all.
    """

    index: int
    start: float
    end: float
    ref: str
    crop: tuple[float, float] | None
    label: str

    def as_json(self) -> dict[str, Any]:
        sound: dict[str, Any] = {"refId": self.ref}
        if self.crop is not None:
            sound |= {"startTime": self.crop[0], "endTime": self.crop[1]}
        found: dict[str, Any] = {"startTime": self.start, "endTime": self.end, "audioInput": sound}
        return found | ({"label": self.label} if self.label else {})


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a pro job.

    mode: treatment of a sound that is longer or shorter than its segment. remove_text: settings of the text removal, or
    None to keep all text.
    """

    mode: str = USUAL_MODE
    model: str = ""
    remove_text: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        return {"sync_mode": self.mode, "model": self.model or None, "remove_text": self.remove_text}


def read_list(text: Any, field: str) -> tuple[list[Any], list[Fault]]:
    """Return a list that is given as a list or as JSON text.

    NaN and infinities pass here; they are rejected when the entries are checked.
    """
    try:
        value = text if isinstance(text, list) else _json(text, float)
    except ValueError:
        return [], [Fault(None, field, "not_json", "Send a JSON list.")]
    if not isinstance(value, list):
        return [], [Fault(None, field, "not_a_list", "Send a JSON list.")]
    return value, []


def read_refs(given: Any, count: int) -> tuple[list[str], list[Fault]]:
    names = [f"audio-{number}" for number in range(1, count + 1)]
    if given in (None, ""):
        return names, []
    values, faults = read_list(given, "audio_ref_ids")
    if faults:
        return names, faults
    if len(values) != count:
        sentence = f"Send one name per sound: there are {count} sounds and {len(values)} names."
        return names, [Fault(None, "audio_ref_ids", "wrong_count", sentence)]
    if not all(one and _is_text(one, MAX_REF) for one in values):
        sentence = f"Each name must be a text of 1 to {MAX_REF} characters."
        return names, [Fault(None, "audio_ref_ids", "invalid", sentence)]
    if twice := sorted({one for one in values if values.count(one) > 1}):
        sentence = f"The name {twice[0]!r} is used for more than one sound. Names must be unique."
        return values, [Fault(None, "audio_ref_ids", "duplicate_ref", sentence)]
    return values, []


def read_options(given: Any) -> tuple[Options, list[Fault]]:
    if given in (None, ""):
        return Options(), []
    try:
        value = given if isinstance(given, dict) else _json(given, _refuse)
    except ValueError:
        return Options(), [Fault(None, "options", "not_json", "Send a JSON object; numbers must be finite.")]
    if not isinstance(value, dict):
        return Options(), [Fault(None, "options", "not_an_object", "Send a JSON object.")]
    faults = []
    mode, model = value.get("sync_mode"), value.get("model")
    if mode is not None and mode not in MODES:
        faults.append(Fault(None, "options.sync_mode", "unknown", f"Unknown mode. Use one of {', '.join(MODES)}."))
    if model is not None and not (model and _is_text(model, MAX_MODEL)):
        faults.append(
            Fault(None, "options.model", "invalid", f"The model must be a text of 1 to {MAX_MODEL} characters.")
        )
    remove_text, more = _read_removal(value.get("remove_text"))
    options = Options(remove_text=remove_text) if faults else Options(mode or USUAL_MODE, model or "", remove_text)
    return options, [*faults, *more]


def _read_removal(given: Any) -> tuple[dict[str, Any] | None, list[Fault]]:
    if given is None or given is False:  # ``in (None, False)`` would also accept 0
        return None, []
    if given is True:
        return {}, []
    field = "options.remove_text"
    if not isinstance(given, Mapping):
        return None, [Fault(None, field, "not_an_object", "Send an object, or true for the whole video.")]
    found: dict[str, Any] = {}
    faults = []
    for name in ("start", "end"):
        if given.get(name) is not None:
            seconds = _number(given[name])
            if seconds is None or seconds < 0:
                faults.append(
                    Fault(
                        None,
                        f"{field}.{name}",
                        "not_a_number",
                        "Send the time in seconds, as a number that is 0 or more.",
                    )
                )
            else:
                found[name] = seconds
    if "end" in found and found["end"] <= found.get("start", 0.0):
        faults.append(Fault(None, f"{field}.end", "end_before_start", "The end must be after the start."))
    regions = given.get("regions")
    if regions is not None:
        boxes = [_read_box(one) for one in regions] if isinstance(regions, list) else [None]
        if None in boxes or not 0 < len(boxes) <= MAX_REGIONS:
            sentence = (
                f"Send 1 to {MAX_REGIONS} boxes with x, y, width and height, as fractions of the picture from 0 to 1. "
                f"The width and the height must be at least {MIN_SIDE}."
            )
            faults.append(Fault(None, f"{field}.regions", "invalid", sentence))
        found["regions"] = boxes
    return (None if faults else found), faults


def check_removal_times(given: Mapping[str, Any] | None, duration: float | None) -> list[Fault]:
    """Return a fault for each time of a text removal that lies beyond the video's end.

    given: valid ``Options.remove_text``.
    """
    if not given or duration is None:
        return []
    return [
        Fault(
            None,
            f"options.remove_text.{name}",
            "beyond_video",
            f"This time is too late: the video is only {duration:.3f} s long.",
        )
        for name in ("start", "end")
        if name in given and _is_behind(given[name], duration, is_start=name == "start")
    ]


def _is_behind(seconds: float, duration: float, *, is_start: bool) -> bool:
    # A start at the video's end is too late, because no frame starts there.
    return seconds >= duration if is_start else seconds > duration + ROUNDING


def _read_box(given: Any) -> dict[str, float] | None:
    if not isinstance(given, Mapping):
        return None
    box = {name: _number(given.get(name)) for name in ("x", "y", "width", "height")}
    sides = {name: value for name, value in box.items() if value is not None and 0 <= value <= 1}
    if len(sides) < len(box) or min(sides["width"], sides["height"]) < MIN_SIDE:
        return None
    if sides["x"] + sides["width"] > 1 + 1e-9 or sides["y"] + sides["height"] > 1 + 1e-9:
        return None
    return sides


def read_segments(
    given: Sequence[Any], sounds: Mapping[str, float | None], duration: float | None
) -> tuple[list[Segment], list[Fault]]:
    """Return valid segments in order of time, and all faults.

    sounds: duration of each sound in seconds, by name. duration: duration of the video in seconds. An unknown duration
    is None.
    """
    found, faults = [], []
    for index, one in enumerate(given):
        segment, own = _read_segment(index, one, sounds, duration)
        faults += own
        if segment is not None:
            found.append(segment)
    found.sort(key=lambda segment: (segment.start, segment.end, segment.index))
    faults += _overlaps(found)
    faults.sort(key=lambda fault: -1 if fault.index is None else fault.index)
    return found, faults


def _read_segment(
    index: int, given: Any, sounds: Mapping[str, float | None], duration: float | None
) -> tuple[Segment | None, list[Fault]]:
    if not isinstance(given, Mapping):
        return None, [Fault(index, "segment", "not_an_object", "A segment must be a JSON object.")]
    faults = []
    times = {}
    for name in ("startTime", "endTime"):
        seconds = _number(_field(given, name))
        if seconds is None or seconds < 0:
            sentence = f"The {TIME_NAMES[name]} must be a number of seconds, 0 or more."
            faults.append(Fault(index, name, "not_a_number", sentence))
        else:
            times[name] = seconds
    start, end = times.get("startTime"), times.get("endTime")
    if start is not None and end is not None and end <= start:
        faults.append(
            Fault(
                index,
                "endTime",
                "end_before_start",
                f"The segment's end, {end:g} s, must be after its start, {start:g} s.",
            )
        )
        end = None
    if duration is not None:
        for name, seconds in times.items():
            if _is_behind(seconds, duration, is_start=name == "startTime"):
                sentence = f"The segment's {name[:-4]} is {seconds:g} s, but the video is only {duration:.3f} s long."
                faults.append(Fault(index, name, "beyond_video", sentence))
    ref, crop, more = _read_sound(index, _field(given, "audioInput"), sounds)
    faults += more
    label = given.get("label")
    if label is None:
        label = ""
    if not _is_text(label, MAX_LABEL):
        faults.append(
            Fault(index, "label", "invalid", f"The label must be one line of at most {MAX_LABEL} characters.")
        )
        label = ""
    if start is None or end is None:
        return None, faults
    if duration is not None and end > duration:
        end = max(start, duration) if end <= duration + ROUNDING else end
    return Segment(index, start, end, ref, crop, label), faults


def _read_sound(
    index: int, given: Any, sounds: Mapping[str, float | None]
) -> tuple[str, tuple[float, float] | None, list[Fault]]:
    if not isinstance(given, Mapping):
        sentence = "`audioInput` must be an object with the `refId` of a sound."
        return "", None, [Fault(index, "audioInput", "not_an_object", sentence)]
    ref = _field(given, "refId")
    if not isinstance(ref, str) or ref not in sounds:
        known = ", ".join(sounds) or "none"
        return (
            "",
            None,
            [Fault(index, "audioInput.refId", "unknown_ref", f"No sound has this name. Available sounds: {known}.")],
        )
    crop, faults = _read_crop(index, _field(given, "startTime"), _field(given, "endTime"), ref, sounds[ref])
    return ref, crop, faults


def _read_crop(
    index: int, given_begin: Any, given_end: Any, ref: str, length: float | None
) -> tuple[tuple[float, float] | None, list[Fault]]:
    names = ("audioInput.startTime", "audioInput.endTime")
    if given_begin is None and given_end is None:
        return None, []
    if given_begin is None or given_end is None:
        sentence = "To use a part of the sound, specify both its start and its end."
        return None, [Fault(index, names[given_begin is not None], "crop_incomplete", sentence)]
    begin, end = _number(given_begin), _number(given_end)
    faults = [
        Fault(index, name, "not_a_number", "The start and end in the sound must be numbers of seconds, 0 or more.")
        for name, value in zip(names, (begin, end), strict=True)
        if value is None or value < 0
    ]
    if faults or begin is None or end is None:
        return None, faults
    last = end if length is None else min(end, length)
    if end <= begin:
        sentence = f"The part of the sound must end after its start. It starts at {begin:g} s and ends at {end:g} s."
        return None, [Fault(index, names[1], "end_before_start", sentence)]
    if length is not None and (begin >= length or end > length + ROUNDING):
        sentence = f"The sound {ref!r} is only {length:.3f} s long. Choose an earlier part."
        faults = [Fault(index, names[begin < length], "crop_outside", sentence)]
    elif last - begin < MIN_CROP:
        sentence = f"The part of the sound that is used must be at least {MIN_CROP * 1000:g} ms long."
        faults = [Fault(index, names[1], "crop_too_short", sentence)]
    return (None if faults else (begin, last)), faults


def _overlaps(segments: Sequence[Segment]) -> list[Fault]:
    faults = []
    last: Segment | None = None
    for segment in segments:
        if last is not None and segment.start < last.end:
            sentence = (
                f"The segment starts {last.end - segment.start:.3g} s before segment {last.index + 1} "
                "ends. Segments must not overlap."
            )
            faults.append(Fault(segment.index, "startTime", "overlap", sentence))
        if last is None or segment.end > last.end:
            last = segment
    return faults


def _field(given: Mapping[str, Any], name: str) -> Any:
    return given.get(name, given.get(FIELDS[name]))


def _is_text(value: Any, most: int) -> bool:
    return isinstance(value, str) and len(value) <= most and not any(_is_unfit(sign) for sign in value)


def _is_unfit(sign: str) -> bool:
    return sign in BIDI_CONTROLS or unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _json(text: Any, constant: Callable[[str], Any]) -> Any:
    if not isinstance(text, str):
        raise ValueError("not a text")
    try:
        return json.loads(text, parse_constant=constant)
    except RecursionError as exc:
        raise ValueError("too deep") from exc
