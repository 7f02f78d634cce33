"""The people of the emulated Slack, for tests: what they see, and what they do. Standard library only, no asyncio.

    world = SlackWorld(process.url)
    alice = world.person("Alice")
    asked = world.say(alice, world.channel("general"), world.mention("the cat blinks"), files=[("cat.png", png)])
    clip = world.until(lambda: world.shared("clip.mp4"))

Usable from any thread or process: it knows the URL, and no more. Messages are dicts as the API shows them, plus `channel`,
`edits`, `files` (whole, with `sha256`, `deleted`), `seen_by`, `via`, `metadata`, `bot`; views likewise, plus `closed`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.emulators.driver import File, Impossible, as_file, as_option
from tests.emulators.slack_walk import Page, walk
from tests.emulators.slack_wire import Wire
from tests.patience import PATIENCE_S

__all__ = ["Answer", "File", "Impossible", "Page", "SlackWorld"]


@dataclass(slots=True, kw_only=True)
class Answer:
    """How the app answered an interaction.

    `kind` is answered, refused (HTTP, not 2xx), or timeout when no acknowledgement came in time; `body` is what came with it.
    """

    world: SlackWorld = field(repr=False)
    interaction: str
    person: str
    kind: str
    status: int | None
    body: Any
    trigger_id: str
    views: list[dict[str, Any]]
    """What was opened with its trigger so far."""
    posts: list[dict[str, Any]]
    """What was posted to its response_url so far."""
    response_urls: list[str] = field(repr=False)

    def now(self) -> Answer:
        """The same, as it stands now."""
        return self.world._answer(self.world.do("answer", interaction=self.interaction))

    def view(self, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """The modal it opened, once it did."""
        view: dict[str, Any] = self.world.until(lambda: self.now().views, timeout_s, about="a modal")[-1]
        return view

    def post(self, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """The latest post to its response_url, once there is one."""
        post: dict[str, Any] = self.world.until(lambda: self.now().posts, timeout_s, about="a post")[-1]
        return post


class SlackWorld(Wire):
    """Everything a test asks of the emulated Slack. People, channels, workspaces are ids, messages are named by channel and ts."""

    # Workspaces

    def workspace(self, name: str, **facts: Any) -> dict[str, Any]:
        """Another workspace; facts: own_id, enterprise, installed. Its id, channels by name, token, bot."""
        team: dict[str, Any] = self.do("team", name=name, **facts)
        return team

    def show_workspace(self, team: str | None = None) -> dict[str, Any]:
        """The same of one that exists; of the first when none is named."""
        shown: dict[str, Any] = self.do("show_team", team=team)
        return shown

    def enterprise(self, name: str, own_id: str | None = None) -> str:
        """An organisation (Enterprise Grid); workspaces name it."""
        enterprise: str = self.do("enterprise", name=name, own_id=own_id)["id"]
        return enterprise

    def grant(
        self, team: str | None = None, *, scopes: Sequence[str] | None = None, org: bool = False
    ) -> dict[str, Any]:
        """Install without the OAuth walk; `org`: in the workspace's whole organisation. token, bot, key."""
        given: dict[str, Any] = self.do("install", team=team, scopes=scopes, org=org)
        return given

    def uninstall(self, team: str | None = None) -> None:
        """Somebody removes the app from a workspace (or organisation, by its id)."""
        self.do("uninstall", team=team)

    def scopes(self, *scopes: str, team: str | None = None) -> None:
        """Exactly these scopes for the installed token."""
        self.do("scopes", scopes=scopes, team=team)

    def install(self, base: str, person: str, **how: Any) -> Page:
        """Walk from `<base>/slack/install` through the page to the redirect; how: deny, org, wrong_state, no_cookie."""
        return walk(self, base, person, **how)

    # People

    def person(self, name: str, team: str | None = None, **facts: Any) -> str:
        """Somebody, also in `general`; facts: own_id, is_admin, is_owner, is_primary_owner, is_restricted, is_ultra_restricted,
        locale, tz, deleted."""
        person: str = self.do("person", name=name, team=team, **facts)["id"]
        return person

    def change_person(self, person: str, **facts: Any) -> None:
        """The same facts, and name."""
        self.do("change_person", person=person, **facts)

    # Channels

    def channel(self, name: str = "general", team: str | None = None) -> str:
        """The id of a channel that exists."""
        channel: str = self.show_workspace(team)["channels"][name]
        return channel

    def new_channel(self, name: str, *people: str, **facts: Any) -> str:
        """A channel with these people; facts: bot (False: not in it), private, team, own_id. Somebody of another organisation
        makes it a shared one (Slack Connect)."""
        channel: str = self.do("channel", name=name, people=people, **facts)["id"]
        return channel

    def join(self, channel: str, person: str) -> None:
        self.do("join", channel=channel, person=person)

    def leave(self, channel: str, person: str) -> None:
        self.do("leave", channel=channel, person=person)

    def invite_bot(self, channel: str, inviter: str | None = None) -> None:
        """The bot joins, and is told of the mentions that waited for it."""
        self.do("invite_bot", channel=channel, inviter=inviter)

    def remove_bot(self, channel: str) -> None:
        self.do("remove_bot", channel=channel)

    def change_channel(self, channel: str, **facts: Any) -> None:
        """archived, restricted (only admins post), file_posting_denied, name."""
        self.do("change_channel", channel=channel, **facts)

    def dm(self, person: str) -> str:
        """The direct messages of a person and the bot."""
        channel: str = self.do("dm", person=person)["id"]
        return channel

    # Messages

    def say(
        self,
        person: str,
        channel: str,
        text: str = "",
        *,
        files: Sequence[File] = (),
        thread: str | None = None,
        **facts: Any,
    ) -> dict[str, Any]:
        """A person's message. Facts: raw (the text as it is, not escaped), host (links of its files lead there, like
        `world.stranger`), remote (files are only linked: is_external)."""
        wish = {"text": text, "files": [as_file(one) for one in files], "thread": thread}
        message: dict[str, Any] = self.do("say", person=person, channel=channel, **wish, **facts)
        return message

    def mention(self, text: str = "") -> str:
        """The text with the bot mentioned in front."""
        return f"<@{self.bot}> {text}"

    def messages(self, channel: str, thread: str | None = None) -> list[dict[str, Any]]:
        """All there are, oldest first; of one thread with its root, when one is named."""
        messages: list[dict[str, Any]] = self.do("messages", channel=channel, thread=thread)
        return messages

    def message(self, channel: str, ts: str) -> dict[str, Any]:
        return next(one for one in self.messages(channel) if one["ts"] == ts)

    def from_bot(self, channel: str, thread: str | None = None) -> list[dict[str, Any]]:
        """What the bot wrote there, oldest first."""
        return [one for one in self.messages(channel, thread) if one["bot"]]

    def ephemerals(self, person: str) -> list[dict[str, Any]]:
        """What only this person was shown, oldest first; `via` says how it came."""
        ephemerals: list[dict[str, Any]] = self.do("ephemerals", person=person)
        return ephemerals

    def reactions(self, channel: str, ts: str) -> dict[str, list[str]]:
        """Who reacted, by emoji."""
        return {one["name"]: one["users"] for one in self.message(channel, ts).get("reactions", [])}

    def edit_message(self, person: str, channel: str, ts: str, text: str) -> None:
        self.do("edit_message", person=person, channel=channel, ts=ts, text=text)

    def delete_message(self, channel: str, ts: str) -> None:
        self.do("delete_message", channel=channel, ts=ts)

    def delete_file(self, file: str) -> None:
        self.do("delete_file", file=file)

    def files(self) -> list[dict[str, Any]]:
        """Every file there ever was: id, name, user, deleted, uploaded."""
        files: list[dict[str, Any]] = self.do("files")
        return files

    # Interactions. Each returns when it was acknowledged, or after the three seconds Slack waits.

    def slash(self, person: str, channel: str, command: str, text: str = "", **facts: Any) -> Answer:
        """A slash command, like `/animate`; with `thread` it is impossible."""
        return self._answer(self.do("slash", person=person, channel=channel, command=command, text=text, **facts))

    def shortcut(self, person: str, callback_id: str, message: dict[str, Any] | None = None) -> Answer:
        """A global shortcut; with a message, an entry of its menu."""
        place = {"channel": message["channel"], "ts": message["ts"]} if message else {}
        return self._answer(self.do("shortcut", person=person, callback_id=callback_id, **place))

    def press(
        self, person: str, where: dict[str, Any], label: str | None = None, *, value: Any = None, **wanted: Any
    ) -> Answer:
        """A button by its label, `action_id` or `block_id`, in a message, ephemeral, modal or Home; `value` chooses in a select."""
        place = {"channel": where["channel"], "ts": where["ts"]} if "ts" in where else {"view": where["id"]}
        wish = {"wanted": {"label": label, **wanted}, "value": as_option(value)}
        return self._answer(self.do("press", person=person, **place, **wish))

    def submit(self, person: str, fields: dict[str, Any] | None = None, view: dict[str, Any] | None = None) -> Answer:
        """The modal on top, with these fields by label, action id or block id; what is left out keeps what it shows. Texts,
        options by value or text, ids, lists of them; files are (name, bytes or path) or a list of such."""
        filled = {name: as_option(value) for name, value in (fields or {}).items()}
        return self._answer(self.do("submit", person=person, fields=filled, view=view and view["id"]))

    def close(self, person: str, *, everything: bool = False) -> Answer | None:
        """The modal on top, or all; an answer when the app asked to hear of it."""
        facts = self.do("close", person=person, everything=everything)
        return self._answer(facts) if facts else None

    def view(self, person: str) -> dict[str, Any] | None:
        """The modal on top."""
        view: dict[str, Any] | None = self.do("view", person=person)
        return view

    def open_home(self, person: str, tab: str = "home") -> dict[str, Any] | None:
        """Open the app's Home (or `messages`) tab; what it showed at that moment."""
        home: dict[str, Any] | None = self.do("open_home", person=person, tab=tab)
        return home

    def home(self, person: str) -> dict[str, Any] | None:
        """The Home tab as it is now."""
        home: dict[str, Any] | None = self.do("home", person=person)
        return home

    def wait_for(
        self, look: Callable[[dict[str, Any]], Any], channel: str, timeout_s: float = PATIENCE_S
    ) -> dict[str, Any]:
        """The first message of the bot's there that is as wanted."""
        found: list[dict[str, Any]] = self.until(
            lambda: [one for one in self.from_bot(channel) if look(one)], timeout_s, about="such a message"
        )
        return found[0]

    def _answer(self, facts: dict[str, Any]) -> Answer:
        return Answer(world=self, **facts)
