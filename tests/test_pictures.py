"""The pictures of documents and of the front page: `make pictures` writes each of them, and no other."""

import re
from pathlib import Path

from vodplatform.settings.variables import PROJECT_ROOT

ROOT = Path(PROJECT_ROOT)
SCRIPT = (ROOT / "scripts" / "pictures").read_text()
MAX_BYTES = 100_000


def test_the_script_writes_exactly_the_pictures_that_pages_and_documents_show() -> None:
    written = {f"docs/images/{name}.webp" for name in re.findall(r'\btake\(\w+, "([\w-]+)"\)', SCRIPT)}
    written |= {f"static/img/front/{name}.webp" for name in re.findall(r'\btake_front\(\w+, "([\w-]+)"\)', SCRIPT)}
    shown = {
        str((path.parent / target).resolve().relative_to(ROOT.resolve()))
        for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
        for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", path.read_text())
    }
    for path in (ROOT / "templates").rglob("*.html"):
        shown |= {f"static/{name}" for name in re.findall(r"static '(img/[^']+)'", path.read_text())}
    assert written == shown
    stored = {
        str(path.relative_to(ROOT)) for name in ("docs/images", "static/img") for path in (ROOT / name).rglob("*.*")
    }
    assert stored == shown


def test_pictures_are_small() -> None:
    for name in ("docs/images", "static/img"):
        for path in (ROOT / name).rglob("*.webp"):
            assert path.stat().st_size < MAX_BYTES, path.name
