"""The table of job states, and that nothing else in the program writes a state."""

import ast

import pytest

from jobs_app.models import LIVE, TRANSITIONS, Job, JobStatus
from tests.support.factories import make_job
from tests.support.sources import ROOT, SOURCES
from vodplatform.accounts.models import User
from vodplatform.core.records.transitions import ImpossibleTransition, create_in_state, transition

ENDED = {"completed", "failed", "cancelled", "expired"}
# Fields that only `transition` may write, on any model.
STATES = {"status"}
WRITERS = {"update", "create", "update_or_create", "get_or_create", "bulk_update", "Job", "setattr"}


def test_the_table_names_every_state() -> None:
    assert set(TRANSITIONS) == set(JobStatus.values)
    assert {target for targets in TRANSITIONS.values() for target in targets} <= set(JobStatus.values)
    assert set(JobStatus.values) - LIVE == ENDED


def test_what_has_ended_lives_again_only_through_the_queue() -> None:
    for status in ENDED:
        assert TRANSITIONS[status] <= {"queued", "expired"}
    assert not TRANSITIONS["expired"]
    assert "queued" not in TRANSITIONS["completed"]


@pytest.mark.django_db
@pytest.mark.parametrize("source", JobStatus.values)
def test_a_transition_wins_exactly_where_the_table_has_an_arrow(owner: User, source: str) -> None:
    for target in JobStatus.values:
        job = make_job(owner, source)
        values = {"lease_token": None, "lease_until": None, "run_at": job.created_at, "admitted": False}
        if target == "processing":
            values = {"lease_token": job.pk, "lease_until": job.created_at}
        rows = Job.objects.filter(pk=job.pk)
        if not any(target in targets for targets in TRANSITIONS.values()):
            with pytest.raises(ImpossibleTransition):
                transition(rows, TRANSITIONS, target)
            continue
        won = transition(rows, TRANSITIONS, target, **values)
        assert won == (target in TRANSITIONS[source])
        assert rows.get().status == (target if won else source)


@pytest.mark.django_db
def test_a_row_begins_in_a_state_of_the_table_alone(owner: User) -> None:
    job = create_in_state(
        Job, TRANSITIONS, JobStatus.COMPLETED, kind="no-op", lane="system", owner=owner, admitted=False
    )
    assert Job.objects.get(pk=job.pk).status == JobStatus.COMPLETED
    with pytest.raises(ImpossibleTransition):
        create_in_state(Job, TRANSITIONS, "finished", kind="no-op", lane="system", owner=owner)
    assert Job.objects.count() == 1


def state_writes(tree: ast.AST) -> list[int]:
    """Lines that write a state otherwise than by `transition`."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                # `status` of an HTTP answer and of an error type are other things: those are never assigned.
                if isinstance(target, ast.Attribute) and target.attr in STATES:
                    lines.append(node.lineno)
        elif isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if name not in WRITERS:
                continue
            named = any(keyword.arg in STATES for keyword in node.keywords)
            listed = any(
                isinstance(part, ast.Constant) and part.value in STATES
                for given in node.args
                for part in ast.walk(given)
            )
            if named or listed:
                lines.append(node.lineno)
    return lines


def test_no_code_but_the_mechanism_writes_a_state() -> None:
    assert len(SOURCES) > 40
    found = [
        f"{path.relative_to(ROOT)}:{line}" for path in SOURCES for line in state_writes(ast.parse(path.read_text()))
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    ["job.status = 'failed'", "Job.objects.filter(pk=1).update(status='x')", "Job(status='x')",
     "Job.objects.create(kind='a', status='x')", "rows.bulk_update(jobs, ['status'])", "setattr(job, 'status', 1)"],
)  # fmt: skip
def test_the_search_for_such_writes_finds_them(code: str) -> None:
    assert state_writes(ast.parse(code)) == [1]
