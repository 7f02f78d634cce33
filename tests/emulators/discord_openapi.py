"""Discord's own OpenAPI document as the judge of every request body we get and every answer we give.

The document is `data/discord-openapi.json` (MIT, from discord/discord-api-spec). Where the document and the real API are
known to differ, `LACKING` and `LOOSER` say so by name and with the reason; nothing else is let through, fields that the
document does not have included.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

DOCUMENT = Path(__file__).with_name("data") / "discord-openapi.json"

LACKING: dict[tuple[str, str], str] = {
    ("ApplicationCommandUpdateRequest", "nsfw"): "documented (Application Command Structure), missing in the document",
    ("MessageEditRequestPartial", "tts"): "discord.py sends it with every edit; Discord ignores it",
    ("IncomingWebhookUpdateRequestPartial", "tts"): "as above, for edits through a token",
    ("IncomingWebhookUpdateForInteractionCallbackRequestPartial", "tts"): "as above, for an UPDATE_MESSAGE answer",
    ("FileUploadComponentForModalRequest", "file_types"): "since 2026-08-05, newer than the document",
}
"""Fields that are right although their schema lacks them."""

LOOSER: dict[str, str] = {
    "MessageAttachmentRequest.id": "the document says snowflake; in uploads the API takes the file's number, 0, 1, …",
    "RatelimitedResponse.code": "required by the document; the rate limit page says `code?`, and most limits have none",
    "SnowflakeType": "in requests the API takes an id as a number too; discord.py sends replies and mentions so",
    "MessageReferenceType": "the document knows 0, a reply; 1, a forward, is in resources/message",
    "InnerErrors._errors.code": "the document says integer; the API says BASE_TYPE_REQUIRED and the like",
    "default_member_permissions": "the document takes an integer only; the API takes the number as text too",
}
"""Schemas that are stricter than the API, and loosened in `_loosen`."""

ABSENT_ROUTES: dict[str, str] = {
    "POST /attachments/refresh-urls": "undocumented by Discord, works for bots; answered and not judged",
}
"""Routes the document does not describe."""

FORMATS = {
    "date-time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"),
    "uri": re.compile(r"[a-z][a-z0-9+.-]*:\S+", re.IGNORECASE),
    "snowflake": re.compile(r"0|[1-9]\d{0,19}"),
}
INT32 = 2**31


class Judge:
    """Validators for the operations of the document, made when they are first asked for."""

    def __init__(self) -> None:
        document = json.loads(DOCUMENT.read_text())
        self._schemas: dict[str, Any] = document["components"]["schemas"]
        self._paths: dict[str, Any] = document["paths"]
        for name, schema in self._schemas.items():
            schema["$name"] = name
        _loosen(self._schemas)
        self._asking = _validator(self._schemas, numbers_for_ids=True)
        self._answering = _validator(self._schemas, numbers_for_ids=False)
        self._made: dict[tuple[str, str], Draft202012Validator | None] = {}

    def request(self, operation: str, body: Any) -> list[str]:
        """What is wrong with a request body; `operation` is like `POST /channels/{channel_id}/messages`."""
        return self._judge(operation, "request", body)

    def answer(self, operation: str, status: int, body: Any) -> list[str]:
        """What is wrong with an answer."""
        return self._judge(operation, str(status), body)

    def value(self, schema: str, value: Any) -> list[str]:
        """What is wrong with a value of one of the document's schemas."""
        if ("", schema) not in self._made:
            self._made["", schema] = self._answering(self._schemas[schema])
        validator = self._made["", schema]
        assert validator is not None
        return [_said(error) for error in validator.iter_errors(value)]

    def knows(self, operation: str) -> bool:
        """Whether the document has the operation."""
        method, path = operation.split(" ")
        return method.lower() in self._paths.get(path, {})

    def _judge(self, operation: str, part: str, body: Any) -> list[str]:
        if (operation, part) not in self._made:
            schema = self._schema(operation, part)
            kind = self._asking if part == "request" else self._answering
            self._made[operation, part] = None if schema is None else kind(schema)
        validator = self._made[operation, part]
        if validator is None:
            return [] if body is None else [f"{operation}: the document has no body here ({part})"]
        return [_said(error) for error in validator.iter_errors(body)]

    def _schema(self, operation: str, part: str) -> Any:
        method, path = operation.split(" ")
        described = self._paths[path][method.lower()]
        if part == "request":
            content = described.get("requestBody", {}).get("content", {})
        elif part in described["responses"]:
            content = described["responses"][part].get("content", {})
            if part == "429":
                return self._schemas["RatelimitedResponse"]
        else:
            return self._schemas["ErrorResponse"]
        return content.get("application/json", {}).get("schema")


@cache
def judge() -> Judge:
    """The one of this process."""
    return Judge()


def _said(error: ValidationError) -> str:
    deepest = error
    while deepest.context:
        # The alternative that came furthest is the one that was meant.
        deepest = max(deepest.context, key=lambda one: len(one.absolute_path))
    return f"{'.'.join(map(str, deepest.absolute_path)) or '(body)'}: {deepest.message[:300]}"


def _loosen(schemas: dict[str, Any]) -> None:
    """`LOOSER`, applied; and objects that are put together from parts made one, so that unknown fields show."""
    snowflake = schemas["MessageAttachmentRequest"]["properties"]["id"]
    schemas["MessageAttachmentRequest"]["properties"]["id"] = {"anyOf": [{"type": "integer", "minimum": 0}, snowflake]}
    for name in ("ErrorResponse", "RatelimitedResponse"):
        whole: dict[str, Any] = {"type": "object", "$name": name, "properties": {}, "required": []}
        for part in schemas[name].pop("allOf"):
            one = schemas[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
            whole["properties"] |= one["properties"]
            whole["required"] += one.get("required", [])
        schemas[name] = whole
    schemas["RatelimitedResponse"]["required"].remove("code")
    schemas["MessageReferenceType"]["oneOf"].append({"title": "FORWARD", "const": 1})
    leaf: dict[str, Any] = {"type": "object", "required": ["code", "message"]}
    leaf["properties"] = {"code": {"type": ["integer", "string"]}, "message": {"type": "string"}}
    schemas["InnerErrors"]["properties"]["_errors"]["items"] = leaf
    for name in ("ApplicationCommandUpdateRequest", "ApplicationCommandCreateRequest"):
        member = schemas[name]["properties"]["default_member_permissions"]
        schemas[name]["properties"]["default_member_permissions"] = {
            "anyOf": [member, {"type": "string", "pattern": "^[0-9]+$"}]
        }


def _validator(schemas: dict[str, Any], *, numbers_for_ids: bool) -> Any:
    """Draft 2020-12 with quick references, alternatives chosen by `type`, formats, and no unknown fields."""
    by_reference = {f"#/components/schemas/{name}": schema for name, schema in schemas.items()}
    allowed: dict[int, frozenset[Any] | None] = {}

    def kinds(schema: dict[str, Any]) -> frozenset[Any] | None:
        """The values of `type` an object of this schema may have; `None` when it does not say."""
        if id(schema) not in allowed:
            target = by_reference[schema["$ref"]] if "$ref" in schema else schema
            kind = target.get("properties", {}).get("type", {})
            allowed[id(schema)] = frozenset(kind["enum"]) if "enum" in kind else None
        return allowed[id(schema)]

    def reference(validator: Any, name: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if not (numbers_for_ids and name.endswith("/SnowflakeType") and _is_id(instance)):
            yield from validator.descend(instance, by_reference[name])

    def candidates(alternatives: list[Any], instance: Any) -> list[Any]:
        if not isinstance(instance, dict) or not isinstance(instance.get("type"), int):
            return alternatives
        fitting = [one for one in alternatives if (types := kinds(one)) is None or instance["type"] in types]
        return fitting or alternatives

    def one_of(validator: Any, alternatives: list[Any], instance: Any, schema: Any) -> Iterator[ValidationError]:
        if all("const" in one for one in alternatives):
            if not any(one["const"] == instance for one in alternatives):
                yield ValidationError(f"{instance!r} is none of {[one['const'] for one in alternatives][:30]}")
            return
        left = candidates(alternatives, instance)
        if len(left) == 1:
            yield from validator.descend(instance, left[0])
            return
        failures, fits = [], 0
        for index, one in enumerate(left):
            errors = list(validator.descend(instance, one, schema_path=index))
            failures += errors
            fits += not errors
        if fits != 1 and not (fits and "discriminator" not in schema and _overlapping(left)):
            yield ValidationError(f"{_short(instance)} fits {fits} of {len(left)} alternatives", context=failures)

    def any_of(validator: Any, alternatives: list[Any], instance: Any, schema: Any) -> Iterator[ValidationError]:
        left = candidates(alternatives, instance)
        if len(left) == 1:
            yield from validator.descend(instance, left[0])
            return
        failures = []
        for index, one in enumerate(left):
            errors = list(validator.descend(instance, one, schema_path=index))
            if not errors:
                return
            failures += errors
        yield ValidationError(f"{_short(instance)} fits no alternative", context=failures)

    def properties(validator: Any, known: dict[str, Any], instance: Any, schema: Any) -> Iterator[ValidationError]:
        if not isinstance(instance, dict):
            return
        for name, value in instance.items():
            if name in known:
                yield from validator.descend(value, known[name], path=name, schema_path=name)
            elif "additionalProperties" not in schema and (schema.get("$name", ""), name) not in LACKING:
                yield ValidationError(f"{schema.get('$name', 'this object')} has no field {name!r}")

    def format_(validator: Any, name: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(instance, str) and name in FORMATS and not FORMATS[name].fullmatch(instance):
            yield ValidationError(f"{instance!r} is not a {name}")
        if name == "int32" and isinstance(instance, int) and not -INT32 <= instance < INT32:
            yield ValidationError(f"{instance!r} is no int32")

    quick = {"$ref": reference, "oneOf": one_of, "anyOf": any_of, "properties": properties, "format": format_}
    return validators.extend(Draft202012Validator, quick)


def _is_id(instance: Any) -> bool:
    return isinstance(instance, int) and not isinstance(instance, bool) and 0 <= instance < 2**64


def _overlapping(alternatives: list[Any]) -> bool:
    # integer | string | null never overlap; references to enums of texts and snowflakes do, and mean no harm.
    return all("$ref" in one for one in alternatives)


def _short(instance: Any) -> str:
    text = json.dumps(instance)
    return text if len(text) <= 120 else text[:117] + "..."
