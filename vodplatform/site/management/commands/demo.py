from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sessions_app.comparison.socket_messages import placement_of
from sessions_app.comparison.timeline import Placement
from vodplatform.accounts.models import ApiToken, User
from vodplatform.core.processes.commands import Command as BaseCommand
from vodplatform.core.processes.commands import manage_argv
from vodplatform.core.processes.process import SHIM
from vodplatform.settings.variables import CACHE_DIR, PROJECT_ROOT

ACCOUNT = "demo"
START_SECONDS = 90
ALIGN_SECONDS = 300
START_DELAY_SECONDS = 4.0


class Command(BaseCommand):
    help = (
        "Render three recordings of one match, align them, print the found and the true offsets, and serve the "
        "comparison."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--check", action="store_true", help="only check the offsets, without serving; exit with 1 if one is wrong"
        )
        parser.add_argument("--seed", type=int, default=1, help="number that selects which demo match is rendered")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(1))
        recordings = settings.DATA_DIR / "demo" / "recordings"
        # Store the true offsets outside the folders that workers can read (data, library): the demo compares
        # the offsets that workers compute with the true ones.
        truth_file = CACHE_DIR / "demo" / f"truth-{options['seed']}.json"
        render(recordings, truth_file, options["seed"])
        truth = json.loads(truth_file.read_text())["recordings"]
        call_command("migrate", interactive=False, verbosity=0)
        password = secrets.token_urlsafe(9)
        user = demo_account(password)
        _, key = ApiToken.issue(user, name="make demo")
        connection.close()
        port = 0 if options["check"] else options["port"]
        with running_program(recordings, port) as (process, address):
            client = Client(address, key)
            paths = [str(recordings / item["file"]) for item in truth]
            session = client.send(
                "POST",
                "/api/sessions/multi-vod",
                {
                    "name": f"Demo match {options['seed']}",
                    "vods": [
                        {"vod_id": letter, "name": Path(path).name, "path": path}
                        for letter, path in zip("ABC", paths, strict=True)
                    ],
                },
            )["session"]
            base = f"/api/sessions/multi-vod/{session['session_id']}"
            alignment = align(client, base, console)
            if alignment["proposals"]:
                session = client.send("POST", f"{base}/alignments/{alignment['job_id']}/apply", {})["session"]
            # Begin playback at a moment that all three recordings show.
            begin = max(vod["offset"] for vod in session["vods"]) + START_DELAY_SECONDS
            client.send("PUT", f"{base}/global-seek", {"timestamp": max(begin, 0.0)})
            good = report(console, session, alignment, truth)
            if options["check"]:
                if not good:
                    raise CommandError("A recording was not aligned, or its offset is off by more than one frame.")
                return
            console.print(f"\nThe comparison is at [bold]{address}[/bold]. On this machine, you are signed in there.")
            console.print(f"To sign in yourself: user name {ACCOUNT}, password {password}. Ctrl-C stops everything.")
            with contextlib.suppress(KeyboardInterrupt):
                process.wait()


def render(recordings: Path, truth_file: Path, seed: int) -> None:
    argv = [
        sys.executable, "-m", "sessions_app.comparison.samples.rendering.render", "--out", str(recordings),
        "--truth", str(truth_file), "--seed", str(seed),
    ]  # fmt: skip
    if subprocess.run(argv, cwd=PROJECT_ROOT, check=False).returncode:
        raise CommandError("The recordings could not be rendered; the error is above.")


def demo_account(password: str) -> User:
    user, _ = User.objects.get_or_create(username=ACCOUNT)
    user.set_password(password)
    user.save()
    user.groups.add(Group.objects.get_or_create(name=ACCOUNT)[0])
    ApiToken.objects.filter(user=user).delete()
    return user


@contextlib.contextmanager
def running_program(recordings: Path, port: int) -> Any:
    environment = {
        **os.environ,
        "VOD_DATA_DIR": str(settings.DATA_DIR),
        "VOD_LIBRARY_ROOTS": f"{recordings}={ACCOUNT}",
        "VOD_DEMO_ACCOUNT": ACCOUNT,
    }
    log = settings.DATA_DIR / "logs" / "up.log"
    log.parent.mkdir(exist_ok=True)
    # In its own session, the child gets no Ctrl-C of the terminal, only the SIGINT sent below. It dies with this
    # process.
    shim = [sys.executable, "-S", "-I", str(SHIM), str(os.getpid()), "", "--"]
    with open(log, "wb") as errors:
        process = subprocess.Popen(
            [*shim, *manage_argv("up", "--port", str(port))],
            stdout=subprocess.PIPE, stderr=errors, env=environment, text=True,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process, wait_until_ready(process, process.stdout, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until_ready(process: subprocess.Popen[str], output: IO[str], log: Path) -> str:
    """Return the URL that `up` prints when ready. Raise ``CommandError`` if `up` ends first."""
    for line in output:
        if line.startswith("ready "):
            return line.split()[1]
    process.wait()
    last = log.read_text(errors="replace").strip().splitlines()
    raise CommandError(f"The program did not start: {last[-1] if last else 'no message'} (complete log: {log})")


class Client:
    def __init__(self, address: str, key: str) -> None:
        self.address = address.rstrip("/")
        self.key = key

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(
            self.address + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Token {self.key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)  # type: ignore[no-any-return]
        except urllib.error.HTTPError as exc:
            raise CommandError(f"{method} {path}: {exc.read().decode(errors='replace')}") from exc


def align(client: Client, base: str, console: Console) -> dict[str, Any]:
    job_id = client.send("POST", f"{base}/align", {"method": "auto"})["job_id"]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    deadline = time.monotonic() + ALIGN_SECONDS
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Aligning", total=100)
        while True:
            found = client.send("GET", f"{base}/alignments/{job_id}")
            progress.update(task, completed=found["progress"], description=found["message"] or "Aligning")
            if found["status"] == "completed":
                return found
            if found["status"] in ("failed", "cancelled"):
                raise CommandError(f"The alignment ended with the status {found['status']}: {found['message']}")
            if time.monotonic() > deadline:
                raise CommandError(f"The alignment did not finish within {ALIGN_SECONDS} s.")
            time.sleep(0.2)


def report(console: Console, session: dict[str, Any], alignment: dict[str, Any], truth: list[dict[str, Any]]) -> bool:
    proposals = {found["vod_id"]: found for found in alignment["proposals"]}
    table = Table("VOD", "found, s", "true, s", "error, ms", "error, frames", "confidence")
    by_method = Table("VOD", "error by timer, ms", "error by sound, ms", "drift, ppm", "true drift, ppm")
    good = True
    reference = session["vods"][0]
    for vod, true in zip(session["vods"], truth, strict=True):
        right = Placement(true["offset"], true["drift_ppm"], true["offset"])
        error = largest_error(placement_of(vod), right, vod["duration"])
        frame = 1 / min(vod["fps"], reference["fps"])
        proposal = proposals.get(vod["vod_id"])
        good = good and (vod is reference or proposal is not None) and abs(error) <= frame
        findings = {found["method"]: found for found in proposal["findings"]} if proposal else {}
        alone = [
            f"{(found['offset'] - offset_at(right, found['drift_anchor'])) * 1000:+.1f}"
            if (found := findings.get(method)) and found["offset"] is not None
            else ""
            for method in ("timer_ocr", "audio")
        ]
        confidence = f"{proposal['confidence']:.2f}" if proposal else "refused"
        table.add_row(
            vod["name"], f"{vod['offset']:+.4f}", f"{offset_at(right, vod['drift_anchor']):+.4f}",
            f"{error * 1000:+.1f}", f"{error / frame:+.2f}", "reference" if vod is reference else confidence,
        )  # fmt: skip
        by_method.add_row(vod["name"], *alone, f"{vod['drift_ppm']:+.1f}", f"{true['drift_ppm']:+.1f}")
    console.print(table, by_method)
    if alignment["refused"]:
        console.print(f"Refused: {alignment['refused']['message']}")
    return good


def offset_at(placement: Placement, global_time: float) -> float:
    return global_time - placement.time_at(global_time)


def largest_error(found: Placement, right: Placement, duration: float) -> float:
    moments = [right.global_time(time) for time in (0.0, duration)]
    return max((right.time_at(moment) - found.time_at(moment) for moment in moments), key=abs)
