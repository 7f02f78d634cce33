"""What the bot may do with an interaction: answer it once within three seconds, then use its token for fifteen minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.emulators.discord_bodies import without_nulls
from tests.emulators.discord_calls import Call, Reply
from tests.emulators.discord_errors import Refused, invalid
from tests.emulators.discord_interactions import AUTOCOMPLETE, COMMAND, MODAL_SUBMIT, Interaction
from tests.emulators.discord_rules import pings, walk
from tests.emulators.discord_state import EPHEMERAL, LOADING, Message

if TYPE_CHECKING:
    from tests.emulators.discord_server import Discord

KINDS = {4: "message", 5: "deferred", 6: "deferred-update", 7: "update", 8: "choices", 9: "modal"}
MAX_FOLLOWUPS_OF_TOKEN_ONLY = 5
_VALUE: dict[int, Any] = {3: str, 4: int, 10: (int, float)}


class Answers:
    """The callback, and the webhook routes behind a token."""

    def __init__(self, discord: Discord) -> None:
        self._discord = discord

    # The first answer

    async def callback(self, call: Call) -> Reply:
        """`POST /interactions/{id}/{token}/callback`."""
        interaction = self._discord.interactions.by_id.get(call.path["interaction_id"])
        if interaction is None or interaction.token != call.path["interaction_token"]:
            raise Refused(10062)
        if interaction.answer is not None:
            raise Refused(40060)
        if interaction.age_s > self._discord.settings["ack_s"]:
            raise Refused(10062)
        kind = KINDS.get(call.body.payload["type"])
        self._check_fits(interaction, kind)
        data = call.body.payload.get("data") or {}
        call.body.payload = data
        match kind:
            case "message":
                self._no_pings(data)
                interaction.original = self._create(interaction, call)
            case "deferred":
                interaction.original = self._defer(interaction, data)
            case "deferred-update":
                interaction.original = interaction.message
            case "update":
                interaction.original = self._update(interaction, call)
            case "choices":
                interaction.choices = self._choices(interaction, data)
            case "modal":
                _check_modal(data)
                interaction.modal = without_nulls(data)
        interaction.answer = kind
        original = interaction.original
        self._discord.journal.write(
            "interaction-answered",
            interaction=interaction.id,
            kind=kind,
            message=original and original.id,
            ephemeral=bool(original and original.seen_by),
        )
        interaction.answered.set()
        return (200, self._resource(interaction, call)) if call.flag("with_response") else (204, None)

    def _check_fits(self, interaction: Interaction, kind: str | None) -> None:
        """Refuse an answer that this kind of interaction does not take."""
        if kind is None:
            raise invalid("type", "not for interactions that came through the gateway")
        if (interaction.type == AUTOCOMPLETE) != (kind == "choices"):
            raise invalid("type", "autocomplete takes choices, and nothing else does")
        if kind == "modal" and interaction.type == MODAL_SUBMIT:
            raise invalid("type", "a form cannot answer a form")
        if kind in {"update", "deferred-update"} and interaction.message is None:
            raise invalid("type", "there is no message to update")

    def _check_thread(self, interaction: Interaction) -> None:
        if interaction.channel.is_thread and (interaction.channel.archived or interaction.channel.locked):
            raise Refused(50001 if interaction.only_token else 50083)

    def _create(self, interaction: Interaction, call: Call) -> Message:
        self._check_thread(interaction)
        flags = (call.body.payload or {}).get("flags") or 0
        hidden = bool(flags & EPHEMERAL) or interaction.forced_ephemeral
        command = {COMMAND: 23 if interaction.data.get("target_id") else 20}.get(interaction.type, 0)
        return self._discord.messages.create(
            interaction.channel,
            self._discord.world.bot,
            call.body,
            limit=interaction.limit,
            by="interaction",
            flags=EPHEMERAL if hidden else 0,
            seen_by=interaction.person.id if hidden else None,
            type=command if interaction.answer is None else 0,
            webhook=True,
            metadata=interaction.metadata(self._discord.shapes),
        )

    def _defer(self, interaction: Interaction, data: dict[str, Any]) -> Message | None:
        if unknown := set(data) - {"flags"}:
            self._discord.violation(f"defer: a deferral has flags only, not {sorted(unknown)}", data)
        if (data.get("flags") or 0) & ~EPHEMERAL:
            raise invalid("data.flags", "only EPHEMERAL can be decided when deferring")
        hidden = bool((data.get("flags") or 0) & EPHEMERAL) or interaction.forced_ephemeral
        return self._discord.messages.defer(interaction, hidden=hidden)

    def _update(self, interaction: Interaction, call: Call) -> Message:
        assert interaction.message is not None
        if call.body.payload:
            self._no_pings(call.body.payload)
        return self._edit(interaction, interaction.message, call)

    def _choices(self, interaction: Interaction, data: dict[str, Any]) -> list[dict[str, Any]]:
        choices: list[dict[str, Any]] = data.get("choices") or []
        kind = next(one["type"] for one in _options(interaction.data) if one.get("focused"))
        if not all(isinstance(one["value"], _VALUE[kind]) for one in choices):
            raise invalid("data.choices", "a choice's value has the type of its option")
        return choices

    def _resource(self, interaction: Interaction, call: Call) -> dict[str, Any]:
        original = interaction.original
        about: dict[str, Any] = {"id": interaction.id, "type": interaction.type}
        about["channel_id"] = interaction.channel.id
        if interaction.channel.guild_id:
            about["guild_id"] = interaction.channel.guild_id
        if original is not None:
            about["response_message_id"] = original.id
            about["response_message_loading"] = bool(original.flags & LOADING)
            about["response_message_ephemeral"] = original.seen_by is not None
        shown: dict[str, Any] = {"interaction": about}
        number = next(number for number, kind in KINDS.items() if kind == interaction.answer)
        if number in {4, 7} and original is not None:
            shown["resource"] = {"type": number, "message": self._discord.shapes.message(original)}
        return shown

    # The token

    def _by_token(self, call: Call) -> Interaction:
        if call.path["webhook_id"] != self._discord.world.app_id:
            raise Refused(10015)
        interaction = self._discord.interactions.by_token.get(call.path["webhook_token"])
        if interaction is None or interaction.age_s > self._discord.settings["token_lives_s"]:
            raise Refused(50027)
        if interaction.answer is None:
            raise Refused(10015)
        return interaction

    def _message(self, interaction: Interaction, call: Call) -> Message:
        wanted = call.path.get("message_id", "@original")
        if wanted == "@original":
            message = interaction.original
        else:
            message = interaction.channel.messages.get(wanted)
            mine = message is not None and (message.metadata or {}).get("id") == interaction.id
            message = message if mine or message is interaction.message else None
        if message is None or message.id not in interaction.channel.messages:
            raise Refused(10008)
        return message

    async def show(self, call: Call) -> Reply:
        return 200, self._discord.shapes.message(self._message(self._by_token(call), call))

    async def patch(self, call: Call) -> Reply:
        interaction = self._by_token(call)
        message = self._message(interaction, call)
        self._no_pings(call.body.payload or {})
        return 200, self._discord.shapes.message(self._edit(interaction, message, call))

    def _edit(self, interaction: Interaction, message: Message, call: Call) -> Message:
        self._check_thread(interaction)
        return self._discord.messages.edit(message, call.body, limit=interaction.limit, by="interaction")

    async def delete(self, call: Call) -> Reply:
        self._discord.messages.delete(self._message(self._by_token(call), call), by="interaction")
        return 204, None

    async def follow_up(self, call: Call) -> Reply:
        """`POST /webhooks/{app}/{token}`; right after a deferral it edits the original, an old habit of Discord's."""
        interaction = self._by_token(call)
        self._no_pings(call.body.payload)
        original = interaction.original
        if original is not None and original.flags & LOADING:
            return 200, self._discord.shapes.message(self._edit(interaction, original, call))
        if interaction.only_token and interaction.followups >= MAX_FOLLOWUPS_OF_TOKEN_ONLY:
            raise Refused(40094)
        message = self._create(interaction, call)
        interaction.followups += 1
        return 200, self._discord.shapes.message(message)

    def _no_pings(self, payload: dict[str, Any]) -> None:
        if (why := pings(payload)) is not None:
            self._discord.violation(f"interaction: {why}", payload)


def _options(data: dict[str, Any]) -> list[dict[str, Any]]:
    """All options of a command's data, those of subcommands included."""
    found = []
    for option in data.get("options", []):
        found += [option, *_options(option)]
    return found


def _check_modal(modal: dict[str, Any]) -> None:
    if not 1 <= len(modal["components"]) <= 5:
        raise invalid("data.components", "1 to 5 of them")
    ids = [one["custom_id"] for one in walk(modal["components"]) if one.get("custom_id")]
    if len(set(ids)) < len(ids):
        raise invalid("data.components", "a custom id cannot be duplicated")
