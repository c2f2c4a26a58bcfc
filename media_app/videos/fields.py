"""Rules of :mod:`media_app.videos.text_rules` that raise API errors."""

from __future__ import annotations

from typing import Any

from media_app.videos import text_rules
from vodplatform.core.errors import DomainError


def clean_title(value: Any) -> str:
    try:
        return text_rules.title(value)
    except text_rules.InvalidText as exc:
        raise DomainError("invalid", errors={"title": [str(exc)]}) from exc


def clean_tags(value: Any) -> list[str]:
    try:
        return text_rules.tags_from_form(value)
    except text_rules.InvalidText as exc:
        raise DomainError("invalid", errors={"tags": [str(exc)]}) from exc
