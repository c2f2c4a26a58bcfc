"""kill −9 while a provider is asked, waited for and fetched from: it makes one generation, and there is one result."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.prosync.conftest import URL, make_footage, segment
from tests.support.lip_sync_provider import KEY, Fault, Provider, provider_process
from tests.support.program import Place, Program, manage, wait_for

ACCOUNT = "pia"
ENDS_SECONDS = 120
AT_WORK_SECONDS = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_footage(tmp_path_factory.mktemp("pro"))


@pytest.fixture
def lips(tmp_path: Path, folder: Path, place: Place) -> Iterator[Provider]:
    """A provider in a process of its own, which the program is told to use."""
    state = tmp_path / "provider"
    state.mkdir()
    with provider_process(state, result=str(folder / "talk.mp4"), polls=None) as (found, _):
        place.environment |= {
            "VOD_PROSYNC_ENGINE": "syncso", "SYNCSO_API_KEY": KEY, "VOD_SYNCSO_URL": found.url,
            "VOD_SYNCSO_ALLOW_PRIVATE": "1", "VOD_PUBLIC_URL": "https://vod.example",
        }  # fmt: skip
        yield found


@pytest.fixture
def sent(lips: Provider, program: Program, folder: Path) -> str:
    """The job of a request; the provider holds what it is asked first."""
    lips.fails(Fault("hang_after", "create"))
    return send(program, folder)


def send(program: Program, folder: Path) -> str:
    """The job of a request that somebody with a plan has sent."""
    environment = {**program.place.environment, "VOD_DATA_DIR": str(program.place.data_dir)}
    assert manage("create_account", ACCOUNT, "--tier", "pro", environment=environment).returncode == 0
    program.place.key = manage("create_token", ACCOUNT, environment=environment).stdout.strip()
    files = {"video": (folder / "talk.mp4").open("rb"), "audio_files": (folder / "line.wav").open("rb")}
    answer = httpx.post(
        program.address + URL, files=files, data={"segments": f"[{segment()}]".replace("'", '"')}, timeout=60,
        headers={"Authorization": f"Token {program.place.key}"},
    )  # fmt: skip
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def kill(program: Program, victim: str) -> None:
    """kill −9 of the worker with all that it has started, or of everything."""
    assert program.process is not None
    if victim == "worker":
        for process in (program.master(), program.worker()):
            if process is not None:
                with suppress(psutil.Error):
                    process.kill()
        return
    for process in [psutil.Process(program.pid), *program.descendants()]:
        with suppress(psutil.Error):
            process.kill()
    program.process.wait(10)
    program.start()


def frozen_dub(program: Program) -> psutil.Process:
    """The child that makes the video, stopped in the middle of it."""

    def caught() -> psutil.Process | None:
        for process in program.descendants():
            with suppress(psutil.Error):
                if process.cmdline()[1:3] == ["-m", "media_app.av.dub"]:
                    process.suspend()
                    return process
        return None

    found = wait_for(caught, AT_WORK_SECONDS, "a child that makes the video")
    assert found is not None
    return found


@pytest.mark.parametrize("victim", ["worker", "everything"])
def test_what_is_killed_while_it_is_made_here_is_made_once(program: Program, folder: Path, victim: str) -> None:
    job = send(program, folder)
    frozen_dub(program)
    kill(program, victim)
    wait_for(lambda: program.place.job(job)["status"] in ("completed", "failed"), ENDS_SECONDS, "the end")
    assert program.place.job(job)["status"] == "completed"
    assert program.place.query("SELECT COUNT(*) FROM catalog_rendition WHERE kind = 'dub'") == [(1,)]
    media = program.place.data_dir / "media"
    assert len(list(media.glob("renditions/*/*/dub/*"))) == 1
    assert len(list(media.glob("sounds/*/*/*"))) == 1


@pytest.mark.parametrize("victim", ["worker", "everything"])
def test_it_is_killed_at_every_step_and_pays_once(lips: Provider, program: Program, sent: str, victim: str) -> None:
    def state() -> str:
        return str(program.place.job(sent)["status"])

    def known() -> str:
        return str(program.place.query("SELECT generation_id FROM prosync_projob")[0][0])

    # It has been made, and nobody was told.
    wait_for(lambda: len(lips.generations) == 1, AT_WORK_SECONDS, "the generation")
    assert (state(), known()) == ("processing", "")
    kill(program, victim)
    generation = lips.generations[0]["id"]
    wait_for(lambda: known() == generation, ENDS_SECONDS, "that the same one is found again")

    wait_for(lambda: state() == "waiting", AT_WORK_SECONDS, "a wait between two looks")
    kill(program, victim)
    looks = len(lips.asked("get"))
    wait_for(lambda: len(lips.asked("get")) > looks, ENDS_SECONDS, "that it looks again")

    lips.fails(Fault("hang_after", "output"))
    lips.finish(generation)
    wait_for(lambda: len(lips.asked("output")) == 1, AT_WORK_SECONDS, "that it is fetched")
    assert state() == "processing"
    kill(program, victim)
    wait_for(lambda: state() in ("completed", "failed"), ENDS_SECONDS, "the end")

    assert (state(), len(lips.generations)) == ("completed", 1)
    status = program.call("GET", f"/api/v1/sync/pro-job/{sent}/status")
    assert (status["generation_id"], status["segments_data"][0]["status"]) == (generation, "completed")
    result = httpx.get(program.address + status["result_url"], timeout=60)
    assert (result.status_code, result.content[4:8]) == (200, b"ftyp")
    made = program.place.query("SELECT COUNT(*) FROM catalog_rendition WHERE kind = 'dub'")
    assert made == [(1,)]
    media = program.place.data_dir / "media"
    assert len(list(media.glob("renditions/*/*/dub/*"))) == 1


@pytest.mark.parametrize("how", ["delete", "command"])
def test_one_that_is_left_is_stopped_though_its_worker_never_told_of_it(
    lips: Provider, program: Program, sent: str, how: str
) -> None:
    wait_for(lambda: len(lips.generations) == 1, AT_WORK_SECONDS, "the generation")
    kill(program, "worker")
    if how == "delete":
        program.call("DELETE", f"/api/v1/sync/pro-job/{sent}")
    else:
        environment = {**program.place.environment, "VOD_DATA_DIR": str(program.place.data_dir)}
        # A process that ends behind it: what is beside it has to be waited for.
        assert manage("jobs", "--cancel", sent, environment=environment).returncode == 0
    wait_for(lambda: lips.generations[0]["status"] == "CANCELED", AT_WORK_SECONDS, "that it is stopped")
    assert len(lips.generations) == 1
