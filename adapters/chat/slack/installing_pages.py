"""What a person reads in the browser who adds Reelbot to a workspace: plain pages, without a script, everything escaped."""

from __future__ import annotations

import html
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from bot.languages.catalogue import in_language, language_of
from bot.languages.said import say
from bot.workspaces import Installation, Permission

_STYLE: Final = (
    "body{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.5rem}"
    "code{font-size:.95em}:root{color-scheme:light dark}"
)
HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Cache-Control": "no-store",
        # The address holds a code and a state; neither is anybody else's business.
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
            "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
    }
)
_CODE: Final = re.compile(r"`([^`]*)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page, and the status it comes with."""

    status: int
    title: str
    lines: tuple[str, ...]
    may_begin_again: bool = False
    """Whether it ends with a link to the beginning."""


def added(installation: Installation, permission: Permission | None) -> Page:
    """It was added; what works now, and what does not yet. `permission` is `None` for a whole organisation."""
    name = installation.name or installation.workspace or installation.enterprise or "?"
    title = say("Reelbot was added to {workspace}.", workspace=name)
    if permission is None:
        return Page(
            status=200,
            title=title,
            lines=(
                say("An administrator of the organisation chooses now which of its workspaces get it."),
                say(
                    "Camera moves by the `local` model are free and work in each of them at once; for the paid models the "
                    "operator of this Reelbot must allow each workspace first."
                ),
            ),
        )
    spending = {
        Permission.ALLOWED: say("It may spend here, within its budgets."),
        Permission.PENDING: say(
            "Camera moves by the `local` model are free and work right now. For the paid models the operator of this "
            "Reelbot must allow this workspace first, with `{command}`.",
            command=f"reelbot workspaces allow slack:{installation.workspace}",
        ),
        Permission.BLOCKED: say("The operator of this Reelbot has blocked this workspace; ask them before you go on."),
    }[permission]
    how = say("Send it a picture and a sentence as a direct message, or invite it to a channel and mention it there.")
    return Page(status=200, title=title, lines=(how, spending))


_NOTHING_STORED = say("Nothing was stored.")
DENIED: Final = Page(
    status=200,
    title=say("Reelbot was not added."),
    lines=(say("It was declined on Slack's page, or an administrator must agree first."), _NOTHING_STORED),
    may_begin_again=True,
)
NOT_EXPECTED: Final = Page(
    status=400,
    title=say("This page was used already, or is too old."),
    lines=(
        say("Adding Reelbot must be finished within ten minutes, once, and in the browser in which it was begun."),
        say("If Reelbot was added a moment ago, all is well; else begin once more."),
    ),
    may_begin_again=True,
)
NOT_CONFIRMED: Final = Page(
    status=400,
    title=say("Slack did not confirm that Reelbot was added."),
    lines=(
        _NOTHING_STORED,
        say("Begin once more; if it happens again, the log of this Reelbot tells its operator what Slack said."),
    ),
    may_begin_again=True,
)
SILENT: Final = Page(
    status=502,
    title=say("Slack did not answer."),
    lines=(_NOTHING_STORED, say("Begin once more in a few minutes.")),
    may_begin_again=True,
)
ROTATES: Final = Page(
    status=400,
    title=say("This Slack app changes its tokens by itself, and Reelbot cannot work with that."),
    lines=(
        _NOTHING_STORED,
        say(
            "Slack does not let token rotation be switched off again: the operator of this Reelbot must create the app "
            "anew, from the manifest that `reelbot manifest slack` prints."
        ),
    ),
)
NOT_KEPT: Final = Page(
    status=500,
    title=say("Slack added Reelbot, but it could not be remembered here."),
    lines=(
        _NOTHING_STORED,
        say("Begin once more later; the log of this Reelbot tells its operator what is wrong."),
    ),
    may_begin_again=True,
)
NOT_NOW: Final = Page(
    status=503,
    title=say("Reelbot cannot be added at the moment."),
    lines=(say("Begin once more later; the log of this Reelbot tells its operator what is wrong."),),
    may_begin_again=True,
)


def render(page: Page, accept_language: str, begin: str) -> str:
    """The page as HTML, in the first language a browser asks for; `begin` is the address to begin again at."""
    locale = accept_language.partition(",")[0].partition(";")[0].strip()
    body = "".join(f"<p>{_marked(in_language(line, locale))}</p>" for line in page.lines)
    if page.may_begin_again:
        body += f'<p><a href="{html.escape(begin)}">{_marked(in_language(_BEGIN_AGAIN, locale))}</a></p>'
    title = _marked(in_language(page.title, locale))
    return (
        f'<!doctype html><html lang="{language_of(locale)}"><head><meta charset="utf-8"><title>Reelbot</title>'
        '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>"
    )


_BEGIN_AGAIN = say("Begin once more")


def _marked(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", html.escape(text))
