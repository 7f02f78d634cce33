"""What can be ordered at WaveSpeed, what it costs, and what a correct order looks like (fact sheet, sections 3 and 5)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from tests.emulators import vendor_rules as rules

MODEL = "alibaba/wan-2.5/image-to-video-fast"
RATES = {"720p": 68_000, "1080p": 102_000}
"""Micro-USD per second."""
LEAST_S = 5
OTHER_PRICE = 10_000
"""Micro-USD for a model we know nothing about."""
KEYS = frozenset({
    "image", "audio", "prompt", "negative_prompt", "resolution", "duration", "enable_prompt_expansion", "seed",
})  # fmt: skip
EXPLICIT = ("resolution", "duration", "enable_prompt_expansion", "seed")


def price_of(resolution: str, duration_s: float) -> int:
    """Micro-USD: whole seconds, at least five; what is not in the table costs the default rate."""
    return max(LEAST_S, math.ceil(duration_s)) * RATES.get(resolution, RATES["720p"])


def read_order(request: web.Request, body: Mapping[str, Any], grounds: rules.Grounds) -> rules.Order:
    """A create: the model is in the path, the webhook in the query. Unknown models are read as far as they go."""
    model, known = request.match_info["model"], request.match_info["model"] == MODEL
    seconds = body["duration"] if rules.whole(body.get("duration")) else 5
    resolution = rules.text(body.get("resolution"), "720p")
    return rules.Order(
        model=model,
        shown={key: value for key, value in body.items() if key in KEYS or not known},
        price=price_of(resolution, seconds) if known else OTHER_PRICE,
        prompt=rules.text(body.get("prompt")),
        negative_prompt=body.get("negative_prompt"),
        input_url=rules.text(body.get("image")),
        audio_url=body.get("audio"),
        duration_s=seconds,
        resolution=resolution,
        seed=body.get("seed"),
        expand=body.get("enable_prompt_expansion"),
        webhook_url=request.query.get("webhook"),
        sync=body.get("enable_sync_mode") is True,
        complaints=list(_complaints(request, body, grounds)) if known else [],
    )


def _complaints(request: web.Request, body: Mapping[str, Any], grounds: rules.Grounds) -> Iterator[rules.Complaint]:
    if set(request.query) - {"webhook"} or len(request.query) > 1:
        yield rules.Complaint(f"query {request.query_string!r}: only one webhook belongs there", fatal=False)
    yield from rules.about_webhook(request.query.get("webhook"))
    # Unknown keys are dropped in silence: the worst kind of answer to a misspelt one.
    yield from rules.about_keys(body, KEYS, "body", fatal=False)
    yield from rules.about_explicit(body, EXPLICIT)
    yield from rules.about_texts(body, long_is_fatal=False)
    yield from rules.about_media("image", body.get("image"), grounds)
    if body.get("audio") is not None:
        yield from rules.about_media("audio", body["audio"], grounds)
    duration = body.get("duration", 5)
    if not rules.whole(duration) or duration not in (5, 10):
        yield rules.Complaint(f"duration is {duration!r}; the integers 5 and 10 are offered")
    if rules.text(body.get("resolution", "720p")) not in RATES:
        yield rules.Complaint(f"resolution is {body['resolution']!r}; {sorted(RATES)} are offered")
    if not isinstance(body.get("enable_prompt_expansion", False), bool):
        yield rules.Complaint(f"enable_prompt_expansion is {body['enable_prompt_expansion']!r}")
    seed = body.get("seed", -1)
    if not rules.whole(seed) or not -1 <= seed <= rules.SEED_LIMIT:
        yield rules.Complaint(f"seed is {seed!r}; -1 to {rules.SEED_LIMIT} are offered")
