"""What operators and team leads decide: checked for who may, done, and written to the audit trail, in one call.

Every front end decides through here: the admin pages, the API, the commands, the chats. A team lead decides within
their own workspace; what concerns the installation, its providers, its people and its money is the operators'.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bot import acts
from bot.deciding import Decider, home_of
from bot.errors import BadPrompt, NotAllowed, NotFound
from bot.jobs.actions import Actions
from bot.jobs.as_json import limit_as_json, moment
from bot.jobs.model import Job
from bot.keeping.forgetting import Forgetting, Forgotten
from bot.languages.said import say
from bot.money.amount import Money
from bot.money.ceilings import completed, in_force, stay_below
from bot.money.limits import Limit
from bot.money.scopes import read_scope
from bot.people import SCOPE_ROLES, ApiToken, Member, Role, TokenScope, web_requester
from bot.stores import Stores
from bot.workspaces import Permission

EVERY_PROVIDER: Final = "*"
LONGEST_LABEL: Final = 100
LONGEST_REASON: Final = 500
"""Characters."""
_PERMITS = {
    Permission.ALLOWED: acts.WORKSPACE_ALLOWED,
    Permission.BLOCKED: acts.WORKSPACE_BLOCKED,
    Permission.PENDING: acts.WORKSPACE_WITHDRAWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """What is so after somebody resumed."""

    was_held: str | None
    """Why everything was held before; `None` when nothing was."""
    held: str | None
    """Why everything is held still: only resuming everything ends that."""
    paused: tuple[str, ...]
    """Providers that are paused still."""


class Operating:
    """The decisions of one installation."""

    def __init__(
        self,
        stores: Stores,
        actions: Actions,
        forgetting: Forgetting,
        providers: Collection[str],
        held: Callable[[], Awaitable[str | None]],
    ) -> None:
        """`held` says why a restored database is held, `None` when it is not (`storage.origin.Origin.held`)."""
        self._stores = stores
        self._actions = actions
        self._forgetting = forgetting
        self._providers = providers
        self._held = held

    # --- providers

    async def pause(self, by: Decider, provider: str = EVERY_PROVIDER) -> tuple[str, ...]:
        """No new renders at a provider, or at all; running ones finish. Returns what is paused now."""
        by.require_operator()
        await self._stores.health.pause(self._known(provider), by.person)
        await self._note(by, acts.PROVIDER_PAUSED, provider)
        return tuple(await self._stores.health.paused())

    async def resume(self, by: Decider, provider: str = EVERY_PROVIDER) -> Resumed:
        """Renders again. Resuming everything also ends the hold of a restored database."""
        by.require_operator()
        was_held = await self._held()
        await self._stores.health.resume(self._known(provider))
        held, paused = await self._held(), tuple(await self._stores.health.paused())
        ended = {"held": was_held} if was_held is not None and held is None else {}
        await self._note(by, acts.PROVIDER_RESUMED, provider, ended)
        return Resumed(was_held=was_held, held=held, paused=paused)

    async def held(self) -> str | None:
        """Why a restored database is held; `None` when nothing is."""
        return await self._held()

    def _known(self, provider: str) -> str:
        if provider != EVERY_PROVIDER and provider not in self._providers:
            named = ", ".join(self._providers)
            raise BadPrompt(f"There is no provider {provider[:80]!r} here; there is: {named}.")
        return provider

    # --- workspaces and people

    async def permit(self, by: Decider, workspace: str, permission: Permission) -> None:
        """Say whether paid models may be used in a workspace (like `slack:T1`), also one not seen yet."""
        by.require_operator()
        platform, _, name = workspace.partition(":")
        if not platform or not name or ":" in name:
            raise BadPrompt(f"{workspace[:80]!r} names no workspace; write it like discord:1 or slack:T1.")
        await self._stores.workspaces.put(platform, name, permission)
        await self._note(by, _PERMITS[permission], workspace)

    async def block(self, by: Decider, person: str) -> None:
        """Refuse a person's requests."""
        by.require_operator()
        if person == by.person:
            raise BadPrompt("You would block yourself; another operator can, if it must be.")
        await self._stores.workspaces.block(person)
        await self._note(by, acts.PERSON_BLOCKED, person)

    async def unblock(self, by: Decider, person: str) -> None:
        """Lift it; harmless without a block."""
        by.require_operator()
        await self._stores.workspaces.unblock(person)
        await self._note(by, acts.PERSON_UNBLOCKED, person)

    async def give_role(self, by: Decider, person: str, role: Role) -> Member:
        """What somebody who signed in may do from now on. `NotFound` when nobody like that ever did."""
        by.require_operator()
        if person == by.person:
            raise BadPrompt("Nobody changes their own role; another operator, or the admin token, can.")
        before = await self._stores.members.load(person)
        member = await self._stores.members.give_role(person, role) if before is not None else None
        if before is None or member is None:
            raise NotFound(f"{person[:80]!r} never signed in here.")
        await self._note(by, acts.ROLE_GIVEN, person, {"role": role.value, "was": before.role.value})
        return member

    async def end_sessions(self, by: Decider, person: str) -> None:
        """Sign somebody out wherever they are signed in; everybody may end their own."""
        if person != by.person:
            by.require_operator()
        await self._stores.members.end_sessions(person)
        await self._note(by, acts.SESSIONS_ENDED, person)

    # --- limits

    async def set_limit(self, by: Decider, wished: Limit, *, keep_unsaid: bool = False) -> Limit:
        """Store a rule; a figure that is `None` is not set there, or stays as it was with `keep_unsaid`.

        A team lead sets those within their workspace, and of the workspace's own only lower ones than the operator's;
        what they leave unsaid stays. `NotAllowed` otherwise.
        """
        home = self._require_scope(by, wished.scope)
        before = await in_force(self._stores, wished.scope, wished.period)
        if not by.is_operator and wished.scope.startswith("workspace:"):
            await stay_below(self._stores, *home, wished)
        stored = completed(wished, before) if keep_unsaid or not by.is_operator else wished
        was = await self._figures(wished.scope)
        await self._stores.limits.put(stored)
        details = limit_as_json(stored, source="stored")
        await self._note(by, acts.LIMIT_SET, wished.scope, {**_plain(details), "was": was})
        return stored

    async def remove_limits(self, by: Decider, scope: str) -> int:
        """Remove a scope's own rules, so that broader ones and the settings' apply again; returns how many.

        The workspace's own only by an operator: without it, a team lead's workspace might have more than it was given.
        """
        self._require_scope(by, scope)
        if not by.is_operator and scope.startswith("workspace:"):
            raise NotAllowed("Only an operator can remove a workspace's own limit; you can set a lower one.")
        was = await self._figures(scope)
        removed = await self._stores.limits.remove(scope)
        if removed:
            await self._note(by, acts.LIMIT_REMOVED, scope, {"was": was})
        return removed

    async def _figures(self, scope: str) -> list[dict[str, Any]]:
        stored = [each for each in await self._stores.limits.stored() if each.scope == scope]
        return [_plain(limit_as_json(each, source="stored")) for each in stored]

    def _require_scope(self, by: Decider, scope: str) -> tuple[str, str]:
        """Platform and workspace that a scope lies in. `NotAllowed` for a team lead of another one."""
        home = home_of(read_scope(scope))
        if not by.is_operator and (home is None or not by.leads(*home)):
            raise NotAllowed("A team lead sets limits for their own workspace, its channels and its people only.")
        return home or ("", "")

    # --- jobs

    async def resolve(self, by: Decider, job_id: str, *, decision: str, provider_job_id: str | None = None) -> Job:
        """An operator's word on an unconfirmed job; see `Actions.resolve`."""
        if decision not in ("lost", "submitted"):
            raise BadPrompt("An unconfirmed job was lost, or it was submitted; there is nothing else.")
        named = (provider_job_id or "").strip() if decision == "submitted" else ""
        job = await self._actions.resolve(job_id, by.presser, decision=decision, provider_job_id=named or None)
        details = {"as": decision} | ({"provider_job_id": named} if named else {})
        await self._note(by, acts.JOB_RESOLVED, job.id, details)
        return job

    async def resend(self, by: Decider, job_id: str) -> Job:
        """Post a finished clip once more, where it was asked for."""
        job = await self._job(by, job_id)
        job = await self._actions.resend(job.id, by.presser)
        await self._note(by, acts.JOB_RESENT, job.id)
        return job

    async def delete(self, by: Decider, job_id: str) -> Forgotten:
        """Erase a job with its clip and its posts: at once, or when it has ended."""
        job = await self._job(by, job_id)
        done = await self._forgetting.delete(job, by.presser)
        await self._note(by, acts.JOB_DELETED, job.id)
        return done

    async def correct(self, by: Decider, job_id: str, amount: Money, reason: str) -> Job:
        """Write a later entry into the ledger: a signed amount on top of what was booked."""
        by.require_operator()
        reason = reason.strip()
        if not amount or not reason or len(reason) > LONGEST_REASON:
            raise BadPrompt("A correction needs an amount that is not zero, and a reason in a few words.")
        job = await self._job(by, job_id)
        if not await self._stores.ledger.correct(job.id, amount, by=by.person, reason=reason):
            raise BadPrompt("Nothing was ever held for this job, so there is nothing to correct.")
        await self._note(by, acts.JOB_CORRECTED, job.id, {"usd": amount.to_usd(), "reason": reason})
        return job

    async def _job(self, by: Decider, job_id: str) -> Job:
        """A job they may decide over; the same `NotFound` for another workspace's and for one that is not there."""
        job = await self._stores.jobs.load(job_id)
        if job is None or job.erased_at is not None or not by.decides_over(job.requester):
            raise NotFound(say("There is no job {id}.", id=repr(job_id[:80])))
        return job

    # --- tokens

    async def make_token(
        self, by: Decider, person: str, scopes: Collection[TokenScope], *, label: str = "",
        expires_at: datetime | None = None,
    ) -> tuple[ApiToken, str]:  # fmt: skip
        """A personal token and its secret, shown this once. For oneself, up to one's own role; operators for anybody."""
        person = web_requester(person).person
        if person != by.person:
            by.require_operator()
        wished = sorted(set(scopes))
        if not wished:
            raise BadPrompt("Say what the token is for: jobs:read, jobs:write or admin.")
        if not all(by.role.reaches(SCOPE_ROLES[scope]) for scope in wished):
            raise NotAllowed("A token cannot do more than you may yourself.")
        if len(label) > LONGEST_LABEL:
            raise BadPrompt(f"A label has at most {LONGEST_LABEL} characters.")
        token, secret = await self._stores.tokens.make(
            person, wished, by=by.person, label=label.strip(), expires_at=expires_at
        )
        details = {"person": person, "scopes": [scope.value for scope in wished], "expires_at": moment(expires_at)}
        await self._note(by, acts.TOKEN_MADE, token.id, details)
        return token, secret

    async def revoke_token(self, by: Decider, token_id: str) -> ApiToken:
        """End a token; one's own, or (operators) anybody's. Harmless when it had ended. `NotFound` otherwise."""
        token = await self._stores.tokens.load(token_id)
        if token is None or not (by.is_operator or token.person == by.person):
            raise NotFound(f"There is no token {token_id[:80]!r}.")
        if await self._stores.tokens.revoke(token.id):
            await self._note(by, acts.TOKEN_REVOKED, token.id, {"person": token.person})
        return token

    async def _note(self, by: Decider, action: str, subject: str, details: Mapping[str, Any] | None = None) -> None:
        if action not in acts.ACTS:
            raise ValueError(f"the audit trail knows no {action}")
        await self._stores.audit.add(by.person, action, subject, details)


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in ("period", "usd", "jobs")}
