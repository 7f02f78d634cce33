"""Methods about who and where: auth, users, workspaces, conversations; and what a call may reach."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.emulators.slack_calls import Call, Refused
from tests.emulators.slack_state import DM, PUBLIC, Channel, Message, Person

if TYPE_CHECKING:
    from tests.emulators.slack_server import Slack

USER_ID = re.compile(r"[UW][A-Z0-9]{8,}")


class Channels:
    """Answers who, and finds where."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack

    # What a call may reach

    def find(self, call: Call, name: str = "channel") -> Channel:
        """The channel an argument names, when the app may know of it."""
        given = str(call.args.get(name, ""))
        if USER_ID.fullmatch(given):
            self._slack.violation(f"{call.method}: a user id as {name}", given)
        channel = self._slack.world.channels.get(given)
        if channel is None or not self._reaches(call, channel):
            raise Refused("channel_not_found", given)
        return channel

    def _reaches(self, call: Call, channel: Channel) -> bool:
        if call.grant.bot.id in channel.members:
            return True
        teams = self._slack.world.teams
        return channel.kind == PUBLIC and any(call.grant.covers(teams.get(one)) for one in channel.teams)

    def find_for_posting(self, call: Call, name: str = "channel") -> Channel:
        """The channel, when the app may post there."""
        channel = self.find(call, name)
        if channel.archived:
            raise Refused("is_archived")
        is_public = channel.kind == PUBLIC and "chat:write.public" in call.grant.scopes
        if call.grant.bot.id not in channel.members and not (is_public and call.method == "chat.postMessage"):
            raise Refused("not_in_channel")
        if channel.restricted:
            raise Refused("restricted_action")
        return channel

    def message(self, call: Call, name: str = "timestamp") -> tuple[Channel, Message]:
        channel = self.find(call)
        found = channel.messages.get(str(call.args.get(name)))
        if found is None:
            raise Refused("message_not_found", str(call.args.get(name)))
        return channel, found

    def person(self, call: Call, user: str, error: str = "user_not_found") -> Person:
        """Somebody the app may know of: of its workspace, or met in a shared channel."""
        person = self._slack.world.people.get(user)
        if person is None:
            raise Refused(error, user)
        met = any(user in one.members and self._reaches(call, one) for one in self._slack.world.channels.values())
        if not (met or call.grant.covers(person.team) or person is call.grant.bot):
            raise Refused("user_not_visible" if error == "user_not_found" else error, user)
        return person

    # Methods

    async def auth_test(self, call: Call) -> dict[str, Any]:
        grant = call.grant
        team = grant.team
        enterprise = grant.enterprise or (team.enterprise if team else None)
        name = team.name if team else enterprise.name if enterprise else ""
        answer: dict[str, Any] = {
            "url": f"https://{team.domain if team else 'org'}.slack.com/",
            "team": name,
            "user": grant.bot.name.lower(),
            "team_id": team.id if team else enterprise.id if enterprise else "",
            "user_id": grant.bot.id,
            "bot_id": grant.bot_id,
            "is_enterprise_install": grant.org,
        }
        return answer | ({"enterprise_id": enterprise.id} if enterprise else {})

    async def auth_revoke(self, call: Call) -> dict[str, Any]:
        if not call.get("test"):
            call.grant.revoked = "token_revoked"
            self._slack.journal.write("token-revoked", workspace=call.grant.key, by="app")
        return {"revoked": not call.get("test")}

    async def users_info(self, call: Call) -> dict[str, Any]:
        person = self.person(call, call.args["user"])
        locale = bool(call.get("include_locale"))
        return {"user": self._slack.shapes.person(person, seen_from=call.grant, locale=locale)}

    async def team_info(self, call: Call) -> dict[str, Any]:
        team_id = call.get("team") or (call.grant.team.id if call.grant.team else "")
        team = self._slack.world.teams.get(team_id)
        if team is None or not call.grant.covers(team):
            raise Refused("team_not_found", team_id)
        return {"team": self._slack.shapes.team(team)}

    async def conversations_info(self, call: Call) -> dict[str, Any]:
        channel = self.find(call)
        shown = self._slack.shapes.channel(channel, call.grant)
        if call.get("include_num_members") and channel.kind != DM:
            shown["num_members"] = len(channel.members)
        if call.get("include_locale"):
            shown["locale"] = "en-US"
        return {"channel": shown}

    async def conversations_open(self, call: Call) -> dict[str, Any]:
        """Direct messages with one person."""
        if call.get("channel"):
            channel = self.find(call)
        else:
            users = [one for one in call.get("users", "").split(",") if one]
            if len(users) != 1:
                raise Refused("users_list_not_supplied" if not users else "not_enough_users", str(users))
            person = self.person(call, users[0])
            if person.is_bot:
                raise Refused("cannot_dm_bot")
            if person.deleted:
                raise Refused("user_disabled")
            channel = self._slack.world.dm_with(person, call.grant)
        shown = self._slack.shapes.channel(channel, call.grant) if call.get("return_im") else {"id": channel.id}
        self._slack.journal.write("dm-opened", channel=channel.id, workspace=call.grant.key)
        return {"channel": shown, "no_op": True, "already_open": True}

    async def conversations_history(self, call: Call) -> dict[str, Any]:
        channel = self._readable(call)
        roots = [one for one in channel.messages.values() if not one.is_reply]
        return self._page(call, sorted(roots, key=lambda one: one.ts, reverse=True), "latest")

    async def conversations_replies(self, call: Call) -> dict[str, Any]:
        channel = self._readable(call)
        ts = call.args["ts"]
        thread = [one for one in channel.messages.values() if ts in {one.ts, one.thread_ts}]
        if not thread:
            raise Refused("thread_not_found", ts)
        return self._page(call, sorted(thread, key=lambda one: one.ts), "oldest")

    def _readable(self, call: Call) -> Channel:
        channel = self.find(call)
        if call.grant.bot.id not in channel.members:
            raise Refused("not_in_channel")
        return channel

    def _page(self, call: Call, messages: list[Message], begin: str) -> dict[str, Any]:
        oldest, latest = call.get("oldest", ""), call.get("latest", "") or "9"
        inclusive = bool(call.get("inclusive"))
        within = [
            one
            for one in messages
            if oldest < one.ts < latest or (inclusive and one.ts in {oldest, latest}) or one.ts == call.get("ts")
        ]
        limit = int(call.get("limit", 100))
        if self._slack.settings["history_per_minute"] is not None:
            limit = min(limit, 15)
        start = int(call.get("cursor") or "0")
        page = within[start : start + limit]
        metadata = bool(call.get("include_all_metadata"))
        answer: dict[str, Any] = {
            "messages": [self._slack.shapes.message(one, call.grant, metadata=metadata) for one in page],
            "has_more": start + limit < len(within),
        }
        if answer["has_more"]:
            answer["response_metadata"] = {"next_cursor": str(start + limit)}
        return answer
