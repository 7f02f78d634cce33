"""The JSON of everything, as the Web API and events show it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from tests.emulators.slack_state import DM, PRIVATE, PUBLIC, Channel, File, Grant, Message, Person, Team, View, World

FILETYPES = {
    "image/jpeg": ("jpg", "JPEG"),
    "image/png": ("png", "PNG"),
    "image/gif": ("gif", "GIF"),
    "image/webp": ("webp", "WebP"),
    "image/heic": ("heic", "HEIC"),
    "video/mp4": ("mp4", "MPEG 4 Video"),
    "audio/mpeg": ("mp3", "MP3"),
    "audio/wav": ("wav", "WAV"),
    "audio/x-wav": ("wav", "WAV"),
}


class Shapes:
    """Draws the world; `base` is our own address."""

    def __init__(self, world: World, settings: Mapping[str, Any]) -> None:
        self._world = world
        self._settings = settings
        self.base = ""

    def person(self, person: Person, *, seen_from: Grant | None = None, locale: bool = False) -> dict[str, Any]:
        name = {"real_name": person.name, "real_name_normalized": person.name}
        shown: dict[str, Any] = {
            "id": person.id,
            "team_id": person.team.id if person.team else "",
            "name": person.name.lower().replace(" ", "."),
            "deleted": person.deleted,
            "color": "9f69e7",
            "real_name": person.name,
            "profile": {"title": "", "display_name": person.name, "display_name_normalized": person.name, **name},
            "is_bot": person.is_bot,
            "is_app_user": False,
            "updated": int(time.time()),
            "who_can_share_contact_card": "EVERYONE",
        }
        if person.is_bot:
            shown["profile"] |= {"bot_id": person.bot_id, "api_app_id": self._world.app_id, "always_active": True}
        if seen_from is not None and not person.is_bot and not seen_from.covers(person.team):
            # Somebody of another organisation: what they are at home is not told.
            return shown | {"is_stranger": True}
        if person.deleted:
            return shown
        zone = {"tz": person.tz, "tz_label": person.tz, "tz_offset": 3600}
        roles = {
            name: getattr(person, name)
            for name in "is_admin is_owner is_primary_owner is_restricted is_ultra_restricted".split()
        }
        enterprise = person.team.enterprise if person.team else None
        if enterprise is not None:
            assert person.team is not None
            shown["enterprise_user"] = {
                "id": person.id,
                "enterprise_id": enterprise.id,
                "enterprise_name": enterprise.name,
                "is_admin": False,
                "is_owner": False,
                "teams": [person.team.id],
            }
        return shown | zone | roles | {"has_2fa": False} | ({"locale": person.locale} if locale else {})

    def team(self, team: Team) -> dict[str, Any]:
        shown: dict[str, Any] = {"id": team.id, "name": team.name, "domain": team.domain, "email_domain": ""}
        shown |= {"icon": {"image_default": True}, "url": f"https://{team.domain}.slack.com/"}
        if team.enterprise is not None:
            shown |= {"enterprise_id": team.enterprise.id, "enterprise_name": team.enterprise.name}
        return shown

    def channel(self, channel: Channel, grant: Grant) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": channel.id,
            "created": int(time.time()),
            "is_archived": channel.archived,
            "is_im": channel.kind == DM,
            "is_org_shared": False,
            "context_team_id": channel.team.id,
            "updated": int(time.time() * 1000),
        }
        if channel.kind == DM:
            assert channel.person is not None
            return shown | {"user": channel.person.id, "is_open": True, "last_read": "0000000000.000000", "priority": 0}
        return shown | {
            "name": channel.name,
            "name_normalized": channel.name,
            "is_channel": channel.kind == PUBLIC,
            "is_group": channel.kind == PRIVATE,
            "is_private": channel.kind == PRIVATE,
            "is_mpim": False,
            "is_general": channel.name == "general",
            "is_member": grant.bot.id in channel.members,
            "is_shared": channel.is_ext_shared,
            "is_ext_shared": channel.is_ext_shared,
            "is_pending_ext_shared": False,
            "shared_team_ids": sorted(channel.teams),
            "pending_shared": [],
            "pending_connected_team_ids": [],
            "previous_names": [],
            "unlinked": 0,
            "creator": "USLACKBOT",
            "topic": {"value": "", "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
        }

    # Files

    def link(self, file: File, *, download: bool = False) -> str:
        place = f"files-pri/{file.team}-{file.id}" + ("/download" if download else "")
        return f"{file.host or self.base}/{place}/{quote(file.name.lower())}"

    def file(self, file: File, *, partial: bool = False, whole: bool = False) -> dict[str, Any]:
        """As messages carry it; `partial`: of another organisation; `whole`: as files.info tells it."""
        if file.deleted:
            return {"id": file.id, "mode": "tombstone"}
        facts = {"id": file.id, "created": int(file.created), "timestamp": int(file.created), "user": file.user}
        if partial:
            return facts | {"file_access": "check_file_info"}
        scanned = time.monotonic() - file.received_at >= self._settings["scan_s"]
        filetype, pretty = FILETYPES.get(file.mimetype, ("binary", "Binary"))
        shown: dict[str, Any] = facts | {
            "name": file.name,
            "title": file.title,
            "mimetype": file.mimetype if scanned else "",
            "filetype": filetype if scanned else "",
            "pretty_type": pretty if scanned else "",
            "user_team": file.team,
            "editable": False,
            "size": file.size if scanned else 0,
            "mode": "hosted",
            "is_external": False,
            "external_type": "",
            "is_public": False,
            "public_url_shared": False,
            "display_as_bot": False,
            "username": "",
            "url_private": self.link(file),
            "url_private_download": self.link(file, download=True),
            "permalink": f"{self.base}/files/{file.user}/{file.id}/{quote(file.name.lower())}",
            "has_rich_preview": False,
            "file_access": "visible",
        }
        if file.remote:
            shown |= {"mode": "external", "is_external": True, "external_type": "gdrive"}
            del shown["url_private_download"]
        if file.mimetype.startswith(("image/", "video/")) and scanned and not file.remote:
            shown |= {"original_w": 64, "original_h": 48}
        if file.mimetype.startswith("video/") and scanned:
            shown |= (
                {"media_display_type": "video", "subtype": "slack_video"} if whole else {"media_display_type": "video"}
            )
        return shown | (self._shares(file) if whole else {})

    def _shares(self, file: File) -> dict[str, Any]:
        shares: dict[str, dict[str, list[dict[str, Any]]]] = {}
        kinds: dict[str, list[str]] = {PUBLIC: [], PRIVATE: [], DM: []}
        for channel_id, ts, thread_ts in file.shares:
            channel = self._world.channels[channel_id]
            share: dict[str, Any] = {"reply_users": [], "reply_users_count": 0, "reply_count": 0, "ts": ts}
            share |= {"channel_name": channel.name, "team_id": channel.team.id, "share_user_id": file.user}
            share |= {"thread_ts": thread_ts} if thread_ts else {}
            where = shares.setdefault("public" if channel.kind == PUBLIC else "private", {})
            where.setdefault(channel_id, []).append(share)
            kinds[channel.kind].append(channel_id)
        lists = {"channels": kinds[PUBLIC], "groups": kinds[PRIVATE], "ims": kinds[DM]}
        return lists | {"shares": shares, "is_public": bool(kinds[PUBLIC]), "has_more_shares": False}

    # Messages

    def message(self, message: Message, grant: Grant | None = None, *, metadata: bool = False) -> dict[str, Any]:
        """As the API shows it; `grant`: for whom, so that files of another organisation are cut short."""
        shown: dict[str, Any] = {"type": "message", "user": message.user, "text": message.text, "ts": message.ts}
        if message.subtype:
            shown["subtype"] = message.subtype
        if message.client_msg_id:
            shown["client_msg_id"] = message.client_msg_id
        if message.team:
            shown["team"] = message.team
        if message.bot_id:
            shown |= {"bot_id": message.bot_id, "app_id": self._world.app_id, "bot_profile": self.bot_profile(message)}
        if message.blocks:
            shown["blocks"] = message.blocks
        if message.files:
            shown["files"] = [self._shown_to(one, grant) for one in message.files]
            shown |= {"upload": False, "display_as_bot": False}
        if message.thread_ts:
            shown["thread_ts"] = message.thread_ts
        channel = self._world.channels[message.channel]
        if message.is_reply and message.thread_ts in channel.messages:
            shown["parent_user_id"] = channel.messages[message.thread_ts].user
        if message.thread_ts == message.ts:
            replies = [one for one in channel.messages.values() if one.thread_ts == message.ts and one.is_reply]
            users = list(dict.fromkeys(one.user for one in replies))
            shown |= {"reply_count": len(replies), "reply_users_count": len(users), "reply_users": users}
            shown |= {"latest_reply": replies[-1].ts} if replies else {}
            shown |= {"is_locked": False, "subscribed": False}
        if message.reactions:
            shown["reactions"] = [
                {"name": name, "users": users, "count": len(users)} for name, users in message.reactions.items()
            ]
        if message.shows_edited:
            shown["edited"] = {"user": message.user, "ts": message.ts}
        if metadata and message.metadata:
            shown["metadata"] = message.metadata
        return shown

    def _shown_to(self, file: File, grant: Grant | None) -> dict[str, Any]:
        home = self._world.teams.get(file.team)
        return self.file(file, partial=grant is not None and not grant.covers(home))

    def bot_profile(self, message: Message) -> dict[str, Any]:
        bot = self._world.people[message.user]
        icons = dict.fromkeys(["image_36", "image_48", "image_72"], "https://a.slack-edge.com/bot.png")
        facts = {"id": message.bot_id, "deleted": False, "name": bot.name.lower(), "updated": int(time.time())}
        return facts | {"app_id": self._world.app_id, "icons": icons, "team_id": message.team or ""}

    # Views

    def view(self, view: View) -> dict[str, Any]:
        given = view.given
        team = view.person.team
        installed = view.grant.team.id if view.grant.team else view.grant.enterprise.id if view.grant.enterprise else ""
        shown: dict[str, Any] = {
            "id": view.id,
            "team_id": team.id if team else "",
            "type": view.kind,
            "blocks": given["blocks"],
            "private_metadata": given.get("private_metadata", ""),
            "callback_id": given.get("callback_id", ""),
            "state": {"values": view.values},
            "hash": view.hash,
            "title": given.get("title") or {"type": "plain_text", "text": "View Title", "emoji": True},
            "clear_on_close": given.get("clear_on_close", False),
            "notify_on_close": given.get("notify_on_close", False),
            "close": given.get("close"),
            "submit": given.get("submit"),
            "previous_view_id": view.previous,
            "root_view_id": view.root or view.id,
            "app_id": self._world.app_id,
            "external_id": given.get("external_id", ""),
            "app_installed_team_id": installed,
            "bot_id": view.grant.bot_id,
        }
        return shown
