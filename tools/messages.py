"""Collect what is said into `bot/languages/locale/reelbot.pot`, and bring the translations up to it: `make messages`.

A sentence is `say("…")` or `say_n("…", "…", n)` anywhere in the packages, written out; a comment above it that begins
with `Translators:` goes along. Read from the syntax tree, so that every Python finds the same. Nothing that changes by itself
(dates, line numbers, names of machines) enters the files, so that they differ only where the sentences do. The command
line speaks English, and prints with a `say` of its own: it is left out.
"""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "bot" / "languages" / "locale"
TEMPLATE = LOCALE / "reelbot.pot"
TRANSLATED = ("de", "ja")
SAYING = {"say": 1, "say_n": 2}
"""What says something, and how many templates it is given first."""
FOR_TRANSLATORS = "Translators:"
_LEFT_OUT = ("bot/cli", "bot/languages/locale")
_CHANGING = tuple(
    f'"{name}'
    for name in ("Report-Msgid", "POT-Creation", "PO-Revision", "Generated-By", "Last-Translator", "Language-Team")
)
_HEADER = "# What Reelbot says to people. Made by `make messages`; only `msgstr` is written by hand."


def sources() -> Iterator[Path]:
    """Every module that may say something to a person."""
    for package in ("bot", "adapters", "storage"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if not path.relative_to(ROOT).as_posix().startswith(_LEFT_OUT):
                yield path


def template() -> Catalog:
    """Everything that is said, in the order of the files."""
    found = Catalog(project="Reelbot", charset="utf-8", header_comment=_HEADER, fuzzy=False)
    for path in sources():
        name, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        for call in _calls(ast.parse(text)):
            if (message := _written_out(call)) is not None:
                found.add(message, locations=[(name, None)], auto_comments=_comment_above(call, text))
    return found


def unwritten() -> list[str]:
    """Where something is said that is not written out, so that no catalogue can hold it."""
    return [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in sources()
        for call in _calls(ast.parse(path.read_text(encoding="utf-8")))
        if _written_out(call) is None
    ]


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    """Every `say` and `say_n`, in the order in which they are written; also inside f-strings."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SAYING:
        yield node
    for child in ast.iter_child_nodes(node):
        yield from _calls(child)


def _written_out(call: ast.Call) -> str | tuple[str, ...] | None:
    assert isinstance(call.func, ast.Name)
    count = SAYING[call.func.id]
    told = [each.value for each in call.args[:count] if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    if len(told) < count:
        return None
    return told[0] if count == 1 else tuple(told)


def _comment_above(call: ast.Call, text: str) -> list[str]:
    """The comment right above, where it is written for translators."""
    lines, said = text.splitlines()[: call.lineno - 1], list[str]()
    while lines and (line := lines.pop().strip()).startswith("#"):
        said.insert(0, line.removeprefix("#").strip())
    told = " ".join(said)
    return [told.removeprefix(FOR_TRANSLATORS).strip()] if told.startswith(FOR_TRANSLATORS) else []


def merged(language: str, newest: Catalog) -> Catalog:
    """The translations there are, for what is said now; what is new is empty, and what is gone is left out."""
    path = LOCALE / f"{language}.po"
    known = read_po(io.BytesIO(path.read_bytes()), locale=language) if path.exists() else Catalog(locale=language)
    known.update(newest, no_fuzzy_matching=True)
    known.obsolete.clear()
    known.project, known.header_comment, known.fuzzy = newest.project, _HEADER, False
    return known


def written(catalogue: Catalog) -> str:
    """The file, without what changes by itself."""
    page = io.BytesIO()
    write_po(page, catalogue, width=120, include_lineno=False, ignore_obsolete=True)
    lines = page.getvalue().decode().splitlines()
    return "\n".join(line for line in lines if not line.startswith(_CHANGING)).strip() + "\n"


def pages() -> dict[Path, str]:
    """Every file of ours and what it should hold."""
    newest = template()
    return {TEMPLATE: written(newest)} | {
        LOCALE / f"{language}.po": written(merged(language, newest)) for language in TRANSLATED
    }


def main() -> None:
    """Write them, and say what is still to be translated."""
    if wrong := unwritten():
        raise SystemExit("not written out: " + ", ".join(wrong))
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    for language in TRANSLATED:
        missing = [each.id for each in merged(language, template()) if each.id and not _is_whole(each.string)]
        print(f"{language}: {len(missing)} missing")
        for each in missing:
            print(f"  {each!r}")


def _is_whole(string: object) -> bool:
    return all(string) if isinstance(string, tuple) else bool(string)


if __name__ == "__main__":
    main()
