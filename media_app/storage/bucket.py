"""django-storages' S3 storage, with one connection for all threads, and addresses that browsers can reach."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import Any

from storages.backends.s3 import S3Storage


class SharedS3Storage(S3Storage):
    """The library makes a connection for each thread, which costs 13 MB and half a second.

    Clients are thread-safe; of the resource only the bucket's name and the client are used.
    public_endpoint_url: where players and senders reach the server, if not where the program does.
    """

    def __init__(self, *, public_endpoint_url: str | None = None, **settings: Any) -> None:
        super().__init__(**settings)  # type: ignore[no-untyped-call]
        self._making = threading.Lock()
        self._shared: Any = None
        # The host is part of what is signed, so its name cannot be put in afterwards.
        public = {**settings, "endpoint_url": public_endpoint_url}
        self._public = SharedS3Storage(**public) if public_endpoint_url else None
        self._settings = settings

    @property
    def connection(self) -> Any:
        """boto3's resource."""
        if self._shared is None:
            with self._making:
                self._shared = self._shared or super().connection
        return self._shared

    def url(self, name: str | None, *args: Any, **options: Any) -> str:
        """The signed address of a key; parameters as the library's."""
        if self._public is not None:
            return self._public.url(name, *args, **options)
        return str(super().url(name, *args, **options))  # type: ignore[no-untyped-call]

    @cached_property
    def plain_client(self) -> Any:
        """boto3's client that asks for no checksum beyond what S3 requires.

        Who sends a part to a signed address does not know how to make boto3's own, and S3 refuses a part without one
        where the upload was begun with one.
        """
        config = self._settings["client_config"]
        if config.request_checksum_calculation == "when_required":
            return self.connection.meta.client
        plain = config.merge(type(config)(request_checksum_calculation="when_required"))
        return SharedS3Storage(**{**self._settings, "client_config": plain}).connection.meta.client

    def part_url(self, name: str, upload: str, number: int, length: int, seconds: int) -> str:
        """The signed address to which ``length`` bytes, no more and no fewer, can be sent as a part by PUT."""
        if self._public is not None:
            return self._public.part_url(name, upload, number, length, seconds)
        part = {"Key": name, "UploadId": upload, "PartNumber": number, "ContentLength": length}
        return str(
            self.plain_client.generate_presigned_url(
                "upload_part", Params={"Bucket": self._settings["bucket_name"], **part}, ExpiresIn=seconds
            )
        )
