"""X-Accel-Redirect: a local file answered by one header, its bytes sent by the nginx before us.

nginx knows one internal location for each folder that files may come from (deploy/nginx.conf): the prefix and the
folder's own path. A path outside of them has no location; it has no header here either.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from django.conf import settings

from media_app.videos import library_roots


def is_on() -> bool:
    """Whether there is an nginx that sends local files."""
    return bool(settings.X_ACCEL_PREFIX)


def internal_address(path: Path) -> str:
    """What ``X-Accel-Redirect`` has to say for a file: percent-encoded, whatever letters its name has.

    The path is judged and handed over as it is written. To follow its links here would hand over what a link leads to
    that was put there after the permission was looked at; nginx follows none below its folders.
    Raises ``FileNotFoundError`` for one that lies neither in our own storage nor below a library root.
    """
    name = Path(os.path.normpath(path))
    folders = [Path(os.path.normpath(settings.MEDIA_ROOT)), *(root for root, _ in settings.LIBRARY_ROOTS)]
    if not library_roots.is_inside(name, folders):
        raise FileNotFoundError(path)
    return settings.X_ACCEL_PREFIX.rstrip("/") + quote(os.fsencode(name))
