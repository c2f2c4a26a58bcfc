"""What is asked of the lip-sync provider, what its answers mean for the next attempt, and what of it is believed."""

import contextlib
import io
import json
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.prosync.providers import syncso
from sessions_app.prosync.providers.syncso import InvalidResponse, RetryLater, Status, SyncSo, verify_webhook
from tests.support.lip_sync_provider import KEY, SECRET, TINY, Fault, Provider, page, running_provider, signed
from vodplatform.core.web.outbound import Rules

pytestmark = pytest.mark.pure
HERE = Rules(allow_private=True, seconds=20.0)
SOON = Rules(allow_private=True, seconds=0.4)
NAME = "pro-3f1c9f2e"
SOUNDS = {"a": "https://here.example/a.wav", "b": "https://here.example/b.wav"}
SEGMENTS = [{"start": 0.5, "end": 2.0, "ref": "a"}, {"start": 2.0, "end": 3.25, "ref": "b", "from": 1.0, "to": 2.5}]
ENOUGH = 10 * 1024**2


def a_request(name: str = NAME, **more: Any) -> dict[str, Any]:
    return syncso.build_request("https://here.example/video.mp4", SOUNDS, SEGMENTS, output_name=name, **more)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as found:
        yield found


@pytest.fixture
def client(provider: Provider) -> SyncSo:
    return SyncSo(KEY, base_url=provider.url, rules=HERE)


class TestRequest:
    def test_it_is_what_the_provider_describes(self) -> None:
        assert a_request(sync_mode="remap", webhook_url="https://here.example/hook?x=1") == {
            "model": "lipsync-2",
            "input": [
                {"type": "video", "url": "https://here.example/video.mp4"},
                {"type": "audio", "url": "https://here.example/a.wav", "refId": "a"},
                {"type": "audio", "url": "https://here.example/b.wav", "refId": "b"},
            ],
            "options": {"sync_mode": "remap"},
            "segments": [
                {"startTime": 0.5, "endTime": 2.0, "audioInput": {"refId": "a"}},
                {"startTime": 2.0, "endTime": 3.25, "audioInput": {"refId": "b", "startTime": 1.0, "endTime": 2.5}},
            ],
            "outputFileName": NAME,
            "webhookUrl": f"https://here.example/hook?x=1&output={NAME}",
        }

    def test_segments_are_put_in_order_and_unused_sounds_stay_here(self) -> None:
        request = syncso.build_request("https://v", SOUNDS, [SEGMENTS[1]], output_name=NAME)
        assert [part.get("refId") for part in request["input"]] == [None, "b"]
        request = syncso.build_request("https://v", SOUNDS, SEGMENTS[::-1], output_name=NAME)
        assert [segment["startTime"] for segment in request["segments"]] == [0.5, 2.0]

    @pytest.mark.parametrize("words", [
        {"sync_mode": "stretch"}, {"model": "lipsync-9"}, {"output_name": "a b c d e f"}, {"output_name": "short"},
        {"segments": [{"start": 0, "end": 1, "ref": "a", "from": 0.5}]},
        {"segments": [{"start": 0, "end": 1, "ref": "a", "from": None, "to": 1}]},
        {"segments": [{"start": 0, "end": 1, "ref": "c"}]},
    ])  # fmt: skip
    def test_what_is_no_request_is_not_made_one(self, words: dict[str, Any]) -> None:
        with pytest.raises(ValueError):
            syncso.build_request("https://v", SOUNDS, **{"segments": SEGMENTS, "output_name": NAME} | words)


class TestCreate:
    def test_it_is_made_once_and_followed_to_its_result(self, provider: Provider, client: SyncSo) -> None:
        made = client.create(a_request(), "job-1")
        assert [client.get(made).status for _ in range(2)] == [Status.PROCESSING, Status.COMPLETED]
        found = client.get(made)
        assert found.is_over and found.duration == 1.0 and NAME in found.output_url
        file = io.BytesIO(b"what was there before, and longer than the result" * 100)
        fetched = client.download(found.output_url, file, ENOUGH)
        assert file.getvalue() == TINY and fetched.size == len(TINY) and fetched.kind.container == "mp4"
        (asked,) = provider.asked("create")
        assert asked["headers"]["x-api-key"] == KEY and asked["headers"]["idempotency-key"] == "job-1"

    def test_a_key_is_for_one_request_and_one_generation(self, provider: Provider, client: SyncSo) -> None:
        assert client.create(a_request(), "job-1") == client.create(a_request(), "job-1")
        assert len(provider.generations) == 1
        stored = dict(reversed(a_request().items()))  # JSONB has an order of its own
        assert client.create(stored, "job-1") == client.create(a_request(), "job-1")
        with pytest.raises(syncso.RefusedForGood) as caught:
            client.create(a_request(sync_mode="loop"), "job-1")
        assert caught.value.code == "IDEMPOTENCY_PAYLOAD_MISMATCH" and len(provider.generations) == 1
        assert client.create(a_request(), "job-2") != client.create(a_request(), "job-1")

    @pytest.mark.parametrize("kind", ["cut_after", "half", "hang_after"])
    def test_a_lost_answer_is_got_by_asking_again(self, provider: Provider, kind: str) -> None:
        client = SyncSo(KEY, base_url=provider.url, rules=SOON if kind == "hang_after" else HERE)
        provider.fails(Fault(kind, "create"))
        with pytest.raises(RetryLater):
            client.create(a_request(), "job-1")
        made = SyncSo(KEY, base_url=provider.url, rules=HERE).create(a_request(), "job-1")
        assert [each["id"] for each in provider.generations] == [made]

    def test_a_conflict_is_asked_again_unless_it_has_an_id(self, provider: Provider, client: SyncSo) -> None:
        for code in ("IDEMPOTENCY_REQUEST_IN_PROGRESS", "IDEMPOTENCY_OUTCOME_UNKNOWN", ""):
            provider.fails(Fault("status", "create", 409, code))
            with pytest.raises(RetryLater):
                client.create(a_request(), "job-1")
        body = {"statusCode": 409, "errorCode": "IDEMPOTENCY_OUTCOME_UNKNOWN", "generationId": "5c1b"}
        provider.fails(Fault("says", "create", 409, body=json.dumps(body)))
        assert client.create(a_request(), "job-1") == "5c1b"

    def test_what_is_no_key_or_request_is_not_sent(self, provider: Provider, client: SyncSo) -> None:
        for key in ("", "with space", "ü", "a" * 129, "a\r\nx: y"):
            with pytest.raises(ValueError):
                client.create(a_request(), key)
        with pytest.raises(ValueError):
            client.create(a_request() | {"options": {"temperature": float("nan")}}, "job-1")
        assert provider.asked() == []
        with pytest.raises(syncso.RefusedForGood, match="model must be one of") as caught:
            client.create(a_request() | {"model": "other"}, "job-1")
        assert not isinstance(caught.value, syncso.AccountRefused) and provider.generations == []
        # An id that would not fit its column is nonsense.
        provider.fails(Fault("changes", "create", changes={"id": "a" * 101}))
        with pytest.raises(InvalidResponse):
            client.create(a_request(), "job-1")


class TestMeaning:
    """What each answer means for the next attempt, whatever was asked."""

    @pytest.fixture(params=["create", "get", "cancel", "find"])
    def ask(self, request: pytest.FixtureRequest, client: SyncSo) -> Callable[[], Any]:
        calls: dict[str, Callable[[], Any]] = {
            "create": lambda: client.create(a_request(), "job-1"), "get": lambda: client.get("5c1b"),
            "cancel": lambda: client.cancel("5c1b"), "find": lambda: client.find(NAME),
        }  # fmt: skip
        return calls[request.param]

    @pytest.mark.parametrize(("faults", "error"), [
        ([Fault("status", status=status) for status in (401, 402, 403)], syncso.AccountRefused),
        ([Fault("status", status=status) for status in (413, 415, 418)], syncso.RefusedForGood),
        ([Fault("cut"), Fault("half")], RetryLater),
        ([page(status=200), page(status=302)], InvalidResponse),
    ])  # fmt: skip
    def test_each_answer_has_its_meaning(
        self, provider: Provider, ask: Callable[[], Any], faults: list[Fault], error: type[Exception]
    ) -> None:
        for fault in faults:
            provider.fails(fault)
            with pytest.raises(error):
                ask()

    def test_busy_and_broken_is_asked_again(self, provider: Provider, ask: Callable[[], Any]) -> None:
        for status in (408, 429, 500, 502, 503, 504):
            provider.fails(Fault("status", status=status, code="busy_now", headers={"Retry-After": "7"}))
            with pytest.raises(RetryLater) as caught:
                ask()
            assert caught.value.retry_after == 7.0 and caught.value.code == "busy_now"

    def test_a_redirect_takes_the_key_nowhere(self, provider: Provider, client: SyncSo) -> None:
        provider.fails(Fault("redirect", body=f"{provider.url}/v2/generate/5c1b"))
        with pytest.raises(InvalidResponse):
            client.get("5c1b")
        assert len(provider.asked()) == 1

    def test_a_date_to_come_back_at_is_understood(self, provider: Provider, client: SyncSo) -> None:
        soon = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
        for said in (soon, "soon", "-3", "9" * 400):
            provider.fails(Fault("status", status=429, headers={"Retry-After": said}))
            with pytest.raises(RetryLater) as caught:
                client.get("5c1b")
            after = caught.value.retry_after
            assert (30 < (after or 0) <= 40) if said == soon else (after is None or syncso.next_delay(0, after) <= 902)

    def test_what_it_says_is_cleaned_for_people(self, provider: Provider, client: SyncSo) -> None:
        said = "Could not fetch https://s3.example/a.wav?X-Amz-Signature=secret\n\x1b[31mat\u202eall " + "x" * 9000
        provider.fails(Fault("status", status=422, body=said))
        with pytest.raises(syncso.RefusedForGood) as caught:
            client.get("5c1b")
        told = str(caught.value)
        assert "https://s3.example/a.wav at" not in told and "https://s3.example/a.wav" in told
        assert "secret" not in told and "\x1b" not in told and "\u202e" not in told and len(told) < 700

    def test_the_key_is_in_no_error(self, provider: Provider, client: SyncSo) -> None:
        for body in ("Unauthorized", f"Incorrect API key provided: {KEY}."):
            provider.fails(Fault("status", status=401, body=body))
            with pytest.raises(syncso.ProviderError, match=body[:9]) as caught:
                client.get("5c1b")
            assert KEY not in str(caught.value) + repr(caught.value) + repr(vars(caught.value))
            assert caught.value.__cause__ is None and KEY not in repr(client)

    @pytest.mark.parametrize(("address", "told"), [
        ("https://here.example/api/v1/media/66ab.c2lnbmVk/1f/sound.wav", "https://here.example/…/sound.wav"),
        ("HTTPS://here.example/a/stream?sig=66ab.c2lnbmVk", "HTTPS://here.example/…/stream"),
        ("https://here.example?sig=66ab.c2lnbmVk", "https://here.example"),
    ])  # fmt: skip
    def test_of_an_address_host_and_file_are_told(self, address: str, told: str) -> None:
        entry = {"id": "5c1b", "status": "FAILED", "error": f"Could not fetch {address} today"}
        assert syncso.read_generation(entry).error == f"Could not fetch {told} today"

    def test_who_is_not_wanted_any_more_asks_nothing(self, provider: Provider) -> None:
        def check() -> None:
            raise InterruptedError

        client = SyncSo(KEY, base_url=provider.url, rules=HERE, check=check)
        for ask in (lambda: client.get("5c1b"), lambda: client.create(a_request(), "job-1"), lambda: client.find(NAME)):
            with pytest.raises(InterruptedError):
                ask()
        assert provider.asked() == []

    def test_the_key_is_not_sent_without_encryption_or_to_a_private_address(self) -> None:
        with pytest.raises(ValueError, match="https"):
            SyncSo(KEY, base_url="http://api.example")
        with pytest.raises(syncso.RefusedForGood, match="private"):
            SyncSo(KEY, base_url="https://127.0.0.1").get("5c1b")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with pytest.raises(RetryLater):  # no server listens on the port
            SyncSo(KEY, base_url=f"http://127.0.0.1:{port}", rules=HERE).get("5c1b")


class TestGet:
    def test_an_answer_that_cannot_be_is_nonsense(self, provider: Provider, client: SyncSo) -> None:
        made = client.create(a_request(), "job-1")
        for changes in (
            {"id": "another"}, {"id": None}, {"id": "../v2/x"}, {"status": "PONDERING"}, {"status": None},
            {"status": "COMPLETED", "outputUrl": None}, {"status": "COMPLETED", "outputUrl": 7},
        ):  # fmt: skip
            provider.fails(Fault("changes", "get", changes=changes))
            with pytest.raises(InvalidResponse):
                client.get(made)
        for body in ("", "null", "[]", '{"id": ', "[" * 100_000, '{"id": "5c1b", "status": ' + "9" * 5000):
            provider.fails(Fault("says", body=body))
            with pytest.raises(InvalidResponse):
                client.get("5c1b")
        provider.fails(Fault("endless"))
        with pytest.raises(InvalidResponse):
            client.get("5c1b")
        assert client.get(made).id == made

    @pytest.mark.parametrize("status", ["FAILED", "REJECTED"])
    def test_why_it_came_to_nothing_is_told(self, provider: Provider, client: SyncSo, status: str) -> None:
        made = client.create(a_request(), "job-1")
        provider.finish(made, status, "The provided audio\nis too long.", "generation_audio_length_exceeded")
        found = client.get(made)
        assert found.status == status and found.is_over and found.output_url == ""
        assert found.error == "The provided audio is too long."
        assert found.error_code == "generation_audio_length_exceeded"

    def test_a_bad_id_is_not_sent_and_an_unknown_one_may_appear(self, provider: Provider, client: SyncSo) -> None:
        for generation_id in ("", "..", "a/b", "a?b", "a b", "ü", "x" * 200):
            with pytest.raises(ValueError):
                client.get(generation_id)
        assert provider.asked() == []
        with pytest.raises(syncso.UnknownGeneration):
            client.get("5c1b")

    def test_older_and_newer_names_of_fields_are_read_and_no_duration_is_unknown(self) -> None:
        older = {"id": "5", "status": "COMPLETED", "outputMediaUrl": "https://x", "error_code": "e"}
        found = syncso.read_generation(older)
        assert found.output_url == "https://x" and found.error_code == "e"
        assert syncso.read_generation({"id": "5", "status": "CANCELLED"}).status == Status.CANCELED
        for duration in (-1, "2", True, None, [], 10**400, float("inf"), float("nan")):
            entry = {"id": "5", "status": "PENDING", "outputDuration": duration}
            assert syncso.read_generation(entry).duration is None

    @given(
        st.dictionaries(
            st.sampled_from(["id", "status", "outputUrl", "error", "errorCode", "outputDuration"]),
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
        )
    )
    def test_no_answer_breaks_the_reader(self, entry: dict[str, Any]) -> None:
        with contextlib.suppress(InvalidResponse):
            syncso.read_generation(entry)


class TestFind:
    def test_one_whose_id_nobody_noted_is_found(self, provider: Provider, client: SyncSo) -> None:
        provider.fails(Fault("cut_after", "create"))
        with pytest.raises(RetryLater):
            client.create(a_request(webhook_url="https://here.example/hook"), "job-1")
        client.create(a_request("pro-another-one", webhook_url="https://here.example/hook"), "job-2")
        found = client.find(NAME)
        assert found is not None and found.id == provider.generations[0]["id"]
        assert found.status == Status.PENDING and len(provider.generations) == 2

    def test_without_a_webhook_its_result_tells_or_it_is_looked_up(self, provider: Provider, client: SyncSo) -> None:
        made = client.create(a_request(), "job-1")
        assert client.find(NAME) is None
        provider.finish(made)
        found = client.find(NAME)
        assert found is not None and found.id == made
        # The list may tell that there is a result, and not which.
        entry = {"id": made, "status": "COMPLETED", "webhookUrl": f"https://here.example/?output={NAME}"}
        provider.fails(Fault("says", "list", body=json.dumps([entry])))
        found = client.find(NAME)
        assert found is not None and (found.id, found.status) == (made, Status.COMPLETED)

    @pytest.mark.parametrize("other", [NAME + "-2", "x-" + NAME, NAME[:-1]])
    def test_a_similar_name_is_another(self, client: SyncSo, other: str) -> None:
        client.create(a_request(other, webhook_url="https://here.example/hook"), "job-1")
        assert client.find(NAME) is None

    def test_the_search_has_an_end(self, provider: Provider, client: SyncSo, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(syncso, "PAGE", 2)
        names = [f"pro-number-{number:02}" for number in range(12)]
        for name in names:
            client.create(a_request(name, webhook_url="https://here.example/hook"), name)
        found = client.find(names[3])
        assert found is not None and found.id == provider.generations[3]["id"]
        assert client.find(names[1]) is None
        assert len(provider.asked("list")) == 5 + 5

    def test_a_list_that_repeats_itself_ends(self, provider: Provider, client: SyncSo) -> None:
        entries = [{"id": f"g{number}", "status": "PENDING"} for number in range(100)]
        provider.fails(*[Fault("says", "list", body=json.dumps(entries))] * 5)
        assert client.find(NAME) is None
        assert len(provider.asked("list")) == 2

    @pytest.mark.parametrize("body", ["{}", "[1]", "null", '["a"]', '[{"id": "5", "input": [1, {"url": 2}]}]'])
    def test_what_is_no_list_is_nonsense_or_empty(self, provider: Provider, client: SyncSo, body: str) -> None:
        provider.fails(Fault("says", "list", body=body))
        with contextlib.suppress(InvalidResponse):
            assert client.find(NAME) is None


class TestCancel:
    def test_a_pending_one_is_stopped_and_one_that_runs_goes_on(self, provider: Provider, client: SyncSo) -> None:
        pending, running, other = (client.create(a_request(), f"job-{number}") for number in range(3))
        assert client.cancel(pending) is True
        assert client.get(pending).status == Status.CANCELED
        client.get(running)
        assert client.cancel(running) is False
        provider.fails(Fault("says", "cancel", body="{}"))
        assert client.cancel(other) is False
        provider.set(knows_cancel=False)
        assert client.cancel(other) is False


class TestDownload:
    @pytest.fixture
    def url(self, provider: Provider, client: SyncSo) -> str:
        made = client.create(a_request(), "job-1")
        provider.finish(made)
        return client.get(made).output_url

    @pytest.fixture
    def file(self, tmp_path: Path) -> Iterator[BinaryIO]:
        with (tmp_path / "result").open("wb+") as opened:
            yield opened

    def test_no_key_is_sent_to_storage(self, provider: Provider, client: SyncSo, url: str, file: BinaryIO) -> None:
        client.download(url, file, ENOUGH)
        (asked,) = provider.asked("output")
        assert KEY not in json.dumps(asked)

        class Full(io.BytesIO):
            def write(self, _: Any) -> int:
                raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space"):
            client.download(url, Full(), ENOUGH)

    def test_too_large_is_refused(self, provider: Provider, client: SyncSo, url: str, file: BinaryIO) -> None:
        with pytest.raises(syncso.ResultRefused, match="larger than 100 bytes"):
            client.download(url, file, 100)
        provider.fails(Fault("endless", "output"))
        with pytest.raises(syncso.ResultRefused):
            client.download(url, file, 1024**2)
        assert file.seek(0, io.SEEK_END) == 0

    def test_one_on_a_private_address_is_refused(self, provider: Provider, url: str, file: BinaryIO) -> None:
        client = SyncSo(KEY)
        with pytest.raises(syncso.ResultRefused, match="private"):
            client.download(url.replace("http:", "https:"), file, ENOUGH)
        with pytest.raises(syncso.ResultRefused, match="does not use HTTPS"):
            client.download(url, file, ENOUGH)
        assert provider.asked("output") == []

    def test_it_stops_when_it_is_cancelled(self, provider: Provider, url: str, file: BinaryIO) -> None:
        asked = []

        def check() -> None:
            asked.append(file.tell())
            if len(asked) > 3:
                raise InterruptedError

        provider.fails(Fault("endless", "output"))
        with pytest.raises(InterruptedError):
            SyncSo(KEY, base_url=provider.url, rules=HERE, check=check).download(url, file, 1024**4)
        assert file.seek(0, io.SEEK_END) == 0

    def test_redirects_have_a_limit(self, provider: Provider, client: SyncSo, url: str, file: BinaryIO) -> None:
        provider.fails(Fault("redirect", "output", body=url))
        assert client.download(url, file, ENOUGH).size == len(TINY)
        provider.fails(*[Fault("redirect", "output", body=url)] * 9)
        with pytest.raises(syncso.ResultRefused):
            client.download(url, file, ENOUGH)

    def test_no_video_leaves_nothing(self, provider: Provider, client: SyncSo, url: str, file: BinaryIO) -> None:
        for body in ("", "<html>", "PK\x03\x04" + "a" * 5000, "#EXTM3U\nhttp://x", "<" * 500_000):
            provider.fails(Fault("says", "output", body=body, content_type="video/mp4"))
            with pytest.raises(InvalidResponse):
                client.download(url, file, ENOUGH)
            assert file.seek(0, io.SEEK_END) == 0
        provider.set(result_type="text/html")
        with pytest.raises(InvalidResponse):
            client.download(url, file, ENOUGH)
        provider.set(result_type="binary/octet-stream")
        assert client.download(url, file, ENOUGH).kind.mime_type == "video/mp4"

    def test_expired_and_broken_downloads(self, provider: Provider, client: SyncSo, url: str, file: BinaryIO) -> None:
        for status in (403, 404, 410):
            provider.fails(page("output", status))
            with pytest.raises(syncso.LinkExpired):
                client.download(url, file, ENOUGH)
        for fault in (Fault("half", "output"), Fault("cut", "output"), page("output", 503)):
            provider.fails(fault)
            with pytest.raises(RetryLater):
                client.download(url, file, ENOUGH)
            assert file.seek(0, io.SEEK_END) == 0
        assert client.download(url, file, ENOUGH).size == len(TINY)

    def test_a_long_page_is_not_read_to_its_end(self, provider: Provider, url: str, file: BinaryIO) -> None:
        sizes: list[int] = []
        client = SyncSo(KEY, base_url=provider.url, rules=HERE, check=lambda: sizes.append(file.tell()))
        provider.fails(Fault("says", "output", body="<" * 2_000_000))
        with pytest.raises(InvalidResponse):
            client.download(url, file, ENOUGH)
        assert 0 < max(sizes) <= 64 * 1024


class TestWebhook:
    NOW = 1_790_000_000.0
    BODY = json.dumps({"id": "5c1b", "status": "COMPLETED", "outputUrl": "https://x/y.mp4"}).encode()

    def test_a_signed_call_is_believed_and_the_same_again_has_the_same_mark(self) -> None:
        notice = verify_webhook(SECRET, signed(self.BODY, at=self.NOW), self.BODY, self.NOW + 200)
        assert notice.generation.id == "5c1b" and notice.generation.status == Status.COMPLETED
        assert notice.sent_at == self.NOW and notice.replay_key == "5c1b:1790000000"
        calls = [signed(self.BODY, at=at) for at in (self.NOW, self.NOW, self.NOW + 1)]
        marks = [verify_webhook(SECRET, call, self.BODY, self.NOW).replay_key for call in calls]
        assert marks[0] == marks[1] != marks[2]
        stamp, right = signed(self.BODY, at=self.NOW).split(",")
        for header in (f"{stamp}, v1={'0' * 64}, {right}", f"{right},{stamp}", f"{stamp},v0=x,{right}"):
            assert verify_webhook(SECRET, header, self.BODY, self.NOW).generation.id == "5c1b"

    def test_milliseconds_are_understood(self) -> None:
        header = signed(self.BODY, at=self.NOW * 1000 + 250)
        assert verify_webhook(SECRET, header, self.BODY, self.NOW).sent_at == self.NOW + 0.25
        with pytest.raises(syncso.WebhookRefused, match="old"):
            verify_webhook(SECRET, header, self.BODY, self.NOW + 301)

    def test_what_is_late_or_was_changed_on_the_way_is_refused(self) -> None:
        header = signed(self.BODY, at=self.NOW)
        for late in (301, -301, 86_400):
            with pytest.raises(syncso.WebhookRefused, match="old"):
                verify_webhook(SECRET, header, self.BODY, self.NOW + late)
        other = header.replace("t=1790000000", "t=1790000001")
        spaced = self.BODY.replace(b": ", b":")
        for secret, sent, body in (
            ("whsec_other", header, self.BODY), (SECRET, other, self.BODY), (SECRET, header, spaced),
            (SECRET, header, self.BODY + b" "), (SECRET, header[:-1], self.BODY), (SECRET, header.upper(), self.BODY),
            ("", signed(self.BODY, "", self.NOW), self.BODY),
        ):  # fmt: skip
            with pytest.raises(syncso.WebhookRefused):
                verify_webhook(secret, sent, body, self.NOW)

    @given(st.text(max_size=200), st.binary(max_size=50))
    def test_no_header_breaks_it(self, header: str, body: bytes) -> None:
        with pytest.raises(syncso.WebhookRefused):
            verify_webhook(SECRET, header, body, self.NOW)

    @pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b'{"id": "5", "status": "GONE"}'])
    def test_a_signed_body_that_is_no_generation_is_nonsense(self, body: bytes) -> None:
        with pytest.raises(InvalidResponse):
            verify_webhook(SECRET, signed(body, at=self.NOW), body, self.NOW)


class TestDelay:
    def test_it_doubles_up_to_a_limit_and_is_at_least_what_the_provider_asks_for(self) -> None:
        asked: list[tuple[float, float]] = []

        def draw(least: float, most: float) -> float:
            asked.append((least, most))
            return most

        assert [syncso.next_delay(attempt, draw=draw) for attempt in range(7)] == [2, 4, 8, 16, 32, 60, 60]
        assert {least for least, _ in asked} == {0.0}
        assert syncso.next_delay(10**9, draw=draw) == 60
        assert all(30 <= syncso.next_delay(0, 30) <= 32 for _ in range(50))
        assert syncso.next_delay(0, 10**9, draw=lambda _, most: most) == 902
        assert syncso.next_delay(0, -5, draw=lambda *_: 0.0) == 0.5
        assert len({syncso.next_delay(5) for _ in range(20)}) > 10
