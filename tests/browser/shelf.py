"""Real videos in the library of the running program, put there by its API; and files that are slow to send."""

import hashlib
import secrets
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import CDPSession, Page

from tests.support.program import Program
from tests.support.waiting import PATIENCE, wait_until

LIBRARY = "/api/v1/library"
INGEST_SECONDS = 90.0
TAKEN_IN = 1000 * INGEST_SECONDS * PATIENCE  # ms that a page may wait for what a worker does
FOCUSED = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText"
TOO_SMALL = """(x) => [...document.querySelectorAll(x)].filter((e) => e.offsetParent)
    .map((e) => [e.outerHTML.slice(0, 90), e.getBoundingClientRect()])
    .filter(([, r]) => r.width && (r.height < 44 || r.width < 44)).map(([html]) => html)"""


def put(program: Program, file: Path, **fields: str) -> dict[str, Any]:
    """Upload ``file`` by one form; ``fields`` such as a title or tags go with it."""
    headers = {"Authorization": f"Token {program.place.key}"}
    with file.open("rb") as stream:
        files = {"file": (file.name, stream, "application/octet-stream")}
        answer = httpx.post(program.address + LIBRARY, data=fields, files=files, headers=headers, timeout=60)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def get(program: Program, video_id: str) -> dict[str, Any]:
    return program.call("GET", f"{LIBRARY}/{video_id}")


def taken_in(program: Program, file: Path, **fields: str) -> dict[str, Any]:
    """The same, once all that ingest makes of it is there."""
    video_id = put(program, file, **fields)["id"]

    def finished() -> dict[str, Any] | None:
        video = get(program, video_id)
        job = program.call("GET", f"/api/v1/jobs/{video['job_id']}")
        assert job["status"] != "failed", job["error"]
        return video if job["status"] == "completed" else None

    found = wait_until(finished, INGEST_SECONDS, f"{file.name} taken in")
    assert found is not None
    return found


def padded(source: Path, target: Path, size: int) -> Path:
    """A copy of an MP4 that is ``size`` bytes long and plays the same: a box of noise stands at its end."""
    content = source.read_bytes()
    rest = size - len(content) - 8
    assert rest >= 0
    target.write_bytes(content + (rest + 8).to_bytes(4, "big") + b"free" + secrets.token_bytes(rest))
    return target


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def original(program: Program, video: dict[str, Any]) -> str:
    """The digest of what the program hands out of a video's original."""
    answer = httpx.get(program.address + video["video_url"], timeout=60, follow_redirects=True)
    return hashlib.sha256(answer.raise_for_status().content).hexdigest()


def throttle(page: Page, bytes_a_second: int) -> CDPSession:
    """Let the page send no faster; :func:`set_rate` changes it later."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    set_rate(session, bytes_a_second)
    return session


def set_rate(session: CDPSession, bytes_a_second: int) -> None:
    """Change the rate that :func:`throttle` set. bytes_a_second: -1 for no limit."""
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_a_second},
    )


def drop(page: Page, *paths: Path, x: float = 300, y: float = 300) -> None:
    """Drop files and folders of this machine, as a person does."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": data})


def is_sending(page: Page, name: str, at_least: int = 1) -> None:
    page.locator(".file", has_text=name).locator("progress").wait_for()
    page.wait_for_function(
        """([name, percent]) => [...document.querySelectorAll('.file[data-state=sending]')]
            .some((row) => row.innerText.includes(name) && row.querySelector('progress').value >= percent)""",
        arg=[name, at_least],
    )
