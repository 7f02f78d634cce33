"""What a model accepts as a prompt, and the text it is really sent."""

from __future__ import annotations

from bot.errors import BadPrompt
from bot.jobs.model import RenderSettings
from bot.languages.said import say
from bot.ports import Model
from bot.prompts.text import tidy

_CAMERA_TEXT = {
    "zoom-in": "The camera zooms in.",
    "zoom-out": "The camera zooms out.",
    "pan-left": "The camera pans to the left.",
    "pan-right": "The camera pans to the right.",
    "pan-up": "The camera tilts up.",
    "pan-down": "The camera tilts down.",
    "orbit": "The camera orbits around the subject.",
    "static": "The camera stays still.",
}
_MOTION_TEXT = {"low": "Subtle, slow motion.", "high": "Strong, dynamic motion."}


def check_prompt(prompt: str, model: Model) -> str:
    """The prompt as it is stored. `BadPrompt` when it is empty or longer than the model takes."""
    prompt = tidy(prompt)
    if not prompt:
        raise BadPrompt(say("The prompt is empty: write what should happen in the picture."))
    if len(prompt) > model.prompt_max:
        raise BadPrompt(
            say(
                "The prompt has {count:,} characters; {model} takes at most {most:,}.",
                count=len(prompt),
                model=model.title,
                most=model.prompt_max,
            )
        )
    return prompt


def check_negative(negative: str | None, model: Model) -> str | None:
    """The negative prompt as it is stored; `None` for an empty one. `BadPrompt` when the model cannot use it."""
    negative = tidy(negative or "")
    if not negative:
        return None
    if not model.takes_negative:
        raise BadPrompt(say("{model} takes no negative prompt; leave --neg out.", model=model.title))
    if len(negative) > model.negative_max:
        raise BadPrompt(
            say(
                "The negative prompt has {count:,} characters; {model} takes at most {most:,}.",
                count=len(negative),
                model=model.title,
                most=model.negative_max,
            )
        )
    return negative


def compose(prompt: str, settings: RenderSettings, model: Model) -> str:
    """The text a provider is sent: camera and motion become sentences where the model has no real camera.

    `BadPrompt` when the whole is longer than the model takes.
    """
    if model.real_camera:
        return prompt
    sentences = [prompt]
    if settings.camera is not None:
        sentences.append(_CAMERA_TEXT[settings.camera])
    if settings.motion is not None:
        sentences.append(_MOTION_TEXT[settings.motion])
    if len(sentences) > 1 and prompt[-1:].isalnum():
        sentences[0] = f"{prompt}."
    text = " ".join(sentences)
    if len(text) > model.prompt_max:
        raise BadPrompt(
            say(
                "With the words for camera and motion the prompt has {count:,} characters; {model} takes at most {most:,}.",
                count=len(text),
                model=model.title,
                most=model.prompt_max,
            )
        )
    return text
