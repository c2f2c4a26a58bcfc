"""multipart/form-data (RFC 7578) as it comes, a piece at a time: whatever is a file is never kept here."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from media_app.uploads.asgi import Body
from vodplatform.core.errors import DomainError

MAX_PARTS = 100
MAX_FIELD_BYTES = 64 * 1024
# What may come of a form beside its files.
MAX_OVERHEAD_BYTES = 256 * 1024
BOUNDARY = re.compile(r"[\x20-\x7e]{1,200}")
Part = MultipartSegment


def is_form(headers: Mapping[str, str]) -> bool:
    """Whether a request says that its body is such a form."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "multipart/form-data"


async def read_form(body: Body, headers: Mapping[str, str]) -> AsyncIterator[Part | bytes | None]:
    """A part's head, its bytes, None at its end; and so on. Raises ``bad_request`` for what is no such form."""
    boundary = parse_options_header(headers.get("content-type", ""))[1].get("boundary", "")
    if not BOUNDARY.fullmatch(boundary):
        raise DomainError("bad_request", "The form's boundary is missing or malformed.")
    try:
        parser = PushMultipartParser(boundary, max_segment_count=MAX_PARTS)
        void = 0
        async for piece in body.pieces():
            # The parser skips what stands before the first part and after the last one, however long it is.
            void += len(piece)
            for event in parser.parse(piece) if piece else ():
                void = 0
                yield event
            if void > MAX_FIELD_BYTES:
                raise DomainError("bad_request", "The form has too much beside its parts.")
        parser.close()
    except MultipartError as exc:
        raise DomainError("bad_request", f"The form is malformed: {exc.args[0]}.") from exc


class Fields:
    """The fields of a form that are no files, texts of at most 64 KiB each."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self._size = 0
        self._name = ""
        self._content = bytearray()

    def begin(self, part: Part) -> None:
        """The next field. Raises ``bad_request`` for one without a name."""
        self._name, self._content = part.name or "", bytearray()
        if not self._name:
            raise DomainError("bad_request", "A part of the form has no name.")
        self._grow(len(self._name))

    def add(self, data: bytes) -> None:
        """More of its text. Raises ``too_large``."""
        if len(self._content) + len(data) > MAX_FIELD_BYTES:
            raise DomainError("too_large", f"The field {self._name[:50]!r} is too long.", limit=MAX_FIELD_BYTES)
        self._grow(len(data))
        self._content += data

    def end(self) -> None:
        """That was all of it. Raises ``invalid`` for what is not UTF-8."""
        try:
            text = self._content.decode()
        except UnicodeDecodeError as exc:
            raise DomainError("invalid", errors={self._name: ["Not valid UTF-8."]}) from exc
        self.texts.setdefault(self._name, []).append(text)

    def last(self, name: str) -> str | None:
        """The text of a field; of one that came again, the last."""
        return self.texts[name][-1] if name in self.texts else None

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_OVERHEAD_BYTES:
            raise DomainError("too_large", "The fields of the form are too long.", limit=MAX_OVERHEAD_BYTES)
