"""Template tags that load a page's script with the shell, and the styles that all pages share."""

from __future__ import annotations

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from vodplatform.core.web.page_scripts import SHELL, assets_of
from vodplatform.core.web.page_scripts import base_styles as base_style_urls

register = template.Library()


@register.simple_tag
def page_script(page: str = SHELL) -> SafeString:
    """Load a script by its path below ``static``. Preload what it imports, so that the browser fetches all at once."""
    scripts, modules = assets_of(page)
    return format_html_join(
        "\n", '<link rel="modulepreload" href="{}">', ((url,) for url in modules)
    ) + format_html_join("\n", '<script type="module" src="{}"></script>', ((url,) for url in scripts))


@register.simple_tag
def base_styles() -> SafeString:
    """Load the styles of every page."""
    return format_html_join("\n", '<link rel="stylesheet" href="{}">', ((url,) for url in base_style_urls()))
