"""Files of a running program."""

import json
from pathlib import Path
from typing import Any

from tests.support.program import Place
from vodplatform.core.files.installation import MARK


def stored(place: Place, key: str) -> Path:
    """Return the path of a stored file."""
    return place.data_dir / "media" / key


def orphans(place: Place) -> set[str]:
    """Return stored files to which no video or rendition refers, and working folders of job attempts."""
    known = {MARK, *(location for (location,) in place.query("SELECT location FROM catalog_video"))}
    for folder, files in place.query("SELECT folder, files FROM catalog_rendition"):
        names: dict[str, Any] = json.loads(files) if isinstance(files, str) else files
        known |= {folder + name for name in names.values()}
    media, scratch = place.data_dir / "media", place.data_dir / "tmp"
    there = {path.relative_to(media).as_posix() for path in media.rglob("*") if path.is_file()}
    return (there - known) | {path.name for path in scratch.glob("job-*")}
