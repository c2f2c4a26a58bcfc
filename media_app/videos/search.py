"""Search in text that ignores case, accents and Unicode variants."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.models import BooleanField, Case, F, FloatField, Func, Q, TextField, Value, When
from django.db.models.expressions import Combinable

from vodplatform.core.pauses import pause_for_others
from vodplatform.core.text import normalize

if TYPE_CHECKING:
    from media_app.videos.models import VideoQuerySet

MAX_WORDS = 10
FOLDED_AT_ONCE = 500  # characters of a text that are normalised at once
MAX_FOLDED = 50_000  # characters of normalised text after which the rest of a text is left out
MAX_RANKED = 1000  # maximum number of results sorted by relevance; if there are more, all are sorted newest first
# Replacements of letters that Unicode does not decompose.
LETTERS = str.maketrans(
    {"\u0131": "i", "\u0142": "l", "\u00f8": "o", "\u0111": "d", "\u00f0": "d", "\u0127": "h", "\u0167": "t",
     "\u00e6": "ae", "\u0153": "oe", "\u00fe": "th"}
)  # fmt: skip
# Characters of scripts that write no spaces: Thai, Lao, Burmese, Khmer, kana, Han.
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def folded(*texts: str) -> str:
    """Return the texts as one line of lower-case text without accents (Unicode 15, section 3.13).

    One ligature can become eighteen letters, so the line can be much longer than the texts. Once the line has
    ``MAX_FOLDED`` characters, the rest of the texts is left out and cannot be found by a search.
    """
    text = " ".join(texts)
    line = ""
    start = 0
    while start < len(text) and len(line) < MAX_FOLDED:
        end = start + FOLDED_AT_ONCE
        # Cut at a space, if possible: an accent belongs to the letter before it.
        end = len(text) if end >= len(text) else (text.rfind(" ", start, end) + 1 or end)
        line += _fold(text[start:end])
        start = end
        pause_for_others()
    return " ".join(line.split())


def _fold(text: str) -> str:
    spread = normalize("NFKD", text).casefold()
    signs = (sign for sign in normalize("NFKD", spread) if not unicodedata.combining(sign))
    bare = "".join(sign for sign in signs if _kind(sign) != "F")
    return normalize("NFKC", SELECTORS.sub("", bare).translate(LETTERS))


def search_text(title: str, description: str, category: str, tags: Iterable[str]) -> str:
    """Return a video's searchable text: a line with its title, a line with its other texts.

    PostgreSQL parses ``mma/training`` as a path, so the words ``mma`` and ``training`` are added.
    """
    return f"{_with_parts(folded(title))}\n{_with_parts(folded(category, *tags, description))}"


def terms(text: str) -> list[str]:
    found = [part for word in folded(text).split() for part in _parts(word) or [word]]
    return list(dict.fromkeys(found))[:MAX_WORDS]


def matching(videos: VideoQuerySet, text: str) -> VideoQuerySet:
    """Return videos that contain every search term.

    SQLite matches any substring. PostgreSQL matches only the beginning of a word, except for terms in scripts without
    spaces and terms without letters and digits.
    """
    if not (wanted := terms(text)):
        return videos.none()
    for term in wanted:
        if connections[videos.db].vendor == "postgresql" and _parts(term) and not UNSPACED.search(term):
            videos = videos.filter(_Found(F("search_text"), Value(_prefix(term))))
        else:
            videos = videos.filter(search_text__contains=term)
    return videos


def ranked(videos: VideoQuerySet, text: str) -> VideoQuerySet:
    """Sort videos with all terms in the title first, then by rank, then newest first."""
    title = _title(connections[videos.db].vendor)
    in_title = Q()
    for number, term in enumerate(terms(text)):
        videos = videos.alias(**{f"title_{number}": title})
        in_title &= Q(**{f"title_{number}__contains": term})
    words = [_prefix(term) for term in terms(text) if _parts(term)]
    rank: Combinable = Value(0.0)
    if connections[videos.db].vendor == "postgresql" and words:
        rank = _Rank(F("search_text"), Value(" & ".join(words)))
    first = Case(When(in_title, then=Value(0)), default=Value(1)) if in_title else Value(0)
    return videos.alias(not_in_title=first, rank=rank).order_by("not_in_title", "-rank", "-created_at", "-id")


class _Found(Func):
    """Full-text match on PostgreSQL, with the ``to_tsvector`` expression of the index ``video_words``."""

    template = "to_tsvector('simple', %(expressions)s)"
    arg_joiner = ") @@ to_tsquery('simple', "
    output_field = BooleanField()


class _Rank(Func):
    template = "ts_rank(to_tsvector('simple', %(expressions)s), 1)"
    arg_joiner = "), to_tsquery('simple', "
    output_field = FloatField()


def _title(vendor: str) -> Any:
    if vendor == "postgresql":
        return Func(F("search_text"), template="split_part(%(expressions)s, E'\\n', 1)", output_field=TextField())
    return Func(
        F("search_text"), template="substr(%(expressions)s, 1, instr(search_text, char(10)))", output_field=TextField()
    )


def _with_parts(line: str) -> str:
    words = [part for word in line.split() for part in ([word] if _parts(word) == [word] else [word, *_parts(word)])]
    return " ".join(words)


def _prefix(term: str) -> str:
    return f"'{term}':*"


def _parts(word: str) -> list[str]:
    marked = "".join(sign if _kind(sign) in "LNM" else " " for sign in word)
    return [run for run in marked.split() if any(_kind(sign) in "LN" for sign in run)]


@lru_cache(maxsize=4096)
def _kind(sign: str) -> str:
    category = unicodedata.category(sign)
    return "F" if category == "Cf" else category[0]
