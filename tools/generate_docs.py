"""Write the pages that are drawn from the program: `make docs`. A test fails when one of them is out of date.

A page is either made whole, or holds `<!-- generated:NAME -->` … `<!-- end -->` parts in a text written by hand.
"""

from __future__ import annotations

import inspect
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot import errors
from bot.jobs.states import FINAL, TRANSITIONS, State
from bot.prompts.words import CAMERA_MOVES, MOTIONS
from bot.settings.describe import shown
from bot.settings.names import WELL_KNOWN, Setting, all_settings
from tools.telemetry_tables import cause_table, metric_table

ROOT = Path(__file__).resolve().parents[1]
NOTE = "<!-- Made by `make docs`; change the program instead. -->\n\n"


def pages() -> dict[Path, str]:
    """Every generated file and what it should hold."""
    found = {
        Path("docs/reference/settings.md"): settings_page(),
        Path("docs/reference/cli.md"): cli_page(),
        Path("docs/reference/http-api.md"): filled("docs/reference/http-api.md"),
        Path("docs/reference/error-codes.md"): filled("docs/reference/error-codes.md"),
        Path("docs/reference/prompt-words.md"): filled("docs/reference/prompt-words.md"),
        Path("docs/reference/metrics.md"): filled("docs/reference/metrics.md"),
        Path("docs/reference/alerts.md"): filled("docs/reference/alerts.md"),
        Path("docs/explanation/architecture.md"): filled("docs/explanation/architecture.md"),
        Path(".env.example"): dotenv_example(),
    }
    return {path: text for path, text in found.items() if text}


def filled(path: str) -> str:
    """The page as it stands, with its generated parts made anew."""
    text = (ROOT / path).read_text(encoding="utf-8")

    def part(match: re.Match[str]) -> str:
        return f"<!-- generated:{match[1]} -->\n{PARTS[match[1]]().strip()}\n<!-- end -->"

    return re.sub(r"<!-- generated:([\w-]+) -->\n.*?<!-- end -->", part, text, flags=re.DOTALL)


# --- settings -----------------------------------------------------------------------------------------------------


def settings_page() -> str:
    """The reference of settings."""
    lines = [
        "# Settings\n",
        NOTE.strip(),
        "",
        "A setting comes from the first of these that names it:",
        "",
        "1. a flag of the command",
        "2. the environment: `REELBOT_WEB__PORT=9000` (two underscores between section and name)",
        "3. a file, for secrets: `REELBOT_WEB__ADMIN_TOKEN_FILE=/run/secrets/admin` "
        "(naming both the secret and its file is an error)",
        "4. `.env` in the working directory, with the same names",
        "5. `reelbot.toml` in the working directory, then the one in the data directory: `port = 9000` under `[web]`",
        "6. the well-known names: " + ", ".join(f"`{name}`" for name in WELL_KNOWN),
        "7. the default",
        "",
        "An empty variable is not said. A name that begins with `REELBOT_` and is no setting stops the start, with "
        '"did you mean". Lists are separated by commas. `reelbot config show` prints every value and where it came '
        "from, with secrets masked. Every variable is read once, at the start.",
    ]
    section: str | None = None
    for setting in all_settings().values():
        if setting.section != section:
            section = setting.section
            lines += ["", f"## {section.rstrip('.') if section else 'General'}", ""]
            lines += ["| name | default | meaning |", "|---|---|---|"]
        lines.append(f"| `{setting.name}` | {_default(setting)} | {_meaning(setting)} |")
    return "\n".join(lines) + "\n"


def _default(setting: Setting) -> str:
    text = shown(setting.default, is_limit=setting.path[0] == "limits")
    return f"`{text}`" if text else "–"


def _meaning(setting: Setting) -> str:
    choices = _choices(setting.field.annotation)
    also = [f"One of {', '.join(f'`{one}`' for one in choices)}."] if choices else []
    also += ["Secret; `_FILE` works."] if setting.is_secret else []
    return " ".join([(setting.field.description or "").replace("|", "\\|"), *also])


def _choices(annotation: Any) -> list[str]:
    arguments = getattr(annotation, "__args__", ())
    if str(annotation).startswith("typing.Literal"):
        return [str(one) for one in arguments]
    return [choice for inner in arguments if not isinstance(inner, str) for choice in _choices(inner)]


def dotenv_example() -> str:
    """`.env.example`: every setting, commented out, with its default."""
    lines = ["# Copy to `.env` and take the # from the lines you need. Made by `make docs`."]
    section: str | None = None
    for setting in all_settings().values():
        if setting.section != section:
            section = setting.section
            lines += ["", f"# --- {section.rstrip('.') if section else 'General'} ---"]
        text = shown(setting.default, is_limit=setting.path[0] == "limits") or ""
        lines += [f"# {(setting.field.description or '')}", f"#{setting.name}={text}"]
    return "\n".join(lines) + "\n"


# --- errors -------------------------------------------------------------------------------------------------------


def error_classes() -> Iterator[type[errors.ReelbotError]]:
    """Every error a person may meet, in the order of the file."""
    for thing in vars(errors).values():
        if inspect.isclass(thing) and issubclass(thing, errors.ReelbotError):
            yield thing


def error_table() -> str:
    """Codes of our exceptions, with exit code and HTTP status."""
    rows: dict[str, str] = {}
    for each in error_classes():
        text = (each.__doc__ or "").partition("\n")[0].removeprefix("Root. ")
        if each is errors.ReelbotError:
            text = "Something unexpected went wrong; the log says what."
        rows.setdefault(each.code, f"| `{each.code}` | {text} | {each.exit_code} | {each.http_status} |")
    return "\n".join(["| code | what happened | exit code | HTTP |", "|---|---|---|---|", *rows.values()])


# --- states -------------------------------------------------------------------------------------------------------


def state_diagram() -> str:
    """The transition table as a picture."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> received"]
    for old, following in TRANSITIONS.items():
        lines += [f"    {old} --> {new}" for new in State if new in following]
    lines += [f"    {state} --> [*]" for state in State if state in FINAL]
    return "\n".join([*lines, "```"])


# --- words --------------------------------------------------------------------------------------------------------


def word_table() -> str:
    """The choices of prompt words."""
    return "\n".join(
        [
            "| word | choices |",
            "|---|---|",
            f"| `--camera` | {', '.join(f'`{move}`' for move in CAMERA_MOVES)} |",
            f"| `--motion` | {', '.join(f'`{one}`' for one in MOTIONS)} |",
        ]
    )


# --- commands and routes ------------------------------------------------------------------------------------------


def commands() -> list[tuple[str, ...]]:
    """Every command of the CLI, by its words."""
    from bot.cli.main import COMMANDS, GROUPS

    return [(name,) for name in COMMANDS] + [(group, name) for group, (_, inner) in GROUPS.items() for name in inner]


def cli_page() -> str:
    """Every command with its own help."""
    from rich.console import Console

    from bot.cli.main import app

    lines = [
        "# Commands\n",
        NOTE.strip(),
        "",
        "Every command takes `--json`: exactly one JSON document on standard output, also when it fails; everything "
        "else goes to standard error.",
        "",
        "| exit code | meaning |",
        "|---|---|",
        "| 0 | done |",
        "| 1 | failed |",
        "| 2 | the command line, the picture or the prompt cannot be used |",
        "| 69 | a service is not available |",
        "| 75 | try again later |",
        "| 78 | the settings or the data directory cannot be used |",
        "| 130 | interrupted |",
    ]
    for words in commands():
        console = Console(width=100, file=io.StringIO(), color_system=None, force_terminal=False, legacy_windows=False)
        app.help_print(list(words), console=console)
        text = console.file.getvalue()  # type: ignore[attr-defined]
        text = text.replace("\nEvery command takes --json: exactly one JSON document on stdout.\n", "")
        body = "\n".join(line.rstrip() for line in text.strip().splitlines())
        lines += ["", f"## reelbot {' '.join(words)}", "", "```text", body, "```"]
    return "\n".join(lines) + "\n"


def openapi() -> dict[str, Any]:
    """The API's own description, made without a running Reelbot."""
    from unittest.mock import MagicMock

    from adapters.chat.web.app import WebParts, create_web
    from adapters.chat.web.sign_in import SignInRule

    parts = WebParts(rule=SignInRule(token=None), readiness=MagicMock(), upload_limit_bytes=1)
    return create_web(MagicMock(), parts).openapi()


def route_table() -> str:
    """Every documented route of the JSON API."""
    rows = ["| route | does | takes |", "|---|---|---|"]
    for path, methods in openapi()["paths"].items():
        for method, route in methods.items():
            text = (route.get("description") or route.get("summary") or "").strip().partition("\n")[0]
            taken = ", ".join(f"`{one['name']}`" for one in route.get("parameters", []))
            rows.append(f"| `{method.upper()} {path}` | {text} | {taken or '–'} |")
    return "\n".join(rows)


PARTS = {
    "errors": error_table,
    "states": state_diagram,
    "words": word_table,
    "routes": route_table,
    "metrics": metric_table,
    "causes": cause_table,
}


def main() -> int:
    """Write what is out of date; say which."""
    for path, text in pages().items():
        file = ROOT / path
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
