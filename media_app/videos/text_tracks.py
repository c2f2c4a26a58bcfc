"""Captions and chapters: read from WebVTT or SubRip, stored as WebVTT (https://www.w3.org/TR/webvtt1/)."""

from __future__ import annotations

import html
import io
import uuid
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Length
from webvtt import Caption, WebVTT
from webvtt.errors import MalformedCaptionError, MalformedFileError

from media_app.uploads import quota
from media_app.videos.models import TextTrack, TrackKind, Video, VideoScope
from media_app.videos.search import folded
from vodplatform.core.api import idempotency
from vodplatform.core.errors import DomainError
from vodplatform.core.pauses import pause_for_others, pausing, with_pauses

MAX_CHARACTERS = 500_000
# Maximum number of characters in a track's search text, which can be longer than the track: normalising can turn one
# character into eighteen.
MAX_SEARCHED = 2 * MAX_CHARACTERS
MAX_CUES = 20_000
MAX_TRACKS = 10
MAX_TOTAL = 2_000_000  # maximum number of characters in all text tracks of a video together
FOLDED_AT_ONCE = 10_000
# Start of WebVTT files. Files without it are read as SubRip.
HEADER = "WEBVTT"
BYTE_ORDER_MARK = "\ufeff"
# ARROW separates a cue's start and end time. In a cue's text, it is replaced by ARROW_SIGN.
ARROW, ARROW_SIGN = "-->", "→"


def store(video: Video, kind: str, language: str, label: str, content: str) -> tuple[TextTrack, bool]:
    """Store a text track, replacing one of the same kind and language. Return the track and whether it is new.

    content: WebVTT or SubRip. Raise ``invalid``, ``storage_full``.
    """
    cues = parse_cues(content, kind)
    whole, searched = WebVTT(captions=cues).content, _searched(cues)
    values: dict[str, Any] = {
        "label": label,
        "content": whole,
        "cue_count": len(cues),
        "search_text": searched,
        "size": len(whole.encode()) + len(searched.encode()),
    }
    with transaction.atomic():
        idempotency.bind_to_transaction()
        if video.place == VideoScope.LIBRARY and video.owner:
            quota.lock_user(video.owner)
            former = video.text_tracks.filter(kind=kind, language=language).first()
            growth = values["size"] - (former.size if former else 0)
            if growth > 0:
                quota.check_room(video.owner, growth)
        Video.objects.select_for_update(no_key=True).get(pk=video.pk)
        others = video.text_tracks.exclude(kind=kind, language=language)
        if others.count() >= MAX_TRACKS:
            raise DomainError(
                "invalid",
                errors={
                    "language": [f"A video can have at most {MAX_TRACKS} caption and chapter tracks. Delete one first."]
                },
            )
        kept = others.aggregate(total=Sum(Length("content"), default=0))["total"]
        if kept + len(values["content"]) > MAX_TOTAL:
            raise _invalid(
                f"The captions and chapters of a video may have at most {MAX_TOTAL} characters in total. Delete one "
                "first."
            )
        return video.text_tracks.update_or_create(kind=kind, language=language, defaults=values)


def stored_bytes(user_id: uuid.UUID) -> int:
    tracks = TextTrack.objects.filter(video__place=VideoScope.LIBRARY, video__owner=user_id)
    return int(tracks.aggregate(total=Sum("size", default=0))["total"])


def parse_cues(content: str, kind: str) -> list[Caption]:
    """Parse the cues of WebVTT or SubRip, sorted by start time, without styles, regions and notes.

    Overlapping chapters are cut where the next begins. Raise ``invalid``.
    """
    text = content.removeprefix(BYTE_ORDER_MARK).lstrip()
    try:
        with pausing():
            read = WebVTT.from_string(text) if text.startswith(HEADER) else WebVTT.from_buffer(io.StringIO(text), "srt")
            cues = [cue for cue in read.captions if cue.raw_text.strip()]
    except (MalformedFileError, MalformedCaptionError) as exc:
        raise _invalid("The file is neither WebVTT nor SubRip (SRT). Convert it and upload it again.") from exc
    cues = [cue for cue in cues if cue.end_time != cue.start_time]
    for cue in with_pauses(cues):
        cue.lines = [line.replace(ARROW, ARROW_SIGN) for line in cue.lines]
    cues.sort(key=lambda cue: cue.start_time.to_tuple())
    for cue in with_pauses(cues):
        if cue.end_time < cue.start_time:
            raise _invalid(f"The cue at {cue.start} ends before it starts. Correct its times.")
    if len(cues) > MAX_CUES:
        raise _invalid(f"The file has {len(cues)} cues; the maximum is {MAX_CUES}.")
    if cues and kind == TrackKind.CHAPTERS:
        cues = list(_as_chapters(cues))
    if not cues:
        raise _invalid("The file contains no cues with text.")
    return cues


def _as_chapters(cues: list[Caption]) -> Iterable[Caption]:
    for cue, following in with_pauses(zip(cues, [*cues[1:], None], strict=True)):
        end = cue.end if following is None or cue.end_time <= following.start_time else following.start
        if end == cue.start:
            raise _invalid(f"Two chapters start at {cue.start}. Change the time of one.")
        if name := " ".join(cue.text.split()).replace(ARROW, ARROW_SIGN):
            yield Caption(cue.start, end, name)


def _searched(cues: list[Caption]) -> str:
    lines, size = [], 0
    for cue in cues:
        try:
            text = html.unescape(cue.text)
        except ValueError as exc:  # `unescape` fails if a character reference has too many digits
            raise _invalid(f"The cue at {cue.start} has an HTML character code with too many digits.") from exc
        pause_for_others()
        for begin in range(0, len(text), FOLDED_AT_ONCE):
            lines.append(folded(text[begin : begin + FOLDED_AT_ONCE]))
            size += len(lines[-1])
            if size > MAX_SEARCHED:
                raise _invalid(
                    "The text has too many special characters, such as ligatures. Replace them with plain letters."
                )
    return "\n".join(lines)


def _invalid(sentence: str) -> DomainError:
    return DomainError("invalid", errors={"content": [sentence]})
