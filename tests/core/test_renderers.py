"""JSON answers: the bytes are those of REST framework, encoded item by item."""

import json
import time
from math import inf
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import pytest
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder

from vodplatform.core import pauses
from vodplatform.core.api.renderers import LONG as FEW
from vodplatform.core.api.renderers import ItemJSONRenderer, RawJson

LONG = [{"at": number, "text": "Žoga \u2028"} for number in range(2 * FEW + 1)]


@pytest.mark.parametrize("data", [
    None, {}, [], "text", 1.5, {"ok": True, "events": LONG, "next": None, "id": UUID(int=5), "few": [1, None]}, LONG,
    tuple(LONG), {"nested": {"events": LONG}}, {"events": []}, [None] * (FEW + 1), [[1] * (FEW + 1)] * FEW,
])  # fmt: skip
@pytest.mark.parametrize("media_type", ["application/json", "application/json; indent=8"])
def test_the_bytes_are_the_same_and_never_indented(data: Any, media_type: str) -> None:
    assert ItemJSONRenderer().render(data, media_type) == JSONRenderer().render(data)


def test_stored_json_is_copied_at_any_depth() -> None:
    drawing = {"strokes": [{"points": [[0.1, 1]], "text": "Žoga"}]}
    stored = RawJson(JSONRenderer().render(drawing).decode())
    for data in ({"events": [{"drawing": stored}]}, {"event": {"drawing": stored}}, [stored] * (FEW + 1)):
        found = json.loads(ItemJSONRenderer().render(data))
        assert found == json.loads(json.dumps(data).replace(json.dumps(stored), stored))


def test_a_long_list_is_encoded_item_by_item(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    class Measured(JSONEncoder):
        def encode(self, value: Any) -> str:
            lengths.append(len(text := super().encode(value)))
            return text

    monkeypatch.setattr(ItemJSONRenderer, "encoder_class", Measured)
    whole = ItemJSONRenderer().render({"events": LONG})
    assert max(lengths) < len(whole) / FEW


def test_a_long_request_pauses_while_a_short_one_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("vodplatform.core.pauses.time.sleep", slept.append)
    monkeypatch.setattr(pauses, "WORK_SECONDS", 0)
    monkeypatch.setattr(pauses, "_short", {})
    with pauses.running_request():
        pauses._short[0] = inf
        monkeypatch.setattr(pauses, "SHORT_SECONDS", 60)
        ItemJSONRenderer().render({"events": LONG})
        assert slept == []  # this request is short too
        monkeypatch.setattr(pauses, "SHORT_SECONDS", 0)
        del pauses._short[0]
        assert list(pauses.with_pauses(range(3))) == [0, 1, 2]
        assert slept == []  # no other request runs
        pauses._short[0] = time.monotonic() - 1
        list(pauses.with_pauses(range(3)))
        assert slept == []  # the other request only waits
        pauses._short[0] = inf
        ItemJSONRenderer().render({"events": LONG})
        assert len(slept) > len(LONG)
        slept.clear()
        with pauses.pausing():
            str.join("", (str(number) for number in range(3)))
        assert len(slept) > 3
        slept.clear()
        monkeypatch.setattr(pauses, "connection", Mock(in_atomic_block=True))
        list(pauses.with_pauses(range(3)))
        assert slept == []  # a pause would extend the locks of the transaction
