"""The JSON of everything, as the REST API and the gateway show it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from tests.emulators.discord_cdn import Cdn
from tests.emulators.discord_state import (
    DM,
    V2,
    Attachment,
    Channel,
    Guild,
    Member,
    Message,
    Person,
    Role,
    World,
    made_at,
    written,
)


class Shapes:
    """Draws the world; the CDN signs the links."""

    def __init__(self, world: World, cdn: Cdn) -> None:
        self._world = world
        self._cdn = cdn

    def person(self, person: Person) -> dict[str, Any]:
        return {
            "id": person.id,
            "username": person.name.lower(),
            "global_name": None if person.bot else person.name,
            "avatar": None,
            "discriminator": "0" if not person.bot else "0001",
            "public_flags": 0,
            "flags": 0,
            "primary_guild": None,
        } | ({"bot": True} if person.bot else {})

    def me(self) -> dict[str, Any]:
        own = {"mfa_enabled": False, "locale": "en-US", "verified": True, "email": None}
        return self.person(self._world.bot) | own

    def application(self) -> dict[str, Any]:
        return {
            "id": self._world.app_id,
            "name": self._world.bot.name,
            "icon": None,
            "description": "",
            "type": None,
            "bot": self.person(self._world.bot),
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "0" * 64,
            "flags": 0,
            "flags_new": "0",
            "integration_types_config": {"0": {}, "1": {}},
            "redirect_uris": [],
            "interactions_endpoint_url": None,
            "role_connections_verification_url": None,
            "owner": self.person(self._world.owner),
            "approximate_guild_count": sum(guild.has_bot for guild in self._world.guilds.values()),
            "approximate_user_install_count": sum(person.installed for person in self._world.people.values()),
            "approximate_user_authorization_count": 0,
            "explicit_content_filter": 0,
            "team": None,
            "eligible_oauth2_scopes": [],
        }

    def role(self, role: Role) -> dict[str, Any]:
        return {
            "id": role.id,
            "name": role.name,
            "permissions": str(role.permissions),
            "position": role.position,
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "managed": role.managed,
            "mentionable": False,
            "icon": None,
            "unicode_emoji": None,
            "flags": 0,
        } | ({"tags": {"bot_id": self._world.bot.id}} if role.managed else {})

    def member(self, member: Member, *, with_user: bool = True) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "avatar": None,
            "banner": None,
            "communication_disabled_until": None,
            "flags": 0,
            "joined_at": written(member.joined_at),
            "nick": member.nick,
            "pending": False,
            "premium_since": None,
            "roles": list(member.roles),
            "mute": False,
            "deaf": False,
        }
        return shown | ({"user": self.person(member.person)} if with_user else {})

    def guild(self, guild: Guild) -> dict[str, Any]:
        """As `GET /guilds/{id}` shows it."""
        return {
            "id": guild.id,
            "name": guild.name,
            "owner_id": guild.owner_id,
            "premium_tier": guild.premium_tier,
            "preferred_locale": guild.locale,
            "roles": [self.role(role) for role in guild.roles.values()],
            **dict.fromkeys("icon description home_header splash discovery_splash banner application_id".split()),
            **dict.fromkeys("afk_channel_id system_channel_id widget_channel_id max_presences".split()),
            **dict.fromkeys("vanity_url_code rules_channel_id safety_alerts_channel_id".split()),
            **dict.fromkeys("public_updates_channel_id incidents_data".split()),
            **dict.fromkeys("system_channel_flags verification_level default_message_notifications".split(), 0),
            **dict.fromkeys("mfa_level explicit_content_filter premium_subscription_count nsfw_level".split(), 0),
            "features": [],
            "emojis": [],
            "stickers": [],
            "region": "deprecated",
            "afk_timeout": 300,
            "max_members": 500_000,
            "max_stage_video_channel_users": 50,
            "max_video_channel_users": 25,
            "widget_enabled": False,
            "premium_progress_bar_enabled": False,
            "nsfw": False,
        }

    def guild_create(self, guild: Guild) -> dict[str, Any]:
        """As the gateway brings it: only the bot among the members, for `GUILD_MEMBERS` is privileged."""
        bot = guild.members[self._world.bot.id]
        return self.guild(guild) | {
            "joined_at": written(bot.joined_at),
            "large": False,
            "unavailable": False,
            "member_count": len(guild.members),
            "members": [self.member(bot)],
            "channels": [self.channel(one) for one in self._world.channels_of(guild.id)],
            "threads": [
                self.channel(one)
                for one in self._world.channels_of(guild.id, threads=True)
                if not one.archived and self._world.may(self._world.bot, one)
            ],
            "voice_states": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }

    def channel(self, channel: Channel) -> dict[str, Any]:
        shown: dict[str, Any] = {"id": channel.id, "type": channel.type, "flags": 0}
        shown["last_message_id"] = max(channel.messages, key=int, default=None)
        if channel.type == DM:
            assert channel.recipient is not None
            return shown | {"recipients": [self.person(channel.recipient)]}
        shown |= {"guild_id": channel.guild_id, "name": channel.name, "parent_id": channel.parent_id}
        shown["rate_limit_per_user"] = 0
        if channel.is_thread:
            return shown | self._thread_facts(channel)
        overwrites = [
            {"id": one, "type": int(one in self._world.people), "allow": str(allow), "deny": str(deny)}
            for one, (allow, deny) in channel.overwrites.items()
        ]
        facts = {"position": channel.position, "permission_overwrites": overwrites, "nsfw": channel.nsfw}
        return shown | facts | {"topic": None}

    def _thread_facts(self, channel: Channel) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "owner_id": channel.owner_id,
            "message_count": min(channel.sent, 50),
            "member_count": min(len(channel.joined), 50),
            "total_message_sent": channel.sent,
            "thread_metadata": {
                "archived": channel.archived,
                "archive_timestamp": written(channel.archive_changed_at or made_at(channel.id)),
                "auto_archive_duration": channel.auto_archive_minutes,
                "locked": channel.locked,
                "create_timestamp": written(made_at(channel.id)),
            },
        }
        if self._world.bot.id in channel.joined:
            joined = {"id": channel.id, "user_id": self._world.bot.id, "flags": 0}
            facts["member"] = joined | {"join_timestamp": written(made_at(channel.id))}
        return facts

    def attachment(self, attachment: Attachment) -> dict[str, Any]:
        url = self._cdn.link(attachment)
        shown: dict[str, Any] = {
            "id": attachment.id,
            "filename": attachment.filename,
            "size": attachment.size,
            "url": url,
            "proxy_url": url,
            "content_type": attachment.content_type,
        }
        if attachment.content_type.startswith(("image/", "video/")):
            shown |= {"width": 64, "height": 48}
        for name in ("title", "description"):
            if getattr(attachment, name) is not None:
                shown[name] = getattr(attachment, name)
        return shown | ({"ephemeral": True} if attachment.ephemeral else {})

    def message(self, message: Message, *, reply: bool = True, private: bool = False) -> dict[str, Any]:
        """As the REST API shows it; `private` leaves out what takes the message content intent."""
        is_v2 = bool(message.flags & V2)
        shown: dict[str, Any] = {
            "id": message.id,
            "channel_id": message.channel_id,
            "type": message.type,
            "author": self.person(message.author),
            "content": "" if private else message.content,
            "embeds": [] if private else [self.embed(one) for one in message.embeds],
            "attachments": [] if private or is_v2 else [self.attachment(one) for one in message.attachments],
            "components": [] if private else self.components(message),
            "mentions": [self.person(one) for one in message.mentions],
            "mention_roles": list(message.mention_roles),
            "mention_everyone": message.mention_everyone,
            "timestamp": written(made_at(message.id) - message.older_s),
            "edited_timestamp": written(message.edited_at) if message.edited_at else None,
            "flags": message.flags,
            "pinned": False,
            "tts": False,
        }
        if message.webhook:
            shown |= {"webhook_id": self._world.app_id, "application_id": self._world.app_id}
        if message.metadata:
            shown["interaction_metadata"] = message.metadata
        if message.nonce is not None:
            shown["nonce"] = message.nonce
        if message.snapshots and not private:
            shown["message_snapshots"] = message.snapshots
        if message.reference is not None:
            shown["message_reference"] = message.reference
            if reply and message.reference["type"] == 0:
                original = self._find(message.reference)
                shown["referenced_message"] = original and self.message(original, reply=False)
        if (thread := self._world.channels.get(message.id)) is not None:
            shown["thread"] = self.channel(thread)
        return shown

    def _find(self, reference: dict[str, Any]) -> Message | None:
        channel = self._world.channels.get(reference["channel_id"])
        return None if channel is None else channel.messages.get(reference["message_id"])

    def embed(self, embed: dict[str, Any]) -> dict[str, Any]:
        return {"type": "rich"} | {name: value for name, value in embed.items() if value is not None}

    def components(self, message: Message) -> list[dict[str, Any]]:
        """As shown: numbered, with the defaults filled in and media resolved."""
        counter = iter(range(1, 1000))
        by_name = {f"attachment://{one.filename}": one for one in message.attachments}
        # A copy, so that nobody changes what was sent.
        return [self._component(one, counter, by_name) for one in json.loads(json.dumps(message.components))]

    def _component(self, given: dict[str, Any], counter: Any, files: dict[str, Attachment]) -> dict[str, Any]:
        shown = {name: value for name, value in given.items() if value is not None}
        shown["id"] = given.get("id") or next(counter)
        match given["type"]:
            case 3 | 5 | 6 | 7 | 8:
                shown = {"min_values": 1, "max_values": 1} | shown
                shown.pop("required", None)
            case 12:
                shown["items"] = [self._pictured(item, files) for item in given["items"]]
            case 11:
                shown = self._pictured(shown, files)
            case 13:
                media = self._media(given["file"]["url"], files)
                file = files.get(given["file"]["url"])
                shown = {"spoiler": False} | shown | {"file": media}
                shown |= {"name": file and file.filename, "size": file and file.size}
            case 14:
                shown = {"spacing": 1, "divider": True} | shown
            case 17:
                shown = {"accent_color": None, "spoiler": False} | shown
        if "components" in given:
            shown["components"] = [self._component(one, counter, files) for one in given["components"]]
        if "accessory" in given:
            shown["accessory"] = self._component(given["accessory"], counter, files)
        return shown

    def _pictured(self, given: dict[str, Any], files: dict[str, Attachment]) -> dict[str, Any]:
        plain = {"description": None, "spoiler": False}
        plain |= {name: value for name, value in given.items() if value is not None}
        return plain | {"media": self._media(given["media"]["url"], files)}

    def _media(self, url: str, files: dict[str, Attachment]) -> dict[str, Any]:
        if (file := files.get(url)) is None:
            return {"id": "0", "url": url, "proxy_url": quote(url, safe=":/?&=%"), "content_type": None}
        link = self._cdn.link(file)
        size = {"width": 64, "height": 48} if file.content_type.startswith(("image/", "video/")) else {}
        shown = {"id": file.id, "url": link, "proxy_url": link, "content_type": file.content_type}
        return shown | size | {"attachment_id": file.id}
