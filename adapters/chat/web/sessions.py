"""Signed session cookies: who signed in, how, and when. They hold no secret, and nobody but us can make one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import Response

from bot.keys import KeyRing
from bot.ports import Clock

PURPOSE = "web.session"
COOKIE = "reelbot_session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a cookie says."""

    person: str
    began_at: datetime
    mark: str | None = None
    """Of the admin token they knew: another token ends these sessions."""
    token_id: str | None = None
    """Of the personal token they knew: the session ends with it."""


class Sessions:
    """Makes and reads the cookies of one installation."""

    def __init__(self, keys: KeyRing, clock: Clock, *, lasts: timedelta, is_https: bool) -> None:
        self._keys = keys
        self._clock = clock
        self._lasts = lasts
        self._is_https = is_https
        # A browser takes `__Host-` only from https, for the whole host, and from nobody beside us.
        self.cookie = f"__Host-{COOKIE}" if is_https else COOKIE

    def begin(self, response: Response, person: str, *, mark: str | None = None, token_id: str | None = None) -> None:
        """Sign somebody in with this answer."""
        now = self._clock.now()
        payload: dict[str, Any] = {"p": person, "at": now.isoformat()}
        payload |= {name: value for name, value in (("m", mark), ("t", token_id)) if value is not None}
        signed = self._keys.sign(PURPOSE, payload, expires_at=now + self._lasts)
        response.set_cookie(
            self.cookie, signed, max_age=int(self._lasts.total_seconds()), path="/", secure=self._is_https, httponly=True,
            samesite="lax",
        )  # fmt: skip

    def end(self, response: Response) -> None:
        """Sign somebody out with this answer."""
        response.delete_cookie(self.cookie, path="/", secure=self._is_https, httponly=True, samesite="lax")

    def read(self, request: HTTPConnection) -> Session | None:
        """The session of a request; `None` without one, and for one that is forged, expired or no longer understood."""
        text = request.cookies.get(self.cookie)
        payload = self._keys.read(PURPOSE, text, now=self._clock.now()) if text else None
        try:
            if payload is None or not isinstance(payload["p"], str):
                return None
            began_at = datetime.fromisoformat(payload["at"])
        except (LookupError, TypeError, ValueError, OverflowError):
            return None
        return Session(person=payload["p"], began_at=began_at, mark=payload.get("m"), token_id=payload.get("t"))
