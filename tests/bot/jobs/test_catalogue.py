"""Which model is meant, what it can do, what it costs."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bot.errors import BadPrompt
from bot.jobs.catalogue import check_settings, choose_model, quote
from bot.jobs.model import RenderSettings
from bot.money.amount import Money
from bot.money.prices import PerSecond
from bot.ports import Model


def a_model(provider="acme", slug="acme/one", **changes):
    facts = {
        "provider": provider,
        "slug": slug,
        "title": "Acme One",
        "durations_s": (5, 10),
        "resolutions": ("480p", "720p"),
        "default_duration_s": 5,
        "default_resolution": "720p",
        "price": PerSecond(rates={"480p": Money.usd("0.03"), "720p": Money.usd("0.068")}),
    }
    return Model(**(facts | changes))


@dataclass
class Shop:
    name: str
    slugs: tuple[str, ...]

    def models(self):
        return [a_model(self.name, slug) for slug in self.slugs]


SHOPS = [
    Shop("acme", ("acme/wan-2.7/image-to-video", "acme/fast")),
    Shop("local", ("local",)),
    Shop("bolt", ("bolt/wan", "fast")),
]


@pytest.mark.parametrize(
    ("asked", "slug"),
    [
        ({}, "acme/wan-2.7/image-to-video"),
        ({"default_provider": "local"}, "local"),
        ({"provider": "bolt"}, "bolt/wan"),
        ({"provider": "Bolt", "model": "BOLT/wan"}, "bolt/wan"),
        ({"model": "acme/fast", "default_provider": "local"}, "acme/fast"),
        ({"model": "image-to-video"}, "acme/wan-2.7/image-to-video"),
        ({"model": "bolt/bolt/wan"}, "bolt/wan"),
        ({"model": "local"}, "local"),
        ({"model": "bolt"}, "bolt/wan"),
        ({"model": "fast"}, "fast"),
    ],
)
def test_a_model_is_found_by_provider_slug_both_or_neither(asked, slug):
    assert choose_model(SHOPS, **asked).slug == slug


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (
            {"provider": "acmee"},
            "I do not know the provider acmee; did you mean acme? There are acme, local and bolt.",
        ),
        (
            {"provider": "bolt", "model": "wam"},
            "I do not know the model wam. There are bolt/wan and fast.",
        ),
        ({"provider": "bolt", "model": "acme/fast"}, "acme/fast is a model of acme, not of bolt."),
    ],
)
def test_what_is_not_there_is_named_with_what_is(asked, sentence):
    with pytest.raises(BadPrompt) as caught:
        choose_model(SHOPS, **asked)

    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"resolution": "1080p"}, "1080p is not available for Acme One; 480p and 720p are."),
        ({"duration_s": 7}, "7 s is not available for Acme One; 5 s and 10 s are."),
        ({"seed": -1}, "The seed must lie between 0 and 2147483647; -1 does not."),
        ({"seed": 2**31}, "The seed must lie between 0 and 2147483647; 2147483648 does not."),
        ({"audio": True}, "Acme One takes no audio."),
        ({"expand": True}, "Acme One cannot expand prompts."),
        ({"camera": "orbt"}, "I do not know the camera word orbt; did you mean orbit? There are "),
        ({"motion": "wild"}, "I do not know the motion word wild. There are low and high."),
    ],
)
def test_what_a_model_cannot_do_is_said_in_one_sentence(settings, sentence):
    with pytest.raises(BadPrompt) as caught:
        check_settings(a_model(), RenderSettings(**settings))

    assert str(caught.value).startswith(sentence)


def test_settings_that_were_checked_once_stay_the_same():
    once = check_settings(a_model(), RenderSettings(negative_prompt="  blurry ", seed=0, camera="orbit"))

    assert once.negative_prompt == "blurry"
    assert check_settings(a_model(), once) == once


def test_a_quote_is_the_price_of_length_and_resolution():
    assert quote(a_model(), RenderSettings(duration_s=5, resolution="720p")) == Money.usd("0.34")
