"""A small language for shapes: what a value must look like, with Slack's own way of saying where it does not.

A check is a function of (value, path, errors); the path is a JSON pointer, as in Slack's messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Errors = list[str]
Check = Callable[[Any, str, Errors], None]


def complain(errors: Errors, path: str, why: str) -> None:
    errors.append(f"{why} [json-pointer:{path or '/'}]")


def string(most: int | None = None, *, least: int = 1, pattern: str | None = None) -> Check:
    def check(value: Any, path: str, errors: Errors) -> None:
        if not isinstance(value, str):
            complain(errors, path, "must be a string")
        elif len(value) < least:
            complain(errors, path, f"must be more than {least - 1} characters")
        elif most is not None and len(value) > most:
            complain(errors, path, f"must be less than {most + 1} characters")
        elif pattern is not None and not re.fullmatch(pattern, value):
            complain(errors, path, f"must match {pattern}")

    return check


def integer(least: int = 0, most: int | None = None) -> Check:
    def check(value: Any, path: str, errors: Errors) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            complain(errors, path, "must be an integer")
        elif value < least or (most is not None and value > most):
            complain(errors, path, f"must be from {least} to {most}")

    return check


def boolean(value: Any, path: str, errors: Errors) -> None:
    if not isinstance(value, bool):
        complain(errors, path, "must be a boolean")


def anything(value: Any, path: str, errors: Errors) -> None:
    """For what the emulator takes as it comes."""


def choice(*words: str) -> Check:
    def check(value: Any, path: str, errors: Errors) -> None:
        if value not in words:
            complain(errors, path, f"must be one of {', '.join(words)}")

    return check


def listing(of: Check, *, least: int = 1, most: int | None = None) -> Check:
    def check(value: Any, path: str, errors: Errors) -> None:
        if not isinstance(value, list):
            complain(errors, path, "must be an array")
            return
        if len(value) < least or (most is not None and len(value) > most):
            complain(
                errors, path, f"no more than {most} items allowed, and no fewer than {least}; there are {len(value)}"
            )
        for number, one in enumerate(value):
            of(one, f"{path}/{number}", errors)

    return check


def record(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with exactly these fields."""
    known = {**required, **(optional or {})}

    def check(value: Any, path: str, errors: Errors) -> None:
        if not isinstance(value, dict):
            complain(errors, path, "must be an object")
            return
        for name in required:
            if name not in value:
                complain(errors, path, f"missing required field: {name}")
        for name, one in value.items():
            if name not in known:
                complain(errors, f"{path}/{name}", f"invalid additional property: {name}")
            else:
                known[name](one, f"{path}/{name}", errors)

    return check


def by_type(shapes: Mapping[str, Check], what: str) -> Check:
    """An object whose `type` says which shape it has."""

    def check(value: Any, path: str, errors: Errors) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in shapes:
            complain(errors, path, f"unsupported type for {what}: {kind}")
        else:
            shapes[kind](value, path, errors)

    return check


def typed(required: Mapping[str, Check] | None = None, optional: Mapping[str, Check] | None = None) -> Check:
    """A `record` that has its `type`."""
    return record({"type": string(), **(required or {})}, optional)
