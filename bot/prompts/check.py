"""What a prompt must be, and how camera and motion reach a model that only reads text."""

from __future__ import annotations

import unicodedata

from bot.errors import BadPrompt
from bot.jobs.model import RenderSettings
from bot.ports import Model

CAMERA_TEXT = {
    "static": "The camera does not move.",
    "zoom-in": "The camera slowly zooms in.",
    "zoom-out": "The camera slowly zooms out.",
    "pan-left": "The camera pans to the left.",
    "pan-right": "The camera pans to the right.",
    "pan-up": "The camera tilts up.",
    "pan-down": "The camera tilts down.",
    "orbit": "The camera orbits around the subject.",
}
MOTION_TEXT = {"low": "Gentle, subtle motion.", "high": "Strong, dynamic motion."}


def normalise(text: str) -> str:
    """NFC, without white space around it: how prompts are counted, stored and sent."""
    return unicodedata.normalize("NFC", text).strip()


def check_prompt(prompt: str, model: Model) -> str:
    """The normalised prompt. `BadPrompt` when it is empty or too long: it is refused, never cut in silence.

    The limit counts Unicode code points.
    """
    prompt = normalise(prompt)
    if not prompt:
        raise BadPrompt("Say in a few words what should move; the prompt is empty.")
    if "\x00" in prompt:
        raise BadPrompt("The prompt contains a NUL character; type it again without.")
    if len(prompt) > model.prompt_max:
        raise BadPrompt(
            f"The prompt has {len(prompt)} characters and {model.title} takes {model.prompt_max}; shorten it."
        )
    return prompt


def compose(prompt: str, settings: RenderSettings, model: Model) -> str:
    """The text a model is sent: for models without a real camera, camera and motion become sentences of it.

    `BadPrompt` when the whole is longer than the model takes.
    """
    if model.real_camera:
        return prompt
    sentences = [prompt, CAMERA_TEXT.get(settings.camera or "", ""), MOTION_TEXT.get(settings.motion or "", "")]
    return check_prompt(" ".join(sentence for sentence in sentences if sentence), model)
