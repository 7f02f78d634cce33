"""Collect what is said into `bot/languages/locale/reelbot.pot`, and bring the translations up to it: `make messages`.

A sentence is `say("…")` or `say_n("…", "…", n)` anywhere in the packages, written out. Nothing that changes by itself
(dates, line numbers, names of machines) enters the files, so that they differ only where the sentences do. The command
line speaks English, and prints with a `say` of its own: it is left out.
"""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "bot" / "languages" / "locale"
TEMPLATE = LOCALE / "reelbot.pot"
TRANSLATED = ("de", "ja")
KEYWORDS: dict[str, tuple[int, ...] | None] = {"say": None, "say_n": (1, 2)}
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
        name = path.relative_to(ROOT).as_posix()
        for _line, message, comments, context in extract_from_file(
            "python", path, keywords=KEYWORDS, comment_tags=("Translators:",), strip_comment_tags=True
        ):
            found.add(message, locations=[(name, None)], auto_comments=comments, context=context)
    return found


def unwritten() -> list[str]:
    """Where something is said that is not written out, so that no catalogue can hold it."""
    wrong = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KEYWORDS):
                continue
            count = 2 if node.func.id == "say_n" else 1
            for each in node.args[:count]:
                if not (isinstance(each, ast.Constant) and isinstance(each.value, str)):
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    return wrong


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
