"""What the checks of compose files and manifests share: strict YAML, durations, and what a command or a setting is."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Hashable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from adapters.chat.web.listening import GRACE_S
from adapters.engine.embedded import EmbeddedEngine
from bot.cli.main import COMMANDS, GROUPS
from bot.cli.serve import ROLES
from bot.errors import ConfigurationError
from bot.settings import load_settings
from bot.settings.names import all_settings, is_ours

ROOT = Path(__file__).parents[2]
SCHEMAS = Path(__file__).parent / "schemas"
OWN_IMAGE = "reelbot"
SECRETIVE = re.compile(r"key|token|secret|passw|credential|database_url", re.IGNORECASE)
"""Names of values that nobody else may see."""
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML, but a name twice in one map is an error and not the last one silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """As the parent, after looking at the names; what `<<` brings may be overridden."""
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        merged = getattr(node, "looked_at", False)
        if not merged and (twice := {name for name in names if names.count(name) > 1}):
            raise yaml.YAMLError(f"{min(twice)} is there twice, line {node.start_mark.line + 1}")
        node.looked_at = True  # type: ignore[attr-defined]  # `<<` unfolds into the node, which may be built again
        return super().construct_mapping(node, deep=deep)


def documents(text: str) -> list[Any]:
    """Every document of a YAML file, for its caller to change; empty ones are left out."""
    return copy.deepcopy(_documents(text))


@cache
def _documents(text: str) -> list[Any]:
    return [each for each in yaml.load_all(text, Loader=StrictLoader) if each is not None]


def seconds(duration: str) -> float:
    """`1m30s` → 90."""
    parts = re.findall(r"(\d+)(ms|s|m|h)", duration)
    if "".join(number + unit for number, unit in parts) != duration or not parts:
        raise ValueError(f"{duration!r} is no duration")
    return sum(int(number) * _UNITS_S[unit] for number, unit in parts)


def needed_to_stop_s() -> float:
    """How long a process may take to end: what is under way, then open connections."""
    return float(inspect.signature(EmbeddedEngine.run).parameters["drain_s"].default) + GRACE_S


def wrong_with_command(words: list[str]) -> Iterator[str]:
    """What the command line of a container says that `reelbot` does not know. The image's own is `run`."""
    if words[:1] == ["run"]:
        if len(words) == 3 and words[1] == "--roles":
            yield from (f"there is no role {role!r}" for role in words[2].split(",") if role not in ROLES)
        elif len(words) > 1:
            yield f"run with {words[1:]}"
    elif len(words) == 2 and words[0] in GROUPS:
        if words[1] not in GROUPS[words[0]][1]:
            yield f"there is no command {' '.join(words)!r}"
    elif not (len(words) == 1 and words[0] in COMMANDS):
        yield f"there is no command {' '.join(words)!r}"


def roles(words: list[str]) -> frozenset[str]:
    """The roles that a command line names."""
    return frozenset(words[2].split(",")) if words[:2] == ["run", "--roles"] else frozenset()


def wrong_with_settings(environ: Mapping[str, str], folder: Path) -> list[str]:
    """What Reelbot itself says to this environment; the files of secrets are stood in for, in `folder`."""
    given = dict(environ)
    for name, path in environ.items():
        if name.endswith("_FILE") and is_ours(name):
            stand_in = folder / Path(path).name
            stand_in.write_text(sample(name.removesuffix("_FILE")), encoding="utf-8")
            given[name] = str(stand_in)
    try:
        load_settings(environ=given, cwd=folder)
    except ConfigurationError as error:
        return [str(error)]
    return []


def sample(name: str) -> str:
    """A value that such a secret may have."""
    return "postgresql://reelbot:sample@db:5432/reelbot" if name == "REELBOT_DATABASE_URL" else "s" * 64


def is_secret_setting(name: str) -> bool:
    """Whether there is a setting of this name, and its value is never shown."""
    found = all_settings().get(name)
    return found is not None and found.is_secret
