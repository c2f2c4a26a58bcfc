"""The template tag ``for``, with pauses for other requests. It replaces Django's tag in all templates."""

from __future__ import annotations

from django import template
from django.template.base import Node, Parser, Token
from django.template.context import Context
from django.template.defaulttags import ForNode, do_for

from vodplatform.core.pauses import pause_for_others

register = template.Library()


class _Pause(Node):
    def render(self, context: Context) -> str:
        pause_for_others()
        return ""


@register.tag("for")
def pausing_for(parser: Parser, token: Token) -> ForNode:
    node = do_for(parser, token)
    node.nodelist_loop.insert(0, _Pause())  # type: ignore[arg-type]  # the stubs say list[str]
    return node
