"""The `reelbot` command: reads the words, calls one command, turns its outcome into an exit code.

Exit codes: 0 done, 1 failed, 2 usage, 69 service unavailable, 75 try again, 78 configuration, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
from collections.abc import Sequence
from typing import Any

from cyclopts import App, CycloptsError

from bot import __version__

INTERRUPTED = 130
USAGE = 2
FAILED = 1

app = App(
    name="reelbot",
    version=__version__,
    help="Turn a picture and a sentence into a short video.",
    help_epilogue="Every command takes --json: exactly one JSON document on stdout.",
    help_format="plaintext",
    result_action="return_value",
)

COMMANDS: dict[str, tuple[str, str]] = {
    "animate": ("bot.cli.animate:animate", "Make a clip from a picture and a sentence."),
    "again": ("bot.cli.again:again", "Make another clip from one that exists: again, edit, extend, loop or frame."),
    "run": ("bot.cli.serve:run", "Run Reelbot: the web page, and the engine that makes clips."),
    "demo": ("bot.cli.serve:demo", "Make a sample clip without any account, then serve the studio."),
    "job": ("bot.cli.jobs:job", "Show one job."),
    "jobs": ("bot.cli.jobs:jobs", "List the jobs that are under way."),
    "history": ("bot.cli.jobs:history", "Search what was made, newest first."),
    "cancel": ("bot.cli.jobs:cancel", "Cancel a job."),
    "resolve": ("bot.cli.jobs:resolve", "Decide about an unconfirmed job: was it lost, or submitted?"),
    "quota": ("bot.cli.money:quota", "Show what is left of every budget that applies to you."),
    "pause": ("bot.cli.operate:pause", "Start no new renders, at one provider or at all; running ones finish."),
    "resume": ("bot.cli.operate:resume", "Start renders again."),
    "export": ("bot.cli.export:export", "Write out what is kept of a person, a workspace or everybody."),
    "delete": ("bot.cli.keeping:delete", "Erase one job with its picture, words and clip."),
    "delete-user": ("bot.cli.keeping:delete_user", "Forget a person."),
    "sweep": ("bot.cli.keeping:sweep", "Delete what is kept no longer; a running server does it daily."),
    "block": ("bot.cli.operate:block", "Refuse a person's requests (--undo lifts it)."),
    "backup": ("bot.cli.backup:backup", "Copy everything into one file, also while Reelbot runs."),
    "restore": ("bot.cli.backup:restore", "Put a backup back, into an empty data directory."),
    "doctor": ("bot.cli.operate:doctor", "Check the installation; says what is wrong and how to fix it."),
}
GROUPS: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "limits": (
        "Set, list and remove budgets and quotas.",
        {
            "list": ("bot.cli.money:limits_list", "Every limit in force."),
            "set": ("bot.cli.money:limits_set", "Set a limit for a scope."),
            "remove": ("bot.cli.money:limits_remove", "Remove a scope's own limits."),
        },
    ),
    "workspaces": (
        "Say where money may be spent.",
        {
            "list": ("bot.cli.operate:workspaces_list", "Every server and workspace Reelbot has seen."),
            "allow": ("bot.cli.operate:workspaces_allow", "Allow paid models in a workspace."),
            "block": ("bot.cli.operate:workspaces_block", "Refuse a workspace."),
        },
    ),
    "invite": (
        "Bring the bot into a chat.",
        {"discord": ("bot.cli.invite:discord", "Print the address that adds the bot to a Discord server.")},
    ),
    "tokens": (
        "Make and revoke personal tokens of the API.",
        {
            "list": ("bot.cli.tokens:tokens_list", "Every personal token, without its secret."),
            "add": ("bot.cli.tokens:tokens_add", "Make one; its secret is printed this once."),
            "revoke": ("bot.cli.tokens:tokens_revoke", "End one."),
        },
    ),
    "manifest": (
        "Describe the app to a chat.",
        {"slack": ("bot.cli.manifest:slack", "Print the manifest of a Slack app, ready to be pasted.")},
    ),
    "config": (
        "Look at the settings.",
        {"show": ("bot.cli.operate:config_show", "Every setting, where it comes from, secrets masked.")},
    ),
    "db": (
        "Look after the database.",
        {
            "upgrade": ("bot.cli.operate:db_upgrade", "Bring the database to this version, after a backup."),
            "copy": ("bot.cli.moving:db_copy", "Move the installation from SQLite to PostgreSQL, and prove it."),
        },
    ),
}

for _name, (_place, _help) in COMMANDS.items():
    app.command(_place, name=_name, help=_help)
for _group, (_help, _members) in GROUPS.items():
    _sub = App(name=_group, help=_help, help_format="plaintext", result_action="return_value")
    for _name, (_place, _text) in _members.items():
        _sub.command(_place, name=_name, help=_text)
    app.command(_sub)


def main(argv: Sequence[str] | None = None) -> None:
    """The entry point of the `reelbot` command."""
    sys.exit(execute(list(sys.argv[1:] if argv is None else argv)))


def execute(words: list[str]) -> int:
    """Run one command line; returns the exit code. Nothing but our own sentences reaches the person."""
    as_json = "--json" in words
    try:
        command, bound, _ignored = app.parse_args(words, exit_on_error=False, print_error=False)
        return _call(command, bound)
    except CycloptsError as error:
        from bot.cli.output import show_error

        message = " ".join(str(error).split()) or "This command line is not understood."
        show_error("usage", f"{message} See `reelbot --help`.", as_json=as_json)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has gone; there is nobody to tell.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        return _explain(error, as_json=as_json)


def _call(command: Any, bound: inspect.BoundArguments) -> int:
    outcome = command(*bound.args, **bound.kwargs)
    if inspect.iscoroutine(outcome):
        import asyncio

        outcome = asyncio.run(outcome)
    return outcome if isinstance(outcome, int) else 0


def _explain(error: Exception, *, as_json: bool) -> int:
    from bot.cli.output import fail, show_error
    from bot.errors import ReelbotError

    if isinstance(error, ReelbotError):
        return fail(error, as_json=as_json)
    if os.environ.get("REELBOT_LOG__LEVEL", "").lower() == "debug":
        raise error
    first_line = str(error).partition("\n")[0]
    message = (
        f"Something unexpected went wrong ({type(error).__name__}: {first_line}). "
        "Set REELBOT_LOG__LEVEL=debug to see where."
    )
    show_error("internal", message, as_json=as_json)
    return FAILED


if __name__ == "__main__":
    main()
