"""Events as files: CSV for spreadsheets, JSON with all that an event has. What is written can be read again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from itertools import islice
from typing import Any

from rest_framework.exceptions import ValidationError

from sessions_app.comparison.event_serializers import NewEventSerializer, ShownEvent
from vodplatform.base.api.parsers import check_json, has_too_many_parts
from vodplatform.base.api.tables import csv_text, unmarked
from vodplatform.base.errors import MAX_ERRORS, DomainError

COLUMNS = ("vod_id", "time", "end", "kind", "label")
MAX_ROWS = 10_000

Data = dict[str, Any]


def to_csv(events: Iterable[ShownEvent]) -> str:
    """RFC 4180 with a header. An event of no VOD has an empty ``vod_id``, and its time is that of the shared clock."""
    rows = (shown.event for shown in events)
    return csv_text(
        COLUMNS, ([row.vod.vod_id if row.vod else "", row.time, row.end, row.kind, row.label] for row in rows)
    )


def to_json(events: Iterable[ShownEvent]) -> str:
    """A list that :func:`from_json` takes."""
    return json.dumps([_plain(shown) for shown in events], indent=1)


def _plain(shown: ShownEvent) -> Data:
    row = shown.event
    place = {"vod_id": row.vod.vod_id, "time": row.time} if row.vod else {"global_time": row.time}
    rest = {"kind": row.kind, "label": row.label, "color": row.color, "body": row.body, "drawing": row.drawing}
    return {**place, "end": row.end, **rest}


def from_csv(raw: bytes) -> list[Data]:
    """Events of a table with a header: UTF-8, commas, semicolons or tabs. Raises ``invalid`` with errors by line."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise refusal({"file": ["The file is not UTF-8."]}) from exc
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    try:
        lines = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        table = list(islice(lines, MAX_ROWS + 1))  # no more of a file of a million short lines is built
    except csv.Error as exc:
        raise refusal({"file": [f"The file is no CSV: {exc}."]}) from exc
    missing = [name for name in ("time", "kind") if name not in (table[0] if table else {})]
    if missing:
        raise refusal({"file": [f"Its first line must name the columns {', '.join(COLUMNS)}."]})
    return checked([_from_line(line) for line in table], first_line=2)


def _from_line(line: dict[str | None, Any]) -> Data:
    cells = {name: (line.get(name) or "").strip() for name in COLUMNS}
    vod_id = unmarked(cells["vod_id"])
    place = {"vod_id": vod_id, "time": _number(cells["time"])} if vod_id else {"global_time": _number(cells["time"])}
    end = {"end": _number(cells["end"])} if cells["end"] else {}
    return {**place, **end, "kind": cells["kind"], "label": unmarked(cells["label"])}


def from_json(raw: bytes) -> list[Data]:
    """Events of a JSON list. Raises ``invalid`` with errors by number, from 1."""
    if has_too_many_parts(raw):
        raise refusal({"file": ["The file has too many parts."]})
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise refusal({"file": ["The file is no JSON."]}) from exc
    check_json(data)
    return checked(data)


def checked(rows: Any, first_line: int = 1) -> list[Data]:
    """Events as the API takes them, all or none. Raises ``invalid``, its errors by line."""
    if not isinstance(rows, list):
        raise refusal({"events": ["Send a list of events."]})
    if not rows:
        raise refusal({"events": ["There is no event in it."]})
    if len(rows) > MAX_ROWS:
        raise refusal({"events": [f"Send at most {MAX_ROWS} events."]})
    found: list[Data] = []
    errors: Data = {}
    form = NewEventSerializer()  # making its fields takes longer than using them
    for number, row in enumerate(rows, start=first_line):
        try:
            found.append(form.run_validation(row))
        except ValidationError as exc:
            errors[str(number)] = exc.detail
            if len(errors) == MAX_ERRORS:
                break
    if errors:
        raise refusal(errors)
    return found


def refusal(errors: Data) -> DomainError:
    """``invalid``, with the first of ``errors`` as its sentence."""
    where, what = next(iter(errors.items()))
    first = what
    while isinstance(first, dict | list):
        first = next(iter(first.values() if isinstance(first, dict) else first))
    sentence = str(first) if where in ("file", "events") else f"Line {where}: {first}"
    return DomainError("invalid", sentence, errors=errors)


def _number(cell: str) -> Any:
    """The number that a cell holds, with a point or a comma; what is none stays for the form to refuse."""
    try:
        return float(cell.replace(",", "."))
    except ValueError:
        return cell
