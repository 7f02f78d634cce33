"""Kinds of values that settings have: money, lists, addresses. Each is read from text and refuses what it is not."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, NamedTuple
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, PlainValidator, SecretStr, WithJsonSchema

from bot.money.amount import Money

NO_LIMIT = "none"
"""Written where a limit is meant to be absent; 0 means that nothing at all is allowed."""


def _money(value: Any) -> Money:
    if isinstance(value, Money):
        return value
    if isinstance(value, float):  # TOML writes 0.34 as a float; its shortest text is what was written
        value = str(value)
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("must be an amount in dollars, like 5.00")
    try:
        amount = Money.usd(value.strip().removeprefix("$") if isinstance(value, str) else value)
    except (ValueError, OverflowError) as error:
        raise ValueError("must be an amount in dollars, like 5.00") from error
    if amount < 0:
        raise ValueError("must not be negative")
    return amount


def _or_no_limit(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip().casefold() == NO_LIMIT else value


def _listed(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str):
        return tuple(part for part in (piece.strip() for piece in value.split(",")) if part)
    if isinstance(value, list | tuple):
        return tuple(str(part) for part in value)
    raise ValueError("must be a list, separated by commas")


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("is not a time zone; name one like Europe/Vienna or UTC") from error
    return value


def _web_address(value: str) -> str:
    parts = _address(value)
    if parts.query or parts.fragment:
        raise ValueError("must not have a ? or # part")
    return value.rstrip("/")


def _address(value: str) -> SplitResult:
    is_good = False
    parts = urlsplit("")
    try:
        parts = urlsplit(value)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        pass  # a bracket or a port that is none: said below
    if not is_good or any(character.isspace() for character in value):
        raise ValueError("must be an address that begins with https:// or http://")
    return parts


def _secret_address(value: SecretStr) -> SecretStr:
    # Taken as it is: what others hand out as a webhook often ends in a key behind a question mark.
    if _address(value.get_secret_value()).fragment:
        raise ValueError("must not have a # part")
    return value


def _database(value: SecretStr) -> SecretStr:
    scheme = urlsplit(value.get_secret_value()).scheme
    if scheme not in {"sqlite", "sqlite+aiosqlite", "postgresql", "postgres", "postgresql+psycopg"}:
        raise ValueError("must begin with sqlite:/// or postgresql://")
    return value


def _store(value: str) -> str:
    if urlsplit(value).scheme not in {"file", "s3", "gs", "az"}:
        raise ValueError("must begin with file:///, s3://, gs:// or az://")
    return value


class Shards(NamedTuple):
    """Part of a bot that is spread over several connections."""

    first: int
    last: int
    total: int
    """Of all processes together."""

    def __str__(self) -> str:
        return f"{self.first}-{self.last}/{self.total}"


def _shards(value: Any) -> Shards:
    if isinstance(value, Shards):
        return value
    found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?/(\d{1,5})", str(value).strip())
    if found is None:
        raise ValueError("must be a range of shards and their number, like 0-3/16")
    first, total = int(found[1]), int(found[3])
    last = int(found[2]) if found[2] else first
    if not first <= last < total:
        raise ValueError(f"names shards that do not exist; of {total} they go from 0 to {total - 1}")
    return Shards(first, last, total)


Usd = Annotated[
    Money,
    PlainValidator(_money),
    PlainSerializer(lambda amount: amount.to_usd(), return_type=str),
    WithJsonSchema({"type": "string"}),
]
"""Dollars in, micro-dollars inside."""
UsdLimit = Annotated[Usd | None, BeforeValidator(_or_no_limit)]
CountLimit = Annotated[int | None, BeforeValidator(_or_no_limit)]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""Several, separated by commas (a list in TOML)."""
ShardRange = Annotated[
    Shards, PlainValidator(_shards), PlainSerializer(str, return_type=str), WithJsonSchema({"type": "string"})
]
AnyCase = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)
Zone = Annotated[str, AfterValidator(_zone)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
SecretWebAddress = Annotated[SecretStr, AfterValidator(_secret_address)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database)]
StoreUrl = Annotated[str, AfterValidator(_store)]
