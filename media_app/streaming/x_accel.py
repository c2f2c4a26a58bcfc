"""X-Accel-Redirect: header by which this server lets nginx send a local file (deploy/nginx.conf)."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from django.conf import settings

from media_app.videos import library_roots


def is_on() -> bool:
    return bool(settings.X_ACCEL_PREFIX)


def internal_address(path: Path) -> str:
    """Return the value of ``X-Accel-Redirect`` for a file, percent-encoded.

    Symbolic links are not resolved: a link created after the permission check must not be followed. Raise
    ``FileNotFoundError`` for a file outside the known folders.
    """
    name = Path(os.path.normpath(path))
    folders = [Path(os.path.normpath(settings.MEDIA_ROOT)), *(root for root, _ in settings.LIBRARY_ROOTS)]
    if not library_roots.is_inside(name, folders):
        raise FileNotFoundError(path)
    return settings.X_ACCEL_PREFIX.rstrip("/") + quote(os.fsencode(name))
