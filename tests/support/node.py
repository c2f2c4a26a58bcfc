"""The npm packages of tests/node, installed once for each lock file into the cache folder, outside what git keeps."""

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROJECT_ROOT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT_ROOT / "tests" / "node"
CACHE = PROJECT_ROOT / ".cache" / "node"
DESCRIPTIONS = ("package.json", "package-lock.json")
INSTALL_SECONDS = 300
Ask = Callable[[dict[str, Any]], dict[str, Any]]


def program(name: str) -> str:
    """Where ``node`` or ``npm`` is."""
    found = shutil.which(name)
    assert found, f"{name} is missing: `make tools` installs Debian's"
    return found


def packages() -> Path:
    """A folder whose node_modules holds exactly what the lock file names; the first call asks the registry for it."""
    digest = hashlib.sha256(b"".join((FOLDER / name).read_bytes() for name in DESCRIPTIONS)).hexdigest()
    target = CACHE / digest[:16]
    if target.is_dir():
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        place = Path(scratch) / "packages"
        place.mkdir()
        for name in DESCRIPTIONS:
            shutil.copy(FOLDER / name, place)
        argv = [program("npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel", "error"]
        done = subprocess.run(
            argv, cwd=place, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_SECONDS,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"npm ci: {done.stderr[-2000:]}"
        try:
            place.rename(target)
        except OSError:
            # Another run has been quicker.
            assert target.is_dir()
    return target


def modules(folder: Path, *scripts: str) -> Path:
    """``folder`` with the pages' modules as node loads them, and scripts of tests/node beside them."""
    for name in ("js", "vendor"):
        shutil.copytree(PROJECT_ROOT / "static" / name, folder / name)
    for name in scripts:
        shutil.copy(FOLDER / name, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


@contextmanager
def answering(folder: Path, script: str) -> Iterator[Ask]:
    """Run a script that answers each line of JSON by one; yield what asks it."""
    argv = [program("node"), script]
    with subprocess.Popen(argv, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
        questions, answers = process.stdin, process.stdout
        assert questions and answers

        def ask(question: dict[str, Any]) -> dict[str, Any]:
            questions.write(json.dumps(question) + "\n")
            questions.flush()
            line = answers.readline()
            assert line, "node has ended"
            answer: dict[str, Any] = json.loads(line)
            return answer

        yield ask
