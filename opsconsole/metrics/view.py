"""GET /metrics: for whoever has the token, or calls from an address that is allowed."""

import hmac
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder

from opsconsole.client_address import client_address
from opsconsole.metrics import samples

# One who asks reads for all who ask within this time.
KEPT_SECONDS: Final = 5
CLOSED: Final = (
    "Metrics are for those who send the token of OPS_METRICS_TOKEN as “Authorization: Bearer …”, or call from an "
    "address in OPS_METRICS_ALLOW."
)


class _Collected:
    """What the library's encoders take for a registry: it is asked once, for everything."""

    def collect(self) -> Iterator[Metric]:
        return samples.collect()


@never_cache
@require_safe
def metrics_view(request: HttpRequest) -> HttpResponse:
    """Return all metrics as of a few seconds ago, as text for Prometheus or OpenMetrics."""
    if not is_allowed(request):
        return HttpResponse(f"{CLOSED}\n", status=403, content_type="text/plain; charset=utf-8")
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    key = f"metrics:{content_type.partition(';')[0]}"
    text: bytes | None = cache.get(key)
    if text is None:
        text = encode(_Collected())
        cache.set(key, text, KEPT_SECONDS)
    return HttpResponse(text, content_type=content_type)


def is_allowed(request: HttpRequest) -> bool:
    """Say whether a caller may read them: where neither a token nor an address is set, nobody may."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    # In the same time, however much of it is right.
    is_right = hmac.compare_digest(given.strip().encode(), settings.METRICS_TOKEN.encode())
    if settings.METRICS_TOKEN and scheme.lower() == "bearer" and is_right:
        return True
    caller = client_address(request)
    return caller is not None and any(caller in ip_network(allowed, strict=False) for allowed in settings.METRICS_ALLOW)
