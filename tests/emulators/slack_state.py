"""What there is in the emulated Slack: workspaces, people, channels, messages, files, and where the app is installed."""

from __future__ import annotations

import secrets
import string
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PUBLIC, PRIVATE, DM = "channel", "group", "im"
_LETTERS = string.ascii_uppercase + string.digits


@dataclass(slots=True, kw_only=True, eq=False)
class Enterprise:
    id: str
    name: str


@dataclass(slots=True, kw_only=True, eq=False)
class Team:
    """A workspace."""

    id: str
    name: str
    domain: str
    enterprise: Enterprise | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Person:
    """Somebody, or a bot user."""

    id: str
    name: str
    team: Team | None  # none: the bot of an organisation
    locale: str = "en-US"
    tz: str = "Europe/Berlin"
    is_admin: bool = False
    is_owner: bool = False
    is_primary_owner: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    deleted: bool = False
    is_bot: bool = False
    bot_id: str | None = None
    home: View | None = None  # what was published for them
    views: list[View] = field(default_factory=list)  # open modals, the topmost last


@dataclass(slots=True, kw_only=True, eq=False)
class Grant:
    """The app, installed in a workspace or, with `org`, in an organisation."""

    token: str
    scopes: list[str]
    bot: Person
    bot_id: str
    team: Team | None
    enterprise: Enterprise | None = None
    org: bool = False
    revoked: str | None = None  # the error that calls get: account_inactive, token_revoked

    @property
    def key(self) -> str:
        """What rate limits are counted by: the workspace."""
        return self.team.id if self.team is not None else self.enterprise.id if self.enterprise else ""

    def covers(self, team: Team | None) -> bool:
        """Whether it works in that workspace."""
        if self.org:
            return team is not None and team.enterprise is self.enterprise
        return team is self.team


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    ts: str
    channel: str
    user: str
    text: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    thread_ts: str | None = None
    subtype: str | None = None
    bot_id: str | None = None
    metadata: dict[str, Any] | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    edits: int = 0
    shows_edited: bool = False
    client_msg_id: str | None = None
    team: str | None = None
    seen_by: str | None = None  # ephemeral: the only person
    via: str | None = None  # how an ephemeral one came: chat.postEphemeral, response_url, ack
    posted_at: float = field(default_factory=time.time)

    @property
    def is_reply(self) -> bool:
        return self.thread_ts not in {None, self.ts}


@dataclass(slots=True, kw_only=True, eq=False)
class File:
    id: str
    name: str
    title: str
    size: int
    user: str
    team: str
    path: Path
    mimetype: str
    created: float = field(default_factory=time.time)
    upload_key: str | None = None  # the last part of its upload URL
    sha256: str | None = None
    length: int = 0  # announced
    uploaded: bool = False
    upload_ends_at: float = 0.0  # monotonic: a started upload that is not completed is dropped then
    completed_at: float | None = None
    received_at: float = 0.0  # monotonic: for a while after it, mimetype and size are empty
    silenced: bool = False  # alt_txt: never shared
    deleted: bool = False
    shares: list[tuple[str, str, str | None]] = field(default_factory=list)  # channel, ts, thread_ts
    host: str | None = None  # where its links lead instead
    remote: bool = False  # is_external


@dataclass(slots=True, kw_only=True, eq=False)
class View:
    id: str
    kind: str  # modal, home
    person: Person
    grant: Grant
    given: dict[str, Any]
    hash: str
    root: str = ""
    previous: str | None = None
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    trigger: str | None = None
    closed: str | None = None
    submitted: int = 0
    response_urls: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class Channel:
    id: str
    name: str
    kind: str
    team: Team
    members: set[str] = field(default_factory=set)
    messages: dict[str, Message] = field(default_factory=dict)
    ephemerals: list[Message] = field(default_factory=list)
    archived: bool = False
    restricted: bool = False  # only admins post: restricted_action
    file_posting_denied: bool = False
    teams: set[str] = field(default_factory=set)  # all that share it (Slack Connect)
    unheard: list[Message] = field(default_factory=list)  # mentions from before the bot was here
    person: Person | None = None  # of a direct message

    @property
    def is_ext_shared(self) -> bool:
        return len(self.teams) > 1


class World:
    """Everything there is, by id."""

    def __init__(self) -> None:
        self._last_ts = 0
        self.app_id = self.new_id("A")
        self.enterprises: dict[str, Enterprise] = {}
        self.teams: dict[str, Team] = {}
        self.people: dict[str, Person] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self.views: dict[str, View] = {}
        self.grants: list[Grant] = []

    def new_id(self, letter: str) -> str:
        return letter + "0" + "".join(secrets.choice(_LETTERS) for _ in range(9))

    def new_ts(self) -> str:
        """A time later than every other, as messages are named by."""
        self._last_ts = max(self._last_ts + 1, int(time.time() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def add_team(self, name: str, *, own_id: str | None = None, enterprise: Enterprise | None = None) -> Team:
        team_id = own_id or self.new_id("T")
        team = Team(id=team_id, name=name, domain=name.lower().replace(" ", "-"), enterprise=enterprise)
        self.teams[team.id] = team
        return team

    def add_channel(self, team: Team, name: str, kind: str = PUBLIC, **facts: Any) -> Channel:
        letter = "D" if kind == DM else "C"
        channel = Channel(id=facts.pop("own_id", None) or self.new_id(letter), name=name, kind=kind, team=team, **facts)
        channel.teams.add(team.id)
        self.channels[channel.id] = channel
        return channel

    def add_grant(
        self, scopes: list[str], *, token: str, name: str, team: Team | None, enterprise: Enterprise | None, org: bool
    ) -> Grant:
        """The app is installed; its bot user is the one it had there before, if any."""
        old = next(
            (one for one in self.grants if one.org == org and (one.team, one.enterprise) == (team, enterprise)), None
        )
        if old is not None and old.revoked is None:
            # Adding it again gives the same token, with what is allowed now on top.
            old.scopes = list(dict.fromkeys([*old.scopes, *scopes]))
            return old
        if old is not None:
            bot = old.bot
            self.grants.remove(old)
        else:
            bot = Person(id=self.new_id("U"), name=name, team=team, is_bot=True, bot_id=self.new_id("B"))
            self.people[bot.id] = bot
        assert bot.bot_id is not None
        grant = Grant(token=token, scopes=scopes, bot=bot, bot_id=bot.bot_id, team=team, enterprise=enterprise, org=org)
        self.grants.append(grant)
        return grant

    def grant_of(self, team: Team) -> Grant | None:
        """Where the app is installed for a workspace: by itself, else for its organisation."""
        alive = [one for one in self.grants if one.revoked is None and one.covers(team)]
        return min(alive, key=lambda one: one.org, default=None)

    def dm_with(self, person: Person, grant: Grant) -> Channel:
        """The direct messages of a person and the bot; made when there are none yet."""
        for channel in self.channels.values():
            if channel.kind == DM and channel.person is person and grant.bot.id in channel.members:
                return channel
        team = person.team if grant.org else grant.team
        assert team is not None
        return self.add_channel(team, "", DM, members={person.id, grant.bot.id}, person=person)

    def sees(self, person: Person, channel: Channel) -> bool:
        """Whether somebody may look into a channel."""
        if person.id in channel.members:
            return True
        return channel.kind == PUBLIC and person.team is channel.team and not person.is_restricted
