"""Somebody's browser on the way through an installation: install page, permission, redirect; with its cookies."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPMessage
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from tests.emulators.driver import Impossible

if TYPE_CHECKING:
    from tests.emulators.slack_wire import Wire


@dataclass(slots=True, kw_only=True)
class Page:
    """Where the walk ended."""

    status: int
    text: str
    headers: dict[str, str]
    authorize_url: str
    redirect_url: str
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)
    """Cookies that were set, with their attributes."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


class Browser:
    """Keeps cookies, whatever they say about https: a test's server has none."""

    def __init__(self) -> None:
        self.jar: SimpleCookie = SimpleCookie()
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)

    def get(self, url: str) -> tuple[int, HTTPMessage, str]:
        request = urllib.request.Request(url)
        if self.jar:
            request.add_header("Cookie", "; ".join(f"{name}={one.value}" for name, one in self.jar.items()))
        try:
            answer = self._opener.open(request, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            for line in answer.headers.get_all("Set-Cookie") or []:
                self.jar.load(line)
            return answer.status, answer.headers, answer.read().decode()


def walk(
    world: Wire,
    base: str,
    person: str,
    *,
    deny: bool = False,
    org: bool = False,
    wrong_state: bool = False,
    no_cookie: bool = False,
    path: str = "/slack/install",
) -> Page:
    """The whole way; the redirect is asked of `base`, whatever host it names (a proxy stands there in life)."""
    browser = Browser()
    status, headers, text = browser.get(f"{base}{path}")
    location = headers.get("Location") or _first_link(text)
    if status not in {200, 302, 303, 307} or location is None:
        raise Impossible(f"no way on from the install page: {status} {text[:200]}")
    asked, _, shown = browser.get(
        urlunsplit(urlsplit(location)._replace(scheme="http", netloc=urlsplit(world.url).netloc))
    )
    if asked != 200:
        raise Impossible(f"the page shows an error: {shown[:200]}")
    query = dict(parse_qsl(urlsplit(location).query))
    next_url = world.do("authorize", person=person, query=query, deny=deny, org=org)["location"]
    parts = urlsplit(next_url)
    sent = dict(parse_qsl(parts.query))
    if wrong_state:
        sent["state"] = "somebody-else's"
    cookies = {
        name: {"value": one.value, **{key: str(value) for key, value in one.items() if value}}
        for name, one in browser.jar.items()
    }
    if no_cookie:
        browser.jar.clear()
    here = urlsplit(base)
    redirect = urlunsplit((here.scheme, here.netloc, parts.path, urlencode(sent), ""))
    status, headers, text = browser.get(redirect)
    return Page(
        status=status,
        text=text,
        headers=dict(headers.items()),
        authorize_url=location,
        redirect_url=redirect,
        cookies=cookies,
    )


def _first_link(text: str) -> str | None:
    """The address behind the button of an install page."""
    for part in text.split('href="')[1:]:
        link = part.partition('"')[0].replace("&amp;", "&")
        if "/oauth/v2/authorize" in link:
            return link
    return None
