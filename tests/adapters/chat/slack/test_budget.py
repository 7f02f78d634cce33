"""How often cards of one workspace are updated: ends first, within what Slack takes."""

from __future__ import annotations

from adapters.chat.slack.budget import A_MINUTE, ALWAYS_FOR_PROGRESS, Budget
from tests.fakes.clock import FakeClock

SLACKS_OWN = 50
"""`chat.update` a minute, workspace and app."""


def a_busy_team(jobs: int) -> tuple[FakeClock, Budget]:
    clock = FakeClock()
    budget = Budget(clock)
    for number in range(jobs):
        budget.runs("T1", f"job-{number}")
    return clock, budget


def test_forty_running_jobs_leave_room_for_forty_ends_in_the_same_minute() -> None:
    """Whatever progress they reported before, every end is shown at once, within what Slack takes."""
    _, budget = a_busy_team(40)

    progress = sum(budget.take("T1", f"job-{number % 40}", urgent=False) == 0.0 for number in range(400))
    ends = sum(budget.take("T1", f"job-{number}", urgent=True) == 0.0 for number in range(40))

    assert ends == 40
    assert progress >= ALWAYS_FOR_PROGRESS
    assert progress + ends <= SLACKS_OWN


def test_a_single_job_may_use_almost_all_of_it_for_its_progress() -> None:
    """Nothing is kept back for jobs that do not run."""
    _, budget = a_busy_team(1)

    progress = sum(budget.take("T1", "job-0", urgent=False) == 0.0 for _ in range(100))

    assert progress == A_MINUTE - 1


async def test_progress_is_told_when_there_is_room_again() -> None:
    """The pause that is named is long enough, and no longer than a minute."""
    clock, budget = a_busy_team(40)
    while not (pause := budget.take("T1", "job-0", urgent=False)):
        pass

    await clock.advance(pause - 0.01)
    too_early = budget.take("T1", "job-0", urgent=False)
    await clock.advance(0.02)
    in_time = budget.take("T1", "job-0", urgent=False)

    assert 0 < pause <= 60
    assert too_early > 0
    assert in_time == 0.0


def test_what_has_ended_keeps_nothing_back() -> None:
    """Room goes to those that still run."""
    _, budget = a_busy_team(40)
    for number in range(40):
        budget.ended("T1", f"job-{number}")

    progress = sum(budget.take("T1", "another", urgent=False) == 0.0 for _ in range(100))

    assert progress == A_MINUTE - 1


def test_workspaces_do_not_share() -> None:
    """Slack counts each for itself."""
    _, budget = a_busy_team(40)
    while not budget.take("T1", "job-0", urgent=True):
        pass

    assert budget.take("T2", "elsewhere", urgent=False) == 0.0


async def test_no_minute_holds_more_than_slack_takes() -> None:
    """However updates are spread over time."""
    clock, budget = a_busy_team(10)
    sent: list[float] = []
    for step in range(3000):
        if not budget.take("T1", f"job-{step % 10}", urgent=step % 7 == 0):
            sent.append(clock.monotonic())
        await clock.advance(0.1)

    busiest = max(sum(1 for each in sent if at <= each < at + 60) for at in sent)

    assert 40 <= busiest <= SLACKS_OWN
