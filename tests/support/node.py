"""Running node in tests, with the npm packages of tests/node from a cache in .cache/node."""

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
    """Return the path of ``node`` or ``npm``."""
    found = shutil.which(name)
    assert found, f"{name} is missing: `make tools` installs it"
    return found


def packages() -> Path:
    """Return a folder with the packages of the lock file in node_modules, which the first call downloads."""
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
            # Another run has created the folder meanwhile.
            assert target.is_dir()
    return target


def modules(folder: Path, *scripts: str) -> Path:
    """Copy the JavaScript modules of the pages, and scripts of tests/node, into ``folder`` for node; return it."""
    for name in ("js", "vendor"):
        shutil.copytree(PROJECT_ROOT / "static" / name, folder / name)
    for name in scripts:
        shutil.copy(FOLDER / name, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


@contextmanager
def answering(folder: Path, script: str) -> Iterator[Ask]:
    """Run a script that answers each line of JSON with another; yield a function that sends a question to it."""
    argv = [program("node"), script]
    with subprocess.Popen(argv, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
        questions, answers = process.stdin, process.stdout
        assert questions and answers

        def ask(question: dict[str, Any]) -> dict[str, Any]:
            questions.write(json.dumps(question) + "\n")
            questions.flush()
            line = answers.readline()
            assert line, "node has exited"
            answer: dict[str, Any] = json.loads(line)
            return answer

        yield ask
