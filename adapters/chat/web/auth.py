"""Who may use the web side (DESIGN §7).

Sign-in is skipped only if all hold: bound to loopback, no public URL, no admin token, `Host` is localhost or loopback,
no forwarding headers. Otherwise the admin token is asked for: as `Authorization: Bearer`, or, in a browser, as the
password of HTTP Basic.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request
from starlette.exceptions import HTTPException

ADMIN_FILE = "admin-token"
FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """The rule of one installation."""

    token: str | None
    """The admin token; `None` when nobody needs one as long as the request itself is local."""
    file: Path | None = None
    """Where a token made by us lies."""

    def require(self, request: Request) -> None:
        """Raise 401 unless this request may pass; 403 for a form sent from another site."""
        _refuse_cross_site(request)
        if self.token is None and is_local(request):
            return
        given = _given(request)
        if self.token is None or given is None or not hmac.compare_digest(given.encode(), self.token.encode()):
            raise HTTPException(
                401,
                "Send the admin token as `Authorization: Bearer …`; in a browser it is the password, with any name.",
                headers={"WWW-Authenticate": 'Basic realm="Reelbot", charset="UTF-8"'},
            )


def sign_in_rule(*, host: str, public_url: str | None, admin_token: str | None, data_dir: Path) -> SignIn:
    """The rule that follows from the settings; makes an admin token (0600) when one is needed and none is set."""
    if admin_token:
        return SignIn(token=admin_token)
    if is_loopback(host) and not public_url:
        return SignIn(token=None)
    path = data_dir / ADMIN_FILE
    if not path.exists():
        half = path.with_suffix(".part")
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    return SignIn(token=path.read_text().strip(), file=path)


def is_local(request: Request) -> bool:
    """Whether a request comes from this machine, names this machine, and passed no proxy."""
    if any(name in request.headers for name in FORWARDING):
        return False
    if request.client is None or not is_loopback(request.client.host):
        return False
    host = request.headers.get("host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else host
    return is_loopback(name.strip("[]"))


def is_loopback(host: str) -> bool:
    """`localhost`, 127.0.0.0/8 or ::1."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _given(request: Request) -> str | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None


def _refuse_cross_site(request: Request) -> None:
    """Another site must not send forms here in a visitor's name (OWASP: Fetch Metadata, else Origin)."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise HTTPException(403, "This request came from another site.")
    origin = request.headers.get("origin")
    if site is None and origin is not None and origin.partition("://")[2] != request.headers.get("host", ""):
        raise HTTPException(403, "This request came from another site.")
