"""What somebody may do in a channel, computed as Discord documents it (topics/permissions)."""

from __future__ import annotations

from collections.abc import Iterable

BITS = {
    "CREATE_INSTANT_INVITE": 0,
    "KICK_MEMBERS": 1,
    "BAN_MEMBERS": 2,
    "ADMINISTRATOR": 3,
    "MANAGE_CHANNELS": 4,
    "MANAGE_GUILD": 5,
    "ADD_REACTIONS": 6,
    "VIEW_CHANNEL": 10,
    "SEND_MESSAGES": 11,
    "MANAGE_MESSAGES": 13,
    "EMBED_LINKS": 14,
    "ATTACH_FILES": 15,
    "READ_MESSAGE_HISTORY": 16,
    "MENTION_EVERYONE": 17,
    "USE_EXTERNAL_EMOJIS": 18,
    "CONNECT": 20,
    "SPEAK": 21,
    "CHANGE_NICKNAME": 26,
    "MANAGE_ROLES": 28,
    "USE_APPLICATION_COMMANDS": 31,
    "MANAGE_THREADS": 34,
    "CREATE_PUBLIC_THREADS": 35,
    "CREATE_PRIVATE_THREADS": 36,
    "USE_EXTERNAL_STICKERS": 37,
    "SEND_MESSAGES_IN_THREADS": 38,
    "USE_EXTERNAL_APPS": 50,
}
ALL = sum(1 << bit for bit in BITS.values())


def bits(names: Iterable[str]) -> int:
    """The number for permissions by their names in Discord's documentation; unknown names are an error."""
    return sum(1 << BITS[name] for name in set(names))


EVERYONE = bits(
    "CREATE_INSTANT_INVITE ADD_REACTIONS VIEW_CHANNEL SEND_MESSAGES EMBED_LINKS ATTACH_FILES READ_MESSAGE_HISTORY "
    "USE_EXTERNAL_EMOJIS CONNECT SPEAK CHANGE_NICKNAME USE_APPLICATION_COMMANDS CREATE_PUBLIC_THREADS "
    "CREATE_PRIVATE_THREADS USE_EXTERNAL_STICKERS SEND_MESSAGES_IN_THREADS USE_EXTERNAL_APPS".split()
)
"""What `@everyone` has in a new guild."""

IN_DM = bits(
    "ADD_REACTIONS VIEW_CHANNEL SEND_MESSAGES EMBED_LINKS ATTACH_FILES READ_MESSAGE_HISTORY MENTION_EVERYONE "
    "USE_EXTERNAL_EMOJIS USE_APPLICATION_COMMANDS USE_EXTERNAL_STICKERS".split()
)
"""What everybody has in a direct message."""

WITHOUT_BOT = bits("EMBED_LINKS ATTACH_FILES MENTION_EVERYONE USE_EXTERNAL_EMOJIS".split())
"""What a user-installed app is told it may do, through its token, in a guild it is no member of."""

_NEEDS_SEND = bits(["MENTION_EVERYONE", "EMBED_LINKS", "ATTACH_FILES"])


def computed(
    *,
    person_id: str,
    guild_id: str,
    is_owner: bool,
    roles: Iterable[tuple[str, int]],
    overwrites: dict[str, tuple[int, int]],
    thread: bool,
) -> int:
    """Base permissions, then overwrites of everyone, roles and member; `roles` are (id, permissions), everyone's included.

    `overwrites` are (allow, deny) by id; a thread takes those of its parent.
    """
    held = dict(roles)
    allowed = 0
    for permissions in held.values():
        allowed |= permissions
    if is_owner or allowed & bits(["ADMINISTRATOR"]):
        return ALL
    allow, deny = overwrites.get(guild_id, (0, 0))
    allowed = allowed & ~deny | allow
    allow = deny = 0
    for role_id in held.keys() - {guild_id}:
        role_allow, role_deny = overwrites.get(role_id, (0, 0))
        allow, deny = allow | role_allow, deny | role_deny
    allowed = allowed & ~deny | allow
    allow, deny = overwrites.get(person_id, (0, 0))
    allowed = allowed & ~deny | allow
    if not allowed & bits(["VIEW_CHANNEL"]):
        return 0
    if not allowed & bits(["SEND_MESSAGES_IN_THREADS" if thread else "SEND_MESSAGES"]):
        allowed &= ~_NEEDS_SEND
    return allowed
