"""What the gateway brings of pictures and sounds: messages in the shape in which they were sent, files given to a command,
and the pictures somebody was offered for a choice.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

import discord

from adapters.chat.discord.inputs import Attachment
from adapters.chat.pictures import is_picture, is_sound, no_picture, no_sound

MOST_REMEMBERED: Final = 2000


def as_sent(message: discord.Message) -> dict[str, Any]:
    """A message of the gateway in the shape in which Discord sent it, as far as pictures go."""
    own: dict[str, Any] = _shown(message) | {"channel_id": str(message.channel.id), "id": str(message.id)}
    own["message_snapshots"] = [{"message": _shown(each)} for each in message.message_snapshots]
    return own


def command_picture(attachment: discord.Attachment) -> Attachment:
    """The picture given to a command. `BadInput` when it says of itself that it is none."""
    if not is_picture(attachment.filename, attachment.content_type):
        raise no_picture(attachment.filename)
    return _given(attachment)


def command_sound(attachment: discord.Attachment) -> Attachment:
    """The sound given to a command. `BadInput` when it says of itself that it is none."""
    if not is_sound(attachment.filename, attachment.content_type):
        raise no_sound(attachment.filename)
    return _given(attachment)


class Offered:
    """Pictures that were shown to somebody for a choice: in most channels we may not read their messages again."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Attachment] = OrderedDict()

    def keep(self, picture: Attachment, index: int) -> str:
        """Remember a picture for a while; returns its name: `channel:message:index`."""
        name = f"{picture.channel}:{picture.message}:{index}"
        self._kept[name] = picture
        self._kept.move_to_end(name)
        if len(self._kept) > MOST_REMEMBERED:
            self._kept.popitem(last=False)
        return name

    def find(self, name: str) -> Attachment | None:
        """The picture, if it was shown by this process lately."""
        return self._kept.get(name)


def _shown(message: discord.Message | discord.MessageSnapshot) -> dict[str, Any]:
    return {
        "attachments": [dict(each.to_dict()) for each in message.attachments],
        "embeds": [dict(each.to_dict()) for each in message.embeds],
        "components": [each.to_dict() for each in getattr(message, "components", ())],
    }


def _given(attachment: discord.Attachment) -> Attachment:
    return Attachment(
        url=attachment.url,
        filename=attachment.filename,
        size=attachment.size,
        id=str(attachment.id),
        spoiler=attachment.is_spoiler(),
    )
