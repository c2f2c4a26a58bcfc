"""django-storages' S3 storage, with one connection for all threads."""

from __future__ import annotations

import threading
from typing import Any

from storages.backends.s3 import S3Storage


class SharedS3Storage(S3Storage):
    """The library makes a connection for each thread, which costs 13 MB and half a second.

    Clients are thread-safe; of the resource only the bucket's name and the client are used.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)  # type: ignore[no-untyped-call]
        self._making = threading.Lock()
        self._shared: Any = None

    @property
    def connection(self) -> Any:
        """boto3's resource."""
        if self._shared is None:
            with self._making:
                self._shared = self._shared or super().connection
        return self._shared
