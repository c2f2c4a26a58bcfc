"""Unicode normal forms of untrusted text, in time proportional to its length."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Literal

# As many as the Stream-Safe Text Format allows (Unicode Standard Annex 15, section 13); no language comes near.
MAX_MARKS = 30


def normalize(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
    """``text`` in a normal form; of a run of combining marks the first 30 stay.

    ``unicodedata.normalize`` sorts each run by insertion: 320 000 marks in a row took it 80 s.
    """
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
    """Whether it combines with what stands before it, as a whole or once it is taken apart (U+0F73, U+FF9E)."""
    return unicodedata.combining(unicodedata.normalize("NFKD", sign)[0]) > 0
