"""`reelbot pause`, `resume`, `block`, `workspaces`, `config`, `doctor`, `db`: for operators."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from bot.cli.output import show, table

Flag = Annotated[bool, Parameter(negative=())]
EVERY_PROVIDER = "*"


async def pause(provider: str | None = None, *, json: Flag = False) -> int:
    """Start no new renders, at one provider or at all. Running ones finish.

    Parameters
    ----------
    provider
        A provider's name; without one, all of them.
    json
        Print the outcome as JSON.
    """
    from bot.cli.session import DECIDER, session

    async with session() as app:
        paused = await app.service.operating.pause(DECIDER, provider or EVERY_PROVIDER)
        text = f"Paused: {provider or 'every provider'}. `reelbot resume` goes on."
        show({"paused": list(paused)}, as_json=json, text=text)
    return 0


async def resume(provider: str | None = None, *, json: Flag = False) -> int:
    """Start renders again. Without a name it also ends the hold of a restored database.

    Parameters
    ----------
    provider
        A provider's name; without one, all of them.
    json
        Print the outcome as JSON.
    """
    from bot.cli.session import DECIDER, session

    async with session() as app:
        now = await app.service.operating.resume(DECIDER, provider or EVERY_PROVIDER)
        text = f"Still paused: {', '.join(now.paused)}." if now.paused else "Renders are started again."
        if now.held is not None:
            text = f"{now.held} `reelbot resume`, without a name, is what ends that."
        elif now.was_held is not None and not now.paused:
            text = "The hold is over: renders are started, paid and posted again."
        show({"paused": list(now.paused), "held": now.held}, as_json=json, text=text)
    return 0


async def block(user: str, *, undo: Flag = False, json: Flag = False) -> int:
    """Refuse a person's requests.

    Parameters
    ----------
    user
        The person, like discord:1:7.
    undo
        Lift the block.
    json
        Print the outcome as JSON.
    """
    from bot.cli.money import requester_of
    from bot.cli.session import DECIDER, session

    person = requester_of(user).person
    async with session() as app:
        operating = app.service.operating
        await (operating.unblock(DECIDER, person) if undo else operating.block(DECIDER, person))
        text = f"{person} may ask again." if undo else f"{person} is refused from now on."
        show({"user": person, "blocked": not undo}, as_json=json, text=text)
    return 0


async def workspaces_list(*, json: Flag = False) -> int:
    """List every server and workspace Reelbot has seen, and whether money may be spent there.

    Parameters
    ----------
    json
        Print them as JSON.
    """
    from bot.cli.session import session
    from bot.jobs.as_json import moment

    async with session() as app:
        known = await app.stores.workspaces.all()
        documents = [
            {
                "workspace": f"{each.platform}:{each.workspace}",
                "name": each.name,
                "permission": each.permission.value,
                "first_seen_at": moment(each.first_seen_at),
            }
            for each in known
        ]
        rows = [[str(each["workspace"]), str(each["permission"]), str(each["name"] or "")] for each in documents]
        text = table(["workspace", "paid models", "name"], rows) or "No server or workspace has been seen yet."
        show({"workspaces": documents}, as_json=json, text=text)
    return 0


async def workspaces_allow(workspace: str, *, json: Flag = False) -> int:
    """Allow paid models in a workspace.

    Parameters
    ----------
    workspace
        Like discord:1 or slack:T1.
    json
        Print the outcome as JSON.
    """
    return await _permit(workspace, "allowed", as_json=json)


async def workspaces_block(workspace: str, *, json: Flag = False) -> int:
    """Refuse everything from a workspace.

    Parameters
    ----------
    workspace
        Like discord:1 or slack:T1.
    json
        Print the outcome as JSON.
    """
    return await _permit(workspace, "blocked", as_json=json)


async def _permit(workspace: str, permission: str, *, as_json: bool) -> int:
    from bot.cli.session import DECIDER, session
    from bot.workspaces import Permission

    async with session() as app:
        await app.service.operating.permit(DECIDER, workspace, Permission(permission))
        show({"workspace": workspace, "permission": permission}, as_json=as_json, text=f"{workspace} is {permission}.")
    return 0


def config_show(*, json: Flag = False) -> int:
    """Show every setting, its value with secrets masked, and where it comes from.

    Parameters
    ----------
    json
        Print them as JSON.
    """
    from bot.settings import describe, load_settings

    rows = describe(load_settings())
    text = table(["setting", "value", "from"], [[str(r["name"]), str(r["value"]), str(r["source"])] for r in rows])
    show({"settings": rows}, as_json=json, text=text)
    return 0


def db_upgrade(*, json: Flag = False) -> int:
    """Bring the database to this version, after a backup. `run` does the same by itself.

    Parameters
    ----------
    json
        Print the outcome as JSON.
    """
    from bot.ground.choose import upgrade_database
    from bot.settings import load_settings

    revision, backup = upgrade_database(load_settings())
    text = f"The database is at schema {revision}." + (f" Backup: {backup}." if backup else "")
    show({"schema": revision, "backup": str(backup) if backup else None}, as_json=json, text=text)
    return 0


async def doctor(*, json: Flag = False) -> int:
    """Check the installation. Ends with 0 when nothing is broken, 1 when something is.

    Parameters
    ----------
    json
        Print the findings as JSON.
    """
    from bot.doctor.checks import examine

    findings = await examine()
    worst = 1 if any(each.status == "fail" for each in findings) else 0
    marks = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}
    lines = []
    for each in findings:
        lines.append(f"{marks[each.status]} {each.id}: {each.what}")
        if each.status != "ok":
            lines += [f"     why: {each.why}", f"     fix: {each.fix}"]
    show({"checks": [each.as_json() for each in findings]}, as_json=json, text="\n".join(lines))
    return worst
