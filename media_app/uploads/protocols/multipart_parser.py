"""Streaming parser of multipart/form-data (RFC 7578)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from media_app.uploads.asgi import Body
from vodplatform.core.errors import DomainError

MAX_PARTS = 100
MAX_FIELD_BYTES = 64 * 1024
# Maximum bytes of a form in addition to its files.
MAX_OVERHEAD_BYTES = 256 * 1024
BOUNDARY = re.compile(r"[\x20-\x7e]{1,200}")
Part = MultipartSegment


def is_form(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "multipart/form-data"


async def read_form(body: Body, headers: Mapping[str, str]) -> AsyncIterator[Part | bytes | None]:
    """Yield for each part of a form its headers, its bytes in pieces, then None. Raises ``bad_request``."""
    boundary = parse_options_header(headers.get("content-type", ""))[1].get("boundary", "")
    if not BOUNDARY.fullmatch(boundary):
        raise DomainError("bad_request", "The form's boundary is missing or malformed.")
    try:
        parser = PushMultipartParser(boundary, max_segment_count=MAX_PARTS)
        void = 0
        async for piece in body.pieces():
            # The parser silently skips bytes outside of parts, so count and limit them.
            void += len(piece)
            for event in parser.parse(piece) if piece else ():
                void = 0
                yield event
            if void > MAX_FIELD_BYTES:
                raise DomainError("bad_request", "The form has too much data outside its parts.")
        parser.close()
    except MultipartError as exc:
        raise DomainError("bad_request", f"The form is malformed: {exc.args[0]}.") from exc


class Fields:
    """Text fields of a form, each at most 64 KiB."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self._size = 0
        self._name = ""
        self._content = bytearray()

    def begin(self, part: Part) -> None:
        self._name, self._content = part.name or "", bytearray()
        if not self._name:
            raise DomainError("bad_request", "A part of the form has no name.")
        self._grow(len(self._name))

    def add(self, data: bytes) -> None:
        if len(self._content) + len(data) > MAX_FIELD_BYTES:
            raise DomainError("too_large", f"The field {self._name[:50]!r} is too long.", limit=MAX_FIELD_BYTES)
        self._grow(len(data))
        self._content += data

    def end(self) -> None:
        """End the current field. Raises ``invalid`` if its bytes are not UTF-8."""
        try:
            text = self._content.decode()
        except UnicodeDecodeError as exc:
            raise DomainError("invalid", errors={self._name: ["Not valid UTF-8."]}) from exc
        self.texts.setdefault(self._name, []).append(text)

    def last(self, name: str) -> str | None:
        return self.texts[name][-1] if name in self.texts else None

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_OVERHEAD_BYTES:
            raise DomainError("too_large", "The fields of the form are too long.", limit=MAX_OVERHEAD_BYTES)
