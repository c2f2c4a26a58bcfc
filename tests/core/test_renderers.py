"""JSON answers: the bytes are those of REST framework, encoded in batches."""

import json
from typing import Any
from uuid import UUID

import pytest
from rest_framework.renderers import JSONRenderer

from vodplatform.core.api.renderers import BATCH, BatchJSONRenderer

LONG = [{"at": number, "text": "Žoga \u2028"} for number in range(2 * BATCH + 1)]


@pytest.mark.parametrize("data", [
    None, {}, [], "text", 1.5, {"ok": True, "events": LONG, "next": None, "id": UUID(int=5), "few": [1, None]}, LONG,
    tuple(LONG), {"nested": {"events": LONG}}, {"events": []}, [None] * (BATCH + 1), [[1] * (BATCH + 1)] * BATCH,
])  # fmt: skip
@pytest.mark.parametrize("media_type", ["application/json", "application/json; indent=2"])
def test_the_bytes_are_the_same(data: Any, media_type: str) -> None:
    assert BatchJSONRenderer().render(data, media_type) == JSONRenderer().render(data, media_type)


def test_a_long_list_is_encoded_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []
    dumps = json.dumps

    def measured(value: Any, **options: Any) -> str:
        lengths.append(len(text := dumps(value, **options)))
        return text

    monkeypatch.setattr("rest_framework.utils.json.dumps", measured)
    whole = BatchJSONRenderer().render({"events": LONG})
    assert max(lengths) < len(whole) / 2
