from __future__ import annotations

import csv
import io
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import IO, Any

from rest_framework.exceptions import ValidationError

from sessions_app.comparison.events.serializers import NewEventSerializer
from sessions_app.comparison.models import SessionEvent
from vodplatform.core.api.csv_tables import csv_lines, unmarked
from vodplatform.core.api.parsers import check_json, has_too_many_parts, load_json
from vodplatform.core.errors import MAX_ERRORS, DomainError
from vodplatform.core.files.spooled import SpooledFile
from vodplatform.core.pauses import with_pauses
from vodplatform.core.web.turns import Locks, Turn

COLUMNS = ("vod_id", "time", "end", "kind", "label")
MAX_ROWS = 10_000
MAX_KEPT_BYTES = 128 * 1024 * 1024  # maximum bytes of cached files on disk
MAX_COLUMNS = 50
# maximum number of lines in an imported CSV file, including empty lines; maximum number of characters per line
MAX_LINES, MAX_LINE_LENGTH = 100_000, 100_000

Data = dict[str, Any]


class FileCache:
    """A disk cache of exported event files. An account, or a network of link visitors, writes one file at a time."""

    def __init__(self) -> None:
        self._files: OrderedDict[Any, SpooledFile] = OrderedDict()
        self._size = 0
        self._locks = Locks()
        self._guard = threading.Lock()  # guards the two fields above

    def file(self, key: Any, write: Callable[[], Iterable[str]]) -> SpooledFile:
        """Return the cached file with this key. If there is none, write it. Raises ``unavailable``."""
        if found := self._files.get(key):
            return found
        with Turn(self._locks.of(key), WRITE_SECONDS):
            if found := self._files.get(key):
                return found
            made = SpooledFile(part.encode() for part in write())
            with self._guard:
                self._files[key] = made
                self._size += made.size
                while self._size > MAX_KEPT_BYTES and len(self._files) > 1:
                    self._size -= self._files.popitem(last=False)[1].size
            return made


cache = FileCache()
WRITE_SECONDS = 10.0  # maximum seconds to wait while another request writes a file
SMALL_BYTES = 256 * 1024
parsing = threading.Lock()  # parsing takes much memory, so only one file above SMALL_BYTES is parsed at a time


def to_csv(rows: Iterable[SessionEvent]) -> Iterator[str]:
    """Yield events as CSV (RFC 4180). Events without a VOD have no ``vod_id``; their times are on the shared clock."""
    return csv_lines(
        COLUMNS, ([row.vod.vod_id if row.vod else "", row.time, row.end, row.kind, row.label] for row in rows)
    )


def to_json(rows: Iterable[SessionEvent]) -> Iterator[str]:
    yield "["
    for number, row in enumerate(rows):
        place = {"vod_id": row.vod.vod_id, "time": row.time} if row.vod else {"global_time": row.time}
        rest = {"end": row.end, "kind": row.kind, "label": row.label, "color": row.color, "body": row.body}
        fields = json.dumps({**place, **rest}, ensure_ascii=False)
        # Parsing a large drawing takes seconds, so insert its stored JSON text.
        yield f'{"," if number else ""}\n{fields[:-1]}, "drawing": {row.drawing_text or "null"}}}'  # type: ignore[attr-defined]
    yield "\n]\n"


def from_csv(file: IO[bytes]) -> list[Data]:
    """Read events from a UTF-8 table with a header line. Columns are separated by commas, semicolons or tabs.

    Ignore unknown columns and empty lines. Raises ``invalid`` with errors by event number, starting at 2.
    """
    lines = _lines(io.TextIOWrapper(file, "utf-8-sig", newline=""))
    try:
        head = next(lines, "")
        delimiter = max(",;\t", key=head.count)
        table = csv.reader(chain([head], lines), delimiter=delimiter, strict=True)
        names = next(table, [])
        if len(names) > MAX_COLUMNS:
            raise refusal({"file": [f"The file's first line has more than {MAX_COLUMNS} columns."]})
        if not {"time", "kind"}.issubset(names):
            sentence = (
                "The file's first line must contain the column names, at least time and kind. Supported columns: "
                f"{', '.join(COLUMNS)}."
            )
            raise refusal({"file": [sentence]})
        places = [(name, names.index(name)) for name in COLUMNS if name in names]
        rows = (_from_cells({name: cells[at] for name, at in places if at < len(cells)}) for cells in table if cells)
        return validate_events(list(with_pauses(islice(rows, MAX_ROWS + 1))), first_line=2)
    except UnicodeDecodeError as exc:
        raise refusal({"file": ["The file is not encoded in UTF-8. Save it as UTF-8."]}) from exc
    except csv.Error as exc:
        raise refusal({"file": [f"The file is not valid CSV: {exc}."]}) from exc


def _lines(text: IO[str]) -> Iterator[str]:
    for _ in range(MAX_LINES):
        line = text.readline(MAX_LINE_LENGTH + 1)
        if not line:
            return
        if len(line) > MAX_LINE_LENGTH:
            raise refusal({"file": [f"The file has a line with more than {MAX_LINE_LENGTH} characters."]})
        yield line
    raise refusal({"file": [f"The file has more than {MAX_LINES} lines. Split it into several files."]})


def _from_cells(found: dict[str, str]) -> Data:
    cells = {name: unmarked(found.get(name, "").strip()) for name in COLUMNS}
    time, vod_id = _number(cells["time"]), cells["vod_id"]
    place = {"vod_id": vod_id, "time": time} if vod_id else {"global_time": time}
    end = {"end": _number(cells["end"])} if cells["end"] else {}
    return {**place, **end, "kind": cells["kind"], "label": cells["label"]}


def from_json(raw: bytes) -> list[Data]:
    """Read events from a JSON list. Raises ``invalid`` with errors by event number, starting at 1."""
    if has_too_many_parts(raw):
        raise refusal({"file": ["The JSON file has too many elements. Split it into several files."]})
    try:
        data = load_json(raw)
    except (ValueError, RecursionError) as exc:
        raise refusal({"file": ["The file is not valid JSON."]}) from exc
    check_json(data)
    return validate_events(data)


def validate_events(rows: Any, first_line: int = 1) -> list[Data]:
    """Return the validated events. Raises ``invalid`` with errors by event number, starting at ``first_line``."""
    if not isinstance(rows, list):
        raise refusal({"events": ["Send a list of events."]})
    if not rows:
        raise refusal({"events": ["The list contains no events."]})
    if len(rows) > MAX_ROWS:
        raise refusal({"events": [f"Send at most {MAX_ROWS} events."]})
    found: list[Data] = []
    errors: Data = {}
    form = NewEventSerializer()  # one serializer for all events, because creating it is slow
    for number, row in enumerate(with_pauses(rows), start=first_line):
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
    where, what = next(iter(errors.items()))
    first = what
    while isinstance(first, dict | list):
        first = next(iter(first.values() if isinstance(first, dict) else first))
    sentence = str(first) if where in ("file", "events") else f"Line {where}: {first}"
    return DomainError("invalid", sentence, errors=errors)


def _number(cell: str) -> Any:
    try:
        return float(cell.replace(",", "."))
    except ValueError:
        return cell
