"""`reelbot export`: everything that is kept of somebody, as JSON and media."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bot.cli.output import say, show

Flag = Annotated[bool, Parameter(negative=())]


async def export(
    *, user: str | None = None, workspace: str | None = None, out: Path | None = None, json: Flag = False
) -> int:
    """Write out what is kept of a person, a workspace, or everybody: `export.json`, and the files it names.

    Parameters
    ----------
    user
        A person, like discord:1:7, slack:T1:U2, api:admin or cli:local.
    workspace
        A workspace, like discord:1 or slack:T1.
    out
        Where to: a new .zip file, or a new directory. Left out, it is reelbot-export-….zip here.
    json
        Print the outcome as JSON.
    """
    from bot.cli.money import requester_of
    from bot.cli.session import session
    from bot.errors import BadPrompt
    from bot.keeping.export import Extent

    if user is not None and workspace is not None:
        raise BadPrompt("Name a user or a workspace, not both.")
    if workspace is not None and len([part for part in workspace.split(":") if part]) != 2:
        raise BadPrompt(f"{workspace!r} names no workspace; write it like discord:1 or slack:T1.")
    extent = Extent(person=requester_of(user).person if user else None, workspace=workspace)
    async with session() as app:
        stamp = f"{app.desk.clock.now():%Y%m%dT%H%M%SZ}"
        into = out or Path(f"reelbot-export-{extent.name.replace(':', '-')}-{stamp}.zip")
        done = await app.service.exporter.export(extent, into)
        document = {
            "path": str(done.path), "of": extent.name, "jobs": done.jobs, "files": done.files, "bytes": done.bytes,
            "missing": done.missing,
        }  # fmt: skip
        if done.missing:
            say(f"{len(done.missing)} files that the books name are not in the media store; see `missing`.")
        show(document, as_json=json, text=f"{done.path}: {done.jobs} jobs, {done.files} files.")
    return 0
