"""What can be ordered at Eachlabs, what it costs, and what a correct order looks like (fact sheet, sections 2 and 5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from tests.emulators import vendor_rules as rules

MODEL = "wan-2-5-preview-image-to-video"
RATES = {"480p": 50_000, "720p": 100_000}
"""Micro-USD per second."""
FALLBACK_RATE = 150_000
"""1080p, and every resolution that is misspelt."""
RESOLUTIONS = ("480p", "720p", "1080p")
DURATIONS = ("5", "10")
TOP_KEYS = frozenset({"model", "input", "webhook_url", "webhook_secret"})
INPUT_KEYS = frozenset({
    "prompt", "image_url", "duration", "audio_url", "resolution", "negative_prompt", "enable_prompt_expansion", "seed",
})  # fmt: skip
EXPLICIT = ("duration", "resolution", "enable_prompt_expansion")


def price_of(resolution: str, duration_s: int) -> int:
    """Micro-USD; the top rate is the fallback."""
    return RATES.get(resolution.lower(), FALLBACK_RATE) * duration_s


def read_order(request: web.Request, body: Mapping[str, Any], grounds: rules.Grounds) -> rules.Order:
    """A create: everything is in the body. Unknown models are read as far as they go."""
    model = rules.text(body.get("model"))
    inputs: dict[str, Any] = body["input"] if isinstance(body.get("input"), dict) else {}
    duration = int(inputs["duration"]) if inputs.get("duration") in DURATIONS else 5
    resolution = rules.text(inputs.get("resolution"), "720p")
    return rules.Order(
        model=model,
        shown=inputs,
        price=price_of(resolution, duration),
        prompt=rules.text(inputs.get("prompt")),
        negative_prompt=inputs.get("negative_prompt"),
        input_url=rules.text(inputs.get("image_url")),
        audio_url=inputs.get("audio_url"),
        duration_s=duration,
        resolution=resolution,
        seed=inputs.get("seed"),
        expand=inputs.get("enable_prompt_expansion"),
        webhook_url=body.get("webhook_url"),
        webhook_secret=body.get("webhook_secret"),
        complaints=list(_complaints(request, body, inputs, grounds)) if model == MODEL else [],
    )


def _complaints(
    request: web.Request, body: Mapping[str, Any], inputs: Mapping[str, Any], grounds: rules.Grounds
) -> Iterator[rules.Complaint]:
    if request.query_string:
        yield rules.Complaint(f"query {request.query_string!r} has no business here", fatal=False)
    yield from rules.about_keys(body, TOP_KEYS, "body", fatal=False)
    yield from rules.about_webhook(body.get("webhook_url"))
    if not isinstance(body.get("input"), dict):
        yield rules.Complaint(f"input is {body.get('input')!r}, not an object")
        return
    yield from rules.about_keys(inputs, INPUT_KEYS, "input", fatal=True)
    yield from rules.about_explicit(inputs, EXPLICIT)
    yield from rules.about_texts(inputs, long_is_fatal=True)
    yield from rules.about_media("image_url", inputs.get("image_url"), grounds)
    if inputs.get("audio_url") is not None:
        yield from rules.about_media("audio_url", inputs["audio_url"], grounds)
    if inputs.get("duration", "5") not in DURATIONS:
        yield rules.Complaint(f"duration is {inputs['duration']!r}; the texts 5 and 10 are offered")
    if (resolution := inputs.get("resolution", "720p")) not in RESOLUTIONS:
        # Their price rules have a fallback for this, so it is taken, at the top rate.
        why = f"resolution is {resolution!r}; {RESOLUTIONS} are offered"
        yield rules.Complaint(why, fatal=not isinstance(resolution, str))
    if not isinstance(inputs.get("enable_prompt_expansion", True), bool):
        yield rules.Complaint(f"enable_prompt_expansion is {inputs['enable_prompt_expansion']!r}")
    if "seed" in inputs and not (rules.whole(inputs["seed"]) and 0 <= inputs["seed"] <= rules.SEED_LIMIT):
        yield rules.Complaint(f"seed is {inputs['seed']!r}; 0 to {rules.SEED_LIMIT} are offered")
