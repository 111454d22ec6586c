"""Where a request comes from, also behind proxies."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return the address of whoever sent a request, as far as it can be believed.

    Each proxy appends to X-Forwarded-For the address that called it; what stands before was written by the client. As
    many proxies as `OPS_PROXIES` says, so many of the last entries are true.

    Args:
        request: any request.

    Returns:
        An IP address; that of the connection itself where no proxy is set, or none has written one.
    """
    connected: str = request.META.get("REMOTE_ADDR", "")
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    if settings.PROXIES < 1 or len(forwarded) < settings.PROXIES:
        return connected
    try:
        return str(ip_address(forwarded[-settings.PROXIES].strip()))
    except ValueError:
        return connected
