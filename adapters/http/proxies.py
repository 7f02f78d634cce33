"""The operator's HTTPS proxy, from the usual variables of the environment (`HTTPS_PROXY`, `NO_PROXY`)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]  # documented, untyped


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """Where to ask for a tunnel."""

    host: str
    port: int
    url: str
    """As the environment names it, with its credentials."""
    authorization: str | None = None
    """Value of `Proxy-Authorization`."""


@cache
def proxy_for(host: str, port: int) -> Proxy | None:
    """The proxy that https requests to `host` go through; `None` for a direct connection. Asked once per host."""
    proxies = getproxies_environment()
    named = proxies.get("https") or proxies.get("all")
    if not named or proxy_bypass_environment(f"{host}:{port}", proxies):
        return None
    url = named if "://" in named else f"http://{named}"
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        return None
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {b64encode(pair.encode()).decode()}"
    return Proxy(host=parts.hostname, port=parts.port or 80, url=url, authorization=authorization)


def proxy_hosts() -> frozenset[str]:
    """Names of every proxy of the environment: the operator trusts them, wherever they lie."""
    named = (
        urlsplit(value if "://" in value else f"http://{value}").hostname for value in getproxies_environment().values()
    )
    return frozenset(host for host in named if host)
