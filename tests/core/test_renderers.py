"""JSON answers: the bytes are those of REST framework, encoded item by item."""

from typing import Any
from uuid import UUID

import pytest
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder

from vodplatform.core.api.renderers import LONG as FEW
from vodplatform.core.api.renderers import ItemJSONRenderer

LONG = [{"at": number, "text": "Žoga \u2028"} for number in range(2 * FEW + 1)]


@pytest.mark.parametrize("data", [
    None, {}, [], "text", 1.5, {"ok": True, "events": LONG, "next": None, "id": UUID(int=5), "few": [1, None]}, LONG,
    tuple(LONG), {"nested": {"events": LONG}}, {"events": []}, [None] * (FEW + 1), [[1] * (FEW + 1)] * FEW,
])  # fmt: skip
@pytest.mark.parametrize("media_type", ["application/json", "application/json; indent=2"])
def test_the_bytes_are_the_same(data: Any, media_type: str) -> None:
    assert ItemJSONRenderer().render(data, media_type) == JSONRenderer().render(data, media_type)


def test_a_long_list_is_encoded_item_by_item(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    class Measured(JSONEncoder):
        def encode(self, value: Any) -> str:
            lengths.append(len(text := super().encode(value)))
            return text

    monkeypatch.setattr(ItemJSONRenderer, "encoder_class", Measured)
    whole = ItemJSONRenderer().render({"events": LONG})
    assert max(lengths) < len(whole) / FEW
