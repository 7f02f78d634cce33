"""Application commands: what a bulk overwrite must look like, and what a person may call of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.emulators.discord_errors import Refused, invalid

if TYPE_CHECKING:
    from tests.emulators.discord_calls import Call, Reply
    from tests.emulators.discord_server import Discord

CHAT, USER, MESSAGE = 1, 2, 3
MAX_OF = {CHAT: 100, USER: 15, MESSAGE: 15}
CREATES_PER_DAY = 200
MAX_TOTAL_TEXT = 8000
LOCALES = set(
    "id da de en-GB en-US es-ES es-419 fr hr it lt hu nl no pl pt-BR ro fi sv-SE vi tr cs el bg ru uk hi th zh-CN ja "
    "zh-TW ko".split()
)
SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, NUMBER, ATTACHMENT = 1, 2, 3, 4, 5, 10, 11
_KEPT = "name name_localizations description description_localizations options default_member_permissions dm_permission nsfw type"


class Commands:
    """What is registered: globally (`None`), and per guild."""

    def __init__(self, discord: Discord) -> None:
        self._discord = discord
        self.by_scope: dict[str | None, list[dict[str, Any]]] = {None: []}
        self._created = 0

    async def overwrite(self, call: Call) -> Reply:
        """`PUT …/commands`: these, and no others."""
        self._own(call)
        guild_id = call.path.get("guild_id")
        if guild_id is not None and (guild_id not in self._discord.world.guilds):
            raise Refused(50001)
        given = call.body.payload
        for number, command in enumerate(given):
            _check_command(command, number, in_guild=guild_id is not None)
        names = [(command.get("type") or CHAT, command["name"]) for command in given]
        if len(set(names)) < len(names):
            raise invalid("", "APPLICATION_COMMANDS_DUPLICATE_NAME")
        for kind, most in MAX_OF.items():
            if sum(one == kind for one, _ in names) > most:
                raise Refused(30032)
        before = {(one["type"], one["name"]): one for one in self.by_scope.get(guild_id, [])}
        created = [name for name in names if name not in before]
        if guild_id is not None and self._created + len(created) > CREATES_PER_DAY:
            raise Refused(30034)
        self._created += len(created) if guild_id is not None else 0
        self.by_scope[guild_id] = [
            self._made(one, guild_id, before.get(name)) for one, name in zip(given, names, strict=True)
        ]
        names_only = [name for _, name in names]
        self._discord.journal.write("synced", guild=guild_id, names=names_only, created=len(created))
        return 200, self.by_scope[guild_id]

    async def list(self, call: Call) -> Reply:
        """`GET …/commands`."""
        self._own(call)
        return 200, self.by_scope.get(call.path.get("guild_id"), [])

    def _own(self, call: Call) -> None:
        if call.path["application_id"] != self._discord.world.app_id:
            raise Refused(50001)

    def _made(self, given: dict[str, Any], guild_id: str | None, before: dict[str, Any] | None) -> dict[str, Any]:
        made: dict[str, Any] = {name: given[name] for name in _KEPT.split() if given.get(name) is not None}
        made |= {"type": given.get("type") or CHAT, "description": given.get("description") or ""}
        permissions = given.get("default_member_permissions")
        made["default_member_permissions"] = None if permissions is None else str(permissions)
        made |= {"application_id": self._discord.world.app_id, "nsfw": bool(given.get("nsfw"))}
        if "options" in made:
            made["options"] = [_plain(option) for option in made["options"]]
        if guild_id is None:
            # `dm_permission: false` is the old word for contexts without direct messages; discord.py still says it.
            usual = [0] if given.get("dm_permission") is False else [0, 1, 2]
            made |= {"contexts": given.get("contexts") or usual}
            made |= {"integration_types": given.get("integration_types") or [0]}
        else:
            made["guild_id"] = guild_id
        old = {name: value for name, value in (before or {}).items() if name not in {"id", "version"}}
        if before is not None and old == made:
            return before
        new_id = self._discord.world.new_id()
        return made | {"id": before["id"] if before else new_id, "version": new_id}

    def find(self, name: str, kind: int, *, guild_id: str | None) -> dict[str, Any] | None:
        """The command a person would see under this name; a guild's own goes first."""
        for scope in (guild_id, None) if guild_id else (None,):
            for command in self.by_scope.get(scope, []):
                if command["name"] == name and command["type"] == kind:
                    return command
        return None


def _plain(option: dict[str, Any]) -> dict[str, Any]:
    """An option as the API shows it: without what is null."""
    shown = {name: value for name, value in option.items() if value is not None}
    if option.get("options"):
        shown["options"] = [_plain(one) for one in option["options"]]
    return shown


def _check_command(command: dict[str, Any], number: int, *, in_guild: bool) -> None:
    where = f"{number}.name"
    kind = command.get("type") or CHAT
    if kind not in MAX_OF:
        raise invalid(f"{number}.type", "no such type of command")
    _check_name(command["name"], where, chat=kind == CHAT)
    for locale, name in (command.get("name_localizations") or {}).items():
        _check_locale(locale, number)
        _check_name(name, f"{number}.name_localizations.{locale}", chat=kind == CHAT)
    for locale in command.get("description_localizations") or {}:
        _check_locale(locale, number)
    if (kind == CHAT) != bool(command.get("description")):
        raise invalid(f"{number}.description", "1 to 100 characters for slash commands, none for menus")
    if kind != CHAT and command.get("options"):
        raise invalid(f"{number}.options", "a menu command has no options")
    if in_guild and (command.get("contexts") or command.get("integration_types")):
        raise invalid(f"{number}.contexts", "for global commands only")
    if _length(command) > MAX_TOTAL_TEXT:
        raise invalid(f"{number}", f"longer than {MAX_TOTAL_TEXT} characters")
    _check_options(command.get("options") or [], f"{number}.options")


def _check_locale(locale: str, number: int) -> None:
    if locale not in LOCALES:
        raise invalid(f"{number}.name_localizations", f"unknown locale {locale}")


def _check_name(name: str, where: str, *, chat: bool) -> None:
    if chat and (not re.fullmatch(r"[-_'\w]{1,32}", name) or name != name.lower()):
        raise invalid(where, "APPLICATION_COMMAND_INVALID_NAME")
    if not 1 <= len(name) <= 32:
        raise invalid(where, "1 to 32 characters")


def _check_options(options: list[dict[str, Any]], where: str) -> None:
    names = [option["name"] for option in options]
    if len(set(names)) < len(names):
        raise invalid(where, "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS")
    optional_seen = False
    for number, option in enumerate(options):
        place = f"{where}.{number}"
        _check_name(option["name"], f"{place}.name", chat=True)
        for locale, name in (option.get("name_localizations") or {}).items():
            _check_locale(locale, number)
            _check_name(name, f"{place}.name_localizations", chat=True)
        if option.get("required") and optional_seen:
            raise invalid(place, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID")
        optional_seen = optional_seen or not option.get("required")
        if option.get("autocomplete") and option.get("choices"):
            raise invalid(place, "autocomplete excludes choices")
        choices = [choice["name"] for choice in option.get("choices") or []]
        if len(set(choices)) < len(choices):
            raise invalid(place, "APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_ALREADY_EXISTS")
        if option["type"] in {SUBCOMMAND, GROUP}:
            optional_seen = False
            _check_options(option.get("options") or [], f"{place}.options")


def _length(given: dict[str, Any]) -> int:
    """Names, descriptions and values together; the longest localization counts for each."""
    total = 0
    for name in ("name", "description"):
        texts = [given.get(name) or "", *(given.get(f"{name}_localizations") or {}).values()]
        total += max(map(len, texts))
    total += sum(len(choice["name"]) + len(str(choice["value"])) for choice in given.get("choices") or [])
    return total + sum(map(_length, given.get("options") or []))
