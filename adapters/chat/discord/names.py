"""What commands, their options and the menu are called in German and Japanese; descriptions come from the catalogues.

Names stand here: Discord wants those of commands in small letters without spaces, at most 32 characters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import discord
from discord import app_commands

from bot.languages.catalogue import in_language, language_of
from bot.languages.said import Said

NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "de": {
        "animate": "animieren", "image": "bild", "prompt": "beschreibung", "model": "modell", "duration": "dauer",
        "resolution": "auflösung", "audio": "ton", "negative": "nicht", "seed": "startwert", "camera": "kamera",
        "motion": "bewegung", "expand": "ausschmücken", "Animate this": "Das animieren", "history": "verlauf",
        "search": "suche", "everyone": "alle", "quota": "kontingent", "jobs": "aufträge", "forget-me": "vergiss-mich",
        "my-data": "meine-daten", "settings": "einstellungen", "show": "zeigen", "language": "sprache",
        "answer": "antwort", "limit": "limit", "value": "wert", "here": "hier", "scope": "bereich", "per": "zeitraum",
        "usd": "usd", "clips": "clips", "role": "rolle", "member": "mitglied", "doctor": "diagnose",
    },
    "ja": {
        "animate": "動画にする", "image": "画像", "prompt": "説明", "model": "モデル", "duration": "長さ",
        "resolution": "解像度", "audio": "音声", "negative": "除外", "seed": "シード", "camera": "カメラ",
        "motion": "動き", "expand": "書き足し", "Animate this": "動画にする", "history": "履歴", "search": "検索",
        "everyone": "全員", "quota": "残り枠", "jobs": "実行中", "forget-me": "データ削除", "my-data": "マイデータ",
        "settings": "設定", "show": "表示", "language": "言語", "answer": "返信", "limit": "上限", "value": "値",
        "here": "ここだけ", "scope": "範囲", "per": "期間", "usd": "ドル", "clips": "本数", "role": "ロール",
        "member": "メンバー", "doctor": "診断",
    },
}  # fmt: skip
_NAMED: Final = frozenset(
    {
        app_commands.TranslationContextLocation.command_name,
        app_commands.TranslationContextLocation.group_name,
        app_commands.TranslationContextLocation.parameter_name,
    }
)


class Names(app_commands.Translator):
    """Tells Discord what to call our commands in a person's language."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """The text in that language; `None` leaves the English."""
        language = language_of(str(locale))
        if language not in NAMES:
            return None
        if context.location in _NAMED:
            return NAMES[language].get(string.message)
        text: Any = string.message
        if not isinstance(text, Said):
            return None
        told = in_language(text, language)
        return told[:100] if told != text else None
