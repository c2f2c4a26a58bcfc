"""Idempotency-Key: one effect for a request sent again, its first answer again, and nothing made twice by a crash."""

import threading
import uuid
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.http import HttpResponse
from django.test import RequestFactory
from drf_spectacular.generators import SchemaGenerator
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request

from jobs_app.models import Job
from sessions_app.comparison import services
from sessions_app.comparison.alignment import services as alignments
from sessions_app.comparison.models import Alignment, ComparisonSession
from tests.conftest import Library
from tests.support.api import BASE, Api, refused, session_of
from tests.support.factories import make_key, make_session, make_video
from tests.support.together import at_once
from vodplatform.accounts.models import User
from vodplatform.core.api import idempotency
from vodplatform.core.api.parsers import StrictJSONParser
from vodplatform.core.errors import DomainError
from vodplatform.core.models import IdempotencyQuerySet, IdempotencyRecord, RecordState

pytestmark = pytest.mark.django_db
KEY = {"Idempotency-Key": "key-1"}
AGAIN = "Idempotency-Replayed"
Body = dict[str, Any]


@pytest.fixture
def body(owner: User, library: Library) -> Body:
    """A body that makes a session of two videos of the owner's."""
    videos = [make_video(owner, location=str(library.crew / name)) for name in ("plain.mp4", "other.mp4")]
    vods = [{"vod_id": f"v{number}", "video_id": str(video.pk)} for number, video in enumerate(videos)]
    return {"vods": vods, "name": "Final"}


@pytest.fixture
def align(owner: User) -> str:
    """The address that starts an alignment."""
    return f"{BASE}/{make_session(owner).session_id}/align"


def record() -> IdempotencyRecord:
    return IdempotencyRecord.objects.get()


def age(**by: float) -> None:
    """Let so much time pass for every record, by the database's clock."""
    by_time = timedelta(**by)
    IdempotencyRecord.objects.update(created_at=F("created_at") - by_time, locked_until=F("locked_until") - by_time)


def abandon(**values: Any) -> None:
    """Leave the one record as a process leaves it that is killed in the middle."""
    fields = {"state": RecordState.IN_PROGRESS, "answer_status": None, "body": "", "headers": {}, **values}
    IdempotencyRecord.objects.update(**fields)


class TestAnswers:
    def test_a_request_sent_again_gets_the_first_answer_again(self, api: Api, body: Body) -> None:
        first, second = (api.post(BASE, body, headers=KEY) for _ in range(2))
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.content == second.content
        assert (first.get(AGAIN), second[AGAIN]) == (None, "true")
        assert ComparisonSession.objects.count() == 1
        assert first["X-Request-ID"] != second["X-Request-ID"]
        ComparisonSession.objects.all().delete()
        assert api.post(BASE, body, headers=KEY).content == first.content
        assert not ComparisonSession.objects.exists()

    def test_an_alignment_is_queued_once_with_or_without_a_slash_at_the_end(self, api: Api, align: str) -> None:
        first, second = (api.post(align + end, {"method": "timer_ocr"}, headers=KEY) for end in ("", "/"))
        assert (first.status_code, second.status_code, second[AGAIN]) == (202, 202, "true")
        assert first.json() == second.json()
        assert (Job.objects.count(), Alignment.objects.count(), record().sealed) == (1, 1, True)

    def test_a_request_with_another_key_or_none_or_on_another_route_is_another_one(self, api: Api, body: Body) -> None:
        for headers in ({}, {}, *({"Idempotency-Key": key} for key in ("a", "b", "A"))):
            assert api.post(BASE, body, headers=headers).get(AGAIN) is None
        assert (ComparisonSession.objects.count(), IdempotencyRecord.objects.count()) == (5, 3)
        for session in ComparisonSession.objects.all()[:2]:
            path = f"{BASE}/{session.session_id}/align"
            assert api.post(path, {"method": "timer_ocr"}, headers=KEY).get(AGAIN) is None
        assert Job.objects.count() == 2

    def test_keys_by_user(self, api: Api, admin_api: Api, admin_person: User, body: Body, library: Library) -> None:
        mine = session_of(api.post(BASE, body, headers=KEY), 201)
        theirs = admin_api.post(BASE, body, headers=KEY)
        assert theirs.get(AGAIN) is None
        assert session_of(theirs, 201)["created_by"] == str(admin_person.pk) != mine["created_by"]

    def test_a_replay_needs_the_rights_and_not_the_token(self, owner: User, body: Body, anonymous: Api) -> None:
        refused(anonymous.post(BASE, body, headers=KEY), 401, "unauthenticated")
        assert not IdempotencyRecord.objects.exists()
        first, second = (Api(make_key(owner)).post(BASE, body, headers=KEY) for _ in range(2))
        assert (first.content, second[AGAIN]) == (second.content, "true")
        refused(anonymous.post(BASE, body, headers=KEY), 401, "unauthenticated")
        refused(Api(make_key(owner, scopes=["read"])).post(BASE, body, headers=KEY), 403, "scope_required")

    def test_records_go_with_their_user(self, api: Api, owner: User, align: str) -> None:
        api.post(align, {"method": "timer_ocr"}, headers=KEY)
        ComparisonSession.objects.all().delete()
        owner.videos.all().delete()
        owner.delete()
        assert not IdempotencyRecord.objects.exists()

    def test_a_cancelled_key_has_no_effect_and_what_had_one_is_answered_again(self, api: Api, align: str) -> None:
        cancel, body = {"Idempotency-Cancel": "true"}, {"method": "timer_ocr"}
        for headers in ({**KEY, **cancel}, KEY, {**KEY, **cancel}):
            refused(api.post(align, body, headers=headers), 409, "idempotency_cancelled")
        for headers in (cancel, {**KEY, "Idempotency-Cancel": "True"}):
            refused(api.post(align, body, headers=headers), 400, "invalid")
        assert not Job.objects.exists()
        first, second = (api.post(align, body, headers={"Idempotency-Key": "b", **more}) for more in ({}, cancel))
        assert (second.status_code, second.content, second[AGAIN]) == (202, first.content, "true")


class TestKeys:
    @pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ä", "a\x7f"])
    def test_a_key_of_other_characters_or_lengths_is_refused(self, api: Api, align: str, key: str) -> None:
        response = api.post(align, {"method": "timer_ocr"}, headers={"Idempotency-Key": key})
        assert list(refused(response, 400, "invalid")["errors"]) == ["Idempotency-Key"]
        assert not Job.objects.exists()

    @pytest.mark.parametrize("key", ["x" * 255, '"!~\'\\,;="'])
    def test_any_visible_characters_make_a_key(self, api: Api, align: str, key: str) -> None:
        headers = {"Idempotency-Key": key}
        first, second = (api.post(align, {"method": "timer_ocr"}, headers=headers) for _ in range(2))
        assert (first.status_code, second[AGAIN]) == (202, "true")


def test_other_content_under_the_same_key_is_a_conflict(api: Api, body: Body) -> None:
    api.post(BASE, body, headers=KEY)
    refused(api.post(BASE, {**body, "name": "Other"}, headers=KEY), 409, "idempotency_mismatch")
    refused(api.post(f"{BASE}?a=1", body, headers=KEY), 409, "idempotency_mismatch")
    refused(api.post(BASE, raw=b"{", headers=KEY), 409, "idempotency_mismatch")
    assert ComparisonSession.objects.count() == 1
    assert api.post(BASE, body, headers=KEY)[AGAIN] == "true"
    abandon()
    refused(api.post(BASE, {**body, "name": "Other"}, headers=KEY), 409, "idempotency_mismatch")


def request_of(data: bytes | dict[str, Any], content_type: str | None = None, path: str = "/x") -> Request:
    """A request as a view gets it that takes JSON, forms and files."""
    kind = {"content_type": content_type} if content_type else {}
    return Request(
        RequestFactory().post(path, data, **kind), parsers=[StrictJSONParser(), FormParser(), MultiPartParser()]
    )


class TestFingerprint:
    """What counts as the same content."""

    FORM = "application/x-www-form-urlencoded"

    def same(self, first: Request, second: Request) -> bool:
        return idempotency.fingerprint(first) == idempotency.fingerprint(second)

    def upload(self, content: bytes, name: str = "a.mp4", field: str = "video", **fields: Any) -> Request:
        return request_of({field: SimpleUploadedFile(name, content), **fields})

    def test_files_count_by_their_bytes_and_the_fields_beside_them(self) -> None:
        assert self.same(self.upload(b"abc", title="T"), self.upload(b"abc", title="T"))
        assert not self.same(self.upload(b"abc", title="T"), self.upload(b"abd", title="T"))
        assert not self.same(self.upload(b"abc", title="T"), self.upload(b"abc", title="U"))
        assert not self.same(self.upload(b"abc"), self.upload(b"abc", field="other"))
        assert not self.same(self.upload(b"abc", tags=["a", "b"]), self.upload(b"abc", tags=["b", "a"]))
        assert not self.same(self.upload(b"abc"), request_of({"video": "abc"}))

    def test_the_body_can_be_read_afterwards(self) -> None:
        file = self.upload(b"abc" * 100_000)
        fields, form = request_of(b'{"a": 1}', "application/json"), request_of(b"a=1", self.FORM)
        for request in (file, fields, form):
            idempotency.fingerprint(request)
        assert file.data["video"].read() == b"abc" * 100_000
        assert (fields.data, form.data["a"]) == ({"a": 1}, "1")

    def test_the_order_and_spacing_of_json_and_fields_do_not_count(self) -> None:
        bodies = (b'{"method":"auto","game":"auto"}', b'{ "game" : "auto", "method" : "auto" }')
        assert self.same(*(request_of(body, "application/json") for body in bodies))
        assert self.same(request_of(b"a=1&b=2", self.FORM), request_of(b"b=2&a=1", self.FORM))
        assert not self.same(request_of(b"a=1&a=2", self.FORM), request_of(b"a=2&a=1", self.FORM))
        # Nor does a parameter of the content type, and query, kind and content do not run into each other.
        first, second = (request_of(b"{}", kind) for kind in ("application/json", "application/JSON; charset=utf-8"))
        assert self.same(first, second)
        assert not self.same(first, request_of(b"{}", "text/plain"))
        first = request_of(b'"b"', "application/json", "/x?a")
        assert not self.same(first, request_of(b'"ab"', "application/json", "/x?"))

    def test_the_boundary_between_parts_does_not_count(self) -> None:
        def parted(mark: str) -> Request:
            text = f'--{mark}\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nabc\r\n--{mark}--\r\n'
            return request_of(text.encode(), f"multipart/form-data; boundary={mark}")

        assert self.same(parted("one"), parted("two"))

    @pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 100_000, b"9" * 5000, b'"\\ud800"', b"NaN"])
    def test_what_is_no_json_counts_by_its_bytes(self, raw: bytes) -> None:
        first, second, other = (request_of(content, "application/json") for content in (raw, raw, raw + b" x"))
        assert self.same(first, second)
        assert not self.same(first, other)


class TestRefusals:
    def test_a_refusal_is_remembered(self, api: Api, align: str) -> None:
        roi = {"vod_id": "vod-9", "time": 1, "x": 0.1, "y": 0.1, "width": 0.1, "height": 0.1}
        body = {"method": "auto", "roi": roi}
        first = refused(api.post(align, body, headers=KEY), 400, "unknown_vod")
        response = api.post(align, body, headers={**KEY, "X-Request-ID": "second"})
        second = refused(response, 400, "unknown_vod")
        assert response[AGAIN] == "true"
        assert (second.pop("request_id"), first.pop("request_id") != "second") == ("second", True)
        assert first == second

    def test_a_bad_body_is_refused_as_ever(self, api: Api, align: str) -> None:
        refused(api.post(align, {"method": "timer_ocr", "unknown": [1] * 41_000}), 413, "too_large")
        refused(api.post(align, {"method": '"[,' * 41_000}), 400, "invalid")  # signs in a text are no values
        for raw in (b"{", b'{"method": 7}', b"[" * 20_000):
            plain, first, second = (api.post(align, raw=raw, headers=headers) for headers in ({}, KEY, KEY))
            assert plain.status_code == first.status_code == second.status_code == 400
            assert plain.json()["type"] == first.json()["type"] == second.json()["type"]
            assert second[AGAIN] == "true"
            IdempotencyRecord.objects.all().delete()
        refused(api.post(align, raw=b"a", content_type="text/plain", headers=KEY), 415, "unsupported_media_type")
        IdempotencyRecord.objects.all().delete()
        response = api.post(align, raw=b"{" + b" " * (3 * 1024 * 1024) + b"}", headers=KEY)
        assert refused(response, 413, "too_large")["limit"] == 2 * 1024 * 1024
        assert not IdempotencyRecord.objects.exists()

    @pytest.mark.parametrize(("exc", "status"), [
        (RuntimeError("broken"), 500), (OperationalError("database is locked"), 503),
        (DomainError("unavailable"), 503), (DomainError("throttled", retry_after=3), 429),
    ], ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value))  # fmt: skip
    def test_what_may_pass_is_forgotten(
        self, api: Api, align: str, monkeypatch: pytest.MonkeyPatch, exc: Exception, status: int
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(alignments, "start_alignment", Mock(side_effect=exc))
            assert api.post(align, {"method": "timer_ocr"}, headers=KEY, fails=True).status_code == status
        assert not IdempotencyRecord.objects.exists()
        response = api.post(align, {"method": "timer_ocr"}, headers=KEY)
        assert (response.status_code, response.get(AGAIN)) == (202, None)

    def test_a_later_fault_makes_no_other(self, api: Api, body: Body, monkeypatch: pytest.MonkeyPatch) -> None:
        broken = Mock(side_effect=RuntimeError("broken"))
        with monkeypatch.context() as patch:
            patch.setattr("sessions_app.comparison.serializers.SessionSerializer.show", broken)
            refused(api.post(BASE, body, headers=KEY, fails=True), 500, "server_error")
        assert ComparisonSession.objects.count() == 1
        refused(api.post(BASE, body, headers=KEY), 409, "idempotency_answer_lost")
        assert ComparisonSession.objects.count() == 1


class TestSize:
    def test_a_large_object_is_not_kept_and_answered_as_it_is(self, api: Api, owner: User) -> None:
        events = f"{BASE}/{make_session(owner).pk}/events"
        event = api.post(events, {"global_time": 1, "kind": "kill", "body": "x" * 9000}).json()["event"]
        replies = f"{events}/{event['event_id']}/replies"
        first, second = (api.post(replies, {"body": "y"}, headers=KEY) for _ in range(2))
        assert (first.content, second.status_code, second[AGAIN]) == (second.content, 201, "true")
        assert (record().size, record().is_kept) == (len(record().body) + idempotency.ROW_BYTES, False)
        api.delete(f"{events}/{event['event_id']}")
        refused(api.post(replies, {"body": "y"}, headers=KEY), 404, "event_not_found")

    def test_an_account_has_its_share_of_answers(
        self, api: Api, body: Body, align: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(idempotency, "MAX_ACCOUNT_BYTES", 100)
        keys = [{"Idempotency-Key": key} for key in "abc"]
        for key in keys[:2]:
            assert api.post(align, {"method": "timer_ocr"}, headers=key).status_code == 202
        assert api.post(align, {"method": "timer_ocr"}, headers=keys[0])[AGAIN] == "true"
        refused(api.post(align, {"method": "timer_ocr"}, headers=keys[1]), 409, "idempotency_answer_lost")
        assert Job.objects.count() == 2
        first, second = (session_of(api.post(BASE, body, headers=keys[2]), 201)["session_id"] for _ in range(2))
        assert first == second
        for _ in range(2):  # the refused request had no effect
            assert api.post(align, {"method": "none"}, headers=KEY).get(AGAIN) is None


def test_after_a_day_a_key_is_new_and_a_record_is_purged(api: Api, body: Body) -> None:
    first = session_of(api.post(BASE, body, headers=KEY), 201)["session_id"]
    age(hours=23, minutes=59)
    assert (api.post(BASE, body, headers=KEY)[AGAIN], idempotency.purge()) == ("true", 0)
    age(minutes=2)
    again = api.post(BASE, {**body, "name": "Other"}, headers=KEY)
    assert again.get(AGAIN) is None
    assert session_of(again, 201)["session_id"] != first
    assert record().answer_status == 201
    age(hours=25)
    api.post(BASE, body, headers={"Idempotency-Key": "key-2"})
    assert idempotency.purge() == 1
    assert record().key == "key-2"


class TestCrashes:
    """A record whose request never came to its end."""

    pytestmark = pytest.mark.both

    def test_while_the_first_may_still_run_the_second_is_asked_to_wait(self, api: Api, body: Body) -> None:
        api.post(BASE, body, headers=KEY)
        abandon(sealed=False)
        age(seconds=58)
        response = api.post(BASE, body, headers=KEY)
        refused(response, 409, "idempotency_running")
        assert response["Retry-After"] == "1"
        assert ComparisonSession.objects.count() == 1

    def test_one_that_had_no_effect_is_taken_over(self, api: Api, body: Body) -> None:
        api.post(BASE, {**body, "vods": []}, headers=KEY)
        abandon()
        age(seconds=61)
        response = api.post(BASE, {**body, "vods": []}, headers=KEY)
        refused(response, 400, "vod_count")
        assert response.get(AGAIN) is None
        assert (record().state, record().answer_status) == (RecordState.DONE, 400)

    def test_one_that_had_its_effect_is_not_made_again(self, api: Api, body: Body) -> None:
        api.post(BASE, body, headers=KEY)
        assert record().sealed
        abandon()
        refused(api.post(BASE, body, headers=KEY), 409, "idempotency_running")
        age(seconds=61)
        error = refused(api.post(BASE, body, headers=KEY), 409, "idempotency_answer_lost")
        assert "carried out" in error["error"]
        assert ComparisonSession.objects.count() == 1

    @pytest.mark.parametrize(("meanwhile", "status"), [
        ({"token": uuid.UUID(int=7)}, 409), ({"sealed": True}, 409),
        ({"state": RecordState.DONE, "answer_status": 201, "body": "{}"}, 201),
    ], ids=["another took it over", "its effect was committed", "its answer was written"])  # fmt: skip
    def test_what_happens_between_looking_and_taking_over_wins(
        self, api: Api, body: Body, monkeypatch: pytest.MonkeyPatch, meanwhile: dict[str, Any], status: int
    ) -> None:
        api.post(BASE, body, headers=KEY)
        ComparisonSession.objects.all().delete()
        abandon(sealed=False)
        age(seconds=61)
        real = IdempotencyQuerySet.at_database_time

        def look(rows: IdempotencyQuerySet) -> Any:
            found = list(real(rows))
            IdempotencyRecord.objects.update(**meanwhile, locked_until=Now() + idempotency.LOCK)
            return real(rows) if "seen" in seen else SimpleNamespace(first=lambda: seen.append("seen") or found[0])

        seen: list[str] = []
        monkeypatch.setattr(IdempotencyQuerySet, "at_database_time", look)
        answer = api.post(BASE, body, headers=KEY)
        assert (answer.status_code, AGAIN in answer) == (status, status == 201)
        assert seen
        assert not ComparisonSession.objects.exists()
        for name, value in meanwhile.items():
            assert getattr(record(), name) == value

    def test_the_effect_of_a_request_that_lost_its_record_rolls_back(
        self, api: Api, body: Body, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = services._videos

        def slow(*args: Any) -> Any:
            # While the files are read a minute passes, and somebody else takes the record over.
            IdempotencyRecord.objects.update(token=uuid.uuid4())
            return real(*args)

        monkeypatch.setattr(services, "_videos", slow)
        refused(api.post(BASE, body, headers=KEY), 409, "idempotency_running")
        assert not ComparisonSession.objects.exists()
        assert record().state == RecordState.IN_PROGRESS

    def test_who_lost_the_record_writes_no_answer(self, api: Api, align: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def slow(*args: Any) -> None:
            IdempotencyRecord.objects.update(token=uuid.uuid4())
            raise DomainError("unknown_vod")

        monkeypatch.setattr(alignments, "start_alignment", slow)
        refused(api.post(align, {"method": "timer_ocr"}, headers=KEY), 400, "unknown_vod")
        assert (record().state, record().answer_status) == (RecordState.IN_PROGRESS, None)

    def test_an_effect_rolled_back_is_unsealed(self, api: Api, body: Body, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ComparisonSession.objects, "create", Mock(side_effect=DomainError("unknown_vod")))
        refused(api.post(BASE, body, headers=KEY), 400, "unknown_vod")
        assert (record().sealed, record().answer_status) == (False, 400)

    @pytest.mark.django_db(transaction=True)
    def test_sealing_outside_of_a_transaction_is_a_fault_of_the_program(self, owner: User) -> None:
        token = idempotency._current.set(idempotency.InProgress(1, uuid.uuid4(), {}))
        try:
            with pytest.raises(transaction.TransactionManagementError):
                idempotency.bind_to_transaction()
        finally:
            idempotency._current.reset(token)


@pytest.mark.both
@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_two_requests_with_one_key_at_once_create_one_session(self, key: str, body: Body) -> None:
        for number in range(3):
            ComparisonSession.objects.all().delete()
            headers = {"Idempotency-Key": f"round-{number}"}
            answers = at_once(*[lambda headers=headers: Api(key).post(BASE, body, headers=headers)] * 3)
            assert ComparisonSession.objects.count() == 1
            assert {answer.status_code for answer in answers} <= {201, 409}
            made = [answer for answer in answers if answer.status_code == 201]
            assert len({answer.content for answer in made}) == 1
            assert sum(AGAIN not in answer for answer in made) == 1
            for answer in answers:
                if answer.status_code == 409:
                    refused(answer, 409, "idempotency_running")
            assert Api(key).post(BASE, body, headers=headers).content == made[0].content

    def test_a_slow_one_taken_over_makes_one_session(
        self, key: str, body: Body, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first request stops before its effect. The second must wait until the first one's minute has passed."""
        working, go_on = threading.Event(), threading.Event()
        real = services._videos

        def slow(*args: Any) -> Any:
            if not working.is_set():
                working.set()
                assert go_on.wait(30)
            return real(*args)

        monkeypatch.setattr(services, "_videos", slow)

        def take_over() -> HttpResponse:
            try:
                assert working.wait(30)
                refused(Api(key).post(BASE, body, headers=KEY), 409, "idempotency_running")
                age(seconds=61)
                return Api(key).post(BASE, body, headers=KEY)
            finally:
                go_on.set()

        first, second = at_once(lambda: Api(key).post(BASE, body, headers=KEY), take_over)
        assert session_of(second, 201)
        refused(first, 409, "idempotency_running")
        assert ComparisonSession.objects.count() == 1
        assert Api(key).post(BASE, body, headers=KEY).content == second.content


class TestRoutes:
    def test_every_post_that_makes_something_takes_a_key(self) -> None:
        paths: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)["paths"]
        makers, takers = set(), set()
        for path, item in paths.items():
            for method, operation in item.items():
                headers = [part["name"] for part in operation.get("parameters", []) if part["in"] == "header"]
                if "Idempotency-Key" in headers:
                    takers.add((method, path))
                if method == "post" and {"201", "202"} & set(operation["responses"]):
                    makers.add((method, path))
        assert len(makers) >= 2
        # These make something and wait for what comes of it.
        makers |= {("post", f"/analyze/{kind}") for kind in ("highlights", "workout")}
        # A guess is made, and its answer is what was asked for.
        makers |= {("post", "/api/v1/challenges/{challenge_id}/guesses")}
        # A link's secret is in the answer, which would be kept for a day; so are those of signing in.
        makers -= {("post", "/api/sessions/multi-vod/{session_id}/links")}
        assert takers == {(method, path) for method, path in makers if not path.startswith("/api/auth/")}

    def test_a_long_path_fits_into_the_index(self, api: Api) -> None:
        for name in ("x" * 3000, "y" * 3000):
            refused(api.post(f"{BASE}/{name}/align", {"method": "timer_ocr"}, headers=KEY), 404, "session_not_found")
        assert IdempotencyRecord.objects.count() == 2


def test_a_body_of_too_many_parts_is_not_built(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "_canonical", lambda value: pytest.fail("it was built"))
    body = "[" + "[]," * 200_001 + "[]]"
    refused(api.post(BASE, raw=body, headers=KEY), 413, "too_large")
