"""What the paid providers share: free questions whose trouble passes, and the one paid request whose trouble does not."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, Literal

from adapters.http.answer import HttpAnswer, NoAnswer
from adapters.http.client import HttpClient
from adapters.http.fresh import open_fresh
from adapters.http.guard import ForbiddenAddress, origin
from adapters.http.retry_after import http_date, retry_after_s
from bot.errors import KeyRefused, ProviderUnavailable, Refused, Throttled, Unconfirmed
from bot.languages.said import say
from bot.money.amount import Money
from bot.ports import Clock

AMBIGUOUS: Final = frozenset({408, 409})
"""4xx answers after which a create may have been taken all the same (fact sheet §9)."""
LONGEST_MESSAGE: Final = 300
MOST_SKEW: Final = timedelta(days=3650)
"""A clock that far off is none: 1970 from an edge, or a year 9999."""
KEY_REFUSED_WAIT_S: Final = 60.0
"""A revoked key is not accepted again in the next second; an operator has to act."""

About = Literal["input", "moderation", "account", "balance", "model", "availability"]

_MODERATION = re.compile(
    r"\b(moderat|nsfw|inappropriate|content[ _-]?policy|safety|(?<!case[ -])sensitive|prohibited|data[ _-]?inspection)",
    re.IGNORECASE,
)
# Not any "insufficient": permissions and pixels may be that, too, and a whole account would rest for them.
_CREDIT = re.compile(
    r"\b(credit|balance|insufficient[ _-]*(?:account[ _-]*)?(?:credit|balance|fund|quota)|payment|top[ -]?up|billing|funds?)",
    re.IGNORECASE,
)
_MOST_USD = Decimal(1_000_000_000)
_MOST_NESTED = 4


class RemoteApi:
    """One provider's API, with its key. Every path is relative to `base_url`."""

    def __init__(
        self, http: HttpClient, clock: Clock, *, title: str, base_url: str, headers: Mapping[str, str]
    ) -> None:
        """`headers` carry the key; they go to `base_url` only."""
        self._http = http
        self._clock = clock
        self._headers = dict(headers)
        self.title = title
        self.base_url = base_url
        self._last_date = ""
        self.skew_s = 0.0
        """How far their clock is ahead of ours, by the last answer that said so."""

    async def ask(
        self,
        method: str,
        url: str,
        *,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        files: Mapping[str, Any] | None = None,
    ) -> HttpAnswer:
        """A free question; the answer may be any. `ProviderUnavailable` when there is none."""
        try:
            answer = await self._http.ask(
                method, url, home=self.base_url, headers=self._headers, json=body, params=params, files=files
            )
        except NoAnswer as error:
            raise ProviderUnavailable(
                say("{provider} cannot be reached ({reason}).", provider=self.title, reason=error)
            ) from error
        except ForbiddenAddress as error:
            raise ProviderUnavailable(
                say("{provider} cannot be asked: {reason}", provider=self.title, reason=error)
            ) from error
        self._note_skew(answer)
        return answer

    async def ask_object(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        """A free question that only a JSON object with a 2xx answers; everything else is `ProviderUnavailable`."""
        answer = await self.ask(method, url, **more)
        self.require_fit(answer)
        found = answer.object()
        if found is None or not 200 <= answer.status < 300:
            raise ProviderUnavailable(answering(self.title, answer.status))
        return found

    def require_fit(self, answer: HttpAnswer) -> None:
        """`KeyRefused` for 401; `ProviderUnavailable` for what passes: 408, 429, 5xx, redirects, pages instead of JSON."""
        if answer.status == 401:
            raise KeyRefused(
                say("{provider} does not accept the key.", provider=self.title), retry_after_s=KEY_REFUSED_WAIT_S
            )
        passing = answer.status in (408, 429) or answer.status >= 500 or 300 <= answer.status < 400
        if passing or answer.json() is None:
            wait = retry_after_s(answer.headers, self._clock.now())
            if passing:
                raise ProviderUnavailable(answering(self.title, answer.status), retry_after_s=wait)
            raise ProviderUnavailable(
                say("{provider} answers something that is not JSON at the moment.", provider=self.title),
                retry_after_s=wait,
            )

    async def create(
        self,
        url: str,
        body: Mapping[str, Any],
        headers: Mapping[str, str],
        about_to_send: Callable[[], Awaitable[None]],
    ) -> HttpAnswer:
        """The paid request: one fresh connection, one write, one answer.

        `NotSent` when the connection could not be opened, or was gone before the first byte; `Unconfirmed` when there
        is no complete answer afterwards. Exceptions of `about_to_send` pass, and nothing was sent.
        """
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        complete = {"Content-Type": "application/json", "Accept": "application/json", **self._headers, **headers}
        async with open_fresh(url) as connection:
            await about_to_send()
            try:
                answer = await connection.send("POST", complete, content)
            except NoAnswer as error:
                raise Unconfirmed(
                    say(
                        "{provider} did not say whether it took the request ({reason}).",
                        provider=self.title,
                        reason=error,
                    )
                ) from error
        self._note_skew(answer)
        return answer

    async def put_file(self, url: str, source: Path, headers: Mapping[str, str]) -> None:
        """Upload a file to where the provider said, without our key. `ProviderUnavailable` when that fails."""
        try:
            answer = await self._http.send_file(url, source, home=self.base_url, headers=headers)
        except NoAnswer as error:
            raise ProviderUnavailable(
                say("The picture could not be handed to {provider} ({reason}).", provider=self.title, reason=error)
            ) from error
        except ForbiddenAddress as error:
            raise ProviderUnavailable(
                say(
                    "{provider} named an upload address that may not be used: {reason}",
                    provider=self.title,
                    reason=error,
                )
            ) from error
        if not 200 <= answer.status < 300:
            raise ProviderUnavailable(
                say(
                    "The picture could not be handed to {provider} ({reason}).",
                    provider=self.title,
                    reason=answer.status,
                )
            )

    def throttled(self, answer: HttpAnswer, message: str, *, wait_s: float, about: str | None = None) -> Throttled:
        """A create that was not taken for now; `wait_s` unless they say how long, `about` unless their words tell."""
        said = retry_after_s(answer.headers, self._clock.now())
        return Throttled(
            say("{provider}: {message}", provider=self.title, message=message or say("too many requests")),
            retry_after_s=wait_s if said is None else said,
            about=about or ("balance" if kind_of(message) == "balance" else "rate"),
        )

    def refused(self, message: str, about: About) -> Refused:
        """A create that was not taken and would not be."""
        text = message or say("the request was refused without a reason")
        return Refused(say("{provider} says: {text}", provider=self.title, text=text), about=about)

    def unconfirmed(self, answer: HttpAnswer, *, likely_refused: bool = False) -> Unconfirmed:
        """An answer that proves nothing."""
        return Unconfirmed(
            say(
                "{provider} answered {status}, which does not say whether it took the request.",
                provider=self.title,
                status=answer.status,
            ),
            likely_refused=likely_refused,
        )

    def _note_skew(self, answer: HttpAnswer) -> None:
        said = answer.headers.get("date", "")
        if said == self._last_date:
            return
        self._last_date = said
        theirs = http_date(said)
        if theirs is None:
            return
        skew = theirs - self._clock.now()
        if abs(skew) < MOST_SKEW:
            self.skew_s = skew.total_seconds()


def answering(provider: str, status: int) -> str:
    """That a provider answers something which is no help."""
    return say("{provider} answers {status} at the moment.", provider=provider, status=status)


def words(text: object) -> str:
    """A provider's sentence, fit for a person: one line, no control characters, not endless."""
    if not isinstance(text, str):
        return ""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[:2000]).split())
    return line if len(line) <= LONGEST_MESSAGE else f"{line[:LONGEST_MESSAGE]}…"


def kind_of(message: str, otherwise: About = "input") -> About:
    """What a refusal is about, by its words: moderation, the account's credit, or `otherwise`."""
    if _MODERATION.search(message):
        return "moderation"
    return "balance" if _CREDIT.search(message) else otherwise


def money(value: object) -> Money | None:
    """An amount in USD as a provider writes it, number or text; `None` for anything that is none, or below zero.

    So is more than a billion: no account holds that, and no database column either.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    # Floats come with a tail of digits; a millionth of a dollar is exact enough.
    return Money(round(amount * 1_000_000)) if amount.is_finite() and 0 <= amount <= _MOST_USD else None


def https_link(value: object, home: str, *, depth: int = 0) -> str | None:
    """The first https address in a string, a list or `{"url": …}`; plain http only at `home`. `None` without one."""
    if depth > _MOST_NESTED:
        return None
    if isinstance(value, str):
        text = value.strip()
        scheme = text[:8].lower()
        return text if scheme == "https://" or (scheme.startswith("http://") and _is_at(text, home)) else None
    if isinstance(value, Mapping):
        return https_link(value.get("url"), home, depth=depth + 1)
    if isinstance(value, list):
        return next((link for each in value if (link := https_link(each, home, depth=depth + 1))), None)
    return None


def _is_at(url: str, home: str) -> bool:
    try:
        return origin(url) == origin(home)
    except ForbiddenAddress:
        return False


def text_time(moment: datetime) -> str:
    """RFC 3339, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
