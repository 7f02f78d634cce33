"""What operators and team leads decide: each is checked for who may, done, and written to the audit trail; or none of it.

Alice leads her team, Bob is a member of it, Mallory leads another one; Olga operates.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.acts import ACTS
from bot.deciding import Decider, home_of
from bot.errors import BadPrompt, DeliveryRefused, NotAllowed, NotFound, ReelbotError, TooLate, Unconfirmed
from bot.jobs.model import Job
from bot.jobs.states import State
from bot.money.amount import Money
from bot.money.limits import UNLIMITED, Limit, Period
from bot.operating import Operating
from bot.people import Act, Role, TokenScope
from bot.workspaces import Permission
from tests.factories import BOB as TEAM_MATE
from tests.house import House, a_house

OLGA = Decider(person="api:admin", role=Role.OPERATOR)
LEAD = Decider(person="judge:team:alice", role=Role.TEAM_LEAD, home=("judge", "team"))
BOB = Decider(person="judge:team:bob", role=Role.MEMBER, home=("judge", "team"))
MALLORY = Decider(person="judge:elsewhere:mallory", role=Role.TEAM_LEAD, home=("judge", "elsewhere"))
UMA = Decider(person="slack:T1:U2", role=Role.MEMBER, home=("slack", "T1"))
TEAM = "workspace:judge:team"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as found:
        yield found


def a_limit(scope: str = TEAM, period: Period = Period.MONTH, **figures: int | None) -> Limit:
    return Limit(scope=scope, period=period, **figures)


async def acts(house: House) -> list[Act]:
    """Oldest first."""
    return (await house.app.stores.audit.page())[::-1]


async def the_act(house: House) -> tuple[str, str, str]:
    """Who did what to what, there being one act."""
    (act,) = await acts(house)
    return act.by, act.action, act.subject


async def unconfirmed(house: House) -> Job:
    house.provider.answers = [Unconfirmed("the answer was lost")]
    return await house.run(await house.ask(), hours=0.1)


async def undelivered(house: House, **request: object) -> Job:
    house.courier.failures = [DeliveryRefused("Reelbot may not post there.")]
    return await house.run(await house.ask(**request))


# --- what is the operators' alone -----------------------------------------------------------------------------------------

OPERATORS_OWN: dict[str, Callable[[Operating, Decider], Awaitable[object]]] = {
    "pause": lambda operating, by: operating.pause(by),
    "resume": lambda operating, by: operating.resume(by),
    "permit": lambda operating, by: operating.permit(by, "judge:team", Permission.ALLOWED),
    "block": lambda operating, by: operating.block(by, "discord:1:7"),
    "unblock": lambda operating, by: operating.unblock(by, "discord:1:7"),
    "give_role": lambda operating, by: operating.give_role(by, "judge:team:bob", Role.OPERATOR),
    "end_sessions": lambda operating, by: operating.end_sessions(by, "api:somebody"),
    "resolve": lambda operating, by: operating.resolve(by, "none", decision="lost"),
    "correct": lambda operating, by: operating.correct(by, "none", Money(1), "why"),
    "make_token": lambda operating, by: operating.make_token(by, "alice", [TokenScope.READ]),
    "installation limit": lambda operating, by: operating.set_limit(by, a_limit("installation", jobs=1)),
    "everybody's limit": lambda operating, by: operating.set_limit(by, a_limit("user:default", jobs=1)),
    "workspaces' limit": lambda operating, by: operating.set_limit(by, a_limit("workspace:default", jobs=1)),
    "limit of the operator's own": lambda operating, by: operating.set_limit(by, a_limit("user:api:admin", jobs=1)),
    "removing a budget": lambda operating, by: operating.remove_limits(by, TEAM),
}


@pytest.mark.parametrize("who", [LEAD, BOB, MALLORY], ids=["lead", "member", "lead of another"])
async def test_nobody_else_decides_what_is_the_operators(house: House, who: Decider) -> None:
    """Each is refused, nothing is changed, and nothing stands in the trail."""
    decided = []
    for what, deed in OPERATORS_OWN.items():
        try:
            await deed(house.app.service.operating, who)
        except (NotAllowed, NotFound):
            continue
        decided.append(what)

    assert decided == []
    assert await acts(house) == []
    assert await house.app.stores.health.paused() == []
    assert await house.app.stores.limits.stored() == []
    assert await house.app.stores.tokens.all() == []


# --- providers -----------------------------------------------------------------------------------------------------------


async def test_a_pause_and_its_end_are_in_the_trail(house: House) -> None:
    """Who paused which provider, and who resumed it."""
    operating = house.app.service.operating

    assert await operating.pause(OLGA, "judge") == ("judge",)
    resumed = await operating.resume(OLGA, "judge")

    assert (resumed.paused, resumed.was_held, resumed.held) == ((), None, None)
    assert [(act.action, act.subject) for act in await acts(house)] == [
        ("provider.paused", "judge"),
        ("provider.resumed", "judge"),
    ]


async def test_a_provider_there_is_not_cannot_be_paused(house: House) -> None:
    """A slip of the pen is named, and leaves no trace."""
    with pytest.raises(BadPrompt, match="There is no provider 'judges' here; there is: judge"):
        await house.app.service.operating.pause(OLGA, "judges")

    assert await acts(house) == []


async def test_only_resuming_everything_ends_a_hold(house: House) -> None:
    """A restored database stays held until somebody resumes all of it; the trail says that this was what they ended."""
    held: list[str | None] = ["This database is held: it was restored."]

    async def why() -> str | None:
        return held[0] if "*" in await house.app.stores.health.paused() else None

    service = house.app.service
    operating = Operating(service.stores, service.actions, service.forgetting, ("judge",), why)
    await house.app.stores.health.pause("*", "restore")

    one = await operating.resume(OLGA, "judge")
    everything = await operating.resume(OLGA)

    assert one.held == one.was_held == held[0]
    assert (everything.was_held, everything.held) == (held[0], None)
    assert [act.details for act in await acts(house)] == [{}, {"held": held[0]}]


# --- workspaces and people ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("permission", "action"),
    [
        (Permission.ALLOWED, "workspace.allowed"),
        (Permission.BLOCKED, "workspace.blocked"),
        (Permission.PENDING, "workspace.withdrawn"),
    ],
)
async def test_a_workspace_is_allowed_blocked_or_set_back(house: House, permission: Permission, action: str) -> None:
    """Also one that was never seen."""
    await house.app.service.operating.permit(OLGA, "slack:T9", permission)

    assert await the_act(house) == ("api:admin", action, "slack:T9")
    (known,) = [each for each in await house.app.stores.workspaces.all() if each.workspace == "T9"]
    # The settings of this house allow every workspace that only waits.
    assert known.permission is (Permission.ALLOWED if permission is Permission.PENDING else permission)


@pytest.mark.parametrize("word", ["slack", "slack:", ":T1", "slack:T1:U2", ""])
async def test_what_names_no_workspace_is_refused(house: House, word: str) -> None:
    """With a sentence that says how one is written."""
    with pytest.raises(BadPrompt, match="write it like discord:1 or slack:T1"):
        await house.app.service.operating.permit(OLGA, word, Permission.ALLOWED)


async def test_a_person_is_blocked_and_unblocked(house: House) -> None:
    """From the next request on; and nobody blocks themselves by a slip."""
    operating, workspaces = house.app.service.operating, house.app.stores.workspaces

    await operating.block(OLGA, "discord:1:7")
    was_blocked = await workspaces.is_blocked("discord:1:7")
    await operating.unblock(OLGA, "discord:1:7")
    with pytest.raises(BadPrompt):
        await operating.block(OLGA, OLGA.person)

    assert was_blocked
    assert not await workspaces.is_blocked("discord:1:7")
    assert [act.action for act in await acts(house)] == ["person.blocked", "person.unblocked"]


async def test_a_role_is_given_to_somebody_who_signed_in(house: House) -> None:
    """The trail has the role before; nobody changes their own, and nobody who never signed in has one."""
    operating = house.app.service.operating
    await house.app.stores.members.sign_in("slack:T1:U2", name="Uma", role=Role.MEMBER)

    member = await operating.give_role(OLGA, "slack:T1:U2", Role.TEAM_LEAD)
    with pytest.raises(NotFound):
        await operating.give_role(OLGA, "slack:T1:U3", Role.TEAM_LEAD)
    with pytest.raises(BadPrompt):
        await operating.give_role(Decider(person="slack:T1:U2", role=Role.OPERATOR), "slack:T1:U2", Role.VIEWER)

    assert member.role is Role.TEAM_LEAD
    (act,) = await acts(house)
    assert (act.action, act.details) == ("role.given", {"role": "team_lead", "was": "member"})


async def test_everybody_may_end_their_own_sessions(house: House) -> None:
    """And only operators those of others (above)."""
    await house.app.stores.members.sign_in("judge:team:bob", name="Bob", role=Role.MEMBER)
    await house.clock.advance(60)

    await house.app.service.operating.end_sessions(BOB, "judge:team:bob")

    member = await house.app.stores.members.load("judge:team:bob")
    assert member is not None
    assert member.sessions_from == house.clock.now()
    assert await the_act(house) == ("judge:team:bob", "sessions.ended", "judge:team:bob")


# --- limits ---------------------------------------------------------------------------------------------------------------


async def stored(house: House) -> set[tuple[str, str, int | None, int | None]]:
    found = await house.app.stores.limits.stored()
    return {(each.scope, each.period.value, each.micro_usd, each.jobs) for each in found}


async def test_an_operator_sets_exactly_what_they_say(house: House) -> None:
    """A figure that is not said is not set; the trail has what was stored before."""
    operating = house.app.service.operating
    await operating.set_limit(OLGA, a_limit(micro_usd=5_000_000, jobs=9))

    await operating.set_limit(OLGA, a_limit(micro_usd=7_000_000))

    assert await stored(house) == {(TEAM, "month", 7_000_000, None)}
    details = (await acts(house))[-1].details
    assert (details["usd"], details["jobs"]) == ("7.00", None)
    assert details["was"] == [{"period": "month", "usd": "5.00", "jobs": 9}]


async def test_in_a_chat_a_figure_that_is_not_said_stays(house: House) -> None:
    """There a form shows one figure at a time."""
    operating = house.app.service.operating
    await operating.set_limit(OLGA, a_limit(micro_usd=5_000_000, jobs=9))

    await operating.set_limit(OLGA, a_limit(jobs=3), keep_unsaid=True)

    assert await stored(house) == {(TEAM, "month", 5_000_000, 3)}


@pytest.mark.parametrize("scope", [TEAM, "channel:judge:team:room", "user:judge:team:bob", "role:judge:team:9"])
async def test_a_team_lead_sets_limits_within_their_workspace(house: House, scope: str) -> None:
    """Of it, its channels, its people and its roles; a lead of another workspace sets none of these."""
    operating = house.app.service.operating

    await operating.set_limit(LEAD, a_limit(scope, Period.DAY, jobs=2))
    with pytest.raises(NotAllowed):
        await operating.set_limit(MALLORY, a_limit(scope, Period.DAY, jobs=1))
    with pytest.raises(NotAllowed):
        await operating.remove_limits(MALLORY, scope)

    assert (scope, "day", None, 2) in await stored(house)
    assert await the_act(house) == (LEAD.person, "limit.set", scope)


async def test_a_team_lead_lowers_the_workspace_s_budget_and_never_raises_it(house: House) -> None:
    """What the operator gave stays the ceiling, also after the lead went below it; “unlimited” is above it."""
    operating = house.app.service.operating
    await operating.set_limit(OLGA, a_limit(micro_usd=50_000_000))

    await operating.set_limit(LEAD, a_limit(micro_usd=20_000_000))
    for above in (50_000_001, UNLIMITED):
        with pytest.raises(NotAllowed, match=r"At most \$50\.00 are given here"):
            await operating.set_limit(LEAD, a_limit(micro_usd=above))
    await operating.set_limit(LEAD, a_limit(micro_usd=50_000_000))

    assert await stored(house) == {(TEAM, "month", 50_000_000, None)}


async def test_a_team_lead_cannot_lose_the_operator_s_figure_by_leaving_it_out(house: House) -> None:
    """What they do not say stays as it was: else an empty field would lift the budget."""
    operating = house.app.service.operating
    await operating.set_limit(OLGA, a_limit(micro_usd=50_000_000))

    await operating.set_limit(LEAD, a_limit(jobs=4))

    assert await stored(house) == {(TEAM, "month", 50_000_000, 4)}


async def test_removing_limits_says_what_they_were(house: House) -> None:
    """A team lead removes those within their workspace; where there are none, nothing is noted."""
    operating = house.app.service.operating
    await operating.set_limit(LEAD, a_limit("channel:judge:team:room", jobs=2))

    removed = await operating.remove_limits(LEAD, "channel:judge:team:room")
    again = await operating.remove_limits(LEAD, "channel:judge:team:room")

    assert (removed, again) == (1, 0)
    assert await stored(house) == set()
    last = (await acts(house))[-1]
    assert (last.action, last.details) == ("limit.removed", {"was": [{"period": "month", "usd": None, "jobs": 2}]})


async def test_a_scope_that_is_none_is_refused(house: House) -> None:
    """Before anybody is asked whether they may."""
    with pytest.raises(BadPrompt, match="is no scope"):
        await house.app.service.operating.set_limit(OLGA, a_limit("everything", jobs=1))


@pytest.mark.parametrize(
    ("scope", "home"),
    [
        ("workspace:slack:T1", ("slack", "T1")),
        ("channel:slack:T1:C3", ("slack", "T1")),
        ("role:discord:1:9", ("discord", "1")),
        ("user:discord:1:7", ("discord", "1")),
        ("user:api:admin", None),
        ("user:cli:local", None),
        ("user:default", None),
        ("workspace:default", None),
        ("installation", None),
    ],
)
def test_a_scope_lies_in_one_workspace_or_in_none(scope: str, home: tuple[str, str] | None) -> None:
    """The operator's own people, and everybody's figures, are in nobody's workspace."""
    assert home_of(scope) == home


# --- jobs -----------------------------------------------------------------------------------------------------------------


async def test_lost_gives_the_money_back(house: House) -> None:
    """The wish is carried out by the engine: the job fails, nothing is charged, and the trail has the word."""
    job = await unconfirmed(house)
    await house.clock.advance(31)

    await house.app.service.operating.resolve(OLGA, job.id, decision="lost")
    job = await house.run(job)

    assert (job.state, await house.used()) == (State.FAILED, 0)
    (act,) = await acts(house)
    assert (act.action, act.subject, act.details) == ("job.resolved", job.id, {"as": "lost"})


async def test_submitted_with_its_id_fetches_the_clip(house: House) -> None:
    """The id is trimmed, kept in the trail, and asked about."""
    job = await unconfirmed(house)
    await house.clock.advance(31)

    await house.app.service.operating.resolve(OLGA, job.id, decision="submitted", provider_job_id=" theirs-1 ")
    job = await house.run(job)

    assert (job.state, job.provider_job_id) == (State.DELIVERED, "theirs-1")
    assert (await acts(house))[0].details == {"as": "submitted", "provider_job_id": "theirs-1"}


async def test_nothing_is_decided_while_the_answer_may_be_on_its_way(house: House) -> None:
    """Within 30 seconds of the attempt it is refused, and not noted; nor is a word that is none."""
    job = await unconfirmed(house)
    submission = await house.app.stores.submissions.load(job.attempt_id or "")
    assert submission is not None

    house.clock.jump((submission.started_at + timedelta(seconds=10) - house.clock.now()).total_seconds())
    with pytest.raises(TooLate, match="decide in 20 seconds"):
        await house.app.service.operating.resolve(OLGA, job.id, decision="lost")
    with pytest.raises(BadPrompt):
        await house.app.service.operating.resolve(OLGA, job.id, decision="perhaps")

    assert await acts(house) == []
    assert await house.app.stores.wishes.waiting(job.id) == []


@pytest.mark.parametrize("who", [OLGA, LEAD, BOB], ids=["operator", "lead", "member"])
async def test_a_clip_is_sent_again_by_its_person_their_lead_or_an_operator(house: House, who: Decider) -> None:
    """Bob asked for it; it is posted once more."""
    job = await undelivered(house, requester=TEAM_MATE)

    await house.app.service.operating.resend(who, job.id)
    job = await house.run(job)

    assert job.state is State.DELIVERED
    assert await the_act(house) == (who.person, "job.resent", job.id)


async def test_a_lead_of_another_workspace_decides_over_no_job_here(house: House) -> None:
    """To them it is not there: neither Send again nor Delete tells that it is."""
    job = await undelivered(house)
    operating = house.app.service.operating

    for deed in (operating.resend(MALLORY, job.id), operating.delete(MALLORY, job.id)):
        with pytest.raises(NotFound, match="There is no job"):
            await deed

    assert (await house.load(job)).state is State.UNDELIVERED
    assert await acts(house) == []


async def test_a_team_mate_decides_over_nobody_else_s_job(house: House) -> None:
    """Bob is a member: Alice's job is not his."""
    job = await undelivered(house)

    with pytest.raises(ReelbotError):
        await house.app.service.operating.resend(BOB, job.id)

    assert (await house.load(job)).state is State.UNDELIVERED


async def test_a_deleted_job_is_gone_and_noted(house: House) -> None:
    """What it cost stays in the ledger."""
    job = await undelivered(house)
    spent = await house.used()

    done = await house.app.service.operating.delete(LEAD, job.id)

    assert done.erased == 1
    assert (await house.load(job)).erased_at is not None
    assert await house.used() == spent == Money.usd("0.50")
    assert await the_act(house) == (LEAD.person, "job.deleted", job.id)


async def test_a_correction_changes_the_sum_and_says_why(house: House) -> None:
    """A later entry on top; without an amount, a reason or a hold there is none."""
    job = await house.run(await house.ask())
    operating = house.app.service.operating

    await operating.correct(OLGA, job.id, Money.usd("-0.20"), " their bill says so ")
    for amount, reason in ((Money(0), "why"), (Money(1), "  ")):
        with pytest.raises(BadPrompt):
            await operating.correct(OLGA, job.id, amount, reason)
    with pytest.raises(NotFound):
        await operating.correct(OLGA, "nosuchjob", Money(1), "why")

    assert await house.used() == Money.usd("0.30")
    (act,) = await acts(house)
    assert (act.action, act.details) == ("job.corrected", {"usd": "-0.20", "reason": "their bill says so"})


# --- tokens -----------------------------------------------------------------------------------------------------------------


async def test_a_token_does_no_more_than_who_makes_it(house: House) -> None:
    """One's own up to one's own role; the trail has what for, and never the secret."""
    operating = house.app.service.operating

    token, secret = await operating.make_token(UMA, UMA.person, [TokenScope.WRITE], label=" farm ")
    with pytest.raises(NotAllowed, match="cannot do more than you may"):
        await operating.make_token(UMA, UMA.person, [TokenScope.ADMIN])
    with pytest.raises(BadPrompt):
        await operating.make_token(UMA, UMA.person, [])

    assert (token.label, token.role) == ("farm", Role.MEMBER)
    (act,) = await acts(house)
    assert (act.action, act.subject) == ("token.made", token.id)
    assert secret not in str(act)


async def test_a_token_is_ended_by_its_person_or_an_operator(house: House) -> None:
    """To anybody else it is not there; ending it twice is noted once."""
    operating = house.app.service.operating
    token, secret = await operating.make_token(OLGA, UMA.person, [TokenScope.READ])

    with pytest.raises(NotFound):
        await operating.revoke_token(LEAD, token.id)
    for _ in range(2):
        await operating.revoke_token(UMA, token.id)

    assert await house.app.stores.tokens.verify(secret) is None
    assert [act.action for act in await acts(house)] == ["token.made", "token.revoked"]


# --- the trail itself ------------------------------------------------------------------------------------------------------


async def test_every_act_that_is_written_is_a_known_one(house: House) -> None:
    """A name outside the list that is documented is a mistake of ours, and is not written."""
    with pytest.raises(ValueError, match=r"the audit trail knows no cake\.eaten"):
        await house.app.service.operating._note(OLGA, "cake.eaten", "cake")

    assert await acts(house) == []


def test_acts_are_named_by_a_noun_and_what_was_done_to_it() -> None:
    """`limit.set`: so they sort by what they are about."""
    assert all(noun.isalpha() and deed.isalpha() for noun, _, deed in (name.partition(".") for name in ACTS))
    assert all(words.endswith(".") for words in ACTS.values())
