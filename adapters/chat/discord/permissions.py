"""What the bot needs to be allowed, and the address by which it is invited with just that."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

NEEDED: Final = {
    "view_channel": 1 << 10,
    "send_messages": 1 << 11,
    "embed_links": 1 << 14,
    "attach_files": 1 << 15,
    "read_message_history": 1 << 16,
    "create_public_threads": 1 << 35,
    "send_messages_in_threads": 1 << 38,
}
"""By discord.py's names. History is read to reply, and to look for a clip whose answer was lost."""
ADMINISTRATOR: Final = 1 << 3
SCOPES: Final = ("applications.commands", "bot")


def invitation(application: str) -> str:
    """The address that asks a server's managers for the bot, with the permissions it needs and no other."""
    query = {"client_id": application, "scope": " ".join(SCOPES), "permissions": str(sum(NEEDED.values()))}
    return f"https://discord.com/oauth2/authorize?{urlencode(query)}"


def missing(permissions: int) -> list[str]:
    """What of it a set of permissions lacks, in people's words."""
    if permissions & ADMINISTRATOR:
        return []
    return [name.replace("_", " ") for name, bit in NEEDED.items() if not permissions & bit]
