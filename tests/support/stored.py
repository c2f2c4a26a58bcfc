"""Files that are in the store, before a test and after it."""

import io
from pathlib import Path

from django.core.files.storage import default_storage

from media_app.storage import files as store
from vodplatform.core.files.installation import MARK


def put_bytes(key: str, content: bytes) -> None:
    """Let a key have these bytes, whatever it had."""
    if store.is_local():
        path = store.local_path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    else:
        default_storage.save(key, io.BytesIO(content))


def files_in(media: Path, prefix: str = "") -> list[str]:
    """The keys below ``prefix`` of the store in a folder, in order; not the mark of the installation."""
    keys = [path.relative_to(media).as_posix() for path in (media / prefix).rglob("*") if path.is_file()]
    return sorted(key for key in keys if key != MARK)
