"""``GET /metrics``: who may read it, its names (docs/reference/metrics.md) and its numbers."""

import io
import re
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models.functions import Now
from prometheus_client.parser import text_string_to_metric_families

from jobs_app.models import Job, JobStatus
from sessions_app.comparison.models import ComparisonSession
from tests.support.api import BASE, Api, refused
from tests.support.factories import make_job, make_session, make_user, make_video
from tests.support.sockets import connected
from tests.support.together import at_once
from vodplatform.accounts.models import Role, User
from vodplatform.core.files.installation import adopt
from vodplatform.core.metrics import DEFINITIONS, REGISTRY, define, observe_request
from vodplatform.core.models import Installation
from vodplatform.core.records.database import connect_outside_pool
from vodplatform.settings.environment import Environment, SettingsError
from vodplatform.settings.variables import PROJECT_ROOT
from vodplatform.site import metrics
from vodplatform.site.metrics import DATABASE_SECONDS

pytestmark = pytest.mark.django_db
SECRET = "scrape-me-if-you-can-0123456789"


@pytest.fixture
def scraper(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Api:
    """A client with the metrics token; a busy machine is no database that is away."""
    monkeypatch.setattr("vodplatform.site.metrics.DATABASE_SECONDS", 120.0)
    monkeypatch.setattr("vodplatform.core.web.health.ANSWER_SECONDS", 60.0)
    settings.METRICS_TOKEN = SECRET
    client = Api()
    client.headers = {"Authorization": f"Bearer {SECRET}"}
    return client


Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples_of(client: Api) -> Samples:
    """Every sample of one scrape, by its name and labels."""
    response = client.get("/metrics")
    assert response.status_code == 200, response.content
    families = text_string_to_metric_families(response.content.decode())
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


class TestAccess:
    @pytest.mark.parametrize(
        ("scheme", "accept"),
        [("Bearer", "text/plain"), ("bearer", "application/openmetrics-text;version=1.0.0"), ("Bearer", "a/b")],
    )
    def test_the_metrics_token_may_and_gets_the_one_format(self, scraper: Api, scheme: str, accept: str) -> None:
        response = scraper.get("/metrics", headers={"Authorization": f"{scheme} {SECRET}", "Accept": accept})
        assert response.status_code == 200
        assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"

    @pytest.mark.parametrize("token", [SECRET, ""])
    def test_anything_else_is_401(self, anonymous: Api, settings: Any, token: str) -> None:
        settings.METRICS_TOKEN = token
        wrong = (f"Token {SECRET}", "Bearer", "Bearer ", f"Bearer {SECRET}x", f"Bearer {SECRET[:-1]}", "Bearer \xff")
        for headers in ({}, *({"Authorization": header} for header in wrong)):
            response = anonymous.get("/metrics", headers=headers)
            assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
        refused(anonymous.get("/metrics"), 401, "unauthenticated")

    def test_the_metrics_token_opens_nothing_else(self, scraper: Api) -> None:
        for path in ("/api/v1/me", "/api/v1/jobs", f"{BASE}/list"):
            assert scraper.get(path).status_code == 401

    @pytest.mark.parametrize("given", ["short", "with a space in the middle", "ümlaut-ümlaut-ümlaut"])
    def test_a_token_that_can_be_guessed_stops_the_start(self, given: str) -> None:
        with pytest.raises(SettingsError, match="VOD_METRICS_TOKEN"):
            Environment({"VOD_METRICS_TOKEN": given}).secret("VOD_METRICS_TOKEN")


class TestDocument:
    def page(self) -> str:
        out = io.StringIO()
        call_command("metrics", stdout=out)
        return out.getvalue()

    def test_the_committed_page_is_the_definitions_and_a_name_is_defined_once(self) -> None:
        assert Path(PROJECT_ROOT, "docs/reference/metrics.md").read_text() == self.page()
        with pytest.raises(ValueError, match="vod_jobs"):
            define("gauge", "vod_jobs", "Again.")

    def test_a_scrape_holds_exactly_what_the_page_names(self, scraper: Api, owner: User) -> None:
        named = re.findall(r"^\| `(\w+)` \| (\w+) \|", self.page(), re.MULTILINE)
        make_job(owner, finished_at=Now(), started_at=Now(), status=JobStatus.COMPLETED)
        scraper.get("/health/live")
        text = scraper.get("/metrics").content.decode()
        assert sorted(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)) == sorted(named)
        assert len(named) == len(DEFINITIONS) > 20
        for family in text_string_to_metric_families(text):
            name = family.name + ("_total" if family.type == "counter" else "")
            assert family.documentation == DEFINITIONS[name].help
            for sample in family.samples:
                assert set(sample.labels) - {"le"} == set(DEFINITIONS[name].labels), name

    def test_a_scrape_says_which_program_answers(self, scraper: Api, settings: Any) -> None:
        settings.COMMIT = "0123456789ab"
        assert value(samples_of(scraper), "vod_build_info", version=settings.VERSION, commit="0123456789ab") == 1


class TestRows:
    def test_jobs_are_counted_by_kind_and_status(self, scraper: Api, owner: User) -> None:
        for status in (JobStatus.QUEUED, JobStatus.QUEUED, JobStatus.FAILED):
            make_job(owner, status)
        make_job(owner, kind="other.kind")
        samples = samples_of(scraper)
        assert value(samples, "vod_jobs", kind="comparison.align", status="queued") == 2
        assert value(samples, "vod_jobs", kind="comparison.align", status="failed") == 1
        assert value(samples, "vod_jobs", kind="other.kind", status="queued") == 1
        assert value(samples, "vod_jobs", kind="comparison.align", status="paused") is None

    def test_the_queue_is_as_deep_and_as_old_as_it_is(self, scraper: Api, owner: User) -> None:
        names = ("vod_queue_depth", "vod_queue_admitted", "vod_queue_oldest_seconds")
        samples = samples_of(scraper)
        assert [value(samples, name, lane="align") for name in names] == [0, 0, 0]
        for admitted, age in ((True, 90), (False, 500), (False, 30)):  # what may not run yet waits by design
            job = make_job(owner, admitted=admitted)
            Job.objects.filter(pk=job.pk).update(created_at=Now() - timedelta(seconds=age))
        make_job(owner, JobStatus.PROCESSING)
        samples = samples_of(scraper)
        depth, runnable, oldest = (value(samples, name, lane="align") or 0 for name in names)
        assert (depth, runnable) == (3, 1)
        assert 90 <= oldest < 120
        assert not {"vod_job_mean_seconds", "vod_job_success_ratio"} & {name for name, _ in samples}

    def test_a_backup_is_as_old_as_it_is(self, scraper: Api) -> None:
        adopt()
        assert value(samples_of(scraper), "vod_backup_age_seconds") is None
        Installation.objects.update(backed_up_at=Now() - timedelta(days=3))
        assert 0 <= (value(samples_of(scraper), "vod_backup_age_seconds") or 0) - 3 * 86_400 < 60
        call_command("installation", "--backed-up", stdout=io.StringIO())
        assert 0 <= value(samples_of(scraper), "vod_backup_age_seconds") < 60  # type: ignore[operator]

    def test_the_last_hour_is_the_last_hour(self, scraper: Api, owner: User) -> None:
        def ended(status: JobStatus, minutes_ago: int, seconds: float) -> None:
            end = Now() - timedelta(minutes=minutes_ago)
            make_job(owner, status, started_at=end - timedelta(seconds=seconds), finished_at=end)

        for minutes_ago, seconds in ((1, 10), (50, 30), (70, 1000)):
            ended(JobStatus.COMPLETED, minutes_ago, seconds)
        ended(JobStatus.FAILED, 5, 500)
        ended(JobStatus.CANCELLED, 5, 500)
        samples = samples_of(scraper)
        assert value(samples, "vod_job_mean_seconds", kind="comparison.align") == pytest.approx(20, abs=0.1)
        assert value(samples, "vod_job_success_ratio", kind="comparison.align") == pytest.approx(2 / 3)

    def test_sessions_storage_and_accounts_are_counted_as_defined(self, scraper: Api) -> None:
        assert value(samples_of(scraper), "vod_storage_used_bytes") == 0
        owner, _, _, _ = make_user(), make_user(), make_user(is_active=False), make_user(role=Role.MODERATOR)
        for size, source in ((700, "stored"), (50, "stored"), (9000, "reference")):
            make_video(owner, file_size=size, source=source)
        _, old = make_session(owner), make_session(owner)
        ComparisonSession.objects.filter(pk=old.pk).update(updated_at=Now() - timedelta(minutes=61))
        samples = samples_of(scraper)
        assert value(samples, "vod_sessions_active", kind="comparison") == 1
        assert value(samples, "vod_storage_used_bytes") == 750
        assert value(samples, "vod_accounts", role="user") == 2
        assert value(samples, "vod_accounts", role="moderator") == 1

    def test_the_machine_is_a_machine(self, scraper: Api) -> None:
        samples = samples_of(scraper)
        used, total = (value(samples, f"vod_host_memory_{name}_bytes") for name in ("used", "total"))
        free, size = (value(samples, f"vod_disk_{name}_bytes") for name in ("free", "total"))
        percent = value(samples, "vod_host_cpu_percent")
        started, resident = value(samples, "vod_process_start_seconds"), value(samples, "vod_process_memory_bytes")
        assert used and total and 0 < used < total
        assert free is not None and size and free < size
        assert percent is not None and 0 <= percent <= 100
        assert started and started > 1_600_000_000
        assert resident and 10_000_000 < resident < total

    def test_query_count(self, scraper: Api, owner: User, django_assert_max_num_queries: Callable[[int], Any]) -> None:
        for _ in range(30):
            make_job(owner)
        with django_assert_max_num_queries(32):
            scraper.get("/metrics")


class TestRequests:
    def test_template_series(self, scraper: Api, anonymous: Api, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each request is counted under its template; none can make new series."""
        monkeypatch.setattr("jobs_app.api.Job.objects.visible_to", Mock(side_effect=RuntimeError("broken")))
        session = "api/sessions/multi-vod/<str:session_id>"
        asked = [
            ("GET", "/nowhere", "unknown", "4xx"), ("BREW", "/nowhere", "unknown", "4xx"),
            ("GET", "/", "/", "2xx"), ("GET", "/api/v1/me", "api/v1/me", "4xx"),
            ("GET", "/static/css/base/base.css", "static", "2xx"), ("GET", "/static/nonesuch.css", "unknown", "4xx"),
            ("GET", "/a?ticket=nonesuch", "unknown", "4xx"), ("GET", f"{BASE}/comp-nonesuch", session, "4xx"),
            ("GET", f"{BASE}/comp-nonesuch/", session, "4xx"), ("GET", "/api/v1/jobs", "api/v1/jobs", "5xx"),
        ]  # fmt: skip
        before, expected = samples_of(scraper), Counter[tuple[str, str, str]]()
        for method, path, route, status in asked:
            client = api if route in (session, "api/v1/jobs") else anonymous
            client.client.generic(method, path, headers=client.headers)
            expected["other" if method == "BREW" else method, route, status] += 1
        after = samples_of(scraper)
        for (method, route, status), count in expected.items():
            labels = {"method": method, "route": route, "status": status}
            counts = [value(found, "vod_request_seconds_count", **labels) or 0 for found in (before, after)]
            assert counts[1] - counts[0] == count, labels
        assert "nonesuch" not in scraper.get("/metrics").content.decode()

    def test_the_time_is_in_the_right_bucket(self, scraper: Api) -> None:
        before = samples_of(scraper)
        observe_request("GET", "api/v1/test", 204, 0.07)
        after = samples_of(scraper)
        labels = {"method": "GET", "route": "api/v1/test", "status": "2xx"}
        for edge, grown in {"0.05": 0, "0.1": 1, "+Inf": 1}.items():
            counts = [value(one, "vod_request_seconds_bucket", le=edge, **labels) or 0 for one in (before, after)]
            assert counts[1] - counts[0] == grown, edge


@pytest.mark.django_db(transaction=True)
async def test_sockets_are_counted_while_they_are_open(settings: Any) -> None:
    open_now = partial(REGISTRY.get_sample_value, "vod_sockets_open")
    before = open_now()
    assert before is not None
    async with connected("/ws/none"), connected("/ws/none"):
        assert open_now() == before + 2
    assert open_now() == before


class TestBadDays:
    def test_a_broken_part_leaves_the_others(self, scraper: Api, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken() -> metrics.Values:
            yield metrics.JOBS, ("half", "done"), 1
            raise ZeroDivisionError

        make_video(owner, file_size=5, source="stored")
        jobs, *others = metrics.COLLECTORS
        before = value(samples_of(scraper), "vod_scrape_errors_total", part="jobs") or 0
        monkeypatch.setattr(metrics, "COLLECTORS", [metrics.Collector("jobs", jobs.definitions, broken), *others])
        samples = samples_of(scraper)
        assert value(samples, "vod_scrape_errors_total", part="jobs") == before + 1
        assert value(samples, "vod_storage_used_bytes") == 5
        assert value(samples, "vod_jobs", kind="half", status="done") is None

    def test_lost_database(self, scraper: Api, anonymous: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """It costs only the values that are read from it."""
        # The test keeps its connection. No server listens at port 1.
        gone = {"HOST": "127.0.0.1", "PORT": 1} if connection.vendor == "postgresql" else {"NAME": str(tmp_path / "x")}
        for name, setting in gone.items():
            monkeypatch.setitem(connection.settings_dict, name, setting)
        samples = samples_of(scraper)
        parts = {dict(labels)["part"] for name, labels in samples if name == "vod_scrape_errors_total"}
        assert parts >= {"jobs", "queue", "last_hour", "sessions", "storage", "accounts"}
        assert value(samples, "vod_storage_used_bytes") is None
        assert value(samples, "vod_host_memory_total_bytes")
        refused(anonymous.get("/health", fails=True), 503, "unavailable")

    @pytest.mark.postgresql
    @pytest.mark.django_db(transaction=True)
    def test_a_locked_table_costs_its_part(self, scraper: Api, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("vodplatform.site.metrics.DATABASE_SECONDS", DATABASE_SECONDS)
        make_video(owner, file_size=5, source="stored")
        with closing(connect_outside_pool(connection)) as other:
            other.execute("LOCK TABLE catalog_video IN ACCESS EXCLUSIVE MODE")
            [found] = at_once(lambda: samples_of(scraper))
        assert value(found, "vod_storage_used_bytes") is None
        assert value(found, "vod_scrape_errors_total", part="storage")
        assert value(found, "vod_queue_depth", lane="align") == 0
