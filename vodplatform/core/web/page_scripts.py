"""Scripts of pages: one bundle per page if ``scripts/bundle`` has built them, else the modules one by one.

The styles that all pages share are bundled, too.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.templatetags.static import static

SHELL = "js/base/shell.js"  # script of every page
BUNDLES = "bundles"
MANIFEST = "manifest.json"
SOURCES = {"js": "*.js", "vendor": "*.js", "css/base": "*.css"}  # patterns of file names by folder
STYLES = tuple(f"css/base/{name}.css" for name in ("tokens", "still", "base", "shell", "controls", "parts"))
_IMPORT = re.compile(r'^(?:import|export)\s(?:[^"();]*?\sfrom\s)?"(\.[^"]+)"', re.MULTILINE)


@cache
def assets_of(page: str) -> tuple[list[str], list[str]]:
    """Return URLs for the script ``page``, a path below ``static``: scripts to run, and modules that they import.

    The scripts include the shell.
    """
    folder = Path(settings.BASE_DIR) / "static"
    bundle = _bundles(folder).get("pages", {}).get(page)
    if bundle:
        script, *imported = bundle
        return [static(f"{BUNDLES}/{script}")], [static(f"{BUNDLES}/{name}") for name in imported]
    scripts = list(dict.fromkeys((SHELL, page)))
    return [static(name) for name in scripts], [static(name) for name in _imports_of(folder, scripts)]


@cache
def base_styles() -> list[str]:
    """Return the URLs of the styles of every page: one bundle, or the files in their order."""
    bundle = _bundles(Path(settings.BASE_DIR) / "static").get("styles")
    return [static(f"{BUNDLES}/{bundle}")] if bundle else [static(name) for name in STYLES]


def digest_of(folder: Path) -> str:
    """Return the SHA-256 of the files in ``folder`` from which the bundles are built."""
    digest = hashlib.sha256()
    found = (path for name, pattern in SOURCES.items() for path in (folder / name).rglob(pattern))
    for path in sorted(path for path in found if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


@cache
def _bundles(folder: Path) -> dict[str, Any]:
    """Return the manifest of the bundles. Without bundles, or if a source has changed since, return nothing."""
    try:
        found = json.loads((folder / BUNDLES / MANIFEST).read_bytes())
    except FileNotFoundError:
        return {}
    return dict(found) if found["sources"] == digest_of(folder) else {}


def _imports_of(folder: Path, scripts: list[str]) -> list[str]:
    """Return the modules that ``scripts`` import, also indirectly, nearest first."""
    found = dict.fromkeys(scripts)
    for script in (queue := list(scripts)):
        for name in _IMPORT.findall((folder / script).read_text()):
            module = (folder / script).parent.joinpath(name).resolve().relative_to(folder.resolve()).as_posix()
            if module not in found:
                found[module] = None
                queue.append(module)
    return [module for module in found if module not in scripts]
