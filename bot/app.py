"""The composition root: Settings -> a running App. Only this, `bot.installation` and the commands look outward.

Read from top to bottom: the data directory, the database, the stores, the providers and couriers, the tracker, the
engine. Tests build the same App with `Parts` of their own and patch nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from adapters.chat.gallery import GalleryCourier
from adapters.http.client import HttpClient
from adapters.media.fetch import HttpFetcher
from adapters.media.hosting import SignedLinks
from adapters.media.results import LocalFetcher
from adapters.media.workshop import Workshop
from adapters.providers.local.results import RenderFetcher
from adapters.providers.placed import PlacedOrders
from adapters.providers.registry import ProviderContext, build_providers
from bot.alerts import Alerts
from bot.cards.board import CardBoard
from bot.chats import alarms, couriers
from bot.clock import SystemClock
from bot.errors import ConfigurationError, MediaUnavailable, NotFound
from bot.ground.choose import open_ground
from bot.ground.ground import Ground, Switchboard
from bot.ground.one_machine import DATABASE_FILE
from bot.installation import App
from bot.jobs.accept import FrontDesk
from bot.jobs.actions import Actions
from bot.jobs.lineage import Lineage
from bot.keeping.files import Files
from bot.keeping.forgetting import Forgetting
from bot.keeping.pseudonyms import Pseudonyms
from bot.keeping.retention import Periods
from bot.keeping.sweeper import Sweeper
from bot.languages.said import say
from bot.money.limits import DefaultLimits
from bot.operating import Operating
from bot.ports import Clock, Courier, Fetcher, HasHome, MediaWorkshop, Provider
from bot.service import Service
from bot.settings import Settings
from bot.stores import Stores
from bot.tracker.desk import Desk
from bot.tracker.outside import Outside
from bot.tracker.schedule import Times
from bot.tracker.tracker import Tracker
from storage.api_tokens import ApiTokens
from storage.assets import Assets
from storage.audit import Audit
from storage.changes import Changes
from storage.data_dir import require_room
from storage.deliveries import Deliveries
from storage.entrances import Entrances
from storage.erasure import Erasure
from storage.evidence import EvidenceBook
from storage.history import History
from storage.installations import Installations
from storage.jobs import Jobs
from storage.leases import Leases
from storage.ledger import Ledger
from storage.limits import Limits
from storage.members import Members
from storage.notes import Notes
from storage.paces import Paces
from storage.provider_health import ProviderHealth
from storage.render_times import RenderTimes
from storage.reports import Reports
from storage.retention import Retention
from storage.submissions import Submissions
from storage.wishes import Wishes
from storage.workspaces import Workspaces

log = structlog.get_logger(__name__)


def _ignore(_point: str) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What may be put in the place of the real things: by the crash suite, the conformance suites and the benchmarks."""

    clock: Clock = field(default_factory=SystemClock)
    providers: Mapping[str, Provider] | None = None
    couriers: Mapping[str, Courier] = field(default_factory=dict)
    """Added to the gallery couriers of the CLI and the API."""
    workshop: MediaWorkshop | None = None
    fetchers: Mapping[str, Fetcher] = field(default_factory=dict)
    times: Times | None = None
    watch: Callable[[str], None] = _ignore
    """Told before and after every commit and every outside call."""


@asynccontextmanager
async def open_app(settings: Settings, parts: Parts | None = None) -> AsyncIterator[App]:
    """Wire an App on the settings' data directory and close it afterwards.

    Raises a `ConfigurationError` in one sentence when the directory, the database or a provider cannot be used.
    """
    parts = parts or Parts()
    ground = await open_ground(settings, parts.clock, parts.watch)
    http = HttpClient()
    try:
        app = _wire(settings, parts, ground, http)
        try:
            await app.origin.settle()
        except MediaUnavailable as error:
            # Where the mark lies in the bucket, nothing begins without it: then at least it is said why.
            await _say_why(ground, error)
            raise
        yield app
    finally:
        await http.aclose()
        await ground.close()


async def _say_why(ground: Ground, error: MediaUnavailable) -> None:
    """Say what is wrong with the media store; nothing when it answers by now."""
    try:
        await ground.media.probe()
    except (ConfigurationError, MediaUnavailable) as why:
        raise why from error


def _wire(settings: Settings, parts: Parts, ground: Ground, http: HttpClient) -> App:
    clock, zone, public_url = parts.clock, ZoneInfo(settings.timezone), settings.web.public_url
    folder, keys, database, media = ground.folder, ground.keys, ground.database, ground.media
    limits = Limits(database, _default_limits(settings))
    pseudonyms = Pseudonyms(keys)
    ledger = Ledger(database, limits, clock, zone, pseudonyms)
    jobs = Jobs(database, ledger, clock, pseudonyms, ground.enqueue)
    workspaces = Workspaces(database, clock, _allowed_from_the_start(settings))
    stores = Stores(
        jobs=jobs,
        changes=Changes(database),
        submissions=Submissions(database, clock),
        evidence=EvidenceBook(database, clock),
        wishes=Wishes(database, clock),
        deliveries=Deliveries(database, clock),
        assets=Assets(database, clock),
        entrances=Entrances(database, ledger, workspaces),
        ledger=ledger,
        limits=limits,
        health=ProviderHealth(database, clock),
        render_times=RenderTimes(database, clock),
        history=History(database),
        workspaces=workspaces,
        notes=Notes(database, clock),
        installations=Installations(database, keys),
        tokens=ApiTokens(database, clock),
        members=Members(database, clock),
        audit=Audit(database, clock),
        reports=Reports(database),
        paces=Paces(database, clock),
        leases=Leases(database, clock),
    )

    async def locate(asset_id: str) -> Path:
        try:
            return await media.on_this_machine(asset_id)
        except NotFound as error:
            raise NotFound(say("The picture is no longer kept; please attach it again.")) from error

    links = SignedLinks(keys, clock, public_url) if public_url else None
    providers = parts.providers
    if providers is None:
        context = ProviderContext(
            settings=settings,
            clock=clock,
            data_dir=folder,
            locate=locate,
            keys=keys,
            links=links,
            http=http,
            known_ids=stores.submissions.known_ids,
            placed=PlacedOrders(stores),
        )
        providers = build_providers(context)
    scratch = ground.scratch
    homes = {name: provider.home for name, provider in providers.items() if isinstance(provider, HasHome)}
    remote = HttpFetcher(http, homes, clock)
    renders = RenderFetcher(LocalFetcher(folder / "renders"), providers.get("local"))
    fetchers: dict[str, Fetcher] = {"file": renders, "https": remote, "http": remote}
    workshop = parts.workshop or Workshop()
    gallery = {name: GalleryCourier(name, folder / "clips") for name in ("cli", "api")}
    together = (stores.paces, stores.leases) if ground.is_shared else ()
    chats = couriers(settings, http, media, workshop, clock, scratch, links, stores.installations, *together)
    desk = Desk(
        stores=stores,
        providers=providers,
        couriers={**gallery, **chats, **parts.couriers},
        media=media,
        workshop=workshop,
        fetchers=fetchers | dict(parts.fetchers),
        clock=clock,
        outside=Outside(parts.watch),
        times=parts.times or Times(poll_fastest=timedelta(seconds=settings.poll.fastest_seconds)),
        scratch=scratch,
        confirm_above=settings.limits.confirm_above_usd,
        person_concurrent=settings.limits.user_concurrent,
        webhook_url=lambda provider, token: f"{public_url}/webhooks/{provider}/{token}" if public_url else None,
    )
    board = CardBoard(desk)
    switchboard = ground.switchboard
    default = settings.default_provider or next(iter(providers))
    front_desk = FrontDesk(
        stores,
        media,
        providers,
        switchboard,
        default,
        lambda: require_room(folder, settings.disk.min_free_mb),
    )
    erasure = Erasure(database, clock, pseudonyms)
    files = Files(media, erasure)
    forgetting = Forgetting(stores, erasure, files, desk.couriers, switchboard)
    days = settings.retention
    sweeper = Sweeper(
        Retention(database, clock),
        erasure,
        files,
        forgetting,
        clock,
        Periods.of_days(inputs=days.inputs_days, clips=days.clips_days, prompts=days.prompts_days),
        gallery["cli"].drop_names,
    )
    actions = Actions(stores, switchboard, clock, desk.times)
    origin = ground.origin(database, jobs, clock)
    service = Service(
        front_desk=front_desk,
        forgetting=forgetting,
        sweeper=sweeper,
        lineage=Lineage(stores, front_desk),
        actions=actions,
        operating=Operating(stores, actions, forgetting, tuple(providers), origin.held),
        engine=switchboard,
        stores=stores,
        media=media,
        workshop=desk.workshop,
        desk=desk,
        keys=keys,
        alerts=Alerts(stores.notes, alarms(settings, chats, http, origin.identity), clock=clock, metrics=desk.metrics),
        redraw=board.changed,
        engine_hears_at_once=ground.hears_at_once,
    )
    return App(
        settings=settings,
        ground=ground,
        origin=origin,
        service=service,
        tracker=Tracker(desk, board.changed, forgetting.erase),
        board=board,
        http=http,
    )


def _allowed_from_the_start(settings: Settings) -> frozenset[str]:
    return frozenset(settings.allowed_workspaces) | {f"discord:{guild}" for guild in settings.discord.guild_ids}


def _default_limits(settings: Settings) -> DefaultLimits:
    return DefaultLimits(
        user_daily_jobs=settings.limits.user_daily_jobs,
        user_daily_usd=settings.limits.user_daily_usd,
        workspace_monthly_usd=settings.limits.workspace_monthly_usd,
        installation_monthly_usd=settings.limits.installation_monthly_usd,
    )


__all__ = ["DATABASE_FILE", "App", "Parts", "Switchboard", "open_app"]
