"""Template tags that render the keyboard shortcuts of a page, by its name in ``SHORTCUTS``."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import json_script
from django.utils.safestring import SafeString

from vodplatform.core.web.shortcuts import SHORTCUTS

register = template.Library()


@register.simple_tag
def shortcut_data(page: str) -> SafeString:
    """Write the shortcuts for the page's script, which reads them in ``static/js/base/keys.js``."""
    return json_script([shortcut.as_json() for shortcut in SHORTCUTS[page]], "shortcuts")


@register.inclusion_tag("parts/keys_dialog.html")
def keys_dialog(page: str) -> dict[str, Any]:
    return {"page": page}


@register.inclusion_tag("parts/keys_table.html")
def keys_table(page: str, title: str) -> dict[str, Any]:
    return {"shortcuts": SHORTCUTS[page], "title": title}
