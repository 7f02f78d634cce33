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
        The job's id, or its first eight characters.
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
    from bot.jobs.states import FINAL, State

    async with session() as app:
        under_way = await app.stores.jobs.in_state(*(state for state in State if state not in FINAL))
        documents = [await app.service.describe(each) for each in under_way]
        show({"jobs": documents}, as_json=json, text=_list(under_way) or "Nothing is under way.")
    return 0


async def history(
    *words: str,
    user: str | None = None,
    state: str | None = None,
    limit: int = 20,
    cursor: str | None = None,
    json: Flag = False,
) -> int:
    """Search what was made, newest first.

    Parameters
    ----------
    words
        Words of the prompt; all must be there.
    user
        A person, like discord:1:7, api:admin or cli:local.
    state
        A state, like delivered or failed.
    limit
        How many, at most 100.
    cursor
        From the page before.
    json
        Print them as JSON.
    """
    from bot.cli.session import session
    from bot.errors import BadPrompt
    from bot.jobs.states import State

    if state is not None and state not in set(State):
        raise BadPrompt(f"There is no state {state!r}; the states are {', '.join(State)}.")
    async with session() as app:
        chosen = State(state) if state else None
        page = await app.stores.history.page(q=" ".join(words), person=user, state=chosen, limit=limit, cursor=cursor)
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
        The job's id, or its first eight characters.
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
        The job's id, or its first eight characters.
    decision
        `lost`: the provider never took it, the money is given back. `submitted`: it did.
    provider_job_id
        The provider's id of it, when you know it: then the clip is fetched.
    json
        Print the job as JSON.
    """
    from bot.cli.session import OPERATOR, session

    async with session() as app:
        wished = await app.service.actions.resolve(id, OPERATOR, decision=decision, provider_job_id=provider_job_id)
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
