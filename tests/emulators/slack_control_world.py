"""Ops of the control desk that change the world: workspaces, people, channels, installations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.emulators.desk import Impossible
from tests.emulators.slack_state import DM, PRIVATE, PUBLIC, Channel, Enterprise, Grant, Person, Team

if TYPE_CHECKING:
    from tests.emulators.slack_server import Slack

ROLES = {"is_admin", "is_owner", "is_primary_owner", "is_restricted", "is_ultra_restricted"}
CHANGEABLE = {*ROLES, "deleted", "locale", "tz", "name"}


class WorldControl:
    """What an owner of workspaces and people can do."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._world = slack.world
        self._people = slack.people

    def begin(self) -> None:
        """The first workspace has a channel `general`, with the bot in it."""
        self._general(self._slack.team)

    def _general(self, team: Team) -> Channel:
        channel = self._world.add_channel(team, "general")
        grant = self._world.grant_of(team)
        if grant is not None:
            channel.members.add(grant.bot.id)
        return channel

    def _person(self, person: str) -> Person:
        return self._world.people[person]

    def _team(self, team: str | None) -> Team:
        return self._world.teams[team] if team else self._slack.team

    def _grant(self, team: str | None) -> Grant:
        """The installation of a workspace or organisation, living or dead."""
        wanted = team or self._slack.team.id
        for grant in reversed(self._world.grants):
            if grant.key == wanted:
                return grant
        raise Impossible("the app was never installed there")

    # Workspaces

    async def do_team(
        self, name: str, own_id: str | None = None, enterprise: str | None = None, installed: bool = False
    ) -> Any:
        team = self._world.add_team(
            name, own_id=own_id, enterprise=self._world.enterprises[enterprise] if enterprise else None
        )
        if installed:
            self._slack.oauth.install(team, list(self._slack.settings["scopes"]))
        self._general(team)
        return self._shown_team(team)

    async def do_enterprise(self, name: str, own_id: str | None = None) -> Any:
        enterprise = Enterprise(id=own_id or self._world.new_id("E"), name=name)
        self._world.enterprises[enterprise.id] = enterprise
        return {"id": enterprise.id, "name": name}

    def _shown_team(self, team: Team) -> Any:
        grant = self._world.grant_of(team)
        channels = {one.name: one.id for one in self._world.channels.values() if one.team is team and one.kind != DM}
        facts = {"id": team.id, "name": team.name, "channels": channels}
        return facts | {"token": grant.token if grant else None, "bot": grant.bot.id if grant else None}

    async def do_show_team(self, team: str | None = None) -> Any:
        return self._shown_team(self._team(team))

    async def do_install(self, team: str | None = None, scopes: list[str] | None = None, org: bool = False) -> Any:
        """Install it without the OAuth walk: the token is in the answer."""
        place = self._team(team)
        if org and place.enterprise is None:
            raise Impossible("that workspace belongs to no organisation")
        grant = self._slack.oauth.install(place, scopes or list(self._slack.settings["scopes"]), org=org)
        return {"token": grant.token, "bot": grant.bot.id, "key": grant.key}

    async def do_uninstall(self, team: str | None = None) -> None:
        self._slack.oauth.uninstall(self._grant(team))

    async def do_scopes(self, scopes: list[str], team: str | None = None) -> None:
        """What the installed token may do, from now on."""
        self._grant(team).scopes = list(scopes)

    # People

    async def do_person(self, name: str, team: str | None = None, own_id: str | None = None, **facts: Any) -> Any:
        home = self._team(team)
        person = Person(id=own_id or self._world.new_id("U"), name=name, team=home)
        self._change(person, facts)
        self._world.people[person.id] = person
        general = next(
            (one for one in self._world.channels.values() if one.team is home and one.name == "general"), None
        )
        if general is not None and not person.is_restricted:
            general.members.add(person.id)
        return self._slack.shapes.person(person)

    async def do_change_person(self, person: str, **facts: Any) -> Any:
        self._change(self._person(person), facts)
        return self._slack.shapes.person(self._person(person))

    def _change(self, person: Person, facts: dict[str, Any]) -> None:
        for name, value in facts.items():
            if name not in CHANGEABLE:
                raise Impossible(f"a person has no {name}; there are {sorted(CHANGEABLE)}")
            setattr(person, name, value)

    # Channels

    async def do_channel(
        self,
        name: str,
        people: list[str],
        bot: bool = True,
        private: bool = False,
        team: str | None = None,
        own_id: str | None = None,
    ) -> Any:
        home = self._team(team)
        channel = self._world.add_channel(home, name, PRIVATE if private else PUBLIC, own_id=own_id)
        for person in people:
            self._join(channel, self._person(person))
        grant = self._world.grant_of(home)
        if bot and grant is not None:
            channel.members.add(grant.bot.id)
        return {"id": channel.id}

    def _join(self, channel: Channel, person: Person) -> None:
        channel.members.add(person.id)
        if person.team is not None and person.team is not channel.team:
            # People of another organisation: the channel is shared from now on (Slack Connect), unless it is one of theirs.
            same = person.team.enterprise is not None and person.team.enterprise is channel.team.enterprise
            if not same:
                channel.teams.add(person.team.id)

    async def do_join(self, channel: str, person: str) -> None:
        place = self._world.channels[channel]
        self._join(place, self._person(person))
        self._slack.events.member_joined(place, person, None)

    async def do_leave(self, channel: str, person: str) -> None:
        self._world.channels[channel].members.discard(person)

    async def do_invite_bot(self, channel: str, inviter: str | None = None) -> None:
        """The bot joins; it hears now of the mentions that were waiting for it."""
        place = self._world.channels[channel]
        grant = self._world.grant_of(place.team)
        if grant is None:
            raise Impossible("the app is not installed there")
        place.members.add(grant.bot.id)
        self._slack.events.member_joined(place, grant.bot.id, inviter)
        waiting, place.unheard = place.unheard, []
        for message in waiting:
            if message.ts in place.messages:
                self._slack.events.message_to(grant, place, message)

    async def do_remove_bot(self, channel: str) -> None:
        place = self._world.channels[channel]
        place.members -= {one.bot.id for one in self._world.grants}

    async def do_change_channel(self, channel: str, **facts: Any) -> None:
        """archived, restricted (only admins post), file_posting_denied, name."""
        place = self._world.channels[channel]
        for name, value in facts.items():
            if name not in {"archived", "restricted", "file_posting_denied", "name"}:
                raise Impossible(f"a channel has no {name}")
            setattr(place, name, value)

    async def do_dm(self, person: str) -> Any:
        who = self._person(person)
        grant = self._world.grant_of(who.team) if who.team else None
        if grant is None:
            raise Impossible("the app is not installed there")
        return {"id": self._world.dm_with(who, grant).id}
