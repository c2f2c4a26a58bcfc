"""Unicode normal forms of untrusted text, in linear time."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Literal

# Maximum combining marks in a row by the Stream-Safe Text Format (Unicode Standard Annex 15, section 13).
MAX_MARKS = 30


def normalize(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
    """Return ``text`` in a normal form, with at most 30 combining marks in a row."""
    return unicodedata.normalize(form, text if text.isascii() else _with_short_runs(text))


def _with_short_runs(text: str) -> str:
    kept: list[str] = []
    run = 0
    for sign in text:
        run = run + 1 if _is_mark(sign) else 0
        if run <= MAX_MARKS:
            kept.append(sign)
    return "".join(kept)


@lru_cache(maxsize=4096)
def _is_mark(sign: str) -> bool:
    return unicodedata.combining(unicodedata.normalize("NFKD", sign)[0]) > 0
