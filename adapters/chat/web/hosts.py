"""Where a request comes from, and by which name it calls us."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")


def is_local(request: HTTPConnection) -> bool:
    """Whether a request comes from this machine, names this machine, and passed no proxy."""
    if any(name in request.headers for name in FORWARDING):
        return False
    if request.client is None or not is_loopback(request.client.host):
        return False
    return is_loopback(named_host(request))


def named_host(request: HTTPConnection) -> str:
    """The name in `Host`, without port and brackets."""
    host = request.headers.get("host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else host
    return name.strip("[]").lower()


def is_loopback(host: str) -> bool:
    """`localhost`, 127.0.0.0/8 or ::1."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_ours(request: HTTPConnection, public_url: str | None) -> bool:
    """Whether a request calls us by a name that is ours: another's may have been made to point here (DNS rebinding).

    Without a public URL nobody knows our names, and what needs no sign-in is bound to `is_local` anyway.
    """
    name = named_host(request)
    return public_url is None or name == (urlsplit(public_url).hostname or "").lower() or is_loopback(name)


def comes_from_elsewhere(request: HTTPConnection, public_url: str | None, *, has_cookie: bool) -> bool:
    """Whether another site sends this in a visitor's name (OWASP: Fetch Metadata, else Origin).

    Reading is not meant here: nothing is changed by it, and no other site may see the answer. A browser always sends one
    of the two headers with a post; a cookie that comes with neither is not believed.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site not in ("same-origin", "none")
    if origin is None:
        return has_cookie
    ours = {request.headers.get("host", "")} | ({urlsplit(public_url).netloc} if public_url else set())
    return urlsplit(origin).netloc not in ours
