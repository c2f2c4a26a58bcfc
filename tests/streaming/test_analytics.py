"""POST /api/v1/analytics/upload: how uploads go, as clients see it."""

import logging
from typing import Any

import pytest

from tests.support.api import NOT_FINITE, NOT_NUMBERS, Api, refused
from vodplatform.core import metrics

pytestmark = pytest.mark.django_db
PATH = "/api/v1/analytics/upload"
GOOD = {"session_id": "0b1e", "bytes": 5_000_000, "seconds": 2.5, "network": "wifi"}


def counted(name: str, network: str) -> float:
    found = metrics.REGISTRY.get_sample_value(name, {"network": network})
    return found or 0.0


def test_it_is_counted_and_logged(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    names = ("vod_upload_reported_bytes_total", "vod_upload_reported_seconds_total")
    before = [counted(name, "wifi") for name in names]
    with caplog.at_level(logging.INFO, "vodplatform.event"):
        response = api.post(PATH, GOOD)
    assert (response.status_code, response.json()) == (202, {"ok": True})
    assert [counted(name, "wifi") - start for name, start in zip(names, before, strict=True)] == [5_000_000, 2.5]
    (record,) = [record for record in caplog.records if record.msg == "video.upload.measured"]
    assert record.__dict__["data"] == {"session": "0b1e", "bytes": 5_000_000, "seconds": 2.5, "network": "wifi"}


@pytest.mark.parametrize(
    ("network", "label"),
    [("WIFI", "wifi"), ("4g", "4g"), ("", "unknown"), (None, "unknown"), ("pigeon", "other"), ("x" * 32, "other")],
)
def test_callers_make_no_new_series(api: Api, network: str | None, label: str) -> None:
    before = counted("vod_upload_reported_seconds_total", label)
    assert api.post(PATH, {**GOOD, "network": network}).status_code == 202
    assert counted("vod_upload_reported_seconds_total", label) == before + 2.5


@pytest.mark.parametrize("missing", ["session_id", "bytes", "seconds"])
def test_what_is_missing_is_named(api: Api, missing: str) -> None:
    body = {name: value for name, value in GOOD.items() if name not in (missing, "network")}
    assert set(refused(api.post(PATH, body), 400, "invalid")["errors"]) == {missing}


@pytest.mark.parametrize("field", ["bytes", "seconds"])
@pytest.mark.parametrize("text", [*NOT_NUMBERS, *NOT_FINITE, "-1", "1e300"])
def test_what_is_no_number_is_refused(api: Api, field: str, text: str) -> None:
    fields = {"session_id": '"a"', "bytes": "1", "seconds": "1", field: text}
    raw = "{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}"
    assert api.post(PATH, raw=raw).status_code == 400


@pytest.mark.parametrize(
    "change", [{"session_id": ""}, {"session_id": "x" * 65}, {"session_id": 7}, {"network": "x" * 33}]
)
def test_texts_have_lengths(api: Api, change: dict[str, Any]) -> None:
    refused(api.post(PATH, {**GOOD, **change}), 400, "invalid")
