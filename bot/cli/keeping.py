"""`reelbot delete`, `delete-user`, `sweep`: erasing what nobody should keep any more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from bot.cli.output import say, show, table

if TYPE_CHECKING:
    from bot.app import App
    from bot.keeping.forgetting import Forgotten

Flag = Annotated[bool, Parameter(negative=())]
LOOK_EVERY_S = 1.0
LONGEST_WAIT_S = 30.0


async def delete(id: str, *, yes: Flag = False, json: Flag = False) -> int:  # noqa: A002 - the public name
    """Erase one job: its picture, its words, its clip and what was posted. Only its bookkeeping stays.

    Parameters
    ----------
    id
        The job's id, or its first characters (eight at least).
    yes
        Really.
    json
        Print the outcome as JSON.
    """
    from bot.cli.session import OPERATOR, session

    async with session() as app:
        job = await app.service.actions.find(id)
        _require_yes(yes, f"This erases job {job.id} for good")
        done = await _carry_out(app, await app.service.forgetting.delete(job, OPERATOR))
        show(_as_json(done) | {"job": job.id}, as_json=json, text="\n".join(_sentences(done)))
    return 0


async def delete_user(user: str, *, yes: Flag = False, json: Flag = False) -> int:
    """Forget a person: cancel what waits, erase what is done, take the name out of the ledger.

    Parameters
    ----------
    user
        The person, like discord:1:7, slack:T1:U2, api:admin or cli:local.
    yes
        Really.
    json
        Print the outcome as JSON.
    """
    from bot.cli.money import requester_of
    from bot.cli.session import session

    person = requester_of(user).person
    _require_yes(yes, f"This erases everything of {person} for good")
    async with session() as app:
        done = await _carry_out(app, await app.service.forgetting.forget(person))
        document = _as_json(done) | {"user": person}
        show(document, as_json=json, text="\n".join([*_sentences(done), *done.remains()]))
    return 0


async def sweep(*, yes: Flag = False, dry_run: Flag = False, json: Flag = False) -> int:
    """Delete what is kept no longer (REELBOT_RETENTION__…). A running server does it daily by itself.

    One run deletes at most a fifth of a kind, and nothing while the clock is in doubt.

    Parameters
    ----------
    yes
        Delete all of it, and by the clock as it is.
    dry_run
        Only say what would be deleted.
    json
        Print the outcome as JSON.
    """
    from bot.cli.session import session

    async with session() as app:
        swept = await app.service.sweeper.sweep(everything=yes, dry_run=dry_run)
        if not dry_run and swept.doubt is None:
            await _until_files_are_gone(app)
        kinds = {
            kind.value: {"kept": each.kept, "expired": each.expired, "deleted": each.deleted, "left": each.left}
            for kind, each in swept.kinds.items()
        }
        rows = [[kind, *map(str, each.values())] for kind, each in kinds.items()]
        text = table(["kind", "kept", "expired", "deleted", "left"], rows) or "Everything is kept for ever."
        text += f"\n{swept.orphans} files that nothing named{'' if dry_run or swept.doubt else ' were removed'}."
        if any(each.left for each in swept.kinds.values()) and not (dry_run or swept.doubt):
            say("One run deletes at most a fifth of a kind; the rest follows daily, or now with --yes.")
        if swept.doubt:
            say(swept.doubt)
        show({"kinds": kinds, "orphans": swept.orphans, "doubt": swept.doubt}, as_json=json, text=text)
    return 75 if swept.doubt and not dry_run else 0


def _require_yes(yes: bool, what: str) -> None:
    from bot.errors import BadPrompt

    if not yes:
        raise BadPrompt(f"{what}: say it once more with --yes.")


async def _carry_out(app: App, done: Forgotten) -> Forgotten:
    """With no engine running, end here what can be ended; then wait for files that are too young to be removed."""
    from dataclasses import replace

    from bot.cli.session import carry_out_here

    for job_id in done.under_way:
        await carry_out_here(app, job_id)
    still = []
    for job_id in done.under_way:
        job = await app.stores.jobs.load(job_id)
        if job is not None and job.erased_at is None:
            still.append(job_id)
    left = await _until_files_are_gone(app)
    erased = done.erased + len(done.under_way) - len(still)
    return replace(done, erased=erased, under_way=tuple(still), files_left=left)


async def _until_files_are_gone(app: App) -> int:
    left, waited = await app.service.forgetting.finish(), 0.0
    if left:
        say("Files that were stored within the last seconds are removed in a moment.")
    while left and waited < LONGEST_WAIT_S:
        await asyncio.sleep(LOOK_EVERY_S)
        waited += LOOK_EVERY_S
        left = await app.service.forgetting.finish()
    return left


def _sentences(done: Forgotten) -> list[str]:
    jobs = "1 job was" if done.erased == 1 else f"{done.erased} jobs were"
    posts = "1 post" if done.posts_deleted == 1 else f"{done.posts_deleted} posts"
    return [f"{jobs} erased, and {posts} deleted."]


def _as_json(done: Forgotten) -> dict[str, object]:
    return {
        "erased": done.erased,
        "under_way": list(done.under_way),
        "posts_deleted": done.posts_deleted,
        "posts_left": list(done.posts_left),
        "files_shared": done.files_shared,
        "files_left": done.files_left,
        "remains": list(done.remains()),
    }
