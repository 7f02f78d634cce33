"""The commands people see: `/animate` and the menu under messages; those for one person alone stand in their own modules."""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands
from discord.app_commands import Choice, locale_str

from adapters.chat.asking import Ask
from adapters.chat.choosing import durations_of, model_label, model_name, models_of, resolutions_of
from adapters.chat.discord.asking import ask_in, interaction_key
from adapters.chat.discord.forms import LONGEST_PROMPT, MOST_OPTIONS, OPTION
from adapters.chat.discord.front import AnyInteraction, Front
from adapters.chat.discord.images import command_picture, command_sound
from bot.errors import BadPrompt, NotFound
from bot.languages.said import say
from bot.prompts.words import CAMERA_MOVES, MOTIONS

CAMERAS = [Choice(name=each, value=each) for each in CAMERA_MOVES]
MOVEMENTS = [Choice(name=each, value=each) for each in MOTIONS]


class Commands(app_commands.CommandTree[Any]):
    """The tree of commands, whose failures end as one sentence for the person."""

    async def on_error(self, interaction: AnyInteraction, error: app_commands.AppCommandError, /) -> None:
        """Discord's own checks failed: the command as it is known there is not ours any more, or options make no sense."""
        async with interaction.client.front.turn(interaction):
            if isinstance(error, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
                raise NotFound(say("This command has changed; close Discord, open it again, and try once more."))
            if isinstance(error, app_commands.TransformerError):
                raise BadPrompt(say("{value} cannot be used for this option.", value=str(error.value)[:80]))
            raise error.original if isinstance(error, app_commands.CommandInvokeError) else error


def add_animate(tree: Commands, front: Front) -> None:
    """Put `/animate` into the tree."""
    resolutions = [Choice(name=each, value=each) for each in _resolutions(front)]

    @tree.command(
        name=locale_str("animate"), description=locale_str(say("Turn a picture and a sentence into a short video"))
    )
    @app_commands.describe(
        image=locale_str(say("The picture: JPEG, PNG, WebP, BMP, GIF, HEIC or AVIF")),
        prompt=locale_str(say("What should happen in it")),
        model=locale_str(say("Which model makes it; what it costs stands beside its name")),
        duration=locale_str(say("Length in seconds")),
        resolution=locale_str(say("480p, 720p or 1080p")),
        audio=locale_str(say("A sound to go with it: WAV or MP3, 3 to 30 seconds")),
        negative=locale_str(say("What should not be seen")),
        seed=locale_str(say("The same seed makes the same clip")),
        camera=locale_str(say("How the camera moves")),
        motion=locale_str(say("How much moves")),
        expand=locale_str(say("Let the provider rewrite the prompt")),
    )
    @app_commands.choices(resolution=resolutions, camera=CAMERAS, motion=MOVEMENTS)
    async def animate(
        interaction: AnyInteraction,
        image: discord.Attachment,
        prompt: app_commands.Range[str, 1, LONGEST_PROMPT],
        model: app_commands.Range[str, 1, 200] | None = None,
        duration: app_commands.Range[int, 1, 600] | None = None,
        resolution: str | None = None,
        audio: discord.Attachment | None = None,
        negative: app_commands.Range[str, 1, 1000] | None = None,
        seed: app_commands.Range[int, 0, 2**53 - 1] | None = None,
        camera: str | None = None,
        motion: str | None = None,
        expand: bool | None = None,
    ) -> None:
        async with front.turn(interaction, typed=prompt) as turn:
            picture = command_picture(image)
            ask = Ask(
                prompt=prompt,
                picture=picture.as_input(),
                sound=command_sound(audio).as_input() if audio else None,
                model=model,
                fields={
                    "duration_s": duration, "resolution": resolution, "negative_prompt": negative, "seed": seed,
                    "camera": camera, "motion": motion, "expand": expand,
                },
                key=interaction_key(turn),
            )  # fmt: skip
            await ask_in(front, turn, ask, spoiler=picture.spoiler)

    @animate.autocomplete("model")
    async def models(interaction: AnyInteraction, current: str) -> list[Choice[str]]:
        return model_choices(front, current, str(interaction.locale))

    @animate.autocomplete("duration")  # type: ignore[arg-type]  # its stubs know of strings only
    async def durations(interaction: AnyInteraction, current: int) -> list[Choice[int]]:
        return _durations(front, getattr(interaction.namespace, "model", None), str(current or ""))


def model_choices(front: Front, typed: str, locale: str) -> list[Choice[str]]:
    """Models whose name holds what was typed so far, with their price."""
    found = [
        each
        for each in models_of(front.service.desk.providers.values())
        if typed.casefold() in f"{each.title} {each.provider}/{each.slug}".casefold()
    ]
    return [
        Choice(name=model_label(each, locale, OPTION), value=model_name(each, OPTION)) for each in found[:MOST_OPTIONS]
    ]


def _durations(front: Front, model: str | None, typed: str) -> list[Choice[int]]:
    try:
        chosen = [front.service.front_desk.model(None, model)] if model else []
    except BadPrompt:
        chosen = []
    models = chosen or models_of(front.service.desk.providers.values())
    known = [each for each in durations_of(models) if str(each).startswith(typed)]
    return [Choice(name=f"{each} s", value=each) for each in known[:MOST_OPTIONS]]


def _resolutions(front: Front) -> list[str]:
    return resolutions_of(models_of(front.service.desk.providers.values()))[:MOST_OPTIONS]
