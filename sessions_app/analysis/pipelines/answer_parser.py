"""Parser of a vision-language model's answer: a score from 0 to 1 and a sentence.

Models wrap the JSON in Markdown fences, reason before it, or stop halfway. The sentence is untrusted text.
"""

from __future__ import annotations

import html
import json
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_LETTERS = 20_000
MAX_DESCRIPTION = 200
MAX_OBJECTS = 100
SCALES = (1.0, 5.0, 10.0, 100.0)

# names of the score in several languages; models sometimes answer in the video's language
SCORE_WORDS = (
    "score rating puntuación puntuacion puntaje bewertung wertung note punteggio pontuação pontuacao nota ocena"
    " оценка 评分 分数 得分 評分 分數 スコア 点数 점수"
)
DESCRIPTION_WORDS = (
    "description caption summary text beschreibung descripción descripcion descrição descricao descrizione opis"
    " описание 描述 说明 說明 説明 설명"
)
SCORE_NAMES, DESCRIPTION_NAMES = frozenset(SCORE_WORDS.split()), frozenset(DESCRIPTION_WORDS.split())
AMOUNT = (
    r"(?P<number>[-+]?\d{1,9}(?:[.,]\d{1,20})?)\s*"
    r"(?:(?P<percent>%|per\s?cent|prozent|por ciento|pour cent|por cento|per cento)"
    r"|(?:/|out of|of|von|de|sur|su|из)\s*(?P<scale>\d{1,3})(?!\d|[.,]\d))?"
)
ONE_AMOUNT = re.compile(rf"\D{{0,40}}?{AMOUNT}\D*", re.IGNORECASE)
SCORE = re.compile(
    rf"(?<!\w)(?:{'|'.join(sorted(SCORE_NAMES))})[\"'*_`]*\s*(?:is|ist|es|est)?\s*[:=：]?[\"'*_`\s]*{AMOUNT}"
    r"(?P<more>\s*(?:-|–|to\b)\s*\d)?",
    re.IGNORECASE,
)
DESCRIPTION = re.compile(
    rf"(?<!\w)(?:{'|'.join(sorted(DESCRIPTION_NAMES))})[\"'*_`]*\s*[:=：]\s*(?P<text>[^\n]{{1,1000}})", re.IGNORECASE
)
THOUGHT = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.IGNORECASE | re.DOTALL)
REFUSAL = re.compile(
    r"\W*(i['’]?m sorry|i am sorry|sorry[,.]|i can(?:['’]|no)t|i can not|i am unable|i['’]m unable|i won['’]t"
    r"|as an ai\b)",
    re.IGNORECASE,
)
PAGE = re.compile(r"\s*(<!doctype|<html|<head|<body|<\?xml)", re.IGNORECASE)
BROKEN_OFF = frozenset({"length", "content_filter"})


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """A parsed answer. score: 0 to 1 or None."""

    score: float | None = None
    description: str = ""


NOTHING = ModelAnswer()


def read_answer(body: bytes) -> ModelAnswer:
    try:
        answer = json.loads(body)
        choice = answer["choices"][0]
        message = choice["message"]
        content = message.get("content")
        ended = choice.get("finish_reason")
        if message.get("refusal"):
            return NOTHING
    except (ValueError, RecursionError, KeyError, IndexError, TypeError, AttributeError):
        return NOTHING
    if isinstance(content, list):  # some gateways send the content in parts
        content = "".join(part["text"] for part in content if isinstance(part, dict) and _is_text(part.get("text")))
    return read(content, is_whole=isinstance(ended, str) and ended not in BROKEN_OFF) if _is_text(content) else NOTHING


def read(text: str, *, is_whole: bool) -> ModelAnswer:
    """Parse an answer's text. is_whole: whether the model finished its answer."""
    text = THOUGHT.sub(" ", text[:MAX_LETTERS])
    if PAGE.match(text) or re.search(r"<(think|thinking|reasoning)>", text, re.IGNORECASE):
        return NOTHING
    objects = [found for found in _objects(text) if _named(found, SCORE_NAMES) is not None]
    if objects:
        # Models may repeat the requested format while they reason, so the last JSON object counts.
        score, described_as = _named(objects[-1], SCORE_NAMES), _named(objects[-1], DESCRIPTION_NAMES)
        description = cleaned(described_as) if isinstance(described_as, str) else ""
        return NOTHING if REFUSAL.match(description) else ModelAnswer(parse_score(score), description)
    if not is_whole or text.count("{") != text.count("}") or REFUSAL.match(text):
        return NOTHING  # an unfinished answer may end in the middle of the score
    scores = [None if found["more"] else _share(found) for found in SCORE.finditer(text)]
    if not scores or len(set(scores)) != 1 or scores[0] is None:
        return NOTHING
    described = DESCRIPTION.search(text)
    return ModelAnswer(scores[0], cleaned(described["text"].strip(" \"'},")) if described else "")


def parse_score(value: Any) -> float | None:
    """Return a score from 0 to 1. Return None for an invalid value or an unknown scale: 7 could be of 10 or of 100."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if 0 <= value <= 1 else None
    if isinstance(value, str):
        found = ONE_AMOUNT.fullmatch(unicodedata.normalize("NFKC", value[:200]).strip())
        return _share(found) if found else None
    return None


def _share(found: re.Match[str]) -> float | None:
    number = float(found["number"].replace(",", "."))
    scale = 100.0 if found["percent"] else float(found["scale"] or 1)
    share = number / scale if scale in SCALES else math.nan
    return share if 0 <= share <= 1 else None


def cleaned(text: str) -> str:
    """Return one line of plain text, without markup and links."""
    text = html.unescape(text[: MAX_DESCRIPTION * 20])
    text = re.sub(r"<[^<>]*>", " ", text)
    text = re.sub(r"!?\[([^\[\]]*)\]\([^()\s]*\)", r"\1", text)
    text = re.sub(r"\b[a-z][a-z0-9+.-]{1,20}://\S+|\bwww\.\S+|\b(javascript|data):\S+", " ", text, flags=re.IGNORECASE)
    text = re.sub(r"[<>`*#|{}\\]|[~_]{2,}", " ", text)
    letters: list[str] = []
    marks = 0
    for letter in unicodedata.normalize("NFC", text):
        category = unicodedata.category(letter)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if category in ("Cc", "Zl", "Zp"):
            letters.append(" ")
        elif category[0] != "C" and marks <= 2:
            letters.append(letter)
    line = " ".join("".join(letters).split()).strip(" \"'")
    if len(line) > MAX_DESCRIPTION:
        line = line[: MAX_DESCRIPTION - 1]
        line = (line.rsplit(" ", 1)[0] if " " in line[MAX_DESCRIPTION // 2 :] else line).rstrip(" ,;:") + "…"
    return line if any(letter.isalnum() for letter in line) else ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _objects(text: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder(strict=False)
    at = 0
    for _ in range(MAX_OBJECTS):
        at = text.find("{", at)
        if at < 0:
            return
        try:
            found, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        yield from _within(found, 3)


def _within(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    if depth > 0 and isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _within(part, depth - 1)


def _named(found: dict[str, Any], names: frozenset[str]) -> Any:
    for name, value in found.items():
        if name.strip().lower() in names:
            return value
    return None
