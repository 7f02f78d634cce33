"""A compose file as Docker Compose sees it: merged, variables filled in; what the reader does not know it refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.reading import OWN_IMAGE, documents

_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?:(:-|:\?)([^}]*))?\})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compose:
    """One compose file, and the folder it lies in."""

    document: dict[str, Any]
    folder: Path
    variables: frozenset[str]
    """Every name that is filled in."""

    @classmethod
    def read(cls, text: str, folder: Path, given: Mapping[str, str]) -> Compose:
        """Parse it. `ValueError` for a variable that is asked for and not given, as Compose stops there, too."""
        (raw,) = documents(text)
        names: set[str] = set()
        return cls(document=_filled(raw, given, names), folder=folder, variables=frozenset(names))

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        """By name."""
        return dict(self.document["services"])

    @property
    def ours(self) -> dict[str, dict[str, Any]]:
        """Those that run the `reelbot` command."""
        return {
            name: each
            for name, each in self.services.items()
            if each["image"].partition(":")[0] == OWN_IMAGE and "entrypoint" not in each
        }

    def networks(self, service: str) -> frozenset[str]:
        """Those it is on; `default` if it names none, none at all with `network_mode: none`."""
        each = self.services[service]
        if each.get("network_mode") == "none":
            return frozenset()
        return frozenset(each.get("networks", ["default"]))

    def is_internal(self, network: str) -> bool:
        """Whether nothing outside can be reached from it, nor it from outside."""
        return bool((self.document.get("networks", {}).get(network) or {}).get("internal", False))


def environment(service: Mapping[str, Any]) -> dict[str, str]:
    """What the file itself puts into the container's environment."""
    return {name: str(value) for name, value in service.get("environment", {}).items()}


def command(service: Mapping[str, Any]) -> list[str]:
    """Its words; the image's own is `run`."""
    return list(service.get("command", ["run"]))


def mounts(service: Mapping[str, Any]) -> list[tuple[str | None, str, str]]:
    """(source, target, mode) of each volume; an anonymous one has no source."""
    found: list[tuple[str | None, str, str]] = []
    for each in service.get("volumes", []):
        parts = each.split(":")
        found.append(
            (parts[0], parts[1], parts[2] if len(parts) > 2 else "rw") if len(parts) > 1 else (None, each, "rw")
        )
    return found


def awaited(service: Mapping[str, Any]) -> dict[str, str]:
    """Whom it waits for, and for what."""
    found = service.get("depends_on", {})
    if isinstance(found, list):
        return dict.fromkeys(found, "service_started")
    return {name: each["condition"] for name, each in found.items()} if isinstance(found, dict) else {}


def _filled(node: Any, given: Mapping[str, str], names: set[str]) -> Any:
    if isinstance(node, dict):
        return {key: _filled(value, given, names) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, given, names) for value in node]
    return _text(node, given, names) if isinstance(node, str) else node


def _text(text: str, given: Mapping[str, str], names: set[str]) -> str:
    def value(found: re.Match[str]) -> str:
        name, how, rest = found.groups()
        if name is None:
            return "$"
        names.add(name)
        if given.get(name):
            return given[name]
        if how != ":-":
            raise ValueError(f"{name} is not given")
        return str(rest)

    if "$" in _VARIABLE.sub("", text):
        raise ValueError(f"a variable is written in a way that is not known here: {text}")
    return _VARIABLE.sub(value, text)
