"""The rules of :mod:`media_app.videos.words` with refusals that the API answers."""

from __future__ import annotations

from typing import Any

from media_app.videos import words
from vodplatform.base.errors import DomainError


def clean_title(value: Any) -> str:
    """A title: one line of 1 to 255 characters. Raises ``invalid``."""
    try:
        return words.title(value)
    except words.InvalidText as exc:
        raise DomainError("invalid", errors={"title": [str(exc)]}) from exc


def clean_tags(value: Any) -> list[str]:
    """Tags from a list, a JSON list, or one text; each once, in the order given. Raises ``invalid``."""
    try:
        return words.tags_from_form(value)
    except words.InvalidText as exc:
        raise DomainError("invalid", errors={"tags": [str(exc)]}) from exc
