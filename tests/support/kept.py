"""Cache of rendered test media, shared by all workers and by later runs on this machine."""

import fcntl
import hashlib
import inspect
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import av

PROJECT_ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vodplatform-tests"
RENDERERS = [
    *sorted((PROJECT_ROOT / "sessions_app/comparison/samples/rendering").glob("*.py")),
    *(Path(__file__).with_name(f"{name}.py") for name in ("clips", "footage", "pictures", "streams")),
]
UNUSED_DAYS = 7


def kept(name: str, make: Callable[[Path], object], *given: str | float) -> Path:
    """Return the cached folder that ``make(folder)`` has filled. Callers must not change it.

    Each combination of name and ``given`` values has its own folder. A folder is made again if the module that contains
    ``make``, or a module in :data:`RENDERERS`, has changed. Folders unused for :data:`UNUSED_DAYS` are deleted.
    """
    digest = hashlib.sha256(repr((name, given, av.__version__)).encode())
    written = make.func if isinstance(make, partial) else make
    for path in (*RENDERERS, Path(inspect.getsourcefile(written) or __file__)):
        digest.update(path.read_bytes())
    folder = CACHE / f"{name}-{digest.hexdigest()[:16]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _delete_unused()
            scratch = Path(tempfile.mkdtemp(dir=CACHE, prefix=".making-"))
            make(scratch)
            scratch.rename(folder)
        os.utime(folder)
    return folder


def _delete_unused() -> None:
    """Delete folders not used lately, including incomplete folders of killed runs."""
    for path in CACHE.iterdir():
        if time.time() - path.stat().st_mtime > UNUSED_DAYS * 86_400:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
