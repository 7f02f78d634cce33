"""Pictures and sounds on Slack: how one is named in a request, so that any process can copy it; and which a message holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from adapters.chat.pictures import is_picture
from adapters.chat.slack.bots import PLATFORM
from bot.jobs.model import InputRef

NOT_FILES: Final = frozenset({"tombstone", "hidden_by_limit", "external"})
"""Kinds of file objects behind which there are no bytes for us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFile:
    """A file that somebody uploaded to Slack."""

    team: str
    id: str
    url: str | None = None
    """Private, and good for as long as the file is there; a file of another organisation has none until it is asked for."""
    size: int | None = None
    """Bytes, as Slack says."""
    filename: str | None = None
    enterprise: str | None = None

    def as_input(self) -> InputRef:
        """How a request names it."""
        said = {name: value for name, value in asdict(self).items() if value and name != "filename"}
        return InputRef(source=PLATFORM, locator=json.dumps(said, separators=(",", ":")), filename=self.filename)


def shared_file_of(ref: InputRef) -> SharedFile:
    """What a request named."""
    return SharedFile(**json.loads(ref.locator), filename=ref.filename)


def shared_file(said: Mapping[str, Any], team: str, enterprise: str | None = None) -> SharedFile:
    """From a file object of Slack's."""
    return SharedFile(
        team=team,
        id=str(said.get("id", "")),
        url=address_of(said),
        size=said.get("size") or None,
        filename=said.get("name") or said.get("title"),
        enterprise=enterprise,
    )


def address_of(said: Mapping[str, Any]) -> str | None:
    """Where a file object says its bytes are."""
    return said.get("url_private_download") or said.get("url_private") or None


def pictures(files: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The file objects that are pictures, or of which nothing is said yet: of another organisation, or being scanned."""
    return [each for each in files if _may_be_picture(each)]


def _may_be_picture(said: Mapping[str, Any]) -> bool:
    if said.get("mode") in NOT_FILES or said.get("is_external"):
        return False
    if said.get("file_access") == "check_file_info" or not (said.get("mimetype") or said.get("name")):
        return bool(said.get("id"))
    return is_picture(said.get("name"), said.get("mimetype"))
