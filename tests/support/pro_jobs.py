"""Helpers for Pro jobs of a running program."""

import json
import secrets
from pathlib import Path

import httpx

from tests.prosync.conftest import URL, segment
from tests.support.program import Place, Program


def new_key(place: Place, tier: str = "free") -> str:
    """Create an account with a plan; return its API token."""
    name = f"pia-{secrets.token_hex(4)}"
    place.manage("create_account", name, "--tier", tier)
    return place.manage("create_token", name).strip()


def give_a_plan(place: Place, tier: str = "pro") -> None:
    """Replace the place's API token by that of a new account with a plan."""
    place.key = new_key(place, tier)


def send(program: Program, folder: Path) -> str:
    """Start a Pro job with the files that ``make_footage`` has made in ``folder``; return its id."""
    files = {"video": (folder / "talk.mp4").open("rb"), "audio_files": (folder / "line.wav").open("rb")}
    answer = httpx.post(
        program.address + URL, files=files, data={"segments": json.dumps([segment()])}, timeout=60,
        headers={"Authorization": f"Token {program.place.key}"},
    )  # fmt: skip
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def dubs(place: Place) -> tuple[int, int]:
    """Return the number of dubbed videos in the database, and the number of their files."""
    [(rows,)] = place.query("SELECT COUNT(*) FROM catalog_rendition WHERE kind = 'dub'")
    return rows, len(list((place.data_dir / "media").glob("renditions/*/*/dub/*")))
