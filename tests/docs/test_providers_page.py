"""The page on providers says what the catalogues and the settings say, and the catalogue of the guide can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.providers.catalogue import read_models
from adapters.providers.eachlabs.entry import CATALOGUE as EACHLABS
from adapters.providers.wavespeed.entry import CATALOGUE as WAVESPEED
from bot.money.prices import PerSecond
from bot.ports import Model
from bot.settings.names import all_settings

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference" / "providers.md").read_text(encoding="utf-8")
GUIDE = (DOCS / "howto" / "set-up-a-paid-provider.md").read_text(encoding="utf-8")
README = (DOCS.parent / "README.md").read_text(encoding="utf-8")
CATALOGUES = {"eachlabs": EACHLABS, "wavespeed": WAVESPEED}
LENGTHS = (5, 10)


def offered() -> list[Model]:
    return [model for name, file in sorted(CATALOGUES.items()) for model in read_models(name, file)]


def written(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    part = page.split(f"\n## {heading}\n")[1].split("\n## ", maxsplit=1)[0]
    rows = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def price_rows(model: Model) -> list[list[str]]:
    assert isinstance(model.price, PerSecond)
    assert model.durations_s == LENGTHS, "the table has a column for each length"
    return [
        [
            f"`{model.provider}`",
            f"`{model.slug}`",
            f"{resolution} (default)" if resolution == model.default_resolution else resolution,
            str(model.price.rates[resolution]),
            *(str(model.price.price(duration_s=seconds, resolution=resolution)) for seconds in LENGTHS),
        ]
        for resolution in model.resolutions
    ]


def test_every_model_and_price_is_the_catalogues_and_no_other_is_there() -> None:
    assert written(PAGE, "Models and prices") == [row for model in offered() for row in price_rows(model)]


@pytest.mark.parametrize("model", offered(), ids=lambda model: model.provider)
def test_what_a_model_takes_is_the_catalogues(model: Model) -> None:
    cells = {row[0]: row[1:] for row in written(PAGE, "What a model takes")}
    column = sorted(CATALOGUES).index(model.provider)

    prompt, negative, picture, seed = (
        cells[name][0] for name in ("prompt", "negative prompt", "picture, as it is sent", "seed")
    )
    assert f"1–{model.prompt_max} characters" in prompt
    assert f"up to {model.negative_max} characters" in negative
    assert f"sides {model.image.min_side}–{model.image.max_side} px" in picture
    assert f"up to {model.image.max_bytes / 1e6:g} MB" in picture
    assert f"0 to {model.seed_max}" in seed
    assert cells["prompt expansion"][column].startswith("on" if model.expand_default else "off")


def test_prices_named_elsewhere_are_the_catalogues() -> None:
    five_s = {
        model.provider: {each: model.price.price(duration_s=5, resolution=each) for each in model.resolutions}
        for model in offered()
    }
    cheapest = {provider: min(prices.values()) for provider, prices in five_s.items()}

    assert (
        f"{five_s['wavespeed']['720p']} at WaveSpeed, {five_s['eachlabs']['720p']} at Eachlabs, for 5 s of 720p"
        in GUIDE
    )
    assert f"(https://wavespeed.ai) (from {cheapest['wavespeed']} for 5 s)" in README
    assert f"(https://www.eachlabs.ai) (from {cheapest['eachlabs']})" in README


def test_the_limits_of_an_account_are_the_settings_defaults() -> None:
    cells = {row[0]: row[1:] for row in written(PAGE, "How much at once")}
    lines = {"default: open at once": "MAX_CONCURRENT", "default: begun in any 60 s": "CREATES_PER_MINUTE"}

    for line, name in lines.items():
        for column, provider in enumerate(sorted(CATALOGUES)):
            setting = all_settings()[f"REELBOT_{provider.upper()}__{name}"]
            assert cells[line][column] == f"{setting.default} (`{setting.name}`)"


def test_the_settings_about_contradictions_exist_with_these_defaults() -> None:
    rows = written(PAGE, "Settings that exist because sources disagree")

    for names, _sources, default in rows:
        first = re.findall(r"`(REELBOT_\w+)`", names)[0]
        setting = all_settings()[first]
        said = re.match(r"`([\w-]+)`|unset|(\d+) and (\d+)", default)
        assert said is not None, default
        if said[1]:
            assert said[1] == setting.default
        elif said[2]:
            other = all_settings()[f"{first.rpartition('__')[0]}__CREATES_PER_MINUTE"]
            assert (int(said[2]), int(said[3])) == (setting.default, other.default)
        else:
            assert setting.default is None


def test_the_catalogue_of_the_guide_is_one(tmp_path: Path) -> None:
    """It corrects a price of ours, adds a model, and can make that the default."""
    [example] = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    file = tmp_path / "catalogue.toml"
    file.write_text(example)
    [ours] = read_models("wavespeed", WAVESPEED)

    models = {model.slug: model for model in read_models("wavespeed", WAVESPEED, extra=file)}

    corrected, [added] = models.pop(ours.slug), list(models.values())
    assert corrected.price != ours.price
    assert corrected.resolutions == ours.resolutions
    assert corrected.takes_expand == ours.takes_expand, "an entry replaces ours as a whole, so it repeats what it keeps"
    assert corrected.takes_audio == ours.takes_audio
    assert added.price.price(duration_s=5, resolution=added.default_resolution) > 0
    assert read_models("wavespeed", WAVESPEED, extra=file, chosen=added.slug)[0].slug == added.slug
