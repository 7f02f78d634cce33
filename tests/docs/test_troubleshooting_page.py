"""Every id that `reelbot doctor` can say has its place in the troubleshooting page, and no other is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from bot.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "howto" / "troubleshooting.md"

_EVENT = re.compile(r"^\| ((?:`[a-z_]+\.[a-z_]+`(?:, )?)+) \|", re.MULTILINE)


def ids_in(source: str) -> Iterator[str]:
    """What stands behind `id=` in every `Finding(…)`; whatever is only known at run time is written `*`."""
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        known = _assigned(function)
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Finding":
                [given] = [keyword.value for keyword in call.keywords if keyword.arg == "id"]
                yield from _texts(given, known)


def _assigned(function: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, ast.expr]:
    found: dict[str, ast.expr] = {}
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found[name] = value
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                found |= {
                    name.id: value for name, value in zip(names, values, strict=True) if isinstance(name, ast.Name)
                }
    return found


def _texts(given: ast.expr, known: dict[str, ast.expr]) -> list[str]:
    if isinstance(given, ast.Attribute) and given.attr == "code":
        return sorted(_codes(ConfigurationError))
    return [_text(given, known)]


def _text(given: ast.expr, known: dict[str, ast.expr]) -> str:
    match given:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part, known) for part in parts)
        case ast.FormattedValue(value=ast.Name(id=name)) | ast.Name(id=name):
            return _text(known[name], known) if name in known else "*"
    raise AssertionError(f"the test cannot read this id: {ast.unparse(given)}")


def _codes(kind: type[ConfigurationError]) -> set[str]:
    return {kind.code}.union(*(_codes(each) for each in kind.__subclasses__()))


def test_every_id_of_the_doctor_has_its_place_and_no_other_is_there() -> None:
    sources = [*(ROOT / "bot" / "doctor").glob("*.py"), *(ROOT / "adapters" / "chat").glob("*/doctor.py")]
    said = {found for source in sources for found in ids_in(source.read_text(encoding="utf-8"))}

    assert {"provider.*", "provider.*.key", "webhooks", "unconfirmed", "schema_too_new"} <= said, "the search is blind"
    headings = re.findall(r"^##+ `([^`]+)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(said)


def test_every_event_the_page_names_is_logged() -> None:
    named = [name for row in _EVENT.findall(PAGE.read_text(encoding="utf-8")) for name in re.findall(r"`(.+?)`", row)]
    files = [file for folder in ("bot", "adapters") for file in (ROOT / folder).rglob("*.py")]
    code = "".join(file.read_text(encoding="utf-8") for file in files)

    assert len(named) >= 8
    assert [name for name in named if f'"{name}"' not in code] == []
