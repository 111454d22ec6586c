"""How answers are written: JSON by orjson, and the browsable pages."""

import re
from typing import Any
from uuid import UUID

import orjson
from rest_framework import renderers


def default(value: Any) -> Any:
    """Return what orjson doesn't know as something that it does."""
    if isinstance(value, UUID):
        return str(value)
    return str(value)


def encodable(value: Any) -> Any:
    """Return a JSON value with what only other writers of JSON know: lone surrogates, whole numbers of any size."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -(2**63) <= value < 2**64 else orjson.Fragment(str(value))
    if isinstance(value, dict):
        return {encodable(str(key)): encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encodable(item) for item in value]
    return value


class ORJSONRenderer(renderers.BaseRenderer):
    """Writes JSON; times are ISO 8601 in UTC ending in `Z`."""

    media_type = "application/json"
    format = "json"
    # As rest_framework.renderers.JSONRenderer: JSON has no charset parameter (RFC 8259, section 11).
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """Return the JSON of `data`, indented for the browsable pages; nothing for None."""
        if data is None:
            return b""
        options = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
        if accepted_media_type is not None and "indent" in accepted_media_type:
            options |= orjson.OPT_INDENT_2
        try:
            return orjson.dumps(data, default=default, option=options)
        except orjson.JSONEncodeError:
            return orjson.dumps(encodable(data), default=default, option=options)


_INLINE_STYLE = re.compile(r' style="[^"]*"')


class BrowsableAPIRenderer(renderers.BrowsableAPIRenderer):
    """The pages that a browser gets; input forms as raw JSON, since that is what the API takes."""

    def get_default_renderer(self, view: Any) -> Any:
        """Return the renderer whose output the page shows."""
        return _IndentedRenderer()

    def render_form_for_serializer(self, serializer: Any) -> str:
        """Offer no HTML form: the raw one beside it takes the same and more."""
        return ""

    def get_rendered_html_form(self, data: Any, view: Any, method: str, request: Any) -> Any:
        """Offer no HTML form."""
        return None

    def get_breadcrumbs(self, request: Any) -> list[tuple[str, str]]:
        """Name each place once: the root is served under both of its spellings."""
        found: list[tuple[str, str]] = []
        for name, url in super().get_breadcrumbs(request):
            if not found or found[-1][0] != name:
                found.append((name, url))
        return found

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> str:
        """Return the page without the inline styles of DRF's template, which these pages' policy doesn't allow.

        And with what that template lacks for those who don't see it: its language, and a way to scroll by keyboard.
        """
        # In what is shown, quotes and signs are escaped: only the template's own markup can match.
        page = _INLINE_STYLE.sub("", str(super().render(data, accepted_media_type, renderer_context)))
        page = page.replace("<html>", '<html lang="en">', 1)
        return page.replace('<pre class="prettyprint">', '<pre class="prettyprint" tabindex="0">')

    def get_context(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return what the page shows, without the inline styles of Pygments where that happens to be installed."""
        context: dict[str, Any] = super().get_context(*args, **kwargs)
        return context | {"code_style": None}


class _IndentedRenderer(ORJSONRenderer):
    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return super().render(data, "application/json; indent=2", renderer_context)
