"""What an operator asks any chat about the rest of Reelbot: whether jobs are carried out, room on the disk, the providers."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final

from bot.errors import ReelbotError
from bot.languages.said import say
from bot.service import Service
from bot.settings import Settings

ASK_S: Final = 10.0
OK, WARN, FAIL = "🟢", "🟡", "🔴"
Line = tuple[str, str]
"""How it stands, and what is said."""


async def health(
    service: Service, settings: Settings, readiness: Callable[[], Awaitable[Mapping[str, str]]]
) -> list[Line]:
    """How everything behind the chat stands. A provider that does not answer costs ten seconds."""
    lines: list[Line] = [
        (OK if said == "ok" else FAIL, say("{check}: {said}", check=check, said=said))
        for check, said in (await readiness()).items()
    ]
    lines.append(await _disk(service, settings))
    lines += [line async for line in _providers(service)]
    return lines


async def _disk(service: Service, settings: Settings) -> Line:
    free = (await asyncio.to_thread(shutil.disk_usage, service.desk.scratch)).free
    least = settings.disk.min_free_mb * 1_000_000
    said = say("{gigabytes} GB are free for clips.", gigabytes=f"{free / 1e9:.1f}")
    return (FAIL if free < least else WARN if free < 2 * least else OK), said


async def _providers(service: Service) -> AsyncIterator[Line]:
    for name, provider in service.desk.providers.items():
        stands = await service.stores.health.load(name)
        if stands.paused:
            yield WARN, say("{provider} is paused; what waits is kept.", provider=name)
            continue
        try:
            async with asyncio.timeout(ASK_S):
                balance = await provider.balance()
        except (ReelbotError, TimeoutError) as error:
            yield FAIL, say("{provider}: {why}", provider=name, why=str(error) or say("no answer"))
            continue
        if balance is None:
            yield OK, say("{provider} is ready.", provider=name)
        else:
            yield OK, say("{provider} is ready; {balance} are left.", provider=name, balance=balance)
