"""The job at the provider, against one on loopback: one generation, one result, whatever goes wrong between."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from jobs_app import leases, upkeep
from jobs_app import services as jobs
from jobs_app.models import Job
from jobs_app.runner import run_queue
from media_app.delivery.addresses import STREAM
from sessions_app.prosync import services
from sessions_app.prosync.engines import provider as engine
from sessions_app.prosync.models import ProJob
from tests.prosync.conftest import parts_of, post, segment, status_of
from tests.support.clamav import FINDING, Clamd, infect
from tests.support.engine import keeping
from tests.support.factories import make_pro_job, make_user
from tests.support.footage import convert
from tests.support.lip_sync_provider import KEY, SECRET, Fault, Provider, page, running_provider, signed
from tests.support.sockets import ask as ask_rows
from tests.support.streams import Answer, ask
from tests.support.waiting import wait_until
from vodplatform.base.web import signing

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]
WEBHOOK = "/api/v1/sync/webhooks/syncso"


@pytest.fixture
def lips(tmp_path: Path, footage: Path, settings: Any) -> Iterator[Provider]:
    """A provider whose results are the video as it was, and a program that uses it."""
    folder = tmp_path / "provider"
    folder.mkdir()
    with running_provider(folder, result=str(footage / "talk.mp4")) as found:
        settings.PROSYNC_ENGINE = "syncso"
        settings.SYNCSO = {"key": KEY, "webhook_secret": SECRET, "url": found.url, "allow_private": True}
        settings.PUBLIC_URL = "https://vod.example"
        yield found


@pytest.fixture
def begin(key: str, footage: Path, lips: Provider) -> Callable[[], Any]:
    """Sends a request; its job's id."""

    async def _begin() -> str:
        answer = await post(key, parts_of(footage, segment(), sounds=("note.flac",)))
        assert answer.status == 202, answer.content
        return str(answer.json()["job_id"])

    return _begin


async def step(job_id: str) -> str:
    """Let the job go on, as when its time has come; its status behind that."""
    await ask_rows(lambda: jobs.wake_waiting(job_id))  # type: ignore[arg-type]
    await ask_rows(lambda: run_queue("prosync"))
    return str(await ask_rows(lambda: Job.objects.get(pk=job_id).status))


async def to_the_end(key: str, job_id: str, steps: int = 20) -> dict[str, Any]:
    for _ in range(steps):
        if await step(job_id) in ("completed", "failed"):
            break
    return (await status_of(key, job_id)).json()


class TestTheWay:
    async def test_a_generation_is_asked_for_waited_for_and_fetched(
        self, key: str, begin: Callable[[], Any], lips: Provider, footage: Path
    ) -> None:
        job_id = await begin()
        assert await step(job_id) == "waiting"
        (generation,) = lips.generations
        body = (await status_of(key, job_id)).json()
        assert (body["status"], body["engine"], body["generation_id"]) == ("waiting", "syncso", generation["id"])
        assert (generation["model"], generation["options"]["sync_mode"]) == ("lipsync-2", "cut_off")
        assert generation["segments"] == [{"startTime": 1.0, "endTime": 3.0, "audioInput": {"refId": "audio-1"}}]
        video, sound = generation["input"]
        for given, content in ((video, "talk.mp4"), (sound, "note.flac")):
            assert given["url"].startswith("https://vod.example/api/v1/media/")
            answer = await ask("GET", given["url"].removeprefix("https://vod.example"))
            assert answer.content == (footage / content).read_bytes()
        body = await to_the_end(key, job_id)
        assert (body["status"], body["outcome"]["engine"]) == ("completed", "syncso")
        assert (await ask("GET", body["result_url"])).content == (footage / "talk.mp4").read_bytes()
        assert len(lips.generations) == len(lips.asked("create")) == len(lips.asked("output")) == 1

    @pytest.mark.parametrize("kind", ["cut_after", pytest.param("half", marks=pytest.mark.exhaustive)])
    async def test_a_lost_answer_pays_once(self, key: str, begin: Callable[[], Any], lips: Provider, kind: str) -> None:
        job_id = await begin()
        lips.fails(Fault(kind, "create"))
        body = await to_the_end(key, job_id)
        assert (body["status"], len(lips.generations)) == ("completed", 1)

    @pytest.mark.parametrize("honours_keys", [True, False])
    async def test_a_provider_that_forgets_keys_is_searched(
        self, key: str, begin: Callable[[], Any], lips: Provider, honours_keys: bool
    ) -> None:
        lips.set(honours_keys=honours_keys)
        job_id = await begin()
        assert await step(job_id) == "waiting"
        # A crash after the request and before the answer was written leaves the row like this.
        await ask_rows(lambda: ProJob.objects.update(generation_id=""))
        body = await to_the_end(key, job_id)
        assert (body["status"], len(lips.generations)) == ("completed", 1)

    @pytest.mark.parametrize(
        "faults",
        [
            [Fault("status", "create", 429, headers={"Retry-After": "3"}), Fault("status", "get", 503)],
            [page("create"), page("get"), Fault("says", "get", body="{}")],
            [Fault("changes", "get", changes={"id": "another"})],
            [Fault("cut", "output"), Fault("half", "output"), page("output")],
            [Fault("hang", "create")],
        ],
    )
    async def test_what_passes_is_waited_out(
        self, key: str, begin: Callable[[], Any], lips: Provider, faults: list[Fault], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rules = engine.syncso.API_RULES.__class__(seconds=1.0, connect_seconds=1.0)
        monkeypatch.setattr(engine.syncso, "API_RULES", rules)
        job_id = await begin()
        lips.fails(*faults)
        body = await to_the_end(key, job_id)
        assert (body["status"], len(lips.generations)) == ("completed", 1)

    async def test_nonsense_has_an_end(self, key: str, begin: Callable[[], Any], lips: Provider) -> None:
        job_id = await begin()
        lips.fails(*[page("create")] * 30)
        body = await to_the_end(key, job_id)
        assert (body["status"], body["error"]["type"]) == ("failed", "provider_nonsense")

    @pytest.mark.parametrize(
        ("outcome", "kind"), [("FAILED", "generation_failed"), ("REJECTED", "generation_rejected")]
    )
    async def test_one_that_came_to_nothing_is_told_and_a_retry_asks_for_another(
        self, key: str, begin: Callable[[], Any], lips: Provider, outcome: str, kind: str
    ) -> None:
        lips.set(outcome=outcome, error="No face was found.")
        job_id = await begin()
        body = await to_the_end(key, job_id)
        assert (body["status"], body["error"]["type"]) == ("failed", kind)
        assert body["error"]["message"].endswith("No face was found.")
        lips.set(outcome="COMPLETED")
        await ask_rows(lambda: jobs.retry(Job.objects.get(pk=job_id)))
        body = await to_the_end(key, job_id)
        assert (body["status"], len(lips.generations)) == ("completed", 2)

    async def test_a_key_that_is_not_taken_is_the_operators_matter(
        self, key: str, begin: Callable[[], Any], lips: Provider, settings: Any
    ) -> None:
        settings.SYNCSO = {**settings.SYNCSO, "key": "another"}
        body = await to_the_end(key, await begin())
        assert (body["status"], body["error"]["type"]) == ("failed", "provider_account")

    async def test_a_result_on_a_private_address_is_refused(
        self, key: str, begin: Callable[[], Any], lips: Provider, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job_id = await begin()
        assert await step(job_id) == "waiting"
        await step(job_id)
        # The API is a neighbour here and may be asked; what it names may not lie beside it.
        real = engine.SyncSo.download
        monkeypatch.setattr(engine.SyncSo, "download", lambda self, *given: real(_strict(self), *given))
        body = await to_the_end(key, job_id)
        assert (body["status"], body["error"]["type"]) == ("failed", "provider_refused")

    @pytest.mark.parametrize("name", ["line.wav", None])
    async def test_a_result_that_is_something_else_or_cannot_be_read_is_refused(
        self, key: str, begin: Callable[[], Any], lips: Provider, footage: Path, name: str | None
    ) -> None:
        lips.set(**({"result": str(footage / name), "result_type": "video/mp4"} if name else {"result": None}))
        body = await to_the_end(key, await begin())
        assert (body["status"], body["error"]["type"]) == ("failed", "provider_nonsense")
        assert name or "provider's result" in body["error"]["message"]

    async def test_who_cancels_cancels_there_too(self, key: str, begin: Callable[[], Any], lips: Provider) -> None:
        lips.set(polls=None)
        job_id = await begin()
        assert await step(job_id) == "waiting"
        assert (await ask("POST", f"/api/v1/jobs/{job_id}/cancel", key=key)).status == 200
        assert wait_until(lambda: lips.generations[0]["status"] in ("CANCELED", "CANCELLED"), 20)


class TestLeaving:
    """Whatever is not wanted any more is not left to be made and paid, as far as the provider lets it be stopped."""

    @pytest.fixture(autouse=True)
    def _no_end(self, lips: Provider) -> None:
        lips.set(polls=None)

    def stopped(self, lips: Provider) -> bool:
        return [one["status"] for one in lips.generations] == ["CANCELED"]

    @pytest.mark.parametrize(
        ("how", "when"),
        [("cancel", "before"), ("delete", "behind"), ("cancel", "behind, unheard"), ("delete", "before")],
    )
    async def test_one_that_was_left_while_it_was_asked_for_is_stopped(
        self, begin: Callable[[], Any], lips: Provider, monkeypatch: pytest.MonkeyPatch, how: str, when: str
    ) -> None:
        await begin()
        real = engine.SyncSo.create

        def leave() -> None:
            if how == "delete":
                services.delete(ProJob.objects.get(), None)
            else:
                jobs.cancel(Job.objects.get())

        def create(*given: Any) -> str:
            """Somebody leaves it before the provider has it, or when its answer is not here yet."""
            monkeypatch.undo()
            if when == "before":
                leave()
                assert wait_until(lambda: lips.asked("list"), 20)
                return real(*given)
            if when == "behind, unheard":
                lips.fails(Fault("cut_after", "create"))
            try:
                return real(*given)
            finally:
                leave()

        monkeypatch.setattr(engine.SyncSo, "create", create)
        await ask_rows(lambda: run_queue("prosync"))
        assert wait_until(lambda: self.stopped(lips), 20)

    async def test_an_unrecorded_generation_is_found_and_stopped(
        self, begin: Callable[[], Any], lips: Provider
    ) -> None:
        job_id = await begin()
        assert await step(job_id) == "waiting"
        await ask_rows(lambda: ProJob.objects.update(generation_id=""))
        await ask_rows(lambda: jobs.cancel(Job.objects.get()))
        assert wait_until(lambda: self.stopped(lips), 20)

    async def test_deleting_a_failed_job_stops_its_generation(self, begin: Callable[[], Any], lips: Provider) -> None:
        job_id = await begin()
        assert await step(job_id) == "waiting"
        await ask_rows(lambda: Job.objects.update(status="failed", error={"type": "wait_timeout", "message": "."}))
        await ask_rows(lambda: services.delete(ProJob.objects.get(), None))
        assert wait_until(lambda: self.stopped(lips), 20)

    @pytest.mark.parametrize(("knows_cancel", "count"), [(False, 1), (True, 2)])
    async def test_a_retry_goes_on_with_one_that_could_not_be_stopped(
        self, key: str, begin: Callable[[], Any], lips: Provider, knows_cancel: bool, count: int
    ) -> None:
        lips.set(knows_cancel=knows_cancel)
        job_id = await begin()
        assert await step(job_id) == "waiting"
        await ask_rows(lambda: jobs.cancel(Job.objects.get()))
        assert wait_until(lambda: self.stopped(lips) if knows_cancel else lips.asked("cancel"), 20)
        lips.set(polls=0)
        await ask_rows(lambda: jobs.retry(Job.objects.get()))
        body = await to_the_end(key, job_id)
        assert (body["status"], len(lips.generations)) == ("completed", count)

    async def test_a_busy_provider_is_asked_again_to_stop(self, begin: Callable[[], Any], lips: Provider) -> None:
        job_id = await begin()
        assert await step(job_id) == "waiting"
        lips.fails(Fault("status", "cancel", 503), Fault("cut", "cancel"))
        await ask_rows(lambda: jobs.cancel(Job.objects.get()))
        assert wait_until(lambda: self.stopped(lips), 20)

    async def test_an_attempt_that_was_taken_over_leaves_it_to_the_next(
        self, key: str, begin: Callable[[], Any], lips: Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job_id = await begin()
        real = engine.SyncSo.create

        def create(*given: Any) -> str:
            monkeypatch.undo()
            made = real(*given)
            _die()
            return made

        monkeypatch.setattr(engine.SyncSo, "create", create)
        await step(job_id)
        lips.set(polls=0)
        body = await to_the_end(key, job_id)
        assert (body["status"], len(lips.generations), lips.asked("cancel")) == ("completed", 1, [])

    async def test_cancelling_does_not_wait_for_a_stall(
        self, begin: Callable[[], Any], lips: Provider, key: str
    ) -> None:
        lips.set(polls=0)
        lips.fails(Fault("stalls", "output"))
        job_id = await begin()
        assert await step(job_id) == "waiting"
        with keeping():
            going_on = asyncio.ensure_future(step(job_id))
            await asyncio.to_thread(wait_until, lambda: lips.asked("output"), 20)
            assert (await ask("POST", f"/api/v1/jobs/{job_id}/cancel", key=key)).status == 200
            # A worker whose handler does not end is ended after JOB_STUCK_SECONDS, with all that runs in it.
            assert await asyncio.wait_for(going_on, 30) == "cancelled"


def _die() -> None:
    """As after kill -9, once that has been noticed."""
    Job.objects.update(lease_until=time_ago())
    upkeep.take_over_expired()


def time_ago() -> Any:
    return datetime.now(UTC) - timedelta(minutes=5)


class TestTwice:
    """What may be paid a second time, and what has to be."""

    async def test_a_failure_that_could_not_be_written_asks_for_no_second_one(
        self, key: str, begin: Callable[[], Any], lips: Provider, monkeypatch: pytest.MonkeyPatch, settings: Any
    ) -> None:
        settings.JOB_LAST_WORD_SECONDS = 0.0
        lips.set(outcome="REJECTED", polls=0)
        job_id = await begin()
        assert await step(job_id) == "waiting"

        def fail(*_: Any) -> bool:
            raise OperationalError("gone")

        with monkeypatch.context() as patched:
            patched.setattr(leases, "fail", fail)
            with pytest.raises(OperationalError):
                await step(job_id)
        await ask_rows(_die)
        body = await to_the_end(key, job_id)
        assert (body["error"]["type"], len(lips.generations)) == ("generation_rejected", 1)

    async def test_a_request_that_was_refused_is_asked_anew_by_a_retry(
        self, key: str, begin: Callable[[], Any], lips: Provider, settings: Any
    ) -> None:
        settings.PUBLIC_URL = "https://wrong.example"
        lips.fails(Fault("status", "create", 422, body="Could not fetch the input."))
        job_id = await begin()
        body = await to_the_end(key, job_id)
        assert (body["status"], body["error"]["type"]) == ("failed", "provider_refused")
        settings.PUBLIC_URL = "https://vod.example"
        await ask_rows(lambda: jobs.retry(Job.objects.get(pk=job_id)))
        assert (await to_the_end(key, job_id))["status"] == "completed"
        (generation,) = lips.generations
        assert all(part["url"].startswith("https://vod.example/") for part in generation["input"])

    async def test_without_an_address_of_this_server_nobody_is_asked(
        self, key: str, begin: Callable[[], Any], lips: Provider, settings: Any
    ) -> None:
        settings.PUBLIC_URL = ""
        job_id = await begin()
        body = await to_the_end(key, job_id)
        assert (body["status"], body["error"]["type"]) == ("failed", "provider_setup")
        assert lips.asked() == []
        settings.PUBLIC_URL = "https://vod.example"
        await ask_rows(lambda: jobs.retry(Job.objects.get(pk=job_id)))
        assert (await to_the_end(key, job_id))["status"] == "completed"

    async def test_expired_addresses_are_renewed(self, key: str, begin: Callable[[], Any], lips: Provider) -> None:
        lips.set(outcome="FAILED", error="An input could not be fetched.", polls=0)
        lips.fails(Fault("cut", "create"))
        job_id = await begin()
        assert (await step(job_id), lips.generations) == ("waiting", [])
        # The same words are sent again two days later: their key goes with them.
        await ask_rows(_age)
        await step(job_id)
        assert (await step(job_id), len(lips.generations)) == ("waiting", 1)
        lips.set(outcome="COMPLETED")
        body = await to_the_end(key, job_id)
        assert (body["status"], len(lips.generations)) == ("completed", 2)
        for part in lips.generations[1]["input"]:
            assert (await ask("GET", part["url"].removeprefix("https://vod.example"))).status == 200


def _age() -> None:
    row = ProJob.objects.get()
    assert row.asked is not None
    old = signing.sign(STREAM, str(row.video_id), now=time.time() - 2 * 86_400)
    address = row.asked["input"][0]["url"]
    row.asked["input"][0]["url"] = f"{address.partition('?')[0]}?sig={old}"
    row.save(update_fields=["asked"])


class TestResult:
    """What comes back is looked at before it is shown."""

    @pytest.mark.parametrize("index", ["first", "last"])
    async def test_one_that_ends_too_early_without_a_word_is_fetched_again(
        self, key: str, begin: Callable[[], Any], lips: Provider, footage: Path, tmp_path: Path, index: str
    ) -> None:
        whole = footage / "talk.mp4"
        if index == "first":
            whole = convert(whole, tmp_path / "fast.mp4", "-c", "copy", "-movflags", "+faststart")
        lips.set(result=str(whole))
        lips.fails(Fault("ends", "output"))
        body = await to_the_end(key, await begin())
        assert (body["status"], len(lips.asked("output"))) == ("completed", 2)
        assert (await ask("GET", body["result_url"])).content == whole.read_bytes()

    async def test_one_in_another_container_is_given_as_what_it_is(
        self, key: str, begin: Callable[[], Any], lips: Provider, footage: Path, tmp_path: Path
    ) -> None:
        other = convert(footage / "talk.mp4", tmp_path / "other.mkv", "-c", "copy")
        lips.set(result=str(other), result_type="video/x-matroska")
        body = await to_the_end(key, await begin())
        assert body["status"] == "completed", body
        answer = await ask("GET", body["result_url"])
        assert (answer.headers["content-type"], answer.content) == ("video/x-matroska", other.read_bytes())

    async def test_a_full_disk_is_waited_out(
        self, key: str, begin: Callable[[], Any], lips: Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job_id = await begin()
        assert await step(job_id) == "waiting"
        assert await step(job_id) == "waiting"

        def full(*_: Any, **__: Any) -> Any:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(engine.SyncSo, "download", full)
            assert await step(job_id) == "waiting"
        body = await to_the_end(key, job_id)
        assert (body["status"], len(lips.generations)) == ("completed", 1)

    @pytest.mark.services
    async def test_an_infected_one_is_not_shown(
        self, key: str, begin: Callable[[], Any], lips: Provider, footage: Path, tmp_path: Path, clamd: Clamd,
        settings: Any,
    ) -> None:  # fmt: skip
        settings.CLAMD = str(clamd.socket)
        lips.set(result=str(infect(Path(shutil.copyfile(footage / "talk.mp4", tmp_path / "infected.mp4")))))
        body = await to_the_end(key, await begin())
        assert (body["status"], body["error"]["type"], body["result_url"]) == ("failed", "malware_found", None)
        assert FINDING in body["error"]["message"]


def _strict(client: Any) -> Any:
    client._rules = engine.outbound.Rules(seconds=5.0)
    return client


class TestWebhook:
    @pytest.fixture
    def pro_job(self, lips: Provider) -> ProJob:
        row = make_pro_job(make_user("hooked", tier="pro"), engine="syncso", status="waiting", attempt=1)
        ProJob.objects.filter(pk=row.pk).update(generation_id="gen-1")
        return row

    async def call(self, body: bytes, signature: str | None) -> Answer:
        headers = {"Content-Type": "application/json"}
        return await ask("POST", WEBHOOK, headers | ({"Sync-Signature": signature} if signature else {}), body)

    BODY = b'{"id":"gen-1","status":"COMPLETED","outputUrl":"https://cdn.example/x.mp4"}'

    async def test_a_signed_call_lets_its_job_go_on_at_once(self, pro_job: ProJob) -> None:
        body = self.BODY.replace(b"gen-1", b"gen-9")
        assert (await self.call(body, signed(body))).status == 200
        assert await ask_rows(lambda: Job.objects.get(pk=pro_job.pk).status) == "waiting"
        answer = await self.call(self.BODY, signed(self.BODY))
        assert (answer.status, answer.json()) == (200, {"ok": True})
        assert await ask_rows(lambda: Job.objects.get(pk=pro_job.pk).status) == "queued"

    async def test_the_same_call_again_is_refused(self, pro_job: ProJob) -> None:
        signature = signed(self.BODY)
        assert (await self.call(self.BODY, signature)).status == 200
        (await self.call(self.BODY, signature)).refused(401, "signature_invalid")

    async def test_a_call_that_is_not_the_providers_is_refused(self, pro_job: ProJob) -> None:
        right, now = signed(self.BODY), int(time.time())
        for signature in (
            None, "t=1,v1=zz", signed(self.BODY, "whsec_another"), signed(self.BODY, at=time.time() - 301),
            signed(self.BODY, at=time.time() + 86_400), signed(self.BODY + b" "), f"{right},{right}",
            f"t={now},v1=é", "t=²,v1=aa", "t=-1,v1=aa", "t=1e9,v1=aa", "t=NaN,v1=aa", "v1=aa", "," * 5000,
        ):  # fmt: skip
            (await self.call(self.BODY, signature)).refused(401, "signature_invalid")
        assert await ask_rows(lambda: Job.objects.get(pk=pro_job.pk).status) == "waiting"

    @pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
    async def test_a_call_about_one_that_has_ended_changes_nothing(self, pro_job: ProJob, status: str) -> None:
        await ask_rows(lambda: Job.objects.update(status=status))
        assert (await self.call(self.BODY, signed(self.BODY))).status == 200
        assert await ask_rows(lambda: Job.objects.get(pk=pro_job.pk).status) == status

    async def test_a_signed_call_that_says_nothing_or_too_much_is_refused(self, pro_job: ProJob) -> None:
        for body in (b"\xff\xfe", b"[" * 50_000, b"null", b'{"id":"gen-1","status":"\xed\xa0\x80"}'):
            (await self.call(body, signed(body))).refused(400, "bad_request")
        body = self.BODY + b" " * 20 * 1024**2
        (await self.call(body, signed(body))).refused(413, "too_large")
        assert await ask_rows(lambda: Job.objects.get(pk=pro_job.pk).status) == "waiting"

    async def test_without_a_secret_nobody_is_believed(self, pro_job: ProJob, settings: Any) -> None:
        settings.SYNCSO = {**settings.SYNCSO, "webhook_secret": ""}
        (await self.call(self.BODY, signed(self.BODY, ""))).refused(401, "signature_invalid")
