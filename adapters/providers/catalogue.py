"""Model catalogues as data: what a vendor offers stands in a TOML file, and an operator may add or correct entries.

    [[model]]
    slug = "alibaba/wan-2.5/image-to-video-fast"
    title = "Wan 2.5 Fast"
    durations_s = [5, 10]
    usd_per_second = { "720p" = "0.068", "1080p" = "0.102" }   # also says which resolutions there are

Every other key is optional; `ModelEntry` has them all with their defaults.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bot.errors import ConfigurationError
from bot.money.amount import Money
from bot.money.prices import PerSecond
from bot.ports import ImageLimits, Model
from bot.settings.values import Usd


class ModelEntry(BaseModel):
    """One offer. Sides in pixels, sizes in bytes, times in seconds, money in USD."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slug: str = Field(min_length=1)
    title: str = Field(min_length=1)
    durations_s: tuple[Annotated[int, Field(gt=0)], ...] = Field(min_length=1)
    usd_per_second: dict[str, Usd] = Field(min_length=1)
    minimum_s: int = Field(0, ge=0)
    default_duration_s: int | None = None
    default_resolution: str | None = None
    prompt_max: int = Field(800, ge=1)
    negative_max: int = Field(500, ge=0)
    takes_audio: bool = False
    takes_negative: bool = True
    takes_expand: bool = False
    expand_default: bool = False
    takes_seed: bool = True
    image_min_side: int = Field(360, ge=1)
    image_max_side: int = Field(2000, ge=1)
    image_max_bytes: int = Field(9_500_000, ge=10_000)
    typical_s: float | None = Field(None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.default_duration_s not in (None, *self.durations_s):
            raise ValueError("default_duration_s is not among its durations_s")
        if self.default_resolution not in (None, *self.usd_per_second):
            raise ValueError("default_resolution has no price in usd_per_second")
        if self.image_min_side > self.image_max_side:
            raise ValueError("image_min_side is above image_max_side")
        return self

    def model(self, provider: str) -> Model:
        """The offer as the product knows it."""
        resolutions = tuple(self.usd_per_second)
        return Model(
            provider=provider,
            slug=self.slug,
            title=self.title,
            durations_s=self.durations_s,
            resolutions=resolutions,
            default_duration_s=self.default_duration_s or self.durations_s[0],
            default_resolution=self.default_resolution or resolutions[0],
            price=PerSecond(
                rates={name: Money(rate) for name, rate in self.usd_per_second.items()}, minimum_s=self.minimum_s
            ),
            prompt_max=self.prompt_max,
            negative_max=self.negative_max,
            takes_audio=self.takes_audio,
            takes_negative=self.takes_negative,
            takes_expand=self.takes_expand,
            expand_default=self.expand_default,
            takes_seed=self.takes_seed,
            image=ImageLimits(
                min_side=self.image_min_side, max_side=self.image_max_side, max_bytes=self.image_max_bytes
            ),
            typical_s=self.typical_s,
        )


def read_models(provider: str, own: Path, *, extra: Path | None = None, chosen: str | None = None) -> tuple[Model, ...]:
    """The provider's models; the one called `chosen` comes first, which makes it the default.

    An entry of `extra` (the operator's file) replaces ours of the same slug. Raises `ConfigurationError` when a file
    cannot be read, an entry cannot be, or no model is called `chosen`.
    """
    entries = {entry.slug: entry for entry in _entries(own)}
    if extra is not None:
        entries |= {entry.slug: entry for entry in _entries(extra)}
    models = {slug: entry.model(provider) for slug, entry in entries.items()}
    if chosen is None:
        return tuple(models.values())
    if chosen not in models:
        close = get_close_matches(chosen, models, n=1) or [slug for slug in models if chosen and chosen in slug]
        meant = f"Did you mean {close[0]}? " if close else ""
        name = f"REELBOT_{provider.upper()}"
        raise ConfigurationError(
            f"{name}__MODEL names {chosen}, which is not in the catalogue. {meant}"
            f"A model Reelbot does not know yet is described in a file that {name}__CATALOGUE names."
        )
    return (models[chosen], *(model for slug, model in models.items() if slug != chosen))


def _entries(file: Path) -> Iterator[ModelEntry]:
    try:
        # An editor may have put a byte order mark in front.
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"The model catalogue {file} cannot be read: {error}") from error
    found = content.get("model")
    if not isinstance(found, list) or set(content) != {"model"}:
        raise ConfigurationError(f"The model catalogue {file} must consist of [[model]] tables.")
    slugs: set[str] = set()
    for number, table in enumerate(found, start=1):
        try:
            entry = ModelEntry.model_validate(table)
        except ValidationError as error:
            first = error.errors()[0]
            said = [".".join(str(part) for part in first["loc"]), first["msg"].removeprefix("Value error, ")]
            raise ConfigurationError(f"Model {number} of {file}: {': '.join(filter(None, said))}.") from error
        if entry.slug in slugs:
            raise ConfigurationError(f"Model {number} of {file}: {entry.slug} is described twice.")
        slugs.add(entry.slug)
        yield entry
