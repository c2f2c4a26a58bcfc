"""django-storages' S3 storage, with one connection for all threads, and addresses that players can reach."""

from __future__ import annotations

import threading
from typing import Any

from storages.backends.s3 import S3Storage


class SharedS3Storage(S3Storage):
    """The library makes a connection for each thread, which costs 13 MB and half a second.

    Clients are thread-safe; of the resource only the bucket's name and the client are used.
    public_endpoint_url: where players reach the server, if not where the program does.
    """

    def __init__(self, *, public_endpoint_url: str | None = None, **settings: Any) -> None:
        super().__init__(**settings)  # type: ignore[no-untyped-call]
        self._making = threading.Lock()
        self._shared: Any = None
        # The host is part of what is signed, so its name cannot be put in afterwards.
        public = {**settings, "endpoint_url": public_endpoint_url}
        self._public = SharedS3Storage(**public) if public_endpoint_url else None

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
