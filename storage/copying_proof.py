"""Proving that two databases hold the same: every row compared in the order of its key, and the books added up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

import sqlalchemy as sa

from bot.errors import ConfigurationError, ReelbotError
from bot.jobs.states import UNFINISHED
from bot.money.amount import Money
from bot.money.ledger import Booking, EntryKind
from storage import tables
from storage.copying_rows import INDEX, MOVED, STREAMED, meta_of, rows_of

_jobs, _ledger, _sums = tables.jobs, tables.ledger, tables.ledger_sums
_BOOKED = ("workspace_scope", "channel_scope", "user_scope", "day", "month", "installation_day", "installation_month")


class CopyDiffers(ReelbotError):
    """What was copied is not what was read. Nothing was moved: the source goes on, and the copy cannot be started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The ledger of one database."""

    sums: dict[tuple[str, str], tuple[int, int]]
    """What the entries add up to, by scope and period: micro-USD and jobs."""
    unequal: tuple[tuple[str, str], ...]
    """Where the kept sum is another one."""
    entries: int
    held: Money
    """Reserved, and neither settled nor released."""
    charged: Money
    """Settled and corrected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was found equal on both sides."""

    rows: dict[str, tuple[int, int]]
    """By table: how many there, how many here."""
    unfinished: dict[str, int]
    indexed: int
    """Jobs that the history finds."""
    source: Books
    target: Books


def books_of(connection: sa.Connection) -> Books:
    """Add up a ledger, streaming."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    entries = 0
    chosen = sa.select(_ledger.c.delta_micro_usd, _ledger.c.delta_jobs, *(_ledger.c[name] for name in _BOOKED))
    for money, jobs, *booked in connection.execute(chosen, execution_options=STREAMED):
        entries += 1
        for key in Booking(**dict(zip(_BOOKED, booked, strict=True))).sums():
            so_far, count = sums.get(key, (0, 0))
            sums[key] = (so_far + money, count + jobs)
    kept = {(row.scope, row.period): (row.micro_usd, row.jobs) for row in connection.execute(sa.select(_sums))}
    nothing = (0, 0)
    unequal = tuple(sorted(key for key in kept | sums if kept.get(key, nothing) != sums.get(key, nothing)))
    closing = _ledger.alias()
    is_closed = sa.exists().where(closing.c.hold_id == _ledger.c.id)
    held = sa.select(sa.func.sum(_ledger.c.micro_usd)).where(_ledger.c.kind == EntryKind.HOLD.value, ~is_closed)
    kinds = [EntryKind.SETTLE.value, EntryKind.CORRECTION.value]
    charged = sa.select(sa.func.sum(_ledger.c.micro_usd)).where(_ledger.c.kind.in_(kinds))
    return Books(
        sums=sums,
        unequal=unequal,
        entries=entries,
        held=Money(int(connection.execute(held).scalar() or 0)),
        charged=Money(int(connection.execute(charged).scalar() or 0)),
    )


def require_balanced(books: Books) -> None:
    """Raise `ConfigurationError` for a ledger whose kept sums are not those of its entries."""
    if books.unequal:
        scope, period = books.unequal[0]
        raise ConfigurationError(
            f"The ledger of the source does not add up ({len(books.unequal)} sums, the first is {scope} in {period}); look "
            f"at `reelbot doctor` before you move it. Nothing was copied."
        )


def prove(source: sa.Connection, target: sa.Connection, books: Books, *, drop_nul: bool = False) -> Proof:
    """Compare everything. `books`: the source's. Raises `CopyDiffers` naming the first difference."""
    rows = {}
    for table in MOVED:
        rows[table.name] = _compare(table, source, target, drop_nul=drop_nul)
    if meta_of(source) != meta_of(target):
        raise CopyDiffers(_sentence("`meta` says something else"))
    copied = books_of(target)
    if copied != books:
        raise CopyDiffers(_sentence("the ledger adds up to something else"))
    unfinished = _unfinished(source)
    if _unfinished(target) != unfinished:
        raise CopyDiffers(_sentence("other jobs are unfinished"))
    return Proof(rows=rows, unfinished=unfinished, indexed=_compare_index(source, target), source=books, target=copied)


def _compare(table: sa.Table, source: sa.Connection, target: sa.Connection, *, drop_nul: bool) -> tuple[int, int]:
    compared = 0
    here: Iterator[object] = rows_of(source, table, drop_nul=drop_nul)
    for one, other in zip_longest(here, rows_of(target, table)):
        if one != other:
            raise CopyDiffers(_sentence(f"`{table.name}` differs in its row {compared + 1}, in the order of its key"))
        compared += 1
    counting = sa.select(sa.func.count()).select_from(table)
    counts = int(source.execute(counting).scalar_one()), int(target.execute(counting).scalar_one())
    if counts != (compared, compared):
        raise CopyDiffers(_sentence(f"{compared} rows of `{table.name}` were compared, and there are {counts}"))
    return counts


def _compare_index(source: sa.Connection, target: sa.Connection) -> int:
    counting = sa.text(f"SELECT count(*) FROM {INDEX}")
    there, here = source.execute(counting).scalar_one(), target.execute(counting).scalar_one()
    belongs = sa.text(
        f"SELECT count(*) FROM jobs LEFT JOIN {INDEX} USING (seq) "
        f"WHERE (jobs.erased_at IS NULL) <> ({INDEX}.seq IS NOT NULL)"
    )
    if there != here or target.execute(belongs).scalar_one():
        raise CopyDiffers(_sentence(f"the history finds {here} jobs instead of {there}"))
    return int(here)


def _unfinished(connection: sa.Connection) -> dict[str, int]:
    states = [state.value for state in UNFINISHED]
    query = sa.select(_jobs.c.state, sa.func.count()).where(_jobs.c.state.in_(states)).group_by(_jobs.c.state)
    return dict(sorted((str(state), int(count)) for state, count in connection.execute(query)))


def _sentence(what: str) -> str:
    return f"The copy is not the same as the source: {what}. Nothing was moved; run it again."
