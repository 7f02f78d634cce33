"""What `reelbot doctor` asks of the providers: the key, the credit, the clock, the model, the way back for webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from bot.doctor.finding import Finding
from bot.errors import KeyRefused, ReelbotError
from bot.jobs.model import RenderSettings
from bot.money.amount import Money
from bot.ports import HasHome, Model, Provider, Quotes, TellsTime

if TYPE_CHECKING:
    from bot.app import App

MOST_SKEW_S: Final = 60.0
"""Webhooks are refused beyond 300 s; look-ups search a window of minutes."""
WAITING: Final = "Its jobs wait in line."


async def examine(app: App, name: str) -> AsyncIterator[Finding]:
    """Every check of one provider; those behind a refused key are left out."""
    health, provider, key = await app.stores.health.load(name), app.desk.providers[name], f"provider.{name}"
    if health.paused:
        one = "" if await app.origin.held() is not None else f" {name}"
        fix = f"`reelbot resume{one}` when you are ready."
        yield Finding(id=key, status="warn", what=f"{name} is paused", why=WAITING, fix=fix)
        return
    if health.open_until is not None:
        what = f"{name} is resting; trying again at {health.open_until:%H:%M} UTC ({health.reason})"
        yield Finding(id=key, status="warn", what=what, why=WAITING, fix=_fix_for(name, health.reason or ""))
    try:
        balance = await provider.balance()
    except KeyRefused as error:
        yield Finding(id=f"{key}.key", status="fail", what=str(error), why=WAITING, fix=_key_fix(name))
        return
    except ReelbotError as error:
        fix = f"Check the network, REELBOT_{name.upper()}__BASE_URL, and the provider's status page."
        yield Finding(id=key, status="warn", what=str(error), why=WAITING, fix=fix)
        return
    yield _credit(name, provider, balance)
    if isinstance(provider, TellsTime):
        yield _clock(name, provider.skew_s)
    if isinstance(provider, Quotes):
        yield await _model(name, provider, provider.models()[0])


def _credit(name: str, provider: Provider, balance: Money | None) -> Finding:
    model = provider.models()[0]
    clip = model.price.price(duration_s=model.default_duration_s, resolution=model.default_resolution)
    if balance is None:
        left = "" if not clip else "; how much credit is left it does not say"
        return Finding(id=f"provider.{name}", status="ok", what=f"{name} is ready{left}")
    if balance < clip:
        what = f"{balance} are left at {name}, and a clip costs {clip}"
        why = "Its next job would be refused."
        return Finding(id=f"provider.{name}.balance", status="warn", what=what, why=why, fix="Top the account up.")
    return Finding(id=f"provider.{name}", status="ok", what=f"{name} is ready; {balance} are left")


def _clock(name: str, skew_s: float) -> Finding:
    key = f"provider.{name}.clock"
    if abs(skew_s) <= MOST_SKEW_S:
        return Finding(id=key, status="ok", what=f"our clock and {name}'s agree")
    what = f"our clock is {abs(skew_s):.0f} s {'behind' if skew_s > 0 else 'ahead of'} {name}'s"
    why = "Its webhooks look too old, and budgets change days at the wrong moment."
    return Finding(id=key, status="warn", what=what, why=why, fix="Set this machine's clock, and keep it set (NTP).")


async def _model(name: str, provider: Quotes, model: Model) -> Finding:
    key = f"provider.{name}.model"
    settings = RenderSettings(duration_s=model.default_duration_s, resolution=model.default_resolution)
    listed = model.price.price(duration_s=settings.duration_s, resolution=settings.resolution)
    try:
        quoted = await provider.quote(model.slug, settings)
    except ReelbotError as error:
        what = f"{model.slug} could not be asked about: {error}"
        return Finding(
            id=key, status="warn", what=what, why="Its price is not known to be current.", fix="Try again later."
        )
    if quoted is None:
        what = f"{model.slug}: {name} tells no price for it; the catalogue says {listed}"
        return Finding(id=key, status="ok", what=what)
    if quoted != listed:
        what = f"{model.slug} costs {quoted} today; the catalogue says {listed}"
        why = "People are told today's price; the page shows the catalogue's."
        fix = f"Correct it in a file that REELBOT_{name.upper()}__CATALOGUE names."
        return Finding(id=key, status="warn", what=what, why=why, fix=fix)
    return Finding(id=key, status="ok", what=f"{model.slug} is known and costs {quoted}")


async def examine_webhooks(app: App) -> AsyncIterator[Finding]:
    """Whether providers reach us where we say they can: asked of our own public address."""
    public = app.settings.web.public_url
    remote = [name for name, provider in app.desk.providers.items() if isinstance(provider, HasHome)]
    if public is None or not remote:
        return
    # No token is called so: our own server answers it with a problem document, and nobody else does.
    answer = await app.answer_at(f"{public}/webhooks/{remote[0]}/doctor")
    if answer == (404, "application/problem+json"):
        yield Finding(id="webhooks", status="ok", what=f"webhooks reach us at {public}")
        return
    said = "nothing answers" if answer is None else f"somebody else answers ({answer[0]})"
    what = f"webhooks do not reach us: at {public}/webhooks/… {said}"
    why = "Clips still come, found by asking; they come a little later."
    fix = "Start `reelbot run`, and let your reverse proxy pass /webhooks/ and /media/ on to it."
    yield Finding(id="webhooks", status="warn", what=what, why=why, fix=fix)


def _key_fix(name: str) -> str:
    fix = f"Put a valid key into REELBOT_{name.upper()}__API_KEY"
    if name == "wavespeed":
        return f"{fix}; one made before the first top-up never works."
    return f"{fix}; if it is right, try REELBOT_EACHLABS__AUTH=bearer." if name == "eachlabs" else f"{fix}."


def _fix_for(name: str, reason: str) -> str:
    return _key_fix(name) if "key" in reason else "Look at its status page, and at its account."
