"""Scripts of pages: one bundle per page if ``scripts/bundle`` has built them, else the modules one by one."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from pathlib import Path

from django.conf import settings
from django.templatetags.static import static

SHELL = "js/base/shell.js"  # script of every page
BUNDLES = "bundles"
MANIFEST = "manifest.json"
SOURCES = ("js", "vendor")
_IMPORT = re.compile(r'^(?:import|export)\s(?:[^"();]*?\sfrom\s)?"(\.[^"]+)"', re.MULTILINE)


@cache
def assets_of(page: str) -> tuple[list[str], list[str]]:
    """Return URLs for the script ``page``, a path below ``static``: scripts to run, and modules that they import.

    The scripts include the shell.
    """
    folder = Path(settings.BASE_DIR) / "static"
    bundle = _bundles(folder).get(page)
    if bundle:
        script, *imported = bundle
        return [static(f"{BUNDLES}/{script}")], [static(f"{BUNDLES}/{name}") for name in imported]
    scripts = list(dict.fromkeys((SHELL, page)))
    return [static(name) for name in scripts], [static(name) for name in _imports_of(folder, scripts)]


def digest_of(folder: Path) -> str:
    """Return the SHA-256 of the scripts in ``folder``, from which the bundles are built."""
    digest = hashlib.sha256()
    for path in sorted(path for name in SOURCES for path in (folder / name).rglob("*.js") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


@cache
def _bundles(folder: Path) -> dict[str, list[str]]:
    """Return the files of each page's bundle. Without bundles, or if a script has changed since, return nothing."""
    try:
        found = json.loads((folder / BUNDLES / MANIFEST).read_bytes())
    except FileNotFoundError:
        return {}
    pages: dict[str, list[str]] = found["pages"] if found["sources"] == digest_of(folder) else {}
    return pages


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
