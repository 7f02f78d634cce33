"""Which addresses may be spoken to on somebody else's word (DESIGN §7): public ones over HTTPS, and the adapter's own.

A name is judged by what it resolves to, at the moment of connecting: a name that changes its address between the
check and the connection gains nothing.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

import httpx
from aiohttp import abc, resolver

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NOT_PUBLIC_EITHER = tuple(
    ipaddress.ip_network(each)
    # Protocol assignments, the relay of 6to4, two newer documentation ranges; Python's own list has them in part.
    for each in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "64:ff9b:1::/48")
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NUMBER = re.compile(r"\d+|0x[\da-f]*", re.ASCII)
"""The last part of a host that is an IPv4 address, in whatever way it is written (WHATWG URL, "ends in a number")."""
_HOST = re.compile(r"[a-z\d._-]+|[\da-f:.]+(%[\w.~%-]+)?", re.ASCII | re.IGNORECASE)
"""A name, or an IPv6 address with or without a zone; nothing that one library reads in this way and another in that."""


class ForbiddenAddress(Exception):
    """This address may not be spoken to; `str()` says why, in words without the address's path and query."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet; unpacks every way of writing an IPv4 one inside IPv6."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    if any(ip in network for network in _NOT_PUBLIC_EITHER if network.version == ip.version):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def origin(url: str) -> tuple[str, int]:
    """Host, in lower case and as it is written in DNS, and port. `ForbiddenAddress` when the address is none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if host and not host.isascii():
            host = httpx.URL(url).raw_host.decode()
    except (ValueError, httpx.InvalidURL) as error:
        raise ForbiddenAddress("The address cannot be read.") from error
    if not host or parts.scheme not in _DEFAULT_PORTS:
        raise ForbiddenAddress("Only http and https addresses can be used.")
    # Line breaks and tabs are left out by some readers of an address, and not by others.
    if not _HOST.fullmatch(host) or not url.isprintable():
        raise ForbiddenAddress("The address cannot be read.")
    return host.lower().rstrip("."), _DEFAULT_PORTS[parts.scheme] if port is None else port


def require_allowed(url: str, home: str) -> bool:
    """Whether `url` lies at `home`'s own host and port, and so may be plain http, private or loopback.

    Elsewhere it must be https, without user name or password, and must not name a private IP address:
    `ForbiddenAddress` otherwise. Names are judged when they are resolved (`GuardedResolver`).
    """
    if origin(url) == origin(home):
        return True
    parts = urlsplit(url)
    if parts.scheme != "https":
        raise ForbiddenAddress("Only https addresses can be used.")
    if parts.username or parts.password:
        raise ForbiddenAddress("Addresses with a user name cannot be used.")
    host, _port = origin(url)
    # Also `2130706433`, `0x7f.1`, `127.1`: not addresses to us, but some part of the system reads them as one.
    if (_is_ip(host) or _NUMBER.fullmatch(host.rpartition(".")[2])) and not is_public(host):
        raise ForbiddenAddress("The address is not on the public internet.")
    return False


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


class GuardedResolver(abc.AbstractResolver):
    """Resolves names, and forgets every address that is not public."""

    def __init__(self, inner: abc.AbstractResolver | None = None) -> None:
        self._inner = inner or resolver.ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[abc.ResolveResult]:
        """The public addresses of a name; `OSError` when there is none."""
        found = await self._inner.resolve(host, port, family)  # type: ignore[arg-type]  # aiohttp passes an int too
        allowed = [each for each in found if is_public(each["host"])]
        if not allowed:
            raise OSError(None, "the name does not lead to the public internet")
        return allowed

    async def close(self) -> None:
        """Nothing is kept open."""
        await self._inner.close()
