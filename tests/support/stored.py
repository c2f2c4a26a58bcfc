"""Helpers that write and list files in the store."""

import io
from pathlib import Path

from django.core.files.storage import default_storage

from media_app.storage import files as store
from vodplatform.core.files.installation import MARK


def put_bytes(key: str, content: bytes) -> None:
    """Store these bytes under a key, replacing an existing file."""
    if store.is_local():
        path = store.local_path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    else:
        default_storage.save(key, io.BytesIO(content))


def files_in(media: Path, prefix: str = "") -> list[str]:
    """Return the sorted keys below ``prefix`` in the store at ``media``, without the installation's mark."""
    keys = [path.relative_to(media).as_posix() for path in (media / prefix).rglob("*") if path.is_file()]
    return sorted(key for key in keys if key != MARK)
