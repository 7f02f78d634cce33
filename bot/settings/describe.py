"""Settings as people look at them: every value, where it came from, secrets masked."""

from __future__ import annotations

from typing import Any, TypedDict

from pydantic import SecretStr

from bot.money.amount import Money
from bot.settings.names import all_settings
from bot.settings.schema import Settings
from bot.settings.values import NO_LIMIT

MASK = "********"


class Described(TypedDict):
    """One line of `reelbot config show`."""

    name: str
    value: str | None
    source: str
    description: str


def describe(settings: Settings) -> list[Described]:
    """Every setting in the order of the reference; safe to paste in public."""
    return [
        Described(
            name=name,
            value=shown(_value(settings, setting.path), is_limit=setting.path[0] == "limits"),
            source=settings.origin(name),
            description=setting.field.description or "",
        )
        for name, setting in all_settings().items()
    ]


def shown(value: Any, *, is_limit: bool = False) -> str | None:
    """A value as one would write it in the environment; secrets as a mask, None for unset."""
    if value is None:
        return NO_LIMIT if is_limit else None
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, Money):
        return value.to_usd()
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value)


def secrets(settings: Settings) -> list[str]:
    """The secret values themselves, for the log's redaction. Never to be shown."""
    found = (_value(settings, setting.path) for setting in all_settings().values() if setting.is_secret)
    whole = [one.get_secret_value() for one in found if isinstance(one, SecretStr)]
    # A setting may hold several keys; each is a secret by itself.
    return [*whole, *(part.strip() for one in whole if "," in one for part in one.split(",") if part.strip())]


def _value(settings: Settings, path: tuple[str, ...]) -> Any:
    value: Any = settings
    for part in path:
        value = getattr(value, part)
    return value
