"""Reading limits that people write: scopes and figures, refused in one sentence when they make no sense."""

from __future__ import annotations

import re

from bot.errors import BadPrompt
from bot.languages.said import say
from bot.money.amount import Money
from bot.money.limits import UNLIMITED, Limit, Period

SCOPE = (
    r"installation|user:default|workspace:default|workspace:[^:\s]+:[^:\s]+|channel:[^:\s]+:[^:\s]+:[^:\s]+"
    r"|role:[^:\s]+:[^:\s]+:[^:\s]+|user:(?:api|cli):[^:\s]+|user:[^:\s]+:[^:\s]+:[^:\s]+"
)
"""How scopes are written, as a regular expression."""


def read_scope(scope: str) -> str:
    """The same scope, or `BadPrompt` saying how scopes are written."""
    if not re.fullmatch(SCOPE, scope):
        raise BadPrompt(
            say(
                "{scope} is no scope; write installation, workspace:slack:T1, channel:discord:1:2, role:discord:1:9, "
                "user:discord:1:7 or user:default.",
                scope=repr(scope),
            )
        )
    return scope


def read_limit(scope: str, per: str, *, usd: str | None = None, jobs: str | int | None = None) -> Limit:
    """A limit as a person wrote it; `unlimited` is a figure of its own. `BadPrompt` when it makes no sense."""
    try:
        period = Period(per)
    except ValueError as error:
        raise BadPrompt(say("A limit is per day or per month, not per {word}.", word=repr(per))) from error
    return Limit(scope=read_scope(scope), period=period, micro_usd=_dollars(usd), jobs=_count(jobs))


def _dollars(text: str | None) -> int | None:
    if text is None:
        return None
    if text == "unlimited":
        return UNLIMITED
    try:
        amount = Money.usd(text)
    except ValueError as error:
        raise BadPrompt(
            say("{word} is no amount of dollars; write one like 12.50, or unlimited.", word=repr(text))
        ) from error
    if amount < 0:
        raise BadPrompt(say("A limit cannot be below zero; 0 means that nothing may be spent."))
    return int(amount)


def _count(text: str | int | None) -> int | None:
    if text is None:
        return None
    if text == "unlimited":
        return UNLIMITED
    try:
        count = int(text)
    except ValueError as error:
        raise BadPrompt(
            say("{word} is no number of clips; write one like 20, or unlimited.", word=repr(text))
        ) from error
    if count < 0:
        raise BadPrompt(say("A limit cannot be below zero; 0 means that no clip may be made."))
    return count
