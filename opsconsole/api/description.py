"""The API's own pages: its description in OpenAPI, kept in a file, and the docs that show it."""

from functools import cache
from pathlib import Path
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import ensure_csrf_cookie

from opsconsole.views import read_only

PATH: Final = Path(__file__).with_name("openapi.json")
# As the IETF draft on the media types of OpenAPI names it; tools take application/json as well.
CONTENT_TYPE: Final = "application/vnd.oai.openapi+json;version=3.1"


@read_only
@cache_control(max_age=300)
def schema_view(request: HttpRequest) -> HttpResponse:
    """Return the description. It says what there is, not what is in it: everybody may read it."""
    return HttpResponse(_text(), content_type=CONTENT_TYPE)


@read_only
@ensure_csrf_cookie
def docs_view(request: HttpRequest) -> HttpResponse:
    """Return the page on which the operations can be read and tried out; its files come with the console."""
    return TemplateResponse(request, "opsconsole/api_docs.html")


@cache
def _text() -> bytes:
    return PATH.read_bytes()
