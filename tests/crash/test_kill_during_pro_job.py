"""kill −9 while a provider is asked, waited for and fetched from: it makes one generation, and there is one result."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from tests.crash.conftest import QUICK_LEASES
from tests.support.lip_sync_provider import KEY, Fault, Provider, running_provider
from tests.support.pro_jobs import dubs, give_a_plan, send
from tests.support.program import Place, Program
from tests.support.shared import Prepare
from tests.support.waiting import wait_until

pytestmark = pytest.mark.services

ENDS_SECONDS = 120
AT_WORK_SECONDS = 60


@pytest.fixture(scope="module")
def provider(folder: Path) -> Iterator[Provider]:
    """A provider whose generations run until the test ends them."""
    with running_provider(result=str(folder / "talk.mp4"), polls=None) as found:
        yield found


@pytest.fixture(scope="module")
def prepare(provider: Provider) -> Prepare:
    """The program is told to use the provider."""

    def make(place: Place) -> None:
        place.environment |= {
            **QUICK_LEASES, "VOD_PROSYNC_ENGINE": "syncso", "SYNCSO_API_KEY": KEY, "VOD_SYNCSO_URL": provider.url,
            "VOD_SYNCSO_ALLOW_PRIVATE": "1", "VOD_PUBLIC_URL": "https://vod.example",
        }  # fmt: skip
        give_a_plan(place)

    return make


@pytest.fixture
def lips(provider: Provider, program: Program) -> Provider:
    """The provider, which nobody has asked for anything."""
    provider.forget()
    return provider


@pytest.fixture
def sent(lips: Provider, program: Program, folder: Path) -> str:
    """The job of a request; the provider holds what it is asked first."""
    lips.fails(Fault("hang_after", "create"))
    return send(program, folder)


@pytest.mark.parametrize("victim", ["worker", pytest.param("everything", marks=pytest.mark.exhaustive)])
def test_it_is_killed_at_every_step_and_pays_once(lips: Provider, program: Program, sent: str, victim: str) -> None:
    rows, files = dubs(program.place)

    generation_of = "SELECT generation_id FROM prosync_projob WHERE job_id = ?"

    def state() -> str:
        return str(program.place.job(sent)["status"])

    def known() -> str:
        return str(program.place.query(generation_of, UUID(sent))[0][0])

    wait_until(lambda: len(lips.generations) == 1, AT_WORK_SECONDS, "the generation")
    assert (state(), known()) == ("processing", "")
    program.kill(victim)
    generation = lips.generations[0]["id"]
    wait_until(lambda: known() == generation, ENDS_SECONDS, "that the same one is found again")

    wait_until(lambda: state() == "waiting", AT_WORK_SECONDS, "a wait between two looks")
    program.kill(victim)
    looks = len(lips.asked("get"))
    wait_until(lambda: len(lips.asked("get")) > looks, ENDS_SECONDS, "that it looks again")

    lips.fails(Fault("hang_after", "output"))
    lips.finish(generation)
    wait_until(lambda: len(lips.asked("output")) == 1, AT_WORK_SECONDS, "that it is fetched")
    assert state() == "processing"
    program.kill(victim)
    wait_until(lambda: state() in ("completed", "failed"), ENDS_SECONDS, "the end")

    assert (state(), len(lips.generations)) == ("completed", 1)
    status = program.call("GET", f"/api/v1/sync/pro-job/{sent}/status")
    assert (status["generation_id"], status["segments_data"][0]["status"]) == (generation, "completed")
    result = httpx.get(program.address + status["result_url"], timeout=60)
    assert (result.status_code, result.content[4:8]) == (200, b"ftyp")
    assert dubs(program.place) == (rows + 1, files + 1)


@pytest.mark.parametrize("how", [pytest.param("delete", marks=pytest.mark.exhaustive), "command"])
def test_one_whose_worker_never_told_of_it_is_stopped_too(
    lips: Provider, program: Program, sent: str, how: str
) -> None:
    wait_until(lambda: len(lips.generations) == 1, AT_WORK_SECONDS, "the generation")
    program.kill("worker")
    if how == "delete":
        program.call("DELETE", f"/api/v1/sync/pro-job/{sent}")
    else:
        program.place.manage("jobs", "--cancel", sent)
    wait_until(lambda: lips.generations[0]["status"] == "CANCELED", AT_WORK_SECONDS, "that it is stopped")
    assert len(lips.generations) == 1
