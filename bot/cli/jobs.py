"""`reelbot job`, `jobs`, `history`, `cancel`, `resolve`: what was asked for, and what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from bot.cli.output import show, table

if TYPE_CHECKING:
    from bot.app import App
    from bot.jobs.model import Job

Flag = Annotated[bool, Parameter(negative=())]


async def job(id: str, *, json: Flag = False) -> int:  # noqa: A002 - the public name of the argument
    """Show one job.

    Parameters
    ----------
    id
        The job's id, or its first characters (eight at least).
    json
        Print it as JSON.
    """
    from bot.cli.session import session

    async with session() as app:
        found = await app.service.actions.find(id)
        document = await app.service.describe(found)
        lines = [f"{name}: {_short(value)}" for name, value in document.items() if value not in (None, [], False)]
        if not json:
            lines += [f"{event.at:%H:%M:%S} {event.state}" for event in await app.stores.jobs.events(found.id)]
        show(document, as_json=json, text="\n".join(lines))
    return 0


async def jobs(*, json: Flag = False) -> int:
    """List the jobs that are under way, oldest first.

    Parameters
    ----------
    json
        Print them as JSON.
    """
    from bot.cli.session import session
    from bot.jobs.states import UNFINISHED

    async with session() as app:
        under_way = await app.stores.jobs.in_state(*UNFINISHED)
        documents = [await app.service.describe(each) for each in under_way]
        show({"jobs": documents}, as_json=json, text=_list(under_way) or "Nothing is under way.")
    return 0


async def history(
    *words: str,
    user: str | None = None,
    workspace: str | None = None,
    channel: str | None = None,
    state: str | None = None,
    since: str | None = None,
    until: str | None = None,
    cost_min: str | None = None,
    cost_max: str | None = None,
    limit: int = 20,
    cursor: str | None = None,
    csv: Flag = False,
    json: Flag = False,
) -> int:
    """Search what was made, newest first.

    Parameters
    ----------
    words
        Words of the prompt; all must be there.
    user
        A person, like discord:1:7, api:admin or cli:local.
    workspace
        A workspace, like discord:1 or slack:T1.
    channel
        A channel, like discord:1:2.
    state
        A state, like delivered or failed.
    since
        The first day (UTC), like 2026-11-01.
    until
        The last day (UTC).
    cost_min
        Dollars charged, at least.
    cost_max
        Dollars charged, at most.
    limit
        How many, at most 100.
    cursor
        From the page before.
    csv
        Print everything that is found as CSV, however much it is.
    json
        Print them as JSON.
    """
    from dataclasses import asdict

    from bot.cli.session import session
    from bot.jobs.search import as_csv, read_search

    search = read_search(
        q=" ".join(words), user=user, workspace=workspace, channel=channel, state=state, since=since, until=until,
        cost_min=cost_min, cost_max=cost_max,
    )  # fmt: skip
    async with session() as app:
        if csv:
            async for piece in as_csv(app.stores.history, search):
                print(piece, end="")
            return 0
        page = await app.stores.history.page(**asdict(search), limit=limit, cursor=cursor)
        documents = [await app.service.describe(each) for each in page.jobs]
        text = _list(page.jobs) or "Nothing found."
        if page.next_cursor:
            text += f"\nMore: --cursor {page.next_cursor}"
        show({"jobs": documents, "next_cursor": page.next_cursor}, as_json=json, text=text)
    return 0


async def cancel(id: str, *, json: Flag = False) -> int:  # noqa: A002 - the public name of the argument
    """Cancel a job. Before it is submitted that is free; later it is asked of the provider where it can.

    Parameters
    ----------
    id
        The job's id, or its first characters (eight at least).
    json
        Print the job as JSON.
    """
    from bot.cli.session import OPERATOR, session

    async with session() as app:
        wished = await app.service.actions.cancel(id, OPERATOR)
        await _show_after(app, wished, as_json=json)
    return 0


async def resolve(
    id: str,  # noqa: A002 - the public name of the argument
    *,
    decision: Annotated[Literal["lost", "submitted"], Parameter(name="--as")],
    provider_job_id: str | None = None,
    json: Flag = False,
) -> int:
    """Decide about an unconfirmed job, after looking at the provider's own page.

    Parameters
    ----------
    id
        The job's id, or its first characters (eight at least).
    decision
        `lost`: the provider never took it, the money is given back. `submitted`: it did.
    provider_job_id
        The provider's id of it, when you know it: then the clip is fetched.
    json
        Print the job as JSON.
    """
    from bot.cli.session import DECIDER, session

    async with session() as app:
        operating = app.service.operating
        wished = await operating.resolve(DECIDER, id, decision=decision, provider_job_id=provider_job_id)
        await _show_after(app, wished, as_json=json)
    return 0


async def _show_after(app: App, wished: Job, *, as_json: bool) -> None:
    """Wait, briefly, for the engine to act on a wish; act ourselves where none runs."""
    import asyncio

    from bot.cards.messages import headline, price_line
    from bot.cli.session import carry_out_here

    await carry_out_here(app, wished.id)
    now = wished
    for _ in range(20):
        now = await app.stores.jobs.load(wished.id) or wished
        if not await app.stores.wishes.waiting(wished.id):
            break
        await asyncio.sleep(0.1)
    text = " ".join(part for part in (f"{headline(now)}.", now.note, price_line(now)) if part)
    show(await app.service.describe(now), as_json=as_json, text=text)


def _list(jobs: list[Job]) -> str:
    rows = [
        [each.id, each.state.value, each.requester.person, f"{each.created_at:%Y-%m-%d %H:%M}", _first_words(each)]
        for each in jobs
    ]
    return table(["id", "state", "who", "when (UTC)", "prompt"], rows)


def _first_words(job: Job) -> str:
    text = " ".join(job.prompt.split())
    return text if len(text) <= 50 else text[:49] + "…"


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(part)}" for name, part in value.items() if part not in (None, False))
    return str(value)
