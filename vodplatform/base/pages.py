"""What every page's frame needs: the theme from its cookie, and the navigation. No page of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

THEME_COOKIE = "theme"
THEMES = (
    {"value": "dark", "label": "Dark"},
    {"value": "light", "label": "Light"},
    {"value": "auto", "label": "System"},
)


@dataclass(frozen=True, slots=True)
class NavItem:
    """One entry of the main navigation; `icon` names a symbol of static/icons.svg."""

    label: str
    href: str
    icon: str
    current: bool = False


NAVIGATION = (NavItem("Compare", "/compare", "compare"), NavItem("New", "/compare?new", "plus"))


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor of every template; reads the request and nothing else."""
    theme = request.COOKIES.get(THEME_COOKIE)
    return {
        "theme": theme if theme in {choice["value"] for choice in THEMES} else "dark",
        "themes": THEMES,
        "nav_items": _navigation(request),
    }


def _navigation(request: HttpRequest) -> list[NavItem]:
    """The entries, the one for this address marked: the longest match, so that "New" is not also "Compare"."""
    here = request.path.rstrip("/") + ("?new" if "new" in request.GET else "")
    fits = [item.href for item in NAVIGATION if here == item.href or here.startswith(item.href + "/")]
    best = max(fits, key=len, default="")
    return [NavItem(item.label, item.href, item.icon, item.href == best) for item in NAVIGATION]
