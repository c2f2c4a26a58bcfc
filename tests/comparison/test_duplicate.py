"""A duplicated comparison has every column of the original but those that are listed as not copied."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.db import models
from django.utils import timezone

from sessions_app.comparison.admin import NOT_SHOWN, NOT_SHOWN_OF_VOD, ComparisonSessionAdmin, VodInline
from sessions_app.comparison.duplicating import NOT_COPIED, NOT_COPIED_OF_VOD, duplicate_session
from sessions_app.comparison.models import ComparisonSession, ComparisonVod, SessionEvent
from tests.support.factories import make_session
from vodplatform.accounts.models import User
from vodplatform.base.records.columns import column_names, column_values

pytestmark = pytest.mark.django_db
EVENT_OWN = {"id", "session", "vod"}
# Values that differ from the defaults, for columns whose choices and constraints allow few values.
UNUSUAL = {
    "sync_mode": "independent", "rate": 0.5, "offset_source": "audio", "offset_confidence": 0.25, "color": "#aabbcc",
    "origin": "import", "vod_id": "a", "ordinal": 0, "time": 1.5, "end": 2.5, "created_by_name": "Anna",
}  # fmt: skip


def unusual_value(column: models.Field[Any, Any]) -> Any:
    """Return a value that differs from the default of the column."""
    if column.name in UNUSUAL:
        return UNUSUAL[column.name]
    by_type: list[tuple[type[models.Field[Any, Any]], Any]] = [
        (models.FloatField, 3.25), (models.BooleanField, True), (models.JSONField, {"kept": [1]}),
        (models.DateTimeField, timezone.now()), (models.CharField, "Kept"), (models.TextField, "Kept"),
    ]  # fmt: skip
    return next(value for kind, value in by_type if isinstance(column, kind))


def give_unusual_values(row: models.Model, but: set[str]) -> None:
    for name in column_names(type(row), but):
        column = row._meta.get_field(name)
        if not column.is_relation and not isinstance(column, models.UUIDField):
            setattr(row, name, unusual_value(column))
    row.save()


def test_every_column_is_copied_or_listed_as_not_copied(owner: User) -> None:
    session = make_session(owner)
    vod = session.vods.first()
    assert vod is not None
    event = SessionEvent(session=session, vod=vod, created_by=owner)
    for row, but in ((session, NOT_COPIED), (vod, NOT_COPIED_OF_VOD), (event, EVENT_OWN)):
        give_unusual_values(row, but)
    copy = duplicate_session(session, owner)
    copied_vod = copy.vods.get(ordinal=vod.ordinal)
    assert column_values(copy, NOT_COPIED) == column_values(session, NOT_COPIED)
    assert column_values(copied_vod, NOT_COPIED_OF_VOD) == column_values(vod, NOT_COPIED_OF_VOD)
    assert column_values(copy.events.get(), EVENT_OWN) == column_values(event, EVENT_OWN)
    assert copy.events.get().vod == copied_vod


def test_the_admin_shows_every_column_or_lists_it_as_not_shown() -> None:
    session_admin = ComparisonSessionAdmin(ComparisonSession, admin.site)
    assert {*session_admin.fields, *NOT_SHOWN} == set(column_names(ComparisonSession))
    assert {*VodInline.fields, *NOT_SHOWN_OF_VOD} == set(column_names(ComparisonVod))


def test_a_column_that_does_not_exist_cannot_be_left_out() -> None:
    with pytest.raises(ValueError, match="ComparisonVod has no offsett"):
        column_names(ComparisonVod, {"offsett"})
