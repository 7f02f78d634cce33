"""`/settings`: what whoever manages a server may choose for it, or for one channel (DESIGN §8).

Discord shows the command to people who manage the server; that is checked here once more, for a server may change it.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import discord
from discord import app_commands
from discord.app_commands import Choice, locale_str

from adapters.chat.ceilings import Lead, set_limit
from adapters.chat.choosing import model_to_remember
from adapters.chat.discord.commands import Commands, model_choices
from adapters.chat.discord.front import AnyInteraction, Front
from adapters.chat.discord.people import AUTOMATIC, PLATFORM, Caller, locale_of
from adapters.chat.discord.scene import MESSAGE_AT_MOST
from adapters.chat.discord.turn import Turn
from adapters.chat.wording import limit_line
from bot.errors import BadPrompt, NotAllowed
from bot.languages.catalogue import LANGUAGES, in_language
from bot.languages.said import Said, say
from bot.money.limits import Limit

LANGUAGE, ANSWER, MODEL = "language", "answer", "model"
REPLY, THREAD = "reply", "thread"
DEFAULT: Final = "default"
_HERE: Final = say("Only for this channel")
_LANGUAGES: Final = [Choice(name="auto", value=AUTOMATIC), *(Choice(name=n, value=v) for v, n in LANGUAGES.items())]


def add_settings(tree: Commands, front: Front) -> None:
    """Put `/settings` into the tree."""
    group = app_commands.Group(
        name=locale_str("settings"),
        description=locale_str(say("How Reelbot behaves in this server, for people who manage it")),
        default_permissions=discord.Permissions(manage_guild=True),
        allowed_contexts=app_commands.AppCommandContext(guild=True),
        allowed_installs=app_commands.AppInstallationType(guild=True),
    )

    @group.command(name=locale_str("show"), description=locale_str(say("What is chosen here")))
    async def show(interaction: AnyInteraction) -> None:
        async with front.turn(interaction) as turn:
            await _tell(front, turn, await _lead(front, turn))

    @group.command(name=locale_str("language"), description=locale_str(say("The language Reelbot speaks here")))
    @app_commands.describe(value=locale_str(say("auto: each person's own")), here=locale_str(_HERE))
    @app_commands.choices(value=_LANGUAGES)
    async def language(interaction: AnyInteraction, value: str, here: bool = False) -> None:
        async with front.turn(interaction) as turn:
            await _choose(front, turn, LANGUAGE, None if value == AUTOMATIC and not here else value, here=here)

    @group.command(name=locale_str("answer"), description=locale_str(say("Where clips are posted")))
    @app_commands.describe(
        value=locale_str(say("reply: in the channel; thread: in a thread of its own")), here=locale_str(_HERE)
    )
    async def answer(interaction: AnyInteraction, value: Literal["reply", "thread"], here: bool = False) -> None:
        async with front.turn(interaction) as turn:
            await _choose(front, turn, ANSWER, value, here=here)

    @group.command(name=locale_str("model"), description=locale_str(say("The model used when none is named")))
    @app_commands.describe(value=locale_str(say("default: the installation's own")), here=locale_str(_HERE))
    async def model(interaction: AnyInteraction, value: app_commands.Range[str, 1, 200], here: bool = False) -> None:
        async with front.turn(interaction) as turn:
            await _choose(
                front,
                turn,
                MODEL,
                None if value == DEFAULT else model_to_remember(front.service.front_desk, value),
                here=here,
            )

    @model.autocomplete("value")
    async def models(interaction: AnyInteraction, current: str) -> list[Choice[str]]:
        return [Choice(name=DEFAULT, value=DEFAULT), *model_choices(front, current, str(interaction.locale))][:25]

    @group.command(name=locale_str("limit"), description=locale_str(say("How much may be made and spent here")))
    @app_commands.describe(
        scope=locale_str(say("server, channel: all in it together; person: each member, a role's, or one member")),
        per=locale_str(say("Per day or per month")),
        usd=locale_str(say("Dollars, like 12.50, or unlimited")),
        clips=locale_str(say("Clips, like 20, or unlimited")),
        role=locale_str(say("With person: those who have this role")),
        member=locale_str(say("With person: this member alone")),
    )
    async def limit(
        interaction: AnyInteraction,
        scope: Literal["server", "channel", "person"],
        per: Literal["day", "month"],
        usd: app_commands.Range[str, 1, 20] | None = None,
        clips: app_commands.Range[str, 1, 20] | None = None,
        role: discord.Role | None = None,
        member: discord.User | None = None,
    ) -> None:
        async with front.turn(interaction) as turn:
            caller = await _lead(front, turn)
            if usd is None and clips is None:
                raise BadPrompt(say("Say how many dollars, how many clips, or both."))
            name = _scope(caller, scope, role, member)
            lead = Lead(platform=PLATFORM, workspace=caller.workspace, presser=caller.presser)
            await set_limit(front.service.operating, lead, name, per, usd=usd, clips=clips)
            await _tell(front, turn, caller)

    tree.add_command(group)


async def _lead(front: Front, turn: Turn) -> Caller:
    """Who acts, if they may. `NotAllowed` otherwise."""
    if not turn.scene.is_member:
        raise NotAllowed(say("This is for servers that Reelbot was added to."))
    caller = await front.people.caller(turn.scene)
    if not (caller.presser.is_team_lead or caller.presser.is_operator):
        raise NotAllowed(say("Only people who manage this server can change how Reelbot behaves here."))
    return caller


async def _choose(front: Front, turn: Turn, key: str, value: str | None, *, here: bool) -> None:
    caller = await _lead(front, turn)
    channel = (turn.scene.parent or turn.scene.channel) if here else None
    await front.service.stores.workspaces.choose(PLATFORM, caller.workspace, key, value, channel=channel)
    await _tell(front, turn, caller)


def _scope(caller: Caller, scope: str, role: discord.Role | None, member: discord.User | None) -> str:
    guild, scene = caller.workspace, caller.scene
    if scope != "person" and (role is not None or member is not None):
        raise BadPrompt(say("A role or a member goes with person; leave it out, or choose person."))
    if role is not None and member is not None:
        raise BadPrompt(say("Choose a role or a member, not both."))
    if scope == "server":
        return f"workspace:{PLATFORM}:{guild}"
    if scope == "channel":
        return f"channel:{PLATFORM}:{guild}:{scene.parent or scene.channel}"
    if member is not None:
        return f"user:{PLATFORM}:{guild}:{member.id}"
    # The role that everybody has bears the server's own id.
    return f"role:{PLATFORM}:{guild}:{role.id if role is not None else guild}"


async def _tell(front: Front, turn: Turn, caller: Caller) -> None:
    """What is chosen now, in the language that is chosen now."""
    scene, stores = turn.scene, front.service.stores
    choices = await front.people.choices(scene)
    turn.locale = locale_of(scene, choices)
    known = [each for each in await stores.limits.stored() if f":{PLATFORM}:{caller.workspace}" in f"{each.scope}:"]
    lines: list[str] = [
        say("Language: {value}", value=choices.get(LANGUAGE) or AUTOMATIC),
        say("Clips are posted: {value}", value=_where(choices.get(ANSWER))),
        say("Model: {value}", value=choices.get(MODEL) or DEFAULT),
        *(_limit(each, caller) for each in known),
    ]
    await turn.show(
        {"content": "\n".join(in_language(line, turn.locale) for line in lines)[:MESSAGE_AT_MOST]}, private=True
    )


def _where(value: Any) -> Said:
    return say("in a thread of its own") if value == THREAD else say("as a reply in the channel")


def _limit(limit: Limit, caller: Caller) -> str:
    kind, _, rest = limit.scope.partition(":")
    number = rest.rpartition(":")[2]
    whom: str = {
        "workspace": say("this server"),
        "channel": f"<#{number}>",
        "user": f"<@{number}>",
        "role": say("each member") if number == caller.workspace else f"<@&{number}>",
    }.get(kind, limit.scope)
    return limit_line(limit, whom)
