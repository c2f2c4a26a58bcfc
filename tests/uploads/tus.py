"""A tus client for the tests, as plain as the protocol: each call is one request."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from media_app.uploads.models import Upload
from tests.support.sockets import ask as ask_rows
from tests.support.streams import Answer, Request, ask

BASE = "/api/v1/uploads/tus/"
SPEAKS = {"Tus-Resumable": "1.0.0"}
BYTES = {**SPEAKS, "Content-Type": "application/offset+octet-stream"}


@dataclass(frozen=True, slots=True)
class Client:
    key: str

    async def create(
        self, size: int | None, headers: Mapping[str, str] | None = None, body: bytes = b"", **metadata: str
    ) -> Answer:
        given = {**SPEAKS, **(headers or {})}
        if size is not None:
            given["Upload-Length"] = str(size)
        if metadata:
            given["Upload-Metadata"] = write_metadata(metadata)
        return await ask("POST", BASE, given, body, key=self.key)

    async def created(self, size: int, headers: Mapping[str, str] | None = None, **metadata: str) -> str:
        answer = await self.create(size, headers, **metadata)
        assert answer.status == 201, answer
        return answer.headers["location"]

    async def patch(
        self, address: str, offset: int | str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> Answer:
        given = {**BYTES, "Upload-Offset": str(offset), **(headers or {})}
        return await ask("PATCH", address, given, body, key=self.key)

    def patching(
        self, address: str, offset: int, length: int | None = None, headers: Mapping[str, str] | None = None
    ) -> Request:
        """A PATCH whose body is given piece by piece; without a length it comes chunked."""
        given = {**BYTES, "Upload-Offset": str(offset), **(headers or {})}
        return Request("PATCH", address, given, key=self.key, length=length)

    async def head(self, address: str) -> Answer:
        return await ask("HEAD", address, SPEAKS, key=self.key)

    async def offset(self, address: str) -> int:
        """Where HEAD says that it is."""
        answer = await self.head(address)
        assert answer.status == 200, answer
        return int(answer.headers["upload-offset"])

    async def delete(self, address: str) -> Answer:
        return await ask("DELETE", address, SPEAKS, key=self.key)


def write_metadata(pairs: Mapping[str, str]) -> str:
    written = []
    for key, value in pairs.items():
        encoded = base64.b64encode(value.encode()).decode("ascii")
        written.append(f"{key} {encoded}" if encoded else key)
    return ",".join(written)


def id_of(address: str) -> str:
    return address.rstrip("/").rpartition("/")[2]


async def row_of(address: str) -> Upload:
    """The upload at an address, as its row is now."""
    return await ask_rows(lambda: Upload.objects.get(pk=id_of(address)))
