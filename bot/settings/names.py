"""The names of settings: how a field is called in the environment, and which field a name means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from bot.settings.schema import PREFIX, Settings

WELL_KNOWN = {
    "WAVESPEED_API_KEY": "REELBOT_WAVESPEED__API_KEY",
    "EACHLABS_API_KEY": "REELBOT_EACHLABS__API_KEY",
    "DISCORD_TOKEN": "REELBOT_DISCORD__TOKEN",
    "SLACK_BOT_TOKEN": "REELBOT_SLACK__BOT_TOKEN",
    "SLACK_APP_TOKEN": "REELBOT_SLACK__APP_TOKEN",
    "SLACK_SIGNING_SECRET": "REELBOT_SLACK__SIGNING_SECRET",
}
"""Names that others use for the same thing; they count only where nothing else sets it."""

# Kubernetes writes these into every container of a namespace that has a service called "reelbot".
_NOT_OURS = re.compile(r"REELBOT_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_\w+)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One leaf of the tree."""

    path: tuple[str, ...]
    field: FieldInfo
    section: str
    """First line of the section's docstring; empty at the top."""

    @property
    def name(self) -> str:
        """`REELBOT_WEB__PORT`."""
        return env_name(self.path)

    @property
    def is_secret(self) -> bool:
        """Its value is never shown, and may come from a file."""
        return _mentions_secret(self.field.annotation)

    @property
    def default(self) -> Any:
        """The default, or None."""
        return None if self.field.is_required() else self.field.default


def env_name(path: tuple[str, ...]) -> str:
    """`("web", "port")` → `REELBOT_WEB__PORT`."""
    return PREFIX + "__".join(path).upper()


@cache
def all_settings() -> dict[str, Setting]:
    """Every setting by its environment name, in the order of the schema."""
    found: dict[str, Setting] = {}
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            title = (field.annotation.__doc__ or "").partition("\n")[0]
            for inner, leaf in field.annotation.model_fields.items():
                setting = Setting(path=(name, inner), field=leaf, section=title)
                found[setting.name] = setting
        else:
            setting = Setting(path=(name,), field=field, section="")
            found[setting.name] = setting
    return found


def is_ours(name: str) -> bool:
    """Whether a name of the environment claims to be a setting."""
    return name.startswith(PREFIX) and not _NOT_OURS.fullmatch(name)


def did_you_mean(name: str) -> str:
    """`; did you mean X?`, or a full stop."""
    close = get_close_matches(name, list(all_settings()), n=1, cutoff=0.75)
    return f"; did you mean {close[0]}?" if close else "."


def _mentions_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_mentions_secret(part) for part in get_args(annotation))
