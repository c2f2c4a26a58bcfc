from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sessions_app.analysis.pipelines.effect_lengths import TITLE_SECONDS
from vodplatform.core.errors import DomainError
from vodplatform.core.formatting import counted, tenths

MAX_MOMENTS, MAX_TITLE = 50, 80
MIN_SECONDS, MAX_REEL_SECONDS = 0.5, 600.0
TIME_TOLERANCE_SECONDS = 0.05
REEL_FIELDS = ("reel_start", "reel_end")
CUT, FADE = TRANSITIONS = ("cut", "fade")

Data = dict[str, Any]
Moment = tuple[float, float]


def in_order_of_time(given: Sequence[Data]) -> list[Data]:
    return sorted(given, key=lambda one: (float(one["start_time"]), float(one["end_time"])))


def check_moments(given: Sequence[Data], duration: float) -> list[Moment]:
    """Return the checked moments in the given order. duration: seconds of the video. Raises ``invalid``."""
    moments = [(float(one["start_time"]), float(one["end_time"])) for one in in_order_of_time(given)]
    for number, (start, end) in enumerate(moments):
        if end - start < MIN_SECONDS:
            _refuse(f"The moment at {start:g} s is too short. It must last at least {MIN_SECONDS:g} s.")
        if end > duration + TIME_TOLERANCE_SECONDS:
            _refuse(f"The moment at {start:g} s ends after the end of the video ({duration:g} s).")
        if number and start < moments[number - 1][1]:
            _refuse(f"The moment at {start:g} s overlaps the previous moment.")
    titles = sum(bool(one["title"]) for one in edits_of(given))
    if sum(end - start for start, end in moments) + titles * TITLE_SECONDS > MAX_REEL_SECONDS:
        _refuse(f"The reel is too long. Moments and title cards may last at most {MAX_REEL_SECONDS:g} s in total.")
    return [(float(one["start_time"]), min(float(one["end_time"]), duration)) for one in given]


def edits_of(given: Sequence[Data]) -> list[Data]:
    """Return the title and the transition of each moment."""
    return [
        {"title": " ".join(str(one.get("title") or "").split()), "transition": one.get("transition") or CUT}
        for one in given
    ]


def _refuse(sentence: str) -> None:
    raise DomainError("invalid", sentence, errors={"moments": [sentence]})


def with_reel(data: Data, moments: Sequence[Moment], placed: Sequence[Data], edits: Sequence[Data] = ()) -> Data:
    """Return the results with a new reel.

    edits: title and transition of each moment, or nothing.
    placed: one entry per moment, with its number (``part``), and its (start, end) in the video (``source``) and in the
    reel (``reel``). The result keeps the automatic highlights under ``found``.
    """
    found = data.get("found") or [
        {name: value for name, value in one.items() if name not in REEL_FIELDS} for one in data["highlights"]
    ]
    highlights = []
    for one in placed:
        about = _automatic_highlight(found, moments[one["part"]]) or _chosen(data["segments"], *one["source"])
        (start, end), (reel_start, reel_end) = one["source"], one["reel"]
        highlights.append(about | {
            "start_time": round(start, 3), "end_time": round(end, 3),
            "reel_start": round(reel_start, 3), "reel_end": round(reel_end, 3),
            **(edits[one["part"]] if edits else {}),
        })  # fmt: skip
    seconds = highlights[-1]["reel_end"]  # length of the reel, title cards included
    by_hand = sum(one["origin"] == "manual" for one in highlights)
    by_whom = {len(highlights): "chosen by hand", 0: "all found automatically"}.get(
        by_hand, f"{by_hand} of them chosen by hand"
    )
    titles = sum(bool(one.get("title")) for one in highlights)
    cards = f" The reel has {counted(titles, 'title card')}." if titles else ""
    summary = f"{counted(len(highlights), 'moment')}, {tenths(seconds)}, {by_whom}.{cards}"
    return {**data, "highlights": highlights, "found": found, "summary": summary}


def _automatic_highlight(found: Sequence[Data], moment: Moment) -> Data | None:
    for one in found:
        if (
            abs(one["start_time"] - moment[0]) <= TIME_TOLERANCE_SECONDS
            and abs(one["end_time"] - moment[1]) <= TIME_TOLERANCE_SECONDS
        ):
            return {**one, "origin": "highlights"}
    return None


def _chosen(segments: Sequence[Data], start: float, end: float) -> Data:
    def shared(one: Data) -> float:
        return min(end, float(one["end_time"])) - max(start, float(one["start_time"]))

    most = max(map(shared, segments))
    best = max((one for one in segments if shared(one) >= most / 2), key=lambda one: float(one["score"]))
    return {
        "score": best["score"], "description": best["description"], "segment": best["index"], "origin": "manual"
    }  # fmt: skip
