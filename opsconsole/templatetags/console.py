"""Template filters for what `opsconsole.formatting` writes, and links between pages."""

import json
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from opsconsole import formatting
from opsconsole.links import page_of
from opsconsole.redaction import redact_name

register = template.Library()

for _name in ("number", "size", "duration", "ago", "running_for", "badge", "first_line", "exact", "through"):
    register.filter(_name, getattr(formatting, _name))
register.simple_tag(formatting.bar, name="bar")
register.filter("progress_words", formatting.progress_words)
register.filter("redacted", redact_name)


@register.filter
def as_json(value: Any) -> str:
    """Return a JSON value as indented text; autoescaped like any other."""
    # Not ensure_ascii, so that it is readable; a lone surrogate, which no encoding takes, is replaced.
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return text.encode("utf-8", errors="replace").decode("utf-8")


@register.simple_tag
def entity(kind: str | None, key: Any, name: str = "") -> SafeString:
    """Return a link to the page of what an audit entry is about, or its plain name where there is no page."""
    if not kind:
        return SafeString(formatting.NOTHING)
    label = name or (f"{kind} {key}" if key is not None else kind).replace("_", " ")
    url = page_of(kind, key)
    return format_html('<a class="oc-link" href="{}">{}</a>', url, label) if url else format_html("{}", label)
