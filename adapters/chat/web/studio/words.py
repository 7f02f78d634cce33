"""How values are written on a page: the filters of the templates."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from markupsafe import Markup

from bot.jobs.model import Requester
from bot.jobs.states import State
from bot.languages.words import state_word as said_state
from bot.money.amount import Money
from bot.people import OPERATORS_NAME

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
PLATFORMS = {"slack": "Slack", "discord": "Discord", "cli": "command line", "api": "studio"}


def harmless(text: object) -> object:
    """What stands in a page for a value: control characters become visible ones that do nothing.

    Marks that turn the direction of writing are left out: an element with `dir="auto"` finds the direction by itself,
    and a name cannot then be read backwards.
    """
    if not isinstance(text, str) or isinstance(text, Markup):
        return text
    return _TURNS.sub("", _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text))


def usd(amount: Money | int | None) -> str:
    """`$0.34`; `free` for nothing; a dash where there is no amount."""
    if amount is None:
        return "\N{EN DASH}"
    return str(Money(amount)) if amount else "free"


def when(moment: datetime | None, *, seconds: bool = False) -> Markup:
    """A moment as `<time>`, in UTC; `page.js` says it in the reader's own zone."""
    if moment is None:
        return Markup("\N{EN DASH}")
    moment = moment.astimezone(UTC)
    clock = f"{moment:%H:%M:%S}" if seconds else f"{moment:%H:%M}"
    shown = f"{moment.day} {moment:%b %Y}, {clock} UTC"
    return Markup('<time datetime="{}" data-local="{}">{}</time>').format(
        stamp(moment), "medium" if seconds else "short", shown
    )


def stamp(moment: datetime) -> str:
    """A moment as HTML and scripts read it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def span(seconds: float) -> str:
    """A length of time as a clock shows it: `0:42`, `12:05`, `3:00:10`."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def ago(moment: datetime | None, now: datetime) -> Markup:
    """How long ago, in the largest unit that fits; the moment itself stands behind it."""
    if moment is None:
        return Markup("\N{EN DASH}")
    seconds = (now - moment).total_seconds()
    said = "just now"
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = int(seconds // length)
        if count >= 1:
            said = f"{count} {unit}{'s' if count > 1 else ''} ago"
            break
    return Markup('<time datetime="{}" data-ago>{}</time>').format(stamp(moment), said)


def size(count: int | None) -> str:
    """Bytes as people say them."""
    if count is None:
        return "\N{EN DASH}"
    for unit, length in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if count >= length:
            return f"{count / length:.1f} {unit}".replace(".0 ", " ")
    return f"{count} bytes"


def state_word(state: State | str) -> str:
    """The word for a state, as the chats say it."""
    return str(said_state(State(state)))


def person(who: Requester | str | None) -> str:
    """Somebody, for people: `alice`, `U2 (Slack)`, `7 (Discord)`."""
    if who is None:
        return "\N{EN DASH}"
    name = who.person if isinstance(who, Requester) else who
    platform, _, rest = name.partition(":")
    user = rest.rpartition(":")[2]
    if not user:
        return name
    if platform in ("api", "cli"):
        return "command line" if platform == "cli" and user == "local" else user
    return f"{user} ({PLATFORMS.get(platform, platform)})"


def initials(name: str) -> str:
    """One letter for the round mark beside a name."""
    return name.strip()[:1].upper() or OPERATORS_NAME[:1].upper()
