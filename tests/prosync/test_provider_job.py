"""The job at the provider, against one on loopback: one generation, one result, whatever goes wrong between."""

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from jobs_app import leases, maintenance
from jobs_app import services as jobs
from jobs_app.models import Job
from jobs_app.runner import run_queue
from media_app.videos.media_urls import STREAM
from sessions_app.prosync import services
from sessions_app.prosync.models import ProJob
from sessions_app.prosync.providers import syncso_engine as engine
from tests.prosync.conftest import parts_of, post, segment, status_of
from tests.support.clamav import FINDING, Clamd, infect
from tests.support.engine import keeping
from tests.support.factories import make_pro_job, make_user
from tests.support.footage import convert
from tests.support.lip_sync_provider import KEY, SECRET, Fault, Provider, page, running_provider, signed
from tests.support.sockets import ask as ask_rows
from tests.support.streams import Answer, ask
from tests.support.waiting import wait_until
from vodplatform.core.web import signing

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]
WEBHOOK = "/api/v1/sync/webhooks/syncso"


@pytest.fixture
def lips(footage: Path, settings: Any) -> Iterator[Provider]:
    """A provider whose results are the video as it was, and a program that uses it."""
    with running_provider(result=str(footage / "talk.mp4")) as found:
        settings.PROSYNC_ENGINE = "syncso"
        settings.SYNCSO = {"key": KEY, "webhook_secret": SECRET, "url": found.url, "allow_private": True}
        settings.PUBLIC_URL = "https://vod.example"
        yield found


@dataclass
class Dub:
    """A pro job at the provider; it begins with its first step."""

    key: str
    footage: Path
    lips: Provider
    job_id: str = ""

    async def step(self) -> str:
        """Let the job go on, as when its time has come; its status behind that."""
        if not self.job_id:
            answer = await post(self.key, parts_of(self.footage, segment(), sounds=("note.flac",)))
            assert answer.status == 202, answer.content
            self.job_id = answer.json()["job_id"]
        await ask_rows(lambda: jobs.wake_waiting(self.job_id))  # type: ignore[arg-type]
        await ask_rows(lambda: run_queue("prosync"))
        return str(await ask_rows(lambda: Job.objects.get().status))

    async def expect_waiting(self) -> None:
        assert await self.step() == "waiting"

    async def shown(self) -> dict[str, Any]:
        return (await status_of(self.key, self.job_id)).json()

    async def expect_completed(self, generations: int = 1) -> dict[str, Any]:
        """Expect that it completes, by so many generations; its state."""
        body = await self._to_the_end()
        assert (body["status"], len(self.lips.generations)) == ("completed", generations), body
        return body

    async def expect_failed(self, kind: str) -> dict[str, Any]:
        body = await self._to_the_end()
        assert (body["status"], body["error"]["type"]) == ("failed", kind), body
        return body

    async def _to_the_end(self) -> dict[str, Any]:
        for _ in range(20):
            if await self.step() in ("completed", "failed"):
                break
        return await self.shown()


@pytest.fixture
def dub(key: str, footage: Path, lips: Provider) -> Dub:
    return Dub(key, footage, lips)


def cancel() -> None:
    jobs.cancel(Job.objects.get())


def retry() -> None:
    jobs.retry(Job.objects.get())


def delete() -> None:
    services.delete(ProJob.objects.get(), None)


def forget_generation() -> None:
    """Leave the row as a crash does after the request and before its answer was written."""
    ProJob.objects.update(generation_id="")


class TestTheWay:
    async def test_a_generation_is_asked_for_waited_for_and_fetched(self, dub: Dub, lips: Provider) -> None:
        await dub.expect_waiting()
        (generation,) = lips.generations
        body = await dub.shown()
        assert (body["status"], body["engine"], body["generation_id"]) == ("waiting", "syncso", generation["id"])
        assert (generation["model"], generation["options"]["sync_mode"]) == ("lipsync-2", "cut_off")
        assert generation["segments"] == [{"startTime": 1.0, "endTime": 3.0, "audioInput": {"refId": "audio-1"}}]
        for given, content in zip(generation["input"], ("talk.mp4", "note.flac"), strict=True):
            assert given["url"].startswith("https://vod.example/api/v1/media/")
            answer = await ask("GET", given["url"].removeprefix("https://vod.example"))
            assert answer.content == (dub.footage / content).read_bytes()
        body = await dub.expect_completed()
        assert body["outcome"]["engine"] == "syncso"
        assert (await ask("GET", body["result_url"])).content == (dub.footage / "talk.mp4").read_bytes()
        assert len(lips.asked("create")) == len(lips.asked("output")) == 1

    @pytest.mark.parametrize("honours_keys", [True, False])
    async def test_a_provider_that_forgets_keys_is_searched(self, dub: Dub, honours_keys: bool) -> None:
        dub.lips.set(honours_keys=honours_keys)
        await dub.expect_waiting()
        await ask_rows(forget_generation)
        await dub.expect_completed()

    @pytest.mark.parametrize("faults", [
        [Fault("status", "create", 429, headers={"Retry-After": "3"}), Fault("status", "get", 503)],
        [page("create"), page("get"), Fault("says", "get", body="{}")],
        [Fault("cut", "output"), page("output")],
        [Fault("hang", "create")],
        [Fault("cut_after", "create")],  # its answer is lost: it is paid once
    ])  # fmt: skip
    async def test_transient_faults_wait(self, dub: Dub, faults: list[Fault], monkeypatch: pytest.MonkeyPatch) -> None:
        rules = engine.syncso.API_RULES.__class__(seconds=1.0, connect_seconds=1.0)
        monkeypatch.setattr(engine.syncso, "API_RULES", rules)
        dub.lips.fails(*faults)
        await dub.expect_completed()

    async def test_nonsense_has_an_end(self, dub: Dub) -> None:
        dub.lips.fails(*[page("create")] * 30)
        await dub.expect_failed("provider_nonsense")

    @pytest.mark.parametrize("outcome", ["FAILED", "REJECTED"])
    async def test_why_one_failed_is_told_and_a_retry_asks_again(self, dub: Dub, outcome: str) -> None:
        dub.lips.set(outcome=outcome, error="No face was found.")
        body = await dub.expect_failed(f"generation_{outcome.lower()}")
        assert body["error"]["message"].endswith("No face was found.")
        dub.lips.set(outcome="COMPLETED")
        await ask_rows(retry)
        await dub.expect_completed(generations=2)

    async def test_a_key_that_is_not_taken_is_the_operators_matter(self, dub: Dub, settings: Any) -> None:
        settings.SYNCSO = {**settings.SYNCSO, "key": "another"}
        await dub.expect_failed("provider_account")

    @pytest.mark.parametrize("name", ["line.wav", None])
    async def test_a_result_that_is_no_video_is_refused(self, dub: Dub, name: str | None) -> None:
        dub.lips.set(**({"result": str(dub.footage / name), "result_type": "video/mp4"} if name else {"result": None}))
        body = await dub.expect_failed("provider_nonsense")
        assert name or "provider's result" in body["error"]["message"]


class TestLeaving:
    """Whatever is not wanted any more is not left to be made and paid, as far as the provider lets it be stopped."""

    @pytest.fixture(autouse=True)
    def _no_end(self, lips: Provider) -> None:
        lips.set(polls=None)

    def wait_stopped(self, lips: Provider) -> None:
        assert wait_until(lambda: [one["status"] for one in lips.generations] == ["CANCELED"], 20)

    @pytest.mark.parametrize(
        ("leave", "when"), [(cancel, "before"), (delete, "behind"), (cancel, "behind, unheard"), (delete, "before")]
    )
    async def test_one_that_was_left_while_it_was_asked_for_is_stopped(
        self, key: str, footage: Path, lips: Provider, monkeypatch: pytest.MonkeyPatch, leave: Callable[[], None],
        when: str,
    ) -> None:  # fmt: skip
        assert (await post(key, parts_of(footage, segment()))).status == 202
        real = engine.SyncSo.create

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
        self.wait_stopped(lips)

    async def test_an_unrecorded_generation_is_found_and_stopped(self, dub: Dub) -> None:
        await dub.expect_waiting()
        await ask_rows(forget_generation)
        await ask_rows(cancel)
        self.wait_stopped(dub.lips)

    async def test_deleting_a_failed_job_stops_its_generation(self, dub: Dub) -> None:
        await dub.expect_waiting()
        await ask_rows(lambda: Job.objects.update(status="failed", error={"type": "wait_timeout", "message": "."}))
        await ask_rows(delete)
        self.wait_stopped(dub.lips)

    @pytest.mark.parametrize(("knows_cancel", "count"), [(False, 1), (True, 2)])
    async def test_a_retry_goes_on_with_one_that_runs_on(self, dub: Dub, knows_cancel: bool, count: int) -> None:
        dub.lips.set(knows_cancel=knows_cancel)
        await dub.expect_waiting()
        await ask_rows(cancel)
        if knows_cancel:
            self.wait_stopped(dub.lips)
        assert wait_until(lambda: dub.lips.asked("cancel"), 20)
        dub.lips.set(polls=0)
        await ask_rows(retry)
        await dub.expect_completed(generations=count)

    async def test_a_busy_provider_is_asked_again_to_stop(self, dub: Dub) -> None:
        await dub.expect_waiting()
        dub.lips.fails(Fault("status", "cancel", 503), Fault("cut", "cancel"))
        await ask_rows(cancel)
        self.wait_stopped(dub.lips)

    async def test_an_attempt_taken_over_leaves_it_to_the_next(self, dub: Dub, monkeypatch: pytest.MonkeyPatch) -> None:
        real = engine.SyncSo.create

        def create(*given: Any) -> str:
            monkeypatch.undo()
            made = real(*given)
            _die()
            return made

        monkeypatch.setattr(engine.SyncSo, "create", create)
        await dub.step()
        dub.lips.set(polls=0)
        await dub.expect_completed()
        assert dub.lips.asked("cancel") == []

    async def test_cancelling_does_not_wait_for_a_stall(self, dub: Dub, lips: Provider) -> None:
        lips.set(polls=0)
        lips.fails(Fault("stalls", "output"))
        await dub.expect_waiting()
        with keeping():
            going_on = asyncio.ensure_future(dub.step())
            await asyncio.to_thread(wait_until, lambda: lips.asked("output"), 20)
            assert (await ask("POST", f"/api/v1/jobs/{dub.job_id}/cancel", key=dub.key)).status == 200
            # A worker whose handler does not end is ended after JOB_STUCK_SECONDS, with all that runs in it.
            assert await asyncio.wait_for(going_on, 30) == "cancelled"


def _die() -> None:
    """As after kill -9, once that has been noticed."""
    Job.objects.update(lease_until=datetime.now(UTC) - timedelta(minutes=5))
    maintenance.recover_expired_jobs()


class TestTwice:
    async def test_unwritten_failure_pays_once(self, dub: Dub, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
        settings.JOB_LAST_WORD_SECONDS = 0.0
        dub.lips.set(outcome="REJECTED", polls=0)
        await dub.expect_waiting()

        def fail(*_: Any) -> bool:
            raise OperationalError("gone")

        with monkeypatch.context() as patched:
            patched.setattr(leases, "fail", fail)
            with pytest.raises(OperationalError):
                await dub.step()
        await ask_rows(_die)
        await dub.expect_failed("generation_rejected")
        assert len(dub.lips.generations) == 1

    async def test_a_request_that_was_refused_is_asked_anew_by_a_retry(self, dub: Dub, settings: Any) -> None:
        settings.PUBLIC_URL = "https://wrong.example"
        dub.lips.fails(Fault("status", "create", 422, body="Could not fetch the input."))
        await dub.expect_failed("provider_refused")
        settings.PUBLIC_URL = "https://vod.example"
        await ask_rows(retry)
        await dub.expect_completed()
        (generation,) = dub.lips.generations
        assert all(part["url"].startswith("https://vod.example/") for part in generation["input"])

    async def test_without_an_address_of_this_server_nobody_is_asked(self, dub: Dub, settings: Any) -> None:
        settings.PUBLIC_URL = ""
        await dub.expect_failed("provider_setup")
        assert dub.lips.asked() == []
        settings.PUBLIC_URL = "https://vod.example"
        await ask_rows(retry)
        await dub.expect_completed()

    async def test_expired_addresses_are_renewed(self, dub: Dub, lips: Provider) -> None:
        lips.set(outcome="FAILED", error="An input could not be fetched.", polls=0)
        lips.fails(Fault("cut", "create"))
        await dub.expect_waiting()
        assert lips.generations == []
        await ask_rows(_age)
        await dub.step()
        await dub.expect_waiting()
        assert len(lips.generations) == 1
        lips.set(outcome="COMPLETED")
        await dub.expect_completed(generations=2)
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
    @pytest.mark.parametrize("index", ["first", "last"])
    async def test_one_that_ends_too_early_is_fetched_again(self, dub: Dub, tmp_path: Path, index: str) -> None:
        whole = dub.footage / "talk.mp4"
        if index == "first":
            whole = convert(whole, tmp_path / "fast.mp4", "-c", "copy", "-movflags", "+faststart")
        dub.lips.set(result=str(whole))
        dub.lips.fails(Fault("ends", "output"))
        body = await dub.expect_completed()
        assert len(dub.lips.asked("output")) == 2
        assert (await ask("GET", body["result_url"])).content == whole.read_bytes()

    async def test_one_in_another_container_is_given_as_what_it_is(self, dub: Dub, tmp_path: Path) -> None:
        other = convert(dub.footage / "talk.mp4", tmp_path / "other.mkv", "-c", "copy")
        dub.lips.set(result=str(other), result_type="video/x-matroska")
        answer = await ask("GET", (await dub.expect_completed())["result_url"])
        assert (answer.headers["content-type"], answer.content) == ("video/x-matroska", other.read_bytes())

    async def test_a_full_disk_is_waited_out(self, dub: Dub, monkeypatch: pytest.MonkeyPatch) -> None:
        await dub.expect_waiting()
        await dub.expect_waiting()

        def full(*_: Any, **__: Any) -> Any:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(engine.SyncSo, "download", full)
            await dub.expect_waiting()
        await dub.expect_completed()

    @pytest.mark.services
    async def test_an_infected_one_is_not_shown(self, dub: Dub, tmp_path: Path, clamd: Clamd, settings: Any) -> None:
        settings.CLAMD = str(clamd.socket)
        path = Path(shutil.copyfile(dub.footage / "talk.mp4", tmp_path / "infected.mp4"))
        dub.lips.set(result=str(infect(path)))
        body = await dub.expect_failed("malware_found")
        assert body["result_url"] is None
        assert FINDING in body["error"]["message"]


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

    async def test_a_call_that_is_not_the_providers_is_refused(self, pro_job: ProJob, settings: Any) -> None:
        right, now = signed(self.BODY), int(time.time())
        for signature in (
            None, "t=1,v1=zz", signed(self.BODY, "whsec_another"), signed(self.BODY, at=time.time() - 301),
            signed(self.BODY, at=time.time() + 86_400), signed(self.BODY + b" "), f"{right},{right}",
            f"t={now},v1=é", "t=²,v1=aa", "t=-1,v1=aa", "t=1e9,v1=aa", "t=NaN,v1=aa", "v1=aa", "," * 5000,
        ):  # fmt: skip
            (await self.call(self.BODY, signature)).refused(401, "signature_invalid")
        # Without a secret every call is refused.
        settings.SYNCSO = {**settings.SYNCSO, "webhook_secret": ""}
        (await self.call(self.BODY, signed(self.BODY, ""))).refused(401, "signature_invalid")
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
