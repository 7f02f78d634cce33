"""How often what goes wrong. All of it comes from the seed."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """Shares between 0 and 1: of all questions to the database, of all orders, of all jobs."""

    # The database, by question. What is done to a process strikes at or shortly after the question.
    database_error: float = 0.002
    """Nothing was written, and the caller is told of an error."""
    answer_lost: float = 0.001
    """Written, and the caller is told of an error."""
    late_commit: float = 0.0005
    """The caller is told of an error, and it is written seconds afterwards."""
    slow: float = 0.002
    """It takes seconds."""
    kill: float = 0.0006
    freeze: float = 0.0006
    stop: float = 0.0002
    """SIGTERM: five seconds to end."""

    # Orders at a provider.
    not_reached: float = 0.01
    never_arrives: float = 0.0015
    answer_to_order_lost: float = 0.005
    throttled: float = 0.003
    refused: float = 0.03
    # Questions to a provider.
    unavailable: float = 0.01
    unknown: float = 0.002
    # Renders.
    render_fails: float = 0.04
    stuck: float = 0.0003
    """The provider never finishes it."""
    forgotten: float = 0.0005
    """The provider does not know it any more once it is done."""
    cannot_tell: float = 0.08
    """A look-up cannot tell this attempt from others."""
    result_gone: float = 0.002
    charged_more: float = 0.01
    webhook: float = 0.85
    webhook_twice: float = 0.1

    # Posts.
    post_lost: float = 0.01
    post_answer_lost: float = 0.02
    post_delayed: float = 0.03
    post_refused: float = 0.01

    # People, by job.
    cancels: float = 0.08
    asks_twice: float = 0.02
    resends: float = 0.04
    resolves: float = 0.9
    """Of the unconfirmed ones, by an operator; the rest is left to the seven days."""
    resolves_wrongly: float = 0.1
    notice_lost: float = 0.01
    """Wake-ups that nobody hears."""

    def rougher(self, times: float) -> Chances:
        """So many times as often for what befalls workers and their database: for runs that are short."""
        often = ("database_error", "answer_lost", "late_commit", "slow", "kill", "freeze", "stop")
        return replace(self, **{name: times * getattr(self, name) for name in often})
