"""The way from one process to the database, and the clock of one machine.

Every question takes time, and while it is on its way the process that asked may be frozen or killed: what was sent is
carried out all the same. An error may mean that nothing was written, that it was, or that it will be in some seconds.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from bot.errors import DatabaseUnavailable
from tests.simulation.chance import Chances
from tests.simulation.loop import NOBODY, Process, VirtualLoop

T = TypeVar("T")

MORNING = datetime(2026, 3, 2, 6, tzinfo=UTC)
"""When every simulation begins: no month ends within its days of work."""


class SkewedClock:
    """`bot.ports.Clock` of one machine: its wall clock is a little off, and is set now and then."""

    def __init__(self, loop: VirtualLoop, skew_s: float = 0.0) -> None:
        self._loop = loop
        self.skew_s = skew_s

    def now(self) -> datetime:
        return MORNING + timedelta(seconds=self._loop.time() + self.skew_s)

    def monotonic(self) -> float:
        return 1000.0 + self._loop.time()

    async def sleep(self, seconds: float) -> None:
        answer = self._loop.create_future()
        self._loop.call_later(seconds, wake, answer, context=NOBODY)
        await answer


class Wire:
    """The way from one process to the database and back."""

    def __init__(
        self,
        loop: VirtualLoop,
        process: Process,
        chances: Chances,
        rng: random.Random,
        strike: Callable[[Process, str], None],
        happened: Counter[str],
    ) -> None:
        """`strike` is called when something befalls the process just now: `kill`, `freeze` or `stop`."""
        self._loop = loop
        self._process = process
        self._random = rng.random
        self._strike = strike
        self._happened = happened
        shares = (
            ("database error", chances.database_error), ("answer lost", chances.answer_lost),
            ("late commit", chances.late_commit), ("slow answer", chances.slow),
            ("kill", chances.kill), ("freeze", chances.freeze), ("stop", chances.stop),
        )  # fmt: skip
        self._faults: list[tuple[float, str]] = []
        total = 0.0
        for what, share in shares:
            total += share
            self._faults.append((total, what))
        self._any_fault = total

    def read(self, question: Callable[..., T], *args: Any) -> Any:
        """Most answers to questions are there in no time."""
        drawn = self._random()
        answer = self._loop.create_future()
        if drawn < self._any_fault:
            self._go_wrong(drawn, answer, question, args, writes=False)
        elif drawn > 0.5:
            self._loop.call_soon(_carry_out, answer, question, args, context=NOBODY)
        else:
            self._loop.call_later(0.001 + 0.01 * drawn, _carry_out, answer, question, args, context=NOBODY)
        return answer

    def write(self, change: Callable[..., T], *args: Any) -> Any:
        """A commit takes some milliseconds."""
        drawn = self._random()
        answer = self._loop.create_future()
        if drawn < self._any_fault:
            self._go_wrong(drawn, answer, change, args, writes=True)
        else:
            self._loop.call_later(0.002 + 0.018 * drawn, _carry_out, answer, change, args, context=NOBODY)
        return answer

    def _go_wrong(
        self, drawn: float, answer: Any, change: Callable[..., Any], args: tuple[Any, ...], *, writes: bool
    ) -> None:
        what = next(what for until, what in self._faults if drawn < until)
        later, soon = self._loop.call_later, 0.03 * self._random()
        if what in ("kill", "freeze", "stop"):
            self._strike(self._process, what)
        else:
            self._happened[what] += 1
        match what:
            case "database error":
                later(soon, _fail, answer, context=NOBODY)
            case "answer lost":
                later(soon, _carry_out, None, change, args, context=NOBODY)
                later(soon, _fail, answer, context=NOBODY)
            case "late commit":
                later(soon, _fail, answer, context=NOBODY)
                if writes:
                    later(25 * self._random(), _carry_out, None, change, args, context=NOBODY)
            case "slow answer":
                later(20 * self._random(), _carry_out, answer, change, args, context=NOBODY)
            case _:
                later(soon, _carry_out, answer, change, args, context=NOBODY)


def wake(answer: Any) -> None:
    if not answer.done():
        answer.set_result(None)


def _fail(answer: Any) -> None:
    if not answer.done():
        answer.set_exception(DatabaseUnavailable("The database does not answer."))


def _carry_out(answer: Any, change: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """One transaction, whether or not anybody still waits for its answer."""
    try:
        result = change(*args)
    except Exception as error:
        # Whatever it is, it is for whoever asked.
        if answer is not None and not answer.done():
            answer.set_exception(error)
    else:
        if answer is not None and not answer.done():
            answer.set_result(result)
