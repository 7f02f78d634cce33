"""The stores the product needs: what is remembered, as protocols. `storage` implements them.

They stand beside `bot.ports`, which holds the protocols that people outside implement.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.stores.history import HistoryPage, HistoryStore
from bot.stores.jobs import AssetStore, ChangeStore, DeliveryStore, EvidenceStore, JobStore, SubmissionStore, WishStore
from bot.stores.money import Entrance, EntranceStore, LedgerStore, LimitStore
from bot.stores.outside import HealthStore, InstallationStore, NoteStore, RenderTimeStore, WorkspaceStore
from bot.stores.paces import LeaseStore, PaceStore
from bot.stores.people import AuditStore, MemberStore, TokenStore
from bot.stores.reports import ReportStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Everything that is remembered, in one hand."""

    jobs: JobStore
    changes: ChangeStore
    submissions: SubmissionStore
    evidence: EvidenceStore
    wishes: WishStore
    deliveries: DeliveryStore
    assets: AssetStore
    entrances: EntranceStore
    ledger: LedgerStore
    limits: LimitStore
    health: HealthStore
    render_times: RenderTimeStore
    history: HistoryStore
    workspaces: WorkspaceStore
    notes: NoteStore
    installations: InstallationStore
    tokens: TokenStore
    members: MemberStore
    audit: AuditStore
    reports: ReportStore
    paces: PaceStore
    leases: LeaseStore


__all__ = [
    "AssetStore",
    "AuditStore",
    "ChangeStore",
    "DeliveryStore",
    "Entrance",
    "EntranceStore",
    "EvidenceStore",
    "HealthStore",
    "HistoryPage",
    "HistoryStore",
    "InstallationStore",
    "JobStore",
    "LeaseStore",
    "LedgerStore",
    "LimitStore",
    "MemberStore",
    "NoteStore",
    "PaceStore",
    "RenderTimeStore",
    "ReportStore",
    "Stores",
    "SubmissionStore",
    "TokenStore",
    "WishStore",
    "WorkspaceStore",
]
