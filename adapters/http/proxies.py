"""The operator's HTTPS proxy, from the usual variables of the environment (`HTTPS_PROXY`, `NO_PROXY`)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]  # documented, untyped

_DEFAULT_PORT = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """Where to ask for a tunnel."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)
    """Value of `Proxy-Authorization`."""

    @property
    def url(self) -> str:
        """Its address, without credentials."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


@cache
def proxy_for(host: str, port: int) -> Proxy | None:
    """The proxy that https requests to `host` go through; `None` for a direct connection. Asked once per host.

    A proxy that is none of plain http, or cannot be read, counts as none: it is not there for us.
    """
    proxies = getproxies_environment()
    named = (proxies.get("https") or proxies.get("all") or "").strip()
    if not named or proxy_bypass_environment(f"{host}:{port}", proxies):
        return None
    try:
        parts = urlsplit(named if "://" in named else f"http://{named}")
        name, port = parts.hostname, parts.port or _DEFAULT_PORT
    except ValueError:
        return None
    if parts.scheme != "http" or not name:
        return None
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {b64encode(pair.encode()).decode()}"
    return Proxy(host=name, port=port, authorization=authorization)
