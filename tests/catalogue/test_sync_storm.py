"""Rounds of bad days for the reference client: whatever is lost, doubled, closed, copied or full, no word that a store
has kept is lost, and all end with the same bytes. Its server is a small one of the script's own; against the program
itself is test_sync_convergence."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.node import modules, program

pytestmark = pytest.mark.pure
ROUNDS = int(os.environ.get("ROUNDS") or 60)
SECONDS = 600


@pytest.mark.parametrize(
    ("first", "rounds"),
    [(1, 10), *(pytest.param(first, ROUNDS, marks=pytest.mark.exhaustive) for first in (11, 3_029))],
)
def test_no_word_that_was_kept_is_lost(tmp_path: Path, first: int, rounds: int) -> None:
    folder = modules(tmp_path / "node", "storm.js", "locks.mjs", "random.mjs")
    argv = [program("node"), "storm.js", str(first), str(rounds)]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=True)
    assert json.loads(done.stdout) == {"lost": [], "apart": []}
