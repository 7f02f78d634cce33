"""Who signed in to the web side through their chat."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from bot.people import Member, Role
from bot.ports import Clock
from storage import tables
from storage.database import Database

_members = tables.members


class Members:
    """Implements `bot.stores.MemberStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def sign_in(self, person: str, *, name: str, role: Role, chat_roles: Collection[str] = ()) -> Member:
        """Remember who signed in. `role` is what their chat says of them; one that an operator gave them stays."""
        now = self._clock.now()
        async with self._database.write("sign in") as connection:
            known = (
                (await connection.execute(sa.select(_members).where(_members.c.person == person))).mappings().first()
            )
            values = {"name": name, "chat_roles": sorted(chat_roles), "signed_in_at": now}
            if known is None or not known["given"]:
                values["role"] = role.value
            if known is None:
                first = {"person": person, "given": False, "first_seen_at": now, "sessions_from": now}
                await connection.execute(_members.insert().values(**first, **values))
            else:
                await connection.execute(_members.update().where(_members.c.person == person).values(**values))
            row = (await connection.execute(sa.select(_members).where(_members.c.person == person))).mappings().one()
        return _member(row)

    async def load(self, person: str) -> Member | None:
        """One of them."""
        async with self._database.look() as connection:
            row = (await connection.execute(sa.select(_members).where(_members.c.person == person))).mappings().first()
        return _member(row) if row is not None else None

    async def all(self) -> list[Member]:
        """Every one, who signed in last first."""
        async with self._database.look() as connection:
            rows = await connection.execute(sa.select(_members).order_by(_members.c.signed_in_at.desc()))
            return [_member(row) for row in rows.mappings()]

    async def give_role(self, person: str, role: Role) -> Member | None:
        """What an operator lets somebody do, from their next request on; `None` when nobody like that ever signed in."""
        async with self._database.write("role") as connection:
            await connection.execute(
                _members.update().where(_members.c.person == person).values(role=role.value, given=True)
            )
        return await self.load(person)

    async def end_sessions(self, person: str) -> None:
        """Whoever is signed in as this person is so no longer."""
        now = self._clock.now()
        async with self._database.write("sign out") as connection:
            await connection.execute(_members.update().where(_members.c.person == person).values(sessions_from=now))


def _member(row: sa.RowMapping) -> Member:
    return Member(
        person=row["person"],
        name=row["name"],
        role=Role(row["role"]),
        chat_roles=tuple(row["chat_roles"]),
        first_seen_at=row["first_seen_at"],
        signed_in_at=row["signed_in_at"],
        sessions_from=row["sessions_from"],
    )
