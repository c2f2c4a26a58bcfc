"""Context of every page: theme and navigation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.http import HttpRequest

THEME_COOKIE = "theme"
THEMES = (
    {"value": "dark", "label": "Dark"},
    {"value": "light", "label": "Light"},
    {"value": "auto", "label": "System"},
)


@dataclass(frozen=True, slots=True)
class NavItem:
    """An entry of the main navigation.

    - at_desk: whether the top bar on wide screens shows the entry.
    - on_phone: "bar" for the phone's tab bar, "more" for the phone's menu.
    - home_of: prefix of other paths for which the entry counts as current.
    - is_public: whether anonymous users see the entry.
    """

    label: str
    href: str
    icon: str
    at_desk: bool = True
    on_phone: str = "more"
    is_public: bool = False
    home_of: str = ""
    current: bool = False

    def is_for(self, address: str) -> bool:
        below = self.href != "/" and address.startswith(f"{self.href}/")
        below = below or bool(self.home_of and address.startswith(self.home_of))
        return address == self.href or below


NAVIGATION: tuple[NavItem, ...] = (
    NavItem("Home", "/", "home", at_desk=False, on_phone="bar"),
    NavItem("Library", "/library", "library", on_phone="bar", home_of="/watch/"),
    NavItem("Catalogue", "/catalogue", "film", is_public=True),
    NavItem("Upload", "/upload", "upload", on_phone="bar"),
    NavItem("Compare", "/compare", "compare", on_phone="bar"),
    NavItem("Analysis", "/analysis", "analysis"),
    NavItem("Challenges", "/challenges", "challenge"),
    NavItem("Pro", "/pro", "pro"),
    NavItem("Jobs", "/jobs", "jobs"),
    NavItem("Account", "/account", "user", at_desk=False),
)


def theme_of(request: HttpRequest) -> str:
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return theme if theme in {choice["value"] for choice in THEMES} else "auto"


def shell(request: HttpRequest) -> dict[str, Any]:
    return {
        "theme": theme_of(request),
        "themes": THEMES,
        "nav_items": navigation(request),
        "is_catalogue_public": settings.PUBLIC_CATALOG,
        "has_s3_cors": settings.S3_CORS,
    }


def navigation(request: HttpRequest, at: str = "") -> list[NavItem]:
    here = at or request.path.rstrip("/") or "/"
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        items = NAVIGATION
    else:
        items = tuple(item for item in NAVIGATION if item.is_public and settings.PUBLIC_CATALOG)
    return [replace(item, current=item.is_for(here)) for item in items]
