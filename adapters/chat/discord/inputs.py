"""Pictures and sounds on Discord: how one is named in a request, so that any process can copy it, and copying it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from bot.jobs.model import InputRef

SOURCE = "discord"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that somebody posted, attached to a command, or that Discord shows from a link."""

    url: str
    """Signed, and good for about a day; a command's own attachments may be gone sooner."""
    filename: str | None = None
    size: int | None = None
    """Bytes, as Discord says."""
    channel: str | None = None
    message: str | None = None
    """The message it belongs to: read again, it has a fresh address. A command's attachments have none."""
    id: str | None = None
    """Of the attachment; `None` for the picture of a link."""
    spoiler: bool = False

    def as_input(self) -> InputRef:
        """How a request names it."""
        said = {name: value for name, value in asdict(self).items() if value and name not in {"filename", "spoiler"}}
        return InputRef(source=SOURCE, locator=json.dumps(said, separators=(",", ":")), filename=self.filename)


def attachment_of(ref: InputRef) -> Attachment:
    """What a request named."""
    return Attachment(**json.loads(ref.locator), filename=ref.filename)
