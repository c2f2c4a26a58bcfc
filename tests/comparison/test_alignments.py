"""GET …/alignments/{job_id} and POST …/alignments/{job_id}/apply."""

import dataclasses
from typing import Any, ClassVar

import pytest

from jobs_app.models import Job, JobStatus
from sessions_app.comparison.alignment.child.answer import Finding
from sessions_app.comparison.models import ComparisonSession, OffsetChange
from tests.support.api import BASE, Api, refused, session_of, vod_of
from tests.support.factories import make_alignment, make_session, proposal
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db
REFUSAL = {"vod_id": "vod-3", "reason": "no_timer", "message": "vod-3 shows no timer.", "readings": [], "evidence": []}


@pytest.fixture
def session(owner: User) -> ComparisonSession:
    return make_session(owner)


def url(session: ComparisonSession, job_id: object) -> str:
    return f"{BASE}/{session.session_id}/alignments/{job_id}"


class TestReading:
    def test_a_completed_one_shows_its_proposals(self, api: Api, session: ComparisonSession) -> None:
        alignment = make_alignment(session)
        body = api.get(url(session, alignment.job_id)).json()
        assert (body["ok"], body["job_id"], body["status"]) == (True, str(alignment.job_id), "completed")
        assert body["refused"] is None
        found = [(one["vod_id"], one["offset"], one["confidence"]) for one in body["proposals"]]
        assert found == [("vod-2", -50.0, 0.93), ("vod-3", 37.0, 0.81)]
        assert body["proposals"][0]["readings"][0]["value"] == 83.0
        assert body["proposals"][0]["evidence_urls"][0].startswith("/api/v1/media/made/")
        session_of(api.put(f"{BASE}/{session.pk}/offsets", {"offsets": {"vod-1": 10}, "source": "manual"}))
        body = api.get(url(session, alignment.job_id)).json()
        assert [found["offset"] for found in body["proposals"]] == [-40.0, 47.0]

    @pytest.mark.parametrize("status", [s for s in JobStatus.values if s not in ("completed", "expired")])
    def test_an_incomplete_one_has_no_proposals(self, api: Api, session: ComparisonSession, status: str) -> None:
        alignment = make_alignment(session, status)
        Job.objects.filter(pk=alignment.job_id).update(progress=41.25, message="Reading vod-2")
        body = api.get(url(session, alignment.job_id)).json()
        assert (body["status"], body["proposals"], body["refused"]) == (status, [], None)
        assert body["progress"] == pytest.approx(41.25, abs=0.1)
        answer = api.post(f"{url(session, alignment.job_id)}/apply", {})
        assert refused(answer, 409, "nothing_to_apply")["status"] == status
        session.refresh_from_db()
        assert session.revision == 1

    def test_a_refusal_is_a_completed_job_without_a_proposal(self, api: Api, session: ComparisonSession) -> None:
        alignment = make_alignment(session, proposals=[proposal("vod-2", 4.0)], refused=[REFUSAL])
        body = api.get(url(session, alignment.job_id)).json()
        assert body["status"] == "completed"
        assert [found["vod_id"] for found in body["proposals"]] == ["vod-2"]
        refusal = body["refused"]
        assert (refusal["reason"], refusal["vod_ids"]) == ("no_timer", ["vod-3"])
        assert refusal["message"] == "vod-3 shows no timer."


class TestDrift:
    """Proposals with a drift, which the aligner counts on its reference's time."""

    FOUND: ClassVar = {"drift_ppm": 80.0, "drift_anchor": 300.0, "method": "audio"}

    def test_it_is_written_with_the_offset_and_is_none_if_not_measured(
        self, api: Api, session: ComparisonSession
    ) -> None:
        alignment = make_alignment(session, proposals=[proposal("vod-2", 37.0) | self.FOUND])
        shown = session_of(api.post(f"{url(session, alignment.job_id)}/apply", {}))
        vod = vod_of(shown, "vod-2")
        assert (vod["offset"], vod["drift_ppm"], vod["drift_anchor"]) == (37.0, 80.0, 300.0)
        assert vod["offset_source"] == "audio"
        assert shown["auto_sync_result"]["drifts"] == {"vod-2": 80.0}
        alignment = make_alignment(session, proposals=[proposal("vod-2", 37.0)])
        assert api.get(url(session, alignment.job_id)).json()["proposals"][0]["drift_ppm"] is None
        vod = vod_of(session_of(api.post(f"{url(session, alignment.job_id)}/apply", {})), "vod-2")
        assert (vod["offset"], vod["drift_ppm"]) == (37.0, 0)

    def test_the_references_own_place_counts(self, api: Api, session: ComparisonSession) -> None:
        body = {"offsets": {"vod-1": 10}, "drifts": {"vod-1": 100}, "anchors": {"vod-1": 50}, "source": "manual"}
        api.put(f"{BASE}/{session.session_id}/offsets", body)
        finding = dataclasses.asdict(Finding("audio", 37.0, 0.9, 0.001, 80.0, 300.0))
        found = proposal("vod-2", 37.0) | self.FOUND | {"findings": [finding]}
        alignment = make_alignment(session, proposals=[found])
        shown = api.get(url(session, alignment.job_id)).json()["proposals"][0]
        vod = vod_of(session_of(api.post(f"{url(session, alignment.job_id)}/apply", {})), "vod-2")
        for moment in (0, 200, 500):
            reference = moment - 10 + 100e-6 * (moment - 50)
            right = reference - 37 + 80e-6 * (reference - 300)
            for placed in (vod, shown, shown["findings"][0]):
                place = moment - placed["offset"] + placed["drift_ppm"] * 1e-6 * (moment - placed["drift_anchor"])
                assert place == pytest.approx(right, abs=1e-5)


class TestApplying:
    def apply(self, api: Api, session: ComparisonSession, job_id: object, body: Any = None, **options: Any) -> Any:
        return api.post(f"{url(session, job_id)}/apply", {} if body is None else body, **options)

    def test_proposals_have_source_and_confidence(self, api: Api, owner: User, session: ComparisonSession) -> None:
        alignment = make_alignment(session)
        api.put(f"{BASE}/{session.session_id}/global-seek", {"timestamp": 150})
        shown = session_of(self.apply(api, session, alignment.job_id))
        assert [vod["offset"] for vod in shown["vods"]] == [0, -50, 37]
        assert [vod["current_time"] for vod in shown["vods"]] == [150, 200, 113]
        second = vod_of(shown, "vod-2")
        assert (second["offset_source"], second["offset_confidence"]) == ("timer_ocr", 0.93)
        assert vod_of(shown, "vod-3")["offset_confidence"] == 0.81
        rows = OffsetChange.objects.order_by("vod__vod_id")
        found = [(row.new_offset, row.source, row.confidence) for row in rows]
        assert found == [(-50.0, "timer_ocr", 0.93), (37.0, "timer_ocr", 0.81)]
        result = shown["auto_sync_result"]
        assert (result["job_id"], result["method"]) == (str(alignment.job_id), "timer_ocr")
        assert result["offsets"] == {"vod-2": -50.0, "vod-3": 37.0}
        assert session_of(api.get(f"{BASE}/{session.session_id}"))["auto_sync_result"] == result

    def test_a_user_may_choose_some_and_an_empty_body_means_all(self, api: Api, session: ComparisonSession) -> None:
        alignment = make_alignment(session)
        shown = session_of(self.apply(api, session, alignment.job_id, {"vod_ids": ["vod-3"]}))
        assert [vod["offset"] for vod in shown["vods"]] == [0, 0, 37]
        assert shown["auto_sync_result"]["offsets"] == {"vod-3": 37.0}
        for _ in range(2):
            assert session_of(self.apply(api, session, alignment.job_id, raw=b""))["vods"][1]["offset"] == -50
        assert OffsetChange.objects.count() == 2

    def test_what_cannot_be_applied_changes_nothing(self, api: Api, session: ComparisonSession) -> None:
        without = make_alignment(session, proposals=[], refused=[REFUSAL])
        refused(self.apply(api, session, without.job_id), 409, "nothing_to_apply")
        alignment = make_alignment(session, proposals=[proposal("vod-2", 4.0)], refused=[REFUSAL])
        chosen = {"vod_ids": ["vod-2", "vod-3"]}
        refused(self.apply(api, session, alignment.job_id, chosen), 409, "nothing_to_apply")
        refused(self.apply(api, session, alignment.job_id, {"vod_ids": ["vod-2", "vod-9"]}), 400, "unknown_vod")
        session.refresh_from_db()
        assert session.revision == 1
        assert not OffsetChange.objects.exists()
