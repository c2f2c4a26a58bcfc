"""Strict parsing and formatting of tus 1.0.0 headers (tus.io/protocols/resumable-upload)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlsplit
from uuid import UUID

VERSION = "1.0.0"
EXTENSIONS = ("creation", "creation-with-upload", "expiration", "checksum", "termination", "concatenation")
CONTENT_TYPE = "application/offset+octet-stream"
ALGORITHMS = {name: hashlib.new(name, usedforsecurity=False).digest_size for name in ("sha1", "sha256", "md5")}
MAX_BYTES = 2**63 - 1
MAX_PAIRS = 64
MAX_METADATA = 16 * 1024
NUMBER = re.compile(r"[0-9]{1,19}")
KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,255}")


class Malformed(ValueError):
    def __init__(self, header: str, reason: str) -> None:
        super().__init__(f"{header}: {reason}")
        self.header = header
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Checksum:
    algorithm: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Concatenation:
    """A parsed Upload-Concat header. parts: ids of the uploads to join; empty for a partial upload."""

    parts: tuple[UUID, ...] = ()


def parse_number(header: str, text: str | None) -> int:
    if text is None:
        raise Malformed(header, "This header is required.")
    if not NUMBER.fullmatch(text) or int(text) > MAX_BYTES:
        raise Malformed(header, "The value must be a whole number of bytes.")
    return int(text)


def parse_metadata(text: str) -> dict[str, str]:
    """Parse Upload-Metadata, ``key base64,key base64,key``. Raises :class:`Malformed`."""
    if not text.strip():
        return {}
    if len(text) > MAX_METADATA:
        raise Malformed("Upload-Metadata", f"Send at most {MAX_METADATA} characters.")
    found: dict[str, str] = {}
    for pair in text.split(","):
        key, _, value = pair.strip(" \t").partition(" ")
        if not KEY.fullmatch(key):
            raise Malformed("Upload-Metadata", "A key is missing or has characters other than printable ASCII.")
        if key in found:
            raise Malformed("Upload-Metadata", f"The key {key!r} is repeated.")
        found[key] = _text(value, key)
    if len(found) > MAX_PAIRS:
        raise Malformed("Upload-Metadata", f"Send at most {MAX_PAIRS} keys.")
    return found


def _text(value: str, key: str) -> str:
    try:
        text = base64.b64decode(value.strip(" \t"), validate=True).decode()
    except (binascii.Error, ValueError) as exc:
        raise Malformed("Upload-Metadata", f"The value of {key!r} is not UTF-8 in Base64.") from exc
    if "\0" in text:
        raise Malformed("Upload-Metadata", f"The value of {key!r} has a NUL character.")
    return text


def parse_checksum(text: str) -> Checksum:
    """Parse Upload-Checksum, such as ``sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=``. Raises :class:`Malformed`."""
    name, _, value = text.strip(" \t").partition(" ")
    if name.lower() not in ALGORITHMS:
        raise Malformed("Upload-Checksum", f"Send an algorithm ({', '.join(ALGORITHMS)}) and the digest in Base64.")
    try:
        digest = base64.b64decode(value.strip(" \t"), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Malformed("Upload-Checksum", "The digest is not Base64.") from exc
    if len(digest) != ALGORITHMS[name.lower()]:
        raise Malformed("Upload-Checksum", f"A {name} digest must have {ALGORITHMS[name.lower()]} bytes.")
    return Checksum(name.lower(), digest)


def parse_concat(text: str, prefix: str) -> Concatenation:
    """Parse Upload-Concat: ``partial``, or ``final;`` and the addresses of uploads. Raises :class:`Malformed`.

    prefix: path before an upload's id, without trailing slash.
    """
    if text == "partial":
        return Concatenation()
    kind, semicolon, addresses = text.partition(";")
    if kind.strip() != "final" or not semicolon or not addresses.split():
        raise Malformed("Upload-Concat", "Send `partial`, or `final;` and the addresses of the parts.")
    return Concatenation(tuple(_part(address, prefix) for address in addresses.split()))


def _part(address: str, prefix: str) -> UUID:
    try:
        path = urlsplit(address).path
        before, _, name = path.rstrip("/").rpartition("/")
        if before != prefix:
            raise ValueError(address)
        return UUID(name)
    except ValueError as exc:
        raise Malformed("Upload-Concat", "The address of a part is not on this server.") from exc


def write_final(prefix: str, parts: list[str]) -> str:
    return "final;" + " ".join(f"{prefix}/{part}" for part in parts)


def method_of(method: str, override: str | None) -> str:
    """Return the request's method; behind strict proxies, clients send it in X-HTTP-Method-Override."""
    return override.strip().upper() if method == "POST" and override else method


def show_instant(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)
