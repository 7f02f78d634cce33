"""`reelbot run` and `reelbot demo`: the engine and the web page, until interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from bot.cli.output import say, show

if TYPE_CHECKING:
    from adapters.chat.discord.courier import DiscordCourier
    from adapters.chat.slack.courier import SlackCourier
    from adapters.chat.web.admin.around import Around
    from adapters.chat.web.server import Door
    from bot.app import App
    from bot.jobs.model import Job
    from bot.workspaces import Installation

Flag = Annotated[bool, Parameter(negative=())]
ROLES = ("web", "worker", "discord", "slack")
DEMO_ROLES = frozenset({"web", "worker"})
SAMPLE_PROMPT = "zoom in on the lake"


async def run(
    *,
    roles: str | None = None,
    host: str | None = None,
    port: int | None = None,
    open: Flag = False,  # noqa: A002  # the word people type
    json: Flag = False,
) -> int:
    """Run Reelbot until interrupted. Goes on with every unfinished job; drains for at most 30 seconds.

    Parameters
    ----------
    roles
        Which parts, separated by commas: web, worker, discord, slack. Unset it is web, worker and every chat with a token.
    host
        Where the web page listens (REELBOT_WEB__HOST).
    port
        Its port (REELBOT_WEB__PORT).
    open
        Open the page in a browser.
    json
        Print where it listens as JSON.
    """
    from bot.cli.session import session

    chosen = _roles(roles) if roles is not None else None
    async with session(_overrides(host, port), quiet=False) as app:
        await serve_roles(app, chosen or _configured(app), as_json=json, opens=open)
    return 0


async def demo(
    *,
    once: Flag = False,
    emulate: Literal["wavespeed", "eachlabs"] | None = None,
    host: str | None = None,
    port: int | None = None,
    open: Flag = False,  # noqa: A002  # the word people type
    json: Flag = False,
) -> int:
    """Make a sample clip with the `local` provider, print where it is, then serve the studio until interrupted.

    Parameters
    ----------
    once
        Stop after the clip.
    emulate
        Try the paid path without an account: with an emulated service on this machine, and a data directory of its own.
    host
        Where the web page listens (REELBOT_WEB__HOST).
    port
        Its port (REELBOT_WEB__PORT).
    open
        Open the studio in a browser.
    json
        Print the job as JSON.
    """
    with contextlib.ExitStack() as stack:
        overrides = _overrides(host, port)
        if emulate is not None:
            overrides |= stack.enter_context(_account_at(emulate))
        return await _demo(overrides, provider=emulate or "local", once=once, as_json=json, opens=open)


@contextlib.contextmanager
def _account_at(vendor: Literal["wavespeed", "eachlabs"]) -> Iterator[dict[str, object]]:
    """An emulated account, and a data directory beside the real one: play money must not count in real budgets."""
    from bot.cli.emulated import emulated
    from bot.settings import load_settings

    folder = load_settings().data_dir / "emulated"
    with emulated(vendor, folder / "services") as settings:
        say(f"This is an emulated {vendor} on this machine: nothing is paid, and nothing leaves it.")
        yield settings | {"data_dir": str(folder / vendor)}


async def _demo(overrides: dict[str, object], *, provider: str, once: bool, as_json: bool, opens: bool) -> int:
    from bot.cli.animate import engine_here, follow, report
    from bot.cli.session import session
    from bot.jobs.states import State

    async with session(overrides) as app:
        sample = await asyncio.to_thread(_draw_sample, app.data_dir)
        async with engine_here(app):
            job = await follow(app, await _ask_for_sample(app, sample, provider), ask=False)
        code = await report(app, job, None, as_json=as_json)
        if once or job.state is not State.DELIVERED:
            return code
        await serve_roles(app, DEMO_ROLES, as_json=False, opens=opens)
    return 0


def _roles(roles: str) -> frozenset[str]:
    from bot.errors import BadPrompt

    chosen = frozenset(role.strip() for role in roles.split(",") if role.strip())
    unknown = chosen - set(ROLES)
    if unknown or not chosen:
        raise BadPrompt(f"I do not know the role {min(unknown, default='')!r}; there is: {', '.join(ROLES)}.")
    return chosen


def _configured(app: App) -> frozenset[str]:
    chats = {"discord": app.settings.discord.token is not None, "slack": app.settings.slack.is_set_up}
    return DEMO_ROLES | {name for name, is_set_up in chats.items() if is_set_up}


def discord_courier(app: App) -> DiscordCourier:
    """The courier of the bot that is set up. `ConfigurationError` when none is."""
    from adapters.chat.discord.courier import DiscordCourier
    from bot.errors import ConfigurationError

    courier: object = app.desk.couriers.get("discord")
    if not isinstance(courier, DiscordCourier):
        raise ConfigurationError("Discord needs a bot token; set REELBOT_DISCORD__TOKEN.")
    return courier


def slack_courier(app: App) -> SlackCourier:
    """The courier of the app that is set up. `ConfigurationError` when none is."""
    from adapters.chat.slack.courier import SlackCourier
    from bot.errors import ConfigurationError

    courier: object = app.desk.couriers.get("slack")
    if not isinstance(courier, SlackCourier):
        raise ConfigurationError(
            "Slack needs REELBOT_SLACK__BOT_TOKEN, or REELBOT_SLACK__CLIENT_ID and REELBOT_SLACK__CLIENT_SECRET."
        )
    return courier


def _overrides(host: str | None, port: int | None) -> dict[str, object]:
    web = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    return {"web": web} if web else {}


def _draw_sample(folder: Path) -> Path:
    from adapters.providers.local.sample import draw_sample

    sample = folder / "sample.jpg"
    draw_sample(sample)
    return sample


async def _ask_for_sample(app: App, sample: Path, provider: str) -> Job:
    from bot.cli.session import ME
    from bot.jobs.model import JobRequest

    model = app.service.front_desk.model(provider, None)
    picture = await app.service.take_picture(sample, model, filename=sample.name)
    request = JobRequest(
        requester=ME, request_key=None, prompt=SAMPLE_PROMPT, provider=provider, model=model.slug, image=picture.ref
    )
    job, _ = await app.service.front_desk.accept(request, picture.assets)
    return job


async def serve_roles(app: App, roles: frozenset[str], *, as_json: bool, opens: bool = False) -> None:
    """Run the chosen roles until SIGINT or SIGTERM, then drain."""
    from bot.doctor.start import prove

    await prove(app)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with contextlib.AsyncExitStack() as stack:
            if "worker" in roles:
                await stack.enter_async_context(app.run_engine("run"))
            where: dict[str, object] = {"roles": sorted(roles)}
            doors = await _slack_doors(app, roles, stack)
            if "web" in roles or doors:
                from adapters.chat.web.server import serve

                serving = serve(
                    app.service, app.settings, app.data_dir, app.parts, doors=doors, is_whole="web" in roles,
                    exposition=app.exposition, around=around(app),
                )  # fmt: skip
                address = await stack.enter_async_context(serving)
                where["url"] = address
                say(f"Reelbot listens on {address} (Ctrl-C stops it).")
                if opens:
                    await _open_page(app.settings.web.public_url or address)
            if "discord" in roles:
                from adapters.chat.discord.role import discord_role

                courier = discord_courier(app)
                role = discord_role(app.service, app.settings, courier, app.readiness)
                await stack.enter_async_context(role)
                say("Discord is answered.")
            if (port := app.settings.metrics.port) is not None:
                from adapters.chat.web.metrics import metrics_listener

                listener = metrics_listener(app.exposition, app.parts, app.settings.metrics.host, port)
                say(f"Metrics are at {await stack.enter_async_context(listener)}.")
            if as_json:
                show(where, as_json=True)
            await stop.wait()
            say("Stopping: what is being sent or copied is finished first.")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def around(app: App) -> Around:
    """What the admin pages show of this installation."""
    from zoneinfo import ZoneInfo

    from adapters.chat.web.admin.around import Around
    from bot.doctor import chats
    from bot.doctor.checks import examine_app, glance

    return Around(
        zone=ZoneInfo(app.settings.timezone),
        glance=lambda: glance(app),
        examination=lambda: examine_app(app),
        examine_chats=lambda: chats.examine(app),
    )


async def _open_page(address: str) -> None:
    """Show the page in the person's browser; where there is none, the address was printed."""
    import webbrowser

    if not await asyncio.to_thread(webbrowser.open, address):
        say("No browser could be opened here; open the address yourself.")


async def _slack_doors(app: App, roles: frozenset[str], stack: contextlib.AsyncExitStack) -> list[Door]:
    """Begin to answer Slack; what the web server must serve for it."""
    doors = []
    if "slack" in roles:
        from adapters.chat.slack.role import slack_role

        role = slack_role(app.service, app.settings, slack_courier(app), app.readiness)
        if (door := await stack.enter_async_context(role)) is not None:
            doors.append(door)
        say("Slack is answered.")
    if app.settings.slack.can_be_installed and app.settings.web.public_url and roles & {"web", "slack"}:
        from adapters.chat.slack.installing import oauth_routes

        courier = slack_courier(app)

        async def installed(_installation: Installation) -> None:
            courier.bots.forget()

        doors.append(oauth_routes(app.service, app.settings, installed))
    return doors
