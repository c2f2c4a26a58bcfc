"""Pro jobs of a running program; judges nothing."""

import json
import secrets
from pathlib import Path

import httpx

from tests.prosync.conftest import URL, segment
from tests.support.program import Place, Program


def new_key(place: Place, tier: str = "free") -> str:
    """The key of a new account that has the plan."""
    name = f"pia-{secrets.token_hex(4)}"
    place.manage("create_account", name, "--tier", tier)
    return place.manage("create_token", name).strip()


def give_a_plan(place: Place, tier: str = "pro") -> None:
    """Let the place's key be that of a new account that has the plan."""
    place.key = new_key(place, tier)


def send(program: Program, folder: Path) -> str:
    """The job of a request with the files of a folder that ``make_footage`` has filled."""
    files = {"video": (folder / "talk.mp4").open("rb"), "audio_files": (folder / "line.wav").open("rb")}
    answer = httpx.post(
        program.address + URL, files=files, data={"segments": json.dumps([segment()])}, timeout=60,
        headers={"Authorization": f"Token {program.place.key}"},
    )  # fmt: skip
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def dubs(place: Place) -> tuple[int, int]:
    """How many results there are, by the rows and by the files."""
    [(rows,)] = place.query("SELECT COUNT(*) FROM catalog_rendition WHERE kind = 'dub'")
    return rows, len(list((place.data_dir / "media").glob("renditions/*/*/dub/*")))
