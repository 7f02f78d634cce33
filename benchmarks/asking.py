"""Processor time of one poll over HTTPS: our provider beside WaveSpeed's own SDK and beside bare aiohttp, in turns.

The service is the emulator in a process of its own, with TLS; only the asking process is measured.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import certifi
import trustme
import wavespeed

from adapters.http.client import HttpClient
from adapters.http.tls import client_context
from benchmarks.service import a_provider, an_order
from benchmarks.table import Row, cpu_s, median, play
from bot.ports import Rendering
from tests.emulators.processes import VendorProcess, vendor_emulator

ROUNDS = 5
POLLS = 400
SDK_POLLS = 15
AT_ONCE = (10, 100)


def certified(folder: Path) -> tuple[Path, Path]:
    """A certificate and its key for 127.0.0.1, of an authority that this process and its libraries believe from now on."""
    authority, certificate, key = folder / "authority.pem", folder / "certificate.pem", folder / "key.pem"
    ca = trustme.CA()
    issued = ca.issue_cert("127.0.0.1")
    # Beside the usual ones: reading them all is a part of what a new connection costs whoever keeps no context.
    authority.write_bytes(Path(certifi.where()).read_bytes() + ca.cert_pem.bytes())
    issued.private_key_pem.write_to_path(str(key))
    for number, part in enumerate(issued.cert_chain_pems):
        part.write_to_path(str(certificate), append=number > 0)
    os.environ |= {"SSL_CERT_FILE": str(authority), "REQUESTS_CA_BUNDLE": str(authority)}
    client_context.cache_clear()
    return certificate, key


async def together(ask: Callable[[], Awaitable[None]], polls: int, at_once: int) -> float:
    """Milliseconds of CPU per poll, with so many under way at once."""
    left = iter(range(polls))

    async def worker() -> None:
        for _ in left:
            await ask()

    begun = cpu_s()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return (cpu_s() - begun) * 1000 / polls


async def rounds(service: VendorProcess, folder: Path) -> dict[str, list[float]]:
    """Everybody's figures, taken in turns."""
    http = HttpClient()
    provider = a_provider(service, folder, http)
    accepted = await provider.submit(await an_order(provider, folder, "[stuck]"), _nothing)
    task = accepted.provider_job_id
    url = f"{service.url}/api/v3/predictions/{task}/result"
    sdk = wavespeed.Client(api_key="test-key", base_url=service.url)
    taken: dict[str, list[float]] = {}
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(), limit=max(AT_ONCE))
    async with aiohttp.ClientSession(connector=connector, headers={"Authorization": "Bearer test-key"}) as session:

        async def ours() -> None:
            assert await provider.check(task) == Rendering()

        async def bare() -> None:
            async with session.get(url) as answer:
                assert (await answer.json())["data"]["status"] in ("created", "processing")

        for at_once in AT_ONCE:
            for _ in range(ROUNDS):
                for name, ask in (("ours", ours), ("bare", bare)):
                    taken.setdefault(f"{name} {at_once}", []).append(await together(ask, POLLS, at_once))
        for _ in range(ROUNDS):
            begun = cpu_s()
            for _ in range(SDK_POLLS):
                assert sdk.get_result(task)["data"]["id"] == task
            taken.setdefault("sdk", []).append((cpu_s() - begun) * 1000 / SDK_POLLS)
    await http.aclose()
    return taken


async def _nothing() -> None:
    pass


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificate, key = certified(folder)
        with vendor_emulator(folder, "wavespeed", cert=certificate, key=key) as service:
            taken = asyncio.run(rounds(service, folder))
    most = max(AT_ONCE)
    ours, bare, sdk = median(taken[f"ours {most}"]), median(taken[f"bare {most}"]), median(taken["sdk"])
    few = f"{median(taken['ours 10']):.2f} ms and {median(taken['bare 10']):.2f} ms with 10 under way"
    return [
        Row(
            what="CPU of a poll over HTTPS, beside the official `wavespeed` SDK",
            measured=f"1/{sdk / ours:.0f} ({ours:.2f} ms against {sdk:.1f} ms)",
            reach="≤ 1/30",
            reached=ours * 30 <= sdk,
        ),
        Row(
            what="the same beside bare aiohttp, 100 under way at once",
            measured=f"{ours / bare:.1f}x ({ours:.2f} ms against {bare:.2f} ms; {few})",
            reach="≤ 5x",
            reached=ours <= 5 * bare,
        ),
    ]


if __name__ == "__main__":
    play(measure)
