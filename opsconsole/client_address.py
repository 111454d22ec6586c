"""Where a request comes from, also behind proxies."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address

# What one customer of a provider's is given at the least (RFC 6177, section 2): within it addresses cost nothing.
_ONE_CUSTOMER = 64


def client_address(request: HttpRequest) -> Address | None:
    """Return the address of whoever sent a request; None where it can't be known.

    Each proxy appends to X-Forwarded-For the address that called it; what stands before was written by the client. As
    many proxies as `OPS_PROXIES` says, so many of the last entries are true. Where that header is missing, the call
    came past the proxies, and is taken for what it is.

    Args:
        request: any request.
    """
    forwarded = request.headers.get("X-Forwarded-For")
    if settings.PROXIES < 1 or forwarded is None:
        return _parsed(request.META.get("REMOTE_ADDR", ""))
    entries = forwarded.split(",")
    return _parsed(entries[-settings.PROXIES]) if len(entries) >= settings.PROXIES else None


def login_address(request: HttpRequest) -> str | None:
    """Return by what failed logins are told apart: an IPv4 address, or the network of an IPv6 one; axes calls this.

    Where it can't be known, all share that of the connection, if that has one.
    """
    address = client_address(request) or _parsed(request.META.get("REMOTE_ADDR", ""))
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), _ONE_CUSTOMER), strict=False).network_address)
    return str(address) if address else None


def _parsed(entry: str) -> Address | None:
    """Return the address that an entry names, without the port, brackets and zone that some proxies write."""
    text = entry.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
