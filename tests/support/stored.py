"""Files that are in the store before a test begins."""

from __future__ import annotations

import io

from django.core.files.storage import default_storage

from media_app.store import files as store


def put_bytes(key: str, content: bytes) -> None:
    """Let a key have these bytes, whatever it had."""
    if store.is_local():
        path = store.local_path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    else:
        default_storage.save(key, io.BytesIO(content))
