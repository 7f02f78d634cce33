"""What the database and the service's bills say in the end. Every figure comes from the outside, past the product."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.town import Town


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Read once, when everything has ended."""

    states: Counter[str]
    """Of every job, with the code of its error where it has one."""
    accepted: Counter[str]
    """By the service, for each hosted input: each attempt has one of its own."""
    attempts: dict[str, str | None]
    """Of ours, by hosted input, with the outcome."""
    billed_micro_usd: int
    booked_micro_usd: int
    most_at_once: int
    """Renders that the service had under way at the same moment."""
    posts: Counter[str]
    """Deliveries that were posted, by job."""
    files: int
    """Clips that lie in somebody's gallery."""
    unequal: list[object]
    """Holds that were closed more than once, and sums that differ from their entries."""

    @classmethod
    def read(cls, town: Town) -> Books:
        """From the database and from the journal of the service."""
        jobs = town.ask("SELECT state, error ->> 'code' FROM jobs")
        journal = town.vendor.events()
        accepted = [entry for entry in journal if entry["event"] == "accepted"]
        given_back = sum(entry["billed"] - entry["kept"] for entry in _ended(journal, accepted))
        return cls(
            states=Counter(state if code is None else f"{state}: {code}" for state, code in jobs),
            accepted=Counter(str(entry["input_url"]) for entry in accepted),
            attempts=dict(town.ask("SELECT input_url, outcome FROM submissions")),
            billed_micro_usd=sum(entry["billed"] for entry in accepted) - given_back,
            booked_micro_usd=int(town.ask("SELECT coalesce(sum(delta_micro_usd), 0) FROM ledger")[0][0]),
            most_at_once=_most_at_once(journal),
            posts=Counter(row[0] for row in town.ask("SELECT job_id FROM deliveries WHERE outcome = 'posted'")),
            files=sum(1 for member in town.members for _ in Path(town.folder / member / "clips").glob("*-1.mp4")),
            unequal=[
                *town.ask("SELECT hold_id FROM ledger WHERE hold_id IS NOT NULL GROUP BY 1 HAVING count(*) > 1"),
                *town.ask(
                    "SELECT s.scope, s.period FROM ledger_sums s WHERE s.scope = 'installation' AND length(s.period) = 7 "
                    "AND s.micro_usd <> (SELECT sum(delta_micro_usd) FROM ledger WHERE installation_month = s.period)"
                ),
            ],
        )

    def __str__(self) -> str:
        lines = [f"  {count:4d} {what}" for what, count in sorted(self.states.items())]
        lines.append(f"  {sum(self.accepted.values())} accepted creates, {len(self.attempts)} attempts of ours")
        lines.append(f"  billed ${self.billed_micro_usd / 1e6:.2f}, booked ${self.booked_micro_usd / 1e6:.2f}")
        lines.append(f"  at most {self.most_at_once} renders at once")
        return "\n".join(lines)


def _ended(journal: list[dict[str, object]], accepted: list[dict[str, object]]) -> list[dict[str, int]]:
    billed = {entry["provider_job_id"]: entry["billed"] for entry in accepted}
    return [
        {"billed": billed[entry["provider_job_id"]], "kept": entry["kept"]}  # type: ignore[dict-item]
        for entry in journal
        if "kept" in entry and entry.get("provider_job_id") in billed and entry["event"] != "accepted"
    ]


def _most_at_once(journal: list[dict[str, object]]) -> int:
    under_way, most = set(), 0
    for entry in journal:
        job = entry.get("provider_job_id")
        if entry["event"] == "accepted":
            under_way.add(job)
        elif "kept" in entry:
            under_way.discard(job)
        most = max(most, len(under_way))
    return most
