"""POST …/events/detect: what the program finds in the videos becomes events, beside what people have written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs_app.kinds import subjects_of
from jobs_app.models import Job, JobStatus
from jobs_app.runner import run_queue
from sessions_app.analysis import pipeline_runner
from sessions_app.analysis.models import AnalysisSession
from sessions_app.comparison.events import auto_detect
from sessions_app.comparison.events.auto_detect import highlight_params
from sessions_app.comparison.models import ComparisonSession, EventOrigin, SessionEvent
from tests.support.api import BASE, Api, refused
from tests.support.factories import make_analysis, make_session, make_share, make_video
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

pytestmark = pytest.mark.django_db
SHOTS = [{"time": 1.0, "label": "Cut", "confidence": 0.99}, {"time": 4.0, "label": "Fade", "confidence": 0.99}]
HIGHLIGHT = {"time": 2.0, "end": 5.5, "label": "It is loud.", "confidence": 0.6}
KNOWN = {"start_time": 1.5, "end_time": 4.0, "score": 0.7, "description": "More motion than usual."}
CHOSEN = {"start_time": 0.0, "end_time": 1.0, "score": 0.1, "description": "As usual.", "origin": "manual"}


@pytest.fixture
def url(session: ComparisonSession) -> str:
    return f"{BASE}/{session.pk}/events"


class TestAsking:
    def test_the_answer_names_the_job_of_who_asks(self, other_api: Api, other: User, url: str) -> None:
        make_share(ComparisonSession.objects.get(), other, role="editor")
        answer = other_api.post(f"{url}/detect", {"kinds": ["shots", "highlights", "shots"]})
        assert answer.status_code == 202
        job = Job.objects.get(pk=answer.json()["job_id"])
        assert (job.status, job.owner, job.kind) == ("queued", other, auto_detect.DETECT_KIND)
        assert job.params["kinds"] == ["highlights", "shots"]
        assert [item["vod_id"] for item in job.params["videos"]] == ["vod-1", "vod-2", "vod-3"]
        assert other_api.get(f"/api/v1/jobs/{job.pk}").status_code == 200
        subject = subjects_of([job])[job.pk]
        assert (subject.title, subject.detail) == ("Find events in A comparison", "highlights, shots")
        assert subject.href == f"/compare/{job.params['session_id']}"

    def test_some_videos_can_be_named_and_nothing_else(self, api: Api, url: str) -> None:
        refused(api.post(f"{url}/detect", {"kinds": ["shots"], "vod_ids": ["vod-9"]}), 400, "unknown_vod")
        assert not Job.objects.exists()
        api.post(f"{url}/detect", {"kinds": ["shots"], "vod_ids": ["vod-3", "vod-1"]})
        assert [item["vod_id"] for item in Job.objects.get().params["videos"]] == ["vod-1", "vod-3"]
        api.post(f"{url.removesuffix('/events')}/archive")
        refused(api.post(f"{url}/detect", {"kinds": ["shots"]}), 409, "archived")

    def test_more_than_the_plan_allows_is_refused(self, api: Api, owner: User) -> None:
        large = make_video(owner, width=3840, height=2160, duration=50_000.0)
        session = make_session(owner, videos=[large, make_video(owner)])
        refused(api.post(f"{BASE}/{session.pk}/events/detect", {"kinds": ["shots"]}), 403, "work_limit")


def events_of(api: Api, url: str) -> list[tuple[str, str, float, str]]:
    """VOD, kind, time and origin of each."""
    found = api.get(f"{url}?joined=false").json()["events"]
    return [(one["vod_id"], one["kind"], one["time"], one["origin"]) for one in found]


class TestWriting:
    def test_marks_become_events(self, api: Api, url: str, session: ComparisonSession, owner: User) -> None:
        api.put(f"{url.removesuffix('/events')}/offsets", {"offsets": {"vod-2": 10}, "source": "manual"})
        found = {"vod-2": {EventOrigin.SHOTS: SHOTS, EventOrigin.HIGHLIGHTS: [HIGHLIGHT]}}
        assert auto_detect.write_found(session, owner, found) == {"shots": 2, "highlights": 1}
        first, second, third = api.get(url).json()["events"]
        assert (first["kind"], first["global_time"], first["label"], first["confidence"]) == ("shot", 11.0, "Cut", 0.99)
        assert (second["kind"], second["end"], second["origin"]) == ("highlight", 5.5, "highlights")
        assert third["created_by"] is None
        marks = [{**HIGHLIGHT, "time": 599.0, "end": 605.0}, {**HIGHLIGHT, "time": 601.0}]
        auto_detect.write_found(session, owner, {"vod-3": {EventOrigin.HIGHLIGHTS: marks}})
        [event] = api.get(f"{url}?vod_id=vod-3").json()["events"]
        assert (event["time"], event["end"]) == (599.0, 600.0)

    def test_again_replaces_only_its_own(self, api: Api, url: str, session: ComparisonSession, owner: User) -> None:
        api.post(url, {"vod_id": "vod-1", "time": 1.0, "kind": "shot"})
        both = {vod: {EventOrigin.SHOTS: [*SHOTS, {**SHOTS[0], "time": 7.0}]} for vod in ("vod-1", "vod-2")}
        auto_detect.write_found(session, owner, both)
        changed, answered = SessionEvent.objects.filter(vod__vod_id="vod-1", origin="shots").order_by("time")[:2]
        api.patch(f"{url}/{changed.pk}", {"label": "The cut"})
        api.post(f"{url}/{answered.pk}/replies", {"body": "Nice."})
        again = [{**SHOTS[0], "time": time} for time in (1.01, 4.0, 9.0)]
        assert auto_detect.write_found(session, owner, {"vod-1": {EventOrigin.SHOTS: again}}) == {"shots": 1}
        assert [one for one in events_of(api, url) if one[0] == "vod-1"] == [
            ("vod-1", "shot", 1.0, "manual"), ("vod-1", "shot", 1.0, "shots"), ("vod-1", "shot", 4.0, "shots"),
            ("vod-1", "shot", 9.0, "shots"),
        ]  # fmt: skip
        assert len([one for one in events_of(api, url) if one[0] == "vod-2"]) == 3

    def test_more_than_a_comparison_can_have_changes_nothing(
        self, api: Api, url: str, session: ComparisonSession, owner: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        auto_detect.write_found(session, owner, {"vod-1": {EventOrigin.SHOTS: SHOTS}})
        monkeypatch.setattr(auto_detect, "MAX_EVENTS", 3)
        before = events_of(api, url)
        with pytest.raises(DomainError, match="limit of events"):
            auto_detect.write_found(session, owner, {"vod-1": {EventOrigin.SHOTS: SHOTS * 2}})
        assert events_of(api, url) == before

    @pytest.mark.parametrize("role", ["viewer", None])
    def test_a_former_editor_writes_nothing(self, session: ComparisonSession, other: User, role: str | None) -> None:
        if role:
            make_share(session, other, role=role, can_comment=True)
        with pytest.raises(DomainError):
            auto_detect.write_found(session, other, {"vod-1": {EventOrigin.SHOTS: SHOTS}})
        assert not SessionEvent.objects.exists()


MARKS = {"shots": SHOTS, "highlights": [HIGHLIGHT], "sound_peaks": []}
SCRIPT = (
    f"marks = json.loads({json.dumps(json.dumps(MARKS))!s})\n"
    "say(progress=50, message='Looking for cuts')\n"
    "say(result={'data': {kind: marks[kind] for kind in request['params']['kinds']}, 'files': {}})\n"
)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("running_keeper")
class TestRunning:
    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch, child_script: Callable[[str], tuple[list[str], Path]]) -> Path:
        """A child that finds the same in every video; where its requests stand."""
        command, log = child_script(SCRIPT)
        monkeypatch.setattr(pipeline_runner, "PIPELINE", command)
        return log

    def detect(self, api: Api, session: ComparisonSession, *kinds: str) -> Job:
        answer = api.post(f"{BASE}/{session.pk}/events/detect", {"kinds": list(kinds)})
        run_queue("analysis")
        return Job.objects.get(pk=answer.json()["job_id"])

    def test_all_videos_are_read_and_counted(self, api: Api, shown: ComparisonSession, asked: Path) -> None:
        job = self.detect(api, shown, "shots", "highlights")
        assert job.status == JobStatus.COMPLETED, job.error
        assert job.result == {"session_id": shown.pk, "found": {"highlights": 2, "shots": 4}}
        requests = [json.loads(line) for line in asked.read_text().splitlines()]
        assert [Path(request["path"]).name for request in requests] == ["one.mp4", "two.mp4"]
        assert requests[0]["op"] == "marks"
        assert SessionEvent.objects.filter(session=shown).count() == 6

    @pytest.mark.parametrize("data", [{"highlights": [KNOWN]}, {"highlights": [CHOSEN], "found": [KNOWN]}])
    def test_what_an_analysis_has_found_is_not_looked_for_again(
        self, api: Api, owner: User, shown: ComparisonSession, asked: Path, data: dict[str, Any]
    ) -> None:
        analysis = make_analysis(owner, video=shown.vods.get(ordinal=0).video, status=JobStatus.COMPLETED)
        usual = highlight_params()
        AnalysisSession.objects.filter(pk=analysis.pk).update(data=data, params=usual)
        other = make_analysis(owner, video=analysis.video, status=JobStatus.COMPLETED)  # newer, with another minimum
        none = {"highlights": []}
        AnalysisSession.objects.filter(pk=other.pk).update(data=none, params={**usual, "min_score": 1.0})
        job = self.detect(api, shown, "highlights")
        assert job.result == {"session_id": shown.pk, "found": {"highlights": 2}}
        assert len(asked.read_text().splitlines()) == 1
        assert SessionEvent.objects.filter(time=1.5, end=4.0, confidence=0.7, label=KNOWN["description"]).count() == 1

    @pytest.mark.parametrize("end", ["deleted", "withdrawn"])
    def test_a_comparison_that_is_deleted_or_withdrawn_meanwhile_fails_it(
        self, api: Api, other_api: Api, other: User, shown: ComparisonSession, asked: Path, end: str
    ) -> None:
        share = make_share(shown, other, role="editor")
        answer = other_api.post(f"{BASE}/{shown.pk}/events/detect", {"kinds": ["shots"]})
        if end == "deleted":
            api.delete(f"{BASE}/{shown.pk}")
        else:
            share.delete()
        run_queue("analysis")
        job = Job.objects.get(pk=answer.json()["job_id"])
        assert (job.status, job.error["type"]) == ("failed", "session_not_found")  # type: ignore[index]
        assert not SessionEvent.objects.exists()
