"""What the parameters of AAC say of a sound."""

from __future__ import annotations

import pytest

from media_app.av.dub.aac import Unusual, sound_parameters

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("config", "wanted"),
    [("1190", (48_000, 2)), ("118856e500", (48_000, 1)), ("1208", (44_100, 1)), ("2b92", None), ("1310", None),
     ("118856e5a5", None), ("", None), ("11a8", None)],
)  # fmt: skip
def test_parameters_say_what_sound_it_is(config: str, wanted: tuple[int, int] | None) -> None:
    if wanted is None:
        with pytest.raises(Unusual):
            sound_parameters(bytes.fromhex(config))
    else:
        assert sound_parameters(bytes.fromhex(config)) == wanted
