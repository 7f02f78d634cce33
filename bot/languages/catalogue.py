"""What was said, in a person's own language.

The catalogues are the `.po` files beside this module, read once each when first needed; until then nothing of Babel is
imported. A sentence without a translation stays English.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache
from gettext import GNUTranslations
from importlib.resources import files
from types import MappingProxyType

from bot.languages.said import Joined, Said, Value

LANGUAGES: Mapping[str, str] = MappingProxyType({"en": "English", "de": "Deutsch", "ja": "日本語"})
"""What people are answered in, each by its own name."""
ENGLISH = "en"
_BETWEEN = {"ja": {" ": "", ", ": "、", "; ": "、"}}
"""What stands between pieces where it is not what English has there."""
_SWAPPED = str.maketrans({",": ".", ".": ","})


def language_of(locale: str | None) -> str:
    """The language a chat's locale asks for: `de`, `de-DE` and `de_AT` are German; whatever we do not speak is English."""
    named = (locale or "").replace("_", "-").partition("-")[0].casefold()
    return named if named in LANGUAGES else ENGLISH


def in_language(text: str, locale: str | None) -> str:
    """The text as a person of this locale reads it; what was not said with `say` comes back unchanged."""
    language = language_of(locale)
    return text if language == ENGLISH else _told(text, language)


def load_catalogues() -> None:
    """Read every catalogue now, and not in the middle of somebody's first answer (some tens of milliseconds)."""
    for language in LANGUAGES:
        if language != ENGLISH:
            _catalogue(language)


def _told(text: str, language: str) -> str:
    if not isinstance(text, Said):
        return text
    if isinstance(text, Joined):
        between = _BETWEEN.get(language, {}).get(text.between, text.between)
        return between.join(_told(part, language) for part in text.parts)
    template = _template(text, language)
    values = {name: _spelt(value, language) for name, value in text.values.items()}
    try:
        return template.format_map(values)
    except (LookupError, ValueError):
        # A sentence that was kept by another version names other values.
        return text


def _template(said: Said, language: str) -> str:
    known = _catalogue(language)
    if said.plural is None:
        return known.gettext(said.msgid)
    return known.ngettext(said.msgid, said.plural, said.number or 0)


def _spelt(value: Value, language: str) -> object:
    if isinstance(value, str):
        return _told(value, language)
    return _German(value) if language == "de" else value


class _German:
    """A number that a template spells as Germans do: 1.500 and 2,5."""

    __slots__ = ("_number",)

    def __init__(self, number: float) -> None:
        self._number = number

    def __format__(self, spec: str) -> str:
        text = format(self._number, spec)
        return text.translate(_SWAPPED) if spec else text


@cache
def _catalogue(language: str) -> GNUTranslations:
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    written = files("bot.languages").joinpath("locale", f"{language}.po").read_bytes()
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(written), locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)
